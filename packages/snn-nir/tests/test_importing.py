"""From a graph or a file to a module: layers, dtypes, steps, refusals."""

from __future__ import annotations

import io
import pathlib
import warnings

import nir
import numpy as np
import pytest
import torch

import snn_core as snn
from snn_nir import NIRError, NIRWarning, from_nir, import_from_nir, primitives, write

from .graphs import DT, chain, full, lif, recurrent, spread
from .reference import simulate


def rng(seed=0):
    return np.random.default_rng(seed)


def conv1d(**options):
    fields = {"input_shape": 9, "stride": 1, "padding": 0, "dilation": 1, "groups": 1} | options
    r = rng()
    return nir.Conv1d(weight=r.normal(size=(4, 4 // fields["groups"], 3)), bias=r.normal(size=4), **fields)


def conv2d(kernel, **options):
    fields = {"input_shape": (9, 8), "stride": 1, "padding": 0, "dilation": 1, "groups": 1} | options
    r = rng()
    return nir.Conv2d(weight=r.normal(size=(4, 4 // fields["groups"], *kernel)), bias=r.normal(size=4), **fields)


def pool(kind, kernel, stride, padding):
    return kind(np.array(kernel), np.array(stride), np.array(padding))


LAYERS = {
    "Linear": (nir.Linear(rng().normal(size=(5, 3))), (3,)),
    "Affine": (spread(), (3,)),
    "Affine for every position": (nir.Affine(rng().normal(size=(2, 5, 3)), rng().normal(size=(2, 5))), (2, 3)),
    "Linear for every position": (nir.Linear(rng().normal(size=(2, 5, 3))), (2, 3)),
    "Scale": (nir.Scale(rng().normal(size=(2, 3))), (2, 3)),
    "Threshold": (nir.Threshold(rng().normal(size=(2, 3))), (2, 3)),
    "Conv1d": (conv1d(stride=2, padding=2, dilation=2), (4, 9)),
    "Conv1d, grouped and same": (conv1d(padding="same", groups=2), (4, 9)),
    "Conv2d": (conv2d((3, 2), stride=(2, 1), padding=(1, 2), dilation=(1, 2)), (4, 9, 8)),
    "Conv2d, depthwise": (conv2d((5, 3), groups=4), (4, 9, 8)),
    "Conv2d, same": (conv2d((3, 4), padding="same", groups=2), (4, 9, 8)),
    "Conv2d, valid": (conv2d((3, 4), padding="valid"), (4, 9, 8)),
    "SumPool2d": (pool(nir.SumPool2d, (3, 2), (2, 3), (1, 1)), (4, 9, 8)),
    "AvgPool2d": (pool(nir.AvgPool2d, (3, 2), (2, 3), (1, 1)), (4, 9, 8)),
    "Flatten": (nir.Flatten({"input": np.array([4, 9, 8])}, 0, -1), (4, 9, 8)),
    "Flatten, some axes": (nir.Flatten({"input": np.array([4, 9, 8])}, 1, 2), (4, 9, 8)),
    "Flatten, counted from the end": (nir.Flatten({"input": np.array([4, 9, 8])}, -3, -2), (4, 9, 8)),
    "Delay": (nir.Delay(DT * rng().integers(0, 4, (2, 3))), (2, 3)),
    "I": (nir.I(r=rng().normal(size=(2, 3))), (2, 3)),
    "IF with a reset potential": (
        nir.IF(r=full(1 / DT, (2, 3)), v_threshold=full(1.0, (2, 3)), v_reset=rng().normal(size=(2, 3))),
        (2, 3),
    ),
}


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("simplify", [True, False])
def test_every_primitive_gives_what_the_reference_gives(name, simplify):
    node, shape = LAYERS[name]
    graph = chain(node, shape=shape)
    xs = rng(1).normal(0.5, 1, (6, 2, *shape))
    net = from_nir(graph, dt=DT, simplify=simplify)
    ys = snn.unroll(net, torch.tensor(xs)).detach().numpy()
    np.testing.assert_allclose(ys, simulate(graph, xs, DT)["output"], rtol=1e-12, atol=1e-12)


def test_no_weight_is_drawn_at_random_and_no_random_number_is_used():
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    nets = [from_nir(recurrent(lif(tau=1e-3, r=10.0, thr=1.0)), dt=DT) for _ in range(2)]
    assert torch.equal(torch.rand(3), expected)
    for a, b in zip(*(net.state_dict().values() for net in nets), strict=True):
        assert torch.equal(a, b)


def test_the_graph_stays_as_it_is_and_shares_no_memory_with_the_module():
    graph = chain(spread(), lif(r=25.0))
    before = {
        field: np.copy(value) for field, value in vars(graph.nodes["n0"]).items() if isinstance(value, np.ndarray)
    }
    net = from_nir(graph)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(1)
    for field, value in before.items():
        np.testing.assert_array_equal(getattr(graph.nodes["n0"], field), value)


@pytest.mark.parametrize("weight", [np.float32, np.float64])
@pytest.mark.parametrize("neuron", [np.float32, np.float64])
@pytest.mark.parametrize("simplify", [True, False])
def test_the_weights_decide_on_the_dtype(weight, neuron, simplify):
    node = lif(tau=1e-3, r=10.0, thr=1.0)
    for field in ("tau", "r", "v_leak", "v_threshold", "v_reset"):
        setattr(node, field, getattr(node, field).astype(neuron))
    graph = chain(nir.Linear(rng().normal(1, 1, (5, 3)).astype(weight)), node)
    net = from_nir(graph, simplify=simplify)
    dtype = torch.float32 if weight == np.float32 else torch.float64
    assert {t.dtype for t in net.state_dict().values() if t.dim()} == {dtype}
    assert net(torch.ones(2, 3, dtype=dtype)).dtype == dtype


def test_mixed_weights_are_single_and_recorded_ones_as_they_were():
    nodes = nir.Linear(np.ones((5, 3), np.float32)), nir.Scale(np.ones(5))
    assert from_nir(chain(*nodes))["n1"].scale.dtype == torch.float32
    graph = chain(*nodes)
    graph.metadata = {"snn_nir": {"dtype": "float64"}}
    assert from_nir(graph)["n0"].weight.dtype == torch.float64


def test_whole_numbers_as_weights_are_run_as_floats():
    graph = chain(nir.Linear(np.array([[1, -2, 3]], np.int8)), nir.Scale(np.array([0.5], np.float32)))
    assert from_nir(graph)(torch.ones(1, 3)).tolist() == [[1.0]]


def test_a_network_without_weights_takes_both():
    net = from_nir(chain(lif(3, r=25.0)))
    assert {net.step(torch.ones(1, 3, dtype=d))[0].dtype for d in (torch.float32, torch.float64)} == {
        torch.float32,
        torch.float64,
    }


@pytest.mark.parametrize("kind", [str, pathlib.Path])
def test_a_path_is_read(tmp_path, kind):
    graph = recurrent(lif(tau=1e-3, r=10.0, thr=1.0))
    nir.write(tmp_path / "net.nir", graph)
    xs = torch.tensor(rng().random((20, 2, 3)))
    torch.testing.assert_close(from_nir(kind(tmp_path / "net.nir")).unroll(xs)[0], from_nir(graph).unroll(xs)[0])


def test_an_open_file_is_read():
    file = io.BytesIO()
    write(chain(spread(), lif(r=25.0)), file)
    file.seek(0)
    assert from_nir(file).time_step.dt == 1e-4


@pytest.mark.parametrize("wrong", [None, 3, [], torch.nn.Linear(1, 1)])
def test_anything_else_is_refused(wrong):
    with pytest.raises(TypeError, match=r"from_nir takes a nir\.NIRGraph, a file or a path, got"):
        from_nir(wrong)


def test_a_broken_graph_that_can_be_repaired_in_one_way_is():
    graph = nir.NIRGraph({"a": spread(), "b": lif(r=25.0)}, [("a", "b")], type_check=False)
    with pytest.warns(NIRWarning) as record:
        net = from_nir(graph)
    assert {w.message.code for w in record} == {"NIR211"}
    assert net(torch.ones(1, 3).double()).shape == (1, 5)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"tau": full(-1e-3)}, "NIR208"),
        ({"tau": full(np.nan)}, "NIR207"),
        ({"v_threshold": full(1.0, 4)}, "NIR206"),
        ({"r": full(1.0, (5, 1))}, "NIR206"),
    ],
)
def test_values_that_make_no_sense_are_refused(change, code):
    node = lif()
    for field, value in change.items():
        setattr(node, field, value)
    with pytest.raises(NIRError) as error:
        from_nir(chain(spread(), node), dt=DT)
    assert error.value.code == code


def test_shapes_that_disagree_are_refused():
    with pytest.raises(NIRError, match="NIR204"):
        from_nir(chain(spread(), lif(1, r=25.0)))


def test_a_step_that_makes_euler_diverge_is_refused():
    with pytest.raises(
        NIRError, match=r"NIR504: node 'n1': forward Euler diverges: tau is 0.0025 and the step 0.1; pass"
    ):
        from_nir(chain(spread(), lif()), dt=0.1)
    assert from_nir(chain(spread(), lif()), dt=0.1, method="exact").time_step.method == "exact"


def test_a_step_longer_than_a_time_constant_is_reported_at_the_call():
    with pytest.warns(NIRWarning, match="NIR503: node 'n1': .*tau is 0.0025 and the step 0.004") as record:
        from_nir(chain(spread(), lif()), dt=4e-3)
    assert [w.filename for w in record] == [__file__]


def test_an_assumed_step_is_reported_where_the_graph_is_imported():
    with pytest.warns(NIRWarning, match="NIR501") as record:
        from_nir(chain(spread(), lif()))
    assert [w.filename for w in record] == [__file__]


def test_a_delay_is_rounded_to_steps_aloud():
    graph = chain(nir.Delay(np.array([2.4e-4, 3e-4, 1e-4])))
    with pytest.warns(NIRWarning, match="NIR505: node 'n0': .*2.4 steps, rounded to 2"):
        net = from_nir(graph, dt=DT)
    assert net["n0"].steps.tolist() == [2, 3, 1]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert from_nir(graph, dt=2e-5)["n0"].steps.tolist() == [12, 15, 5]


def test_units_change_time_constants_and_delays():
    def graph(unit):
        neuron = nir.LIF(full(2.5e-3 * unit), full(1.0), full(0.0), full(0.1))
        return chain(spread(), nir.Delay(full(3e-4 * unit)), neuron)

    xs = torch.tensor(rng().random((40, 2, 3)))
    expected = from_nir(graph(1.0), dt=DT).unroll(xs)[0]
    assert expected.any()
    assert torch.equal(from_nir(graph(1e3), dt=DT, time_unit="ms").unroll(xs)[0], expected)
    assert torch.equal(from_nir(graph(1e4), time_unit="step").unroll(xs)[0], expected)


def test_recorded_step_and_method_of_a_graph_are_used():
    graph = chain(spread(), lif())
    graph.metadata = {"snn_nir": {"dt": 5e-4, "method": "exact", "time_unit": "s"}}
    step = from_nir(graph).time_step
    assert (step.dt, step.method, step.source) == (5e-4, "exact", "metadata")
    assert from_nir(graph, dt=1e-4, method="euler").time_step[:4] == (1e-4, "s", "euler", "given")


def test_a_node_that_nothing_runs_is_refused():
    from snn_nir.importing.building import Scheme, build
    from snn_nir.importing.time_step import TimeStep

    class Unknown(nir.ir.node.NIRNode):
        def __init__(self):
            self.metadata = {}

    with pytest.raises(NIRError, match="NIR301: node 'x': a node that cannot be run: Unknown; use one of the NIR"):
        build("x", Unknown(), Scheme(TimeStep(DT, "s", "euler", "given"), torch.float32))


def test_a_node_that_nothing_names_is_refused_by_name_though_its_shape_is_unknown():
    graph = chain(spread(), lif(r=25.0))
    graph.nodes["alone"] = nir.AvgPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0]))
    with pytest.raises(NIRError, match="NIR209: node 'alone': a node is not connected: no edge names it"):
        from_nir(graph)


