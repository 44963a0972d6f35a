"""Each thing that can be wrong with a net, alone in a net that is otherwise well: that finding and no other."""

import math
import re
from pathlib import Path

import pytest
import torch
from torch import nn

import snn_core as snn
from snn_core import surrogate
from snn_core.backends import Issue
from snn_functional import ce_membrane_loss, diagnose, diagnosis

from .diagnosed import LABELS, STEPS, batch, codes, well

CASES = {}


class Times(nn.Module):
    """Input times a number."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, x):
        return self.factor * x


def case(code, module, severity, value=None):
    """A defect: a function that gives the arguments of ``diagnose``, or of which the net is well and they differ."""

    def keep(make):
        CASES[make.__name__] = (make, code, module, severity, value)
        return make

    return keep


@case("nonfinite_input", "", "error", 2)
def two_values_that_are_no_numbers():
    xs = batch()
    xs[3, 1, 2], xs[4, 0, 0] = math.nan, math.inf
    return well(), xs, {}


@case("zero_input", "", "error", 0)
def a_batch_of_nothing():
    return well(), torch.zeros(STEPS, 5, 4), {}


@case("byte_input", "", "warning", 255)
def bytes_that_were_not_divided():
    net, xs = well(), (255 * batch()).round()
    xs[0, 0, 0] = 255
    with torch.no_grad():
        net[0].weight /= 255
    return net, xs, {}


@case("swapped_axes", "", "warning")
def as_many_targets_as_steps():
    return well(), batch().transpose(0, 1).repeat(1, 2, 1), {"targets": LABELS}


@case("swapped_axes", "", "warning")
def samples_that_are_all_the_same_while_the_steps_differ():
    return well(), batch()[:, :1].expand(-1, 3, -1), {}


@case("repeated_input", "", "info", STEPS)
def an_image_that_is_stacked():
    return well(), batch()[:1].repeat(STEPS, 1, 1), {}


@case("nonfinite_parameter", "2", "error", 1)
def a_weight_that_overflowed():
    net = well()
    net[2].weight.data[1, 1] = math.inf
    return net, batch(), {}


@case("nonfinite_parameter", "1", "error", 9)
def thresholds_that_became_nan():
    net = well(snn.Leaky(0.8, torch.ones(9), init_hidden=True, learn_threshold=True))
    net[1].threshold.data.fill_(math.nan)
    return net, batch(), {}


@case("zero_weights", "0", "warning", 2 / 9)
def two_neurons_without_input_weights():
    net = well()
    net[0].weight.data[[1, 4]] = 0
    return net, batch(), {}


@case("decay_out_of_range", "1", "warning", 20)
def a_decay_that_is_a_time_constant():
    with pytest.warns(UserWarning, match=r"decay\(tau, dt\)"):
        return well(snn.Leaky(20.0, threshold=4.0, init_hidden=True)), batch(), {}


@case("decay_out_of_range", "1", "warning", 1.25)
def a_learned_decay_that_left_its_range_and_has_no_gradient_there():
    net = well(snn.Leaky(0.9, threshold=4.0, init_hidden=True, learn_beta=True))
    net[1].beta.data.fill_(1.25)
    return net, batch(), {}


@case("decay_out_of_range", "1", "warning", -0.5)
def an_alpha_below_zero():
    with pytest.warns(UserWarning, match="clamped"):
        return well(snn.Synaptic(-0.5, 0.8, init_hidden=True)), batch(), {}


@case("alpha_not_above_beta", "1", "error", pytest.approx(-0.15))
def currents_that_decay_in_the_wrong_order():
    net = well(snn.Alpha(0.75, 0.5, threshold=0.25, init_hidden=True))
    net[1].beta.fill_(0.9)
    return net, batch(), {}


@case("unstable_step", "1", "error", 1.5)
def a_step_longer_than_the_time_constant():
    return well(snn.Lapicque(R=1.0, C=2.0, time_step=3.0, init_hidden=True)), batch(), {}


@case("slow_decay", "1", "info", pytest.approx(-1 / math.log(torch.tensor(0.9995).item())))
def a_decay_of_a_step_in_milliseconds_with_a_time_constant_in_seconds():
    return well(snn.Leaky(0.9995, threshold=4.0, init_hidden=True)), batch(), {}


@case("fast_decay", "1", "info", pytest.approx(1 / math.log(10)))
def a_decay_that_keeps_a_tenth():
    return well(snn.Leaky(0.1, init_hidden=True)), batch(), {}


@case("threshold_not_positive", "1", "warning", -0.25)
def a_threshold_below_rest():
    net = well(snn.Leaky(0.8, -0.25, init_hidden=True))
    net[2].weight.data /= 4
    return net, batch(), {}


@case("constant_at_bound", "1", "warning", 2)
def thresholds_that_learned_up_to_their_bounds():
    net = well(snn.bounded(snn.Leaky(0.8, torch.ones(9), init_hidden=True), "threshold", low=0.5, high=1.5))
    with torch.no_grad():
        net[1].parametrizations.threshold.original[[2, 7]] = torch.tensor([-8.0, 9.0])
    return net, batch(), {}


@case("unreachable_threshold", "1", "error")
def a_threshold_far_above_the_membranes_and_out_of_reach_of_the_surrogate():
    return well(snn.Leaky(0.8, 100.0, spike_grad=surrogate.sigmoid(), init_hidden=True)), batch(), {}


@case("unreachable_threshold", "1", "error")
def a_threshold_far_above_membranes_that_do_not_learn():
    net = well(snn.Leaky(0.8, 100.0, init_hidden=True))
    net[0].requires_grad_(False)
    return net, batch(), {}


@case("unreachable_threshold", "1", "warning")
def a_threshold_far_above_the_membranes():
    return well(snn.Leaky(0.8, 100.0, init_hidden=True)), batch(), {}


@case("unreachable_threshold", "1", "warning", 1.0)
def the_output_of_an_lstm_with_a_threshold_that_learns():
    return well(snn.SLSTM(9, 9, threshold=1.5, learn_threshold=True, init_hidden=True)), batch(), {}


@case("unreachable_threshold", "1", "error", 1.0)
def the_output_of_an_lstm_that_is_never_above_one():
    return well(snn.SLSTM(9, 9, init_hidden=True)), batch(), {}


class Off(snn.Leaky):
    """A neuron whose membrane is below a quarter by its own equation."""

    def integrate(self, x, state):
        return state._replace(mem=0.25 * torch.tanh(x))


def near():
    """A surrogate without a gradient three quarters below the threshold."""
    return surrogate.sigmoid(slope=40)


@case("silent_layer", "1", "error", 0)
def a_layer_that_is_inhibited_and_out_of_reach_of_its_surrogate():
    return well(Off(0.8, spike_grad=near(), init_hidden=True)), batch(), {}


@case("silent_layer", "1", "warning", 0)
def a_layer_that_is_inhibited_by_its_own_equation():
    return well(Off(0.8, init_hidden=True)), batch(), {}


@case("silent_output", "3", "error", 0)
def an_output_layer_that_never_fires_nor_can_learn_to():
    net = well(output=Off(0.8, spike_grad=near(), init_hidden=True))
    return net, batch(), {"targets": LABELS}


@case("silent_output", "3", "warning", 0)
def an_output_layer_that_never_fires():
    return well(output=Off(0.8, init_hidden=True)), batch(), {"targets": LABELS}


@case("dead_neurons", "1", "warning", 5 / 9)
def five_of_nine_neurons_that_never_fire():
    net = well()
    with torch.no_grad():
        net[0].weight.abs_()
        net[0].weight[:5] *= -1
    return net, batch(), {}


@case("saturated_neurons", "1", "warning", 1)
def neurons_that_fire_in_every_step():
    net = well(reset_mechanism="zero")
    with torch.no_grad():
        net[0].bias += 2
        net[2].weight /= 4
    return net, batch(), {}


@case("no_reset", "1", "info")
def a_neuron_that_is_never_reset():
    return well(snn.Leaky(0.5, init_hidden=True, reset_mechanism="none")), batch(), {}


@case("surrogate_underflow", "1", "warning", 1)
def a_surrogate_that_is_narrower_than_the_distances():
    narrow = surrogate.triangular(threshold=1e-7)
    return well(snn.Leaky(0.8, init_hidden=True, spike_grad=narrow)), batch(), {}


@case("narrow_window", "1", "warning", pytest.approx(0.002, abs=0.001))
def a_window_that_each_neuron_enters_now_and_then():
    # the membranes differ by about 1, so one in 500 lies within 0.001 of the threshold
    narrow = snn.Leaky(0.8, init_hidden=True, spike_grad=surrogate.triangular(threshold=1e-3))
    xs = torch.rand(STEPS, 2000, 4, generator=torch.Generator().manual_seed(1))
    return well(narrow), xs, {}


@case("vanishing_in_time", "1", "warning", pytest.approx(0.4 ** (3 * STEPS - 1)))
def the_last_step_alone_and_a_short_memory():
    # read from the membrane, without reset or spikes: dL/dU[t] = beta ** (T - 1 - t) dL/dU[T - 1]
    net = nn.Sequential(nn.Linear(4, 3), snn.Leaky(0.4, 1e6, init_hidden=True, output=True))
    arguments = {"loss_fn": lambda out, _: out[1][-1].sum()}
    return net.double(), batch().double().repeat(3, 1, 1), arguments


@case("exploding_in_time", "1", "warning", pytest.approx(3.0**10))
def a_membrane_that_grows():
    class Growing(snn.SpikingNeuron):
        State = snn.Leaky.State

        def integrate(self, x, state):
            return self.State(3 * state.mem + x)

    net = nn.Sequential(nn.Linear(4, 3), Growing(1e9, init_hidden=True, output=True))
    return net.double(), batch().double(), {"loss_fn": lambda out, _: out[1][-1].sum()}


@case("no_loop", "1", "error", 1)
def a_net_of_one_step_that_is_given_all_of_them():
    return well(), batch(), {"run": lambda net, xs: net(xs)}


@case("nested_loop", "1", "warning", 2)
def one_layer_in_two_places():
    first, neuron = nn.Linear(4, 3), well()[3]
    second = nn.Linear(3, 3)
    with torch.no_grad():
        first.weight.fill_(0.4)
        second.weight.fill_(0.4)
    return nn.Sequential(first, neuron, second, neuron), batch(), {}


@case("mixed_samples", "1", "warning")
def a_softmax_over_the_samples():
    first, *rest = well()
    return nn.Sequential(first, nn.Softmax(0), Times(3.0), *rest), batch(), {}


@case("vanishing_in_depth", "1", "warning")
def weights_and_a_threshold_of_another_unit():
    net = well(output=snn.Leaky(0.8, threshold=1e-9, init_hidden=True))
    net[2].weight.data *= 1e-9
    return net, batch(), {}


@case("vanishing_in_depth", "1", "error")
def a_gradient_that_no_dtype_holds_beside_the_others():
    net = well(output=snn.Leaky(0.8, threshold=1e-22, init_hidden=True))
    net[2].weight.data *= 1e-22
    return net, batch(), {}


@case("vanishing_in_depth", "0", "error")
def parameters_before_neurons_that_hardly_depend_on_them():
    net = well()
    net[0].bias.data.fill_(0.4)
    return nn.Sequential(nn.Linear(4, 4), Times(1e-22), *net), batch(), {}


@case("no_gradient", "", "error")
def a_loss_that_is_cut_off():
    return well(), batch(), {"loss_fn": lambda out, _: out.detach().sum()}


@case("unreached_parameter", "0", "warning", 2)
def a_layer_before_neurons_without_a_gradient():
    return well(snn.Leaky(0.8, init_hidden=True, surrogate_disable=True)), batch(), {}


@case("zero_gradient", "0", "warning", 2)
def a_constant_in_place_of_what_came_before():
    return nn.Sequential(*well()[:1], nn.Threshold(1e3, 0.5), *well()[1:]), batch(), {}


@case("nonfinite_loss", "", "error")
def a_loss_of_a_logarithm_of_zero():
    return well(), batch(), {"loss_fn": lambda out, _: out.mul(0).sum().log()}


@case("nonfinite_gradient", "0", "error", 2)
def a_surrogate_that_divides_by_zero():
    def broken(input_, grad_input, spikes):
        return grad_input / (input_ * 0)

    neuron = snn.Leaky(0.8, init_hidden=True, spike_grad=surrogate.custom_surrogate(broken))
    return well(neuron), batch(), {}


@case("nonfinite_activity", "1", "error")
def numbers_that_overflow():
    net = well()
    with torch.no_grad():
        net[0].weight.fill_(3e38)
    return net, batch(), {}


@case("not_optimised", "1", "warning", 1)
def a_learned_decay_that_the_optimizer_does_not_have():
    net = well(snn.Leaky(0.8, init_hidden=True, learn_beta=True))
    of_the_weights = [p for name, p in net.named_parameters() if name.endswith(("weight", "bias"))]
    return net, batch(), {"optimizer": torch.optim.SGD(of_the_weights, 0.1)}


@case("not_optimised", "", "warning", 4)
def the_optimizer_of_another_net():
    return well(), batch(), {"optimizer": torch.optim.SGD(well().parameters(), 0.1)}


@case("stale_state", "1", "info", 2)
def states_of_a_batch_of_another_size():
    net = well()
    with torch.no_grad():
        snn.unroll(net, batch()[:, :3])
    return net, batch(), {}


@case("stale_state", "1", "info", 1)
def a_state_of_one_number():
    net = well()
    net[1](torch.tensor(0.5))
    return net, batch(), {}


@case("state_in_graph", "1", "info", 2)
def states_with_their_graph():
    net = well()
    snn.unroll(net, batch())
    return net, batch(), {}


@case("stale_state", "1", "warning", 2)
def states_of_another_size_that_a_loop_would_go_on_from():
    net = well()
    with torch.no_grad():
        snn.unroll(net, batch()[:, :3])
    return net, batch(), {"run": lambda net, xs: torch.stack([net(x) for x in xs])}


@case("subnormal_numbers", "1", "warning")
def a_loss_too_small_for_the_dtype():
    return well(), batch(), {"loss_fn": lambda out, _: 1e-39 * out.sum()}


@case("subnormal_moments", "0", "warning", 1)
def squares_of_gradients_too_small_for_the_dtype():
    net = well()
    optimizer = torch.optim.Adam(net.parameters())
    for parameter in net.parameters():
        parameter.grad = torch.full_like(parameter, 1e-19)  # a thousandth of its square is 1e-41
    optimizer.step()
    return net, batch(), {"optimizer": optimizer}


@case("page_faults", "", "info")
def pages_of_a_step_of_which_every_number_is_too_large():
    return well(), batch(), {"limits": diagnosis.Limits(page_faults=0.0)}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("ignore:Sequential. '1' and '3' are the same Leaky")
def test_the_one_fault_is_the_only_finding(name):
    make, code, module, severity, value = CASES[name]
    net, xs, arguments = make()
    diagnosis = diagnose(net, xs, **arguments)
    assert codes(diagnosis) == [(code, module)], str(diagnosis)
    (finding,) = diagnosis.findings
    assert (finding.code, finding.module, finding.severity) == (code, module, severity)
    assert isinstance(finding, Issue)
    assert finding.where == module
    assert value is None or finding.value == value
    assert finding.message.endswith(".")
    assert finding.remedy.endswith(".")


@pytest.mark.parametrize("targets", [None, LABELS])
@pytest.mark.parametrize("kind", ["steps", "own loop", "without learning"])
def test_a_healthy_net_has_no_findings(kind, targets):
    net, xs = well(), batch()
    run = (lambda net, xs: torch.stack([net(x) for x in xs])) if kind == "own loop" else None
    optimizer = torch.optim.Adam(net.parameters())
    if kind == "without learning":
        net, optimizer = net.requires_grad_(False), None
    diagnosis = diagnose(net, xs, targets, run=run, optimizer=optimizer)
    assert codes(diagnosis) == []
    assert diagnosis.ok
    assert str(diagnosis).splitlines()[-1] == "nothing wrong was found"


def test_every_code_of_a_check_has_a_case():
    folder = Path(diagnosis.__file__).parent
    reported = {
        code
        for file in folder.glob("_*.py")
        for code in re.findall(r'Finding\("(\w+)"', file.read_text(encoding="utf-8"))
    }
    assert reported | {"silent_layer", "silent_output"} == {code for _, code, *_ in CASES.values()}


@pytest.mark.parametrize(
    "loss_fn", [None, ce_membrane_loss(), ce_membrane_loss("last")], ids=["without a loss", "mean", "last"]
)
def test_a_net_that_is_read_by_its_membranes_is_well(loss_fn):
    net = nn.Sequential(*list(well())[:-1], snn.Readout(beta=0.9))
    assert list(diagnose(net, batch(), LABELS, loss_fn=loss_fn).findings) == []


def test_a_read_out_in_front_of_spikes_does_not_hide_that_these_are_silent():
    net = nn.Sequential(*list(well())[:-1], snn.Readout(beta=0.9), snn.Leaky(beta=0.9, threshold=1e6, init_hidden=True))
    assert ("unreachable_threshold", "4") in codes(diagnose(net, batch()))
