"""A leaky membrane that fires on change."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

from torch import Tensor

from snn_core.neuron.constant import Constant
from snn_core.neuron.spiking import LIF


class DeltaLeaky(LIF):
    r"""Leaky membrane that fires when it changes by more than a threshold in one step; it has no reset.

    .. math:: U[t] = \beta\,U[t-1] + X[t], \qquad S[t] = g\,\Theta(|U[t] - U[t-1]| - \delta)

    Args:
        delta_threshold: :math:`\delta`, the change above which the neuron fires. A scalar, or one per neuron.
        *args: ``beta`` and the options of :class:`~snn_core.Leaky`, in its order, without ``reset_delay``.
        **kwargs: The same, by name. Those about threshold and reset have no effect.

    Shape:
        input ``[batch, ...]``; spikes and membranes the same.

    Returns:
        ``(spk, (mem, mem_prev))``: the state goes in and out as one tuple. With ``init_hidden=True`` the spikes alone,
        unless ``output=True``.

    Raises:
        TypeError: If a state is not a pair.

    Example:
        >>> import torch
        >>> neuron = DeltaLeaky(0.5, beta=1.0)
        >>> spk, state = neuron(torch.tensor([[0.75]]))
        >>> spk, (mem, mem_prev) = neuron(torch.tensor([[0.25]]), state)
        >>> spk, mem, mem_prev
        (tensor([[0.]]), tensor([[1.]]), tensor([[0.7500]]))

    Source: Yousefzadeh and Sifalakis, Delta Activation Layer (2022).
    """

    class State(NamedTuple):
        """Membrane potential of this step and of the previous step."""

        mem: Tensor
        mem_prev: Tensor

    resets: ClassVar[bool] = False
    described: ClassVar[tuple[str, ...]] = ("delta_threshold", "beta")

    delta_threshold: Tensor

    def __init__(self, delta_threshold: Constant = 1.0, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.constant("delta_threshold", delta_threshold)
        # not in the state_dict, just as in snnTorch
        self.register_buffer("delta_threshold", self.delta_threshold.to(self.threshold.dtype), persistent=False)

    def integrate(self, x: Tensor, state: Any) -> Any:
        return state._replace(mem=self.membrane_decay * state.mem + x, mem_prev=state.mem)

    def membrane(self, state: Any) -> Tensor:
        return (state.mem - state.mem_prev).abs()

    def _crossing(self, mem: Tensor) -> Tensor:
        return self._fired_where_positive(mem - self.delta_threshold, mem.dtype)

    def _outside(self) -> tuple[str, ...]:
        return ("delta_threshold", *super()._outside())

    def bind(self, states: tuple[Any, ...], named: dict[str, Any]) -> Any:
        owner, fields = type(self).__name__, self.State._fields
        if len(states) + len(named) > 1 or any(name != "mem" for name in named):
            raise TypeError(f"{owner} takes its state as one tuple: neuron(x, ({', '.join(fields)}))")
        whole = next(iter((*states, *named.values())), None)
        if whole is not None and not (isinstance(whole, tuple) and len(whole) == len(fields)):
            raise TypeError(f"{owner} takes its state as a tuple ({', '.join(fields)}), got {type(whole).__name__}")
        return self.State._make(whole or [None] * len(fields))

    def outputs(self, spk: Tensor, state: Any) -> Any:
        return spk, tuple(state)
