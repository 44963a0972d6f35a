"""Neurons and nets of a user whose code reads what may differ between two calls, and such calls."""

from __future__ import annotations

import random
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook

import snn_core as snn
from snn_core import surrogate

WIDTH = 5
LARGEST = 411  # samples, which together have more neurons than a program with a linear layer needs

Code = Callable[[nn.Module, Tensor], Tensor]
"""A part of a step: function ``code(module, x)``, which acts on each sample alone."""


@dataclass(frozen=True)
class Call:
    """One call of a neuron or net: its input, how to run it, modes, hooks, and a number.

    The number is at every place in this file where a user may keep one.
    """

    batch: int = 4
    steps: int = 9
    layout: str = "in order"
    rests: bool = True  # or else a neuron starts from a state that it is passed
    chunk: int | None = None  # in nets
    training: bool = True
    grad: bool = True
    autocast: bool = False
    hook: str = "none"
    number: float = 0.5

    def input(self) -> Tensor:
        """Return ``[steps, batch, WIDTH]``, whose first samples are the same in every batch."""
        generator = torch.Generator().manual_seed(self.steps)
        samples = torch.randn(LARGEST, self.steps, WIDTH, dtype=torch.float64, generator=generator) + 0.5
        return LAYOUTS[self.layout](samples[: self.batch].transpose(0, 1).contiguous()).requires_grad_()

    @contextmanager
    def surroundings(self, net: nn.Module) -> Iterator[None]:
        """Set modes and hooks, and write the number to all its places."""
        global NUMBER
        NUMBER = Settings.number = MODULE.number = NAMESPACE["OWN_NUMBER"] = self.number
        net.train(self.training)
        parts = [part for part in net.modules() if self.hook != "none" and isinstance(part, Part | nn.Linear)]
        hooks = [HOOKS[self.hook](part) for part in parts]
        try:
            with torch.set_grad_enabled(self.grad), torch.autocast("cpu", enabled=self.autocast):
                yield
        finally:
            for hook in hooks:
                hook.remove()


LAYOUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "in order": lambda xs: xs,
    "in another order": lambda xs: xs.mT.contiguous().mT,
    "not dense": lambda xs: xs.repeat_interleave(2, dim=-1)[..., ::2],
}
HOOKS: dict[str, Callable[[nn.Module], Any]] = {
    "on a part": lambda part: part.register_forward_hook(lambda module, args, out: 0.5 * out),
    "on all modules": lambda part: register_module_forward_hook(
        lambda module, args, out: 0.5 * out if module is part else None
    ),
}


class Part(nn.Module):
    """A module that a step calls, such as a quantizer."""

    def forward(self, x: Tensor) -> Tensor:
        return 1.125 * x


NUMBER = 0.5


class Settings:
    """A class that holds a number."""

    number = 0.5


class Helper(Settings):
    """An object that reads a number elsewhere."""

    def of_own_class(self) -> float:
        return self.number

    def of_class(self) -> float:
        return Settings.number

    @property
    def of_global(self) -> float:
        return NUMBER


HELPER = Helper()
MODULE: Any = types.ModuleType("settings_of_a_user")
MODULE.number = 0.5
sys.modules[MODULE.__name__] = MODULE


