"""Checks of parameters: are the net's numbers fit to compute with, and does the optimizer train all learned ones?"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from snn_functional.diagnosis._evidence import Evidence, listed
from snn_functional.diagnosis.finding import Finding


def weights(evidence: Evidence) -> Iterator[Finding]:
    """Report parameters and buffers that are NaN or infinite, and weights that are 0."""
    net = evidence.net
    for name, tensor in (*net.named_parameters(), *net.named_buffers()):
        if not tensor.is_floating_point() or not tensor.numel():
            continue
        path, value = name.rpartition(".")[0], tensor.detach()
        # a threshold may be infinite on purpose: it is never reached
        bad = int((value.isnan() if name.endswith("threshold") else ~torch.isfinite(value)).sum())
        if bad:
            message = f"{bad} of {value.numel()} values of {name!r} are NaN or infinite."
            remedy = (
                "Start again from a checkpoint before that happened, with a smaller learning rate or clipped gradients."
            )
            yield Finding("nonfinite_parameter", "error", path, bad, message, remedy)
        elif value.dim() >= 2 and isinstance(tensor, nn.Parameter) and not _may_be_zero(net, name):
            rows = int((value.flatten(1) == 0).all(1).sum())
            if rows:
                message = f"{rows} of {len(value)} rows of {name!r} are 0: the neurons that they feed get no input."
                remedy = "Initialize the weights at random; after pruning, prune the neurons too."
                yield Finding("zero_weights", "warning", path, rows / len(value), message, remedy)


def _may_be_zero(net: nn.Module, name: str) -> bool:
    """Return True for the padding of an embedding and for delays, for which 0 is a normal value."""
    path, _, own = name.rpartition(".")
    module = net.get_submodule(path)
    return own == "delay" or (isinstance(module, nn.Embedding) and module.padding_idx is not None)


def untrained(evidence: Evidence) -> Iterator[Finding]:
    """Report parameters, such as those of ``learn_beta``, that should be learned but are missing from the optimizer."""
    if evidence.optimizer is None:
        return
    trained = {id(p) for group in evidence.optimizer.param_groups for p in group["params"]}
    named = {name: p for name, p in evidence.net.named_parameters() if p.requires_grad}
    left = [name for name, p in named.items() if id(p) not in trained]
    if left and len(left) == len(named):
        message = "The optimizer has no parameter of this net: its parameters belong to another net."
        remedy = "Make the optimizer from net.parameters(), after everything that replaces parameters."
        yield Finding("not_optimised", "warning", "", len(left), message, remedy)
    elif left:
        message = (
            f"The optimizer does not have {listed(left)}, which should be learned: learn_beta and the like only turn "
            "a constant into a parameter."
        )
        remedy = (
            "Make the optimizer from net.parameters() after snn.bounded, or freeze them with requires_grad_(False)."
        )
        yield Finding("not_optimised", "warning", left[0].rpartition(".")[0], len(left), message, remedy)
