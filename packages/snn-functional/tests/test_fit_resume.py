"""A training run that is stopped and continued gives the same net, bit for bit, as one that is not."""

import multiprocessing
import random
import signal
import time
from pathlib import Path

import pytest
import torch
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, TensorDataset

import snn_functional as SF

from .fitted import TRAIN, columns, fit_until_killed, fitted, make_net, plateau, weights


class Stop(Exception):
    pass


def stop_after(epoch):
    def callback(record):
        if record["epoch"] == epoch:
            raise Stop

    return callback


def own(shuffle=True):
    return DataLoader(TensorDataset(*TRAIN), batch_size=8, shuffle=shuffle)


def by_batch_sampler():
    order = RandomSampler(range(37), generator=torch.Generator().manual_seed(5))
    return DataLoader(TensorDataset(*TRAIN), batch_sampler=BatchSampler(order, 8, False))


LOADERS = {"tensors": lambda: TRAIN, "a loader by PyTorch's generator": own, "a batch sampler": by_batch_sampler}
SAFE = {"weights_only": True}


@pytest.mark.parametrize("name", LOADERS)
@pytest.mark.parametrize("stops", [[1], [2, 5], [3, 4]])
def test_a_run_that_a_callback_interrupts_continues_bit_for_bit(name, stops, tmp_path):
    options = {"epochs": 7, "scheduler": plateau}
    net = make_net()
    expected, whole = fitted(net, train=LOADERS[name](), folder=tmp_path / "whole", **options)
    for stop in stops:
        with pytest.raises(Stop):
            fitted(train=LOADERS[name](), folder=tmp_path / "cut", callbacks=[stop_after(stop)], **options)
        torch.rand(stop)  # other numbers drawn meanwhile do not matter
    net, history = fitted(make_net(3), train=LOADERS[name](), folder=tmp_path / "cut", **options)
    assert torch.equal(weights(net), weights(expected))
    assert columns(history) == columns(whole)
    last, cut = (torch.load(tmp_path / name / "checkpoint.pt", **SAFE) for name in ("whole", "cut"))
    for name in last["parts"]["net"]:
        assert torch.equal(last["parts"]["net"][name], cut["parts"]["net"][name])
    assert torch.equal(last["random"], cut["random"])


def test_a_run_in_the_middle_of_an_epoch_continues_from_its_start(tmp_path):
    expected, whole = fitted(epochs=4)
    calls = iter(range(1000))

    def loss(spk, labels):
        if next(calls) == 19:  # the third epoch: five batches of training and two of validation in each
            raise Stop
        return SF.ce_count_loss()(spk, labels)

    with pytest.raises(Stop):
        fitted(loss=loss, folder=tmp_path)
    net, history = fitted(make_net(3), folder=tmp_path)
    assert torch.equal(weights(net), weights(expected))
    assert columns(history) == columns(whole)


def test_a_run_whose_process_is_killed_at_ten_random_moments_continues_bit_for_bit(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[len(__package__.split("."))]))
    processes = multiprocessing.get_context("forkserver")  # one that imports what all of them need
    processes.set_forkserver_preload(["snn_functional", "torch._dynamo"])
    checkpoint, draw, done = tmp_path / "checkpoint.pt", random.Random(0), 0
    for _ in range(10):
        begun, child = processes.Pipe(duplex=False)
        process = processes.Process(target=fit_until_killed, args=(tmp_path, child))
        process.start()
        child.close()
        first = begun.recv()
        time.sleep(draw.uniform(0, 0.5))  # within an epoch, in a validation, or while a checkpoint is written
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        assert first == done + 1
        done = epochs_in(checkpoint)
        assert done >= first
    net, history = fitted(make_net(3), epochs=done + 3, folder=tmp_path, scheduler=plateau)
    expected, whole = fitted(epochs=done + 3, scheduler=plateau)
    assert torch.equal(weights(net), weights(expected))
    assert columns(history) == columns(whole)


def epochs_in(checkpoint):
    return len(torch.load(checkpoint, **SAFE)["history"][0]) if checkpoint.exists() else 0


def test_a_finished_run_is_read_and_more_epochs_go_on(tmp_path, capsys):
    first, history = fitted(folder=tmp_path)
    again, read = fitted(make_net(3), folder=tmp_path)
    assert read.epochs == history.epochs
    assert torch.equal(weights(first), weights(again))
    assert capsys.readouterr().out == ""
    longer, _ = fitted(make_net(3), folder=tmp_path, epochs=6, progress=True)
    assert "resumed at epoch 5" in capsys.readouterr().out
    assert torch.equal(weights(longer), weights(fitted(epochs=6)[0]))


def test_a_run_that_waited_long_enough_stops_at_once_when_it_is_continued(tmp_path):
    def loss(spk, labels):
        return spk.sum() * 0 + 1

    _, history = fitted(loss=loss, epochs=9, patience=2, folder=tmp_path)
    assert len(history.epochs) == 3
    _, again = fitted(loss=loss, epochs=9, patience=2, folder=tmp_path)
    assert again.epochs == history.epochs


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"net": torch.nn.Sequential(torch.nn.Linear(5, 3), make_net()[1])}, "net"),
        ({"optimizer": lambda parameters: torch.optim.SGD(list(parameters)[:2], 0.1)}, "optimizer"),
        ({"scheduler": plateau}, "scheduler or other loaders"),
        ({"train": own()}, "scheduler or other loaders"),
    ],
)
def test_the_checkpoint_of_another_run_is_refused(change, what, tmp_path):
    fitted(folder=tmp_path)
    with pytest.raises(ValueError, match=rf"a checkpoint, .*, of a run with another {what}\. Fix: pass another"):
        fitted(**change, folder=tmp_path)


def test_membranes_of_the_last_batch_are_not_in_the_checkpoint(tmp_path):
    net, _ = fitted(folder=tmp_path)
    saved = torch.load(tmp_path / "checkpoint.pt", **SAFE)
    assert set(saved["best"]) == set(net.state_dict())
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]
