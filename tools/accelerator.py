"""An accelerator without numbers, for tests of what a program asks of a device that this machine does not have.

Tensors on it have a shape, a dtype and a device that is neither the CPU nor meta, and gradients. What needs their
numbers, or mixes them with tensors of the CPU, is an error.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.backend_registration import _DummyBackendModule, _setup_privateuseone_for_python_backend

NAME = "imagined"
_kernels: list[torch.library.Library] = []  # which are there as long as they are held


class OnlyOn(TorchDispatchMode):
    """Fails where an operation reads or makes numbers on another type of device."""

    def __init__(self, device: str) -> None:
        super().__init__()
        self.device = device

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for tensor in tree_leaves((args, kwargs, out)):
            if isinstance(tensor, Tensor) and tensor.numel():
                assert tensor.device.type == self.device, f"{func} on {tensor.device}"
        return out


class _Backend(_DummyBackendModule):
    """A stand-in with the part of ``torch.cuda`` that checkpoints of autograd use."""

    device = nullcontext

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        """Return the dtypes of autocast."""
        return [torch.float16, torch.bfloat16]

    def get_rng_state(self, device: Any = None) -> None:
        """Nothing is drawn, so that there is no state."""

    def set_rng_state(self, state: None, device: Any = None) -> None:
        """Nothing to put back."""


class Accelerator(FakeTensorMode):
    """Makes every tensor one without numbers, so that those on the accelerator can be."""

    avoid_device_init = True  # a constant copied to it stays a tensor without numbers


def backward_here() -> Any:
    """Compute gradients in this thread, where the modes are that look at them, as long as a block lasts."""
    return torch.autograd.set_multithreading_enabled(False)


def register() -> None:
    """Tell torch of the accelerator, before any gradient is computed and for the rest of the process."""
    _setup_privateuseone_for_python_backend(NAME, _Backend())
    _kernels.append(torch.library.Library("aten", "IMPL"))
    _kernels[0].impl("_assert_async.msg", lambda condition, message: None, "PrivateUse1")


def moved(net: nn.Module) -> nn.Module:
    """Put the parameters and buffers of a net, which was made outside of the mode, on the accelerator, in place."""
    for module in net.modules():
        for name, parameter in module._parameters.items():
            if parameter is not None:
                module._parameters[name] = nn.Parameter(of(parameter).detach(), parameter.requires_grad)
        for name, buffer in module._buffers.items():
            if buffer is not None:
                module._buffers[name] = of(buffer)
    return net


def of(tensor: Tensor) -> Tensor:
    """Return a tensor of the accelerator, like one of the CPU."""
    same = {"dtype": tensor.dtype, "requires_grad": tensor.requires_grad}
    return torch.empty_strided(tensor.shape, tensor.stride(), device=NAME, **same)


def run(config: Any, file: Path) -> None:
    """Run the tests of a file, which calls ``register`` first, in a process in which there is the accelerator."""
    command = [sys.executable, "-m", "pytest", "-q", "-c", str(config.inipath), "--rootdir", str(config.rootpath)]
    process = subprocess.run(
        [*command, "-p", "no:cacheprovider", str(file)], capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stdout + process.stderr