class Steep(torch.autograd.Function):
    """A surrogate as users of snnTorch write it, whose slope changes in the course of training."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return (x > 0).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad / (1 + 8 * NUMBER * x.abs()) ** 2


@dataclass(frozen=True)
class Annealed(surrogate.Surrogate):
    """The same surrogate, as a subclass of ours."""

    def derivative(self, x: Tensor) -> Tensor:
        return 1 / (1 + 8 * HELPER.of_class() * x.abs()) ** 2


def imported(module: nn.Module, x: Tensor) -> Tensor:
    import settings_of_a_user

    return settings_of_a_user.number * x


def clipped(state: Tensor) -> Tensor:
    return state.clamp(-4 * HELPER.of_global, 2 * HELPER.of_own_class())


def depends(on: Callable[[nn.Module, Tensor], bool]) -> Code:
    return lambda module, x: (0.5 if on(module, x) else 0.75) * x


OF_LAYOUT: dict[str, Code] = {  # for an input only, as the layout of a state may differ from step to step
    "is_contiguous()": depends(lambda module, x: x.is_contiguous()),
    "stride()": depends(lambda module, x: x.stride()[-1] == 1),
}
CODES: dict[str, Code] = {
    "shape[0]": depends(lambda module, x: x.shape[0] < 8),
    "numel()": depends(lambda module, x: x.numel() < 40),
    "a special case for one sample": depends(lambda module, x: len(x) == 1),
    "autocast": depends(lambda module, x: torch.is_autocast_enabled("cpu")),
    "the training mode": depends(lambda module, x: module.training),
    "the grad mode": depends(lambda module, x: torch.is_grad_enabled()),
    "a global": lambda module, x: NUMBER * x,
    "a helper that reads its class": lambda module, x: HELPER.of_own_class() * x,
    "a helper that reads a class": lambda module, x: HELPER.of_class() * x,
    "a helper that reads a global": lambda module, x: HELPER.of_global * x,
    "an imported module": imported,
    "a hook on a part": lambda module, x: module.part(x),
    "a surrogate": lambda module, x: x + Steep.apply(x - 0.5),
}


def through(codes: Sequence[Code], module: nn.Module, x: Tensor) -> Tensor:
    for code in codes:
        x = code(module, x)
    return x


class Changing(snn.SpikingNeuron):
    """A leaky neuron with code on its input and on its membrane."""

    class State(NamedTuple):
        mem: Tensor

    def __init__(
        self, drives: Sequence[Code] = (), decays: Sequence[Code] = (), part: nn.Module | None = None, **options: Any
    ) -> None:
        super().__init__(init_hidden=True, **options)
        self.drives, self.decays = drives, decays
        self.part = Part() if part is None else part
        self.constant("gain", torch.linspace(0.75, 1.5, WIDTH), learn=True)
        self.double()

    def integrate(self, x: Tensor, state: State) -> State:
        mem = 0.875 * through(self.decays, self, state.mem)
        return self.State(mem + self.gain * through(self.drives, self, x))


class Net(nn.Module):
    """A net whose ``forward`` begins with code on its input."""

    def __init__(self, rest: nn.Module, codes: Sequence[Code] = ()) -> None:
        super().__init__()
        self.part, self.rest, self.codes = Part(), rest, codes

    def forward(self, x: Tensor) -> Any:
        return self.rest(through(self.codes, self, x))


# code that belongs to no module, such as that of a program that writes neurons
NAMESPACE: dict[str, Any] = {"Changing": Changing, "OWN_NUMBER": 0.5}
exec(
    "def code(module, x):\n"
    "    return OWN_NUMBER * x\n"
    "class Written(Changing):\n"
    "    def integrate(self, x, state):\n"
    "        return self.State(0.875 * state.mem + OWN_NUMBER * self.gain * x)",
    NAMESPACE,
)
Written: type[Changing] = NAMESPACE["Written"]
CODES["code of exec"] = NAMESPACE["code"]

FIELDS: dict[str, list[Any]] = {
    "batch": [1, 3, 7, 40],
    "steps": [1, 5, 8],
    "layout": list(LAYOUTS),
    "rests": [True, False],
    "chunk": [None, 3],
    "training": [True, False],
    "grad": [True, False],
    "autocast": [True, False],
    "hook": ["none", *HOOKS],
    "number": [0.5, 0.625, 0.75, 0.875],
}


def random_calls(choice: random.Random, count: int) -> Iterator[Call]:
    """Draw a call; then others, each of which differs from it in the batch or the number, and in two other things."""
    usual = Call(batch=choice.choice([3, 7]))
    yield usual
    for _ in range(count - 1):
        names = {choice.choice(["batch", "number"]), *choice.sample(list(FIELDS), 2)}
        yield replace(usual, **{name: choice.choice(FIELDS[name]) for name in sorted(names)})


def random_neuron(choice: random.Random) -> Changing:
    kind = choice.choice([Changing, Changing, Changing, Written])
    return kind(
        choice.choices([*CODES.values(), *OF_LAYOUT.values()], k=choice.randint(0, 2)),
        choice.choices(list(CODES.values()), k=choice.randint(0, 2)),
        spike_grad=choice.choice([None, Steep.apply, Annealed()]),
        state_quant=choice.choice([False, clipped, Part()]),
        reset_mechanism=choice.choice(["subtract", "zero", "none"]),
        reset_delay=choice.choice([True, False]),
        learn_threshold=choice.choice([True, False]),
    )


def random_net(choice: random.Random) -> Net:
    """Draw a net of one to three layers, each with a neuron of a user's or ours."""
    layers: list[nn.Module] = []
    for _ in range(choice.randint(1, 3)):
        layers.append(choice.choice([nn.Linear(WIDTH, WIDTH), nn.LeakyReLU(0.5)]))
        layers.append(random_neuron(choice) if choice.random() < 0.7 else snn.Leaky(0.9, init_hidden=True))
    return Net(nn.Sequential(*layers), choice.choices(list(CODES.values()), k=choice.randint(0, 2))).double()
