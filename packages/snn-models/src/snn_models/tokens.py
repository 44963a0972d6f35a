"""Layers of tokens: linear layers with batch norm and neurons, and the residual block around an attention."""

from __future__ import annotations

from torch import Tensor, nn

from snn_models.choice import must_be_counts
from snn_models.neuron import Neuron, fresh, leaky


class NormedLinear(nn.Module):
    """A linear layer of every token, ``[batch, tokens, inputs]`` to ``[batch, tokens, outputs]``, and batch norm."""

    def __init__(self, inputs: int, outputs: int, bias: bool = True) -> None:
        super().__init__()
        self.linear: nn.Linear = nn.Linear(inputs, outputs, bias)
        self.norm: nn.BatchNorm1d = nn.BatchNorm1d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.linear(x).transpose(-1, -2)).transpose(-1, -2)


def spiking_linear(owner: str, inputs: int, outputs: int, neuron: Neuron, bias: bool = True) -> nn.Sequential:
    """Return a linear layer of tokens with batch norm and neurons."""
    return nn.Sequential(NormedLinear(inputs, outputs, bias), fresh(owner, neuron))


class SpikingTransformerBlock(nn.Module):
    r"""Residual block of a spiking transformer: an attention, and two layers for every token.

    .. math:: Y[t] = X[t] + \mathrm{attention}(X[t]), \qquad Z[t] = Y[t] + \mathrm{MLP}(Y[t])

    Args:
        attention: An attention, such as :class:`~snn_models.SpikingSelfAttention`.
        dim: Features of a token.
        mlp_ratio: How many times ``dim`` features the hidden layer of the MLP has.
        neuron: A function that returns a new neuron, with ``init_hidden=True``; :func:`~snn_models.leaky` by default.

    Shape:
        input and output ``[batch, tokens, dim]``.

    Raises:
        TypeError: If ``neuron`` does not return a spiking neuron.
        ValueError: If a number is not a whole number of at least 1.

    Example:
        >>> import torch
        >>> import snn_core as snn
        >>> from snn_models import SpikingSelfAttention
        >>> block = SpikingTransformerBlock(SpikingSelfAttention(8, heads=2), 8)
        >>> snn.unroll(block, torch.ones(5, 2, 7, 8)).shape
        torch.Size([5, 2, 7, 8])

    Source: Zhou et al., Spikformer: When Spiking Neural Network Meets Transformer (2023), "Overall Architecture".
    """

    def __init__(self, attention: nn.Module, dim: int, mlp_ratio: int = 4, *, neuron: Neuron = leaky) -> None:
        super().__init__()
        owner = "SpikingTransformerBlock"
        must_be_counts(owner, dim=dim, mlp_ratio=mlp_ratio)
        self.attention = attention
        self.mlp: nn.Sequential = nn.Sequential(
            spiking_linear(owner, dim, mlp_ratio * dim, neuron), spiking_linear(owner, mlp_ratio * dim, dim, neuron)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return the tokens of one step."""
        x = x + self.attention(x)
        return x + self.mlp(x)
