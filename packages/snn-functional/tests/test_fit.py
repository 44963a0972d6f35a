"""``fit`` against a loop written by hand, and what it accepts."""

import builtins
import copy
import json
from functools import partial

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

import snn_core as snn
import snn_functional as SF

from .fitted import STEPS, TRAIN, VALID, columns, fitted, make_net, plateau, still, weights


def by_hand(epochs, chosen=None):
    """Train as in ``fitted``; return the net of an epoch, the last one by default, and the losses and accuracies."""
    net, order = make_net(), torch.Generator().manual_seed(0)
    optimizer, criterion = torch.optim.Adam(net.parameters(), lr=1e-3), SF.ce_count_loss()
    loader = DataLoader(TensorDataset(*TRAIN), batch_size=8, shuffle=True, generator=order)
    rows, nets = [], []
    for _ in range(epochs):
        net.train()
        total = 0.0
        for data, labels in loader:
            optimizer.zero_grad()
            loss = criterion(snn.unroll(net, data.expand(STEPS, *data.shape)), labels)
            loss.backward()
            optimizer.step()
            total += float(loss.detach()) * len(labels)
        net.eval()
        with torch.no_grad():
            spk = snn.unroll(net, VALID[0].expand(STEPS, 13, 5))
        rows.append((total / 37, float(criterion(spk, VALID[1])), float(SF.accuracy_rate(spk, VALID[1]))))
        nets.append(weights(net))
    return nets, rows


def test_it_trains_as_a_loop_written_by_hand_and_keeps_the_best_net():
    nets, rows = by_hand(6)
    net, history = fitted(epochs=6, batch_size=8)
    table = zip(*(history.to_dict()[name] for name in ("train_loss", "valid_loss", "metric")), strict=True)
    for row, expected in zip(table, rows, strict=True):
        assert row == pytest.approx(expected, rel=1e-5)
    best = min(range(6), key=lambda epoch: rows[epoch][1])
    assert history.best_epoch == best + 1
    assert history.best["valid_loss"] == min(history.to_dict()["valid_loss"])
    assert torch.equal(weights(net), nets[best])
    assert not net.training


class Pairs(Dataset):
    def __len__(self):
        return len(TRAIN[1])

    def __getitem__(self, index):
        return TRAIN[0][index], int(TRAIN[1][index])


