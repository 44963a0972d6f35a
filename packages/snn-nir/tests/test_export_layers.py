"""Layers: their graph, run by a simulator of its own, gives what torch gives."""

from __future__ import annotations

from collections import OrderedDict

import nir
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

import snn_core as snn
from snn_nir import NIRError, from_nir
from snn_nir.exporting import to_nir
from snn_nir.exporting.drawing import Signal
from snn_nir.exporting.layers import draw_delay

from .reference import simulate


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(5)


def agree(net: nn.Module, *shape: int, atol: float = 1e-12) -> nir.NIRGraph:
    """The graph of a network without neurons, once it gives what the network gives."""
    net = net.double().eval()
    x = torch.randn(3, *shape, dtype=torch.float64)
    graph = to_nir(net, x)
    with torch.no_grad():
        expected = net(x).numpy()
    result = simulate(graph, x[None].numpy(), 1e-4)["output"][0]
    np.testing.assert_allclose(result, expected, atol=atol)
    assert tuple(graph.nodes["output"].output_type["output"]) == expected.shape[1:]
    return graph


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "dilation"),
    [((5, 3), 1, 0, 1), (3, 2, 1, 1), ((3, 1), (2, 1), (2, 0), (2, 1)), (3, 1, "same", 2), (2, 1, "valid", 1)],
)
def test_conv2d(bias, groups, kernel, stride, padding, dilation):
    layer = nn.Conv2d(4, 6, kernel, stride, padding, dilation, groups, bias)
    graph = agree(layer, 4, 9, 8)
    assert graph.nodes["conv2d"].input_shape == (9, 8)
    assert graph.nodes["conv2d"].bias.shape == (6,)


@pytest.mark.parametrize("padding", [0, 2, "same"])
def test_conv1d(padding):
    graph = agree(nn.Conv1d(3, 5, 3, padding=padding, bias=False), 3, 7)
    assert graph.nodes["conv1d"].input_shape == 7


@pytest.mark.parametrize("bias", [True, False])
def test_linear_is_affine_only_with_a_bias(bias):
    graph = agree(nn.Linear(3, 5, bias=bias), 3)
    assert type(graph.nodes["linear"]) is (nir.Affine if bias else nir.Linear)


@pytest.mark.parametrize("pool", [nn.AvgPool2d(2), nn.AvgPool2d((3, 2), 2, 1), nn.AvgPool2d(3, (1, 2), (1, 0))])
def test_average_pooling_keeps_kernel_stride_and_padding(pool):
    graph = agree(pool, 2, 7, 6)
    assert all(len(getattr(graph.nodes["avgpool2d"], n)) == 2 for n in ("kernel_size", "stride", "padding"))


def test_pooling_with_a_divisor_of_one_is_a_sum():
    graph = agree(nn.AvgPool2d(2, padding=1, divisor_override=1), 2, 7, 6)
    assert isinstance(graph.nodes["avgpool2d"], nir.SumPool2d)


def test_adaptive_pooling_is_a_pool_where_its_windows_are_equal():
    agree(nn.AdaptiveAvgPool2d((2, 3)), 2, 8, 6)
    agree(nn.AdaptiveAvgPool2d((None, 1)), 2, 8, 6)
    with pytest.raises(NIRError, match=r"NIR401: 'adaptiveavgpool2d': .*its windows differ in size"):
        to_nir(nn.AdaptiveAvgPool2d(3), torch.zeros(1, 2, 8, 6))


@pytest.mark.parametrize("arguments", [(), (2,), (1, 2), (-2, -1)])
def test_flatten_counts_axes_without_the_batch(arguments):
    agree(nn.Flatten(*arguments), 2, 3, 4)


def test_flatten_of_a_vector_is_nothing():
    net = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    assert sorted(agree(net, 4).nodes) == ["1", "input", "output"]


def test_graded_spikes_are_a_scale():
    graph = agree(snn.GradedSpikes(4), 3, 4)
    assert isinstance(graph.nodes["gradedspikes"], nir.Scale)


def test_dropout_and_identity_leave_no_node():
    net = nn.Sequential(nn.Linear(4, 3), nn.Dropout(0.5), nn.Identity(), nn.Linear(3, 2))
    assert sorted(agree(net, 4).nodes) == ["0", "3", "input", "output"]


