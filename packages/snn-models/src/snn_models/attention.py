"""Attention between spikes, without a softmax."""

from __future__ import annotations

from torch import Tensor, nn

from snn_models.choice import chosen, must_be_counts
from snn_models.neuron import Neuron, fresh, leaky
from snn_models.tokens import NormedLinear, spiking_linear


class _Attention(nn.Module):
    """Spikes of queries and keys, and the layer behind the attention; heads split the features of a token."""

    query: nn.Module
    key: nn.Module
    attend: nn.Module
    out: nn.Module
    dim: int
    heads: int

    def __init__(self, dim: int, heads: int, neuron: Neuron, bias: bool) -> None:
        super().__init__()
        owner = type(self).__name__
        must_be_counts(owner, dim=dim, heads=heads)
        if dim % heads:
            raise ValueError(f"{owner}: dim={dim} must be divisible by heads={heads}; change one of them")
        self.dim, self.heads = dim, heads
        self.query, self.key = (spiking_linear(owner, dim, dim, neuron, bias) for _ in range(2))
        self.attend = fresh(owner, neuron)
        self.out = spiking_linear(owner, dim, dim, neuron)

    def split(self, x: Tensor) -> Tensor:
        """Return the tokens of each head, ``[batch, heads, tokens, dim / heads]``."""
        return x.unflatten(-1, (self.heads, -1)).transpose(-3, -2)

    def join(self, x: Tensor) -> Tensor:
        """Return the tokens of all heads, ``[batch, tokens, dim]``."""
        return x.transpose(-3, -2).flatten(-2)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, heads={self.heads}"


