"""Parallel spiking neurons: weighted sums of the input over time, without reset."""

from __future__ import annotations

import functools
import math
from typing import Any, ClassVar, NamedTuple, Unpack

import torch
from torch import Tensor, nn

from snn_core.engines.dtypes import as_dtype, computing_dtype
from snn_core.neuron.constant import is_whole
from snn_core.neuron.firing import Firing, SpikeGrad
from snn_core.neuron.queue import Queued
from snn_core.neuron.signatures import NeuronOptions, takes
from snn_core.neuron.whole_sequence import WholeSequence


class SlidingPSN(Queued):
    r"""Sliding parallel spiking neuron: sums its last inputs with weights that all steps share.

    .. math:: H[t] = \sum_{i=0}^{k-1} w_i\,X[t - i], \qquad S[t] = \Theta(H[t] - \vartheta)

    It has no reset, so ``reset_mechanism`` and ``reset_delay`` have no effect. The weights begin at :math:`w_i =
    2^{-i}`, the threshold at 1, and both are learned.

    Args:
        order: Number k of weights, 2 or more.
        learn_weight: Make the weights parameters, ``weight_0`` to ``weight_<k-1>``.
        learn_threshold: Make the threshold a parameter, the negative of the source's bias.
        **options: The other options of :class:`~snn_core.SpikingNeuron`, by name.

    Shape:
        input ``[batch, ...]``; spikes and states the same.

    Returns:
        ``(spk, mem, past_1, ..., past_<k-1>)``, the weighted sum and the inputs of the last steps; with
        ``init_hidden=True`` the spikes alone, unless ``output=True``.

    Raises:
        ValueError: If ``order`` is not a whole number of at least 2.

    Example:
        >>> neuron = SlidingPSN(order=2, init_hidden=True)
        >>> [neuron(torch.tensor([[x]])).item() for x in (0.8, 0.8, 0.4, 0.0)]
        [0.0, 1.0, 0.0, 0.0]

    Source: Fang et al., Parallel Spiking Neurons with High Efficiency and Ability to Learn Long-term Dependencies
        (2023).
    """

    class State(NamedTuple):  # pyrefly: ignore[bad-override]  (a state of its own, as every neuron has)
        """Weighted sum of the last inputs; the states of an instance have these inputs too."""

        mem: Tensor

    resets: ClassVar[bool] = False
    described: ClassVar[tuple[str, ...]] = ("order",)

    @takes(learn_threshold=True)
    def __init__(self, order: int = 4, *, learn_weight: bool = True, **options: Unpack[NeuronOptions]) -> None:
        if not is_whole(order) or order < 2:
            raise ValueError(f"SlidingPSN: order must be a whole number of at least 2, got {order!r}")
        super().__init__(**options)
        self.hold(*(f"past_{i}" for i in range(1, order)))
        self.order = order
        for i in range(order):
            self.constant(f"weight_{i}", 0.5**i, learn=learn_weight)

    def integrate(self, x: Tensor, state: Any) -> Any:
        names = [f"past_{i}" for i in range(1, self.order)]
        inputs = (x, *(getattr(state, name) for name in names))
        mem = functools.reduce(torch.add, (getattr(self, f"weight_{i}") * past for i, past in enumerate(inputs)))
        return state._replace(mem=mem, **dict(zip(names, inputs, strict=False)))


class PSN(WholeSequence, Firing):
    r"""Parallel spiking neuron: sums the inputs of all steps of a sequence with weights that all neurons share.

    .. math:: H = W X + b, \qquad S[t] = \Theta(H[t])

    with W ``[T, T]`` and b ``[T]`` for sequences of T steps; a shorter one is treated as if no input followed. It has
    no reset. A spike may depend on *later* input, unless ``order`` makes this the masked neuron, whose step t sums only
    the inputs of the steps t - k + 1 to t,

    .. math:: W' = W \odot (\lambda M_k + (1 - \lambda))

    Args:
        num_steps: Largest number T of steps.
        order: Number k of steps that the masked neuron sums; None for all.
        masking: Degree to which the other weights are suppressed, :math:`\lambda` in [0, 1]; you may raise it from 0
            to 1 during training, for instance with ``neuron.masking.fill_(0.5)``.
        spike_grad: Surrogate gradient; ``surrogate.atan()`` when None.
        surrogate_disable: Fire without any gradient.

    The initial weights are uniform within :math:`\pm 1/\sqrt{T}`, and the initial bias is -1; both are learned.

    Shape:
        input ``[T, batch, features]``, spikes the same.

    Raises:
        ValueError: If ``num_steps`` or ``order`` is not a whole number of at least 1, ``masking`` is outside [0, 1], or
            the input has more steps.

    Example:
        >>> neuron = PSN(num_steps=3, order=1)
        >>> _ = nn.init.constant_(neuron.weight, 2.0)
        >>> neuron(torch.tensor([[[1.0]], [[0.4]], [[0.6]]])).flatten()
        tensor([1., 0., 1.], grad_fn=<ViewBackward0>)

    Source: Fang et al., Parallel Spiking Neurons with High Efficiency and Ability to Learn Long-term Dependencies
        (2023).
    """

    masking: Tensor

    def __init__(
        self,
        num_steps: int,
        order: int | None = None,
        *,
        masking: float = 1.0,
        spike_grad: SpikeGrad | None = None,
        surrogate_disable: bool = False,
    ) -> None:
        for name, value in (("num_steps", num_steps), ("order", 1 if order is None else order)):
            if not is_whole(value) or value < 1:
                raise ValueError(f"PSN: {name} must be a whole number of at least 1, got {value!r}")
        if not 0 <= masking <= 1:
            raise ValueError(f"PSN: masking must be between 0 and 1, got {masking!r}")
        super().__init__(threshold=0.0, spike_grad=spike_grad, surrogate_disable=surrogate_disable)
        self.num_steps = num_steps
        self.order = order
        self.weight: nn.Parameter = nn.Parameter(torch.empty(num_steps, num_steps))
        self.bias: nn.Parameter = nn.Parameter(torch.full((num_steps,), -1.0))
        self.constant("masking", float(masking))
        nn.init.uniform_(self.weight, -1 / math.sqrt(num_steps), 1 / math.sqrt(num_steps))

    def sequence(self, xs: Tensor) -> Tensor:
        """Return the spikes ``[T, batch, features]`` of an input of the same shape."""
        steps = xs.shape[0]
        if steps > self.num_steps:
            raise ValueError(f"PSN has weights for num_steps={self.num_steps} steps, got {steps}")
        mem = torch.addmm(self.bias[:steps].unsqueeze(1), self._weights()[:steps, :steps], xs.flatten(1))
        spk = self.fire(as_dtype(mem, computing_dtype(mem)).unflatten(1, xs.shape[1:]))
        return as_dtype(spk, mem.dtype)

    def _weights(self) -> Tensor:
        if self.order is None:
            return self.weight
        ones = torch.ones_like(self.weight)
        band = ones.tril() - ones.tril(-self.order)
        return self.weight * (self.masking * band + (1 - self.masking))

    def extra_repr(self) -> str:
        masked = [] if self.order is None else ["order", "masking"]
        return self._describe("num_steps", *masked, "spike_grad")
