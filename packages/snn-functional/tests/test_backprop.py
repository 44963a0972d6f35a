"""BPTT and TBPTT against loops written by hand, in float64."""

import copy

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import snn_core as snn
import snn_functional as SF
from snn_functional.backprop import BPTT, TBPTT

T, B, C = 7, 5, 4


def build(**options):
    torch.manual_seed(0)
    layers = [nn.Linear(3, 6), snn.Leaky(0.8, init_hidden=True), nn.Linear(6, C)]
    return nn.Sequential(*layers, snn.Synaptic(0.6, 0.9, **{"init_hidden": True, "output": True, **options})).double()


def batches(steps=T, number=3, *, batch=B):
    generator = torch.Generator().manual_seed(steps)
    options = {"dtype": torch.float64, "generator": generator}
    return [
        (4 * torch.rand(steps, batch, 3, **options), torch.randint(C, (batch,), generator=generator))
        for _ in range(number)
    ]


def sgd(net):
    return torch.optim.SGD(net.parameters(), lr=0.5, momentum=0.9)


def by_hand(net, loader, K, criterion, *, membrane=False, penalty=None, targets_of=lambda targets, steps: targets):
    """An epoch as a user writes it, step by step; returns the average loss."""
    optimizer, losses = sgd(net), []
    for data, targets in loader:
        snn.utils.reset(net)
        mean = 0.0
        for start in range(0, len(data), K):
            part = data[start : start + K]
            spks, mems = [], []
            for x in part:
                spk, _, mem = net(x)
                spks.append(spk)
                mems.append(mem)
            loss = criterion(torch.stack(mems if membrane else spks), targets_of(targets, slice(start, start + K)))
            if penalty is not None:
                loss = loss + penalty(torch.stack(spks))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            snn.utils.detach(net)
            mean += float(loss.detach()) * len(part) / len(data)
        losses.append(mean)
    return sum(losses) / len(losses)


def assert_same_net(result, plain):
    for (name, a), b in zip(result.named_parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10, msg=lambda m, name=name: f"{name}: {m}")


CRITERIA = [
    SF.ce_rate_loss(),
    SF.ce_count_loss(),
    SF.mse_count_loss(),
    SF.ce_max_membrane_loss(),
    SF.mse_membrane_loss(),
]


@pytest.mark.parametrize("criterion", CRITERIA, ids=lambda c: c.__name__)
@pytest.mark.parametrize("K", [1, 3, 7, 20])
@pytest.mark.parametrize("steps", [1, 7])
@pytest.mark.parametrize("few", [0, 2**16])
def test_truncated_training_is_the_loop_written_by_hand(criterion, K, steps, few, monkeypatch):
    monkeypatch.setattr("snn_functional.backprop._epoch._FEW", few)  # single steps go two ways
    net, plain = build(), build()
    loader = batches(steps)
    loss = TBPTT(net, loader, sgd(net), criterion, K=K)
    assert float(loss) == pytest.approx(
        by_hand(plain, loader, K, criterion, membrane=criterion.recording == "mem_out"), rel=1e-10
    )
    assert_same_net(net, plain)
    assert not torch.equal(net[0].weight, build()[0].weight)


@pytest.mark.parametrize("steps", [1, 7])
def test_training_through_all_steps_is_one_stretch(steps):
    net, plain, loader = build(), build(), batches(steps)
    loss = BPTT(net, loader, sgd(net), SF.ce_count_loss())
    assert float(loss) == pytest.approx(by_hand(plain, loader, steps, SF.ce_count_loss()), rel=1e-10)
    assert_same_net(net, plain)


def test_batches_of_different_lengths_are_each_cut_separately():
    net, plain, loader = build(), build(), batches(7) + batches(4) + batches(9)
    TBPTT(net, loader, sgd(net), SF.ce_rate_loss(), K=4)
    by_hand(plain, loader, 4, SF.ce_rate_loss())
    assert_same_net(net, plain)


def test_data_without_time_is_shown_for_num_steps():
    still = [(data[0], targets) for data, targets in batches()]
    loader = [(data.expand(6, *data.shape), targets) for data, targets in still]
    for train, options, K in ((BPTT, {}, 6), (TBPTT, {"K": 4}, 4), (TBPTT, {"K": 6}, 6)):
        net, plain = build(), build()
        loss = train(net, still, sgd(net), SF.mse_count_loss(), num_steps=6, time_var=False, **options)
        assert float(loss) == pytest.approx(by_hand(plain, loader, K, SF.mse_count_loss()), rel=1e-10)
        assert_same_net(net, plain)


@pytest.mark.parametrize("K", [3, 7])
def test_time_may_be_the_second_axis(K):
    net, plain, loader = build(), build(), batches()
    turned = [(data.transpose(0, 1).contiguous(), targets) for data, targets in loader]
    loss = TBPTT(net, turned, sgd(net), SF.ce_rate_loss(), time_first=False, K=K)
    assert float(loss) == pytest.approx(by_hand(plain, loader, K, SF.ce_rate_loss()), rel=1e-10)
    assert_same_net(net, plain)


@pytest.mark.parametrize("time_first", [True, False])
@pytest.mark.parametrize("K", [2, 7])
@pytest.mark.parametrize("kind", ["membranes", "labels"])
def test_targets_that_vary_in_time_follow_their_steps(time_first, K, kind):
    net, plain, criterion = build(), build(), SF.mse_membrane_loss(time_var_targets=True)
    generator = torch.Generator().manual_seed(1)
    loader = [
        (
            data,
            torch.rand(T, B, C, dtype=torch.float64, generator=generator)
            if kind == "membranes"
            else torch.randint(C, (T, B), generator=generator),
        )
        for data, _ in batches()
    ]
    expected = by_hand(plain, loader, K, criterion, membrane=True, targets_of=lambda targets, steps: targets[steps])
    if not time_first:
        loader = [(data.transpose(0, 1), targets.transpose(0, 1)) for data, targets in loader]
    loss = TBPTT(net, loader, sgd(net), criterion, time_first=time_first, K=K)
    assert float(loss) == pytest.approx(expected, rel=1e-10)
    assert_same_net(net, plain)


