"""Are the numbers of the net fit to compute with?"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from snn_functional.diagnosis._evidence import Evidence, error, warning
from snn_functional.diagnosis.finding import Finding


def weights(evidence: Evidence) -> Iterator[Finding]:
    """Parameters and buffers that are NaN or infinite, and weights that are 0."""
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
        elif value.dim() >= 2 and isinstance(tensor, nn.Parameter) and not _pads(net.get_submodule(path)):
            yield from _zeros(name, path, value)


def _pads(module: nn.Module) -> bool:
    """Whether a row of its weight is 0 on purpose."""
    return isinstance(module, nn.Embedding) and module.padding_idx is not None


def _zeros(name: str, path: str, value: torch.Tensor) -> Iterator[Finding]:
    rows = int((value.flatten(1) == 0).all(1).sum())
    if rows:
        yield warning(
            "zero_weights",
            path,
            rows / len(value),
            f"{rows} of {len(value)} rows of {name!r} are 0: what they lead to is not fed.",
            "Initialise the weights at random; after pruning, prune the neurons too.",
        )
