"""An initialization that makes every layer of a net fire at one rate."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from snn_core.effects.copies import copied, unhook
from snn_core.effects.random_states import RandomStates
from snn_core.init.activity import Activity, Feeding
from snn_core.init.crossing import NotReached, firing_factor, solved
from snn_core.init.report import Scaled, Scaling
from snn_core.neuron.firing import Firing
from snn_core.neuron.spiking import SpikingNeuron
from snn_core.neuron.whole_sequence import WholeSequence
from snn_core.sequence.streaming import is_normalization

_SHOWN = 3  # number of steps that shows what feeds a neuron, including from the step before
_SWEEPS = 4  # sweeps over all layers; the first suffices unless neurons feed back to earlier layers


def fluctuation_(
    net: nn.Module, xs: Tensor, rate: float = 0.1, *, tolerance: float = 0.1, most: float = 1e6
) -> Scaling:
    r"""Scale the weights of a net in place, so that every layer of neurons fires at a given rate on a batch of data.

    The membrane potential of a neuron with many inputs fluctuates like a Gaussian variable, with mean :math:`\mu_U` and
    standard deviation :math:`\sigma_U` in proportion to the weights. It should cross the threshold with probability
    :math:`\nu`:

    .. math:: f = \frac{\vartheta}{\mu_U + \xi\,\sigma_U}, \qquad \xi = \Phi^{-1}(1 - \nu)

    This factor is computed from the membranes of the batch, one layer after another, each fed by the spikes of the
    layers before it. Spikes also reset membranes and raise adaptation, so a bisection then corrects the factor until
    the measured rate is right.

    The function scales the weight and the bias of the layers right before a neuron, as the graph of a run shows them:
    linear, convolutional, embedding or normalization layers. It leaves alone layers that the neuron itself or a later
    one feeds, and the neuron's own weights, such as those of ``RLeaky``. A neuron with an infinite threshold is a
    readout and is left out.

    Only a copy of the net runs, from rest, by ``unroll(net, xs)``: states, gradients, hooks, statistics and modes of
    the net do not change, nor do random generators. The copy runs in evaluation mode, without dropout; normalizations
    in training mode still use the statistics of the batch. If an error is raised, no weight has changed.

    Args:
        net: The net, written for one time step.
        xs: A batch of data, ``[T, batch, ...]``.
        rate: Spikes per step, the mean over steps, samples and neurons of a layer; in (0, 1).
        tolerance: Largest deviation from the rate, as a share of it; in (0, 1). A layer within it is left alone.
        most: Largest factor, above 1; its reciprocal is the smallest factor.

    Returns:
        A tuple with a row for each layer of neurons: its ``path``, the paths of the ``layers`` that were scaled, the
        ``factor``, the rate ``before`` and ``after``. Printed, it is a table.

    Raises:
        TypeError: If ``net`` is not a module, ``xs`` is not a tensor or another argument is not a number.
        ValueError: If a number is out of its range, ``xs`` is empty, the net has no spiking neuron that takes steps or
            cannot be copied, no weights come before a neuron, the same weights come before two neurons, a weight is
            computed by a parametrization, the input of a neuron is 0 or not finite, or no factor gives the rate.

    Example:
        >>> import snn_core as snn
        >>> net = nn.Sequential(nn.Linear(20, 50, bias=False), snn.Leaky(beta=0.9, init_hidden=True))
        >>> _ = nn.init.normal_(net[0].weight, std=0.01)
        >>> (row,) = snn.init.fluctuation_(net, (torch.rand(30, 16, 20) < 0.2).float(), rate=0.1)
        >>> row.before, abs(row.after - 0.1) <= 0.01, row.factor > 10
        (0.0, True, True)

    Source: Rossbroich, Gygax and Zenke, Fluctuation-driven initialization for spiking neural network training (2022).
    """
    _check(net, xs, {"rate": rate, "tolerance": tolerance, "most": most})
    with RandomStates(), torch.inference_mode(False), torch.no_grad():
        xs = xs.clone() if xs.is_inference() else xs.detach()
        search = _Search(_twin(net), xs, float(rate), float(tolerance), float(most))
        rows = search.run()
        parameters = dict(net.named_parameters())
        for fed in search.layers:
            for name in fed.start:
                if fed.factor != 1:
                    parameters[name].mul_(fed.factor)
    return rows


@dataclass
class _Fed:
    """A layer of neurons, and the parameters before it with their first values, by name."""

    neuron: Any
    path: str
    layers: tuple[str, ...]
    start: dict[str, Tensor]
    factor: float = 1.0


class _Search:
    """The search for the factors of all layers of a copy of the net, whose weights it changes."""

    def __init__(self, net: nn.Module, xs: Tensor, rate: float, tolerance: float, most: float) -> None:
        self.net, self.xs = net, xs
        self.rate, self.tolerance, self.most = rate, tolerance, most
        self.parameters = dict(net.named_parameters())
        self.first = Activity(net).run(xs)
        feeding = Feeding(net).run(xs[:_SHOWN])
        if feeding.uncalled or {*self.first.neurons()} - {*feeding.neurons()}:
            feeding = Feeding(net).run(xs)  # a later step may call what the first ones do not
        self.layers = list(self._fed(feeding))
        if not self.layers:
            raise ValueError(
                f"fluctuation_: no neuron of this {type(net).__name__} that has a finite threshold was called by "
                "unroll(net, xs); build the net of neurons such as snn.Leaky(beta=0.9, init_hidden=True)"
            )

    def run(self) -> Scaling:
        """Scale every layer, again where a neuron feeds back to an earlier one, and return the report."""
        activity = self.first
        before = [activity.rate(fed.neuron) for fed in self.layers]
        for _ in range(_SWEEPS):
            for fed in self.layers:
                self._scale(fed)
            activity = Activity(self.net).run(self.xs)
            if all(self._is_right(activity.rate(fed.neuron)) for fed in self.layers):
                break
        else:
            wrong = next(fed for fed in self.layers if not self._is_right(activity.rate(fed.neuron)))
            raise ValueError(
                f"fluctuation_: {_named(wrong)} has a rate of {activity.rate(wrong.neuron):.3g} once later neurons, "
                "which feed back to it, are scaled; scale down their recurrent weights, or pass a larger tolerance="
            )
        return Scaling(
            Scaled(fed.path, fed.layers, fed.factor, was, activity.rate(fed.neuron))
            for fed, was in zip(self.layers, before, strict=True)
        )

    def _scale(self, fed: _Fed) -> None:
        activity = Activity(self.net, fed.neuron).run(self.xs)
        seen = activity.inputs
        if not all(bool(x.isfinite().all()) for x in seen):
            raise ValueError(
                f"fluctuation_: the input of {_named(fed)} is NaN or infinite; check the batch and the weights of "
                f"{' and '.join(map(repr, fed.layers))}"
            )
        if self._is_right(activity.rate(fed.neuron)):
            return
        if not any(bool(x.any()) for x in seen):
            raise ValueError(
                f"fluctuation_: the input of {_named(fed)} is 0 in every step, and stays 0 with any factor; check "
                f"the batch, and draw the weights of {' and '.join(map(repr, fed.layers))} at random"
            )
        if len(seen) == len(self.xs) and len({x.shape for x in seen}) == 1:  # it is called once in each step
            with suppress(NotReached):
                factor = firing_factor(fed.neuron, torch.stack(seen), self.rate, self.tolerance, self.most)
                if self._is_right(self._measured(fed, fed.factor * factor)):
                    return
        # its input is not proportional to the weights, as some of it bypasses them
        try:
            solved(lambda factor: self._measured(fed, factor), fed.factor, self.rate, self.tolerance, self.most)
        except NotReached as reason:
            raise ValueError(f"fluctuation_: no factor gives {_named(fed)} a rate of {self.rate:g}: {reason}") from None

    def _measured(self, fed: _Fed, factor: float) -> float:
        """Set a factor, and return the rate that it gives."""
        fed.factor = factor
        for name, start in fed.start.items():
            self.parameters[name].copy_(start * factor)
        return Activity(self.net).run(self.xs).rate(fed.neuron)

    def _is_right(self, rate: float) -> bool:
        return abs(rate - self.rate) <= self.tolerance * self.rate

    def _fed(self, first: Feeding) -> Iterator[_Fed]:
        """Yield each layer of neurons and what feeds it, in order."""
        names = {parameter: name for name, parameter in self.parameters.items()}
        users: dict[str, _Fed] = {}
        for neuron in first.neurons():
            if bool(neuron.threshold.isinf().all()):  # pyrefly: ignore[not-callable, missing-attribute]
                continue
            layers = first.layers(neuron)
            start: dict[str, Tensor] = {}
            for layer in layers:
                start |= {names[p]: p.detach().clone() for p in _scalable(layer, first.paths[layer])}
            fed = _Fed(neuron, first.paths[neuron], tuple(first.paths[layer] for layer in layers), start)
            if not layers:
                raise ValueError(
                    f"fluctuation_: no weights come before {_named(fed)}, so nothing can be scaled; put a layer "
                    "such as nn.Linear before it"
                )
            for name in start:
                other = users.setdefault(name, fed)
                if other is not fed:
                    raise ValueError(
                        f"fluctuation_: the weights {name!r} come before {_named(other)} and {_named(fed)}, and one "
                        "factor cannot be right for both; give each neuron separate layers"
                    )
            yield fed


def _scalable(layer: nn.Module, path: str) -> list[nn.Parameter]:
    """Return the weight and the bias of a layer."""
    values = [getattr(layer, name, None) for name in ("weight", "bias")]
    if any(isinstance(value, Tensor) and not isinstance(value, nn.Parameter) for value in values):
        raise ValueError(
            f"fluctuation_: the weights of {path!r} ({type(layer).__name__}) are computed by a parametrization or a "
            "hook; call fluctuation_ before you register it"
        )
    return [value for value in values if isinstance(value, nn.Parameter)]


def _named(fed: _Fed) -> str:
    return f"{fed.path or 'the net'!r} ({type(fed.neuron).__name__})"


def _twin(net: nn.Module) -> nn.Module:
    """Return a copy of the net without foreign hooks, in evaluation mode except for its normalizations."""
    try:
        twin = unhook(copied(net))
    except ValueError as error:
        raise ValueError(f"fluctuation_ runs a copy of the net: {error}") from error
    training = [module for module in twin.modules() if is_normalization(module) and module.training]
    twin.eval()
    for module in training:
        module.train()
    return twin


def _check(net: Any, xs: Any, numbers: dict[str, Any]) -> None:
    if not isinstance(net, nn.Module):
        raise TypeError(f"fluctuation_ takes a net (nn.Module), got {type(net).__name__}")
    if not isinstance(xs, Tensor):
        raise TypeError(f"fluctuation_ takes a batch of data xs[T, batch, ...], got {type(xs).__name__}")
    if xs.dim() < 2 or not xs.numel():
        raise ValueError(f"fluctuation_ takes xs[T, batch, ...] with no axis of size 0, got shape {tuple(xs.shape)}")
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError(f"fluctuation_: {name} must be a number, got {value!r}")
        if name == "most" and not 1 < value < float("inf"):
            raise ValueError(f"fluctuation_: most must be a factor above 1, got {value!r}")
        if name != "most" and not 0 < value < 1:
            what = "a share of the rate" if name == "tolerance" else "spikes per step"
            raise ValueError(f"fluctuation_: {name} must be {what} between 0 and 1, both excluded, got {value!r}")
    for path, module in net.named_modules():
        if isinstance(module, WholeSequence) and (isinstance(module, Firing) or not module.may_be_cut):
            fires = isinstance(module, Firing)
            remedy = "scale a net of Leaky(reset_mechanism='none') instead" if fires else module.instead
            raise ValueError(
                f"fluctuation_: {path!r} ({type(module).__name__}) takes whole sequences, and the rates of neurons are "
                f"measured step by step; {remedy}"
            )
    if not any(isinstance(module, SpikingNeuron) for module in net.modules()):
        raise ValueError(
            f"fluctuation_: this {type(net).__name__} has no spiking neuron; add one, such as "
            "snn.Leaky(beta=0.9, init_hidden=True), after each layer to scale"
        )
