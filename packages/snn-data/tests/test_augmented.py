"""augmented: an epoch is the same on every run, whatever the number of workers."""

from __future__ import annotations

import copy
import importlib
import inspect
import pickle
import random

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from snn_data import augmented

# four workers on fewer cores are slow, and what is tested is that they agree
pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")


def pairs(samples=12):
    return [(torch.full((3,), float(i)), i) for i in range(samples)]


def jittered(data, generator):
    return data + torch.rand(data.shape, generator=generator)


def jittered_by_all(data):
    return data + torch.rand(3) + np.random.rand() + random.random()


def epoch(dataset, workers, number=0, **options):
    dataset.set_epoch(number)
    loader = DataLoader(dataset, batch_size=2, num_workers=workers, **options)
    return torch.cat([data for data, _ in loader])


@pytest.mark.parametrize("workers", [0, 1, 4])
@pytest.mark.parametrize(("transform", "global_rng"), [(jittered, False), (jittered_by_all, True)])
def test_an_epoch_is_the_same_with_any_number_of_workers(workers, transform, global_rng):
    dataset = augmented(pairs(), transform, seed=3, global_rng=global_rng)
    torch.manual_seed(0)
    alone = [dataset[i][0] for i in range(12)]
    torch.manual_seed(workers + 1)
    assert epoch(dataset, workers).equal(torch.stack(alone))


@pytest.mark.parametrize(("transform", "global_rng"), [(jittered, False), (jittered_by_all, True)])
def test_epochs_samples_and_seeds_differ(transform, global_rng):
    dataset = augmented([(torch.zeros(3), 0)] * 2, transform, global_rng=global_rng)
    other = augmented([(torch.zeros(3), 0)] * 2, transform, global_rng=global_rng, seed=1)
    samples = [dataset[0][0], dataset[1][0], other[0][0], other[1][0]]
    dataset.set_epoch(1)
    samples += [dataset[0][0], dataset[1][0]]
    assert len({tuple(data.tolist()) for data in samples}) == 6
    dataset.set_epoch(0)
    assert dataset[0][0].equal(samples[0])
    assert dataset[-1][0].equal(samples[1])


def test_a_sample_counted_from_the_end_is_the_one_counted_from_the_start():
    class Numbers:
        def __len__(self):
            return 3

        def __getitem__(self, index):
            return torch.tensor(float(index)), index

    dataset = augmented(Numbers(), jittered)
    assert dataset[-1] == dataset[2]


def test_the_order_of_the_samples_does_not_matter():
    dataset = augmented(pairs(), jittered)
    forward = [dataset[i][0] for i in range(12)]
    backward = [dataset[i][0] for i in reversed(range(12))]
    assert torch.stack(forward).equal(torch.stack(backward[::-1]))


def test_workers_that_stay_see_the_next_epoch():
    dataset = augmented(pairs(), jittered)
    loader = DataLoader(dataset, batch_size=2, num_workers=2, persistent_workers=True)
    for number in (0, 1, 2, 1):
        dataset.set_epoch(number)
        expected = torch.stack([dataset[i][0] for i in range(12)])
        assert torch.cat([data for data, _ in loader]).equal(expected)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))])
@pytest.mark.parametrize("twice", [False, True])
def test_workers_of_a_copy_that_stay_see_its_epochs(copied, twice):
    dataset = augmented(pairs(5), jittered, seed=3)
    dataset.set_epoch(2)
    other = copied(copied(dataset)) if twice else copied(dataset)
    assert other.epoch == 2
    loader = DataLoader(other, batch_size=2, num_workers=1, persistent_workers=True)
    for number in range(3):
        other.set_epoch(number)
        expected = epoch(dataset, 0, number)
        assert torch.cat([data for data, _ in loader]).equal(expected)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))])
def test_a_copy_has_an_epoch_of_its_own(copied):
    dataset = augmented(pairs(2), jittered)
    other = copied(dataset)
    other.set_epoch(5)
    assert (dataset.epoch, other.epoch) == (0, 5)


@pytest.mark.parametrize("changed", [lambda it: it, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))])
def test_a_data_set_that_was_made_in_inference_mode_has_epochs(changed):
    with torch.inference_mode():
        dataset = changed(augmented(pairs(2), jittered))
    dataset.set_epoch(3)
    assert dataset.epoch == 3
    with torch.inference_mode():
        dataset.set_epoch(4)
    assert dataset.epoch == 4


def test_workers_that_are_spawned_give_the_same(tmp_path, monkeypatch):
    # they import the transform, and this file is nothing that can be imported
    (tmp_path / "spawned_transform.py").write_text(f"import torch\n\n\n{inspect.getsource(jittered)}")
    monkeypatch.syspath_prepend(tmp_path)
    dataset = augmented(pairs(4), importlib.import_module("spawned_transform").jittered)
    assert epoch(dataset, 1, 5, multiprocessing_context="spawn").equal(epoch(dataset, 0, 5))


def test_workers_that_are_spawned_and_stay_see_the_next_epoch(tmp_path, monkeypatch):
    (tmp_path / "staying_transform.py").write_text(f"import torch\n\n\n{inspect.getsource(jittered)}")
    monkeypatch.syspath_prepend(tmp_path)
    dataset = copy.deepcopy(augmented(pairs(4), importlib.import_module("staying_transform").jittered))
    loader = DataLoader(dataset, num_workers=1, persistent_workers=True, multiprocessing_context="spawn")
    for number in (0, 1):
        dataset.set_epoch(number)
        assert torch.cat([data for data, _ in loader]).equal(torch.stack([dataset[i][0] for i in range(4)]))


def test_the_global_generators_are_put_back_also_after_an_error():
    def states():
        return random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()

    def broken(data):
        torch.rand(1), np.random.rand(), random.random()
        raise ArithmeticError("no")

    before = states()
    augmented(pairs(), jittered_by_all, global_rng=True)[0]
    augmented(pairs(), jittered)[0]
    with pytest.raises(ArithmeticError):
        augmented(pairs(), broken, global_rng=True)[0]
    assert states() == before


def test_the_draws_are_those_of_a_known_seed():
    # numpy.random.SeedSequence((7, 2, 3)) is the same in every version of NumPy
    dataset = augmented([(torch.zeros(2), 0)] * 5, jittered, seed=7)
    dataset.set_epoch(2)
    seed = int(np.random.SeedSequence((7, 2, 3)).generate_state(1, np.uint64)[0] >> np.uint64(1))
    assert dataset[3][0].equal(torch.rand(2, generator=torch.Generator().manual_seed(seed)))


def test_the_target_is_left_alone_and_iteration_ends():
    assert [target for _, target in augmented(pairs(5), jittered)] == [0, 1, 2, 3, 4]


def test_numbers_below_zero_are_refused():
    with pytest.raises(ValueError, match="epoch of 0 or more, got -1"):
        augmented(pairs(), jittered).set_epoch(-1)
    with pytest.raises(ValueError, match="must be 0 or more, got -5"):
        augmented(pairs(), jittered, seed=-5)[0]
