"""Advice, before a net is trained, on which of its neurons and layers another framework reads."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from snn_core.results import Line, Result
from snn_core.sequence import Snapshot
from snn_nir.checking.called import first_calls
from snn_nir.checking.predicting import importer_of
from snn_nir.checking.reads import RANKS, TAKEN
from snn_nir.checking.rows import Advised, rows_of_graph, rows_of_layers
from snn_nir.codes import NIRError
from snn_nir.exporting.export import checked_samples, to_nir
from snn_nir.exporting.settings import Settings


@dataclass(frozen=True, repr=False)
class Advice(Result):
    """The result of :func:`advise`: a row for each layer, which prints as a table.

    Args:
        target: Name of the framework.
        release: Its release that the table of importers was made with.
        rows: The advice on each layer, in the order in which the net calls them. A row is a tuple of the path in the
            net, the class, the types of the nodes in NIR, the verdict (``"taken"``, ``"taken with a change"`` or ``"not
            read"``), the reason, and what to use instead.

    Example:
        >>> print(Advice("norse", "1.1.0", (Advised("0", "Linear", ("Affine",), "taken", "", ""),)))
        norse 1.1.0: 1 taken, 0 taken with a change, 0 not read
        layer       in NIR  norse  instead
        0 (Linear)  Affine  taken  -
    """

    target: str
    release: str
    rows: tuple[Advised, ...]

    @property
    def verdict(self) -> str:
        """The worst verdict of the rows."""
        return max((row.verdict for row in self.rows), key=RANKS.index, default=TAKEN)

    def to_dict(self) -> dict[str, Any]:
        """Return the advice as JSON data, with its verdict."""
        return {**super().to_dict(), "verdict": self.verdict}

    def _lines(self) -> list[Line]:
        verdicts = [row.verdict for row in self.rows]
        counts = ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in RANKS)
        head = ("layer", "in NIR", self.target, "instead")
        return [f"{self.target} {self.release}: {counts}", head, *(row.cells() for row in self.rows)]


def advise(
    net: nn.Module,
    target: str,
    sample: Tensor | tuple[Tensor | None, ...] | Sequence[int] | None = None,
    *,
    reset: str = "decomposed",
) -> Advice:
    """Say which neurons and layers of a net another framework reads, so that you can choose others before training.

    The net is exported by :func:`~snn_nir.to_nir`, in evaluation mode, and the nodes of each layer are looked up in the
    table of :func:`~snn_nir.predict`. If the export refuses the net, that is a row as well, and each layer is looked up
    as if it were alone. What to use instead comes from the same table: a candidate is named only if the target reads
    it better. The net, its states and the random generators do not change.

    Args:
        net: A module called with one time step.
        target: ``"snntorch"``, ``"norse"``, ``"spikingjelly"``, ``"sinabs"`` or ``"rockpool"``.
        sample: Shape of one sample of one step, as in ``(1, 28, 28)``; or the input of one step, as for ``to_nir``.
            None takes the number of features of the ``Linear`` that the net begins with.
        reset: How a reset by subtraction is written, as for ``to_nir``.

    Returns:
        A row for each layer: its path in the net, its nodes, whether the target reads them, and what to use instead.

    Raises:
        NIRError: A ``ValueError``: ``NIR217`` for an unknown target, ``NIR409`` for an unknown reset, ``NIR404`` or
            ``NIR405`` if the net cannot be called with the sample.
        ValueError: If the sample is left out and does not follow from the net, or its shape has no axis.
        TypeError: If ``net`` is not a module, or ``sample`` is neither a shape nor tensors.

    Example:
        >>> import snn_core as snn
        >>> net = nn.Sequential(nn.Linear(3, 2), snn.Leaky(beta=0.9, reset_mechanism="zero", init_hidden=True))
        >>> print(advise(net, "norse"))
        norse 1.1.0: 1 taken, 1 taken with a change, 0 not read
        layer       in NIR  norse                              instead
        0 (Linear)  Affine  taken                              -
        1 (Leaky)   LIF     taken with a change: r is ignored  Lapicque(beta=0.9, reset_mechanism='zero')
    """
    importer = importer_of(target)
    Settings(reset=reset)
    samples = checked_samples(net, _sample(net, sample), "advise")
    with torch.no_grad(), Snapshot(net).as_it_was(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net.eval()
        try:
            graph = to_nir(net, samples, reset=reset)
        except NIRError as error:
            rows = _rows_of_refused(net, samples, target, reset, error)
        else:
            rows = rows_of_graph(graph, first_calls(net, samples), target)
    return Advice(target, importer.release, tuple(rows))


def _rows_of_refused(
    net: nn.Module, samples: tuple[Tensor | None, ...], target: str, reset: str, refused: NIRError
) -> list[Advised]:
    try:
        called = first_calls(net, samples)
    except Exception:  # a user's code may raise anything on a sample that does not fit
        raise refused from None
    return rows_of_layers(called, target, reset, refused)


def _sample(net: Any, sample: Any) -> Any:
    """Return the input of one step for what the caller passes: a shape, an input, or nothing."""
    if not isinstance(net, nn.Module):
        return sample  # refused later
    if sample is None:
        first = next((module for module in net.modules() if not [*module.children()]), None)
        if not isinstance(first, nn.Linear):
            raise ValueError(
                "advise: sample must be a shape for a net that does not begin with a Linear, got None. "
                "Fix: pass the shape of one sample of one step, such as sample=(1, 28, 28)"
            )
        sample = (first.in_features,)
    if not isinstance(sample, list | tuple) or not all(isinstance(size, int) for size in sample):
        return sample
    if not sample:
        raise ValueError("advise: sample must have an axis, got (). Fix: pass a shape such as sample=(1, 28, 28)")
    like = next((p for p in net.parameters() if p.is_floating_point()), torch.empty(0))
    return like.new_zeros(1, *sample)
