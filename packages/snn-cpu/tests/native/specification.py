"""A sequence by the steps of the neuron, which specify it, and by the kernel; and how far the two may be apart."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

import snn_core as snn
from snn_core import kernels, surrogate
from snn_core.engines import fused
from snn_core.engines.registry import Arguments, Kernel, first_of, offered
from snn_core.engines.stepped import kernel_of
from snn_core.kernels import StepProgram
from snn_core.neuron.makeup import Makeup, with_constants
from snn_core.neuron.repertoire import known_of_ours
from snn_core.surrogate import Surrogate

ONE_TO_ONE, DENSE = {"all_to_all": False}, {"linear_features": 1}
# how a neuron of each kind is made, and its constants, weights first
FAMILIES: dict[str, tuple[Callable[..., Any], tuple[str, ...]]] = {
    "leaky": (partial(snn.Leaky, beta=0.5), ("beta", "threshold")),
    "lapicque": (partial(snn.Lapicque, R=1.0, C=1.0), ("R", "C", "time_step", "threshold")),
    "synaptic": (partial(snn.Synaptic, alpha=0.5, beta=0.5), ("alpha", "beta", "threshold")),
    "alpha": (partial(snn.Alpha, alpha=0.5, beta=0.25), ("alpha", "beta", "threshold")),
    "stateleaky": (partial(snn.StateLeaky, beta=0.5, channels=5), ("beta", "threshold")),
    "linearleaky": (partial(snn.LinearLeaky, beta=0.5, in_features=5, out_features=5), ("beta", "threshold")),
    "rleaky_one_to_one": (
        partial(snn.RLeaky, beta=0.5, **ONE_TO_ONE),
        ("beta", "recurrent.V", "graded_spikes_factor", "threshold"),
    ),
    "rsynaptic_one_to_one": (
        partial(snn.RSynaptic, alpha=0.5, beta=0.5, **ONE_TO_ONE),
        ("alpha", "beta", "recurrent.V", "graded_spikes_factor", "threshold"),
    ),
    "rleaky_dense": (
        partial(snn.RLeaky, beta=0.5, **DENSE),
        ("recurrent.weight", "recurrent.bias", "beta", "graded_spikes_factor", "threshold"),
    ),
    "rsynaptic_dense": (
        partial(snn.RSynaptic, alpha=0.5, beta=0.5, **DENSE),
        ("recurrent.weight", "recurrent.bias", "alpha", "beta", "graded_spikes_factor", "threshold"),
    ),
}

RESETS = [("none", True), ("subtract", True), ("zero", True), ("subtract", False), ("zero", False)]
RESETTING = ["leaky", "lapicque", "synaptic", "alpha", "rleaky_one_to_one", "rsynaptic_one_to_one"]
ELEMENTWISE = [*RESETTING, "stateleaky", "linearleaky"]
KINDS = [(name, *reset) for name in ELEMENTWISE for reset in (RESETS if name in RESETTING else RESETS[:1])]

SURROGATES: list[Surrogate] = [
    surrogate.atan(3.0),
    surrogate.fast_sigmoid(5),
    surrogate.sigmoid(7),
    surrogate.straight_through_estimator(),
    surrogate.triangular(0.2),
    surrogate.heaviside(),
    surrogate.spike_rate_escape(1.5, 0.8),
    surrogate.multi_gaussian(),
    surrogate.double_gaussian(0.4),
    surrogate.slayer(2, 0.8),
    surrogate.LSO(0.3),
    surrogate.SFS(3, 0.05),
    surrogate.no_gradient(),
]

# where constants are drawn from: neurons fire in a twentieth to four fifths of the steps, and gradients do not explode
RANGES = {
    "alpha": (0.8, 0.95),
    "beta": (0.3, 0.75),
    "R": (1.0, 2.0),
    "C": (1.0, 3.0),
    "time_step": (0.5, 1.0),
    "recurrent.V": (-0.08, 0.05),
    "graded_spikes_factor": (0.5, 2.0),
    "threshold": (0.15, 0.3),
}

# Of the largest gradient of a tensor; for a constant, of the sum of the sizes of all that its gradient is the sum of,
# since roundings do not shrink with what is left of it. The worst of all cases are 7e-7 and 2e-15, a dozen roundings.
TOLERANCE = {torch.float32: 2e-6, torch.float64: 5e-15}


@dataclass(frozen=True)
class Case:
    """A neuron, and the tensors of a sequence; ``names`` are those of its constants."""

    neuron: Any
    names: tuple[str, ...]
    x: Tensor
    states: tuple[Tensor, ...]
    constants: tuple[Tensor, ...]
    trace: bool

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        return self.x, *self.states, *self.constants

    def with_tensors(self, tensors: Sequence[Tensor]) -> Case:
        """The same call of other tensors."""
        count = 1 + len(self.states)
        return replace(self, x=tensors[0], states=tuple(tensors[1:count]), constants=tuple(tensors[count:]))

    def fresh(self, needs: Sequence[bool] | None = None) -> Case:
        """The same call of new leaves, of which ``needs`` require grad."""
        needs = [True] * len(self.tensors) if needs is None else needs
        return self.with_tensors([t.detach().requires_grad_(n) for t, n in zip(self.tensors, needs, strict=True)])

    def with_these_constants(self, constants: Sequence[Tensor]) -> Any:
        """The neuron with other constants."""
        return with_constants(self.neuron, dict(zip(self.names, constants, strict=True)))

    def steps(
        self, x: Tensor, states: Sequence[Tensor], constants: Sequence[Tensor], trace: bool
    ) -> tuple[Tensor, ...]:
        neuron = self.with_these_constants(constants)
        spikes, last = kernels.loop(neuron.advance, x, neuron.State._make(states), trace)
        return spikes, *last

    def by_steps(self) -> tuple[Tensor, ...]:
        return self.steps(self.x, self.states, self.constants, self.trace)

    def program(self) -> StepProgram:
        """The step program of the neuron for such tensors."""
        neuron = self.with_these_constants(self.constants)
        shape = self.x.shape[1:]
        sample = tuple(shape[1:] or shape) if "recurrent.weight" in self.names else None
        known = known_of_ours(neuron, Makeup.of(neuron).options, len(shape), self.states[0].dtype, sample, neuron.State)
        assert isinstance(known, StepProgram), known
        return known

    def kernel(self) -> Kernel:
        """The kernel that runs the neuron's program, which is this package's."""
        program = self.program()
        engine, reason = first_of(offered("program", "cpu"), program, self.states[0].dtype)
        assert engine is not None, reason
        kernel = kernel_of(engine, program)
        assert kernel.name == "snn-cpu"
        return kernel

    def in_order(self, program: StepProgram) -> tuple[Tensor, ...]:
        """The constants that a program names, in its order."""
        named = dict(zip(self.names, self.constants, strict=True))
        return tuple(named[name] for name in program.constants)

    def by_kernel(self) -> tuple[Tensor, ...]:
        program = self.program()

        def steps(call: Arguments) -> tuple[Tensor, ...]:
            named = dict(zip(self.names, self.constants, strict=True)) | dict(
                zip(program.constants, call.constants, strict=True)
            )
            return self.steps(call.x, call.states, [*named.values()], call.trace)

        arguments = Arguments(self.x, self.states, self.in_order(program), self.trace)
        return fused.call(self.kernel(), steps, arguments)


def case(
    family: str,
    reset: str = "subtract",
    delay: bool = True,
    spike_grad: Surrogate = SURROGATES[1],
    *,
    steps: int = 35,
    shape: tuple[int, ...] = (3, 5),
    dtype: torch.dtype = torch.float64,
    trace: bool = False,
    constants: Callable[[str], tuple[int, ...]] = lambda name: (),
    seed: int = 0,
) -> Case:
    """A case at random, all of whose tensors require grad.

    Args:
        family: The kind of neuron, one of ``FAMILIES``.
        reset: What a spike does.
        delay: Whether it does so a step later.
        spike_grad: The surrogate.
        steps: T.
        shape: Of one step.
        dtype: Of everything.
        trace: Whether every step's states are asked for.
        constants: The shape of a constant, given its name.
        seed: Of all that is drawn.
    """
    generator = torch.Generator().manual_seed(seed)

    def draw(size: tuple[int, ...], low: float, high: float) -> Tensor:
        uniform = torch.rand(size, generator=generator, dtype=torch.float64)
        return (low + (high - low) * uniform).to(dtype).requires_grad_()

    neuron, names = made(family, reset, delay, spike_grad)
    x = draw((steps, *shape), -0.4, 0.5)
    states = tuple(draw(shape, -0.25, 0.4) for _ in neuron.State._fields)
    values = tuple(draw(constants(name), *RANGES[name]) for name in names)
    return Case(neuron, names, x, states, values, trace)


def made(family: str, reset: str, delay: bool, spike_grad: Surrogate) -> tuple[Any, tuple[str, ...]]:
    """A neuron of a kind, and the names of its constants."""
    make, names = FAMILIES[family]
    resets = {"reset_mechanism": reset, "reset_delay": delay} if family not in ("stateleaky", "linearleaky") else {}
    return make(spike_grad=spike_grad, **resets), names


def same_bits(result: Tensor, expected: Tensor) -> None:
    """Assert that two tensors hold the same bits, or NaN where the other one does."""
    assert (result.dtype, result.shape) == (expected.dtype, expected.shape)
    nan = expected.isnan()
    assert torch.equal(result.isnan(), nan)
    integers = torch.int64 if result.dtype == torch.float64 else torch.int32
    bits = [t.detach().contiguous().view(integers).masked_fill(nan, 0) for t in (result, expected)]
    assert torch.equal(*bits), f"{int((bits[0] != bits[1]).sum())} of {nan.numel()} differ"


# of the largest number of a tensor, for sums of products in another order
TOLERANCE_OF_PRODUCTS = {torch.float32: 1e-5, torch.float64: 1e-12}


def near(result: Sequence[Tensor], expected: Sequence[Tensor]) -> None:
    """Assert that tensors are products of the same numbers, up to the order of the sums."""
    for left, right in zip(result, expected, strict=True):
        assert left.shape == right.shape
        assert left.dtype == right.dtype
        largest = right.detach().abs().max().item() if right.numel() else 0.0
        torch.testing.assert_close(left, right, rtol=0, atol=TOLERANCE_OF_PRODUCTS[right.dtype] * max(largest, 1e-30))


def agree(sample: Case, gradients: Sequence[Tensor | None] | None = None, needs: Sequence[bool] | None = None) -> None:
    """Assert that kernel and steps give the same bits, and the same gradients up to rounding.

    Args:
        sample: The case.
        gradients: Of the outputs, None for those without; at random where not given.
        needs: Which tensors require grad; all where not given.
    """
    expected, result = sample.fresh(needs), sample.fresh(needs)
    out, out_k = expected.by_steps(), result.by_kernel()
    for o, o_k in zip(out, out_k, strict=True):
        same_bits(o_k, o)
    gradients = random_gradients(out) if gradients is None else gradients
    expected_gradients, actual = backward(expected, out, gradients), backward(result, out_k, gradients)
    sizes = [*expected_gradients[: -len(sample.constants)], *addends(expected, gradients)]
    for w, g, size in zip(expected_gradients, actual, sizes, strict=True):
        assert (g is None) == (w is None)
        if g is not None and g.numel():
            apart, bound = (g - w).abs().max().item(), TOLERANCE[g.dtype] * size.abs().max().item()
            assert math.isfinite(bound)
            assert apart <= bound, f"{apart / bound} times the bound"


def addends(sample: Case, gradients: Sequence[Tensor | None]) -> list[Tensor | None]:
    """The sum of the sizes of what is added up to each constant's gradient: one addend per step, sample and neuron."""
    shape, states, spikes, traced, each = sample.x.shape[1:], sample.states, [], [], []
    for x in sample.x.unbind(0):
        each.append([c.detach().expand(shape).clone().requires_grad_() for c in sample.constants])
        spk, *states = sample.steps(x.unsqueeze(0), states, each[-1], False)
        spikes.append(spk)
        traced.append(states)
    if sample.trace:
        states = [torch.stack(s) for s in zip(*traced, strict=True)]
    flat = [c for step in each for c in step]
    result = gradients_of([torch.cat(spikes), *states], flat, gradients)
    sums = [sum(g.abs() for g in result[i :: len(sample.constants)]) for i in range(len(sample.constants))]
    return [s.sum_to_size(c.shape) if c.requires_grad else None for s, c in zip(sums, sample.constants, strict=True)]


def random_gradients(outputs: Sequence[Tensor]) -> list[Tensor]:
    """Gradients of some outputs."""
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(o.shape, generator=generator, dtype=torch.float64).to(o.dtype) for o in outputs]


def backward(leaves: Case, outputs: Sequence[Tensor], gradients: Sequence[Tensor | None]) -> list[Tensor | None]:
    """The gradients of a case's tensors, None for those that require none."""
    result = iter(gradients_of(outputs, [t for t in leaves.tensors if t.requires_grad], gradients))
    return [next(result) if t.requires_grad else None for t in leaves.tensors]


def gradients_of(
    outputs: Sequence[Tensor], inputs: Sequence[Tensor], gradients: Sequence[Tensor | None]
) -> list[Tensor]:
    """The gradients of inputs, zero where unused, given those of outputs."""
    ends = [(o, g) for o, g in zip(outputs, gradients, strict=True) if g is not None and o.requires_grad]
    if not ends or not inputs:
        return [torch.zeros_like(i) for i in inputs]
    result = torch.autograd.grad(
        [o for o, _ in ends], inputs, [g for _, g in ends], retain_graph=True, allow_unused=True
    )
    return [torch.zeros_like(i) if g is None else g for g, i in zip(result, inputs, strict=True)]
