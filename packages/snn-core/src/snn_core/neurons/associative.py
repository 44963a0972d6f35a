"""An associative memory that is a sum of decaying outer products, and fires."""

from __future__ import annotations

import math
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from snn_core.neuron.constant import must_be_a_count
from snn_core.neuron.spiking import SpikingNeuron
from snn_core.neuron.whole_sequence import WholeSequence


class AssociativeLeaky(WholeSequence, SpikingNeuron):
    r"""A matrix membrane that stores values under keys, leaks per key, and fires, over a whole sequence.

    .. math::

        M[t] = M[t-1]\,\mathrm{diag}(a[t]) + v[t]\,k[t]^{\mathsf T}, \qquad
        S[t] = \Theta(\mathrm{flatten}(M[t]) - 1), \qquad
        Y[t] = S[t]\,Q[t]

    v, k, Q are linear in the input, and a is the logistic function of a linear map of the input.

    Args:
        in_dim: Features of the input.
        d_value: Length of a value, the rows of M.
        d_key: Length of a key, the columns of M.
        num_spiking_neurons: Must be ``d_value * d_key``, or None.
        use_q_projection: True to read the spikes out by Q; else the spikes are the output.

    Shape:
        input ``[T, batch, in_dim]``; output ``[T, batch, d_value * d_value]``, or without Q
        ``[T, batch, d_value * d_key]``.

    Raises:
        ValueError: If a size is not a whole number of at least 1, ``num_spiking_neurons`` is not the product, or the
            input has the wrong number of features.

    Example:
        >>> AssociativeLeaky(4, d_value=2, d_key=3, num_spiking_neurons=6)(torch.rand(5, 1, 4)).shape
        torch.Size([5, 1, 4])

    Source: Schlag, Irie, Schmidhuber, Linear Transformers Are Secretly Fast Weight Programmers (2021).
    """

    class State(NamedTuple):
        """The memory M, flattened."""

        mem: Tensor

    resets: ClassVar[bool] = False
    described: ClassVar[tuple[str, ...]] = ("in_dim", "d_value", "d_key")

    def __init__(
        self,
        in_dim: int,
        d_value: int,
        d_key: int,
        num_spiking_neurons: int | None,
        use_q_projection: bool = True,
    ) -> None:
        for name, size in (("in_dim", in_dim), ("d_value", d_value), ("d_key", d_key)):
            must_be_a_count(f"AssociativeLeaky: {name}", size)
        if num_spiking_neurons not in (None, d_value * d_key):
            raise ValueError(
                f"AssociativeLeaky: num_spiking_neurons must be d_value * d_key = {d_value * d_key}, got "
                f"{num_spiking_neurons}"
            )
        super().__init__(output=True)
        self.in_dim = in_dim
        self.d_value = d_value
        self.d_key = d_key
        self.num_spiking_neurons: int = d_value * d_key
        self.use_q_projection = use_q_projection
        self.to_v: nn.Linear = nn.Linear(in_dim, d_value)
        self.to_k: nn.Linear = nn.Linear(in_dim, d_key)
        self.to_alpha: nn.Linear = nn.Linear(in_dim, d_key)
        self.to_q: nn.Linear | None = nn.Linear(in_dim, self.num_spiking_neurons) if use_q_projection else None

    @classmethod
    def from_num_spiking_neurons(
        cls, in_dim: int, num_spiking_neurons: int, use_q_projection: bool = True
    ) -> AssociativeLeaky:
        """Make a square memory with the given number of neurons.

        Args:
            in_dim: Features of the input.
            num_spiking_neurons: A square number.
            use_q_projection: Read the spikes out by Q.

        Raises:
            ValueError: If the number is not the square of a positive number.

        Example:
            >>> AssociativeLeaky.from_num_spiking_neurons(4, 9).d_key
            3
        """
        side = math.isqrt(num_spiking_neurons) if num_spiking_neurons > 0 else 0
        if side < 1 or side * side != num_spiking_neurons:
            raise ValueError(f"AssociativeLeaky: num_spiking_neurons must be a square, got {num_spiking_neurons}")
        return cls(in_dim, side, side, num_spiking_neurons, use_q_projection)

    def driven(self, xs: Tensor) -> Tensor:
        """Return the value, key and decay of every step, side by side: the input of one step of the memory."""
        if xs.shape[-1] != self.in_dim:
            raise ValueError(f"AssociativeLeaky takes {self.in_dim} features, got input of shape {tuple(xs.shape)}")
        return torch.cat([self.to_v(xs), self.to_k(xs), torch.sigmoid(self.to_alpha(xs))], dim=-1)

    def state_shape(self, x: Tensor) -> torch.Size:
        return torch.Size((*x.shape[:-1], self.num_spiking_neurons))

    def integrate(self, x: Tensor, state: Any) -> Any:
        v, k, a = x.split([self.d_value, self.d_key, self.d_key], dim=-1)
        memory = state.mem.unflatten(-1, (self.d_value, self.d_key))
        memory = memory * a.unsqueeze(-2) + v.unsqueeze(-1) * k.unsqueeze(-2)
        return state._replace(mem=memory.flatten(-2))

    @property
    def output_names(self) -> tuple[str, ...]:
        return ("spk",) if self.to_q is None else ("read_out",)

    def sequence(self, xs: Tensor) -> Tensor:
        """Return the values that are read out, or the spikes, of an input ``[T, batch, in_dim]``."""
        spk, _ = self.unroll(xs)
        if self.to_q is None:
            return spk
        query = self.to_q(xs).unflatten(-1, (self.d_key, self.d_value))
        return (spk.unflatten(-1, (self.d_value, self.d_key)) @ query).flatten(-2)
