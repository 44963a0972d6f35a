"""Recurrence around any neuron: the weighted spikes of the last step are added to its input."""

from __future__ import annotations

import functools
import math
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from snn_core.engines.dtypes import as_dtype
from snn_core.neuron.constant import Constant, HasConstants, clamped, is_whole, must_be_a_count
from snn_core.neuron.delays import must_be_delays
from snn_core.neuron.hints import must_broadcast
from snn_core.neuron.queue import Queued


class OneToOne(HasConstants):
    """A connection from every neuron to itself: ``x * V``."""

    V: Tensor

    def __init__(self, V: Constant, learn: bool) -> None:
        super().__init__()
        self.constant("V", V, learn=learn)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.V


class Recurrent(Queued):
    r"""Mix-in that feeds a neuron's spikes back to it, :math:`X'[t] = X[t] + V(S[t-1])`.

    List it before the neuron among the base classes, declare ``spk`` as the first field of the ``State``, and call
    :meth:`connect` in the constructor. With ``max_delay`` the spikes of each neuron go back after that neuron's delay
    d, in addition to the one step,

    .. math:: X'[t] = X[t] + V\Big(\sum_{k=0}^{D} m_k\,S[t-1-k]\Big), \qquad
        m_k = \frac{\max(0,\ s - |k - d|)}{s^2}, \quad s = 1 + \sigma

    and the state has further fields after the declared ones: ``fed``, the value that goes back next, and ``spk_1`` to
    ``spk_<D-1>``, the spikes of the steps before the last one.

    Example:
        >>> from typing import NamedTuple
        >>> import torch
        >>> import snn_core as snn
        >>> class RAlpha(Recurrent, snn.Alpha):
        ...     class State(NamedTuple):
        ...         spk: Tensor
        ...         syn_exc: Tensor
        ...         syn_inh: Tensor
        ...         mem: Tensor
        ...     def __init__(self, alpha, beta, features, **options):
        ...         super().__init__(alpha, beta, **options)
        ...         self.connect(linear_features=features)
        >>> spk, last = RAlpha(0.9, 0.8, features=3).unroll(torch.rand(5, 2, 3))
        >>> spk.shape
        torch.Size([5, 2, 3])
    """

    remembers: ClassVar[bool] = True

    recurrent: nn.Module
    delay: Tensor
    delay_sigma: Tensor
    max_delay: int | None = None
    V: Tensor
    """The weights of a one-to-one connection, ``recurrent.V``; they may be replaced by a tensor or parameter."""

    def connect(
        self,
        V: Constant = 1.0,
        all_to_all: bool = True,
        linear_features: int | None = None,
        conv2d_channels: int | None = None,
        kernel_size: int | tuple[int, int] | None = None,
        learn_recurrent: bool = True,
        max_delay: int | None = None,
        delay: Constant | None = None,
        learn_delay: bool = True,
        delay_sigma: float = 0.0,
    ) -> None:
        r"""Make the recurrent connection.

        Args:
            V: Weight of each neuron to itself, with ``all_to_all=False``. A scalar, or one per neuron.
            all_to_all: Connect by a linear or convolutional layer; else one to one.
            linear_features: Number of neurons of a dense connection.
            conv2d_channels: Channels of a convolutional connection.
            kernel_size: Size of its kernel, odd.
            learn_recurrent: Make its weights learnable.
            max_delay: Largest delay D of spikes that go back, in steps beyond the one that every recurrence takes; None
                for no delays.
            delay: The delays, clamped to [0, D] where they are used. A scalar, or one per neuron; None draws one for
                each neuron, or each channel, uniformly from [0, D].
            learn_delay: Make the delays a parameter.
            delay_sigma: :math:`\sigma`, by how many steps more than one the triangle around a delay reaches to each
                side; a buffer, which you may lower to 0 during training.

        Raises:
            TypeError: If the arguments do not name exactly one kind of connection, or a delay is passed without
                ``max_delay``.
            ValueError: If the kernel is even or its size is not one or two whole numbers, a delay is outside [0, D], or
                ``delay_sigma`` is negative or infinite.

        Source of the delays: Queant et al., DelRec: Learning Delays in Recurrent Spiking Neural Networks (2025).
        """
        owner = type(self).__name__
        conv = bool(conv2d_channels), bool(kernel_size)
        if not all_to_all:
            if linear_features or any(conv):
                raise TypeError(
                    f"{owner}: all_to_all=False connects one to one by V; linear_features, conv2d_channels and "
                    "kernel_size belong to all_to_all=True"
                )
            self.recurrent = OneToOne(V, learn_recurrent)
        elif linear_features and not any(conv):
            self.recurrent = nn.Linear(linear_features, linear_features)
        elif conv2d_channels and kernel_size and not linear_features:
            padding = same_size_padding(owner, kernel_size)
            self.recurrent = nn.Conv2d(conv2d_channels, conv2d_channels, kernel_size, padding=padding)
        else:
            raise TypeError(
                f"{owner}: all_to_all=True takes either linear_features or both conv2d_channels and kernel_size, got "
                f"{linear_features=}, {conv2d_channels=}, {kernel_size=}"
            )
        self.all_to_all = all_to_all
        self.linear_features = linear_features
        self.conv2d_channels = conv2d_channels
        self.kernel_size = kernel_size
        self.learn_recurrent = learn_recurrent
        if not learn_recurrent:
            self.recurrent.requires_grad_(False)
        if max_delay is not None:
            must_be_a_count(f"{owner}: max_delay", max_delay, of="steps")
            max_delay = int(max_delay)
            self._delay(max_delay, delay, learn_delay, delay_sigma)
        elif delay is not None:
            raise TypeError(f"{owner}: delay={delay!r} needs max_delay, the largest possible delay")
        self.max_delay = max_delay

    def _delay(self, most: int, delay: Constant | None, learn: bool, sigma: float) -> None:
        owner = type(self).__name__
        if delay is None:
            shape: Any = (self.linear_features,) if self.linear_features else (self.conv2d_channels, 1, 1)
            delay = most * torch.rand(shape if self.all_to_all else self.V.shape)
        self.constant("delay", delay, learn=learn)
        must_be_delays(owner, self.delay, most)
        if not sigma >= 0:
            raise ValueError(f"{owner}: delay_sigma must be 0 steps or more, got {sigma!r}")
        if sigma == math.inf:
            raise ValueError(f"{owner}: delay_sigma must be finite, got {sigma!r}")
        self.constant("delay_sigma", float(sigma))
        self.hold("fed", *_earlier(most))

    def _one_to_one(self) -> OneToOne:
        if not isinstance(self.recurrent, OneToOne):
            raise AttributeError(f"{type(self).__name__} has V only with all_to_all=False; its weights are recurrent.*")
        return self.recurrent

    def __getattr__(self, name: str) -> Any:
        return self._one_to_one().V if name == "V" else super().__getattr__(name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "V":
            self._one_to_one().V = value
        else:
            super().__setattr__(name, value)

    def integrate(self, x: Tensor, state: Any) -> Any:
        fed = state.spk if self.max_delay is None else state.fed
        try:
            back = self.recurrent(fed)
        except RuntimeError as error:
            if isinstance(self.recurrent, OneToOne):
                must_broadcast(self, "states", fed.shape, error, "V")
            if self.linear_features and fed.shape[-1:] != (self.linear_features,):
                raise ValueError(
                    f"{type(self).__name__}: the recurrent connection has {self.linear_features} neurons, so the input "
                    f"of a step must be [..., {self.linear_features}], got {tuple(fed.shape)}; set linear_features to "
                    "the size of its last axis"
                ) from error
            raise
        return super().integrate(x + back, state)

    def remember(self, state: Any, spk: Tensor) -> Any:
        before, state = state.spk, super().remember(state, spk)._replace(spk=spk)
        if self.max_delay is None:
            return state
        names = _earlier(self.max_delay)
        spikes = spk, before, *(getattr(state, name) for name in names)
        width = 1 + self.delay_sigma
        distances = (abs(k - clamped(self.delay, self.max_delay)) for k in range(len(spikes)))
        heights = (torch.where(d <= width, width - d, 0.0) / width**2 for d in distances)
        fed = functools.reduce(torch.add, (h * s for h, s in zip(heights, spikes, strict=True)))
        return state._replace(fed=as_dtype(fed, spk.dtype), **dict(zip(names, spikes[1:], strict=False)))

    def _exact(self) -> tuple[str, ...]:
        delayed = () if self.max_delay is None else ("fed", *_earlier(self.max_delay))
        return ("spk", *delayed, *super()._exact())

    def _outside(self) -> tuple[str, ...]:
        delay = () if self.max_delay is None else ("delay",)
        return (*delay, *super()._outside())

    def outputs(self, spk: Tensor, state: Any) -> Any:
        return tuple(state._replace(spk=spk))  # in the input's dtype, like the spikes that are sent on

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any, **kwargs: Any) -> None:
        # snnTorch saves the one weight under two names
        twin = state_dict.pop(prefix + "V", None)
        if twin is not None:
            weight = state_dict.setdefault(prefix + "recurrent.V", twin)
            if not twin.equal(weight):
                raise ValueError(
                    f"{prefix}V and {prefix}recurrent.V are the same weight, but differ in this state_dict; remove one"
                )
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)


