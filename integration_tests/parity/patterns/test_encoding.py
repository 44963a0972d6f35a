"""Data turned into spikes: rate, latency and changes, and spikes for targets."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from .both import run, same, some_fire


def images() -> torch.Tensor:
    return torch.rand(3, 1, 6, 5)


def test_a_vector_of_rates_is_drawn_many_times() -> None:
    def program(snn: Any) -> dict[str, Any]:
        spikes = torch.bernoulli(torch.ones(7) * 0.5)
        return {"spk by torch": spikes, "spk": some_fire(snn.spikegen.rate_conv(torch.full((50,), 0.5)))}

    same(program)


@pytest.mark.parametrize("options", [{}, {"gain": 0.25}, {"gain": 0.5, "offset": 0.1, "first_spike_time": 2}], ids=str)
def test_images_are_rates_of_spikes(options: dict[str, Any]) -> None:
    def program(snn: Any) -> dict[str, Any]:
        spikes = some_fire(snn.spikegen.rate(images(), num_steps=9, **options))
        return {"spk": spikes, "image": spikes.mean(0)}

    same(program)


def test_a_sequence_of_images_is_a_sequence_of_rates() -> None:
    same(lambda snn: {"spk": some_fire(snn.spikegen.rate(torch.rand(7, 2, 5), time_var_input=True))})


@pytest.mark.parametrize(
    "options",
    [
        {"tau": 5, "threshold": 0.01, "bypass": True},
        {"tau": 5, "threshold": 0.01, "clip": True, "bypass": True},
        {"linear": True, "bypass": True},
    ],
    ids=str,
)
def test_a_brighter_pixel_fires_earlier(options: dict[str, Any]) -> None:
    same(lambda snn: {"spk": some_fire(snn.spikegen.latency(images(), num_steps=40, **options))})


@pytest.mark.parametrize("linear", [False, True])
def test_latencies_of_one_sample_fill_the_steps_there_are(linear: bool) -> None:
    options = {"tau": 5, "threshold": 0.01, "normalize": True, "linear": linear}
    same(lambda snn: {"spk": some_fire(snn.spikegen.latency(torch.rand(1, 30), num_steps=20, **options))})


def test_times_of_spikes_themselves() -> None:
    def program(snn: Any) -> dict[str, Any]:
        times, below = snn.spikegen.latency_code(torch.linspace(0, 1, 11), num_steps=20, tau=4)
        return {"times": times, "below": below}

    same(program)


@pytest.mark.parametrize("options", [{}, {"off_spike": True}, {"padding": True, "off_spike": True}], ids=str)
def test_only_changes_are_printed(options: dict[str, Any]) -> None:
    trace = torch.tensor([0, 1, 0, 2, 8, -20, 20, -5, 0, 1, 0]).float()
    same(lambda snn: {"spk": some_fire(snn.spikegen.delta(trace, threshold=4, **options))})


def test_labels_become_one_hot_rows() -> None:
    same(lambda snn: {"rows": snn.spikegen.to_one_hot(torch.tensor([0, 3, 2]), 4)})


def test_labels_come_back_from_one_hot_rows() -> None:
    """Documented: the peer numbers the rows."""
    result, expected = run(lambda snn: {"labels": snn.spikegen.from_one_hot(torch.eye(4)[[0, 3, 2]])})
    assert (result["labels"].tolist(), expected["labels"].tolist()) == ([0, 3, 2], [0, 1, 2])


@pytest.mark.parametrize(
    "options",
    [
        {"code": "rate", "correct_rate": 1, "incorrect_rate": 0, "firing_pattern": "regular"},
        {"code": "latency"},
        {"code": "rate", "correct_rate": 0.8, "incorrect_rate": 0.2, "interpolate": True, "on_target": 1.2},
    ],
    ids=str,
)
def test_labels_become_spikes_to_learn(options: dict[str, Any]) -> None:
    labels = torch.tensor([2, 0, 4])
    more = {"num_steps": 5} if options["code"] == "rate" else {"num_steps": 20}
    same(lambda snn: {"targets": snn.spikegen.targets_convert(labels, num_classes=5, **more, **options)})


def test_a_train_of_spikes_at_a_rate() -> None:
    def program(snn: Any) -> dict[str, Any]:
        times, spikes = snn.spikegen.target_rate_code(num_steps=12, rate=0.25, first_spike_time=2)
        return {"times": times, "spk": spikes}

    same(program)
