"""The text of kernels: what it is for a neuron, and that it is Python whatever names and numbers a program has."""

from __future__ import annotations

import ast
import itertools
import math
import re
from typing import Any

import pytest

import snn_core as snn
from snn_core.programs.program import Instruction, Program, Register, StepProgram
from snn_triton.expressions import Lines, Unknown
from snn_triton.source import Backward, Forward, Source, backward_source, forward_source

from .interpreted.tests_of_core import zoo

FORWARD = """\
def leaky_forward(
    x_in, spikes_out, mem_first, mem_out, threshold_in, k1_in, kept, steps, columns, x_stride,
    every, row,
    BLOCK: tl.constexpr,
):
    c0 = tl.full([BLOCK], 0.0, tl.float32)
    column = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    there = column < columns
    threshold = tl.broadcast_to(tl.load(threshold_in).to(tl.float32), [BLOCK])
    k1 = tl.load(k1_in + column, mask=there, other=0.0).to(tl.float32)
    mem = tl.load(mem_first + column, mask=there, other=0.0).to(tl.float32)
    x_row = x_in
    spikes_row = spikes_out
    mem_row = mem_out
    in_mem = column
    segment = kept
    for step in tl.range(0, steps, num_stages=4):
        begins = (step == 0) | ((steps - 1 - step) % every == 0)
        tl.store(segment + in_mem, mem, mask=there & begins)
        segment += tl.where(begins, row, 0)
        x = tl.load(x_row + column, mask=there, other=0.0).to(tl.float32)
        v0 = k1 * mem
        v1 = v0 + x
        v2 = v1 - threshold
        v3 = v2 > c0
        v4 = v3.to(tl.float32)
        tl.store(spikes_row + column, v4, mask=there)
        next_mem = v1
        mem = next_mem
        tl.store(mem_row + column, mem, mask=there)
        x_row += x_stride
        spikes_row += columns
        mem_row += columns
"""

BACKWARD = """\
def leaky_backward(
    x_in, spikes_grad, threshold_in, k1_in, kept, scratch, x_grad, mem_first_grad, sum_0_out, steps,
    columns, x_stride, spikes_stride, every, row,
    BLOCK: tl.constexpr,
):
    column = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    there = column < columns
    threshold = tl.broadcast_to(tl.load(threshold_in).to(tl.float32), [BLOCK])
    k1 = tl.load(k1_in + column, mask=there, other=0.0).to(tl.float32)
    in_mem = column
    last = (steps - 1).to(tl.int64)
    segments = (steps - 2 + every) // every
    x_row = x_in + last * x_stride
    spikes_row = spikes_grad + last * spikes_stride
    segment = kept + segments.to(tl.int64) * row
    back_row = x_grad + last * columns
    sum_0 = tl.zeros([BLOCK], tl.float64)
    mem = tl.load(segment + in_mem, mask=there, other=0.0).to(tl.float32)
    x = tl.load(x_row + column, mask=there, other=0.0).to(tl.float32)
    g_spikes = tl.load(spikes_row + column, mask=there, other=0.0).to(tl.float32)
    v0 = g_spikes * k1
    v1 = g_spikes * mem
    tl.store(back_row + column, g_spikes, mask=there)
    back_row -= columns
    sum_0 += v1
    next_mem = v0
    carried_mem = next_mem
    x_row -= x_stride
    spikes_row -= spikes_stride
    for behind in range(segments):
        end = steps - 1 - behind * every
        length = min(every, end)
        segment -= row
        place = scratch
        x_row -= (length - 1).to(tl.int64) * x_stride
        mem = tl.load(segment + in_mem, mask=there, other=0.0).to(tl.float32)
        for step in tl.range(0, length - 1, num_stages=4):
            tl.store(place + in_mem, mem, mask=there)
            x = tl.load(x_row + column, mask=there, other=0.0).to(tl.float32)
            v2 = k1 * mem
            v3 = v2 + x
            next_mem = v3
            mem = next_mem
            x_row += x_stride
            place += row
        tl.store(place + in_mem, mem, mask=there)
        tl.debug_barrier()
        part_0 = tl.zeros([BLOCK], tl.float32)
        for step in tl.range(0, length, num_stages=4):
            mem = tl.load(place + in_mem, mask=there, other=0.0).to(tl.float32)
            x = tl.load(x_row + column, mask=there, other=0.0).to(tl.float32)
            g_spikes = tl.load(spikes_row + column, mask=there, other=0.0).to(tl.float32)
            v4 = carried_mem + g_spikes
            v5 = v4 * k1
            v6 = v4 * mem
            tl.store(back_row + column, v4, mask=there)
            back_row -= columns
            part_0 += v6
            next_mem = v5
            carried_mem = next_mem
            x_row -= x_stride
            spikes_row -= spikes_stride
            place -= row
        sum_0 += part_0
        tl.debug_barrier()
    tl.store(mem_first_grad + column, carried_mem, mask=there)
    tl.store(sum_0_out + column, sum_0, mask=there)
"""