def test_a_parametrized_weight_is_written_as_it_is_used():
    class Doubled(nn.Module):
        def forward(self, x):
            return 2 * x

    layer = nn.Linear(3, 2)
    parametrize.register_parametrization(layer, "weight", Doubled())
    graph = agree(nn.Sequential(layer), 3)
    np.testing.assert_array_equal(graph.nodes["0"].weight, layer.weight.detach().numpy())


def fitted(norm: nn.Module) -> nn.Module:
    """A batch normalization with other than its first statistics."""
    for tensor in (norm.running_mean, norm.weight, norm.bias):
        nn.init.normal_(tensor)
    nn.init.uniform_(norm.running_var, 0.5, 2.0)
    return norm


@pytest.mark.parametrize(
    ("before", "norm", "shape"),
    [
        (nn.Linear(4, 3), nn.BatchNorm1d(3), (4,)),
        (nn.Linear(4, 3, bias=False), nn.BatchNorm1d(3), (4,)),
        (nn.Conv1d(2, 3, 2), nn.BatchNorm1d(3), (2, 5)),
        (nn.Conv2d(2, 4, 3, groups=2, bias=False), nn.BatchNorm2d(4), (2, 5, 4)),
        (nn.Linear(4, 3), snn.BatchNormOverTime1d(3), (4,)),
        (nn.Conv2d(2, 4, 3), snn.BatchNormOverTime2d(4), (2, 5, 4)),
    ],
)
def test_batch_norm_goes_into_the_layer_before(before, norm, shape):
    graph = agree(nn.Sequential(before, fitted(norm)), *shape)
    assert sorted(graph.nodes) == ["0", "input", "output"]


@pytest.mark.parametrize(
    ("norm", "shape"), [(nn.BatchNorm1d(3), (3,)), (nn.BatchNorm1d(3), (3, 5)), (nn.BatchNorm2d(3), (3, 4, 5))]
)
def test_batch_norm_without_a_layer_before_is_one_itself(norm, shape):
    agree(fitted(norm), *shape)


def test_batch_norm_that_only_scales_is_a_scale():
    norm = nn.BatchNorm2d(3, affine=False)
    nn.init.uniform_(norm.running_var, 0.5, 2.0)
    assert isinstance(agree(norm, 3, 4, 5).nodes["batchnorm2d"], nir.Scale)


class Normalized(nn.Module):
    """A layer and its normalizations, called by a function."""

    def __init__(self, forward):
        super().__init__()
        self.fc, self.drop = nn.Linear(4, 3), nn.Dropout(0.5)
        self.norm, self.other = fitted(nn.BatchNorm1d(3)), fitted(nn.BatchNorm1d(3))
        self._forward = forward

    def forward(self, x):
        return self._forward(self, x)


@pytest.mark.parametrize(
    "forward",
    [
        lambda net, x: (lambda y: net.norm(y) + y)(net.fc(x)),
        lambda net, x: (lambda y: net.norm(net.drop(y)) + y)(net.fc(x)),
        lambda net, x: net.norm(net.fc(x)) + net.fc(x),
        lambda net, x: net.fc(x) + net.norm(net.fc(x)),
        lambda net, x: net.norm(net.drop(net.fc(x))) + net.drop(net.fc(x)),
    ],
)
def test_batch_norm_leaves_a_layer_alone_whose_output_others_read_too(forward):
    net = Normalized(forward)
    graph = agree(net, 4)
    np.testing.assert_array_equal(graph.nodes["fc"].weight, net.fc.weight.detach().numpy())


@pytest.mark.parametrize(
    ("forward", "nodes"),
    [
        (lambda net, x: net.other(net.drop(net.norm(net.fc(x)))), {"fc"}),
        (lambda net, x: net.norm(net.fc(x)) + net.norm(net.fc(x)), {"fc", "fc.times2"}),
        (lambda net, x: net.other(net.norm(net.fc(x))) + net.norm(net.fc(x)), {"fc", "other"}),
    ],
)
def test_batch_norms_go_into_a_layer_that_they_alone_read(forward, nodes):
    assert set(agree(Normalized(forward), 4).nodes) == {"input", *nodes, "output"}


