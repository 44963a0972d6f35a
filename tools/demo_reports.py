"""Results for the report of each task of ``snn demo``, from networks that have learned nothing.

The reports made from them have every part that a real report has, without the time that training takes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

import snn
from snn.demo.architecture import layers_of
from snn.demo.recording import LayerRecording, Recording

DIGITS = tuple("0123456789")
SPEAKERS = tuple(f"speaker {i}" for i in range(1, 10))


def run_of(task: str) -> tuple[dict[str, Any], Recording]:
    """Return what ``snn.demo.report.write_report`` needs for a task: its result and its recording.

    Example:
        >>> result, recording = run_of("mnist")
        >>> recording.layers[0].spk.shape
        torch.Size([5, 12, 12, 12])
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return RUNS[task]()


def _digits() -> tuple[dict[str, Any], Recording]:
    image = _disc(8)
    pixels = image.flatten().expand(16, 64)
    connections = {"encoder": nn.Identity(), "hidden": nn.Linear(64, 300), "output": _to(300, 10)}
    layers = _layers(pixels.unsqueeze(1), connections)
    net = layers_of(nn.Sequential(nn.Flatten(), nn.Linear(64, 10), snn.Leaky(torch.linspace(0.5, 0.9, 10))))
    recording = Recording(image, 3, _answer(layers), DIGITS, image.expand(16, 1, 8, 8), "image", layers, net)
    return _result("digits", "handwritten digits of 8 by 8 pixels", recording, train=1438, test=359), recording


def _mnist() -> tuple[dict[str, Any], Recording]:
    image = _disc(28)
    frames = image.expand(5, 1, 1, 28, 28)
    first = nn.Sequential(nn.Conv2d(1, 12, 5), nn.MaxPool2d(2))
    second = nn.Sequential(nn.Conv2d(12, 32, 5), nn.MaxPool2d(2))
    silent = nn.Sequential(nn.Flatten(), nn.Linear(512, 10), nn.Hardtanh(-1.0, 0.0))
    layers = _layers(frames, {"first": first, "second": second, "output": silent})
    recording = Recording(image, 8, _answer(layers), DIGITS, frames[:, 0], "image", layers)
    return _result("mnist", "handwritten digits of 28 by 28 pixels", recording, train=4000, test=1000), recording


def _vowels() -> tuple[dict[str, Any], Recording]:
    frames = torch.sin(torch.linspace(0, 5, 20)[:, None] * torch.linspace(0.5, 1.5, 12)) * torch.linspace(2, 0.3, 12)
    between = (frames[:-1] + frames[1:]) / 2
    steps = torch.cat([torch.stack([frames[:-1], between], dim=1).flatten(0, 1), frames[-1:]])
    layers = _layers(steps.unsqueeze(1), {"hidden": nn.Linear(12, 100), "output": _to(100, 9)})
    recording = Recording(frames, 4, _answer(layers), SPEAKERS, steps, "sequence", layers)
    return _result("vowels", "Japanese vowels, by speaker", recording, train=270, test=370), recording


RUNS: dict[str, Callable[[], tuple[dict[str, Any], Recording]]] = {
    "digits": _digits,
    "mnist": _mnist,
    "vowels": _vowels,
}


def _disc(size: int) -> Tensor:
    """Return an image of a bright disc, ``[1, size, size]``."""
    across = torch.linspace(-1, 1, size)
    return (3 - 4 * (across**2 + across[:, None] ** 2).sqrt()).clamp(0, 1).unsqueeze(0)


def _to(inputs: int, outputs: int) -> nn.Linear:
    """Return connections strong enough for neurons with few active inputs."""
    layer = nn.Linear(inputs, outputs)
    nn.init.normal_(layer.weight, std=3 / inputs**0.5)
    return layer


@torch.no_grad()
def _layers(values: Tensor, connections: Mapping[str, nn.Module]) -> tuple[LayerRecording, ...]:
    """Return recordings of leaky neurons after each of some connections; thresholds differ in the output layer."""
    layers = []
    for name, connection in connections.items():
        connected = connection(values.flatten(0, 1)).unflatten(0, values.shape[:2])
        threshold = torch.linspace(0.5, 1.5, connected.shape[-1]) if name == "output" else torch.tensor(0.3)
        values, states = snn.Leaky(beta=0.9, threshold=threshold).unroll(connected, trace=True)
        layers.append(LayerRecording(name, values[:, 0], states.mem[:, 0], threshold))
    return tuple(layers)


def _answer(layers: tuple[LayerRecording, ...]) -> int | None:
    counts = layers[-1].spk.sum(0)
    return int(counts.argmax()) if counts.any() else None


def _result(task: str, title: str, recording: Recording, train: int, test: int) -> dict[str, Any]:
    """Return numbers that are consistent with each other, for the recorded layers."""
    classes = len(recording.classes)
    each, silent = divmod(test, classes)
    right = torch.eye(classes, dtype=torch.int64)
    confusion = ((each - 2) * right + 2 * right.roll(1, dims=1)).tolist()
    return {
        "task": task,
        "title": title,
        "command": f"snn demo --task {task} --seed 3 --epochs 20",
        "test_accuracy": classes * (each - 2) / test,
        "train_accuracy": 0.999,
        "test_silent": silent / test,
        "samples": {"train": train, "test": test},
        "seconds": {"training": 1234.5},
        "settings": {"seed": 3, "epochs": 20, "batch": 64, "learning_rate": 0.005, "beta": 0.9},
        "versions": {"snn": "0.5.0", "snn-core": "0.5.0", "torch": "2.13.0", "a-package-of-a-long-name": "1.0"},
        "manifest": {
            "seed": 3,
            "data_sha256": "0123456789abcdef" * 4,
            "threads": 1,
            "cpu": "A processor of a rather long name @ 2.70GHz, AVX512",
            "platform": "Linux-6.1.0-x86_64-with-glibc2.41",
            "kernels": [f"{layer.name}: fused <because it can be>" for layer in recording.layers],
            "weights_sha256": "fedcba9876543210" * 4,
        },
        "history": {
            "loss": [2.3 * 0.8**epoch for epoch in range(20)],
            "accuracy": [1 - 0.9 * 0.7**epoch for epoch in range(20)],
        },
        "classes": list(recording.classes),
        "confusion": confusion,
        "layers": [_busy(layer) for layer in recording.layers],
    }


def _busy(layer: LayerRecording) -> dict[str, Any]:
    rates = layer.spk.flatten(1).mean(0)
    return {
        "name": layer.name,
        "neurons": len(rates),
        "rate": rates.mean().item(),
        "dead": int((rates == 0).sum()),
        "saturated": int((rates == 1).sum()),
        "synops": 123.25 * len(rates),
        "macs": 0.0,
        "dense": 1000.0 * len(rates),
        "rates": rates.tolist(),
    }
