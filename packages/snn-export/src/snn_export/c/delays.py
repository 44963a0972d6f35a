"""Layers with delays: the inputs of the last steps are in a ring buffer, and every step writes one slot of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from snn_export.c.arrays import Array
from snn_export.c.convolutions import Convolution
from snn_export.c.elementwise import Loop, index
from snn_export.c.names import Names
from snn_export.c.products import Linear
from snn_export.c.routine import Field, Layer, Refusal, Routine, blocks

__all__ = ["Axonal", "Delayed", "Ring"]


@dataclass(eq=False)
class Ring:
    """The inputs of the last steps."""

    path: str
    size: int
    most: int
    names: Names

    def __post_init__(self) -> None:
        slots = self.most + 1
        self.fields: list[Field] = [
            Field(self.names.new(self.path, "past"), "float", slots * self.size, f"inputs of {slots} steps"),
            Field(self.names.new(self.path, "now"), "int32_t", 0, "the slot of this step's input"),
        ]

    @property
    def past(self) -> str:
        """The array of all slots."""
        return f"state->{self.fields[0].name}"

    @property
    def delay_type(self) -> str:
        """The type of a delay."""
        return "uint8_t" if self.most < 256 else "uint16_t"

    def begin(self) -> list[str]:
        """Return the lines that store this step's input."""
        now = f"state->{self.fields[1].name}"
        return [
            f"{now} = {now} == {self.most} ? 0 : {now} + 1;",
            f"const int now = (int){now};",
            f"for (int i = 0; i < {self.size}; i++) {{",
            f"{self.past}[now * {self.size} + i] = x0[i];",
            "}",
        ]

    def find(self, delay: str) -> list[str]:
        """Return the lines that find the slot with the input of a number of steps ago."""
        return [
            f"const int ago = (int){delay};",
            f"const int slot = now >= ago ? now - ago : now - ago + {self.most + 1};",
        ]


@dataclass(eq=False)
class Delayed(Layer):
    """A linear layer or convolution in which every weight has a delay of whole steps, at most ``most``."""

    product: Linear | Convolution
    delay: Tensor
    most: int

    def routine(self, names: Names) -> Routine:
        product, inputs = self.product, self.x.buffer.size
        ring = Ring(self.path, inputs, self.most, names)
        layout = product.laid_out(False)[1]
        weight = names.array(self.path, "weight", "float", product.weight, f"weight {layout}")
        delay = names.array(self.path, "delay", ring.delay_type, self.delay, f"delay {layout}")
        arrays, bias = [weight, delay], ""
        if product.bias is not None:
            arrays.append(names.array(self.path, "bias", "float", product.bias, "bias [out]"))
            bias = arrays[-1].name
        place = product.entry("i")
        past, slot = f"{ring.past}[slot * {inputs} + %s]", ring.find(f"{delay.name}[{place}]")
        body = blocks(*ring.begin(), *product.gathered(f"{weight.name}[{place}]", bias, past, slot))
        return Routine(self, body, arrays, ring.fields, operations=product.multiply_adds())


@dataclass(eq=False)
class Axonal(Layer):
    """Delays of channels, whole or between two steps."""

    module: Any

    def routine(self, names: Names) -> Routine:
        size, most = self.x.buffer.size, self.module.max_delay
        ring = Ring(self.path, size, most, names)
        loop = Loop(self.x.shape, self.path, names)
        delays = self.module.delay.detach().clamp(0, most).to(torch.float32)
        delays = delays.reshape(-1, *[1] * (len(self.x.shape) - 1)) if delays.dim() else delays
        if self.module.kernel == "gaussian":
            arrays, terms = self._gaussian(loop, ring, delays), most + 1
        else:
            arrays, terms = self._linear(loop, ring, delays, names), 3
        body = [*blocks(*ring.begin()), *loop.body()]
        return Routine(self, body, [*arrays, *loop.arrays], ring.fields, operations=size * terms)

    def _linear(self, loop: Loop, ring: Ring, delays: Tensor, names: Names) -> list[Array]:
        whole = delays.floor()
        share = loop.constant("share", delays - whole)
        array = names.array(self.path, "steps", ring.delay_type, whole, "whole steps [channel]")
        place = index(whole.shape, loop.shape)
        size = self.x.buffer.size
        for line in ring.find(f"{array.name}[{place}]"):
            loop.line(line)
        first = loop.load_at(ring.past, f"slot * {size} + i", "younger")
        second = loop.load_at(ring.past, f"(slot == 0 ? {self.module.max_delay} : slot - 1) * {size} + i", "older")
        loop.store("y", f"{first} + {share} * ({second} - {first})")
        return [array]

    def _gaussian(self, loop: Loop, ring: Ring, delays: Tensor) -> list[Array]:
        size, terms = self.x.buffer.size, []
        if self.module.max_delay > 64:
            raise Refusal(
                f"a Gaussian over {self.module.max_delay} steps; set kernel='linear' or max_delay to 64 or less"
            )
        distances = torch.arange(self.module.max_delay + 1).reshape(-1, *[1] * delays.dim()) - delays
        weights = torch.softmax(-(distances**2) / (2 * float(self.module.sigma) ** 2), 0)
        for step, weight in enumerate(weights):
            slot = f"(now >= {step} ? now - {step} : now + {ring.most + 1 - step})"
            value = loop.load_at(ring.past, f"{slot} * {size} + i", f"past_{step}")
            terms.append(f"{value} * {loop.constant(f'weight {step}', weight)}")
        loop.store("y", " + ".join(terms))
        return []
