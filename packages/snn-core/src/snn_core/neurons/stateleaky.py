"""A leaky membrane without reset, over a whole sequence."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple, Unpack

import torch
from torch import Tensor
from torch.nn.utils.parametrize import is_parametrized

from snn_core.engines.dtypes import as_dtype, computing_dtype
from snn_core.neuron.constant import Constant, anywhere, clamped, must_be_a_count, must_be_one_or_each, warn
from snn_core.neuron.signatures import GRADED, ORDER, SequenceOptions, takes
from snn_core.neuron.spiking import LIF
from snn_core.neuron.temporal import as_floating
from snn_core.neuron.whole_sequence import WholeSequence


class StateLeaky(WholeSequence, LIF):
    r"""Leaky membrane that fires without being reset, over a whole sequence.

    .. math:: U[t] = \beta\,U[t-1] + X[t], \qquad S[t] = g\,\Theta(U[t] - \vartheta)

    Args:
        beta: Membrane decay per step, in [0, 1]: a scalar, or one per channel.
        channels: Number of neurons; with 1, any number of neurons with the same ``beta``.
        threshold: Membrane potential above which a neuron fires.
        spike_grad: Surrogate gradient; ``surrogate.atan()`` when None.
        surrogate_disable: Fire without any gradient.
        learn_beta: Make ``beta`` a parameter; ``"bounded"`` keeps it inside (0, 1).
        learn_threshold: Make the threshold a parameter.
        state_quant: A function applied to the membrane potentials that are returned and compared with the threshold.
        output: Return spikes and membrane; if False, the membrane alone.
        graded_spikes_factor: Amplitude g of a spike.
        learn_graded_spikes_factor: Make g a parameter.
        kernel_truncation_steps: Number of steps after which an input is forgotten; None for never.

    Shape:
        input ``[T, batch, channels]``; spikes and membrane the same; initial membrane ``[batch, channels]``.

    Returns:
        ``(spk, mem)``, or ``mem`` with ``output=False``; ``mem[-1]`` is the last state. ``step`` and ``unroll`` work
        as for every neuron.

    Raises:
        ValueError: If ``channels`` or ``kernel_truncation_steps`` is not a whole number of at least 1, ``beta`` has
            neither one value nor one per channel, the input has another number of channels, or an initial state is
            passed with ``kernel_truncation_steps``, which leaves no single state to continue from.

    Example:
        >>> spk, mem = StateLeaky(beta=0.5, channels=1)(torch.ones(3, 1, 1))
        >>> mem.flatten()
        tensor([1.0000, 1.5000, 1.7500])

    Source: Gerstner et al., Neuronal Dynamics (2014), section 1.3.
    """

    class State(NamedTuple):
        """Membrane potential."""

        mem: Tensor

    resets: ClassVar[bool] = False

    _version = 2  # of the state_dict: from 2 on, beta itself is stored and tau follows from it

    @takes(ORDER, GRADED, "kernel_truncation_steps", output=True)
    def __init__(
        self,
        beta: Constant,
        channels: int,
        *args: Any,
        kernel_truncation_steps: int | None = None,
        **options: Unpack[SequenceOptions],
    ) -> None:
        super().__init__(beta=beta, **options)
        must_be_a_count(f"{type(self).__name__}: channels", channels)
        must_be_one_or_each(f"{type(self).__name__}: beta", self.beta, channels, "channels")
        if kernel_truncation_steps is not None:
            must_be_a_count(f"{type(self).__name__}: kernel_truncation_steps", kernel_truncation_steps)
        graded = self.graded_spikes_factor.requires_grad or anywhere(self.graded_spikes_factor != 1)
        gradient = options.get("spike_grad") is not None or self.surrogate_disable or self.threshold.requires_grad
        if not self.output and (gradient or graded):
            warn(
                f"{type(self).__name__}: with output=False no spikes are computed, so the settings about spikes have "
                "no effect"
            )
        self.channels = channels
        self.kernel_truncation_steps = kernel_truncation_steps

    def state_shape(self, x: Tensor) -> torch.Size:
        if x.dim() == 0 or (x.shape[-1] != self.channels and self.channels != 1):
            raise ValueError(
                f"{type(self).__name__} takes {self.channels} channels, got input of shape {tuple(x.shape)}"
            )
        return x.shape

    def integrate(self, x: Tensor, state: Any) -> Any:
        return state._replace(mem=self.membrane_decay * state.mem + x)

    def membrane(self, state: Any) -> Tensor:
        return self.state_quant(state.mem) if self.state_quant else state.mem

    def _quantized(self, state: Any) -> Any:
        return state  # only the returned membrane is quantized, not the integrated one

    def step(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        if self.kernel_truncation_steps is not None:
            raise ValueError(self._no_single_state("call it with the whole sequence"))
        return super().step(x, state)

    def unroll(self, xs: Tensor, state: Any = None, *, trace: bool = False) -> tuple[Tensor, Any]:
        steps = self.kernel_truncation_steps
        if steps is not None and state is not None and any(s is not None for s in state):
            raise ValueError(self._no_single_state("leave out the initial membrane"))
        xs = as_floating(xs, type(self).__name__)
        if steps is None or xs.dim() == 0 or steps >= xs.shape[0]:
            return super().unroll(xs, state, trace=trace)
        driven = self.driven(xs)
        self.state_shape(driven[0])  # raises if the number of channels is wrong
        wide = as_dtype(driven, computing_dtype(driven))
        mem = wide.clone() if steps == 1 else self._windowed(wide, steps)  # not the caller's input itself
        states = self.State(as_dtype(mem, wide.dtype))
        spk = as_dtype(self.graded(self._crossing(self.membrane(states))), driven.dtype)
        return spk, states if trace else self.State(states.mem[-1].clone())  # a view would keep all steps in memory

    def sequence(self, xs: Tensor, mem: Tensor | None = None) -> Any:
        """Return the spikes and membrane of an input ``[T, batch, features]``, starting from ``mem`` or from rest."""
        spk, states = self.unroll(xs, (mem,), trace=True)
        return (spk, self.membrane(states)) if self.output else self.membrane(states)

    @property
    def output_names(self) -> tuple[str, ...]:
        return ("spk", "mem") if self.output else ("mem",)

    def _no_single_state(self, remedy: str) -> str:
        setting = f"kernel_truncation_steps={self.kernel_truncation_steps}"
        return f"{type(self).__name__}: with {setting} the last inputs, not one membrane, make up the state; {remedy}"

    def _windowed(self, xs: Tensor, steps: int) -> Tensor:
        r"""Return membrane potentials from only the last ``steps`` inputs, :math:`\sum_{k<K} \beta^k X[t-k]`.

        Windows of n steps give the windows of 2n and 2n + 1 steps,

        .. math:: W_{2n}[t] = W_n[t] + \beta^n\,W_n[t-n], \qquad W_{2n+1}[t] = X[t] + \beta\,W_{2n}[t-1],

        so the number of passes over the input grows with the logarithm of K, and nothing is ever subtracted.
        """
        if steps == 1:
            return xs
        half, n = self._windowed(xs, steps // 2), steps // 2
        even = half + self.membrane_decay**n * _later(half, n)
        return xs + self.membrane_decay * _later(even, 1) if steps % 2 else even

    @property
    def tau(self) -> Tensor:
        """The time constant in steps, -1 / ln(beta)."""
        return 1 / self.membrane_decay.log().abs()  # for beta = 1 not -inf, but inf

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        destination[prefix + "tau"] = self.tau.detach()

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, local_metadata: Any, *args: Any, **kwargs: Any
    ) -> None:
        # snnTorch decays by exp(-1 / tau) whatever its beta says
        tau, beta = state_dict.pop(prefix + "tau", None), state_dict.get(prefix + "beta")
        if tau is not None and local_metadata.get("version", 1) < 2 and not is_parametrized(self, "beta"):
            state_dict[prefix + "beta"] = _loaded_decay(tau, beta)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *args, **kwargs)


def _loaded_decay(tau: Tensor, beta: Tensor | None) -> Tensor:
    """Return the decay in a file: its ``beta``, or that of its ``tau`` where they differ by more than rounding."""
    decay = torch.exp(-1 / tau)
    if beta is None or beta.shape != tau.shape:
        return decay
    rate = clamped(beta).log().abs()
    rounding = 4 * max(torch.finfo(beta.dtype).eps, torch.finfo(tau.dtype).eps)
    return torch.where((1 / tau).isclose(rate.to(tau.dtype), rounding, 0), beta, decay.to(beta.dtype))


def _later(xs: Tensor, steps: int) -> Tensor:
    """Return a sequence shifted to a number of steps later: zeros come first, and its last steps are cut off."""
    return torch.cat([torch.zeros_like(xs[:steps]), xs[:-steps]])
