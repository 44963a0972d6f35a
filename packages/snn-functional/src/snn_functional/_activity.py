"""The activity of a net in a run, in the autograd graph, for regularization."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import reduce
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.utils._pytree import tree_leaves

from snn_core import Recurrent
from snn_core.graph import Folding, ModuleCall, Observation, in_backward, input_of
from snn_core.neuron import Firing, WholeSequence, current
from snn_functional._device_checks import answers_at_once
from snn_functional._messages import fault
from snn_functional._recording import wide
from snn_functional._replica import check_net
from snn_functional.statistics.synops import COUNTED, fan_out, real_parts, weight_of


class _Call(NamedTuple):
    """A call of a layer: its input and its first result, and the order of their rows in a plan; empty for a reset."""

    module: Any
    x: Any = None
    out: Any = None
    folding: Folding | None = None


class Activity:
    r"""The firing rates and synaptic operations of a net in a ``with`` block, with gradients.

    Both are numbers of spikes, with the gradient of a sum of spikes, which the surrogates pass on. A graded or negative
    spike counts as one, with the gradient of its size. ``unroll`` runs all steps of a layer at once as it does without
    the block. Use a new one for each training step.

    Args:
        net: The net.

    Raises:
        TypeError: If ``net`` is not a module.

    Example:
        >>> import snn_core as snn
        >>> from snn_functional import Activity, rate_band_loss
        >>> net = nn.Sequential(nn.Linear(3, 5), snn.Leaky(0.9, init_hidden=True), nn.Linear(5, 2))
        >>> with Activity(net) as activity:
        ...     out = snn.unroll(net, torch.rand(10, 4, 3))
        >>> loss = out.square().mean() + rate_band_loss(0.05, 0.2)(activity) + 1e-6 * activity.synops
        >>> loss.backward()
    """

    def __init__(self, net: nn.Module) -> None:
        check_net(net)
        self._record = _Record(net)
        self._block = ExitStack()

    def __enter__(self) -> Self:
        self._block.enter_context(self._record.watching())
        return self

    def __exit__(self, *raised: object) -> None:
        self._block.close()

    @property
    def rates(self) -> dict[str, Tensor]:
        """The spikes of each neuron per step, a mean over steps and samples, by the path of its layer: ``[neurons]``.

        Steps after the end of a sample (``lengths``) do not count. If a layer is called at several widths, its rates at
        each width follow one another.
        """
        spikes: dict[tuple[str, int], list[Tensor]] = {}
        for module, _, out, folding in self._record.calls:
            if isinstance(module, Firing) and out is not None:
                rows = out.flatten(0, 1) if isinstance(module, WholeSequence) and folding is None else out
                rows = rows.flatten(1)
                spikes.setdefault((self._record.paths[module], rows.shape[1]), []).append(rows)
        rates: dict[str, list[Tensor]] = {}
        for (path, _), called in spikes.items():
            rates.setdefault(path, []).append(_Count.apply(torch.cat(called)) / sum(map(len, called)))
        return {path: torch.cat(widths) for path, widths in rates.items()}

    @property
    def synops(self) -> Tensor:
        """The synaptic operations of a run from rest over all steps and samples, a scalar.

        Its value is ``acs + macs`` of the total that :func:`~snn_functional.synops` returns. No gradient reaches the
        weights of a layer through the number of them that are not 0.

        Raises:
            ValueError: If a recurrent connection has delays.
        """
        numbers: list[Tensor] = []
        last: dict[Any, Tensor | None] = {}  # the spikes of the step before
        for module, x, out, folding in self._record.calls:
            if isinstance(module, COUNTED):
                numbers.append(_operations(module, x))
            elif out is None:
                last[module] = None
            elif isinstance(module, Recurrent):
                steps = (out,) if folding is None else folding.each(out)
                before = (last.get(module), *steps[:-1])
                last[module] = steps[-1]
                fed = [spk[: len(step)] for spk, step in zip(before, steps, strict=True) if spk is not None]
                if fed:
                    numbers.append(_operations(self._connection(module), torch.cat(fed)))
        return reduce(torch.add, numbers) if numbers else torch.zeros(())

    def _connection(self, module: Any) -> nn.Module:
        if module.max_delay is not None:
            path = self._record.paths[module]
            raise ValueError(
                fault(
                    f"the recurrent connection of the layer {path!r} has delays, behind which spikes are not counted",
                    "leave out max_delay, or count with synops(net, xs)",
                )
            )
        return module.recurrent


class _Record(Observation):
    """A record of the calls of neurons and of layers with weights, in a plan or in a loop."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__(net)
        self.hooks: tuple[Callable[..., Any], ...] = (self._hook,)
        inside = {part for m in self.paths if isinstance(m, Firing) for part in m.modules() if part is not m}
        self._watched = {m for m in self.paths if isinstance(m, (Firing, *COUNTED)) and m not in inside}
        self.calls: list[_Call] = []
        self._recorded = 0  # calls at the end of the list that a plan makes again, if there is one

    @contextmanager
    def watching(self) -> Iterator[None]:
        with ExitStack() as stack:
            for module in self._watched:
                stack.callback(module.register_forward_hook(self._hook, with_kwargs=True).remove)
            stack.enter_context(super().watching())
            yield

    def called(self, module: Any, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return forward(module, *args, **kwargs)  # its hook sees it

    def touched(self, module: Any, how: str) -> None:
        super().touched(module, how)
        if how == "resets":
            self.calls.append(_Call(module))
            self._recorded = 0

    def after(self, call: ModuleCall) -> None:
        """Receive a call that a plan makes."""
        if self._recorded:
            del self.calls[-self._recorded :]
            self._recorded = 0
        if call.module in self._watched and call.is_whole:
            self._keep(call.module, call.x, call.out, call.folding)

    def _hook(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> None:
        watch = current()
        if watch is None or in_backward():  # none while a plan runs a call, which reports it itself
            return
        before = len(self.calls)
        self._keep(module, input_of(module, args, kwargs), out, None)
        self._recorded = self._recorded + len(self.calls) - before if watch.records else 0

    def _keep(self, module: Any, x: Any, out: Any, folding: Folding | None) -> None:
        first = next(leaf for leaf in tree_leaves(out) if isinstance(leaf, Tensor))
        fires = "spk" in getattr(module, "output_names", ())
        if fires or isinstance(module, COUNTED):
            self.calls.append(_Call(module, None if fires else x, first if fires else None, folding))


class _Count(torch.autograd.Function):
    """The number of rows in which each entry of ``x[rows, ...]`` is not 0, with the gradient of the sum of its sizes.

    The gradient of an entry that is 0 is that of a spike.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.shape, ctx.dtype = x.shape, x.dtype
        # most spikes are 0 or 1: the same gradient for all of them then takes no memory
        ctx.save_for_backward(*(() if answers_at_once(x) and x.amin() >= 0 else (x,)))
        return wide(x).sign().abs_().sum(0)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # pyrefly: ignore[bad-override]
        gradient = gradient.to(ctx.dtype)
        if not ctx.saved_tensors:
            return gradient.expand(ctx.shape)
        return torch.where(ctx.saved_tensors[0] < 0, -gradient, gradient)


def _operations(layer: Any, x: Tensor) -> Tensor:
    """Return the synaptic operations of a layer, with the gradient by its input."""
    weight = weight_of(layer)
    rows = x if x.dim() > 1 and x.dim() >= weight.dim() else x.unsqueeze(0)
    fans = fan_out(layer, rows.shape[1:], (real_parts(weight) != 0).sum(-1)).expand(rows.shape[1:])
    return (_Count.apply(real_parts(rows)).sum(-1) * fans).sum()
