"""Linear and convolutional layers whose synapses have learned delays."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snn_core.engines.dtypes import as_dtype
from snn_core.neuron.constant import HasConstants, clamped, must_be_positive
from snn_core.neuron.delays import all_delays, gaussian, must_be_delays, summed, wide
from snn_core.neuron.history import History

NARROWEST = 0.23
"""The width in steps to which published networks narrow a Gaussian, which is then almost a single step."""


class _Delayed(History, HasConstants):
    """A layer that takes over the weights of a torch ``layer`` and gives each of them a delay."""

    groups: int = 1
    weight: nn.Parameter
    bias: nn.Parameter | None
    delay: Tensor
    sigma: Tensor

    def __init__(
        self, layer: Any, max_delay: int, delay: float | Tensor | None, learn_delay: bool, sigma: float | None
    ) -> None:
        super().__init__(max_delay)
        owner, weight = type(self).__name__, layer.weight
        delays = self.max_delay * torch.rand_like(weight) if delay is None else torch.as_tensor(delay)
        if delays.shape not in ((), weight.shape):
            raise ValueError(
                f"{owner}: delay must have one value, or one for each weight {tuple(weight.shape)}, got shape "
                f"{tuple(delays.shape)}"
            )
        must_be_delays(owner, delays, max_delay)
        self.widest: float = self.max_delay / 2 if sigma is None else float(sigma)
        must_be_positive(f"{owner}: sigma", self.widest, "0 steps")
        self.weight = weight
        self.register_parameter("bias", layer.bias)
        self.constant("delay", delays.detach().to(weight).expand(weight.shape), learn=learn_delay)
        self.constant("sigma", weight.new_full((), self.widest))
        self.learn_delay = learn_delay

    def over(self, window: Tensor) -> Tensor:
        inputs = self.weight.shape[1] * self.groups
        if window.dim() != self.weight.dim() + 1 or window.shape[2] != inputs:
            shape = ", ".join(("batch", str(inputs), *("H", "W")[: self.weight.dim() - 2]))
            raise ValueError(f"{type(self).__name__} takes [{shape}], got input of shape {tuple(window.shape[1:])}")
        taps = self.taps()
        if window.shape[0] == len(taps):
            out = summed(window, taps, self._weighted)  # for one step, this takes a third of the time
        else:
            out = self._convolved(window.movedim(0, 2), taps.flip(0).movedim(0, 2)).movedim(2, 0).contiguous()
        return out if self.bias is None else out + self.bias.reshape(-1, *[1] * (out.dim() - 3))

    def _weighted(self, x: Tensor, weight: Tensor) -> Tensor:
        """Return the outputs ``[1, batch, ...]`` of the input of one step, for weights without delays."""
        raise NotImplementedError

    def _convolved(self, x: Tensor, weight: Tensor) -> Tensor:
        """Return outputs ``[batch, features, T, ...]`` of ``[batch, features, D + T, ...]``; late taps come first."""
        raise NotImplementedError

    def taps(self) -> Tensor:
        """Return the weights of the inputs 0 to D steps ago, ``[D + 1, *weight.shape]``.

        While training, a Gaussian of width ``sigma`` spreads each weight around its delay; in evaluation the weight
        belongs to a single step, the nearest one.

        Example:
            >>> layer = DelayedLinear(1, 1, max_delay=3, delay=1.8, bias=False).eval()
            >>> layer.taps().flatten() / layer.weight.item()
            tensor([0., 0., 1., 0.], grad_fn=<DivBackward0>)
        """
        delays = clamped(wide(self.delay), self.max_delay)
        if self.training:
            return self.weight * as_dtype(gaussian(delays, self.max_delay, self.sigma), self.delay.dtype)
        return self.weight * (all_delays(self.max_delay, delays) == delays.detach().round())

    def narrow_(self, progress: float) -> None:
        """Set ``sigma`` to its value after a part of training, as published networks do.

        It falls from its first value to 0.23 steps over the first quarter of training, by the same factor in every
        epoch, and then stays constant. Call this method before each epoch.

        Args:
            progress: Completed share of training, in [0, 1].

        Raises:
            ValueError: If ``progress`` is not in [0, 1].

        Example:
            >>> layer = DelayedLinear(3, 2, max_delay=10)
            >>> for epoch in (0, 1, 2, 4, 5, 20):
            ...     layer.narrow_(epoch / 20)
            ...     print(f"{layer.sigma:.2f}", end=" ")
            5.00 2.70 1.46 0.43 0.23 0.23
        """
        if not 0 <= progress <= 1:
            raise ValueError(f"{type(self).__name__}.narrow_ takes a share of training in [0, 1], got {progress!r}")
        factor = min(NARROWEST / self.widest, 1.0)
        self.sigma.fill_(self.widest * factor ** min(4 * progress, 1.0))

    def extra_repr(self) -> str:
        return f"{self._sizes()}, max_delay={self.max_delay}, bias={self.bias is not None}, {self._describe('sigma')}"

    def _sizes(self) -> str:
        raise NotImplementedError


class DelayedLinear(_Delayed):
    r"""Linear layer in which every synapse has a weight and a learned delay.

    .. math:: Y_o[t] = b_o + \sum_i w_{oi} \sum_{k=0}^{D} g_k(d_{oi})\,X_i[t - k], \qquad
        g_k(d) \propto e^{-(k - d)^2 / 2 \sigma^2}, \quad \sum_k g_k = 1

    While training, a wide Gaussian gives each delay a gradient even from inputs far from it; :meth:`narrow_` lowers
    ``sigma`` to 0.23 steps over the first quarter of training. In evaluation (``net.eval()``) delays are rounded to
    whole steps.

    The layer keeps its last inputs from call to call, zeros before the first; ``unroll`` runs all steps at once.

    Args:
        in_features: Features of the input.
        out_features: Features of the output.
        max_delay: Largest delay D in steps, 1 or more.
        bias: True for a layer with biases.
        delay: Delay of the synapses in steps, clamped to [0, D] where it is used: a scalar, or ``[out_features,
            in_features]``; None draws them uniformly from [0, D].
        learn_delay: Make the delays a parameter; else they are a buffer.
        sigma: Initial width of the Gaussians in steps, greater than 0; D / 2 when None.
        device: Device of the weights.
        dtype: Dtype of the weights.

    Shape:
        input ``[batch, in_features]``, output ``[batch, out_features]``.

    Raises:
        ValueError: If ``max_delay`` is not a whole number of at least 1, a delay is outside [0, ``max_delay``], the
            delays or the input have the wrong shape, or ``sigma`` is not positive and finite.

    Example:
        >>> layer = DelayedLinear(2, 1, max_delay=3, delay=torch.tensor([[0.0, 2.0]]), bias=False).eval()
        >>> _ = nn.init.ones_(layer.weight)
        >>> xs = torch.tensor([[[1.0, 10.0]], [[0.0, 0.0]], [[0.0, 0.0]]])
        >>> torch.stack([layer(x) for x in xs]).flatten()
        tensor([ 1.,  0., 10.], grad_fn=<ViewBackward0>)

    Source: Hammouamri, Khalfaoui-Hassani and Masquelier, Learning Delays in Spiking Neural Networks using Dilated
        Convolutions with Learnable Spacings (2024).
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        max_delay: int,
        bias: bool = True,
        *,
        delay: float | Tensor | None = None,
        learn_delay: bool = True,
        sigma: float | None = None,
        device: Any = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(
            nn.Linear(in_features, out_features, bias, device, dtype), max_delay, delay, learn_delay, sigma
        )
        self.in_features = in_features
        self.out_features = out_features

    def _weighted(self, x: Tensor, weight: Tensor) -> Tensor:
        return F.linear(x, weight)

    def _convolved(self, x: Tensor, weight: Tensor) -> Tensor:
        return F.conv1d(x, weight)

    def _sizes(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}"


