"""One library on a GPU, in a process of its own: the worker of `bench.worker`, with its trial on the device."""

from __future__ import annotations

import gc
from typing import Any

from bench import machine
from bench.peers.registry import PEERS
from bench.worker import Worker, answer

DEVICE = "cuda"  # PyTorch for ROCm calls its devices so too
# what brings kernels to a peer, by the names that it may have
_KERNELS = ("snn-triton", "triton", "triton-rocm", "pytorch-triton-rocm", "cupy-cuda12x", "cupy-cuda13x")


class GpuWorker(Worker):
    """Answers the requests about one peer; times are those of events on the device, memory that of its allocator."""

    def hello(self) -> dict[str, Any]:
        """Import the library; the versions that matter, those of what compiles kernels among them."""
        answer = super().hello()
        answer["versions"] |= {name: version for name in _KERNELS if (version := machine.version(name))}
        return answer

    def prepare(self, workload: dict[str, Any], data: str, **options: Any) -> dict[str, Any]:
        """Build the net and move it, its input and the gradient of its output to the device."""
        import torch

        torch.backends.cudnn.allow_tf32 = False  # its 10 bits give other spikes in every library
        super().prepare(workload, data, **options)
        self.trial.to(DEVICE)
        return {}

    def memory(self, workload: dict[str, Any], data: str, call: str) -> dict[str, Any]:
        """Peak of one ``"train"`` or ``"infer"`` above what its process held on the device before.

        One call before it is for what a library compiles, sets up once and keeps.
        """
        import torch

        self.prepare(workload, data)
        run = getattr(self.trial, call)
        run()
        self.trial.forget()
        gc.collect()
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        run()
        torch.cuda.synchronize()
        return {"megabytes": (torch.cuda.max_memory_allocated() - before) / 2**20}

    def limits(self) -> dict[str, Any]:
        """None are measured on a GPU."""
        return {}

    def stages(self) -> dict[str, Any]:
        """No profile is taken on a GPU."""
        raise NotImplementedError("no profile is taken on a GPU")


if __name__ == "__main__":
    answer(PEERS, GpuWorker)
