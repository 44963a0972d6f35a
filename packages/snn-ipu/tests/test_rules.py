"""Each rule IPU001 to IPU010: a net that breaks it is found here and fails on the double, one that keeps it passes."""

from __future__ import annotations

import collections
import copy
import pathlib
import types
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

import snn_core as snn
import snn_ipu
from snn_core import surrogate

XS = torch.linspace(-1, 3, 4 * 2 * 5).reshape(4, 2, 5)
HERE = pathlib.Path(__file__).name


class Net(nn.Module):
    """A neuron, and before it whatever a test puts there."""

    def __init__(self, between=None, **options) -> None:
        super().__init__()
        self.fc = nn.Linear(5, 3)
        self.between = between or nn.Identity()
        self.lif = snn.Leaky(beta=0.9, init_hidden=True, **options)

    def forward(self, x):
        return self.lif(self.between(self.fc(x)))


class Step(nn.Module):
    """A layer that is one function."""

    def __init__(self, function) -> None:
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


class Kept(nn.Module):
    """A trace kept in a buffer by hand: rebound, or written into."""

    def __init__(self, rebind: bool, attribute: bool = False) -> None:
        super().__init__()
        self.rebind = rebind
        if attribute:
            self.trace = torch.zeros(2, 3)
        else:
            self.register_buffer("trace", torch.zeros(2, 3))

    def forward(self, x):
        new = 0.5 * self.trace + x.detach()
        if self.rebind:
            self.trace = new
        else:
            self.trace.copy_(new)
        return x + self.trace


class OpaqueStep(torch.autograd.Function):
    """A surrogate in the usual way."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return (x > 0).to(x.dtype)

    @staticmethod
    def backward(ctx, grad):
        return grad / (1 + ctx.saved_tensors[0].abs()).square()


def opaque(x):
    return OpaqueStep.apply(x)


def plain(x):
    smooth = x / (1 + x.abs())
    return (x > 0).to(x.dtype).detach() + (smooth - smooth.detach())


def branch(x):
    return x if x.sum() > 0 else 2 * x


def line_of(function) -> str:
    return f"{HERE}:{function.__code__.co_firstlineno + 1}"


def codes(net, **options) -> list[str]:
    return [issue.code for issue in snn_ipu.check(net, XS, **options)]


def run_on_double(poptorch, net):
    """Return the double's program for one step of a net as it is written, not lowered."""
    return poptorch.inferenceModel(net)(XS[0])


class ByHand(nn.Module):
    """A leaky neuron over all steps, written out; returns its loss, marked or not."""

    def __init__(self, fire, mark=None) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.fc, self.fire, self.mark = nn.Linear(5, 3), fire, mark

    def forward(self, x):
        mem, total = torch.zeros_like(self.fc(x[:, 0])), 0
        for t in range(x.shape[1]):
            mem = 0.9 * mem + self.fc(x[:, t])
            total = total + self.fire(mem - 1).sum()
        return x, total if self.mark is None else self.mark(total, reduction="none")


def test_001_a_value_read_on_the_host(poptorch):
    (issue,) = snn_ipu.check(Net(Step(branch)), XS)
    assert (issue.code, issue.where, issue.line) == ("IPU001", "between", line_of(branch))
    assert "bool() reads a value on the host" in issue.message
    with pytest.raises(poptorch.Error, match="_local_scalar_dense"):
        run_on_double(poptorch, Step(branch))
    masked = Step(lambda x: torch.where(x > 0, x, 2 * x))
    assert codes(Net(masked)) == []
    assert run_on_double(poptorch, masked).equal(masked(XS[0]))


@pytest.mark.parametrize(
    "read",
    [
        lambda x: x * x.mean().item(),
        lambda x: x * float(x.sum()),
        lambda x: x * len(x.tolist()),
        lambda x: x if torch.equal(x, 2 * x) else -x,
        lambda x: x if torch.allclose(x, 2 * x) else -x,
        lambda x: x if torch.is_nonzero(x.sum()) else -x,
    ],
)
def test_001_every_way_to_read_one(read):
    assert codes(Net(Step(read))) == ["IPU001"]


