"""A lowered net and its uses: train, infer, save."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterator

import torch
from torch import Tensor, nn

from snn_ipu.device.place import Settings
from snn_ipu.device.running import Inference, Training, inference, training
from snn_ipu.program import arrays
from snn_ipu.program.bundle import read_bundle
from snn_ipu.program.graph import Graph
from snn_ipu.program.operations import DTYPES

__all__ = ["Program", "load", "weights"]


class Program:
    """A net as a static graph of primitives, made by ``lower`` or ``load``.

    When called, it runs on the CPU with autograd, like any module.

    Args:
        description: The content of a bundle's ``program.json``.
        tensors: The tensors that the description names.

    Shape:
        input ``[batch, T, ...]``, or ``[batch, ...]`` in [0, 1] with rate coding; outputs ``[batch, T, ...]``, in the
        structure that the net returned.

    Example:
        >>> import snn_core as snn
        >>> from snn_ipu import lower
        >>> net = nn.Sequential(nn.Linear(3, 2), snn.Leaky(beta=0.9, init_hidden=True))
        >>> program = lower(net, torch.rand(5, 4, 3))
        >>> program(torch.rand(4, 5, 3)).shape
        torch.Size([4, 5, 2])
    """

    def __init__(self, description: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        self.description = description
        self.graph: Graph = Graph(description, tensors)
        self._trainings: list[Training] = []
        self._inferences: list[Inference] = []

    def __call__(self, x: Tensor) -> Any:
        self._fetch_weights()
        return self.graph(x)

    def parameters(self) -> Iterator[nn.Parameter]:
        """Return the learned tensors, for an optimizer."""
        return self.graph.parameters()

    def training(self, optimizer: torch.optim.Optimizer, **settings: Any) -> Training:
        """Return a function of ``(x, labels)`` that takes training steps and returns ``(outputs, loss)``.

        Args:
            optimizer: SGD, Adam, AdamW, RMSprop (torch's or PopTorch's) or LAMB, over :meth:`parameters`.
            **settings: Settings of :class:`~snn_ipu.device.place.Settings`.

        Returns:
            The function. Every call takes ``device_iterations`` steps, each with the mean gradient of
            ``gradient_accumulation * replication_factor`` parts of the batch, and returns the outputs of the last part;
            on an IPU, the outputs of the last part of every copy.

        Raises:
            IpuUnavailable: If the target, or the requested compiled operator, is not available here.
            TypeError: If there is no such setting.
            ValueError: If the program has no loss (IPU006), the optimizer is not supported (IPU007), or a setting is
                out of range.

        Example:
            >>> import snn_core as snn
            >>> from snn_ipu import lower
            >>> net = nn.Sequential(nn.Linear(3, 2), snn.Leaky(beta=0.9, init_hidden=True))
            >>> program = lower(net, torch.rand(5, 4, 3), loss="ce_rate")
            >>> step = program.training(torch.optim.SGD(program.parameters(), 0.1), target="cpu")
            >>> outputs, loss = step(torch.rand(4, 5, 3), torch.tensor([0, 1, 1, 0]))
        """
        self._fetch_weights()
        result = training(self.graph, optimizer, Settings.of(settings))
        self._trainings.append(result)
        return result

    def inference(self, **settings: Any) -> Inference:
        """Return a function of ``x`` that computes the outputs of the whole batch.

        Args:
            **settings: Settings of :class:`~snn_ipu.device.place.Settings`; ``gradient_accumulation`` must be 1.

        Returns:
            The function.

        Raises:
            IpuUnavailable: If the target, or the requested compiled operator, is not available here.
            TypeError: If there is no such setting.
            ValueError: If a setting is out of range.

        Example:
            >>> import snn_core as snn
            >>> from snn_ipu import lower
            >>> program = lower(snn.Leaky(beta=0.9, init_hidden=True), torch.rand(5, 4, 3))
            >>> program.inference(target="cpu", device_iterations=2)(torch.rand(4, 5, 3)).shape
            torch.Size([4, 5, 3])
        """
        result = inference(self.graph, Settings.of(settings), self._fetch_weights)
        self._inferences.append(result)
        return result

    def save(self, path: str | Path) -> None:
        """Write all weights under the names of the original net's ``state_dict``, from the device if one has them.

        Args:
            path: An ``.npz`` file, which :func:`weights` reads.

        Raises:
            OSError: If it cannot be written.
        """
        self._fetch_weights()
        arrays.write(path, self.state())

    def _fetch_weights(self) -> None:
        """Copy weights that a device has trained to the program, and on to the devices that infer."""
        fetched = [run.fetch_weights() for run in self._trainings]
        if any(fetched):
            for run in self._inferences:
                run.send_weights()

    def tensors(self) -> dict[str, Tensor]:
        """Return every tensor that the description names, in its dtype."""
        description, held = self.description["weights"], self.graph.weights()
        return {name: held[f"w:{name}"].detach().to(DTYPES[description[name]["dtype"]]) for name in description}

    def state(self) -> dict[str, Tensor]:
        """Return the weights under the names, and in the dtypes, of the original net's ``state_dict``."""
        description, tensors = self.description["weights"], self.tensors()
        kept = {name: tensor for name, tensor in tensors.items() if not description[name]["constant"]}
        return {**kept, **{alias: tensors[name] for alias, name in self.description["aliases"].items()}}


def load(path: str | Path) -> Program:
    """Load a bundle.

    Args:
        path: The folder that ``export`` wrote.

    Returns:
        The program.

    Raises:
        BundleError: If the bundle is incomplete, damaged, of another version, or asks for an unknown operation.

    Example:
        >>> import tempfile
        >>> import snn_core as snn
        >>> from snn_ipu import export
        >>> folder = tempfile.mkdtemp()
        >>> export(snn.Leaky(beta=0.9, init_hidden=True), torch.rand(5, 4, 3), folder)
        >>> load(folder)(torch.ones(1, 5, 3)).shape
        torch.Size([1, 5, 3])
    """
    return Program(*read_bundle(path))


def weights(path: str | Path) -> dict[str, Tensor]:
    """Read the weights that a program saved, for the original net: ``net.load_state_dict(weights(path))``.

    Args:
        path: The file that :meth:`Program.save` wrote.

    Returns:
        Tensors by the names of the net's ``state_dict``.

    Raises:
        ArrayError: If the file is damaged.
        OSError: If it cannot be read.

    Example:
        >>> import os, tempfile
        >>> import snn_core as snn
        >>> from snn_ipu import lower
        >>> net = snn.Leaky(beta=0.5, learn_beta=True, init_hidden=True)
        >>> file = os.path.join(tempfile.mkdtemp(), "trained.npz")
        >>> lower(net, torch.rand(5, 4, 3)).save(file)
        >>> net.load_state_dict(weights(file))
        <All keys matched successfully>
    """
    return arrays.read(path)
