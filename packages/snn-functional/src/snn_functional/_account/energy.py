"""The energy of a net for a batch by a cost model, compared with that of the ordinary network of its layers."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from functools import reduce
from typing import Any

import torch
from torch import Tensor, nn

from snn_core.results import Line, Result, count, share
from snn_functional._account.costs import Costs
from snn_functional._account.meter import Lengths, Meter, Tally, neurobench
from snn_functional.statistics import CostModel
from snn_functional.statistics.energy import MODELS
from snn_functional.statistics.synops import not_counted, real_parts, weight_of

Numbers = dict[str, float]


@dataclass(frozen=True)
class Layer:
    """A row of an energy account. All fields but the first three are per sample, averaged over the batch.

    Args:
        name: Path of the module in the net.
        kind: Its class.
        sparsity: Share of zeros in the input of a layer with weights, or in the output of neurons.
        operations: ``Effective_MACs``, ``Effective_ACs`` and ``Dense`` as NeuroBench counts them; ``Biases``, which are
            additions; ``Updates``, steps of neurons; ``Instructions``, the total over all updates.
        accesses: Counts of 32-bit numbers that are read or written: ``weights``, ``states``, ``activations``.
        energy: Energy in joules: ``synapses``, ``biases``, ``updates``, and each kind of access by its name.
        ordinary: The energy of this layer in the ordinary network, in ``float32`` and ``int8``.
    """

    name: str
    kind: str
    sparsity: float | None
    operations: Numbers
    accesses: Numbers
    energy: Numbers
    ordinary: dict[str, Numbers]


@dataclass(frozen=True, repr=False)
class Energy(Result):
    """The result of :func:`~snn_functional.energy`: a table when printed, HTML in a notebook, data by ``to_dict``.

    Args:
        model: The cost model.
        layers: The rows.
        samples: Energy of each sample in joules.
        metrics: ``Footprint`` in bytes, ``ConnectionSparsity``, ``ActivationSparsity`` and ``SynapticOperations`` of a
            sample, as NeuroBench names and counts them, except that only neurons have activations here.
        uncounted: The operations that are not counted.
        ordinary_per_step: The energy of the ordinary network for a sample in joules, by kind, if it runs in each step;
            empty for input that does not change over time.
    """

    model: CostModel
    layers: tuple[Layer, ...]
    samples: tuple[float, ...]
    metrics: dict[str, Any]
    uncounted: tuple[str, ...]
    ordinary_per_step: Numbers = field(default_factory=dict)

    @property
    def parts(self) -> Numbers:
        """The energy of a sample in joules by cause, a mean over the batch."""
        return _sums([layer.energy for layer in self.layers])

    @property
    def total(self) -> float:
        """The energy of a sample in joules, a mean over the batch."""
        return sum(self.parts.values())

    @property
    def ordinary(self) -> Numbers:
        """The energy of the ordinary network for a sample in joules, in ``float32`` and ``int8``, if it runs once."""
        kinds = self.layers[0].ordinary if self.layers else {}
        return {kind: sum(sum(layer.ordinary[kind].values()) for layer in self.layers) for kind in kinds}

    def to_dict(self) -> dict[str, Any]:
        """Return the account as JSON data: NeuroBench's metrics under their own names, and the rest beside them."""
        memories = [[None if holds == float("inf") else holds, cost] for holds, cost in self.model.memories]
        return {
            **self.metrics,
            "model": asdict(self.model) | {"memories": memories},
            "energy": {"total": self.total, **self.parts},
            "samples": list(self.samples),
            "ordinary": self.ordinary,
            "ordinary_per_step": self.ordinary_per_step,
            "layers": [asdict(layer) for layer in self.layers],
            "uncounted": list(self.uncounted),
        }

    def _lines(self) -> list[Line]:
        head = ("layer", "type", "sparsity", "MACs", "ACs", "dense", "updates", "instructions", "accesses", "energy")
        operations = _sums([layer.operations for layer in self.layers])
        parts, accesses = self.parts, _sums([layer.accesses for layer in self.layers])
        total = Layer("all", "", self.metrics["ActivationSparsity"], operations, accesses, parts, {})
        lines = [f"a sample takes {_joules(self.total)}, by {self.model.name}"]
        lines += [f"  {name}: {_joules(part)}" for name, part in parts.items() if name not in accesses]
        priced = {name: f", {_joules(parts[name])}" if self.model.memories else ", not priced" for name in accesses}
        lines += [f"  {name}: {count(number)} accesses{priced[name]}" for name, number in accesses.items()]
        for kind, energy in self.ordinary.items():
            lines.append(self._verdict(f"once in {kind}", energy))
            if kind in self.ordinary_per_step:
                lines.append(self._verdict(f"in each step in {kind}", self.ordinary_per_step[kind]))
        return [head, *map(_cells, (*self.layers, total)), *lines, *not_counted(self.uncounted)]

    def _verdict(self, how: str, energy: float) -> str:
        ordinary = f"the ordinary network of these layers, run {how}: {_joules(energy)}"
        if not energy:
            return ordinary
        times = f"the spiking net takes {self.total / energy:.3g} times that"
        if self.uncounted:
            return f"{ordinary}; of what is counted, {times}"
        return f"{ordinary}; {times} and {'wins' if self.total < energy else 'does not win'}"


