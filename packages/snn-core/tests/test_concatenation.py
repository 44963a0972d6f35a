from __future__ import annotations

import weakref
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from snn_core.sequence.concatenation import concatenated

COUNTS = (3, 1, 2)


def parts(w: Tensor) -> list[Tensor]:
    return [w**n * torch.ones(n, 5, dtype=w.dtype) for n in COUNTS]


def test_it_is_cat_in_values_and_gradients_of_both_orders() -> None:
    w = torch.rand(5, dtype=torch.float64, requires_grad=True)
    assert torch.equal(concatenated(parts(w), 6), torch.cat(parts(w)))
    assert torch.autograd.gradcheck(lambda w: concatenated(parts(w), 6), w)
    assert torch.autograd.gradgradcheck(lambda w: concatenated(parts(w), 6), w)


def test_no_more_than_one_part_is_held_beside_the_whole() -> None:
    alive: list[weakref.ref[Tensor]] = []

    def one_by_one() -> Iterator[Tensor]:
        for n in range(4):
            assert sum(part() is not None for part in alive) <= 1
            part = torch.full((2, 3), n)
            alive.append(weakref.ref(part))
            yield part
            del part

    concatenated(one_by_one(), 8)


def test_the_result_may_be_changed_in_place_and_no_part_changes_with_it() -> None:
    w = torch.rand(5, requires_grad=True)
    tensors = parts(w)
    before = [part.clone() for part in tensors]
    out = concatenated(tensors, 6)
    out.mul_(2)
    torch.testing.assert_close(tensors, before, rtol=0, atol=0)
    out.sum().backward()
    torch.testing.assert_close(w.grad, torch.autograd.grad(2 * torch.cat(parts(w)).sum(), w)[0])


@pytest.mark.parametrize("make", [tuple, list, lambda both: dict(zip("ab", both, strict=True))])
def test_every_output_of_a_net_with_several_is_joined(make) -> None:
    pairs = [make((torch.full((n, 2), n), torch.rand(n) > 0.5)) for n in COUNTS]
    out = concatenated(iter(pairs), 6)
    assert type(out) is type(pairs[0])
    for key in out if isinstance(out, dict) else range(2):
        assert torch.equal(out[key], torch.cat([pair[key] for pair in pairs]))


def test_one_part_alone_is_the_result() -> None:
    part = torch.rand(6, 2)
    assert concatenated([part], 6) is part


def test_only_what_depends_on_a_parameter_needs_a_gradient() -> None:
    w = torch.rand(5, requires_grad=True)
    assert not concatenated([part.detach() for part in parts(w)], 6).requires_grad
    with torch.no_grad():
        assert not concatenated(parts(w), 6).requires_grad
    # some of the parts are enough
    concatenated([torch.ones(3, 5), 2 * w.unsqueeze(0)], 4).sum().backward()
    assert torch.equal(w.grad, torch.full((5,), 2.0))


@pytest.mark.parametrize(
    ("tensors", "expected"),
    [
        ([torch.ones(2, 3), torch.ones(1, 3, dtype=torch.float64)], torch.ones(3, 3, dtype=torch.float64)),
        ([torch.ones(2, 3), torch.ones(1, 3, dtype=torch.int64)], torch.ones(3, 3)),
        ([torch.ones(2, 0), torch.ones(1, 0)], torch.ones(3, 0)),
        ([torch.ones(2, 3, 4, 5).to(memory_format=torch.channels_last)] * 2, torch.ones(4, 3, 4, 5)),
    ],
)
def test_parts_of_other_types_and_layouts_are_joined_as_cat_does(tensors: list[Tensor], expected: Tensor) -> None:
    out = concatenated(tensors, len(expected))
    assert out.dtype == expected.dtype
    assert torch.equal(out, expected)


def test_parts_of_other_shapes_are_refused_and_not_broadcast() -> None:
    with pytest.raises(RuntimeError, match="Sizes of tensors must match"):
        concatenated([torch.ones(2, 3), torch.ones(1, 1)], 3)


def test_it_maps_and_compiles() -> None:
    xs = torch.rand(7, 6, 5)

    def halves(x: Tensor) -> Tensor:
        return concatenated([x[:2] * 2, x[2:] * 3], 6)

    expected = torch.stack([halves(x) for x in xs])
    assert torch.equal(torch.vmap(halves)(xs), expected)
    assert torch.equal(torch.compile(halves, backend="eager", fullgraph=True)(xs[0]), expected[0])
