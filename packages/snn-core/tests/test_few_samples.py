"""A later sequence of a net begins with a step of two samples, and gives what the loop over all samples gives."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import snn_core as snn
from snn_core.graph.folding import Folding
from snn_core.sequence import recorded
from snn_core.sequence.loop import Loop

STEPS, BATCH = 6, 7


class Body(nn.Module):
    """Convolution, batch norm, neurons and dropout behind code of a user's."""

    def __init__(self, hook: Callable[[Any, Tensor], Tensor] = lambda net, x: x) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.hook = hook
        self.first, self.norm = nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.lif, self.out = snn.Leaky(beta=0.8, init_hidden=True), snn.Leaky(beta=0.9, init_hidden=True)
        self.last = nn.Linear(4 * 5 * 5, 3)
        self.double()

    def forward(self, x: Tensor) -> Tensor:
        x = self.hook(self, x)
        spk = self.lif(self.norm(self.first(x)))
        return self.out(self.last(F.dropout(spk, 0.3).flatten(1)))


def images(batch: int = BATCH, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.rand(STEPS, batch, 2, 5, 5, generator=generator, dtype=torch.float64)


def trained(net: nn.Module, xs: Tensor, **options: Any) -> list[Tensor]:
    """Output, gradients, buffers, states and the state of the generator after a training step."""
    torch.manual_seed(1)
    net.zero_grad()
    snn.utils.detach(net)
    out = snn.unroll(net, xs, **options)
    (out * torch.arange(float(out.numel()), dtype=out.dtype).view_as(out)).sum().backward()
    gradients = [p.grad for p in net.parameters() if p.grad is not None]
    states = [module.mem for module in net.modules() if isinstance(module, snn.Leaky)]
    buffers = [b.clone() for b in net.buffers()]
    tensors = [out, *(g.clone() for g in gradients), *buffers, *states]
    return [*(t.detach() for t in tensors), torch.get_rng_state()]


def must_agree(net: nn.Module, twin: nn.Module, xs: Tensor, **options: Any) -> None:
    result, expected = trained(net, xs, **options), trained(twin, xs, schedule="steps", **options)
    for ours, loops in zip(result, expected, strict=True):
        torch.testing.assert_close(ours, loops, rtol=1e-6, atol=1e-9)


def test_every_sequence_gives_what_the_loop_gives() -> None:
    net = Body()
    twin = copy.deepcopy(net)
    cases: list[dict[str, Any]] = [{}, {}, {"resume": True}, {"chunk": 2}, {}]
    for seed, options in enumerate(cases):
        must_agree(net, twin, images(seed=seed), **options)
    assert snn.backends.explain(net, images()).kind == "layers"
    for batch in (2, 3, 1, 9):
        must_agree(net, twin, images(batch))


def test_a_known_net_takes_a_step_of_two_samples_and_no_other() -> None:
    net, samples = Body(), []

    class Noted(recorded.Record):
        def __init__(self, net: nn.Module, x: Tensor, *args: Any, **options: Any) -> None:
            samples.append(len(x))
            super().__init__(net, x, *args, **options)

    with patch.object(recorded, "Record", Noted):
        for batch in (BATCH, BATCH, 5, 2):
            snn.unroll(net, images(batch))
    assert samples == [BATCH, BATCH, 2, 2, 2]


def branch(net: Any, x: Tensor) -> Tensor:
    return x if len(x) > 4 else 0.5 * x


def factor(net: Any, x: Tensor) -> Tensor:
    return x * (4 / x.shape[0])


def written_out(net: Any, x: Tensor) -> Tensor:
    return x.view(BATCH, 2, 5, 5)


def of_a_table(net: Any, x: Tensor) -> Tensor:
    return x * {2: 1.0, 4: 0.5, BATCH: 2.0}[len(x)]


@pytest.mark.parametrize("hook", [branch, factor, written_out, of_a_table])
def test_code_that_depends_on_the_number_of_samples_gets_all_of_them(hook: Any) -> None:
    net = Body(hook)
    twin = copy.deepcopy(net)
    for batch in (BATCH, BATCH, 4, 4, BATCH) if hook is not written_out else 3 * (BATCH,):
        must_agree(net, twin, images(batch))


def lazily(net: Any, x: Tensor) -> Tensor:
    if getattr(net, "scale", None) is None:
        net.scale = torch.full_like(x, 0.7)
    return x * net.scale


def test_an_attribute_that_code_sets_where_it_is_missing_has_all_samples() -> None:
    net = Body(lazily)
    twin = copy.deepcopy(net)
    for call in range(6):
        if call == 3:
            net.scale = twin.scale = None
        must_agree(net, twin, images())
        assert len(net.scale) == BATCH


def test_the_first_sequence_and_later_ones_give_the_same_bits() -> None:
    xs, kinds = images().float(), []
    for calls in (1, 2, 3):
        net = Body().float()
        for _ in range(calls - 1):
            snn.unroll(net, xs)
        net.norm.reset_running_stats()
        kinds.append(trained(net, xs))
    for later in kinds[1:]:
        assert all(map(torch.equal, later, kinds[0]))


class Computed(nn.Module):
    """A convolution with a weight that is computed, and is larger than the images."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(64, 2, 3, 3, generator=torch.Generator().manual_seed(0)))
        self.lif, self.layer = snn.Leaky(beta=0.8, init_hidden=True), nn.Conv2d(64, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.lif(self.layer(F.conv2d(x, self.weight.abs())))


def test_the_size_of_images_does_not_depend_on_the_number_of_samples() -> None:
    net, sizes = Computed(), set()
    for batch in (9, 9, 3, 40):
        plan, _, _ = recorded.recorded(net, Loop(net, images(batch).float(), Folding(STEPS)), Folding(STEPS))
        assert plan is not None
        sizes.add(plan._image_bytes)
        snn.utils.reset(net)
    assert sizes == {4 * 64 * 3 * 3}  # the output of the first convolution
