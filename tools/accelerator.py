"""An accelerator without values, for tests of how a program uses a device that this machine does not have.

Its tensors have a shape, a dtype, gradients, and a device that is neither the CPU nor meta. Operations that need their
values, or mix them with CPU tensors, raise an error.
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
_kernels: list[torch.library.Library] = []  # kernels exist as long as a library is referenced


class OnlyOn(TorchDispatchMode):
    """A mode in which an operation fails if it reads or makes numbers on another type of device."""

    def __init__(self, device: str) -> None:
        super().__init__()
        self.device = device

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for tensor in tree_leaves((args, kwargs, out)):
            if isinstance(tensor, Tensor) and tensor.numel():
                assert tensor.device.type == self.device, f"{func} uses a tensor on {tensor.device}"
        return out


class _Backend(_DummyBackendModule):
    """A stand-in with the part of ``torch.cuda`` that ``torch.utils.checkpoint`` uses."""

    device = nullcontext

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        """Return the dtypes that autocast supports."""
        return [torch.float16, torch.bfloat16]

    def get_rng_state(self, device: Any = None) -> None:
        """Return None: no random numbers are drawn, so there is no state."""

    def set_rng_state(self, state: None, device: Any = None) -> None:
        """Do nothing, as there is no state to restore."""


class Accelerator(FakeTensorMode):
    """A mode in which no tensor has values, so that tensors on the accelerator can exist."""

    avoid_device_init = True  # a constant copied to it stays a tensor without values


def backward_here() -> Any:
    """Return a context in which gradients are computed in this thread, where the modes that check them are active."""
    return torch.autograd.set_multithreading_enabled(False)


def register() -> None:
    """Register the accelerator with torch for the rest of the process; call it before any gradient is computed."""
    _setup_privateuseone_for_python_backend(NAME, _Backend())
    _kernels.append(torch.library.Library("aten", "IMPL"))
    _kernels[0].impl("_assert_async.msg", lambda condition, message: None, "PrivateUse1")


def moved(net: nn.Module) -> nn.Module:
    """Move the parameters and buffers of a net that was made outside the mode to the accelerator, in place."""
    for module in net.modules():
        for name, parameter in module._parameters.items():
            if parameter is not None:
                module._parameters[name] = nn.Parameter(of(parameter).detach(), parameter.requires_grad)
        for name, buffer in module._buffers.items():
            if buffer is not None:
                module._buffers[name] = of(buffer)
    return net


def of(tensor: Tensor) -> Tensor:
    """Return a tensor on the accelerator like one on the CPU."""
    same = {"dtype": tensor.dtype, "requires_grad": tensor.requires_grad}
    return torch.empty_strided(tensor.shape, tensor.stride(), device=NAME, **same)


def run(config: Any, file: Path) -> None:
    """Run the tests of a file in another process; the file first calls ``register`` to make the accelerator."""
    command = [sys.executable, "-m", "pytest", "-q", "-c", str(config.inipath), "--rootdir", str(config.rootpath)]
    process = subprocess.run(
        [*command, "-p", "no:cacheprovider", str(file)], capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stdout + process.stderr