def _earlier(most: int) -> list[str]:
    """Return the names of the states for the spikes of the steps before the last one, given the largest delay."""
    return [f"spk_{k}" for k in range(1, most)]


class Connected(Recurrent):
    """A recurrent neuron whose constructor takes the arguments of ``connect``."""

    def __init__(
        self,
        *,
        V: Constant = 1.0,
        all_to_all: bool = True,
        linear_features: int | None = None,
        conv2d_channels: int | None = None,
        kernel_size: int | tuple[int, int] | None = None,
        learn_recurrent: bool = True,
        max_delay: int | None = None,
        delay: Constant | None = None,
        learn_delay: bool = True,
        delay_sigma: float = 0.0,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        delays = max_delay, delay, learn_delay, delay_sigma
        self.connect(V, all_to_all, linear_features, conv2d_channels, kernel_size, learn_recurrent, *delays)


def same_size_padding(owner: str, kernel_size: int | tuple[int, int]) -> tuple[int, int]:
    """Return the padding that keeps the size: half the kernel on each side, so the kernel must be odd."""
    sizes: Any = (kernel_size, kernel_size) if is_whole(kernel_size) else kernel_size
    if not (isinstance(sizes, tuple | list) and len(sizes) == 2 and all(map(is_whole, sizes))):
        raise ValueError(f"{owner}: kernel_size must be a whole number or a pair of them, got {kernel_size!r}")
    height, width = sizes
    if height % 2 == 0 or width % 2 == 0:
        raise ValueError(f"{owner}: kernel_size must be odd, to give states the size of the input, got {kernel_size}")
    return height // 2, width // 2
