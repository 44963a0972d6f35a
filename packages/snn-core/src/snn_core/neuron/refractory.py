"""An absolute refractory period around any neuron: for some steps after a spike it neither receives nor fires."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from snn_core.engines.dtypes import as_dtype, computing_dtype
from snn_core.neuron.constant import Constant, anywhere
from snn_core.neuron.spiking import SpikingNeuron


class Refractory(SpikingNeuron):
    r"""Mix-in that keeps a neuron silent for n steps after each spike, during which it receives no input either.

    .. math::

        K'[t] = \max(0, K[t-1] - 1), \qquad
        X'[t] = \begin{cases} X[t] & K'[t] = 0 \\ 0 & \text{else} \end{cases}, \qquad
        K[t] = \begin{cases} n + 1 & S[t] \ne 0 \\ K'[t] & \text{else} \end{cases}

    Its states evolve without input, and the membrane of a silent neuron counts as 1 below the threshold. List the
    mix-in before the neuron among the base classes, and declare ``wait``, the number of steps until the neuron may fire
    again, as the first field of the ``State``. The constructor then takes all arguments by name.

    Args:
        refractory_period: n, a whole number. A scalar, or one per neuron.
        **options: The arguments of the neuron.

    Raises:
        ValueError: If ``refractory_period`` is negative or not whole; in a call, if the dtype of the states cannot
            count that many steps: float16 counts to 2047, bfloat16 to 255.

    Example:
        >>> from typing import NamedTuple
        >>> import snn_core as snn
        >>> class Resting(Refractory, snn.Leaky):
        ...     class State(NamedTuple):
        ...         wait: Tensor
        ...         mem: Tensor
        >>> spk, last = Resting(beta=1.0, refractory_period=2).unroll(torch.full((9, 1), 1.5))
        >>> spk.squeeze(1)
        tensor([1., 0., 0., 1., 0., 0., 1., 0., 0.])

    Source: Gerstner et al., Neuronal Dynamics (2014), section 1.3.
    """

    remembers: ClassVar[bool] = True

    refractory_period: Tensor

    def __init__(self, *, refractory_period: Constant, **options: Any) -> None:
        super().__init__(**options)
        self.constant("refractory_period", refractory_period)
        steps = self.refractory_period
        if anywhere((steps < 0) | (steps != steps.round()) | steps.isinf()):
            raise ValueError(
                f"{type(self).__name__}: refractory_period must be a whole number of steps, at least 0, got {steps}"
            )
        self._note_longest()

    def _note_longest(self) -> None:
        """Keep the longest period as a Python number, so that no call has to read it from a device."""
        steps = self.refractory_period
        self._longest = 0.0 if steps.is_meta else steps.max().item()

    def state_shape(self, x: Tensor) -> torch.Size:
        for dtype in (self.refractory_period.dtype, computing_dtype(x)):
            most = 2 / torch.finfo(dtype).eps - 1  # the counter starts one higher
            if self._longest > most:
                raise ValueError(
                    f"{type(self).__name__}: refractory_period is {self._longest:.0f}; {dtype} can count at most "
                    f"{most:.0f} steps; compute in float32"
                )
        return super().state_shape(x)

    def integrate(self, x: Tensor, state: Any) -> Any:
        wait = (state.wait - 1).clamp_min(0)
        return super().integrate(torch.where(wait > 0, 0.0, x), state)._replace(wait=wait)

    def _exact(self) -> tuple[str, ...]:
        return ("wait", *super()._exact())

    def _outside(self) -> tuple[str, ...]:
        return ("refractory_period", *super()._outside())

    def membrane(self, state: Any) -> Tensor:
        # a neuron that has just fired waits one step more, so that its membrane is visible in the step of the spike
        mem, silent = super().membrane(state), (state.wait > 0) & (state.wait <= self.refractory_period)
        return torch.where(silent, as_dtype(self.threshold - 1, mem.dtype), mem)

    def remember(self, state: Any, spk: Tensor) -> Any:
        wait = as_dtype(torch.where(spk != 0, self.refractory_period + 1, state.wait), state.wait.dtype)
        return super().remember(state, spk)._replace(wait=wait)

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any, **kwargs: Any) -> None:
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)
        self._note_longest()

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, {self._describe('refractory_period')}"