def test_a_penalty_is_added_to_the_loss():
    net, plain, loader = build(), build(), batches()
    penalty = SF.l1_rate_sparsity(0.1)
    loss = TBPTT(net, loader, sgd(net), SF.ce_max_membrane_loss(), regularization=penalty, K=3)
    expected = by_hand(plain, loader, 3, SF.ce_max_membrane_loss(), membrane=True, penalty=penalty)
    assert float(loss) == pytest.approx(expected, rel=1e-10)
    assert_same_net(net, plain)


def test_any_function_of_spikes_and_targets_is_a_criterion():
    def lively(spk, targets):
        return (spk.mean(0) - nn.functional.one_hot(targets, C)).square().mean().reshape(1)

    net, plain, loader = build(), build(), batches()
    loss = TBPTT(net, loader, sgd(net), lively, K=3)
    assert loss.shape == ()
    assert float(loss) == pytest.approx(by_hand(plain, loader, 3, lively), rel=1e-10)
    assert_same_net(net, plain)


def test_a_net_that_returns_spikes_alone_trains_on_spikes():
    net, plain, loader = build(output=False), build(), batches()
    BPTT(net, loader, sgd(net), SF.ce_rate_loss())
    by_hand(plain, loader, T, SF.ce_rate_loss())
    assert_same_net(net, plain)


def test_a_net_with_neurons_at_any_depth_and_of_any_kind_trains():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.ModuleDict({"conv": nn.Conv1d(1, 2, 2), "lif": snn.Alpha(0.9, 0.7, init_hidden=True)})
            self.head = nn.Sequential(
                nn.Flatten(), nn.Linear(4, C), snn.RLeaky(0.9, linear_features=C, threshold=0.1, init_hidden=True)
            )

        def forward(self, x):
            return self.head(self.body["lif"](self.body["conv"](x.unsqueeze(1))))

    torch.manual_seed(0)
    net = Net().double()
    before = copy.deepcopy(net)
    TBPTT(net, batches(), torch.optim.Adam(net.parameters(), lr=0.01), SF.ce_rate_loss(), K=2)
    after = dict(net.named_parameters())
    assert [name for name, old in before.named_parameters() if torch.equal(after[name], old)] == []


def test_a_layer_of_whole_sequences_trains_where_nothing_is_cut():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, C), snn.LeakyParallel(C, C)).double()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    assert BPTT(net, batches(), optimizer, SF.ce_rate_loss()).isfinite()
    weight = net[0].weight.clone()
    with pytest.raises(ValueError, match=r"LeakyParallel.* takes the whole sequence at once and cannot be cut"):
        TBPTT(net, batches(), optimizer, SF.ce_rate_loss(), K=3)
    assert torch.equal(net[0].weight, weight)


def test_a_data_loader_is_accepted_as_it_is_and_so_is_a_wrapper_of_one():
    data, targets = torch.rand(11, T, 3, dtype=torch.float64), torch.arange(11) % C
    sizes = []

    def progress(loader):
        for batch in loader:
            sizes.append(len(batch[1]))
            yield batch

    net = build()
    loader = DataLoader(TensorDataset(data, targets), batch_size=4)
    BPTT(net, progress(loader), sgd(net), SF.ce_rate_loss(), time_first=False)
    assert sizes == [4, 4, 3]


def test_the_loss_is_off_the_graph_and_so_is_the_net():
    net = build()
    loss = TBPTT(net, batches(), sgd(net), SF.ce_rate_loss(), K=3)
    assert loss.dtype == torch.float64
    assert not loss.requires_grad
    assert not net[1].mem.requires_grad


def test_a_net_is_put_into_training_and_sequences_start_from_rest():
    net = build().eval()
    net(torch.ones(2, 3, dtype=torch.float64))  # leaves a state of another batch size behind
    loss = BPTT(net, batches(), sgd(net), SF.ce_rate_loss())
    assert net.training
    fresh = build()
    assert float(loss) == float(BPTT(fresh, batches(), sgd(fresh), SF.ce_rate_loss()))


def test_the_device_is_where_net_and_batches_go():
    net = build()
    BPTT(net, batches(), sgd(net), SF.ce_rate_loss(), device=torch.device("cpu"))
    assert net[0].weight.device.type == "cpu"
    with pytest.raises(NotImplementedError, match="meta"):
        BPTT(build().to("meta"), batches(), sgd(net), SF.ce_rate_loss(), device="cpu")


def test_a_nan_in_the_data_shows_in_the_loss():
    net, loader = nn.Sequential(nn.Linear(3, C), snn.Leaky(0.9, init_hidden=True, output=True)).double(), batches()
    loader[1][0][0, 0, 0] = float("nan")
    assert TBPTT(net, loader, torch.optim.SGD(net.parameters(), 0.0), SF.mse_membrane_loss(), K=3).isnan()


@pytest.mark.parametrize("K", [3, 7])
def test_membranes_that_a_net_returns_alone_train_as_those_beside_spikes(K):
    nets = []
    for last in (snn.Readout(0.9), snn.Leaky(0.9, reset_mechanism="none", init_hidden=True, output=True)):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(3, C), snn.Leaky(0.8, init_hidden=True), nn.Linear(C, C), last).double()
        TBPTT(net, batches(), sgd(net), SF.ce_membrane_loss("last"), K=K)
        nets.append(net)
    assert_same_net(*nets)
