"""An engine of step programs that runs one instruction after the other by PyTorch; it notes its calls."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest import mock

import torch
from torch import Tensor

from snn_core import kernels
from snn_core.engines import Arguments, Upstream, registry
from snn_core.engines.reference import Reference
from snn_core.kernels import StepProgram


class Stepped(Reference):
    """The simplest engine there can be, which may refuse; ``told`` is what it was told with each of its ``calls``.

    With ``"forward"`` that is whether to save, and with ``"backward"`` which gradients came.
    """

    name, device = "stepped", "cpu"

    def __init__(self, refuse: str | None = None) -> None:
        self.refuse = refuse
        self.calls: list[str] = []
        self.told: list[Any] = []

    def refuses(self, program: StepProgram, dtype: torch.dtype) -> str | None:
        return self.refuse

    def empty(self, sizes: Sequence[int], like: Tensor) -> Tensor:
        return like.new_full([*sizes], torch.nan)

    def forward(
        self, program: StepProgram, call: Arguments, save: bool
    ) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        self.calls.append("forward")
        self.told.append(save)
        return super().forward(program, call, save)

    def backward(
        self, program: StepProgram, call: Arguments, upstream: Upstream, shape: torch.Size
    ) -> tuple[Tensor | None, ...]:
        self.calls.append("backward")
        self.told.append(tuple(g is not None for g in upstream.grads))
        return super().backward(program, call, upstream, shape)


@contextmanager
def offered(*engines: Any) -> Iterator[None]:
    """These engines registered, in this order, and no other one, such as an installed package's."""
    kernels.status()  # whatever is installed registers now or never
    with mock.patch.object(registry, "_OFFERED", {}):
        for engine in engines:
            kernels.register("program", engine)
        yield
        for engine in engines:
            kernels.unregister("program", engine)


@contextmanager
def stepped() -> Iterator[Stepped]:
    """Such an engine, and no other one."""
    engine = Stepped()
    with offered(engine):
        yield engine
