"""The steps of a plan for a call that draws random numbers: its numbers are drawn before the run."""

from __future__ import annotations

from typing import Any

import torch

from snn_core.graph import draws
from snn_core.graph.calls import without_inplace
from snn_core.graph.listing import Listing
from snn_core.graph.node import Node
from snn_core.graph.steps import DRAWS, Function, NotSampleWise, Ones, Overwriting, Way


def add_draw(listing: Listing, node: Node) -> None:
    """Add a call that draws random numbers to the steps.

    Raises:
        NotSampleWise: If only the loop draws the same numbers.
    """
    if node.kwargs.get("generator") is not None:
        raise NotSampleWise(f"{node.name} draws random numbers from a generator of its own")
    compute: Any = node.twin if isinstance(node.twin, Overwriting) else Function(node.func)
    values, of_step = listing.values, [tensor for tensor in node.tensors if node.is_of_step(tensor)]
    args, kwargs = without_inplace(node)
    if draws.is_mask(node):
        _add_mask(listing, node, compute)
    elif draws.is_free(node.func, node.args, node.kwargs):
        forms = {name: values.forms(value) for name, value in kwargs.items()}
        listing.add(compute, node, values.forms(args), forms, "ahead", DRAWS, after_neuron=False)
    elif not any(values.fact(tensor).after_neuron for tensor in of_step):
        listing.add(compute, node, args, kwargs, "ahead", DRAWS)
    elif draws.draws_by_form(node.func):
        ones = values.encoded(values.forms(args), "ahead")
        forms = {name: values.encoded(values.forms(value), "ahead") for name, value in kwargs.items()}
        before = listing.add_ahead(draws.StateBefore(compute), node, ones, forms, by_sample=False)
        listing.add(draws.Replayed(compute), node, (before, *args), kwargs, "each", DRAWS)
    else:
        raise NotSampleWise(f"{node.name} draws random numbers that depend on the output of a neuron")


def _add_mask(listing: Listing, node: Node, compute: Any) -> None:
    """Add a call that draws a mask from ones in the form of its input, and the product of the two."""
    x = node.tensors[0]
    is_of_step = any(map(node.is_of_step, node.tensors))
    by_sample = is_of_step and listing.values.fact(x).by_sample
    ones = Ones.like(x, by_sample, is_of_step)
    mask = listing.add_ahead(compute, node, (ones, *draws.mask_options(node)), {}, by_sample)
    way: Way = "rows" if is_of_step and x.dim() else "each"
    listing.add(Function(torch.mul), node, (x, mask), {}, way, "" if way == "rows" else DRAWS)