def loader(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return DataLoader(TensorDataset(*TRAIN), batch_size=8, shuffle=True, generator=generator)


@pytest.mark.parametrize("train", [lambda: list(TRAIN), Pairs, lambda: TensorDataset(*TRAIN), loader])
def test_tensors_data_sets_and_loaders_in_the_same_order_give_the_same(train):
    net, history = fitted(train=train())
    expected, of_tensors = fitted()
    assert torch.equal(weights(net), weights(expected))
    assert columns(history) == columns(of_tensors)


def test_another_seed_gives_another_order():
    assert not torch.equal(weights(fitted(seed=1)[0]), weights(fitted()[0]))


def test_samples_with_time_are_rows_of_tensors_and_columns_of_batches():
    xs = TRAIN[0].unsqueeze(1) * torch.linspace(0.5, 1.5, STEPS).unsqueeze(1)  # [samples, T, 5]
    valid = xs[:8].transpose(0, 1), TRAIN[1][:8]
    draw = torch.Generator().manual_seed(0)
    pairs = DataLoader(TensorDataset(xs, TRAIN[1]), batch_size=8, shuffle=True, generator=draw)

    class TimeFirst:
        generator = draw

        def __iter__(self):
            return ((data.transpose(0, 1), labels) for data, labels in pairs)

    net, history = fitted(train=TimeFirst(), valid=[valid], num_steps=None)
    expected, of_tensors = fitted(train=(xs, TRAIN[1]), valid=(xs[:8], TRAIN[1][:8]), num_steps=None)
    assert torch.equal(weights(net), weights(expected))
    assert columns(history) == columns(of_tensors)


def test_batches_of_a_loader_may_have_the_batch_first():
    xs = TRAIN[0].unsqueeze(1) * torch.linspace(0.5, 1.5, STEPS).unsqueeze(1)  # [samples, T, 5]
    pairs = [*zip(xs.split(8), TRAIN[1].split(8), strict=True)]
    turned = [(data.transpose(0, 1), labels) for data, labels in pairs]
    net, history = fitted(train=pairs, valid=(xs[:8], TRAIN[1][:8]), num_steps=None, batch_first=True)
    expected, of_turned = fitted(train=turned, valid=(xs[:8], TRAIN[1][:8]), num_steps=None)
    assert torch.equal(weights(net), weights(expected))
    assert columns(history) == columns(of_turned)


def test_targets_of_every_step_may_have_the_batch_first():
    xs, rates = torch.rand(9, STEPS, 5), torch.rand(9, STEPS, 3)
    loss = SF.mse_membrane_loss(time_var_targets=True)
    net = nn.Sequential(nn.Linear(5, 3), snn.Leaky(beta=0.9, init_hidden=True, output=True))
    before = SF.fit(copy.deepcopy(net), [(xs, rates)], [(xs, rates)], loss, batch_first=True, epochs=2, progress=False)
    turned = [(xs.transpose(0, 1), rates.transpose(0, 1))]
    after = SF.fit(copy.deepcopy(net), turned, turned, loss, epochs=2, progress=False)
    assert columns(before) == columns(after)


def test_the_padding_of_ragged_samples_does_not_matter():
    xs = TRAIN[0].unsqueeze(1).repeat(1, STEPS, 1)
    lengths = torch.arange(37) % STEPS + 1
    after = torch.arange(STEPS) >= lengths.unsqueeze(1)
    padded = xs.masked_fill(after.unsqueeze(2), 1e6)
    runs = [
        fitted(train=(data, TRAIN[1], lengths), valid=(data, TRAIN[1], lengths), num_steps=None)
        for data in (xs, padded)
    ]
    assert torch.equal(*(weights(net) for net, _ in runs))
    assert columns(runs[0][1]) == columns(runs[1][1])
    with torch.no_grad():
        spk = snn.unroll(runs[0][0], xs.transpose(0, 1), lengths=lengths)
    best = runs[0][1].best
    assert best["valid_loss"] == pytest.approx(float(SF.ce_count_loss()(spk, TRAIN[1], lengths=lengths)), rel=1e-5)


@pytest.mark.parametrize("options", [{"chunk": 3}, {"memory": 2**16}])
def test_a_run_in_chunks_gives_the_same_losses(options):
    _, history = fitted(make_net().double(), (TRAIN[0].double(), TRAIN[1]), (VALID[0].double(), VALID[1]), **options)
    _, expected = fitted(make_net().double(), (TRAIN[0].double(), TRAIN[1]), (VALID[0].double(), VALID[1]))
    for name in ("train_loss", "valid_loss"):
        assert history.to_dict()[name] == pytest.approx(expected.to_dict()[name], rel=1e-9)


def test_it_stops_when_the_validation_loss_rises_and_restores_the_best_net():
    states = []
    worse = SF.ce_count_loss(), torch.optim.SGD  # towards wrong labels, so that the right ones are missed more and more
    net = make_net()
    wrong = TRAIN[0], (TRAIN[1] + 1) % 3
    callbacks = [lambda record: states.append(weights(net).clone())]
    history = SF.fit(
        net,
        wrong,
        VALID,
        worse[0],
        num_steps=STEPS,
        epochs=50,
        patience=3,
        optimizer=partial(worse[1], lr=0.5),
        callbacks=callbacks,
        progress=False,
    )
    assert len(history.epochs) == history.best_epoch + 3 < 50
    assert torch.equal(weights(net), states[history.best_epoch - 1])
    assert not torch.equal(weights(net), states[-1])


def rated(*scores):
    """Options for a run with these metrics; the first batch is also measured before the run."""
    values = iter([0.0, *scores])
    return {"valid": (VALID[0][:8], VALID[1][:8]), "metric": lambda spk, labels: next(values), "epochs": len(scores)}


def test_the_best_net_may_be_that_of_the_highest_metric():
    _, history = fitted(**rated(0.2, 0.7, 0.7, 0.1), monitor="metric")
    assert history.best_epoch == 2
    assert history.to_dict()["metric"] == [0.2, 0.7, 0.7, 0.1]


@pytest.mark.parametrize(
    ("loss", "metric"),
    [
        (SF.ce_temporal_loss(), SF.accuracy_temporal),
        (
            SF.ce_count_loss(population_code=True, num_classes=1),
            partial(SF.accuracy_rate, population_code=True, num_classes=1),
        ),
        (SF.ce_rate_loss(), SF.accuracy_rate),
    ],
)
def test_the_metric_is_by_default_the_accuracy_that_fits_the_loss(loss, metric):
    zeros = tuple((data, torch.zeros_like(labels)) for data, labels in (TRAIN, VALID))
    parts = zeros if "partial" in repr(metric) else (TRAIN, VALID)
    assert columns(fitted(None, *parts, loss)[1]) == columns(fitted(None, *parts, loss, metric=metric)[1])


READ_BY_MEMBRANES = {
    "Readout": lambda: nn.Sequential(nn.Linear(5, 11), snn.Leaky(0.9, init_hidden=True), nn.Linear(11, 3), readout()),
    "output": lambda: make_net(output=True),
}


def readout():
    return snn.Readout(beta=0.9, learn_beta="bounded")


@pytest.mark.parametrize("net", READ_BY_MEMBRANES)
@pytest.mark.parametrize("over", ["mean", "max", "last"])
def test_the_metric_of_a_cross_entropy_of_membranes_reads_them_alike(net, over):
    loss = SF.ce_max_membrane_loss() if over == "max" else SF.ce_membrane_loss(over)
    metric = partial(SF.accuracy_membrane, over=over)
    torch.manual_seed(0)
    net_, history = fitted(READ_BY_MEMBRANES[net](), loss=loss, epochs=3)
    torch.manual_seed(0)
    assert columns(history) == columns(fitted(READ_BY_MEMBRANES[net](), loss=loss, metric=metric, epochs=3)[1])
    with torch.no_grad():
        out = snn.unroll(net_, VALID[0].expand(STEPS, 13, 5))
    mem = out if net == "Readout" else out[1]
    scores = {"mean": mem.mean(0), "max": mem.amax(0), "last": mem[-1]}[over]
    assert history.best["metric"] == pytest.approx(float((scores.argmax(1) == VALID[1]).float().mean()))


@pytest.mark.parametrize("over", ["mean", "max", "last"])
def test_a_net_with_a_readout_learns_samples_of_other_lengths(over):
    lengths = torch.arange(37) % STEPS + 1
    after = torch.arange(STEPS) >= lengths.unsqueeze(1)
    data = TRAIN[0].unsqueeze(1).repeat(1, STEPS, 1).masked_fill(after.unsqueeze(-1), 100.0)  # noise after the end
    part, loss = (data, TRAIN[1], lengths), SF.ce_membrane_loss(over, label_smoothing=0.1)
    net = READ_BY_MEMBRANES["Readout"]()
    options = {"num_steps": None, "epochs": 40, "optimizer": partial(torch.optim.Adam, lr=0.02)}
    _, history = fitted(net, part, part, loss, **options)
    assert history.best["metric"] > 0.9


def test_a_loss_of_membranes_refuses_spikes_alone():
    words = r"ce_membrane_loss takes the membrane, but the net returns only spikes\. Fix: end it with snn\.Readout"
    with pytest.raises(ValueError, match=words):
        fitted(loss=SF.ce_membrane_loss())


def test_a_loss_of_membranes_gets_the_membranes():
    targets = tuple((data, torch.nn.functional.one_hot(labels, 3).float()) for data, labels in (TRAIN, VALID))

    def squared(mem, labels):
        return (mem.mean(0) - labels).square().mean()

    squared.recording = "mem_out"
    net, history = fitted(make_net(output=True), *targets, squared)
    with torch.no_grad():
        _, mem = snn.unroll(net, VALID[0].expand(STEPS, 13, 5))
    assert history.best["valid_loss"] == pytest.approx(float(squared(mem, targets[1][1])), rel=1e-5)
    assert history.best["metric"] is None


def test_targets_of_each_step_have_the_axes_of_the_data():
    loss = SF.mse_membrane_loss(time_var_targets=True)
    targets = torch.linspace(0, 1, 13 * STEPS * 3).reshape(13, STEPS, 3)
    xs = VALID[0].unsqueeze(1).repeat(1, STEPS, 1)
    net, history = fitted(make_net(output=True), (xs, targets), (xs, targets), loss, num_steps=None)
    with torch.no_grad():
        _, mem = snn.unroll(net, xs.transpose(0, 1))
    assert history.best["valid_loss"] == pytest.approx(float(loss(mem, targets.transpose(0, 1))), rel=1e-5)


def test_the_scheduler_advances_once_an_epoch():
    _, history = fitted(scheduler=partial(torch.optim.lr_scheduler.StepLR, step_size=2, gamma=0.1))
    assert history.to_dict()["lr"] == pytest.approx([1e-3, 1e-3, 1e-4, 1e-4])


def test_a_scheduler_of_a_plateau_gets_the_validation_loss_or_the_metric():
    make = partial(torch.optim.lr_scheduler.ReduceLROnPlateau, mode="max", factor=0.5, patience=0)
    _, history = fitted(scheduler=make, **rated(0.5, 0.4, 0.3, 0.2))
    assert history.to_dict()["lr"] == pytest.approx([1e-3, 1e-3, 5e-4, 2.5e-4])
    losses = iter([0.0, 1.0, 2.0, 3.0, 4.0])

    def loss(spk, labels):
        return spk.sum() * 0 + (1 if spk.requires_grad else next(losses))

    _, history = fitted(valid=(VALID[0][:8], VALID[1][:8]), loss=loss, scheduler=plateau)
    assert history.to_dict()["lr"] == pytest.approx([1e-3, 1e-3, 5e-4, 2.5e-4])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_layers_run_in_the_precision_of_autocast(dtype):
    net, dtypes = make_net(), set()
    net[0].register_forward_hook(lambda module, inputs, output: dtypes.add(output.dtype))
    _, history = fitted(net, autocast=dtype, epochs=2)
    assert dtypes == {dtype}
    assert weights(net).dtype == torch.float32
    assert len(history.epochs) == 2


def test_a_callback_gets_each_record_and_stops_by_true():
    records = []
    _, history = fitted(epochs=9, callbacks=[records.append, lambda record: record["epoch"] == 3])
    assert records == history.epochs
    assert len(records) == 3


def test_a_data_set_with_set_epoch_gets_the_number_of_each_epoch():
    class Augmented(Pairs):
        def set_epoch(self, epoch):
            epochs.append(epoch)

    epochs = []
    fitted(train=Augmented(), epochs=3)
    assert epochs == [1, 2, 3]


@pytest.mark.parametrize("part", ["train", "valid"])
def test_a_loss_that_is_not_finite_is_an_error_with_its_place(part):
    data, labels = still(3, 24)
    targets = {"train": labels.float(), "valid": labels.float()}
    targets[part][9] = float("nan")
    parts = {name: (data, values) for name, values in targets.items()}
    loader = DataLoader(TensorDataset(*parts.pop("train")), batch_size=8)
    with pytest.raises(FloatingPointError, match=f"the loss of {part} is nan in epoch 1, batch 2\\. Fix: look at"):
        fitted(loss=lambda spk, labels: (spk.sum((0, 2)) - labels).square().mean(), train=loader, **parts)


def test_the_history_is_a_table_and_json(tmp_path):
    _, history = fitted(epochs=12)
    head, *rows, note = repr(history).splitlines()
    assert head.split() == ["epoch", "train", "loss", "valid", "loss", "metric", "seconds"]
    assert len(rows) in (8, 9)
    assert rows[-1].split()[0] == "12"
    assert note == f"12 epochs; * epoch {history.best_epoch} is the best"
    assert history._repr_html_().count("<tr>") == len(rows) + 1
    history.save(tmp_path / "history.json")
    saved = json.loads((tmp_path / "history.json").read_text())
    assert saved == history.to_dict()
    assert saved["epoch"] == list(range(1, 13))


def test_the_best_epoch_is_in_the_table_even_if_it_was_long_ago():
    _, history = fitted(**rated(1.0, *[0.0] * 11), monitor="metric")
    assert [line.split()[0] for line in str(history).splitlines()[1:-1]] == ["1", *map(str, range(5, 13))]
    assert str(history).splitlines()[1].startswith("1 *")


def test_without_tqdm_it_shows_nothing(monkeypatch, capsys):
    imported = builtins.__import__

    def without(name, *rest):
        if name.startswith("tqdm"):
            raise ModuleNotFoundError(name)
        return imported(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    fitted(epochs=2, progress=True)
    assert capsys.readouterr() == ("", "")


def test_with_tqdm_a_bar_counts_all_batches(capsys):
    pytest.importorskip("tqdm")
    fitted(epochs=2, progress=True)
    text = capsys.readouterr().err
    assert "10/10" in text
    assert "valid_loss=" in text
