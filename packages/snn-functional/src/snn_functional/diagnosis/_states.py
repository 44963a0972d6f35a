"""Does the net still hold what the last batch left?"""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor
from torch.utils._pytree import tree_leaves

from snn_functional.diagnosis._evidence import Evidence, info, listed, warning
from snn_functional.diagnosis._record import holds
from snn_functional.diagnosis.finding import Finding


def states(evidence: Evidence) -> Iterator[Finding]:
    """States of an earlier call: harmless to ``unroll``, which starts from rest, and not to a loop of one's own."""
    kept = {
        path: [state for state in tree_leaves(module._kept) if isinstance(state, Tensor) and state.numel()]
        for path, module in holds(evidence.net)
    }
    samples = evidence.batch.shape[1]
    other = [p for p, tensors in kept.items() if any(len(state) != samples for state in tensors)]
    graph = [p for p, tensors in kept.items() if any(state.requires_grad for state in tensors)]
    report = warning if evidence.own_loop else info
    if other:
        sizes = {len(state) for path in other for state in kept[path]}
        yield report(
            "stale_state",
            other[0],
            len(other),
            f"{listed(other)} still hold states of a batch of {', '.join(map(str, sorted(sizes)))}, and this one has "
            f"{samples} samples: a loop over the steps would raise.",
            "Call snn.utils.reset(net) before each batch, or run it by snn.unroll(net, xs), which starts from rest.",
        )
    if graph:
        yield report(
            "state_in_graph",
            graph[0],
            len(graph),
            f"{listed(graph)} still hold states of the last batch, with its graph: a loop that goes on from there "
            "makes backward() go through that batch a second time.",
            "Call snn.utils.reset(net) before each batch, or snn.utils.detach(net) to go on from its values.",
        )