@pytest.mark.parametrize("use", [from_nir, import_from_nir])
def test_a_repair_is_reported_at_the_call(use, tmp_path):
    graph = nir.NIRGraph({"a": spread(), "b": lif(r=25.0)}, [("a", "b")], type_check=False)
    nir.write(tmp_path / "node.nir", nir.Threshold(np.ones(3)))
    for source in (graph, tmp_path / "node.nir"):
        with pytest.warns(NIRWarning, match="NIR211") as record:
            use(source)
        assert {w.filename for w in record} == {__file__}


@pytest.mark.parametrize("simplify", [True, False])
def test_recurrent_weights_may_be_a_matrix_for_every_position(simplify):
    shape = (2, 3)
    nodes = {"input": nir.Input(np.array(shape)), "lif": lif(shape, r=25.0, thr=1.0), "output": nir.Output(None)}
    nodes["w_rec"] = nir.Linear(np.random.default_rng(0).normal(0.0, 1.0, (2, 3, 3)))
    edges = [("input", "lif"), ("lif", "w_rec"), ("w_rec", "lif"), ("lif", "output")]
    net = from_nir(nir.NIRGraph(nodes, edges, type_check=False), simplify=simplify)
    assert isinstance(net["w_rec"], primitives.BatchedLinear)
    assert net(torch.full((1, 2, 3), 1.5, dtype=torch.float64)).all()