class Cut(nn.Module):
    """Takes the first columns, as many as a tensor says."""

    def __init__(self, buffer: bool) -> None:
        super().__init__()
        self.register_buffer("n", torch.tensor(2))
        self.buffer = buffer

    def forward(self, x):
        n = self.n if self.buffer else (x > -torch.inf).sum(1)[0]
        return x[:, :n] if self.buffer else torch.ones(2, 3, dtype=x.dtype)[:, :n] + x


@pytest.mark.parametrize("buffer", [True, False])
def test_001_a_slice_up_to_a_tensor(buffer):
    (issue,) = snn_ipu.check(nn.Sequential(nn.Linear(5, 3), Cut(buffer)), XS)
    assert (issue.code, issue.where) == ("IPU001", "1")
    assert issue.message == "a slice reads a value on the host while the net runs"


def test_002_a_size_that_depends_on_values(poptorch):
    dynamic = Step(lambda x: x + x[x > 0].sum())
    (issue,) = snn_ipu.check(Net(dynamic), XS)
    assert (issue.code, issue.where) == ("IPU002", "between")
    with pytest.raises(poptorch.Error, match="find a lowering for aten::index"):
        run_on_double(poptorch, dynamic)
    fixed = Step(lambda x: x + (x * (x > 0)).sum(1, keepdim=True))
    assert codes(Net(fixed)) == []
    assert run_on_double(poptorch, fixed).equal(fixed(XS[0]))
    assert codes(Net(Step(lambda x: x.view(x.shape[0], -1)))) == []


def test_002_a_tensor_made_for_one_batch_size():
    (issue,) = snn_ipu.check(Net(Step(lambda x: x + torch.zeros(x.shape[0], 3))), XS)
    assert (issue.code, issue.message) == ("IPU002", "forward makes a tensor for one batch size")


@pytest.mark.parametrize("where", ["between", "spike_grad"])
def test_003_a_backward_that_poptorch_ignores(where, poptorch):
    net = Net(Step(opaque)) if where == "between" else Net(spike_grad=opaque)
    (issue,) = snn_ipu.check(net, XS)
    assert (issue.code, issue.where) == ("IPU003", "between" if where == "between" else "lif")
    assert "OpaqueStep is an autograd.Function, whose backward PopTorch ignores" in issue.message

    def weight_moves(fire) -> bool:
        program = ByHand(fire, poptorch.identity_loss)
        before = program.fc.weight.clone()
        model = poptorch.trainingModel(program, optimizer=torch.optim.SGD(program.parameters(), 1.0))
        model(XS.transpose(0, 1))
        model.copyWeightsToHost()
        return not before.equal(program.fc.weight)

    assert not weight_moves(opaque)  # compiles, runs, learns nothing
    assert not weight_moves(surrogate.fast_sigmoid(slope=1))  # nor does a surrogate of the core that is not lowered
    assert weight_moves(plain)
    assert codes(Net(spike_grad=plain)) == []


@pytest.mark.parametrize(
    "function",
    [
        lambda x, grad, spk: grad.square(),
        lambda x, grad, spk: grad.cumsum(-1),
        lambda x, grad, spk: grad * torch.arange(x.numel()).reshape(x.shape),
    ],
)
def test_003_a_custom_gradient_that_is_not_a_derivative(function):
    (issue,) = snn_ipu.check(Net(spike_grad=surrogate.custom_surrogate(function)), XS)
    assert (issue.code, issue.where) == ("IPU003", "lif")
    assert "custom_surrogate cannot be lowered: its" in issue.message


def test_004_an_operation_that_is_not_lowered(poptorch):
    step = Step(lambda x: torch.heaviside(x, x.new_zeros(())))
    (issue,) = snn_ipu.check(Net(step), XS)
    assert (issue.code, issue.where, issue.remedy) == ("IPU004", "between", "write (x > 0).to(x.dtype)")
    assert issue.line.startswith(f"{HERE}:")
    with pytest.raises(poptorch.Error, match="find a lowering for aten::heaviside"):
        run_on_double(poptorch, step)
    written = Step(lambda x: (x > 0).to(x.dtype))
    assert codes(Net(written)) == []
    assert run_on_double(poptorch, written).equal(step(XS[0]))