class DelayedConv2d(_Delayed):
    r"""Convolution of images in which every weight has a learned delay, like :class:`~snn_core.DelayedLinear`.

    .. math:: Y[t] = b + \sum_{k=0}^{D} (w \cdot g_k(d)) * X[t - k]

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel_size: Size of the kernel, an int or a pair.
        max_delay: Largest delay D in steps, 1 or more.
        stride: Step of the kernel.
        padding: Zeros added on each side, an int or a pair, or ``"same"`` or ``"valid"``.
        dilation: Distance between the kernel's entries.
        groups: Number of groups of channels that are not connected to each other.
        bias: True for a layer with biases.
        delay: Delay of the weights in steps: a scalar, or one for each; None draws them uniformly from [0, D].
        learn_delay: Make the delays a parameter; else they are a buffer.
        sigma: Initial width of the Gaussians in steps, greater than 0; D / 2 when None.
        device: Device of the weights.
        dtype: Dtype of the weights.

    Shape:
        input ``[batch, in_channels, H, W]``, output ``[batch, out_channels, H', W']``.

    Raises:
        ValueError: If ``max_delay`` is not a whole number of at least 1, a delay is outside [0, ``max_delay``], the
            delays or the input have the wrong shape, or ``sigma`` is not positive and finite.

    Example:
        >>> DelayedConv2d(1, 4, kernel_size=3, max_delay=5, padding=1)(torch.rand(2, 1, 8, 8)).shape
        torch.Size([2, 4, 8, 8])

    Source: Khalfaoui-Hassani, Pellegrini and Masquelier, Dilated Convolution with Learnable Spacings (2023).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        max_delay: int,
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] | str = 0,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
        bias: bool = True,
        *,
        delay: float | Tensor | None = None,
        learn_delay: bool = True,
        sigma: float | None = None,
        device: Any = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        sizes = in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias
        layer = nn.Conv2d(*sizes, device=device, dtype=dtype)
        super().__init__(layer, max_delay, delay, learn_delay, sigma)
        self.stride: tuple[int, ...] = layer.stride
        self.padding: tuple[int, ...] | str = layer.padding
        self.dilation: tuple[int, ...] = layer.dilation
        self.groups = groups

    def _weighted(self, x: Tensor, weight: Tensor) -> Tensor:
        return F.conv2d(x[0], weight, None, self.stride, self.padding, self.dilation, self.groups).unsqueeze(0)

    def _convolved(self, x: Tensor, weight: Tensor) -> Tensor:
        if isinstance(self.padding, str):
            reach = [
                d * (k - 1) if self.padding == "same" else 0
                for d, k in zip(self.dilation, weight.shape[3:], strict=True)
            ]
            x = F.pad(x, [side for r in reversed(reach) for side in (r // 2, r - r // 2)])
        padding = 0 if isinstance(self.padding, str) else (0, *self.padding)
        return F.conv3d(x, weight, None, (1, *self.stride), padding, (1, *self.dilation), self.groups)

    def _sizes(self) -> str:
        outputs, inputs, *kernel = self.weight.shape
        return f"in_channels={inputs * self.groups}, out_channels={outputs}, kernel_size={tuple(kernel)}"
