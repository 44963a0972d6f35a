"""The parts of the data, each read once into one tensor."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from snn_functional._fit.batches import Batches
from snn_functional._messages import fault, must
from snn_functional._steps import Steps


class Part(NamedTuple):
    """The samples of a part.

    Args:
        xs: The values ``[N, T, values]``, 0 after the end of a sample.
        features: Four numbers for each value ``[N, 4 * values]``.
        targets: Classes ``[N]``, or numbers ``[N, K]``.
        lengths: The number of steps ``[N]``.
    """

    xs: Tensor
    features: Tensor
    targets: Tensor
    lengths: Tensor

    def __str__(self) -> str:
        kind = "classes" if self.targets.dim() == 1 else f"{self.targets.shape[1]} numbers"
        return f"{self.xs.shape[2]} values per step and {kind} as targets"


class Scale(NamedTuple):
    """The mean of each column, and its standard deviation, or 1 if it is constant but for rounding."""

    mean: Tensor
    deviation: Tensor

    @classmethod
    def of(cls, rows: Tensor) -> Scale:
        """Return the scale of rows."""
        deviation, mean = torch.std_mean(rows, 0, correction=0)
        return cls(mean, deviation.where(deviation > 1e-6 * mean.abs(), 1.0))

    def __call__(self, rows: Tensor) -> Tensor:
        return (rows - self.mean) / self.deviation


def read_parts(data: dict[str, Any], num_steps: int | None, batch_size: int) -> dict[str, Part]:
    """Return the parts by name, with numbers of mean 0 and standard deviation 1 in ``train``, the first of them."""
    batches = {name: Batches(name, each, num_steps, batch_size, None) for name, each in data.items()}
    parts = {name: _read(name, each, still=num_steps is not None) for name, each in batches.items()}
    train = parts["train"]
    for name, part in parts.items():
        if str(part) != str(train):
            raise ValueError(fault(f"{name} has {part}, but train has {train}", "pass parts of one data set"))
        _check_targets(name, part.targets, train.targets)
    values, features = Scale.of(train.xs[_counted(train.xs, train.lengths).squeeze(2)]), Scale.of(train.features)
    targets = None if train.targets.dim() == 1 else Scale.of(train.targets)
    return {
        name: Part(
            values(part.xs) * _counted(part.xs, part.lengths),
            features(part.features),
            part.targets if targets is None else targets(part.targets),
            part.lengths,
        )
        for name, part in parts.items()
    }


def _read(name: str, batches: Batches, still: bool) -> Part:
    read: list[tuple[Tensor, Tensor, Tensor]] = []
    batches.start(0)
    for xs, targets, lengths in batches.on(torch.device("cpu"), False):
        if still:  # all steps are the same
            xs, lengths = xs[:1], None
        if xs.is_complex():
            raise TypeError(
                must(
                    f"the data of {name}", "contain real numbers", f"dtype {xs.dtype}", "pass torch.view_as_real(data)"
                )
            )
        rows = Steps(xs, lengths, None, name).only(xs).reshape(*xs.shape[:2], -1).transpose(0, 1).float()
        if read and rows.shape[2] != read[0][0].shape[2]:
            sizes = f"{read[0][0].shape[2]} values per step, and then {rows.shape[2]}"
            raise ValueError(must(name, "have samples of one size", sizes))
        lengths = torch.full(rows.shape[:1], len(xs)) if lengths is None else lengths
        read.append((rows, _targets(name, targets), lengths))
        for what, numbers in (("data", rows), ("targets", read[-1][1])):
            if not numbers.float().square().sum().isfinite():
                raise ValueError(
                    fault(f"{name} has NaN, infinity or huge numbers in its {what}", f"clean or scale the {what}")
                )
    lengths = torch.cat([lengths for _, _, lengths in read])
    longest = int(lengths.max())
    xs = torch.cat([F.pad(rows, (0, 0, 0, longest - rows.shape[1])) for rows, _, _ in read])
    return Part(xs, _features(xs, lengths), torch.cat([targets for _, targets, _ in read]), lengths)


def _targets(name: str, targets: Tensor) -> Tensor:
    """Return classes ``[batch]``, or numbers ``[batch, K]``."""
    if targets.is_floating_point():
        return targets.reshape(len(targets), -1).float()
    if targets.is_complex() or targets.dim() != 1:
        kind = f"{tuple(targets.shape)}, {targets.dtype}"
        raise ValueError(must(f"the targets of {name}", "be one class per sample, or floats", f"shape {kind}"))
    return targets.long()


def _check_targets(name: str, targets: Tensor, known: Tensor) -> None:
    if targets.dim() > 1:
        if not targets.var(0, correction=0).min() > 0:
            raise ValueError(
                fault(f"{name} has a target that does not vary, so that R² is not defined", "pass other samples")
            )
        return
    if targets.min() < 0:
        raise ValueError(must(f"the classes of {name}", "be counted from 0", f"class {int(targets.min())}"))
    absent = targets[~torch.isin(targets, known)]
    if len(absent):
        what = f"class {int(absent[0])}, of which train has no sample"
        raise ValueError(fault(f"{name} has {what}", "divide the data so that each class is in train"))


def _counted(xs: Tensor, lengths: Tensor) -> Tensor:
    """Return the steps that count ``[N, T, 1]``."""
    return (torch.arange(xs.shape[1]) < lengths.unsqueeze(1)).unsqueeze(2)


def _features(xs: Tensor, lengths: Tensor) -> Tensor:
    """Return the mean and standard deviation of each value over time, and the first and last step where it is not 0."""
    number, times = lengths.unsqueeze(1), torch.arange(1, xs.shape[1] + 1).unsqueeze(1)
    mean = xs.sum(1) / number
    deviation = ((xs - mean.unsqueeze(1)).square() * _counted(xs, lengths)).sum(1).div(number).sqrt()
    first = times.where(xs != 0, number.unsqueeze(1) + 1).amin(1)
    return torch.cat([mean, deviation, first, times.where(xs != 0, 0).amax(1)], 1)
