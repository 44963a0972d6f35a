"""Integrate-and-fire defined by a resistor and a capacitor."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple, Unpack

import torch
from torch import Tensor

from snn_core.neuron.constant import Constant, Learn, anywhere, as_constant, clamped, must_be_positive
from snn_core.neuron.signatures import ORDER, NeuronOptions, takes
from snn_core.neuron.spiking import LIF


class Lapicque(LIF):
    r"""Leaky integrate-and-fire neuron defined by its resistance and capacitance.

    .. math::

        U[t] = \frac{\Delta}{C}\,X[t] + \Big(1 - \frac{\Delta}{RC}\Big)\,U[t-1] - R[t]\,\vartheta

    Instead of R and C you may pass ``beta``: alone, it means R = 1 and :math:`C = \Delta / (R \ln(1/\beta))`; with
    ``R``, the same formula gives C; with ``C``, it gives R. If you pass ``R`` and ``C``, the neuron's ``beta`` is
    :math:`e^{-\Delta/(RC)}`, for information only.

    Args:
        beta: Membrane decay per step, in (0, 1]. A scalar, or one per neuron.
        R: Resistance of the membrane in ohms, greater than 0.
        C: Capacitance of the membrane in farads, greater than 0.
        time_step: :math:`\Delta`, the step in seconds.
        learn_beta: Make ``beta`` a parameter, from which R or C is derived again in every step; ``"bounded"`` keeps it
            inside (0, 1).

    The other options are those of :class:`~snn_core.SpikingNeuron`.

    Shape:
        input ``[batch, ...]``, a current in amperes; spikes and membrane the same.

    Returns:
        ``(spk, mem)``; with ``init_hidden=True`` the spikes alone, unless ``output=True``.

    Raises:
        ValueError: If the arguments are not ``beta``, or ``R`` and ``C``, or ``beta`` and one of them; if a value is
            out of its range; or if ``learn_beta=True`` although ``R`` and ``C`` determine ``beta``.
        TypeError: If a value is neither a number nor a tensor.

    Example:
        >>> spk, mem = Lapicque(R=5.0, C=2.0, time_step=1.0)(torch.ones(1, 1), torch.ones(1, 1))
        >>> mem
        tensor([[1.4000]])

    Source: Lapicque (1907); Gerstner et al., Neuronal Dynamics (2014), section 1.3.
    """

    class State(NamedTuple):
        """Membrane potential."""

        mem: Tensor

    peer_clears_last: ClassVar[bool] = True
    described: ClassVar[tuple[str, ...]] = ("beta", "R", "C", "time_step")

    R: Tensor
    C: Tensor
    time_step: Tensor
    _derived: str | None = None  # the one of R and C that follows from a learned beta

    @takes(ORDER)
    def __init__(
        self,
        beta: Any = False,
        R: Any = False,
        C: Any = False,
        time_step: Constant = 1,
        *args: Any,
        learn_beta: Learn = False,
        **options: Unpack[NeuronOptions],
    ) -> None:
        constants = {n: v for n, v in (("beta", beta), ("R", R), ("C", C)) if v is not False and v is not None}
        if set(constants) not in ({"beta"}, {"beta", "R"}, {"beta", "C"}, {"R", "C"}):
            raise ValueError(
                f"Lapicque takes beta, or two of beta, R and C, got {', '.join(constants) or 'none'}; "
                "leave the rest out"
            )
        if learn_beta and "beta" not in constants:
            raise ValueError("Lapicque cannot learn 'beta', which R and C determine; pass beta instead of R or C")
        constants["time_step"] = time_step
        for name, value in constants.items():
            tensor = as_constant(f"Lapicque: {name}", value)
            if name != "beta":
                must_be_positive(f"Lapicque: {name}", tensor, finite=name == "time_step")
            elif anywhere(~((tensor > 0) & (tensor <= 1))):
                raise ValueError(f"Lapicque: beta must be in (0, 1], got {value!r}")
            constants[name] = value if isinstance(value, int | float | Tensor) else tensor
        time_step = constants["time_step"]
        derived = "R" if "C" in constants else "C"
        if "beta" in constants:
            rate = torch.log(1 / _floating(constants["beta"]))
            constants.setdefault("R", time_step / (constants["C"] * rate) if "C" in constants else 1.0)
            constants.setdefault("C", time_step / (constants["R"] * rate))
        else:
            exponent = -_floating(time_step) / (constants["R"] * constants["C"])
            constants["beta"] = torch.atleast_1d(torch.exp(exponent))  # of snnTorch's shape
        super().__init__(beta=constants["beta"], learn_beta=learn_beta, **options)
        for name in ("R", "C", "time_step"):
            self.constant(name, constants[name])
        self._derived = derived if learn_beta else None

    def circuit(self) -> dict[str, Tensor]:
        """Return the resistance, capacitance and step, computed from a learned ``beta`` if there is one."""
        values = {"R": self.R, "C": self.C, "time_step": self.time_step}
        if self._derived is not None:
            fixed = values["C" if self._derived == "R" else "R"]
            values[self._derived] = self.time_step / (fixed * self._rate())
        return values

    def _rate(self) -> Tensor:
        """Return ln(1/beta) of a learned ``beta``; at 0 and 1 a number that leaves R, C and their gradients finite."""
        beta = clamped(self.beta)
        info = torch.finfo(beta.dtype)
        rate = torch.log(1 / torch.where(beta > 0, beta, info.tiny**0.5))
        return torch.where(rate > 0, rate, rate + info.eps**2)

    @property
    def membrane_decay(self) -> Tensor:
        r"""The factor :math:`1 - \Delta/RC` by which a step of the equation scales the membrane potential."""
        circuit = self.circuit()
        return 1 - circuit["time_step"] / (circuit["R"] * circuit["C"])

    def integrate(self, x: Tensor, state: Any) -> Any:
        circuit = self.circuit()
        gain = circuit["time_step"] / circuit["C"]
        return state._replace(mem=x * gain + (1 - gain / circuit["R"]) * state.mem)

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        if self._derived is not None:
            destination[prefix + self._derived] = self.circuit()[self._derived].detach()

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any, **kwargs: Any) -> None:
        beta = state_dict.get(prefix + "beta")
        if isinstance(beta, Tensor) and beta.dim() == 0 and self.beta.shape == (1,):
            state_dict[prefix + "beta"] = beta.reshape(1)  # older files lack snnTorch's shape
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)


def _floating(value: Constant) -> Tensor:
    return value.detach() if isinstance(value, Tensor) else torch.tensor(float(value))
