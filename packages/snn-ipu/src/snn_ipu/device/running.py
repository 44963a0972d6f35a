"""Programs that train and infer: through PopTorch if it is available, else on the CPU with the same splitting."""

from __future__ import annotations

from typing import Any, Callable

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from snn_ipu.device.place import Place, Settings, placed
from snn_ipu.device.sdk import IpuUnavailable
from snn_ipu.program.graph import Graph, structured
from snn_ipu.program.losses import loss
from snn_ipu.program.operations import DTYPES

__all__ = ["OPTIMIZERS", "Inference", "Training", "inference", "training"]

OPTIMIZERS = ("SGD", "Adam", "AdamW", "RMSprop", "LAMB")
"""The optimizers that PopTorch can compile."""


class _Run:
    """The base of training and inference: the place of the program, and the checks of an input."""

    def __init__(self, graph: Graph, settings: Settings, place: Place, model: Any) -> None:
        self.graph = graph
        self.settings = settings
        self.model = model
        self._place = place

    def _checked(self, x: Tensor) -> Tensor:
        expected = DTYPES[self.graph.description["input"]["dtype"]]
        if x.dtype != expected:
            raise ValueError(f"IPU009: the program was made for {expected} input, got {x.dtype}; pass x.to({expected})")
        self.graph.must_fit(x)
        if x.shape[0] % self.settings.split or not x.shape[0]:
            raise ValueError(
                f"IPU008: a batch of {x.shape[0]} is not divisible by device_iterations * gradient_accumulation * "
                f"replication_factor = {self.settings.split}; pass a multiple of it"
            )
        if self.settings.target == "offline":
            raise IpuUnavailable("target='offline' only compiles: call .model.compileAndExport(file, ...)")
        return x.half() if self.settings.half else x


class Training(_Run):
    """Training steps of a program; made by ``Program.training``."""

    def __init__(self, graph: Graph, settings: Settings, place: Place, model: Any, optimizer: Any) -> None:
        super().__init__(graph, settings, place, model)
        self.optimizer = optimizer
        self._is_ahead = False  # True if a device has newer weights than the program

    def __call__(self, x: Tensor, labels: Tensor) -> tuple[Any, Tensor]:
        """Take the training steps of one batch.

        Args:
            x: Input, ``[batch, T, ...]``.
            labels: Labels, ``[batch]``, integers from 0 to the number of classes - 1.

        Returns:
            ``(outputs, loss)`` of the batch's last part.

        Raises:
            TypeError: If the labels are not integers.
            ValueError: If the batch is not divisible (IPU008), the dtype (IPU009) or T (IPU010) is wrong, or a label
                is not a class.
        """
        if labels.shape != x.shape[:1]:
            raise ValueError(f"labels has shape {tuple(labels.shape)}; pass one for each of {x.shape[0]} samples")
        self._check_labels(labels)
        x = self._checked(x)
        self.graph.train()
        if self._place.poptorch is not None:
            result = self.model(x, labels)
            self._is_ahead = True
            return result
        parts = list(zip(x.chunk(self.settings.split), labels.chunk(self.settings.split)))
        step = self.settings.gradient_accumulation * self.settings.replication_factor
        outputs, value = None, x.new_zeros(())
        for start in range(0, len(parts), step):
            self.optimizer.zero_grad()
            for part in parts[start : start + step]:
                outputs, value = self.model(*part)
                (value / step).backward()
            self.optimizer.step()
        return tree_map(Tensor.detach, outputs), value.detach()

    def _check_labels(self, labels: Tensor) -> None:
        if labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
            raise TypeError(f"labels has dtype {labels.dtype}; labels are integers: pass labels.long()")
        classes = self.graph.description["loss"].get("classes")
        if classes is None:  # a bundle of snn-ipu 0.5 does not record them
            return
        unknown = (labels < 0) | (labels >= classes)
        if unknown.any():
            raise ValueError(
                f"labels contains {labels[unknown][0].item()}; with {classes} classes, a label must be in "
                f"[0, {classes - 1}]"
            )

    def fetch_weights(self) -> bool:
        """Copy the weights from the device to the program if the device has newer ones; return True if it had."""
        is_ahead, self._is_ahead = self._is_ahead, False
        if is_ahead:
            self.model.copyWeightsToHost()
        return is_ahead


