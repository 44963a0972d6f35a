"""The memory that is predicted for a run, at once and in chunks, is what torch's profiler measures in all of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import pytest
import torch

import snn_core as snn
from snn_core.engines import registry

from .budget_nets import NETS, example
from .peak import measured

pytestmark = pytest.mark.exhaustive


@contextmanager
def without_kernels() -> Iterator[None]:
    with (
        mock.patch.object(registry, "_OFFERED", {}),
    ):
        yield


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize(("steps", "batch", "width"), [(50, 1, 7), (23, 64, 33)])
def test_the_prediction_is_what_is_then_measured(
    name: str, steps: int, batch: int, width: int, dtype: torch.dtype
) -> None:
    with without_kernels():
        net, xs = example(name, steps, batch, width, dtype)
        xs.requires_grad_(dtype == torch.float64)
        plan = snn.plan_memory(net, xs)
        sizes = {None: measured(net, xs)}
        assert plan.whole_bytes == pytest.approx(sizes[None], rel=0.15)
        assert plan.least_bytes is not None
        for share in (0, 0.5):
            budget = int(plan.least_bytes + share * (plan.whole_bytes - plan.least_bytes))
            chunk = snn.plan_memory(net, xs, budget)
            if chunk.chunk not in sizes:
                sizes[chunk.chunk] = measured(net, xs, chunk=chunk.chunk)
            assert chunk.predicted_bytes == pytest.approx(sizes[chunk.chunk], rel=0.15)
            assert chunk.predicted_bytes <= budget
