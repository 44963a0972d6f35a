"""A module with a state over a batch in which some samples end before others."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_unflatten

from snn_core.graph.ending import Ending
from snn_core.graph.folding import Folding
from snn_core.neuron.choice import choose
from snn_core.neuron.kept_state import each
from snn_core.neuron.spiking import SpikingNeuron
from snn_core.neuron.temporal import Temporal
from snn_core.neuron.whole_sequence import WholeSequence


def run_ragged(module: Temporal, rows: Tensor, kept: Any, folding: Folding) -> tuple[Any, Any]:
    """Run a module over rows ``[rows, ...]`` of the samples that still run, from a state, or from rest if None.

    Returns:
        The outputs as rows, and the state of each sample after its last step.
    """
    if isinstance(module, WholeSequence) and module.mixes_samples:
        return module.of_rows(rows, folding.running or ()), None
    if module.may_run_on or _gains_from_padding(module, rows, folding):
        out, last = _padded(module, rows, kept, folding)
        # the gradient of unused steps after an overflow would be NaN instead of zero
        if module.may_run_on or all(bool(state.isfinite().all()) for state in last[0]):
            return out, last[1]
    return _by_segments(module, rows, kept, folding)


# numbers in a segment; with fewer, a kernel call for each segment costs more than running samples that have ended
_WORTH_A_CALL = 2**15


def _gains_from_padding(module: Temporal, rows: Tensor, folding: Folding) -> bool:
    if rows.device.type != "cpu" or not isinstance(module, SpikingNeuron):
        return False  # a check for an overflow would wait for the device
    if torch.compiler.is_compiling() or rows.numel() >= _WORTH_A_CALL * len(set(folding.running or ())):
        return False
    return choose(module, rows.unsqueeze(0)).name != "reference"


def _padded(module: Temporal, rows: Tensor, kept: Any, folding: Folding) -> tuple[Any, tuple[Any, Any]]:
    """Run all samples to the end of the longest, without input after their own end, so that a kernel is called once.

    The states are those after the last step, and those of each sample after its own last step.
    """
    out, states = module.run_steps(folding.unfold(rows), kept, trace=True)
    if states is None:
        return folding.rows(out), (None, None)
    before = [None] * len(states) if kept is None else kept
    ends = [folding.at_end(state, start) for state, start in zip(states, before, strict=True)]
    return folding.rows(out), (each(lambda state: state[-1], states), getattr(states, "_make", tuple)(ends))


def _by_segments(module: Temporal, rows: Tensor, kept: Any, folding: Folding) -> tuple[Any, Any]:
    """Run only the samples that still run, from one sample's end to the next."""
    ending = Ending(folding.order, type(module).__name__)
    outs: list[list[Tensor]] = []
    spec: Any = None
    for xs in folding.segments(rows):
        out, kept = module.run_steps(xs, ending.running(kept, xs.shape[1]))
        leaves, spec = tree_flatten(out)
        outs.append(leaves)
    columns = map(folding.concatenated, zip(*outs, strict=True))
    return tree_unflatten(list(columns), spec), ending.whole(kept)
