"""For every neuron: it behaves as any other ``nn.Module`` does, with or without a kept state."""

from __future__ import annotations

import copy
import gc
import io
import pickle
import weakref

import pytest
import torch

import snn_core as snn

from .zoo import NEURONS, Case, call_loop, close

every_neuron = pytest.mark.parametrize("case", NEURONS, ids=str)


def deepcopied(net: torch.nn.Module) -> torch.nn.Module:
    return copy.deepcopy(net)


def pickled(net: torch.nn.Module) -> torch.nn.Module:
    return pickle.loads(pickle.dumps(net))


def saved(net: torch.nn.Module) -> torch.nn.Module:
    file = io.BytesIO()
    torch.save(net, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


@every_neuron
@pytest.mark.parametrize("duplicate", [deepcopied, pickled, saved])
def test_a_copy_made_after_a_forward_pass_goes_on_as_the_original(case: Case, duplicate) -> None:
    net, xs = case.make(init_hidden=True), case.input().requires_grad_()
    for x in xs[:3]:
        net(x)
    twin = duplicate(net)
    for x in xs[3:]:
        close(twin(x), net(x))


@pytest.mark.parametrize("duplicate", [deepcopied, pickled, saved])
def test_a_copy_of_a_neuron_compiled_in_place_leaves_the_original_alone(duplicate) -> None:
    net = snn.Leaky(beta=0.5, init_hidden=True)
    net.compile(backend="eager")
    twin = duplicate(net)
    twin(torch.ones(2, 3))
    assert net.mem.numel() == 0
    close(twin.mem, torch.ones(2, 3))


@every_neuron
def test_the_states_of_a_copy_are_its_own(case: Case) -> None:
    net, xs = case.make(init_hidden=True), case.input()
    net(xs[0])
    twin = copy.deepcopy(net)
    expected = copy.deepcopy(net)(xs[1])
    snn.utils.reset(twin)
    twin(xs[2])
    close(net(xs[1]), expected)


@every_neuron
def test_a_state_dict_round_trip_is_exact_and_holds_no_state(case: Case) -> None:
    net, xs = case.make(init_hidden=True), case.input()
    before = set(net.state_dict())
    expected = call_loop(net, xs)
    assert set(net.state_dict()) == before
    assert not {name for name, _ in net.named_buffers()} & set(net.State._fields)
    other = case.make(init_hidden=True)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.add_(0.05)
    other.load_state_dict(net.state_dict(), strict=True)
    assert torch.equal(call_loop(other, xs), expected)


@every_neuron
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_spikes_states_and_gradients_keep_the_dtype(case: Case, dtype: torch.dtype) -> None:
    neuron = case.make().to(dtype)
    xs = case.input(dtype=dtype).requires_grad_()
    spk, state = neuron.step(xs[0], None)
    assert {spk.dtype, *(s.dtype for s in state)} == {dtype}
    spk, state = neuron.unroll(xs, state)
    assert {spk.dtype, *(s.dtype for s in state)} == {dtype}
    net = case.make(init_hidden=True).to(dtype)
    out = snn.unroll(net, xs)
    assert out.dtype == dtype
    (out.sum() + spk.sum()).backward()
    assert xs.grad is not None
    assert xs.grad.dtype == dtype
    assert xs.grad.isfinite().all()
    for parameter in net.parameters():
        assert parameter.grad is None or parameter.grad.dtype == dtype


@every_neuron
def test_a_kept_state_moves_with_its_module(case: Case) -> None:
    net = case.make(init_hidden=True).float()
    xs = case.input()
    net(xs[0].float())
    states = {name: getattr(net, name).clone() for name in net.State._fields}
    net.double()
    for name, state in states.items():
        assert torch.equal(getattr(net, name), state.double())
    assert net(xs[1]).dtype == torch.float64


@every_neuron
def test_a_step_knows_its_shapes_without_data(case: Case) -> None:
    neuron = case.make(init_hidden=True, output=True)
    x = case.input()[0]
    neuron(x)
    neuron.to("meta")
    spk, *_ = case.outputs(neuron(x.to("meta")))
    assert spk.device.type == "meta"
    assert spk.shape == (case.spk_shape or case.shape)


@every_neuron
def test_a_kept_state_is_read_by_name_and_forgotten_by_reset(case: Case) -> None:
    net, xs = case.make(init_hidden=True), case.input()
    fields = net.State._fields
    assert all(getattr(net, name).shape == (0,) for name in fields)
    first = net(xs[0])
    assert all(getattr(net, name).shape[0] == xs.shape[1] for name in fields)
    empty = net.reset_mem()
    empty = empty if isinstance(empty, tuple) else (empty,)
    assert all(getattr(net, name).shape == (0,) for name in fields)
    assert [e.shape for e in empty] == [(0,)] * len(empty)
    assert len(empty) == len(fields)
    close(net(xs[0]), first)


@every_neuron
def test_a_kept_state_is_set_to_tensors_alone(case: Case) -> None:
    net, xs = case.make(init_hidden=True), case.input()
    for started in (False, True):
        before = net._kept
        for name in net.State._fields:
            for wrong in (0.5, None, [0.5], (torch.ones(1),)):
                with pytest.raises(TypeError, match=f"state '{name}' must be a tensor, got {type(wrong).__name__}"):
                    setattr(net, name, wrong)
        assert net._kept is before
        if not started:
            net(xs[0])


@every_neuron
def test_a_state_of_one_number_is_expanded_and_has_the_dtype_of_the_input(case: Case) -> None:
    neuron, xs = case.make(), case.input()
    fields = neuron.State._fields
    whole = neuron.step(xs[0])[1]._make([torch.full_like(s, 0.25) for s in neuron.step(xs[0])[1]])
    number = whole._make([torch.tensor(0.25, dtype=torch.float64)] * len(fields))
    close(neuron.step(xs[0], number), neuron.step(xs[0], whole))
    for wrong in (torch.float32, torch.bfloat16, torch.complex128, torch.int64):
        for shape in ((), (1,), (1, 1), xs[0].shape):
            state = (torch.ones(shape, dtype=wrong),) * len(fields)
            with pytest.raises(TypeError, match=rf"the state '{fields[0]}' is {wrong} and the input torch.float64"):
                neuron.step(xs[0], state)
            with pytest.raises(TypeError, match=rf"the state '{fields[0]}' is {wrong} and the input torch.float64"):
                neuron.unroll(xs, state)


@every_neuron
@pytest.mark.exhaustive
def test_nothing_of_a_deleted_net_stays_alive(case: Case) -> None:
    class Marker:
        """Stands for a tensor kept for the backward pass: alive as long as the graph is."""

        def __init__(self, tensor: torch.Tensor) -> None:
            self.tensor = tensor.detach()  # with its history it would keep its own graph alive

    markers: list[weakref.ref] = []

    def pack(tensor: torch.Tensor) -> Marker:
        marker = Marker(tensor)
        markers.append(weakref.ref(marker))
        return marker

    net, xs = case.make(init_hidden=True, learn_threshold=True), case.input().requires_grad_()
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda marker: marker.tensor):
        for x in xs:
            net(x)
    assert any(marker() is not None for marker in markers)
    snn.utils.reset(net)
    gc.collect()
    assert not any(marker() is not None for marker in markers)
    net(xs[0])
    alive = weakref.ref(net)
    del net
    gc.collect()
    assert alive() is None


@every_neuron
def test_a_readable_repr_names_the_class(case: Case) -> None:
    assert repr(case.make()).startswith(type(case.make()).__name__)


@every_neuron
def test_train_and_eval_give_the_same_numbers(case: Case) -> None:
    net, xs = case.make(init_hidden=True), case.input()
    close(call_loop(net.eval(), xs), call_loop(net.train(), xs))
