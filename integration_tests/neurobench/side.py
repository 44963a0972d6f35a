"""NeuroBench's harness on every net: ``python side.py (snn | alias | snntorch) FILE``, its results in a file.

With ``snn`` the nets are ours and wrapped by ``snn.neurobench``. With ``alias`` they are, too, and NeuroBench's own
wrapper takes them, as the name ``snntorch`` means ours to it.
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


def model(net: nn.Module, *, custom_forward: bool) -> Any:
    """The net as the harness takes it."""
    if LIBRARY == "snn":
        import snn

        return snn.neurobench(net, custom_forward=custom_forward)
    from neurobench.models import SNNTorchModel

    return SNNTorchModel(net, custom_forward=custom_forward)


def benchmark(net: nn.Module, batch_size: int, spikes: torch.Tensor, *, custom_forward: bool) -> Any:
    """The harness with the metrics that classifiers are reported with."""
    from neurobench.benchmarks import Benchmark
    from neurobench.metrics import static, workload
    from neurobench.processors.postprocessors import ChooseMaxCount

    batches = DataLoader(TensorDataset(spikes, torch.arange(len(spikes)) % 5), batch_size=batch_size)
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
    return Benchmark(model(net, custom_forward=custom_forward), batches, [], [ChooseMaxCount()], [*metrics])


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
    from nets import Looped

    torch.manual_seed(3)
    net = sparse(make())
    own = isinstance(net, Looped)
    return {how: benchmark(net, size, data(), custom_forward=own).run(quiet=True) for how, size in BATCHES.items()}


def loaded(name: str, weights: pathlib.Path) -> dict[str, Any]:
    """Return NeuroBench's metrics of a net of its examples, with weights that the peer's net has and saves."""
    import nets
    from published import PUBLISHED

    make, shape, own = PUBLISHED[name]
    torch.manual_seed(3)
    net = make(nets.snn)
    if LIBRARY == "snntorch":
        torch.save(sparse(net).state_dict(), weights)
    else:
        net.load_state_dict(torch.load(weights, weights_only=True), strict=True)
    spikes = (torch.rand(3, 4, *shape, generator=torch.Generator().manual_seed(2)) < 0.2).float()
    return benchmark(net, 2, spikes, custom_forward=own).run(quiet=True)


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
    if LIBRARY == "snntorch":
        return contextlib.nullcontext()
    import snn

    return snn.peer.following()


def exported(make: Callable[[], nn.Module]) -> dict[str, Any]:
    """Return NeuroBench's message when asked to write a net as NIR, and the nodes that ``export_to_nir`` gives."""
    from nets import FEATURES

    import snn

    net, x = make(), torch.zeros(1, FEATURES)
    try:
        benchmark(net, SAMPLES, data(), custom_forward=False).to_nir(x, "unused.nir")
    except Exception as error:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of the reset, which NIR itself cannot express
            return {
                "error": f"{type(error).__name__}: {error}",
                "nodes": list(snn.export_nir.export_to_nir(nn.Sequential(*net), x).nodes),
            }
    raise AssertionError("NeuroBench has written a file")


def measure() -> dict[str, dict[str, Any]]:
    """Return NeuroBench's metrics of each net, and of one that follows the peer's rules."""
    from nets import NETS

    results = {name: measured(make) for name, make in NETS.items()}
    with followed():
        results["by its rules"] = measured(NETS["synaptic, reset to zero"])
    return results


def refusals() -> dict[str, str]:
    """Return the errors for objects that are not a net or a batch for NeuroBench."""
    import snn

    model = snn.neurobench(nn.Sequential(nn.Linear(2, 2), snn.Leaky(0.9, init_hidden=True)))
    calls = {"no step": lambda: model(torch.zeros(3, 0, 2)), "no axis of steps": lambda: model(torch.zeros(2))}
    messages = {}
    for name, call in calls.items():
        try:
            call()
        except ValueError as error:
            messages[name] = str(error)
    return messages


if __name__ == "__main__":
    LIBRARY, file = sys.argv[1], pathlib.Path(sys.argv[2])
    if LIBRARY == "alias":
        import snn

        sys.modules["snntorch"] = snn
    import nets
    from published import PUBLISHED

    nets.made_of("snntorch" if LIBRARY == "snntorch" else "snn")
    with contextlib.redirect_stdout(sys.stderr):  # NeuroBench prints what it cannot measure
        results = measure()
        results["published"] = {name: loaded(name, file.parent / f"{name}.pt") for name in PUBLISHED}
        if LIBRARY == "snn":
            results["to_nir"] = exported(nets.NETS["leaky"])
            results["energy"] = accounted()
            results["refusals"] = refusals()
            results["alias"] = {name: sys.modules[name].__name__ for name in ("snntorch", "snn")}
        file.write_text(json.dumps(results), encoding="utf-8")