@pytest.mark.parametrize(
    "function",
    [lambda x: torch.lerp(x, 2 * x, 0.5), lambda x: x.add_(1), lambda x: x.T.T, lambda x: torch.neg(x, out=x.detach())],
)
def test_004_more_of_them(function):
    assert codes(Net(Step(function))) == ["IPU004"]


IN_PLACE = (nn.ReLU, nn.ELU, nn.SiLU, nn.Hardtanh, nn.LeakyReLU, nn.Dropout)


@pytest.mark.parametrize("kind", IN_PLACE)
def test_004_an_activation_in_place(kind):
    (issue,) = snn_ipu.check(Net(kind(inplace=True)), XS)
    assert (issue.code, issue.where) == ("IPU004", "between")
    assert "overwrites a tensor" in issue.message
    assert codes(Net(kind())) == []


def test_dropout_in_place_that_does_nothing_is_lowered():
    net = Net(nn.Dropout(0.5, inplace=True).eval())
    assert codes(net) == []
    assert snn_ipu.lower(net, XS)(XS.transpose(0, 1)).transpose(0, 1).equal(snn.unroll(net, XS))


class Assigns(nn.Module):
    """Writes into what a test chooses."""

    def __init__(self, choose) -> None:
        super().__init__()
        self.choose = choose
        self.register_buffer("kept", torch.ones(3))
        self.register_buffer("index", torch.tensor(1))

    def forward(self, x):
        y = self.choose(self, x)
        y[self.index] = 0
        return x * y


@pytest.mark.parametrize(
    ("choose", "code"),
    [
        (lambda module, x: 1 * x, "IPU004"),
        (lambda module, x: x.new_ones(3), "IPU004"),
        (lambda module, x: 2 * module.kept, "IPU004"),
        (lambda module, x: module.kept, "IPU005"),
    ],
)
def test_004_and_005_an_assignment_to_a_part_of_a_tensor(choose, code):
    (issue,) = snn_ipu.check(Net(Assigns(choose)), XS)
    assert (issue.code, issue.where) == (code, "between")
    assert issue.line.startswith(f"{HERE}:")


def test_an_assignment_to_a_part_of_a_constant_is_computed_once():
    net = Net(Assigns(lambda module, x: torch.ones(3)))
    assert codes(net) == []
    assert snn_ipu.lower(net, XS)(XS.transpose(0, 1)).transpose(0, 1).equal(snn.unroll(net, XS, schedule="steps"))


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x * (x.int() & x.int()),
        lambda x: x * (x.int() | (x > 0)),
        lambda x: x * ~x.int(),
        lambda x: x * (x.int() & 1),
        lambda x: x * ((x > 0) & True),
        lambda x: x * torch.bitwise_and(x.int(), 3),
    ],
)
def test_004_bits_of_integers(function):
    (issue,) = snn_ipu.check(Net(Step(function)), XS)
    assert (issue.code, issue.where, issue.remedy) == ("IPU004", "between", "apply it to tensors of torch.bool")


def test_004_a_function_whose_namesake_takes_other_arguments():
    mean, var = torch.zeros(3), torch.ones(3)
    direct = Step(lambda x: torch.batch_norm(x, None, None, mean, var, False, 0.1, 1e-5, False))
    (issue,) = snn_ipu.check(Net(direct), XS)
    assert (issue.code, issue.where) == ("IPU004", "between")
    assert issue.remedy == "call torch.nn.functional.batch_norm"
    followed = Net(Step(lambda x: nn.functional.batch_norm(x, mean, var)))
    assert codes(followed) == []
    out = snn_ipu.lower(followed, XS)(XS.transpose(0, 1)).transpose(0, 1)
    assert out.equal(snn.unroll(followed, XS, schedule="steps"))


