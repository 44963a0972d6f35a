"""A neuron while it is drawn: nodes with its name, and the parts that all neurons share on their way to NIR."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

import nir
import numpy as np
import torch
from torch import Tensor, nn

from snn_core import Recurrent, SpikingNeuron
from snn_core.neuron import NonSpiking
from snn_nir.codes import refusal
from snn_nir.exporting.decays import Constant, Leak, broadcast
from snn_nir.exporting.drawing import Drawing, Signal, field_type
from snn_nir.exporting.settings import Settings
from snn_nir.graphs.metadata import node_metadata, surrogate_entries

_LEFT_OUT = {
    "inhibition": "one neuron's spikes depend on the others'",
    "state_quant": "states are quantized",
    "drops_input": "a reset to zero clears the input of its step",
}
_LEARNABLE = ("alpha", "beta", "threshold", "graded_spikes_factor", "recurrent.V")


class NeuronDrawing:
    """A neuron that ``to_nir`` is drawing; a function passed to :func:`~snn_nir.register` adds nodes through it.

    A method that adds a node returns the signal that the node sends. A node takes the sum of its input signals, and
    ``a.plus(b)`` is the sum of two. An edge that closes a cycle takes one time step. Node names are the path of the
    neuron and the name of the part, ``fc1.lif.mem``.

    Attributes:
        input: The input of the neuron.
        shape: Shape of its states, without the batch axis.
        dtype: Dtype of its states.
        threshold: Its threshold, one value per neuron, in float64 like all constants.
        dt: The time step of the graph in seconds.
        used: The outputs that the network uses: ``"spk"`` and names of states.

    Example:
        A threshold that rises with every spike, as a second membrane, which the spikes lower:

        >>> import snn_core as snn
        >>> import snn_nir
        >>> def draw(neuron, drawing):
        ...     mem = drawing.leak("mem", neuron.beta, drawing.input)
        ...     fall = drawing.leak("fall", 0.95)
        ...     spk = drawing.fire(mem, fall)
        ...     drawing.connect(drawing.scale("reset", -neuron.threshold, spk), mem)
        ...     drawing.connect(drawing.scale("adapt", -0.5, spk), fall)
        ...     return {"spk": spk, "mem": mem}
        >>> class Adaptive(snn.Leaky):
        ...     pass
        >>> snn_nir.register(Adaptive, draw)
        >>> sorted(snn_nir.to_nir(Adaptive(0.9), torch.zeros(1, 3)).nodes)[:3]
        ['adaptive.adapt', 'adaptive.fall', 'adaptive.mem']
    """

    def __init__(
        self,
        neuron: Any,
        equation: type[SpikingNeuron],
        name: str,
        drawing: Drawing,
        signal: Signal,
        spk: Tensor,
        used: Collection[str],
    ) -> None:
        self.input = signal
        self.shape: tuple[int, ...] = tuple(spk.shape[1:])
        self.dtype: torch.dtype = spk.dtype
        self.dt: float = drawing.settings.dt
        self.used = used
        self.where: str = where(neuron, name)
        self.graph = drawing
        self.settings: Settings = drawing.settings
        self.is_recurrent: bool = isinstance(neuron, Recurrent)
        self.neuron = neuron
        self.name = name
        self.entries: Counter[str] = Counter()  # the nodes that read the input, and how often
        self._equation = equation
        self._lost: list[str] = []
        for option, why in _LEFT_OUT.items():
            value = getattr(neuron, option, False)  # older neurons do not drop input
            if value:
                self.leave_out(f"{option}={value if isinstance(value, bool) else f'{value!r:.80}'}: {why}")
        self.threshold: np.ndarray = self.constant(neuron.threshold)

    def constant(self, value: Constant) -> np.ndarray:
        """Return a constant of the neuron, one value per neuron, in float64.

        Args:
            value: A number, or an array that broadcasts against the state.

        Raises:
            NIRError: ``NIR402`` if it does not fit.
        """
        return broadcast(value, self.shape, self.where)

    def membrane(
        self, decay: Constant, gain: Constant = 1.0, *, current: Constant | None = None, **constants: Tensor
    ) -> dict[str, Any]:
        r"""Draw a leaky membrane with its threshold and the neuron's reset, which suffices for many neurons.

        .. math:: I' = \alpha\,I + X, \qquad U' = d\,U + g\,(X \text{ or } I')

        The resets are those of neurons that do not define ``subtract`` or ``clear``: one node, ``LIF`` or
        ``CubaLIF``, for the reset to zero, and several nodes for the others.

        Args:
            decay: d, within [0, 1].
            gain: g; 1 if there is a current.
            current: :math:`\alpha` of the synaptic current before the membrane; None if there is none.
            **constants: Constants that the metadata keeps instead of the two decays.

        Returns:
            The signals of the spikes, and of the states ``mem`` and ``syn``.

        Raises:
            NIRError: ``NIR402`` for a decay below 0 with ``method="exact"``.
        """
        leak, syn = self.leak_of(decay, gain), None if current is None else self.leak_of(current)
        kept = constants or {"beta": decay, **({} if current is None else {"alpha": current})}
        reset, input_ = self.neuron.reset_name, self.input
        compact = reset == "subtract" and self.settings.reset == "compact" and "mem" not in self.used
        # the current is a node of its own if the reset must not reach it
        lowers = reset == "subtract" and not compact
        apart = syn is not None and (lowers or syn.never or leak.never or "syn" in self.used)
        ports: dict[str, Any] = {}
        if syn is not None and apart:
            input_ = ports["syn"] = self.add("syn", syn.integrator(), input_)
            syn = None
        if compact:
            self.graph.notes.append(("NIR408", self.where, "its reset by subtraction"))
        if reset == "zero" or compact:
            part = "" if not self.is_recurrent and not apart else "neuron"
            return {**ports, "spk": self.add(part, leak.firing(self.threshold, syn), input_, **kept)}
        mem = self.add("mem", leak.integrator(syn), input_, **kept)
        fired = self.fire(mem)
        if reset == "subtract":
            mem = subtracted(self, mem, mem, fired, leak.decay, self.constant(gain))
        return {**ports, "spk": fired, "mem": mem}

    def leak(self, part: str, decay: Constant, *inputs: Signal, gain: Constant = 1.0, **constants: Tensor) -> Signal:
        r"""Add a membrane without threshold and reset, :math:`U' = d\,U + g\,X`: ``LI``, or ``I`` if d is 1.

        Args:
            part: Name of the part.
            decay: d.
            *inputs: X.
            gain: g.
            **constants: Constants of the neuron that the metadata keeps with this node.

        Returns:
            U.

        Raises:
            NIRError: ``NIR402`` for a decay below 0 with ``method="exact"``.
        """
        return self.add(part, self.leak_of(decay, gain).integrator(), *inputs, **constants)

    def leak_of(self, decay: Constant, gain: Constant = 1.0) -> Leak:
        """Return an exponential in the form of NIR."""
        return Leak(self.constant(decay), self.constant(gain), self.settings, self.dtype, self.where)

    def fire(self, *membranes: Signal) -> Signal:
        """Add the threshold of a membrane that no node resets.

        Args:
            *membranes: The membrane.

        Returns:
            Its spikes, 1 or 0.

        Raises:
            NIRError: ``NIR402`` for a recurrent neuron that fires at rest: its graph would feed that spike back in the
                first step.
        """
        if self.is_recurrent and (self.threshold < 0).any():
            problem = f"a threshold of {self.threshold.min():.6g} with recurrence and this reset: it fires at rest"
            raise refusal("NIR402", self.where, problem, "use a threshold of at least 0, or reset_mechanism='zero'")
        return self.add("spk", nir.Threshold(threshold=self._field(self.threshold)), *membranes)

    def scale(self, part: str, factor: Constant, *signals: Signal) -> Signal:
        """Add a factor for every neuron.

        Args:
            part: Name of the part.
            factor: The factor.
            *signals: The signals that it multiplies.

        Returns:
            The product.
        """
        return self.add(part, nir.Scale(scale=self._field(self.constant(factor))), *signals)

    def add(self, part: str, node: Any, *inputs: Signal, **constants: Any) -> Signal:
        """Add any node of NIR.

        Args:
            part: Name of the part; empty for a neuron that is this one node and has the name of its module.
            node: The node, with fields of one value per neuron; it gets metadata.
            *inputs: Its inputs.
            **constants: Constants of the neuron that the metadata keeps with this node.

        Returns:
            The signal that it sends.

        Raises:
            TypeError: If ``node`` is not a node or an input is not a signal.
        """
        if not isinstance(node, nir.ir.NIRNode):
            raise TypeError(f"{self.where}: {node!r} is not a node; pass one such as nir.LI(...)")
        entries: dict[str, Any] = {"class": self._equation.__name__}
        if part:
            entries |= {"group": self.name, "part": part}
        if constants:
            entries |= self._record(constants)
        if (constants or part in ("", "spk")) and not isinstance(self.neuron, NonSpiking):
            entries |= surrogate_entries(self.neuron.spike_grad)
        node.metadata = {**(node.metadata or {}), **node_metadata(**entries)}
        name = self.graph.add(f"{self.name}.{'lif' if part == 'neuron' else part}".rstrip("."), node)
        sent = Signal((name,), self.shape, self.dtype)
        for signal in inputs:
            self.connect(signal, sent)
        return sent

    def connect(self, signal: Signal, to: Signal) -> None:
        """Add a signal to the input of a node; if that closes a cycle, it arrives one step later.

        Args:
            signal: The signal.
            to: The signal that the node sends.

        Raises:
            TypeError: If either is not a signal.
        """
        for value in (signal, to):
            if not isinstance(value, Signal):
                raise TypeError(f"{self.where}: {value!r} is not a signal; pass the result of a method of the drawing")
        self.graph.connect(signal, to.sources[0])
        own = self.input.sources
        self.entries[to.sources[0]] += min(signal.sources.count(s) // own.count(s) for s in own)

    def leave_out(self, what: str, remedy: str | None = None) -> None:
        """Refuse what NIR cannot express, or leave it out with a warning if the caller of ``to_nir`` says so.

        Args:
            what: The option, and the reason why NIR cannot express it.
            remedy: The action that fixes it.

        Raises:
            NIRError: ``NIR402``, with ``on_unsupported="error"``.
        """
        lost = self.graph.leave_out("NIR402", self.where, what, remedy)
        self._lost += [lost] if lost else []

    def _field(self, values: np.ndarray) -> np.ndarray:
        return values.astype(field_type(self.dtype))

    def _record(self, constants: Mapping[str, Any]) -> dict[str, Any]:
        neuron = self.neuron
        learned = [n for n in _LEARNABLE if isinstance(_attribute(neuron, n), nn.Parameter)]
        firing: dict[str, Any] = {
            "reset": neuron.reset_name,
            "reset_delay": bool(neuron.reset_delay),
            "threshold": neuron.threshold,
            "graded": neuron.graded_spikes_factor,
        }
        return {
            **({} if isinstance(neuron, NonSpiking) else firing),
            **constants,
            "V": _attribute(neuron, "recurrent.V"),
            "learned": " ".join(n.removeprefix("recurrent.") for n in learned) or None,
            "lost": "\n".join(self._lost) or None,
        }


def where(neuron: Any, name: str) -> str:
    """Return a neuron's path and class, for an error."""
    return f"{name!r} ({nn.utils.parametrize.type_before_parametrizations(neuron).__name__})"


def _attribute(module: Any, path: str) -> Any:
    for name in path.split("."):
        module = getattr(module, name, None)
    return module


def subtracted(neuron: NeuronDrawing, mem: Signal, entry: Signal, fired: Signal, decay: Any, gain: Any) -> Signal:
    r"""Draw the reset from the spikes to a node of the membrane; return the membrane as the step leaves it.

    In the step after a spike, the membrane loses :math:`\vartheta` after it has decayed, so the scale is
    :math:`-\vartheta/g`. A reset at once takes it away before the decay, and the scale is :math:`-d\,\vartheta/g`.
    The edge that closes the cycle takes one step.
    """
    delayed = neuron.neuron.reset_delay
    amount = neuron.threshold if delayed else decay * neuron.threshold
    neuron.connect(neuron.scale("reset", -amount / gain, fired), entry)
    if delayed or "mem" not in neuron.used:
        return mem
    return mem.plus(neuron.scale("lowered", -neuron.threshold, fired))
