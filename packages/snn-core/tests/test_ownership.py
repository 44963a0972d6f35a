"""Tests of when a gradient belongs to the backward pass that received it alone."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from snn_core.engines import ownership
from snn_core.engines.ownership import is_owned


class Asked(torch.autograd.Function):
    """The identity, whose backward pass notes if the gradient is its own."""

    answers: ClassVar[list[bool]] = []

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Tensor:
        Asked.answers.append(is_owned(grads))
        return grads[0] * 1


@pytest.fixture
def answers() -> list[bool]:
    Asked.answers = []
    return Asked.answers


def leaf(*shape: int) -> Tensor:
    """A tensor of ones whose gradient is asked for."""
    return torch.ones(shape or (4, 3), requires_grad=True)


def fed_into_two(y: Tensor) -> Tensor:
    """Two uses, whose gradients PyTorch adds up in memory of their own."""
    return y * 2 + y.square()


OWNED: dict[str, Callable[[Tensor], Tensor]] = {
    "a product": lambda y: y * 2,
    "two uses": fed_into_two,
    "rows": lambda y: y.flatten(0, 1).square(),
    "a linear layer of rows": lambda y: torch.nn.functional.linear(y.view(2, 2, 3).flatten(0, 1), leaf(5, 3)).square(),
}


@pytest.mark.parametrize("name", OWNED)
def test_a_tensor_computed_for_one_owner_alone_is_its_own(name: str, answers: list[bool]) -> None:
    for _ in range(3):
        OWNED[name](Asked.apply(leaf())).sum().backward()
    assert answers == [True] * 3


def test_in_every_backward_pass_anew(answers: list[bool]) -> None:
    loss = (Asked.apply(leaf()) * 2).sum()
    loss.backward(retain_graph=True)
    loss.backward()
    assert answers == [True, True]


def test_a_gradient_that_two_nodes_get_is_not_the_firsts_own(answers: list[bool]) -> None:
    (Asked.apply(leaf()) + Asked.apply(leaf())).mul(2).sum().backward()
    assert answers[0] is False


def test_one_number_for_all_elements_is_not(answers: list[bool]) -> None:
    Asked.apply(leaf()).sum().backward()
    assert answers == [False]


def test_a_gradient_of_the_user_is_not(answers: list[bool]) -> None:
    result = torch.ones(4, 3)
    Asked.apply(leaf()).backward(result)
    Asked.apply(leaf()).flatten().backward(result.view(12))
    assert answers == [False, False]


def test_a_part_of_a_larger_gradient_is_not(answers: list[bool]) -> None:
    class Halved(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return x.clone()

        @staticmethod
        def backward(ctx: Any, *grads: Any) -> Tensor:
            return torch.ones(2, 4, 3)[1]

    Halved.apply(Asked.apply(leaf())).sum().backward()
    assert answers == [False]


@pytest.mark.parametrize(
    "keep",
    [lambda g: g, lambda g: g.view(-1), lambda g: g.detach(), lambda g: g.untyped_storage()],
)
def test_one_that_a_hook_has_kept_is_not(keep: Callable[[Tensor], object], answers: list[bool]) -> None:
    states: list[object] = []
    y = Asked.apply(leaf())
    y.register_hook(lambda g: states.append(keep(g)))
    (y * 2).sum().backward()
    assert answers == [False]


def test_one_that_a_hook_has_only_read_is(answers: list[bool]) -> None:
    y, largest = Asked.apply(leaf()), []
    y.register_hook(lambda g: largest.append(float(g.max())))
    (y * 2).sum().backward()
    gc.collect()
    assert (answers, largest) == ([True], [2.0])


def test_one_that_hooks_of_the_node_see_is_not(answers: list[bool]) -> None:
    for register in ("register_hook", "register_prehook"):
        y, held = Asked.apply(leaf()), []
        getattr(y.grad_fn, register)(lambda *grads, held=held: held.append(grads))
        (y * 2).sum().backward()
    assert answers == [False, False]


def test_one_that_was_asked_for_is_not(answers: list[bool]) -> None:
    x = leaf()
    y = Asked.apply(x)
    of_y, _ = torch.autograd.grad((y * 2).sum(), [y, x])
    assert answers == [False]
    assert of_y.unique().tolist() == [2]


def test_a_tensor_without_memory_is_not() -> None:
    class Subclass(Tensor):
        """A tensor of another class."""

    assert not is_owned((torch.eye(2).to_sparse(),))
    assert not is_owned((torch.ones(2).as_subclass(Subclass),))
    assert not is_owned((None,))
    assert not is_owned((torch._neg_view(torch.ones(2)),))  # to be negated when it is read
    answers: list[bool] = []
    torch.vmap(lambda x: (answers.append(is_owned((x * 1,))), x)[1])(torch.ones(2))
    assert answers == [False]


def test_after_a_failed_compilation_which_changes_how_python_calls(answers: list[bool]) -> None:
    def uncompilable(x: Tensor) -> Tensor:
        raise RuntimeError(x)

    ownership._UNSHARED.clear()
    (Asked.apply(leaf()) * 2).sum().backward()
    with pytest.raises(torch._dynamo.exc.Unsupported):
        torch.compile(uncompilable, backend="eager", fullgraph=True)(leaf())
    (Asked.apply(leaf()) * 2).sum().backward()
    gradients: list[Tensor] = []
    y = Asked.apply(leaf())
    y.register_hook(gradients.append)
    (y * 2).sum().backward()
    assert answers == [True, True, False]


@pytest.mark.parametrize("switch", [sys.setprofile, sys.settrace], ids=["profile", "trace"])
def test_under_a_profiler_none_is_and_it_leaves_no_trace(switch: Callable, answers: list[bool]) -> None:
    before = sys.getprofile(), sys.gettrace()
    ownership._UNSHARED.clear()
    switch(lambda *event: None)
    try:
        (Asked.apply(leaf()) * 2).sum().backward()
    finally:
        sys.setprofile(before[0])
        sys.settrace(before[1])
    gradients: list[Tensor] = []
    for keep in (False, True):
        y = Asked.apply(leaf())
        if keep:
            y.register_hook(gradients.append)
        (y * 2).sum().backward()
    assert answers == [False, True, False]


def test_a_profiler_of_another_thread_never_makes_a_shared_gradient_owned(answers: list[bool]) -> None:
    started, done = threading.Event(), threading.Event()

    def profiled() -> None:
        sys.setprofile(lambda *event: None)
        started.set()
        done.wait()
        sys.setprofile(None)

    ownership._UNSHARED.clear()
    thread = threading.Thread(target=profiled)
    thread.start()
    started.wait()
    (Asked.apply(leaf()) * 2).sum().backward()
    done.set()
    thread.join()
    gradients: list[Tensor] = []
    y = Asked.apply(leaf())
    y.register_hook(gradients.append)
    (y * 2).sum().backward()
    (Asked.apply(leaf()) * 2).sum().backward()
    assert answers[1:] == [False, True]  # counted again, as they differ without the profiler
