"""A learned delay for each channel."""

from __future__ import annotations

import torch
from torch import Tensor

from snn_core.engines.dtypes import as_dtype
from snn_core.neuron.constant import (
    Constant,
    HasConstants,
    clamped,
    must_be_a_count,
    must_be_one_or_each,
    must_be_positive,
)
from snn_core.neuron.delays import gaussian, must_be_delays, summed, wide
from snn_core.neuron.history import History

_KERNELS = ("linear", "gaussian")


class AxonalDelay(History, HasConstants):
    r"""A layer that delays each channel by its own number of steps, whole or fractional, which can be learned.

    The kernel ``"linear"`` interpolates between the two steps around the delay d,

    .. math:: Y[t] = (1 - f)\,X[t - i] + f\,X[t - i - 1], \qquad i = \lfloor d \rfloor, \quad f = d - i

    and ``"gaussian"`` averages over all steps,

    .. math:: Y[t] = \sum_{k=0}^{D} g_k\,X[t - k], \qquad g_k \propto e^{-(k - d)^2 / 2 \sigma^2}, \quad \sum_k g_k = 1

    which gives a delay a gradient even from inputs far from it; lower ``sigma`` during training. Where a delay is a
    whole number, its derivative under the linear kernel is the mean of the derivatives on its two sides.

    The layer keeps its last inputs from call to call, zeros before the first; ``unroll`` runs all steps at once.

    Args:
        max_delay: Largest delay D in steps, 1 or more.
        delay: Delay in steps, clamped to [0, D] where it is used. A scalar, or one per channel.
        channels: Number of channels, axis 1 of the input; None if they all share one delay.
        learn_delay: Make the delay a parameter.
        kernel: ``"linear"`` or ``"gaussian"``.
        sigma: Width of the Gaussian in steps, greater than 0.
        step_mode: Must be True; :meth:`sequence` takes a whole sequence.

    Shape:
        input and output ``[batch, channels, ...]``.

    Raises:
        ValueError: If ``max_delay`` or ``channels`` is not a whole number of at least 1, a delay is outside [0,
            ``max_delay``], there is neither one delay nor one per channel, the kernel is unknown, ``sigma`` is not
            positive and finite, or the input has another number of channels.

    Example:
        >>> delay = AxonalDelay(max_delay=4, delay=torch.tensor([1.0, 2.5]), channels=2)
        >>> xs = torch.zeros(5, 1, 2)
        >>> xs[0] = 1
        >>> torch.stack([delay(x) for x in xs]).squeeze(1).T
        tensor([[0.0000, 1.0000, 0.0000, 0.0000, 0.0000],
                [0.0000, 0.0000, 0.5000, 0.5000, 0.0000]])

    Source: Shrestha and Orchard, SLAYER: Spike Layer Error Reassignment in Time (2018), for a learned axonal delay;
        Hammouamri, Khalfaoui-Hassani and Masquelier, Learning Delays in Spiking Neural Networks using Dilated
        Convolutions with Learnable Spacings (2024), for the Gaussian.
    """

    delay: Tensor

    def __init__(
        self,
        max_delay: int,
        delay: Constant = 0.0,
        channels: int | None = None,
        learn_delay: bool = False,
        kernel: str = "linear",
        sigma: float = 1.0,
        step_mode: bool = True,
    ) -> None:
        super().__init__(max_delay)
        if kernel not in _KERNELS:
            raise ValueError(f"AxonalDelay: kernel must be one of {', '.join(_KERNELS)}, got {kernel!r}")
        must_be_positive("AxonalDelay: sigma", sigma, "0 steps")
        if not step_mode:
            raise ValueError(
                "AxonalDelay takes one step per call (step_mode=True); call delay.sequence(xs) for a whole sequence "
                "from rest, or snn.unroll(net, xs)"
            )
        self.constant("delay", delay, learn=learn_delay)
        must_be_delays("AxonalDelay", self.delay, max_delay)
        if channels is not None:
            must_be_a_count("AxonalDelay: channels", channels)
            must_be_one_or_each("AxonalDelay: delay", self.delay, channels, "channels")
            self.constant("delay", self.delay.detach().expand(channels), learn=learn_delay)
        elif self.delay.dim() > 1:
            raise ValueError(
                f"AxonalDelay: delay must have one value, or one for each channel, got shape {tuple(self.delay.shape)}"
            )
        self.channels = channels
        self.learn_delay = learn_delay
        self.kernel = kernel
        self.sigma = sigma

    def over(self, window: Tensor) -> Tensor:
        delays = self._delays(window)
        if self.kernel == "gaussian":
            weights = as_dtype(gaussian(delays, self.max_delay, self.sigma), window.dtype)
            return summed(window, weights, lambda x, weight: x * weight)
        whole = delays.detach().floor()
        share = as_dtype(delays - whole, window.dtype)
        learns = delays.requires_grad and torch.is_grad_enabled()
        count = window.shape[0] - self.max_delay
        rows = self._from(window, whole + 1, count + 1 + learns)
        near, longest = rows.narrow(0, 1, count), whole == self.max_delay
        far = torch.where(longest, near, rows.narrow(0, 0, count))
        if not learns:
            return near + share * (far - near)
        # a whole number of steps has a different slope on either side, and the longest delay has one only below it
        before = (delays.detach() == whole) & (whole > 0)
        past = torch.where(before, rows.narrow(0, 2, count), near)
        return near + share * torch.where(before & ~longest, 0.5, 1.0).to(share) * (far - past)

    def reset_delay(self) -> Tensor:
        """Forget the inputs so far.

        Returns:
            An empty tensor.
        """
        self.forget()
        return self.delay.detach().new_zeros(0)

    def round_(self) -> AxonalDelay:
        """Round the delays to whole numbers of steps, in place, as hardware and NIR expect them.

        Returns:
            The layer.

        Example:
            >>> AxonalDelay(max_delay=4, delay=2.75).round_().delay
            tensor(3.)
        """
        with torch.no_grad():
            self.delay.copy_(self.delay.clamp(0, self.max_delay).round())
        return self

    def _delays(self, window: Tensor) -> Tensor:
        """Return the clamped delays, in a shape that fits a step, in a dtype for whole numbers of steps."""
        delays = wide(self.delay)
        delays = clamped(delays.to(torch.promote_types(delays.dtype, window.dtype)), self.max_delay)
        if not delays.dim():
            return delays
        if window.dim() < 3 or window.shape[2] != delays.shape[0]:
            raise ValueError(
                f"AxonalDelay has {len(delays)} delays for the channels of [batch, channels, ...], got input of shape "
                f"{tuple(window.shape[1:])}"
            )
        return delays.reshape(-1, *[1] * (window.dim() - 3))

    def _from(self, window: Tensor, steps: Tensor, count: int) -> Tensor:
        """Return ``count`` inputs, delayed by a number of steps for each channel, ``[count, batch, ...]``."""
        rows = torch.arange(self.max_delay, self.max_delay + count, device=window.device)
        index = rows.reshape(-1, *[1] * (window.dim() - 1)) - steps.long()
        last = window.shape[0] - 1  # beyond the window any input will do, as over() leaves it out
        return window.gather(0, index.clamp(0, last).expand(-1, *window.shape[1:]))

    def extra_repr(self) -> str:
        width = ["sigma"] if self.kernel == "gaussian" else []
        return self._describe("max_delay", "delay", "kernel", *width)


SynapticDelay = AxonalDelay
"""snnTorch's name for the layer."""