def test_batch_norm_in_a_loop_goes_into_its_layer():
    net = Normalized(lambda net, xs: torch.stack([net.norm(net.fc(x)) for x in xs])).double().eval()
    xs = torch.randn(5, 2, 4, dtype=torch.float64)
    graph = to_nir(net, xs)
    assert set(graph.nodes) == {"input", "fc", "output"}
    np.testing.assert_allclose(simulate(graph, xs.numpy(), 1e-4)["output"], net(xs).detach().numpy(), atol=1e-12)


def test_batch_norm_leaves_a_shared_layer_alone():
    fc = nn.Linear(3, 3)
    net = nn.Sequential(fc, nn.Identity(), fc, fitted(nn.BatchNorm1d(3)))
    graph = agree(net, 3)
    np.testing.assert_array_equal(graph.nodes["0"].weight, graph.nodes["0_2"].weight)


@pytest.mark.parametrize(
    ("layer", "shape", "reason"),
    [
        (nn.MaxPool2d(2), (1, 4, 4), "MaxPool2d: NIR has no maximum"),
        (nn.ReLU(), (3,), "ReLU: NIR's only function of a value is a threshold"),
        (nn.ConvTranspose2d(1, 1, 2), (1, 4, 4), "ConvTranspose2d is not one of Linear"),
        (nn.Conv2d(1, 1, 3, padding=1, padding_mode="reflect"), (1, 4, 4), "padding_mode='reflect': NIR pads with"),
        (nn.AvgPool2d(2, ceil_mode=True), (1, 5, 5), "ceil_mode=True: NIR divides by the size of the kernel"),
        (nn.AvgPool2d(3, padding=1, count_include_pad=False), (1, 5, 5), "count_include_pad=False with padding"),
        (nn.AvgPool2d(2, divisor_override=3), (1, 4, 4), "divisor_override=3"),
        (nn.Linear(3, 2), (5, 3), r"Linear over input of shape \(5, 3\): NIR's Linear takes vectors"),
        (nn.Flatten(0), (2, 3), "it flattens the batch axis"),
        (snn.BatchNormTT1d(3, 4), (3,), "BatchNormTT1d: it keeps a state that no NIR node has"),
        (snn.DelayedLinear(3, 3, 4), (3,), "DelayedLinear: it keeps a state that no NIR node has"),
        (snn.SLSTM(3, 3), (3,), "NIR has no node for its equation; use one of Leaky, RLeaky"),
        (snn.DeltaLeaky(beta=0.9), (3,), "NIR has no node for its equation"),
        (snn.StateLeaky(0.9, channels=3), (2, 3), "it takes all time steps at once; use one of Leaky"),
    ],
)
def test_a_layer_that_nir_cannot_express_is_refused_by_name_and_reason(layer, shape, reason):
    with pytest.raises(NIRError, match=rf"NIR401: 'block.0'.*{reason}") as error:
        to_nir(nn.Sequential(OrderedDict(block=nn.Sequential(layer.eval()))), torch.zeros(2, *shape))
    assert error.value.code == "NIR401"


@pytest.mark.parametrize("layer", [nn.Dropout(0.5), nn.BatchNorm1d(3)])
def test_a_layer_left_in_training_mode_is_refused(layer):
    with pytest.raises(NIRError, match=r"NIR410: '1' \(.*\): .*training mode; call net.eval\(\)"):
        to_nir(nn.Sequential(nn.Linear(3, 3), layer), torch.zeros(2, 3))


def test_batch_norm_without_statistics_is_refused():
    with pytest.raises(NIRError, match=r"NIR410: 'batchnorm1d': .*normalizes over the batch; keep running statistics"):
        to_nir(nn.BatchNorm1d(3, track_running_stats=False).eval(), torch.zeros(2, 3))


def stepped(net: nn.Module, xs: torch.Tensor) -> np.ndarray:
    snn.utils.reset(net)
    with torch.no_grad():
        return torch.stack([net(x) for x in xs]).numpy()


@pytest.mark.parametrize(
    ("delay", "shape"),
    [
        (snn.AxonalDelay(4, torch.tensor([0.0, 3.0, 4.0]), 3), (3,)),
        (snn.AxonalDelay(4, torch.tensor([0.0, 3.0, 1.0]), 3), (3, 2, 5)),
        (snn.AxonalDelay(4, 2.75).round_(), (3,)),
    ],
)
def test_delays_of_channels(delay, shape):
    net, xs = delay.double(), torch.randn(9, 2, *shape, dtype=torch.float64)
    graph = to_nir(net, xs[0], dt=1e-3)
    result = simulate(graph, xs.numpy(), 1e-3)["output"]
    np.testing.assert_allclose(result, stepped(net, xs), atol=1e-12)
    np.testing.assert_allclose(stepped(from_nir(graph, dt=1e-3), xs), stepped(net, xs), atol=1e-12)