class SpikingSelfAttention(_Attention):
    r"""Spiking self-attention (SSA): products of the spikes of queries, keys and values.

    .. math:: A[t] = \mathrm{SN}(s\,Q[t]\,K[t]^\top V[t]), \qquad Y[t] = \mathrm{SN}(\mathrm{BN}(W A[t]))

    where :math:`Q`, :math:`K` and :math:`V` are spikes behind linear layers with batch norm, in each head.

    Args:
        dim: Features of a token.
        heads: Number of heads, which share the features evenly.
        scale: :math:`s`, 0.125 as in the paper. The neurons behind it halve their input there, and fire at 0.5; those
            of :func:`~snn_models.leaky` fire for the same inputs.
        bias: Give the layers of queries, keys and values biases, which have no effect before batch norm.
        neuron: A function that returns a new neuron, with ``init_hidden=True``; :func:`~snn_models.leaky` by default.

    Shape:
        input and output ``[batch, tokens, dim]``.

    Raises:
        TypeError: If ``neuron`` does not return a spiking neuron.
        ValueError: If ``dim`` is not divisible by ``heads``, or a number is not a whole number of at least 1.

    Example:
        >>> import torch
        >>> import snn_core as snn
        >>> snn.unroll(SpikingSelfAttention(8, heads=2), torch.ones(5, 2, 7, 8)).shape
        torch.Size([5, 2, 7, 8])

    Source: Zhou et al., Spikformer: When Spiking Neural Network Meets Transformer (2023), "Spiking Self Attention".
    """

    def __init__(
        self, dim: int, heads: int = 8, *, scale: float = 0.125, bias: bool = True, neuron: Neuron = leaky
    ) -> None:
        super().__init__(dim, heads, neuron, bias)
        self.scale = scale
        self.value: nn.Module = spiking_linear("SpikingSelfAttention", dim, dim, neuron, bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return the spikes of one step."""
        query, key, value = (self.split(layer(x)) for layer in (self.query, self.key, self.value))
        attended = query @ key.transpose(-2, -1) @ value * self.scale
        return self.out(self.attend(self.join(attended)))


class QKAttention(_Attention):
    r"""Q-K attention: the spikes of keys pass where the query of their token, or of their channel, fires enough.

    .. math:: A[t] = \mathrm{SN}\Big(\sum_j Q_{ij}[t]\Big), \qquad
        Y[t] = \mathrm{SN}(\mathrm{BN}(W\,(A[t] \otimes K[t])))

    ``over="token"`` sums over the channels of a head, which gives a mask of tokens; ``over="channel"`` sums over the
    tokens, which gives a mask of channels. Both take time in proportion to the number of tokens.

    Args:
        dim: Features of a token.
        heads: Number of heads, which share the features evenly.
        over: What the mask chooses, ``"token"`` or ``"channel"``.
        neuron: A function that returns a new neuron, with ``init_hidden=True``; :func:`~snn_models.leaky` by default.

    Shape:
        input and output ``[batch, tokens, dim]``.

    Raises:
        TypeError: If ``neuron`` does not return a spiking neuron.
        ValueError: If ``dim`` is not divisible by ``heads``, ``over`` is not one of the two, or a number is not a whole
            number of at least 1.

    Example:
        >>> import torch
        >>> import snn_core as snn
        >>> snn.unroll(QKAttention(8, heads=2), torch.ones(5, 2, 7, 8)).shape
        torch.Size([5, 2, 7, 8])

    Source: Zhou et al., QKFormer: Hierarchical Spiking Transformer using Q-K Attention (2024), "Q-K Attention".
    """

    def __init__(self, dim: int, heads: int = 8, *, over: str = "token", neuron: Neuron = leaky) -> None:
        super().__init__(dim, heads, neuron, bias=False)
        self.axis: int = chosen("QKAttention: over", over, {"token": -1, "channel": -2})

    def forward(self, x: Tensor) -> Tensor:
        """Return the spikes of one step."""
        mask = self.attend(self.split(self.query(x)).sum(self.axis, keepdim=True))
        return self.out(self.join(mask * self.split(self.key(x))))


class SpikeDrivenAttention(nn.Module):
    r"""Spike-driven self-attention (SDSA): masks and sums in place of matrix products, between membranes.

    .. math:: A[t] = \mathrm{SN}\Big(\sum_{i} K_{ij}[t]\,V_{ij}[t]\Big), \qquad
        Y[t] = \mathrm{BN}(W\,(Q[t] \otimes A[t]))

    where :math:`Q`, :math:`K` and :math:`V` are spikes behind linear layers of :math:`\mathrm{SN}(X[t])`, and
    :math:`i` counts the tokens. Input and output are membranes; a shortcut around the attention adds them.

    Args:
        dim: Features of a token.
        neuron: A function that returns a new neuron, with ``init_hidden=True``; :func:`~snn_models.leaky` by default.

    Shape:
        input and output ``[batch, tokens, dim]``.

    Raises:
        TypeError: If ``neuron`` does not return a spiking neuron.
        ValueError: If ``dim`` is not a whole number of at least 1.

    Example:
        >>> import torch
        >>> import snn_core as snn
        >>> snn.unroll(SpikeDrivenAttention(8), torch.ones(5, 2, 7, 8)).shape
        torch.Size([5, 2, 7, 8])

    Source: Yao et al., Spike-driven Transformer (2023), "Spike-driven Self-Attention", first version.
    """

    spike: nn.Module
    query: nn.Module
    key: nn.Module
    value: nn.Module
    attend: nn.Module
    out: nn.Module

    def __init__(self, dim: int, *, neuron: Neuron = leaky) -> None:
        super().__init__()
        owner = "SpikeDrivenAttention"
        must_be_counts(owner, dim=dim)
        self.spike = fresh(owner, neuron)
        self.query, self.key, self.value = (spiking_linear(owner, dim, dim, neuron, bias=False) for _ in range(3))
        self.attend = fresh(owner, neuron)
        self.out = NormedLinear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Return what is added to the membranes of one step."""
        spikes = self.spike(x)
        mask = self.attend((self.key(spikes) * self.value(spikes)).sum(-2, keepdim=True))
        return self.out(self.query(spikes) * mask)