def energy(net: nn.Module, xs: Tensor, *, lengths: Lengths = None, model: str | CostModel = "45nm") -> Energy:
    r"""Estimate the energy of a net for a batch, and compare it with the ordinary network of the same layers.

    .. math:: E = N_\text{MAC} E_\text{MAC} + N_\text{AC} E_\text{AC} + N_\text{bias} E_\text{AC}
        + \sum_\text{neurons} T\,E_\text{update} + \sum_\text{memories} N_\text{access} E_\text{access}

    The terms, which the result lists one by one:

    - *synapses*, by the rules of :class:`~snn_functional.statistics.SynopsMonitor`: an addition for each weight that a
      spike uses, a multiply-accumulate for any other input, in each step; this includes recurrent weights;
    - *biases*: one addition for each output in each step;
    - *updates*: the instructions of each neuron's step program, in each step whether it fires or not;
    - *accesses*: a read of a weight for each synaptic operation and bias, a read and a write of each state in each
      step, a read of each input other than 0 and a write of each spike. Sums stay in registers.

    The ordinary network has the same layers, skips no zeros, and has ReLUs as neurons. It runs once for all steps, as
    for an image that is encoded as spikes. If the input of a sample changes over time, the account also says what it
    takes if it runs in each step, as for data that arrives over time. If something is not counted, the account names it
    and does not say which of the two wins. A batch normalization in evaluation mode costs nothing, as it is folded into
    the weights before it.

    A copy of the net is run by ``unroll``, from rest, in the mode of the net. The net, its states, gradients and hooks,
    and the random generators of the process do not change.

    Args:
        net: The net.
        xs: Its input ``[num_steps, batch, ...]``.
        lengths: Number of steps of each sample ``[batch]``, if they differ; a sample costs as much as it would alone.
        model: ``"45nm"``, 4.6 pJ for a multiply-accumulate of 32-bit floats and 0.9 pJ for an addition;
            ``"45nm+memory"``, where an access to 32 bits costs 5, 10 or 50 pJ in the smallest SRAM of 8 KiB, 32 KiB or
            1 MiB that holds a layer's weights, states or outputs, and 650 pJ in DRAM; or a
            :class:`~snn_functional.statistics.CostModel` of your own.

    Returns:
        Operations, accesses and energy by layer, averaged over the batch; the energy in joules as ``total``, of each
        sample as ``samples``, and of the ordinary network in float32 and int8 as ``ordinary`` and, if the input changes
        over time, as ``ordinary_per_step``. It prints as a table with a verdict for each, shows as HTML in a notebook,
        and ``to_dict()`` returns JSON data under NeuroBench's names. ``snn_plot.energy_bars`` draws it.

    Raises:
        TypeError: If ``net`` is not a module or cannot be copied, ``xs`` is not a real tensor, ``lengths`` are not
            integers, or ``model`` is neither a name nor a ``CostModel``.
        ValueError: If ``xs`` is empty, ``lengths`` does not fit, ``model`` is unknown or has a ``mac`` below its
            ``ac``, nothing in the net is counted, the input of a layer contains NaN, or a layer does not keep the
            samples on axis 0.

    Example:
        Two inputs that fire in every step and three outputs take 6 additions per step, of 0.9 pJ each:

        >>> account = energy(nn.Linear(2, 3, bias=False), torch.ones(10, 4, 2))
        >>> account.metrics["SynapticOperations"]
        {'Effective_MACs': 0.0, 'Effective_ACs': 60.0, 'Dense': 60.0}
        >>> f"{account.total * 1e12:.1f} pJ, once with multiplications {account.ordinary['float32'] * 1e12:.1f} pJ"
        '54.0 pJ, once with multiplications 27.6 pJ'

    Source: Horowitz, Computing's energy problem (and what we can do about it) (2014), figure 1.1.9; Yik et al., The
    neurobench framework for benchmarking neuromorphic computing algorithms and systems (2025), for the metrics.
    """
    costs = _model(model)
    meter = Meter("energy", net, xs, lengths)
    of_layers = {tally: Costs(tally, meter.steps) for tally in meter.tallies if tally.is_counted or tally.is_neuron}
    if not of_layers:
        raise ValueError(
            f"net is a {type(net).__name__} without neurons or layers such as nn.Linear and nn.Conv2d; there is "
            "nothing to count"
        )
    # added one after another, so that a sample's sum is rounded in the same way in every batch
    samples = reduce(torch.add, (part for layer in of_layers.values() for part in layer.energy(costs).values()))
    unknown = [f"the updates of {t.path or 'the net'}" for t, layer in of_layers.items() if layer.instructions is None]
    return Energy(
        costs,
        tuple(_layer(tally, layer, costs) for tally, layer in of_layers.items()),
        tuple(samples.tolist()),
        _metrics(net, [*of_layers]),
        (*(path for path in meter.uncounted if not _is_folded(net.get_submodule(path))), *unknown),
        _per_step([*of_layers.values()], costs, meter.steps) if _changes(xs.detach(), meter.steps) else {},
    )