@pytest.mark.parametrize(
    "options",
    [
        {"linear_features": 3, "delay": torch.tensor([0.0, 2.0, 3.0])},
        {"all_to_all": False, "V": 0.75, "delay": 1.0},
        {"conv2d_channels": 3, "kernel_size": 3, "delay": torch.tensor([0.0, 2.0, 1.0]).reshape(3, 1, 1)},
    ],
)
def test_delays_of_recurrence(options):
    torch.manual_seed(0)
    shape = (3, 4, 5) if "kernel_size" in options else (3,)
    neuron = snn.RLeaky(0.9, max_delay=3, reset_mechanism="zero", init_hidden=True, **options)
    net, xs = nn.Sequential(neuron).double(), 2 * torch.randn(12, 2, *shape, dtype=torch.float64)
    graph = to_nir(net, xs[0], dt=1e-3)
    late = [edge for edge in graph.edges if edge[0].endswith("w_rec")]
    np.testing.assert_array_equal(simulate(graph, xs.numpy(), 1e-3, late=late)["output"], stepped(net, xs))


@pytest.mark.parametrize(
    "layer",
    [
        snn.AxonalDelay(4, 1.5),
        snn.AxonalDelay(4, 1.0, kernel="gaussian"),
        snn.RLeaky(0.9, linear_features=3, max_delay=2, delay=0.5, reset_mechanism="zero", init_hidden=True),
        snn.RLeaky(0.9, linear_features=3, max_delay=2, delay=1.0, delay_sigma=1.0, reset_mechanism="zero"),
    ],
)
def test_delays_between_steps_are_refused(layer):
    with pytest.raises(NIRError, match=r"NIR402: .*NIR delays by whole steps.*round_"):
        to_nir(layer, torch.zeros(2, 3))


@pytest.mark.parametrize("delays", [[1.5, 3.0, 0.0], [3.0, 1.5, 2.0], [0.0, 0.0, 1.5]])
@pytest.mark.parametrize("recurrent", [False, True])
def test_the_delay_between_steps_is_the_one_that_is_named(delays, recurrent):
    options = {"linear_features": 3, "max_delay": 3, "delay": torch.tensor(delays), "init_hidden": True}
    layer = snn.RLeaky(0.9, **options) if recurrent else snn.AxonalDelay(4, torch.tensor(delays), 3)
    with pytest.raises(NIRError, match=r"a delay of 1\.5 steps: NIR delays by whole steps"):
        to_nir(layer, torch.zeros(2, 3))


class Elsewhere(torch.Tensor):
    """A tensor whose memory NumPy cannot read before it is on the CPU, as on an accelerator."""

    def to(self, *args, **options):
        return self.as_subclass(torch.Tensor).to(*args, **options)

    def numpy(self):
        raise TypeError("can't convert a tensor of another device to numpy; use Tensor.cpu()")


def test_delays_on_another_device_are_read_from_there():
    layer = snn.AxonalDelay(4, torch.tensor([0.0, 3.0, 2.0]))
    layer.delay = nn.Parameter(torch.tensor([0.0, 3.0, 2.0]).as_subclass(Elsewhere), requires_grad=False)
    delay = draw_delay(layer, Signal(("x",), (3,), torch.float32), "delay", 1e-3).delay
    np.testing.assert_array_equal(delay, np.array([0.0, 3.0, 2.0]) * 1e-3)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Conv1d(1, 2, 3), (1, 8)),
        (nn.Conv2d(1, 2, 3), (1, 8, 8)),
        (nn.AvgPool2d(2), (1, 8, 8)),
        (nn.AdaptiveAvgPool2d(2), (1, 8, 8)),
    ],
)
def test_a_sample_that_torch_takes_without_a_batch_is_refused(layer, shape):
    with pytest.raises(NIRError, match=rf"NIR405: '\w+' \({type(layer).__name__}\): .*\[batch, \.\.\.\]"):
        to_nir(layer, torch.zeros(shape))
