"""Integer nets in C are integer nets, bit for bit."""

from __future__ import annotations

import math
import re

import hypothesis
import pytest
import torch
from hypothesis import strategies as st
from torch import nn

import snn_core as snn
import snn_export
from in_c.compiling import differing_step
from in_c.in_node import Node
from in_c.integer_nets import INPUTS, INTEGER_NETS, integer_inputs, keeps, rounded
from snn_functional import quant


@pytest.mark.parametrize("name", INTEGER_NETS)
def test_a_thousand_steps_are_bit_for_bit_those_of_the_integer_net(name, compiler, tmp_path):
    torch.manual_seed(0)
    net, shape = INTEGER_NETS[name]()
    xs = integer_inputs(net, shape)
    out = snn.unroll(net, xs)
    spk = out[0] if isinstance(out, tuple) else out
    assert 0 < int(spk.count_nonzero()) < spk.numel()
    assert differing_step(net, compiler(net, xs[0], tmp_path / "c"), xs) is None


def test_weights_are_int8_sums_int32_and_spikes_a_byte():
    torch.manual_seed(0)
    net, shape = INTEGER_NETS["integer dense"]()
    export = snn_export.export(net, integer_inputs(net, shape, 1)[0], format="c")
    assert "static const int8_t n0_weight[240]" in export.files["net.c"]
    assert "void net_step(const int8_t *in, int32_t *out, net_state *state);" in export.files["net.h"]
    assert "in: [12], integers from -128 to 127" in export.files["net.h"]
    assert "saturates" in export.files["net.h"]
    assert export.report.flash == 12 * 20 + 4 * 20 + 20 * 5 + 4 * 5
    assert export.report.state == 2 * (20 + 5)  # of 12 bits


def test_a_membrane_saturates_where_the_grid_ends(compiler, tmp_path):
    net = nn.Sequential(nn.Linear(1, 1, bias=False), snn.Leaky(1.0, **keeps(4, 0, reset_mechanism="none", output=True)))
    with torch.no_grad():
        net[0].weight.fill_(1.0)
    net = quant.integer(net, inputs=quant.fixed_point(4, 0))
    compiled = compiler(net, torch.ones(1, 1).long(), tmp_path / "c")
    assert [compiled(torch.tensor([5]))[1].item() for _ in range(3)] == [5, 7, 7]
    assert [compiled(torch.tensor([-8]))[1].item() for _ in range(3)] == [-1, -8, -8]


def test_a_recorded_integer_that_the_input_type_does_not_hold_is_refused():
    net, shape = INTEGER_NETS["integer dense"]()
    xs = torch.full((2, 1, *shape), 128)  # one more than a grid of 8 bits has
    with pytest.raises(ValueError, match="recorded contains 128; the net in C takes -128 to 127"):
        snn_export.export(net, xs[0], recorded=xs, format="c")


@pytest.mark.parametrize(("value", "text"), [(128.0, "128"), (-129.0, "-129"), (0.5, "0.5"), (math.nan, "NaN")])
def test_a_number_that_is_not_on_the_grid_of_the_input_is_refused_in_javascript(value, text, tmp_path):
    net, shape = INTEGER_NETS["integer dense"]()
    with Node() as node:
        compiled = node.compiled(net, integer_inputs(net, shape, 1)[0], tmp_path / "c")
        with pytest.raises(RuntimeError, match=f"step: x must have integers from -128 to 127, got {text}$"):
            compiled(torch.full(shape, value))


@pytest.mark.parametrize("shape", [(1, 13), (2, 3, 4), (5,)])
def test_an_input_that_the_net_does_not_take_is_named(shape):
    net, _ = INTEGER_NETS["integer dense"]()
    expected = rf"IntegerNet does not take {re.escape(str(list(shape)))} \(int64\)"
    with pytest.raises(ValueError, match=expected):
        snn_export.export(net, torch.zeros(shape, dtype=torch.int64), format="c")


def test_values_of_more_than_32_bits_are_refused(tmp_path):
    net = nn.Sequential(nn.Linear(4, 2, bias=False).double(), snn.Leaky(0.875, **keeps(30, 20)).double())
    with torch.no_grad():
        net[0].weight.fill_(1.0)
    net = quant.integer(net, inputs=quant.fixed_point(30, 20))
    with pytest.raises(ValueError, match=r"0 \(IntegerLinear\) cannot be written in C: integers up to \d+ need more"):
        snn_export.export(net, torch.ones(1, 4).long(), tmp_path / "c" / "net.c", format="c")
    assert not [*tmp_path.iterdir()]


def test_the_net_of_floats_on_the_same_grid_is_the_same_in_c(compiler, tmp_path):
    torch.manual_seed(0)
    layers = nn.Linear(12, 20), snn.Leaky(0.875, **keeps()), nn.Linear(20, 5), snn.Leaky(0.75, **keeps(8, 4, "floor"))
    net = rounded(nn.Sequential(*layers))
    integers = quant.integer(net, inputs=INPUTS)
    whole = integer_inputs(integers, (12,), 300)
    xs = whole.float() / 2**INPUTS.fraction_bits
    floats = compiler(net, xs[0], tmp_path / "floats")
    on_integers = compiler(integers, whole[0], tmp_path / "integers")
    assert all(torch.equal(floats(x).int(), on_integers(i)) for x, i in zip(xs, whole, strict=True))


@st.composite
def integer_nets(draw):
    torch.manual_seed(draw(st.integers(0, 10**6)))
    features = draw(st.integers(1, 9))
    layers, shape = [], (features,)
    for _ in range(draw(st.integers(1, 3))):
        outs = draw(st.integers(1, 9))
        bits = draw(st.integers(4, 14))
        options = {
            "reset_mechanism": draw(st.sampled_from(["subtract", "zero", "none"])),
            "reset_delay": draw(st.booleans()),
            "graded_spikes_factor": draw(st.sampled_from([1.0, 0.5, 3.0])),
            "threshold": draw(st.sampled_from([0.5, 1.0, -0.5])),
        }
        beta = draw(st.sampled_from([0.0, 0.5, 0.75, 0.875, 0.96875, 1.0]))
        grid = keeps(bits, draw(st.integers(1, 3)), draw(st.sampled_from(["nearest", "floor"])))
        layers += [nn.Linear(features, outs, draw(st.booleans())), snn.Leaky(beta, **grid, **options)]
        features = outs
    inputs = draw(st.sampled_from([None, quant.fixed_point(6, 3)]))
    return quant.integer(rounded(nn.Sequential(*layers), draw(st.integers(0, 5))), inputs=inputs), shape


@hypothesis.settings(max_examples=40, deadline=None)
@hypothesis.given(integer_nets())
def test_any_integer_net_is_the_same(compiler, tmp_path_factory, net_and_shape):
    net, shape = net_and_shape
    xs = integer_inputs(net, shape, 50)
    compiled = compiler(net, xs[0], tmp_path_factory.mktemp("c") / "c")
    assert differing_step(net, compiled, xs) is None
