"""Checks of parameters: are the net's numbers fit to compute with, and does the optimizer train all learned ones?"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from snn_functional.diagnosis._evidence import Evidence, error, listed, warning
from snn_functional.diagnosis.finding import Finding


def weights(evidence: Evidence) -> Iterator[Finding]:
    """Yield parameters and buffers that are NaN or infinite, and weights that are 0."""
    net = evidence.net
    for name, tensor in (*net.named_parameters(), *net.named_buffers()):
        if not tensor.is_floating_point() or not tensor.numel():
            continue
        path, value = name.rpartition(".")[0], tensor.detach()
        # a threshold may be infinite on purpose: it is never reached
        bad = int((value.isnan() if name.endswith("threshold") else ~torch.isfinite(value)).sum())
        if bad:
            yield error(
                "nonfinite_parameter",
                path,
                bad,
                f"{bad} of {value.numel()} values of {name!r} are NaN or infinite.",
                "Start again from a checkpoint before that step, with a smaller learning rate or clipped gradients.",
            )
        elif value.dim() >= 2 and isinstance(tensor, nn.Parameter) and not _may_be_zero(net, name):
            yield from _zeros(name, path, value)


def _may_be_zero(net: nn.Module, name: str) -> bool:
    """Return True for the padding of an embedding and for delays, for which 0 is a normal value."""
    path, _, own = name.rpartition(".")
    module = net.get_submodule(path)
    return own == "delay" or (isinstance(module, nn.Embedding) and module.padding_idx is not None)


def _zeros(name: str, path: str, value: torch.Tensor) -> Iterator[Finding]:
    rows = int((value.flatten(1) == 0).all(1).sum())
    if rows:
        yield warning(
            "zero_weights",
            path,
            rows / len(value),
            f"{rows} of {len(value)} rows of {name!r} are 0: the neurons that they feed get no input.",
            "Initialize the weights at random; after pruning, prune the neurons too.",
        )


def untrained(evidence: Evidence) -> Iterator[Finding]:
    """Yield parameters that are to be learned, such as those of ``learn_beta``, but missing from the optimizer."""
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
            "The optimizer has no parameter of this net: its parameters belong to another one.",
            "Make the optimizer from net.parameters(), after everything that replaces parameters.",
        )
    elif left:
        yield warning(
            "not_optimised",
            left[0].rpartition(".")[0],
            len(left),
            f"The optimizer does not have {listed(left)}, which would be learned: learn_beta and the like only make "
            "a constant a parameter.",
            "Make the optimizer from net.parameters() after snn.bounded, or freeze them by requires_grad_(False).",
        )
