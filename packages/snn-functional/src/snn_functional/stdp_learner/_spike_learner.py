"""The base of all learners: the spikes before and after a layer, recorded step by step, and the change of weights."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from snn_functional._messages import fault, must
from snn_functional.probe import BaseMonitor, InputMonitor, OutputMonitor
from snn_functional.stdp_learner._connection import connection
from snn_functional.stdp_learner._trace import Factor, Rule, unchanged

_MONITORS = ("in_spike_monitor", "out_spike_monitor")


class SpikeLearner(nn.Module):
    """A rule that changes the weights of a layer by the spikes before and after it."""

    _rule: Rule

    in_spike_monitor: InputMonitor
    out_spike_monitor: OutputMonitor

    def __init__(
        self,
        synapse: nn.Module,
        sn: nn.Module,
        tau_pre: float,
        tau_post: float,
        f_pre: Factor = unchanged,
        f_post: Factor = unchanged,
    ) -> None:
        super().__init__()
        connection(synapse, "synapse")
        if not isinstance(sn, nn.Module):
            raise TypeError(must("sn", "be the module of the neurons after the synapse", type(sn).__name__))
        for name, f in (("f_pre", f_pre), ("f_post", f_post)):
            if not callable(f):
                raise TypeError(must(name, "be a function of the weights, such as lambda w: 1 - w", repr(f)))
        self._rule.decay("tau_pre", tau_pre)
        self._rule.decay("tau_post", tau_post)
        self.synapse = synapse
        self._sn = (sn,)  # in a tuple, so that its parameters are not the learner's
        self.tau_pre = tau_pre
        self.tau_post = tau_post
        self.f_pre = f_pre
        self.f_post = f_post
        self.trace_pre: Tensor | None = None
        self.trace_post: Tensor | None = None
        self._watch()

    def reset(self) -> None:
        """Forget traces and recorded spikes; call it wherever the net is reset."""
        self.trace_pre = self.trace_post = None
        self._forget_spikes()

    def enable(self) -> None:
        """Resume recording spikes."""
        self.in_spike_monitor.enable()
        self.out_spike_monitor.enable()

    def disable(self) -> None:
        """Stop recording spikes, as for an evaluation, until :meth:`enable`."""
        self.in_spike_monitor.disable()
        self.out_spike_monitor.disable()

    def _changes(self) -> Iterator[Tensor]:
        """Yield the change for each recorded time step, and advance the traces; the recorded spikes are used up."""
        ins, outs = self.in_spike_monitor[""], self.out_spike_monitor[""]
        self._forget_spikes()
        if len(ins) != len(outs):
            raise ValueError(
                must(
                    "the synapse and the neurons",
                    "each be called once in a time step",
                    f"{len(ins)} calls of the synapse and {len(outs)} of the neurons since the last step()",
                )
            )
        for earlier, later in pairwise(ins):
            if earlier.shape != later.shape:
                raise ValueError(
                    fault(
                        f"the synapse was passed the shape {tuple(earlier.shape)} and in a later step "
                        f"{tuple(later.shape)}, as when samples end one after another, but spikes are paired within "
                        "the same samples",
                        "unroll samples of one length together, without lengths, and call reset() between batches",
                    )
                )
        for in_spike, out_spike in zip(ins, outs, strict=True):
            traces, taus = (self.trace_pre, self.trace_post), (self.tau_pre, self.tau_post)
            synapses = connection(self.synapse, "synapse")
            self.trace_pre, self.trace_post, change = self._rule.step(
                synapses, in_spike, out_spike, *traces, *taus, self.f_pre, self.f_post
            )
            yield change

    def _checked_steps(self, on_grad: bool) -> int:
        """Return the number of recorded steps, after checks that there are some and that the weights take a change."""
        if on_grad and not isinstance(self.synapse.weight, nn.Parameter):
            raise ValueError(
                fault(
                    f"the weight of the synapse, a {type(self.synapse).__name__}, is computed in each call, as by a "
                    "parametrization or pruning, and has no gradient of its own",
                    "pass on_grad=False and apply the returned change of the computed weight yourself, or let it "
                    "learn before its weight is computed",
                )
            )
        steps = len(self.in_spike_monitor[""])
        if not steps:
            raise RuntimeError(
                fault("there are no spikes to learn from", "run the net before each step(), with the learner enabled")
            )
        return steps

    def _hand_over(self, change: Tensor, on_grad: bool, scale: float) -> Tensor | None:
        """Return a scaled change of the weights, or subtract it from their gradient."""
        change = change * scale
        if not on_grad:
            return change
        weight: Any = self.synapse.weight
        weight.grad = -change if weight.grad is None else weight.grad - change
        return None

    def _forget_spikes(self) -> None:
        self.in_spike_monitor.clear_recorded_data()
        self.out_spike_monitor.clear_recorded_data()

    def _watch(self) -> None:
        self.in_spike_monitor = InputMonitor(self.synapse, function_on_input=_spikes)
        self.out_spike_monitor = OutputMonitor(self._sn[0], function_on_output=_spikes)

    def __getstate__(self) -> dict[str, Any]:
        # a monitor watches one net and cannot be copied, but what it has seen can
        state = {k: v for k, v in self.__dict__.items() if k not in _MONITORS}
        return state | {"_seen": {name: (m.is_enable(), m[""]) for name in _MONITORS for m in (getattr(self, name),)}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        seen = state.pop("_seen", {})  # without it in files of version 0.5
        super().__setstate__(state)
        self._watch()
        for name, (is_enabled, records) in seen.items():
            monitor: BaseMonitor = getattr(self, name)
            for record in records:
                monitor.record("", record)
            if not is_enabled:
                monitor.disable()


def _spikes(value: Any) -> Any:
    """Return the spikes in the argument or result of a layer, detached from the autograd graph."""
    first = value[0] if isinstance(value, tuple) else value
    return torch.clone(first.detach())
