"""Kernels of programs with connections, which run step by step."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from snn_core.engines.fused import ProgramKernel
from snn_core.engines.products import for_all_steps, linear
from snn_core.engines.registry import Arguments, Engine, Kernel, Upstream
from snn_core.programs.connections import Connection
from snn_core.programs.program import StepProgram


def kernel_of(engine: Engine, program: StepProgram) -> Kernel:
    """Return the kernel that an engine uses for a program which it takes."""
    if not program.connections:
        return ProgramKernel(engine, program)
    return engine.recurrent(program) or SteppedKernel(engine, program)


class SteppedKernel(ProgramKernel):
    """A kernel that runs a program step by step, and computes its connections in between.

    Connections that read the input alone are computed for all steps at once, and so are the gradients of all weights.
    """

    def __init__(self, engine: Engine, program: StepProgram) -> None:
        super().__init__(engine, program)
        self.overwrites = False
        arriving = enumerate(program.arriving.values())
        self._of_state = [(k, c) for k, connections in arriving for c in connections if not c.of_input]

    def forward(self, call: Arguments, save: bool) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        program, values, (x, states, _, trace) = self._program, self._by_name(call), call
        coefficients, fields = self._coefficients(values), program.states[: len(states)]
        arriving = {
            inputs: self._ahead(connections, x, states, values) for inputs, connections in program.arriving.items()
        }
        state, spikes, traced, saved = tuple(states), [], [], [*arriving.values()]
        sources = {"x": x[0], "input": x[0], **dict(zip(fields, state, strict=True))}
        of_state = []
        for k, c in self._of_state:
            bias = None if c.bias is None else values[c.bias]
            of_state.append((k, c, for_all_steps(c.source(sources), values[c.weight], bias)))
        for x_now, *arrived in zip(x.unbind(), *(whole.unbind() for whole in arriving.values()), strict=True):
            sources = {"x": x_now, "input": x_now, **dict(zip(fields, state, strict=True))}
            for k, c, product in of_state:
                arrived[k].add_(product(c.source(sources)))
            drive, others = self._inputs(x_now, arrived)
            step = Arguments(drive, [*state, *others], coefficients, trace=False)
            (spk, *after), kept = self._engine.forward(program, step, save)
            saved += [*state, *kept]
            state = tuple(after[: len(states)])
            spikes.append(spk)
            traced.append(state)
        last = [torch.stack(each) for each in zip(*traced, strict=True)] if trace else state
        return (torch.cat(spikes), *last), tuple(saved) if save else ()

    def window(self, saved: Sequence[Tensor]) -> Tensor | None:
        return None

    def backward(self, call: Arguments, upstream: Upstream) -> tuple[Tensor | None, ...]:
        program, values, (x, states, _, trace) = self._program, self._by_name(call), call
        grads, saved, needs, sums_x, _ = upstream
        count = len(states)
        coefficients, shape = self._coefficients(values), program.shape_of_sums(values)
        fields, totals = program.states[:count], dict[str, Tensor]()
        arrived, steps = saved[: len(program.arriving)], saved[len(program.arriving) :]
        each = len(steps) // len(x)
        returned = [self._engine.empty(whole.shape, whole) for whole in arrived]
        there, back_again = (zip(*map(Tensor.unbind, wholes), strict=True) for wholes in (arrived, returned))
        by_step = [*zip(x.unbind(), there, back_again, strict=True)]
        of_state = [(k, c, for_all_steps(returned[k][0], values[c.weight].t())) for k, c in self._of_state]
        to_input: list[Tensor] = []
        of_spikes = grads[0]
        carried: dict[str, Tensor | None] = dict(zip(fields, grads[1:], strict=True))
        if trace:
            carried = dict.fromkeys(fields)
        for t in reversed(range(len(x))):
            if trace:
                for field, grad in zip(fields, grads[1:], strict=True):
                    carried[field] = _sum(carried[field], None if grad is None else grad[t])
            x_now, arrived_now, returned_now = by_step[t]
            state, kept = steps[t * each : t * each + count], steps[t * each + count : (t + 1) * each]
            drive, others = self._inputs(x_now, arrived_now)
            ends = [None if of_spikes is None else of_spikes[t : t + 1], *map(carried.get, program.states)]
            step = Arguments(drive, [*state, *others], coefficients, trace=False)
            all_gradients = self._engine.backward(program, step, Upstream(ends, kept, (True,)), shape)
            out = [gradient for gradient in all_gradients if gradient is not None]  # in fact none of them is None here
            back = {"x": out[0][0], **dict(zip(program.states, out[1:], strict=False))}
            for name, total in zip(program.sums, out[1 + len(program.states) :], strict=True):
                totals[name] = totals[name] + total if name in totals else total
            carried = {field: back[field] for field in fields}
            sources = {"x": x_now, "input": x_now, **dict(zip(fields, state, strict=True))}
            before = None if program.renames_input else back["x"]
            for inputs, out_ in zip(program.arriving, returned_now, strict=True):
                torch.cat([back[name] for name in inputs], -1, out=out_)
            for k, c, product in of_state:
                for name, gradient in zip(c.sources, c.of_sources(product(returned_now[k]), sources), strict=True):
                    if name in fields:
                        carried[name] = _sum(carried[name], gradient)
                    else:
                        before = _sum(before, gradient)
            if before is not None:
                to_input.append(before)
        of_x = torch.stack(to_input[::-1]) if to_input else None
        of_constants = dict(zip(program.constants, program.gradients(values, totals), strict=True))
        if needs[0]:
            for c, grad in self._layers(returned):
                of_x = _sum(of_x, linear(grad, values[c.weight].t())[0]) if c.of_input else of_x
        learn = dict(zip(program.constants, needs[1 + count :], strict=True))
        past = {field: steps[k::each] for k, field in enumerate(fields)}
        for path, gradient in self._of_weights(x, past, returned, learn):
            of_constants[path] = _sum(of_constants[path], gradient)
        if sums_x and of_x is not None:
            of_x = of_x.sum(0)
        return of_x, *map(carried.get, fields), *of_constants.values()

    def _layers(self, returned: Sequence[Tensor]) -> Iterator[tuple[Connection, Tensor]]:
        """Yield each connection and the gradient of its output in all steps."""
        for connections, grad in zip(self._program.arriving.values(), returned, strict=True):
            yield from ((c, grad) for c in connections)

    def _of_weights(
        self, x: Tensor, past: Mapping[str, Sequence[Tensor]], returned: Sequence[Tensor], learn: Mapping[str, bool]
    ) -> Iterator[tuple[str, Tensor]]:
        """Yield the gradients of weights and biases that learn, given the states before each step by field."""
        for c, grad in self._layers(returned):
            if learn[c.weight] or (c.bias is not None and learn[c.bias]):
                states = {field: torch.stack([*past[field]]) for field in c.sources if field in past}
                yield from c.to_constants(grad, c.source({"x": x, "input": x, **states}), _linear).items()

    def _ahead(
        self, connections: Sequence[Connection], x: Tensor, states: Sequence[Tensor], values: Mapping[str, Tensor]
    ) -> Tensor:
        """Return, for all steps, the inputs that connections compute from the neuron's input alone."""
        sources = {"x": x, "input": x}
        out = [c(sources, values, _linear) for c in connections if c.of_input]
        if out:
            return functools.reduce(Tensor.add_, out)
        *sizes, features = states[0].shape
        return self._engine.empty([len(x), *sizes, features * len(connections[0].inputs)], x).zero_()

    def _inputs(self, x: Tensor, arrived: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Return the input of one step, with an axis of steps, and its further inputs."""
        sources = {"x": x}
        for (inputs, connections), whole in zip(self._program.arriving.items(), arrived, strict=True):
            sources |= dict(zip(inputs, connections[0].parts(whole), strict=True))
        return sources.pop("x")[None], [*sources.values()]


def _linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return linear(x, weight, bias)[0]


def _sum(a: Tensor | None, b: Tensor | None) -> Tensor | None:
    return b if a is None else a if b is None else a + b