def leaky() -> StepProgram:
    spike_grad = snn.surrogate.straight_through_estimator()
    return snn.program(snn.Leaky(0.9, reset_mechanism="none", learn_beta=True, spike_grad=spike_grad))


def test_the_text_of_a_forward_kernel() -> None:
    options = Forward("float32", scalar=(True, False), trace=True, save=True)
    assert f"{forward_source(leaky(), options).text}\n" == FORWARD


def test_the_text_of_a_backward_kernel() -> None:
    options = Backward("float32", scalar=(True, False), trace=False, spikes=True, states=(False,), need_x=True)
    assert f"{backward_source(leaky(), options).text}\n" == BACKWARD


GIVEN = {"tl", "libdevice", "range", "min", "float"}  # what a text may name without defining it


class Read(ast.NodeVisitor):
    """Goes through a kernel line by line, and finds every name defined where it is read."""

    def __init__(self, arguments: list[str]) -> None:
        self.defined, self.read = {*arguments, *GIVEN}, set[str]()

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            assert node.id in self.defined, f"line {node.lineno} reads {node.id}, which nothing has defined before"
            self.read.add(node.id)
        else:
            assert node.id not in GIVEN
            self.defined.add(node.id)

    def visit_Assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        for target in node.targets:
            self.visit(target)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        assert isinstance(node.target, ast.Name)
        assert node.target.id in self.defined
        self.visit(node.value)

    def visit_For(self, node: ast.For) -> None:
        self.visit(node.iter)
        self.visit(node.target)
        for line in node.body:
            self.visit(line)


def check(source: Source) -> None:
    """Assert that a text is a function of Python, of the arguments that it is said to have."""
    (function,) = ast.parse(source.text).body
    assert isinstance(function, ast.FunctionDef)
    assert function.name == source.name
    assert source.name.isascii()
    names = [argument.arg for argument in function.args.args]
    assert names == [*source.arguments, "BLOCK"]
    assert len({*names}) == len(names)
    read = Read(names)
    for line in function.body:
        read.visit(line)
    assert {*names} <= read.read | {"BLOCK"}
    assert max(map(len, source.text.splitlines()[:3])) <= 100


def every_source(program: StepProgram, dtype: str = "float32") -> list[Source]:
    """A program's kernels for every use that differs in its text."""
    states, several = len(program.states), len(program.coefficients)
    uses = [*itertools.product((True, False), repeat=2)]
    sources = [forward_source(program, Forward(dtype, (trace,) * several, trace, save)) for trace, save in uses]
    for trace, need_x in uses:
        for flags in {(True,) * (1 + states), (False,) * (1 + states), (True, *(False,) * states), (False, True) * 9}:
            has = flags[1 : 1 + states]
            use = Backward(
                dtype, (not trace,) * several, trace, flags[0], (*has, *(False,) * (states - len(has))), need_x
            )
            sources.append(backward_source(program, use))
    return sources


def sample(case: Any) -> tuple[int, ...] | None:
    """The shape of a sample, which a neuron with weights asks for."""
    return tuple(case.shape[1:]) if case.recurrent or case.spk_shape else None


@pytest.mark.parametrize("case", [c for c in zoo.NEURONS if "conv" not in c.name], ids=str)
def test_every_neurons_kernels_read_nothing_that_they_do_not_define(case: Any) -> None:
    neuron = case.make()
    program = snn.program(neuron, len(case.shape), next(iter(case.input(1))).dtype, sample=sample(case))
    for dtype in ("float32", "float64"):
        for source in every_source(program, dtype):
            check(source)


def named(states: tuple[str, ...], coefficients: tuple[str, ...], neuron: str = "neuron") -> StepProgram:
    """A program of states and coefficients of any names, whose states change places in every step."""
    inputs = ("x", *states, *coefficients)
    registers = {name: Register(number) for number, name in enumerate(inputs)}
    adding = [Instruction("add", (registers[s], registers[c])) for s, c in itertools.product(states, coefficients)]
    swapped = [*zip(states, reversed(states), strict=True)]
    emitted = Register(len(inputs) + len(adding) - 1)
    forward = Program(inputs, tuple(adding), {"emitted": emitted, **{s: registers[t] for s, t in swapped}})
    gradients = ("d emitted", *(f"d {s}" for s in states))
    by_name = {name: Register(len(inputs) + number) for number, name in enumerate(gradients)}
    sums = {f"sum {c}": by_name[f"d {states[n % len(states)]}"] for n, c in enumerate(coefficients)}
    back = {"d x": by_name["d emitted"], **{f"d {s}": by_name[f"d {t}"] for s, t in swapped}, **sums}
    once = Program(coefficients, (), {c: Register(number) for number, c in enumerate(coefficients)})
    return StepProgram(once, forward, Program((*inputs, *gradients), (), back), Program((), (), {}), neuron=neuron)


