"""Operations and accesses of one layer, sample by sample, and their cost."""

from __future__ import annotations

from collections import Counter

import torch
from torch import Tensor

from snn_core import program
from snn_core.neuron import OneToOne
from snn_functional._account.meter import Tally
from snn_functional.statistics import CostModel
from snn_functional.statistics.synops import real_parts, weight_of

_MULTIPLY = ("mul", "square")
_FREE = ("number",)  # turns a condition into 1 or 0, which it already is
_ADD = ("add", "sub", "neg", "abs", "sign", "floor", "round", "minimum", "maximum", "where", "clamp")
_ADD += ("gt", "ge", "lt", "le", "eq", "ne", "and", "or", "not", "xor")
_WORD = 4  # bytes of a float32


class Costs:
    """The operations and accesses of a layer; each number is per sample, ``[batch]``, float64."""

    def __init__(self, tally: Tally, steps: Tensor) -> None:
        self._tally = tally
        self._steps = steps
        self.instructions: dict[str, int] | None = _instructions(tally) if tally.is_neuron else {}
        bias = getattr(tally.module, "bias", None) if tally.is_counted else None
        none = torch.zeros_like(tally.acs)
        self.biases: Tensor = none if bias is None else tally.outputs
        self.updates: Tensor = tally.outputs if tally.is_neuron and self.instructions else none
        fields: int = len(tally.module.State._fields) if self.instructions else 0
        activations: Tensor = tally.inputs_used if tally.is_counted else none
        self.accesses: dict[str, Tensor] = {
            "weights": tally.acs + tally.macs + self.biases,
            "states": 2 * fields * self.updates,  # read and written in every step
            "activations": activations + tally.outputs_used if tally.is_neuron else activations,
        }
        weights = [weight_of(tally.module), bias] if tally.is_counted else []
        self._sizes = {
            "weights": sum(real_parts(part).numel() for part in weights if part is not None),
            "states": fields * tally.size,
            "activations": tally.size,
        }

    def energy(self, model: CostModel) -> dict[str, Tensor]:
        """Return the energy of each sample in joules, by cause."""
        tally, kinds = self._tally, self.instructions or {}
        multiply = model.mac - model.ac
        update = sum(n * {"mul": multiply, "add": model.ac, "other": model.mac}[kind] for kind, n in kinds.items())
        return {
            "synapses": tally.macs * model.mac + tally.acs * model.ac,
            "biases": self.biases * model.ac,
            "updates": self.updates * update,
            **{name: number * model.access(_WORD * self._sizes[name]) for name, number in self.accesses.items()},
        }

    def ordinary(self, model: CostModel, int8: bool) -> dict[str, Tensor]:
        """Return the same for this layer of the ordinary network, for one pass, with ReLUs as neurons."""
        tally, steps, size = self._tally, self._steps, 1 if int8 else _WORD
        ac, mac = (model.int8_ac or 0.0, model.int8_mac or 0.0) if int8 else (model.ac, model.mac)
        dense, biases, none = tally.dense / steps, self.biases / steps, torch.zeros_like(tally.acs)
        neurons = tally.outputs / steps if tally.is_neuron else none
        inputs = tally.inputs / steps if tally.is_counted else none
        accesses = {"weights": dense + biases, "activations": inputs + neurons}
        return {
            "synapses": dense * mac,
            "biases": biases * ac,
            "updates": neurons * ac,  # the comparison with 0
            **{
                name: number * model.access(size * self._sizes[name]) * size / _WORD
                for name, number in accesses.items()
            },
        }


def _instructions(tally: Tally) -> dict[str, int] | None:
    """Return how many instructions of each kind a step of a neuron has, or None if it has no step program."""
    neuron, x = tally.module, tally.taken
    assert isinstance(x, Tensor)
    dtype = x.dtype if x.is_floating_point() else torch.get_default_dtype()
    try:
        step = program(neuron, dtype=dtype, sample=tuple(x.shape[1:])).forward
    except (TypeError, ValueError):  # it takes whole sequences, or is not made of instructions
        return None
    names = [instruction.name for instruction in step.instructions if instruction.name not in _FREE]
    kinds = Counter("mul" if name in _MULTIPLY else "add" if name in _ADD else "other" for name in names)
    if any(isinstance(part, OneToOne) for part in neuron.children()):
        kinds -= Counter(mul=1, add=1)  # these are synapses and are counted as such
    return dict(kinds)
