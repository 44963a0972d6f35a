"""One library on a GPU, in a process of its own: the worker of `bench.worker`, with its trial on the device."""

from __future__ import annotations

import gc
from typing import Any

from bench import machine
from bench.peers.registry import PEERS
from bench.worker import Worker, answer

DEVICE = "cuda"  # PyTorch for ROCm calls its devices so too
# distributions that may bring kernels to a peer
_KERNELS = ("snn-triton", "triton", "triton-rocm", "pytorch-triton-rocm", "cupy-cuda12x", "cupy-cuda13x")


class GpuWorker(Worker):
    """Answers the requests about one peer; times are those of events on the device, memory that of its allocator."""

    def hello(self) -> dict[str, Any]:
        """Import the library; return the versions that matter, including those of kernel compilers."""
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
        """Return the peak of one ``"train"`` or ``"infer"`` above the memory that the process had on the device before.

        A call before it lets the library compile and set up what it keeps.
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
        """Return no limits: none are measured on a GPU."""
        return {}

    def stages(self) -> dict[str, Any]:
        """Raise a NotImplementedError: no profile is taken on a GPU."""
        raise NotImplementedError("no profile is taken on a GPU")


if __name__ == "__main__":
    answer(PEERS, GpuWorker)