class Inference(_Run):
    """Outputs of a program; made by ``Program.inference``."""

    def __init__(self, graph: Graph, settings: Settings, place: Place, model: Any, update: Callable[[], None]) -> None:
        super().__init__(graph, settings, place, model)
        self._update = update
        self._is_compiled = False

    def __call__(self, x: Tensor) -> Any:
        """Return the outputs of a batch.

        Args:
            x: Input, ``[batch, T, ...]``.

        Returns:
            Outputs ``[batch, T, ...]``, in the structure that the net returned.

        Raises:
            ValueError: If the batch is not divisible (IPU008), or the dtype (IPU009) or T (IPU010) is wrong.
        """
        x = self._checked(x)
        self._update()
        self.graph.eval()
        if self._place.poptorch is not None:
            self._is_compiled = True
            return self.model(x)
        with torch.no_grad():
            parts = [self.graph.flat(part) for part in x.chunk(self.settings.split)]
        return structured(self.graph.description["output"], [torch.cat(column) for column in zip(*parts)])

    def send_weights(self) -> None:
        """Copy the weights of the program to the device, if it has older ones."""
        if self._is_compiled:
            self.model.copyWeightsToDevice()


class _Placed(nn.Module):
    """The base of programs as PopTorch compiles them, with the operator and the stages of their place."""

    def __init__(self, graph: Graph, place: Place) -> None:
        super().__init__()
        self.graph = graph
        self._op, self._stage = place.op, place.stage


class _Outputs(_Placed):
    """A program that returns its outputs."""

    def forward(self, x: Tensor) -> Any:
        return self.graph(x, self._op, self._stage)


class _WithLoss(_Placed):
    """A program that also returns its loss, by which PopTorch finds the value to differentiate."""

    def __init__(self, graph: Graph, place: Place) -> None:
        super().__init__(graph, place)
        self._mark: Callable[..., Tensor] | None = None if place.poptorch is None else place.poptorch.identity_loss

    def forward(self, x: Tensor, labels: Tensor) -> tuple[Any, Tensor]:
        flat = self.graph.flat(x, self._op, self._stage)
        value = loss(flat, labels, self.graph.description["loss"])
        outputs = structured(self.graph.description["output"], flat)
        return outputs, value if self._mark is None else self._mark(value, reduction="none")


def training(graph: Graph, optimizer: Any, settings: Settings) -> Training:
    """Return the function of ``Program.training``."""
    if graph.description["loss"] is None:
        raise ValueError(
            "IPU006: the program has no loss; export it with one, such as export(net, example, path, loss='ce_rate')"
        )
    name = type(optimizer).__name__
    if name not in OPTIMIZERS:
        raise ValueError(f"IPU007: PopTorch cannot compile the optimizer {name}; take one of {', '.join(OPTIMIZERS)}")
    place = placed(graph, settings)
    model: Any = _WithLoss(graph, place)
    if place.poptorch is not None:
        place.options.Training.gradientAccumulation(settings.gradient_accumulation)
        model = place.poptorch.trainingModel(model, options=place.options, optimizer=optimizer)
    return Training(graph, settings, place, model, optimizer)


def inference(graph: Graph, settings: Settings, update: Callable[[], None]) -> Inference:
    """Return the function of ``Program.inference``; ``update`` fetches the weights that devices have trained."""
    if settings.gradient_accumulation != 1:
        raise ValueError(
            f"gradient_accumulation is {settings.gradient_accumulation}; inference has no gradients, so leave it at 1"
        )
    place = placed(graph, settings)
    model: Any = graph
    if place.poptorch is not None:
        model = place.poptorch.inferenceModel(_Outputs(graph, place).eval(), options=place.options)
    return Inference(graph, settings, place, model, update)