NAMES = [
    *(
        "step",
        "steps",
        "x_row",
        "lambda",
        "v0",
        "μ",
        "ν",
        "c0.0",
        "c0",
        "s_step_",
        "s_s_step__",
        "None",
        "begins",
        "end",
    ),
    *("column", "there", "columns", "every", "row", "last", "segment", "segments", "behind", "length", "place", "kept"),
    *("scratch", "range", "min", "float", "tl", "libdevice", "BLOCK", "part_0", "sum_0", "next_mem", "carried_mem"),
    *("g_spikes", "in_mem", "mem_first", "x_in", "x_grad", "x_stride", "spikes_out", "spikes_grad", "back_row", "a b"),
    *("recurrent.V", "recurrent_V", "1st", "mem", "next", "def", "_", "__", "print", "neuron_forward"),
]


def same_but_for_names(states: tuple[str, ...], coefficients: tuple[str, ...]) -> None:
    """Assert that a text is that of a program of plain names, with other names one to one."""
    plain = [tuple(f"{kind}{n}" for n in range(len(of))) for kind, of in [("p", states), ("q", coefficients)]]
    for source, expected in zip(every_source(named(states, coefficients)), every_source(named(*plain)), strict=True):
        check(source)
        words, reference = (re.findall(r"[A-Za-z_]\w*", s.text.partition("(")[2]) for s in (source, expected))
        pairs = {*zip(words, reference, strict=True)}
        assert len(pairs) == len({*words}) == len({*reference})


@pytest.mark.parametrize("name", NAMES)
def test_names_that_the_text_has_already_or_that_are_none_of_python(name: str) -> None:
    for states, coefficients in [((name,), ("k1",)), (("mem",), (name,)), (("mem", name), ("μ", "step"))]:
        if len({*states, *coefficients}) == len(states) + len(coefficients):
            same_but_for_names(states, coefficients)


def test_all_of_these_names_at_once() -> None:
    same_but_for_names(tuple(NAMES[::2]), tuple(NAMES[1::2])[:12])


@pytest.mark.parametrize("neuron", ["Leaky", "Μνήμη", "lambda", "Über_LIF", "X2"])
def test_a_neuron_of_any_name(neuron: str) -> None:
    for source in every_source(named(("mem",), ("k1",), neuron)):
        check(source)


def values(text: str) -> dict[str, float]:
    """The numbers of a text, by the names it gives to them."""
    fills = {}
    for line in ast.parse(text).body:
        assert isinstance(line, ast.Assign)
        if isinstance(line.targets[0], ast.Name) and line.targets[0].id.startswith("c"):
            sign = -1.0 if isinstance(line.value, ast.BinOp) else 1.0
            call: Any = line.value.left if isinstance(line.value, ast.BinOp) else line.value
            fills[line.targets[0].id] = sign * eval(ast.unparse(call.args[1]), {"float": float})
    return fills


def test_numbers_of_every_kind_are_written_as_they_are() -> None:
    numbers = [math.inf, -math.inf, math.nan, 0.0, -0.0, 0.1, 1e-300, 5e-324, -1.7976931348623157e308, 3, True]
    lines = Lines("float64")
    names = [lines.number(number) for number in numbers]
    assert names[numbers.index(0.0)] != names[4]
    fills = values(str(lines))
    for name, number in zip(names, numbers, strict=True):
        assert math.copysign(1, fills[name]) == math.copysign(1, number)
        assert fills[name] == number or (math.isnan(number) and math.isnan(fills[name]))
    assert lines.number(0.1) == names[5]


def test_a_negative_zero_is_not_a_literal() -> None:
    lines = Lines("float32")
    lines.number(-0.0)
    assert str(lines) == "c0 = tl.full([BLOCK], 0.0, tl.float32) * -1.0"


def test_a_sum_of_a_states_gradient_is_taken_before_that_changes() -> None:
    program = named(("mem", "syn"), ("k1",))
    text = backward_source(program, Backward("float32", (True,), False, True, (True, True), True)).text
    loop = text[text.rindex("for step in") :]
    assert loop.index("part_0 += carried_mem") < loop.index("carried_mem = ")


def test_options_without_a_kernel_are_reported() -> None:
    use = Forward("float32", (), False, False)
    for instructions, reason in [
        ((Instruction("erf", (Register(0),)),), "a step computes 'erf', which its kernel does not support"),
        ((Instruction("abs", (Register(0),)),) * 401, "a step of 401 instructions; its kernel takes up to 400"),
    ]:
        forward = Program(("x", "mem"), instructions, {"emitted": Register(2), "mem": Register(1)})
        backward = Program((), (), {"d x": 0.0, "d mem": 0.0})
        program = StepProgram(Program((), (), {}), forward, backward, Program((), (), {}))
        with pytest.raises(Unknown, match=reason):
            forward_source(program, use)
