"""A rectified leaky membrane over a whole sequence, as a recurrent layer."""

from __future__ import annotations

from typing import Any, ClassVar, Unpack

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snn_core.engines.dtypes import as_dtype, computing_dtype
from snn_core.neuron.constant import Constant, must_be_one_or_each
from snn_core.neuron.firing import Firing
from snn_core.neuron.signatures import GRADED, ORDER, FiringOptions, takes
from snn_core.neuron.temporal import as_floating
from snn_core.neuron.whole_sequence import WholeSequence


class LeakyParallel(WholeSequence, Firing):
    r"""Linear layer and rectified leaky membrane without reset, over a whole sequence.

    .. math:: U[t] = \mathrm{relu}(W X[t] + b + \beta\,U[t-1]), \qquad S[t] = g\,\Theta(U[t] - \vartheta)

    Args:
        input_size: Features of the input.
        hidden_size: Number of neurons.
        beta: Membrane decay per step, clamped to [0, 1]: a scalar, or one per neuron. None leaves the recurrent weights
            as initialized at random; without ``weight_hh_enable`` only their diagonal.
        bias: True for a layer with biases.
        threshold: Membrane potential above which a neuron fires.
        dropout: Must be 0; put an ``nn.Dropout`` after the layer.
        spike_grad: Surrogate gradient; ``surrogate.atan()`` when None.
        surrogate_disable: Fire without any gradient.
        learn_beta: Make the recurrent weights learnable; without ``weight_hh_enable`` only their diagonal is learned.
        learn_threshold: Make the threshold a parameter.
        graded_spikes_factor: Amplitude g of a spike.
        learn_graded_spikes_factor: Make g a parameter.
        weight_hh_enable: Connect every neuron to every other, by a full matrix of recurrent weights.
        device: Device of the layer's weights.
        dtype: Dtype of the layer's weights.

    Shape:
        input ``[T, batch, input_size]``; spikes ``[T, batch, hidden_size]``.

    Raises:
        ValueError: If ``dropout`` is not 0, ``beta`` has neither one value nor one per neuron, or the input has the
            wrong number of features.

    Example:
        >>> LeakyParallel(input_size=3, hidden_size=2, beta=0.9)(torch.rand(5, 1, 3)).shape
        torch.Size([5, 1, 2])

    Source: Le et al., A Simple Way to Initialize Recurrent Networks of Rectified Linear Units (2015).
    """

    may_run_on: ClassVar[bool] = False  # with full recurrent weights, a sample may blow up after its end

    beta: Tensor | None

    @takes("threshold dropout", ORDER, GRADED, "weight_hh_enable device dtype")
    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        beta: Constant | None = None,
        bias: bool = True,
        *args: Any,
        dropout: float = 0.0,
        learn_beta: bool = False,
        weight_hh_enable: bool = False,
        device: Any = None,
        dtype: torch.dtype | None = None,
        **options: Unpack[FiringOptions],
    ) -> None:
        super().__init__(**options)
        if dropout:
            raise ValueError(
                f"LeakyParallel has one layer and drops nothing between layers, got {dropout=}; put an "
                "nn.Dropout after it"
            )
        if isinstance(learn_beta, str):
            raise TypeError(
                f"LeakyParallel: learn_beta must be True or False, got {learn_beta!r}; it learns recurrent weights, "
                "which have no range"
            )
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.full = weight_hh_enable
        self.rnn: nn.RNN = nn.RNN(input_size, hidden_size, nonlinearity="relu", bias=bias, device=device, dtype=dtype)
        weight = self.rnn.get_parameter("weight_hh_l0").requires_grad_(learn_beta)
        if beta is None:
            self.register_buffer("beta", None)
        else:
            self._decay("beta", torch.as_tensor(beta).reshape(-1), learn=False)
            decay = self.get_buffer("beta").clamp(0, 1)
            must_be_one_or_each("LeakyParallel: beta", decay, hidden_size, "neurons")
            self.register_buffer("beta", decay)
            weight.data.copy_(decay.to(weight).unsqueeze(1).expand_as(weight))
        if not weight_hh_enable:
            weight.data.mul_(torch.eye(hidden_size).to(weight))

    def sequence(self, xs: Tensor) -> Tensor:
        """Return the spikes ``[T, batch, hidden_size]`` of an input ``[T, batch, input_size]``."""
        return self.run_steps(xs, None)[0]

    def run_steps(self, xs: Tensor, kept: Any, trace: bool = False) -> tuple[Tensor, Any]:
        xs = as_floating(xs, type(self).__name__)
        if xs.shape[-1] != self.input_size:
            raise ValueError(f"LeakyParallel takes {self.input_size} features, got input of shape {tuple(xs.shape)}")
        rnn: Any = self.rnn
        drive = F.linear(xs, rnn.weight_ih_l0, rnn.bias_ih_l0 if rnn.bias else None)
        dtype, drive = drive.dtype, as_dtype(drive, computing_dtype(drive))
        drive = drive + rnn.bias_hh_l0 if rnn.bias else drive
        recurrent, mems = rnn.weight_hh_l0, []
        decay = recurrent.diagonal()
        mem = torch.zeros_like(drive[0].detach()) if kept is None else kept[0]
        for x in drive.unbind(0):
            mem = torch.relu(x + (F.linear(mem, recurrent) if self.full else decay * mem))
            mems.append(mem)
        return as_dtype(self.fire(torch.stack(mems)), dtype), (mem,)

    def extra_repr(self) -> str:
        return self._describe("input_size", "hidden_size", "threshold", "spike_grad")