def _changes(xs: Tensor, steps: Tensor) -> bool:
    """Return True if the input of any sample differs between two of its steps."""
    differs = (xs[1:] != xs[:-1]).unsqueeze(-1).flatten(2).any(2).cpu()
    return bool((differs & (torch.arange(1, len(xs), device="cpu").unsqueeze(1) < steps)).any())


def _per_step(layers: list[Costs], model: CostModel, steps: Tensor) -> Numbers:
    """Return the energy of the ordinary network for a sample in joules, if it runs in each step, by kind."""
    return {
        kind: sum(float((part * steps).mean()) for layer in layers for part in layer.ordinary(model, int8).values())
        for kind, int8 in _kinds(model).items()
    }


def _kinds(model: CostModel) -> dict[str, bool]:
    """Return the kinds of the ordinary network that a model has prices for, and whether each has 8-bit integers."""
    return {"float32": False, **({} if model.int8_mac is None else {"int8": True})}


def _is_folded(module: nn.Module) -> bool:
    """Return True for a normalization that becomes part of the weights before it once the net is trained."""
    kinds = nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d
    return isinstance(module, kinds) and not module.training and module.running_mean is not None


def _model(model: Any) -> CostModel:
    if isinstance(model, CostModel):
        if model.mac < model.ac:
            raise ValueError(
                f"model has mac={model.mac}, less than ac={model.ac}; a multiply-accumulate cannot take less "
                "than the addition alone"
            )
        return model
    if not isinstance(model, str):
        raise TypeError(f"model is a {type(model).__name__}; pass {' or '.join(map(repr, MODELS))}, or a CostModel")
    if model not in MODELS:
        raise ValueError(f"model is {model!r}; pass {' or '.join(map(repr, MODELS))}, or a CostModel of your own")
    return MODELS[model]


def _layer(tally: Tally, costs: Costs, model: CostModel) -> Layer:
    numbers, used = (tally.inputs, tally.inputs_used) if tally.is_counted else (tally.outputs, tally.outputs_used)
    operations = {
        **neurobench([tally]),
        "Biases": float(costs.biases.mean()),
        "Updates": float(costs.updates.mean()),
        "Instructions": float(costs.updates.mean()) * sum((costs.instructions or {}).values()),
    }
    ordinary = {kind: _means(costs.ordinary(model, int8)) for kind, int8 in _kinds(model).items()}
    sparsity = 1 - float(used.sum() / numbers.sum()) if numbers.sum() else None
    kind = type(tally.module).__name__
    return Layer(tally.path, kind, sparsity, operations, _means(costs.accesses), _means(costs.energy(model)), ordinary)


def _metrics(net: nn.Module, tallies: list[Tally]) -> dict[str, Any]:
    neurons = [tally for tally in tallies if tally.spikes is not None]
    numbers, used = (sum(float(getattr(t, name).sum()) for t in neurons) for name in ("outputs", "outputs_used"))
    weights = [real_parts(weight_of(tally.module)) for tally in tallies if tally.is_counted]
    size, zeros = sum(w.numel() for w in weights), sum(int((w == 0).sum()) for w in weights)
    return {
        "Footprint": sum(t.numel() * t.element_size() for t in (*net.parameters(), *net.buffers())),
        "ConnectionSparsity": zeros / size if size else 0.0,
        "ActivationSparsity": 1 - used / numbers if numbers else 0.0,
        "SynapticOperations": neurobench(tallies),
    }


def _means(parts: dict[str, Tensor]) -> Numbers:
    return {name: float(part.mean()) for name, part in parts.items()}


def _sums(rows: list[Numbers]) -> Numbers:
    return {name: sum(row[name] for row in rows) for name in (rows[0] if rows else {})}


def _cells(layer: Layer) -> tuple[str, ...]:
    numbers = [number for cause, number in layer.operations.items() if cause != "Biases"]
    counts = map(count, (*numbers, sum(layer.accesses.values())))
    return (layer.name or "the net", layer.kind, share(layer.sparsity), *counts, _joules(sum(layer.energy.values())))


def _joules(energy: float) -> str:
    scale, unit = next((pair for pair in _UNITS if energy >= pair[0]), _UNITS[-1])
    number = energy / scale
    return f"{number:.0f} {unit}" if number >= 100 else f"{number:.3g} {unit}"


_UNITS = ((1, "J"), (1e-3, "mJ"), (1e-6, "µJ"), (1e-9, "nJ"), (1e-12, "pJ"))