@pytest.mark.parametrize(
    "mixes", [lambda x: x - x.mean(0), lambda x: x.softmax(0), lambda x: torch.cat([x[1:], x[:1]])]
)
def test_004_samples_that_are_mixed(mixes):
    (issue,) = snn_ipu.check(Net(Step(mixes)), XS)
    assert issue.code == "IPU004"
    assert "axis of samples" in issue.message or "picks samples" in issue.message


@pytest.mark.parametrize("module", [snn.LeakyParallel(3, 3), snn.BatchNormTT1d(3, 4)])
def test_004_neurons_and_norms_over_time(module):
    (issue,) = snn_ipu.check(nn.Sequential(nn.Linear(5, 3), module), XS)
    assert (issue.code, issue.where) == ("IPU004", "1")


def test_005_a_state_that_is_rebound(poptorch):
    for module in (Kept(rebind=True), Kept(rebind=True, attribute=True), Kept(rebind=False)):
        (issue,) = snn_ipu.check(Net(module), XS)
        assert (issue.code, issue.where) == ("IPU005", "between")
    with pytest.raises(poptorch.Error, match=r"Buffer .*trace is reassigned"):
        run_on_double(poptorch, nn.Sequential(nn.Linear(5, 3), Kept(rebind=True)))
    with torch.no_grad():
        written = nn.Sequential(nn.Linear(5, 3), Kept(rebind=False))
        expected = copy.deepcopy(written)(XS[0])
        assert torch.allclose(run_on_double(poptorch, written), expected)
    assert codes(Net(snn.Leaky(beta=0.5, init_hidden=True))) == []


@pytest.mark.parametrize(
    ("touch", "how"),
    [
        (lambda net: net.lif.mem, "reads"),
        (snn.utils.reset, "resets"),
        (snn.utils.detach, "detaches"),
        (lambda net: setattr(net.lif, "mem", torch.zeros(2, 3)), "writes"),
    ],
)
def test_005_a_forward_that_touches_the_state_of_a_neuron(touch, how):
    class Touches(Net):
        def forward(self, x):
            touch(self)
            return super().forward(x)

    (issue,) = snn_ipu.check(Touches(), XS)
    assert (issue.code, issue.message) == ("IPU005", f"forward {how} the state that 'lif' (Leaky) keeps")


@pytest.mark.parametrize("path", ["fc", "lif", ""])
def test_a_forward_that_was_replaced_on_one_module_is_lowered_as_it_runs(path):
    net, xs = Net(), XS.clone()
    module = net.get_submodule(path)
    module.forward = types.MethodType(lambda self, x: type(self).forward(self, 2 * x), module)
    expected = snn.unroll(net, xs)
    assert torch.allclose(snn_ipu.lower(net, xs)(xs.transpose(0, 1)).transpose(0, 1), expected)
    forward = module.forward
    module.forward = lambda x: forward(x)  # which a copy of the net would hold too
    (issue,) = snn_ipu.check(net, xs)
    assert issue.code == "IPU004"
    assert "refers to the net itself" in issue.message


def test_no_forward_is_exchanged_while_a_step_is_recorded():
    names = []

    class Looks(nn.Module):
        def forward(self, x):
            names.extend(name for module in self.around[0].modules() for name in vars(module))
            return x

    net = Net(Looks())
    net.between.around = [net]
    assert codes(net) == []
    assert "spike_grad" in names
    assert "forward" not in names


def _by_data(state):
    state.data[0] += 1.0


def _by_another_library(state):
    torch.from_dlpack(state)[0] += 1.0


def _by_other_data(state):
    state.data = state + 1.0


