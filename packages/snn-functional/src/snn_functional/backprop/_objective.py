"""A loss, with an optional penalty, of the outputs of a net over time."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

from torch import Tensor, nn

from snn_core.neuron import Temporal
from snn_functional._messages import fault, must


class Objective:
    """The loss of a net's outputs, in which each function gets the spikes or the membranes that it needs.

    The criterion and the penalty get the membrane if their attribute ``recording`` is ``"mem_out"``. The targets have a
    time axis if the attribute ``time_var_targets`` of the criterion is true. ``net`` computes the outputs. ``name`` is
    that of the criterion's argument, for messages.
    """

    def __init__(self, criterion: Any, regularization: Any, net: Any, name: str = "criterion") -> None:
        _check_function(criterion, name, "ce_rate_loss()")
        if regularization is False:
            regularization = None
        if regularization is not None:
            _check_function(regularization, "regularization", "l1_rate_sparsity()")
        self.name = name
        self._net = net
        self.criterion = criterion
        self.regularization = regularization
        self.time_var_targets: bool = bool(getattr(criterion, "time_var_targets", False))  # each step has its own

    def __call__(self, outputs: Any, targets: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the loss of outputs over time, a scalar.

        ``lengths`` are the numbers of steps that count in each sample ``[batch]``, 0 for one that does not, or None if
        all steps count; ``targets`` are those of the samples that do.
        """
        loss = _scalar(self.value(self.criterion, self.name, lengths, outputs, targets), self.name)
        if self.regularization is None:
            return loss
        return loss + _scalar(self.value(self.regularization, "regularization", lengths, outputs), "regularization")

    def value(
        self, function: Callable[..., Any], argument: str, lengths: Tensor | None, outputs: Any, *targets: Tensor
    ) -> Any:
        """Return the value of a function, the named argument, of the recording that it takes."""
        recording = self._recorded(outputs, function)
        if lengths is None:
            return function(recording, *targets)
        if not _takes_lengths(function):
            raise TypeError(
                fault(
                    f"{argument} is {_name(function)}, which takes no lengths, but the batches have them",
                    "pass one of snn_functional, or a function with the argument lengths",
                )
            )
        counts = lengths > 0
        return function(recording[:, counts], *targets, lengths=lengths[counts])

    def _recorded(self, outputs: Any, function: Any) -> Tensor:
        parts = outputs if isinstance(outputs, tuple | list) else (outputs,)
        kind = getattr(function.func if isinstance(function, partial) else function, "recording", "spk_out")
        if kind == "mem_out" and len(parts) < 2 and not _returns_membranes(self._net):
            raise ValueError(
                fault(
                    f"{_name(function)} takes the membrane, but the net returns only spikes",
                    "end it with snn.Readout(beta=...), or build its last neuron with output=True",
                )
            )
        result = parts[-1] if kind == "mem_out" else parts[0]
        if not isinstance(result, Tensor):
            raise TypeError(
                must(
                    "net",
                    f"return spikes, or a tuple of spikes and states, the membrane last, as {_name(function)} takes "
                    f"{kind}",
                    type(result).__name__,
                )
            )
        return result


def _returns_membranes(net: nn.Module) -> bool:
    """Return True if a neuron of a net returns its membrane and no spikes."""
    return any(isinstance(m, Temporal) and getattr(m, "output_names", ()) == ("mem",) for m in net.modules())


def _check_function(function: Any, argument: str, example: str) -> None:
    if isinstance(function, type):
        raise TypeError(
            fault(f"{argument} is the class {function.__name__}", f"pass an instance, {function.__name__}()")
        )
    if not callable(function):
        raise TypeError(must(argument, f"be a function such as functional.{example}", repr(function)))


def _takes_lengths(function: Any) -> bool:
    taken = inspect.signature(function.forward if isinstance(function, nn.Module) else function).parameters
    return "lengths" in taken or any(parameter.kind is parameter.VAR_KEYWORD for parameter in taken.values())


def _scalar(loss: Any, argument: str) -> Tensor:
    if not isinstance(loss, Tensor):
        raise TypeError(must(argument, "return a scalar", f"{type(loss).__name__} instead of a tensor"))
    if loss.numel() != 1:
        raise ValueError(must(argument, "return a scalar, as with reduction='mean'", f"shape {tuple(loss.shape)}"))
    return loss.reshape(())


def _name(function: Any) -> str:
    return getattr(function, "__name__", type(function).__name__)
