"""The benchmark on a GPU, where there is none: what it refuses, asks, writes, and how its workers answer."""

from __future__ import annotations

import dataclasses
import json
import sys
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

import gpus
from bench import data, gpu, gpu_worker, layers, measure
from bench.gpu_worker import GpuWorker
from bench.peers import trial
from bench.peers.registry import PEERS
from bench.process import Plan
from bench.workloads import WORKLOADS

CARD = {"gpu": "Made-up 9000", "architecture": "sm_90", "multiprocessors": 7, "gpu_memory_gb": 5, "toolkit": "CUDA 1.2"}


@pytest.mark.parametrize(
    ("cuda", "says"), [(None, "is a build for CPUs; install one for CUDA or ROCm"), ("12.8", "sees none; see whether")]
)
def test_without_a_gpu_nothing_is_measured_or_written_and_the_code_is_3(cuda, says, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(torch.version, "cuda", cuda)
    monkeypatch.setattr(torch.version, "hip", None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert gpu.main(["--out", str(tmp_path / "a.json"), "--page", str(tmp_path / "a.md")]) == 3
    output = capsys.readouterr()
    assert output.err.startswith(f"nothing is measured: no GPU: torch {torch.__version__} {says}")
    assert (output.out, list(tmp_path.iterdir())) == ("", [])


def test_a_driver_is_found_by_its_device_or_by_a_program_that_lists_a_gpu(monkeypatch, tmp_path):
    monkeypatch.setattr(gpus, "DEVICES", (str(tmp_path / "nvidia0"),))
    monkeypatch.setattr(gpus, "PROGRAMS", ("false", "no-such-program"))
    nothing = f"no GPU: there is neither {tmp_path / 'nvidia0'}, and neither false nor no-such-program lists one"
    assert gpus.missing() == nothing
    monkeypatch.setattr(gpus, "PROGRAMS", ("true",))
    assert gpus.missing() is None
    monkeypatch.setattr(gpus, "PROGRAMS", ())
    (tmp_path / "nvidia0").touch()
    assert gpus.missing() is None


class Made:
    """A worker that answers with made-up numbers: the peers take 1, 2, 3, ... ms forward, and twice that backward."""

    modules: ClassVar[set[str]] = set()

    def __init__(self, peer: str, python: str, threads: int, module: str) -> None:
        self.modules.add(module)
        self.peer, self.milliseconds = peer, 1 + list(PEERS).index(peer)

    def __enter__(self) -> Made:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def ask(self, do: str, data: str = "", **_: Any) -> dict[str, Any]:
        if do == "hello":
            return {"versions": {"torch": "2.99", "triton": "3.99"}, "kernels": ["triton: 12 neurons"]}
        if do == "result":
            spk = np.eye(8)[:, None] > 0
            # snnTorch is made to give other spikes
            measure.data.save(measure.pathlib.Path(data), {"spk": ~spk if self.peer == "snntorch" else spk})
            measure.data.save(measure.pathlib.Path(data), {"gradient": np.ones(3)})
        forward = self.milliseconds / 1e3
        answers = {"train": {"forward": forward, "backward": 2 * forward}, "infer": {"forward": forward}}
        answers |= {"memory": {"megabytes": 10 * self.milliseconds}, "stages": {"reason": "no profile"}}
        return answers.get(do, {})


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    """A whole run, with made-up workers and a made-up card, as its JSON file holds it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measure, "Process", Made)
        patch.setattr(gpu, "_card", lambda: CARD)
        patch.setattr(data, "arrays", lambda workload: {})
        plan = Plan(rounds=3, seconds=0.0, threads=0)
        results = gpu.measured({"": "python", "snntorch": "python"}, {"spikingjelly": "uv could not install it"}, plan)
    return json.loads(json.dumps(results))


def test_every_workload_is_asked_of_every_peer_in_a_process_of_its_own_on_the_gpu(results):
    assert Made.modules == {"bench.gpu_worker"}
    assert {name.partition("-")[0].rstrip("abcd") for name in results["workloads"]} == {"W1", "W2", "W3", "W4", "W5"}
    for workload in results["workloads"].values():
        assert workload["peers"].keys() == {"snn", "snn-steps", "torch", "snntorch"}
        assert workload["peers"]["snn"]["train"] == {"forward": [0.001] * 3, "backward": [0.002] * 3}
        assert "not timed: " in workload["peers"]["snntorch"]["reason"]


def test_the_page_has_times_ratios_memory_the_card_and_why_something_is_missing(results):
    text = gpu.page(results)
    for part in (
        "on one machine: Made-up 9000. It does not apply to other cards.",
        "Made-up 9000 (sm_90, 7 multiprocessors)",
        "triton: 12 neurons",
        "torch 2.99, triton 3.99",
        "- SpikingJelly `m`: uv could not install it\n",
        "- snnTorch, W1a, W1b, W1c, W1d, W2, W3, W4, W5-500, W5-2000: not timed: 100 % of its spikes differ",
    ):
        assert part in text
    assert "floor" not in text
    first = next(layers.every(results, gpu._machine(results)))
    row = dict(zip(first.head, first.rows[0], strict=True))
    plain = 1 + list(PEERS).index("torch")
    assert row["snn, ms"] == "3 (3–3)"
    assert row["plain PyTorch loop"] == f"{plain}× ({plain}–{plain})"


def test_the_files_are_written_where_they_are_asked_for(results, monkeypatch, tmp_path):
    monkeypatch.setattr(gpus, "unseen", lambda: None)
    monkeypatch.setattr(gpu, "measured", lambda pythons, absent: {**results, "asked": [pythons, absent]})
    files = ["--out", str(tmp_path / "dist" / "a.json"), "--page", str(tmp_path / "docs" / "a.md")]
    assert gpu.main(["--python", "snntorch=/a/python", "--absent", "spikingjelly=no wheel = no peer", *files]) == 0
    written = json.loads((tmp_path / "dist" / "a.json").read_text(encoding="utf-8"))
    assert written["asked"] == [{"": sys.executable, "snntorch": "/a/python"}, {"spikingjelly": "no wheel = no peer"}]
    assert (tmp_path / "docs" / "a.md").read_text(encoding="utf-8") == gpu.page(results)


class Event:
    """An event of a GPU that is always 250 ms after the one before."""

    count = 0

    def __init__(self, enable_timing: bool) -> None:
        assert enable_timing
        self.waited = False

    def record(self) -> None:
        Event.count += 1
        self.at = 250.0 * Event.count

    def synchronize(self) -> None:
        self.waited = True

    def elapsed_time(self, end: Event) -> float:
        assert end.waited or self.at < end.at < 250.0 * Event.count
        return end.at - self.at


def test_times_on_a_gpu_are_those_between_events_after_the_last_is_waited_for(monkeypatch):
    monkeypatch.setattr(torch.cuda, "Event", Event)
    marks = [trial.mark(torch.device("cuda")) for _ in range(3)]
    assert trial.seconds(*marks) == (0.25, 0.25)
    assert [event.waited for event in marks] == [False, False, True]


def test_a_worker_moves_its_trial_and_weighs_by_the_allocator_of_the_device(monkeypatch, tmp_path):
    monkeypatch.setattr(gpu_worker, "DEVICE", "cpu")
    held = iter([2 * 2**20, 5 * 2**20])
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda: None)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda: next(held))
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: next(held))
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    small = dataclasses.replace(WORKLOADS["W2"], steps=7, batch=3)
    data.save(tmp_path, data.arrays(small))
    request = {"workload": dataclasses.asdict(small), "data": str(tmp_path)}
    worker = GpuWorker("torch", torch.get_num_threads())
    assert worker.hello()["versions"].keys() >= {"python", "torch", "snn-triton"}
    assert worker.prepare(**request) == {}
    assert worker.trial.xs.device.type == "cpu"
    assert torch.backends.cudnn.allow_tf32 is False
    assert min(worker.train(0.0).values()) > 0
    assert worker.memory(**request, call="train") == {"megabytes": 3.0}
    with pytest.raises(NotImplementedError, match="no profile"):
        worker.stages()


@pytest.mark.parametrize("name", ["W1a", "W1a-learned", "W2", "W4"])
def test_a_trial_moves_whole_with_every_tensor_that_it_has(name):
    small = dataclasses.replace(WORKLOADS[name], steps=2, batch=3)
    from bench.peers.snn_unroll import make

    trial = make(small, data.arrays(small))
    needed = [tensor.requires_grad for tensor in trial._learned]
    trial.to("meta")
    assert [tensor.requires_grad for tensor in trial._learned] == needed
    tensors = [trial.xs, trial._upstream, *trial._learned, *trial.net.parameters(), *trial.net.buffers()]
    assert {tensor.device.type for tensor in tensors} == {"meta"}
    assert trial._learned[0].is_leaf