@pytest.mark.parametrize("inference", [False, True], ids=["plain", "inference"])
@pytest.mark.parametrize("write", [_by_data, _by_another_library, _by_other_data])
def test_005_a_state_that_is_written_into_without_a_count(write, inference):
    class Written(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.state = torch.zeros(3)

        def forward(self, x):
            write(self.state)
            return x + self.state

    with torch.inference_mode(inference):
        (issue,) = snn_ipu.check(Net(Written()), XS)
    assert (issue.code, issue.where) == ("IPU005", "between")


def test_a_net_is_checked_in_inference_mode():
    class Shifted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("shift", torch.tensor([0.5, 0.25, 0.125]))
            self.unused = torch.tensor([1.0, torch.nan])

        def forward(self, x):
            return x + self.shift

    with torch.inference_mode():
        assert codes(Net(Shifted())) == []


class Holds(nn.Module):
    """An attribute, and a forward that reads and may change it."""

    def __init__(self, name, value, forward) -> None:
        super().__init__()
        self.name = name
        self.function = forward
        setattr(self, name, value)

    def forward(self, x):
        new = self.function(x, getattr(self, self.name))
        setattr(self, self.name, new)
        return x


def _filled(x, state):
    state["mem"] = 0.5 * state.get("mem", 0) + x
    return state


def _written(x, state):
    state[0][0] += 1
    return state


@pytest.mark.parametrize(
    ("name", "value", "forward"),
    [
        ("step", 0, lambda x, state: state + 1),
        ("_step", 0, lambda x, state: state + 1),
        ("state", (), lambda x, state: (*state, x)),
        ("state", None, lambda x, state: (x if state is None else 0.5 * state[0] + x,)),
        ("state", {}, _filled),
        ("_state", {"inner": {}}, lambda x, state: {"inner": _filled(x, state["inner"])}),
        ("state", {"mem": [torch.zeros(3)]}, lambda x, state: {"mem": _written(x, state["mem"])}),
        ("state", (torch.zeros(3),), _written),
        ("state", collections.deque([1, 2]), lambda x, state: state.rotate() or state),
        ("state", [[1]], _written),
    ],
)
def test_005_a_state_kept_in_an_attribute_of_any_kind(name, value, forward):
    (issue,) = snn_ipu.check(Net(Holds(name, copy.deepcopy(value), forward)), XS)
    assert (issue.code, issue.where) == ("IPU005", "between")


@pytest.mark.parametrize(
    "value",
    [
        (1, [2.0, float("nan")]),
        {"sizes": torch.Size([3]), "mem": torch.tensor([1.0, torch.nan]), "none": None},
        float("nan"),
        (nn.Linear(2, 2),),
        collections.deque([torch.relu]),
    ],
)
def test_an_attribute_that_does_not_change_is_not_a_state(value):
    assert codes(Net(Holds("value", value, lambda x, state: state))) == []
    assert codes(Net(Holds("_value", value, lambda x, state: state))) == []


def test_005_a_neuron_that_is_called_twice_in_a_step():
    class Twice(Net):
        def forward(self, x):
            h = self.fc(x)
            return self.lif(h + self.lif(h))

    (issue,) = snn_ipu.check(Twice(), XS)
    assert (issue.code, issue.where) == ("IPU005", "lif")
    assert issue.message == "'lif' (Leaky) is called twice in one step"
    shared = snn.Leaky(beta=0.9, init_hidden=True)
    with pytest.warns(UserWarning, match="'1' and '3' are the same Leaky"):
        assert codes(nn.Sequential(nn.Linear(5, 3), shared, nn.Linear(3, 3), shared)) == ["IPU005"]


def test_002_a_tensor_made_like_the_input_is_of_any_batch_size():
    net = Net(Step(lambda x: x + x.new_full((x.shape[0], 3), 0.5) * x.new_ones(3) + x.new_zeros(())))
    assert codes(net) == []
    program = snn_ipu.lower(net, XS)
    assert program(XS.transpose(0, 1).repeat(3, 1, 1)).shape == (6, 4, 3)


def test_005_names_the_module_and_the_line_of_its_forward():
    class Broadcast(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("count", torch.zeros(()))

        def forward(self, x):
            self.count = self.count + 1
            return x * self.count

    (issue,) = snn_ipu.check(Net(Broadcast()), XS)
    assert (issue.code, issue.where) == ("IPU005", "between")
    assert issue.line == f"{HERE}:{Broadcast.forward.__code__.co_firstlineno}"
    assert "SpikingNeuron" in issue.remedy


def test_005_a_neuron_that_does_not_keep_its_state_and_a_norm_that_keeps_statistics():
    for net in (nn.Sequential(snn.Leaky(beta=0.9)), Net(nn.BatchNorm1d(3))):
        assert codes(net) == ["IPU005"]
    assert codes(Net(nn.BatchNorm1d(3).eval())) == []


def test_006_training_without_a_loss(poptorch):
    (issue,) = snn_ipu.check(Net(), XS, training=True)
    assert (issue.code, issue.remedy) == ("IPU006", "pass loss='ce_rate', for example")
    assert codes(Net(), loss=nn.CrossEntropyLoss()) == ["IPU006"]
    assert codes(Net(), training=True, loss="ce_rate") == codes(Net()) == []
    for mark in (None, poptorch.identity_loss):
        program = ByHand(plain, mark)
        model = poptorch.trainingModel(program, optimizer=torch.optim.SGD(program.parameters(), 0.1))
        if mark is None:
            with pytest.raises(poptorch.Error, match="Couldn't find a loss in graph!"):
                model(XS.transpose(0, 1))
        else:
            model(XS.transpose(0, 1))
    program = snn_ipu.lower(Net(), XS)
    with pytest.raises(ValueError, match="IPU006: the program has no loss"):
        program.training(torch.optim.SGD(program.parameters(), 0.1))


def test_007_the_optimizer(poptorch):
    net = Net()
    assert codes(net, optimizer=torch.optim.Adagrad) == ["IPU007"]
    assert codes(net, optimizer=torch.optim.NAdam(net.parameters())) == ["IPU007"]
    with pytest.raises(poptorch.Error, match="Unsupported optimizer"):
        poptorch.trainingModel(net, optimizer=torch.optim.Adagrad(net.parameters()))
    program = snn_ipu.lower(net, XS, loss="ce_rate")
    with pytest.raises(ValueError, match="IPU007: PopTorch cannot compile the optimizer NAdam"):
        program.training(torch.optim.NAdam(program.parameters()))
    for optimizer in (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW, torch.optim.RMSprop):
        assert codes(net, optimizer=optimizer) == []
        poptorch.trainingModel(net, optimizer=optimizer(net.parameters()))
        program.training(optimizer(program.parameters()))


def test_008_a_batch_that_cannot_be_split(poptorch):
    assert codes(Net(), split=2) == []
    (issue,) = snn_ipu.check(Net(), XS, split=4)
    assert (issue.code, issue.message) == ("IPU008", "a batch of 2 cannot be split into 4 parts")
    with pytest.raises(poptorch.Error, match="not divisible by 4"):
        poptorch.inferenceModel(Step(torch.neg), poptorch.Options().deviceIterations(4))(XS[0])
    for target in ("cpu", "hw"):
        run = snn_ipu.lower(Net(), XS).inference(target=target, device_iterations=4)
        with pytest.raises(ValueError, match="IPU008: a batch of 2 is not divisible by device_iterations"):
            run(XS.transpose(0, 1))
        assert run(XS.transpose(0, 1).repeat(2, 1, 1)).shape == (4, 4, 3)


def test_008_time_first_input_would_be_cut_along_time(poptorch):
    """Show why programs take the batch first: PopTorch cuts axis 0 whatever it means."""
    shapes = []
    model = poptorch.inferenceModel(
        Step(lambda x: shapes.append(x.shape) or -x), poptorch.Options().deviceIterations(2)
    )
    model(XS)
    assert shapes == [(2, 2, 5)]  # two of four steps


def test_009_a_dtype(poptorch):
    for dtype in (torch.bfloat16, torch.complex64):
        assert [i.code for i in snn_ipu.check(nn.Identity(), XS.to(dtype))] == ["IPU009"]
    (issue,) = snn_ipu.check(Net().double(), XS.double())
    assert (issue.code, issue.remedy) == ("IPU009", "call .float()")
    assert codes(Net()) == []
    with pytest.raises(poptorch.Error, match="bfloat16"):
        poptorch.inferenceModel(Step(torch.neg))(XS[0].bfloat16())
    assert poptorch.inferenceModel(Step(torch.neg))(XS[0].double()).dtype == torch.float32  # without a word
    with pytest.raises(ValueError, match=r"IPU009: the program was made for torch.float32 input, got torch.float64"):
        snn_ipu.lower(Net(), XS).inference(target="cpu")(XS.double().transpose(0, 1))


def test_010_another_number_of_steps(poptorch):
    assert codes(Net(), num_steps=4) == []
    (issue,) = snn_ipu.check(Net(), XS, num_steps=5)
    assert (issue.code, issue.message) == ("IPU010", "the input has 4 steps, but the program is compiled for 5")
    run = snn_ipu.lower(Net(), XS).inference()
    assert run(XS.transpose(0, 1)).shape == (2, 4, 3)
    with pytest.raises(ValueError, match="IPU010"):
        run(XS[:3].transpose(0, 1))


def test_an_issue_reads_as_one_line():
    (issue,) = snn_ipu.check(Net(Step(branch)), XS)
    assert str(issue) == (
        f"IPU001 in 'between', {line_of(branch)}: bool() reads a value on the host while the net runs; select with "
        "torch.where, or decide outside of forward"
    )


def test_a_check_leaves_the_net_and_the_generator_alone():
    net = Net(nn.Dropout(0.5))
    state, state_dict = torch.random.get_rng_state(), copy.deepcopy(net.state_dict())
    assert codes(net) == []
    assert torch.random.get_rng_state().equal(state)
    assert net.lif.mem.shape == (0,)
    assert all(v.equal(state_dict[k]) for k, v in net.state_dict().items())


class Counts(snn.SpikingNeuron):
    """A neuron that counts its steps outside of its state."""

    class State(NamedTuple):
        mem: Tensor

    def __init__(self, name, **options) -> None:
        super().__init__(**options)
        self.name = name
        setattr(self, name, 0)

    def integrate(self, x, state):
        count = getattr(self, self.name) + 1
        setattr(self, self.name, count)
        return self.State(0.9 * state.mem + x * count)


@pytest.mark.parametrize("name", ["steps", "_steps"])
def test_005_a_neuron_that_keeps_a_state_by_hand(name):
    (issue,) = snn_ipu.check(nn.Sequential(nn.Linear(5, 3), Counts(name, init_hidden=True)), XS)
    assert (issue.code, issue.where) == ("IPU005", "1")
    assert issue.line == f"{HERE}:{Counts.integrate.__code__.co_firstlineno}"


class Picks(nn.Module):
    """Scales its input by rows of a weight."""

    def __init__(self, index) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.index, self.gain = index, nn.Parameter(torch.rand(3, 3))

    def forward(self, x):
        return x * self.gain[self.index].sum()


@pytest.mark.parametrize("index", [[0, 2], ([0, 2],), (0, 2), 1, [True, False, True]])
def test_an_index_is_the_one_of_pytorch(index):
    net = Net(Picks(index))
    assert codes(net) == []
    expected = snn.unroll(net, XS, schedule="steps")
    torch.testing.assert_close(snn_ipu.lower(net, XS)(XS.transpose(0, 1)).transpose(0, 1), expected)


def test_006_a_weight_for_each_class():
    loss = types.SimpleNamespace(__name__="ce_rate_loss", weight=[1.0, 2.0])
    (issue,) = snn_ipu.check(Net(), XS, loss=loss)
    assert (issue.code, issue.message) == ("IPU006", "weight has 2 entries for 3 classes")


@pytest.mark.parametrize("function", [lambda x: x // 2, lambda x: 2 // (x.abs() + 1)])
def test_004_an_operator_that_is_not_lowered_overwrites_nothing(function):
    (issue,) = snn_ipu.check(Net(Step(function)), XS)
    assert issue.code == "IPU004"
    assert "floordiv is not among the operations lowered" in issue.message
