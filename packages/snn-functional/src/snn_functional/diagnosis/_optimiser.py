"""Does the optimiser train what is to be learned?"""

from __future__ import annotations

from collections.abc import Iterator

from snn_functional.diagnosis._evidence import Evidence, listed, warning
from snn_functional.diagnosis.finding import Finding


def optimiser(evidence: Evidence) -> Iterator[Finding]:
    """Parameters that are to be learned, such as those of ``learn_beta``, and that the optimiser does not have."""
    if evidence.optimizer is None:
        return
    trained = {id(p) for group in evidence.optimizer.param_groups for p in group["params"]}
    named = {name: p for name, p in evidence.net.named_parameters() if p.requires_grad}
    left = [name for name, p in named.items() if id(p) not in trained]
    if left and len(left) == len(named):
        yield warning(
            "not_optimised",
            "",
            len(left),
            "The optimiser has no parameter of this net: they are those of another one.",
            "Make the optimiser of net.parameters(), after everything that exchanges parameters.",
        )
    elif left:
        yield warning(
            "not_optimised",
            left[0].rpartition(".")[0],
            len(left),
            f"The optimiser does not have {listed(left)}, which would be learned: learn_beta and its like only make "
            "a constant a parameter.",
            "Make the optimiser of net.parameters() after snn.bounded, or freeze them by requires_grad_(False).",
        )
