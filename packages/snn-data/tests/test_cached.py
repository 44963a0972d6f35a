"""cached: the same sample without the work, and never a stale one."""

from __future__ import annotations

import copy
import importlib
import os
import sys

import numpy as np
import pytest
import torch
from numpy.random import default_rng
from torch.utils.data import DataLoader, Dataset

from snn_data import cached, events_to_frames
from snn_data.cached import CachedDataset
from snn_data.fingerprint import fingerprint

from .rare_dtypes import RARE, stored_as

# four workers on fewer cores are slow, and what is tested is that they agree
pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")

EVENT = np.dtype([("t", np.int64), ("x", np.int64), ("y", np.int64), ("p", np.int64)])


class Recordings(Dataset):
    """Events that follow from the index; it counts how often one is read."""

    def __init__(self, samples=6):
        self.samples = samples
        self.read = 0

    def __len__(self):
        return self.samples

    def __getitem__(self, index):
        self.read += 1
        rng = np.random.default_rng(index % self.samples)
        events = np.zeros(20 + index % self.samples, dtype=EVENT)
        for name in ("x", "y"):
            events[name] = rng.integers(0, 4, len(events))
        events["t"] = np.sort(rng.integers(0, 100, len(events)))
        return events, index % 3


def frames(events):
    return events_to_frames(events, (4, 4, 1), num_bins=5)


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def transforms(tmp_path, monkeypatch):
    """Write a module of transforms, and import it anew."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def edit(source, name="edited_transforms"):
        (tmp_path / f"{name}.py").write_text(source)
        importlib.invalidate_caches()
        if name in sys.modules:
            importlib.reload(sys.modules[name])
        return importlib.import_module(name)

    yield edit
    for name in ("edited_transforms", "edited_helper"):
        sys.modules.pop(name, None)


class Numbers(Dataset):
    """Its samples are the numbers by which they are asked for, without any of its own for those below 0."""

    def __len__(self):
        return 3

    def __getitem__(self, index):
        return index, index


@pytest.mark.parametrize("key", [None, "numbers"])
def test_a_sample_counted_from_the_end_is_the_one_counted_from_the_start(key, tmp_path):
    dataset = cached(Numbers(), folder=tmp_path, dataset_key=key)
    assert dataset[-1] == dataset[2] == (2, 2)
    assert len(files(tmp_path)) == 1


def test_a_sample_is_that_of_the_transform_the_first_time_and_later(tmp_path):
    dataset = cached(Recordings(), frames, folder=tmp_path)
    for _ in range(2):
        for i in range(6):
            sample, target = dataset[i]
            assert sample.equal(frames(Recordings()[i][0]))
            assert target == i % 3
    assert len(files(tmp_path)) == 6


def test_the_transform_runs_once_for_each_sample(tmp_path):
    log = tmp_path / "seen"
    log.touch()

    def counting(events, log=str(log)):
        with open(log, "a") as file:
            file.write("x")
        return frames(events)

    for _ in range(3):
        dataset = cached(Recordings(), counting, folder=tmp_path / "cache")
        assert [len(dataset[i][0]) for i in range(6)] == [5] * 6
    assert log.read_text() == "x" * 6


def test_an_edited_transform_gives_no_stale_sample(tmp_path, transforms):
    first = cached([(torch.ones(3), 0)], transforms("def transform(x): return 2 * x").transform, folder=tmp_path / "c")
    assert first[0][0].tolist() == [2, 2, 2]
    two = cached([(torch.ones(3), 0)], transforms("def transform(x): return 30 * x").transform, folder=tmp_path / "c")
    assert two[0][0].tolist() == [30, 30, 30]


def test_an_edited_helper_of_a_transform_gives_no_stale_sample(tmp_path, transforms):
    program = "import edited_helper\ndef transform(x): return edited_helper.scale(x)"
    transforms("def scale(x): return 2 * x", "edited_helper")
    dataset = cached([(torch.ones(1), 0)], transforms(program).transform, folder=tmp_path / "c")
    assert dataset[0][0].item() == 2
    transforms("def scale(x): return 30 * x", "edited_helper")
    assert dataset[0][0].item() == 30


def test_a_transform_changed_in_place_gives_no_stale_sample(tmp_path):
    class Scale:
        def __init__(self, factor):
            self.factor = factor

        def __call__(self, x):
            return self.factor * x

    scale = Scale(2)
    dataset = cached([(torch.ones(1), 0)], scale, folder=tmp_path)
    assert dataset[0][0].item() == 2
    scale.factor = 3
    assert dataset[0][0].item() == 3
    scale.factor = 2
    assert dataset[0][0].item() == 2
    assert len(files(tmp_path)) == 2


def test_a_target_transform_counts_too(tmp_path):
    for offset in (1, 2):
        dataset = cached([(torch.ones(1), 5)], target_transform=lambda target, k=offset: target + k, folder=tmp_path)
        assert dataset[0][1] == 5 + offset


def test_a_changed_sample_gives_no_stale_one(tmp_path):
    data = [(torch.ones(1), 0)]
    dataset = cached(data, torch.neg, folder=tmp_path)
    assert dataset[0][0].item() == -1
    data[0][0].fill_(4)
    assert dataset[0][0].item() == -4


def test_two_data_sets_share_a_folder_without_meeting(tmp_path):
    first = cached([(torch.ones(1), 0)], folder=tmp_path)
    two = cached([(torch.zeros(1), 0)], folder=tmp_path)
    assert (first[0][0].item(), two[0][0].item(), first[0][0].item()) == (1, 0, 1)


def test_a_cached_sample_is_not_read_again_with_a_key_of_the_data_set(tmp_path):
    recordings = Recordings()
    dataset = cached(recordings, frames, folder=tmp_path, dataset_key="sha256 of the archive")
    for _ in range(3):
        for i in range(-6, 6):
            assert dataset[i][0].equal(frames(Recordings()[i][0]))
    assert recordings.read == 6
    assert cached(recordings, frames, folder=tmp_path, dataset_key="another archive")[0]
    assert recordings.read == 7


@pytest.mark.parametrize("workers", [0, 1, 4])
def test_any_number_of_workers_gives_the_same_samples_and_files(tmp_path, workers):
    dataset = cached(Recordings(20), frames, folder=tmp_path)
    for _ in range(2):
        batches = list(DataLoader(dataset, batch_size=3, num_workers=workers))
        samples = torch.cat([sample for sample, _ in batches])
        assert samples.equal(torch.stack([frames(Recordings(20)[i][0]) for i in range(20)]))
    assert len(files(tmp_path)) == 20


def test_several_workers_may_write_the_same_sample_at_once(tmp_path):
    same = [(torch.arange(10_000), 0)] * 64
    batches = DataLoader(cached(same, torch.neg, folder=tmp_path), batch_size=1, num_workers=4)
    assert all(batch.equal(-torch.arange(10_000).unsqueeze(0)) for batch, _ in batches)
    assert len(files(tmp_path)) == 1
    assert not [name for name in files(tmp_path) if name.endswith(".part")]


def test_workers_that_are_spawned_find_what_the_main_process_has_cached(tmp_path):
    # they import what they run, and this file is nothing that can be imported
    dataset = cached([(torch.arange(5) + i, i) for i in range(4)], torch.neg, folder=tmp_path)
    before = [dataset[i][0] for i in range(4)]
    paths = files(tmp_path)
    assert len(paths) == 4
    loader = DataLoader(dataset, batch_size=None, num_workers=1, multiprocessing_context="spawn")
    assert all(left.equal(right) for left, (right, _) in zip(before, loader, strict=True))
    assert files(tmp_path) == paths


def test_a_damaged_file_is_written_again_with_a_warning(tmp_path):
    dataset = cached(Recordings(1), frames, folder=tmp_path)
    expected = dataset[0][0]
    (tmp_path / files(tmp_path)[0]).write_bytes(b"half a file")
    with pytest.warns(RuntimeWarning, match="a cached sample is damaged and is made again"):
        assert dataset[0][0].equal(expected)
    assert dataset[0][0].equal(expected)


def test_a_sample_that_a_faster_worker_wrote_and_that_cannot_be_replaced_is_read(tmp_path, monkeypatch):
    # Windows replaces no file that another process is reading
    def replaced_by_another(part, path, replace=os.replace):
        replace(part, path)
        raise PermissionError("the file is open in another process")

    monkeypatch.setattr("os.replace", replaced_by_another)
    dataset = cached(Recordings(1), frames, folder=tmp_path)
    for _ in range(2):
        assert dataset[0][0].equal(frames(Recordings(1)[0][0]))


def test_a_folder_that_may_not_be_written_to_is_an_error(tmp_path, monkeypatch):
    def refuse(part, path):
        raise PermissionError("not allowed")

    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(PermissionError, match="not allowed"):
        cached(Recordings(1), frames, folder=tmp_path)[0]
    assert files(tmp_path) == []


KINDS = {
    "tensor": (torch.arange(3.0), lambda data: data.mul_(2)),
    "part of a tensor": (torch.arange(6.0).reshape(2, 3)[:, ::2], lambda data: data.add_(1)),
    "bfloat16": (torch.arange(3.0).bfloat16(), lambda data: data.mul_(2)),
    "array": (np.arange(5), lambda data: np.multiply(data, 2, out=data)),
    "events": (np.ones(3, dtype=EVENT), lambda data: data["t"].__iadd__(1) * 1.0),
    "list": ([1, 2], lambda data: data.append(len(data)) or list(data)),
    "dict": ({"x": torch.ones(3)}, lambda data: data["x"].mul_(2)),
}


@pytest.mark.parametrize("key", [None, "sha256 of the archive"])
@pytest.mark.parametrize("place", ["data", "target"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_transform_that_overwrites_the_data_set_is_refused_every_time_and_nothing_is_stored(
    tmp_path, kind, place, key
):
    value, transform = copy.deepcopy(KINDS[kind])
    data = [(value, 7) if place == "data" else (7, value)]
    chosen = {"transform": transform} if place == "data" else {"target_transform": transform}
    dataset = cached(data, folder=tmp_path, dataset_key=key, **chosen)
    for index in (0, -1, 0):
        with pytest.raises(ValueError, match=f"overwrote sample {index} of the data set; .* such as data.clone()"):
            dataset[index]
    assert files(tmp_path) == []


@pytest.mark.parametrize("key", [None, "sha256 of the archive"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_transform_may_overwrite_its_own_copy_of_a_sample(tmp_path, kind, key):
    class Read(Dataset):
        """Every access makes the sample anew, as from a file."""

        def __len__(self):
            return 1

        def __getitem__(self, index):
            return copy.deepcopy(KINDS[kind][0]), 7

    transform = KINDS[kind][1]
    expected = transform(Read()[0][0])
    from_file = cached(Read(), transform, folder=tmp_path / "file", dataset_key=key)
    memory = [Read()[0]]
    from_memory = cached(memory, lambda x: transform(copy.deepcopy(x)), folder=tmp_path / "memory", dataset_key=key)
    for dataset in (from_file, from_memory) * 2:
        assert np.array_equal(torch.as_tensor(dataset[0][0]).float(), torch.as_tensor(expected).float())
    assert len(files(tmp_path)) == 2
    assert fingerprint(memory[0]) == fingerprint(Read()[0])


def test_a_transform_may_count_its_calls(tmp_path):
    class Counting:
        calls = 0

        def __call__(self, x):
            self.calls += 1
            return x + 1

    assert cached([(torch.zeros(1), 0)], Counting(), folder=tmp_path)[0][0].item() == 1


def test_a_sample_without_readable_content_is_cached_by_the_key_of_the_data_set(tmp_path):
    path = tmp_path / "recording"
    path.write_text("12")
    with path.open() as recording:
        dataset = cached([(recording, 3)], lambda file: int(file.read()), folder=tmp_path / "c", dataset_key="archive")
        assert dataset[0] == (12, 3)
        assert dataset[0] == (12, 3)


@pytest.mark.filterwarnings("ignore:ComplexHalf support is experimental")
@pytest.mark.parametrize("dtype", RARE)
def test_samples_in_dtypes_that_numpy_lacks_are_cached(tmp_path, dtype):
    for value in range(2):
        sample = stored_as(torch.tensor([1, 2, value], dtype=torch.uint8).repeat(4), dtype)
        dataset = cached([(sample, 0)], folder=tmp_path)
        for _ in range(2):
            assert dataset[0][0].dtype == dtype
            assert dataset[0][0].view(torch.uint8).equal(sample.view(torch.uint8))
    assert len(files(tmp_path)) == 2


def test_an_error_of_the_transform_leaves_no_file(tmp_path):
    def broken(events):
        raise ArithmeticError("no")

    with pytest.raises(ArithmeticError):
        cached(Recordings(), broken, folder=tmp_path)[0]
    assert files(tmp_path) == []


def test_a_transform_may_name_a_function_written_in_cython(tmp_path):
    def jittered(x):
        return x + default_rng(0).normal(size=x.shape)

    sample, _ = cached([(np.zeros(3), 0)], jittered, folder=tmp_path)[0]
    assert sample.tolist() == default_rng(0).normal(size=3).tolist()


def test_an_edited_function_of_an_elementwise_transform_gives_no_stale_sample(tmp_path):
    for factor in (2, 3):
        transform = np.frompyfunc(lambda x, k=factor: k * x, 1, 1)
        dataset = cached([(np.ones(2), 0)], lambda x, f=transform: f(x).astype(float), folder=tmp_path)
        for _ in range(2):
            assert dataset[0][0].tolist() == [factor, factor]
    assert len(files(tmp_path)) == 2


def test_a_random_transform_is_refused(tmp_path):
    generator = torch.Generator()
    dataset = cached([(torch.ones(1), 0)], lambda x: x * torch.rand(1, generator=generator), folder=tmp_path)
    with pytest.raises(TypeError, match=r"leave them to augmented\(\), after cached\(\)"):
        dataset[0]


@pytest.mark.parametrize("index", [6, -7])
def test_an_index_outside_is_refused_so_that_iteration_ends(tmp_path, index):
    dataset = cached(Recordings(), frames, folder=tmp_path)
    with pytest.raises(IndexError, match=f"no sample {index}: the data set has 6"):
        dataset[index]
    assert len(list(iter(dataset))) == 6


def test_without_a_folder_samples_are_kept_in_the_folder_of_the_user(tmp_path, monkeypatch):
    monkeypatch.setenv("SNN_DATA", str(tmp_path / "mine"))
    dataset = cached(Recordings(1), frames)
    assert isinstance(dataset, CachedDataset)
    dataset[0]
    assert len(files(tmp_path / "mine" / "samples")) == 1


@pytest.mark.parametrize("transform", [lambda x: x.ravel(order="K"), lambda x: x.sum(0), lambda x: x.T, lambda x: x])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("first", ["C", "F"])
def test_samples_of_either_memory_order_come_back_as_the_transform_makes_them(tmp_path, transform, order, first):
    rows = np.random.default_rng(0).random((300, 7), dtype=np.float32)
    for memory in (first, order):
        sample = np.array(rows, order=memory)
        expected = transform(sample)
        for _ in range(2):
            data, target = cached([(sample, 3)], transform, folder=tmp_path)[0]
            assert np.array_equal(data, expected)
            assert (data.dtype, data.shape, target) == (expected.dtype, expected.shape, 3)


@pytest.mark.parametrize("dims", [(0, 1, 2), (2, 0, 1), (1, 2, 0), (2, 1, 0)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.complex64])
def test_a_tensor_of_any_memory_order_comes_back_with_its_values(tmp_path, dims, dtype):
    sample = torch.rand(3, 4, 5).to(dtype).permute(dims)
    for view in (sample, sample[::2, 1:], sample.numpy() if dtype is torch.float32 else sample):
        data, _ = cached([(view, 0)], folder=tmp_path)[0]
        assert data.shape == view.shape
        assert (data == view).all()
