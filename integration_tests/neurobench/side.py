"""NeuroBench's harness on every net: ``python side.py (snn | snntorch) FILE``, its results in a file.

With ``snn`` that is what the name ``snntorch`` means, to NeuroBench as to the nets.
"""

from __future__ import annotations

import contextlib
import json
import pathlib
import sys
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

STEPS, SAMPLES = 9, 14
BATCHES = {"in batches": 5, "at once": SAMPLES}


def data() -> torch.Tensor:
    """Spikes ``[samples, steps, features]``."""
    from nets import FEATURES

    generator = torch.Generator().manual_seed(1)
    spikes = (torch.rand(SAMPLES, STEPS, FEATURES, generator=generator) < 0.3).float()
    spikes[:, :, ::3] = 0  # some neurons get nothing in some steps
    return spikes


def benchmark(net: nn.Module, batch_size: int) -> Any:
    """The harness with the metrics that classifiers are reported with."""
    from nets import CLASSES, Looped
    from neurobench.benchmarks import Benchmark
    from neurobench.metrics import static, workload
    from neurobench.models import SNNTorchModel
    from neurobench.processors.postprocessors import ChooseMaxCount

    batches = DataLoader(TensorDataset(data(), torch.arange(SAMPLES) % CLASSES), batch_size=batch_size)
    metrics = (
        [static.Footprint, static.ParameterCount, static.ConnectionSparsity],
        [
            workload.ActivationSparsity,
            workload.ActivationSparsityByLayer,
            workload.SynapticOperations,
            workload.MembraneUpdates,
            workload.NeuronOperations,
            workload.ClassificationAccuracy,
        ],
    )
    model = SNNTorchModel(net, custom_forward=isinstance(net, Looped))
    return Benchmark(model, batches, [], [ChooseMaxCount()], [*metrics])


def sparse(net: nn.Module) -> nn.Module:
    """The net with weights that let every layer fire, a part of them 0."""
    with torch.no_grad():
        for layer in net.modules():
            if isinstance(layer, nn.Linear | nn.Conv2d):
                layer.weight.mul_(4)
                layer.weight[layer.weight.abs() < layer.weight.abs().mean() / 2] = 0
    return net


def measured(make: Callable[[], nn.Module]) -> dict[str, Any]:
    """Return NeuroBench's metrics of a net: in batches, and once more with all samples at once."""
    torch.manual_seed(3)
    net = sparse(make())
    return {how: benchmark(net, size).run(quiet=True) for how, size in BATCHES.items()}


def accounted() -> dict[str, dict[str, Any]]:
    """Return the same metrics by ``snn.energy``, of the nets without a loop over time of their own."""
    from nets import NETS, Looped

    import snn

    metrics = {}
    for name, make in NETS.items():
        torch.manual_seed(3)
        net = sparse(make())
        if not isinstance(net, Looped):
            metrics[name] = snn.energy(net, data().transpose(0, 1)).metrics
    return metrics


def followed() -> AbstractContextManager[Any]:
    """The peer's rules, where they are a choice."""
    import snntorch

    return snntorch.peer.following() if hasattr(snntorch, "peer") else contextlib.nullcontext()


def exported(make: Callable[[], nn.Module]) -> dict[str, Any]:
    """Return NeuroBench's message when asked to write a net as NIR, and the nodes that ``export_to_nir`` gives."""
    from nets import FEATURES
    from snntorch.export_nir import export_to_nir

    net, x = make(), torch.zeros(1, FEATURES)
    try:
        benchmark(net, SAMPLES).to_nir(x, "unused.nir")
    except ValueError as error:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of the reset, which NIR itself cannot express
            return {"error": str(error), "nodes": list(export_to_nir(nn.Sequential(*net), x).nodes)}
    raise AssertionError("NeuroBench has written a file")


def measure() -> dict[str, dict[str, Any]]:
    """Return NeuroBench's metrics of each net, and of one that follows the peer's rules."""
    from nets import NETS

    results = {name: measured(make) for name, make in NETS.items()}
    with followed():
        results["by its rules"] = measured(NETS["synaptic, reset to zero"])
    return results


if __name__ == "__main__":
    library, file = sys.argv[1:]
    if library == "snn":
        import snn

        sys.modules["snntorch"] = snn
    with contextlib.redirect_stdout(sys.stderr):  # NeuroBench prints what it cannot measure
        results = measure()
        if library == "snn":
            from nets import NETS

            results["to_nir"] = exported(NETS["leaky"])
            results["energy"] = accounted()
        pathlib.Path(file).write_text(json.dumps(results), encoding="utf-8")
