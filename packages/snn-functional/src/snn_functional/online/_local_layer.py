"""A linear layer and its neurons, which learn while they run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils._pytree import tree_map

from snn_core import SpikingNeuron
from snn_core.engines import computing_dtype
from snn_core.neuron import Temporal, as_floating, complete, must_fit, watched
from snn_functional._messages import must
from snn_functional._numbers import share
from snn_functional.online._independence import check_constants, check_independent
from snn_functional.online._traces import Learned, advanced, carry


class LocalLayer(Temporal, ABC):
    """``neuron(synapse(x))`` one step at a time, with the gradient through the past but without its graph."""

    keeps_by_sample: ClassVar[bool] = True
    connection_names: ClassVar[tuple[str, ...]]  # of the layers in connections()

    def __init__(self, synapse: nn.Linear, neuron: SpikingNeuron, output_decay: float = 0.0) -> None:
        super().__init__()
        if not isinstance(synapse, nn.Linear):
            raise TypeError(must("synapse", "be an nn.Linear", type(synapse).__name__))
        if not isinstance(neuron, SpikingNeuron):
            raise TypeError(must("neuron", "be a spiking neuron, such as Leaky", type(neuron).__name__))
        self.synapse = synapse
        self.neuron = neuron
        self.output_decay: float = share("output_decay", output_decay, "as a decay per step")
        self.check_connections()
        check_constants(self.constants(), synapse.out_features)
        check_independent(neuron, synapse.weight.detach(), self.through())

    @abstractmethod
    def check_connections(self) -> None:
        """Refuse neurons with connections for which the rule does not hold."""

    @abstractmethod
    def connections(self, x: Tensor, state: Any) -> dict[str, tuple[nn.Linear, Tensor]]:
        """Return the linear layers that drive the neurons, by name, and the input ``[B, P]`` of each."""

    def through(self) -> list[int]:
        """Return the fields of the state through which the gradient passes."""
        return list(range(len(self.neuron.State._fields)))

    def constants(self) -> dict[str, nn.Parameter]:
        """Return the learned constants of the neurons, with one value each or one for all."""
        return dict(self.neuron.named_parameters(prefix="neuron"))

    @watched
    def forward(self, input_: Tensor) -> Any:
        """Run one time step; its result can be differentiated as if the graph reached back to the first step.

        Args:
            input_: Input of one step, ``[batch, in_features]``.

        Returns:
            The result of the neuron's own call: with ``init_hidden=True`` the spikes alone, unless ``output=True``.

        Raises:
            TypeError: If the input is not a real tensor.
            ValueError: If it does not have two axes, or does not fit the state that the layer keeps.
        """
        return self.run_one(self._checked(input_))

    def run_steps(self, xs: Tensor, kept: Any, trace: bool = False) -> tuple[Any, Any]:
        outputs = []
        for x in xs.unbind(0):
            output, kept = self._one_step(self._checked(x), kept)
            outputs.append(output)
        return tree_map(lambda *steps: torch.stack(steps), *outputs), kept

    def _checked(self, input_: Tensor) -> Tensor:
        x = as_floating(input_, type(self).__name__)
        if x.dim() != 2 or x.shape[1] != self.synapse.in_features:
            raise ValueError(
                must(
                    "input_",
                    f"be one step [batch, {self.synapse.in_features}]",
                    tuple(x.shape),
                    "call the layer step by step, with nn.Flatten() before it where there are more axes",
                )
            )
        return x

    def _one_step(self, x: Tensor, kept: Any) -> tuple[Any, tuple[Any, ...]]:
        drive = self.synapse(x)
        at_rest = kept is None
        before, traces = self._split(kept, drive)
        learned = self._learned(x, before, drive.shape) if torch.is_grad_enabled() else {}
        if not learned:
            outputs, after = self._advance(drive, before, {}, at_rest)
            return outputs, self._by_sample(after, {})
        drive = drive if drive.requires_grad else drive.requires_grad_()
        through = [*self.through(), *range(len(self.neuron.State._fields), len(before))]
        # a parameter without a trace was not learned before: for it the past is constant
        traces = {
            name: traces[name] if name in traces else _no_trace(item, len(through), drive)
            for name, item in learned.items()
        }
        carried = carry([before[i] for i in through], traces, learned)
        for index, field in zip(through, carried, strict=True):
            before[index] = field
        here = {name: item.value.clone() for name, item in learned.items() if item.inputs is None}
        outputs, after = self._advance(drive, before, here, at_rest)
        entered = {name: (here.get(name, drive), item.inputs) for name, item in learned.items()}
        traces = advanced(traces, carried, [after[i] for i in through], entered)
        return outputs, self._by_sample(after, traces)

    def _learned(self, x: Tensor, fields: list[Tensor], shape: torch.Size) -> dict[str, Learned]:
        results = {}
        for name, (layer, inputs) in self.connections(x.detach(), self._state(fields)).items():
            if any(p.requires_grad for p in layer.parameters()):
                results[name] = _with_bias(layer, inputs)
        for name, constant in self.constants().items():
            if constant.requires_grad:
                results[name] = Learned(constant.expand(shape))
        return results

    def _advance(
        self, drive: Tensor, fields: list[Tensor], constants: dict[str, Tensor], at_rest: bool
    ) -> tuple[Any, list[Tensor]]:
        """Return outputs and states of a step; the last state is the filtered spikes, if there is a filter."""
        # to a neuron that reads the last spikes, zeros would be the state after an earlier step
        state = None if at_rest and self.neuron.reads_spikes else self._state(fields)
        spk, state = functional_call(_Step(self.neuron), constants, (drive, state))
        after = list(state)
        first = spk
        if self.output_decay:
            after.append(self.output_decay * fields[-1] + spk)
            first = after[-1].to(spk.dtype)
        if len(self.neuron.output_names) == 1:
            return first, after
        return (first, *self.neuron.outputs(spk, state)[1:]), after

    def _state(self, fields: list[Tensor]) -> Any:
        return self.neuron.State._make(fields[: len(self.neuron.State._fields)])

    def _split(self, kept: Any, drive: Tensor) -> tuple[list[Tensor], dict[str, Tensor]]:
        """Return the states before the step, including the filtered spikes, and their traces."""
        if kept is None:
            still = drive.detach()
            filtered = torch.zeros_like(still, dtype=computing_dtype(still))
            return [*complete(self.neuron, still, None), *[filtered] * bool(self.output_decay)], {}
        count = len(self.neuron.State._fields) + bool(self.output_decay)
        must_fit(self.neuron, self._state(kept), drive)
        traces = zip(self._names(), kept[count:], strict=True)
        return list(kept[:count]), {name: trace.transpose(0, 1) for name, trace in traces if trace is not None}

    def _by_sample(self, fields: list[Tensor], traces: Mapping[str, Tensor]) -> tuple[Any, ...]:
        """Return states and traces with the batch on axis 0, and None as the trace of what is not learned."""
        by_sample = (traces[name].transpose(0, 1) if name in traces else None for name in self._names())
        return (*(field.detach() for field in fields), *by_sample)

    def _names(self) -> tuple[str, ...]:
        """Return all tensors that may be learned, in the order in which their traces are kept."""
        return (*self.connection_names, *self.constants())

    def extra_repr(self) -> str:
        return f"output_decay={self.output_decay}" if self.output_decay else ""


class _Step(nn.Module):
    """A neuron's pure step as a call in which its constants can be replaced."""

    def __init__(self, neuron: SpikingNeuron) -> None:
        super().__init__()
        self.neuron = neuron

    def forward(self, drive: Tensor, state: Any) -> tuple[Tensor, Any]:
        return self.neuron.step(drive, state)


def _no_trace(learned: Learned, count: int, drive: Tensor) -> Tensor:
    last = () if learned.inputs is None else (learned.inputs.shape[1],)
    return torch.zeros(count, *drive.shape, *last, dtype=computing_dtype(drive), device=drive.device)


def _with_bias(layer: nn.Linear, inputs: Tensor) -> Learned:
    """Return weights with the bias as their last column, and an input that is always 1."""
    if layer.bias is None:
        return Learned(layer.weight, inputs)
    ones = inputs.new_ones(len(inputs), 1)
    return Learned(torch.cat([layer.weight, layer.bias.unsqueeze(1)], 1), torch.cat([inputs, ones], 1))
