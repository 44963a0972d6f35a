"""The registered drawings of classes of neurons."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch.nn.utils.parametrize import type_before_parametrizations

from snn_core import Recurrent, SpikingNeuron
from snn_core.neuron import WholeSequence
from snn_nir.codes import refusal
from snn_nir.exporting.drawing import Signal
from snn_nir.exporting.neuron_drawing import NeuronDrawing, where

Draw = Callable[[Any, NeuronDrawing], Mapping[str, Signal]]

_DRAWINGS: dict[type[SpikingNeuron], Draw] = {}
_STEP = (  # the methods that make up a step, from its arguments to its results
    *("integrate", "membrane", "subtract", "clear", "emit", "remember", "driven", "fire", "graded", "advance", "step"),
    *("clears_first", "resets", "forward", "bind", "outputs", "output_names", "state_shape"),
    *("_crossing", "_fired_where_positive", "_reset_signal", "_quantized"),
)


def register(neuron: type[SpikingNeuron], draw: Draw) -> None:
    """Register the NIR drawing of a class of neurons, so that ``to_nir`` exports them.

    The drawing also serves subclasses that do not change the step, such as those with only their own constructor, and
    recurrent ones, whose connection is drawn around it. The drawings of snn's own neurons are registered in the same
    way. The last registration for a class counts.

    A graph that is read back contains neurons of snn or primitives of NIR that compute the same values, not instances
    of the class.

    Args:
        neuron: The class.
        draw: ``draw(neuron, drawing)`` adds nodes that compute a step of the neuron, through its
            :class:`~snn_nir.NeuronDrawing`. It returns a dict of the signals that they send: ``"spk"``, the spikes, and
            those states that the graph has. Graded spikes and recurrence are drawn after it.

    Raises:
        TypeError: If ``neuron`` is not a class of neurons with an equation of one step, or ``draw`` cannot be called.

    Example:
        >>> from typing import NamedTuple
        >>> import torch
        >>> import snn_core as snn
        >>> import snn_nir
        >>> class Circuit(snn.SpikingNeuron):
        ...     class State(NamedTuple):
        ...         mem: torch.Tensor
        ...     def __init__(self, tau, **options):
        ...         super().__init__(**options)
        ...         self.constant("tau", tau)
        ...     def integrate(self, x, state):
        ...         return self.State(state.mem + (x - state.mem) / self.tau)
        >>> def draw(neuron, drawing):
        ...     return drawing.membrane(1 - 1 / neuron.tau, gain=1 / neuron.tau)
        >>> snn_nir.register(Circuit, draw)
        >>> graph = snn_nir.to_nir(Circuit(16.0, reset_mechanism="zero"), torch.zeros(1, 2), dt=1e-3)
        >>> graph.nodes["circuit"].tau, graph.nodes["circuit"].r
        (array([0.016, 0.016], dtype=float32), array([1., 1.], dtype=float32))
    """
    if not (isinstance(neuron, type) and issubclass(neuron, SpikingNeuron)):
        instead = ": type(neuron)" if isinstance(neuron, SpikingNeuron) else ", such as snn.Leaky"
        raise TypeError(f"register: neuron is {neuron!r}; pass a class of spiking neurons{instead}")
    if issubclass(neuron, WholeSequence):
        raise TypeError(f"register: {neuron.__name__} takes all time steps at once; pass a class that takes one step")
    if neuron.integrate is SpikingNeuron.integrate:
        raise TypeError(f"register: {neuron.__name__} has no equation; pass a class that defines integrate")
    if not callable(draw):
        raise TypeError(f"register: draw is {draw!r}; pass a function draw(neuron, drawing)")
    _DRAWINGS[neuron] = draw


def drawing_of(module: Any, name: str) -> tuple[type[SpikingNeuron], Draw]:
    """Return the registered class whose step a neuron has, and its drawing."""
    kind = type_before_parametrizations(module)
    known = ", ".join(dict.fromkeys(k.__name__ for k in _DRAWINGS if k.__module__.startswith("snn_core.")))
    if isinstance(module, WholeSequence):
        raise refusal("NIR401", where(module, name), "it takes all time steps at once", f"use one of {known}")
    remedy, register_it = f"use one of {known}", f"or register a drawing: snn_nir.register({kind.__name__}, draw)"
    equation = next((k for k in kind.__mro__ if k in _DRAWINGS), None)
    if equation is None:
        why = "NIR has no node for its equation"
        if kind.__module__.startswith("snn_nir.primitives."):
            why = "it is a node of an imported graph, and only that whole graph can be exported"
            remedy = "export the module that from_nir made"
        raise refusal("NIR401", where(module, name), why, f"{remedy}, {register_it}")
    # the mix-ins of recurrence are drawn apart
    before = [k for k in kind.__mro__[: kind.__mro__.index(equation)] if k.__module__ != Recurrent.__module__]
    changed = next((method for own in map(vars, (module, *before)) for method in _STEP if method in own), None)
    if changed is not None:
        why = f"it overrides {changed} of {equation.__name__}, whose drawing therefore does not apply"
        raise refusal("NIR401", where(module, name), why, f"{remedy}, {register_it}")
    return equation, _DRAWINGS[equation]
