"""Batch normalizations folded into the layers before them."""

from __future__ import annotations

from typing import Any

import torch
from torch import fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from snn_functional._conversion.tracing import DROPOUTS, NORMS, WEIGHTED, renew


def folded(graph: fx.GraphModule) -> fx.GraphModule:
    r"""Fold normalizations into layers with weights that feed nothing else, and leave out dropouts and identities.

    .. math:: W' = \frac{\gamma}{\sqrt{\sigma^2 + \epsilon}}\,W, \qquad
        b' = \frac{\gamma}{\sqrt{\sigma^2 + \epsilon}}\,(b - \mu) + \beta

    A normalization elsewhere stays a layer.
    """
    for node in graph.graph.nodes:
        if node.op != "call_module":
            continue
        module, source = graph.get_submodule(node.target), node.args[0]
        if isinstance(module, (*DROPOUTS, nn.Identity)):
            node.replace_all_uses_with(source)
            graph.graph.erase_node(node)
        elif isinstance(module, NORMS) and source.op == "call_module" and len(source.users) == 1:
            before: Any = graph.get_submodule(source.target)
            # with three axes it normalizes the second, but a linear layer has its outputs on the last
            if isinstance(before, WEIGHTED) and (source.meta["axes"] == 2 or not isinstance(before, nn.Linear)):
                fuse: Any = fuse_linear_bn_eval if isinstance(before, nn.Linear) else fuse_conv_bn_eval
                layer = fuse(before, affine(module))
                layer.bias.requires_grad_(layer.weight.requires_grad)  # also if the layer had no bias
                graph.set_submodule(source.target, layer)
                node.replace_all_uses_with(source)
                graph.graph.erase_node(node)
    renew(graph)
    return graph


def affine(norm: Any) -> Any:
    """Return a normalization, with a weight of 1 and a bias of 0 if it has none."""
    if norm.weight is None:
        norm.affine = True
        norm.weight = nn.Parameter(torch.ones_like(norm.running_mean))
        norm.bias = nn.Parameter(torch.zeros_like(norm.running_mean))
    return norm
