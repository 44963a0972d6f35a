"""cached: the same sample without the work, under the key that it was stored by."""

from __future__ import annotations

import copy
import os

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from snn_data import cached, events_to_frames
from snn_data.files.cached import CachedDataset

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


class Numbers(Dataset):
    """Its samples are the numbers by which they are asked for, without any of its own for those below 0."""

    def __len__(self):
        return 3

    def __getitem__(self, index):
        return index, index


def test_a_sample_counted_from_the_end_is_the_one_counted_from_the_start(tmp_path):
    dataset = cached(Numbers(), key="numbers", folder=tmp_path)
    assert dataset[-1] == dataset[2] == (2, 2)
    assert len(files(tmp_path)) == 1


def test_a_sample_is_that_of_the_transform_the_first_time_and_later(tmp_path):
    dataset = cached(Recordings(), frames, key="k", folder=tmp_path)
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
        dataset = cached(Recordings(), counting, key="k", folder=tmp_path / "cache")
        assert [len(dataset[i][0]) for i in range(6)] == [5] * 6
    assert log.read_text() == "x" * 6


def test_a_stored_sample_is_not_read_again_until_the_key_or_the_number_of_samples_changes(tmp_path):
    recordings = Recordings()
    dataset = cached(recordings, frames, key="5 bins", folder=tmp_path)
    for _ in range(3):
        for i in range(-6, 6):
            assert dataset[i][0].equal(frames(Recordings()[i][0]))
    assert recordings.read == 6
    assert (
        cached(recordings, lambda events: len(events), key="other", folder=tmp_path, target_transform=str)[1][1] == "1"
    )
    assert recordings.read == 7
    longer = Recordings(7)
    assert cached(longer, frames, key="5 bins", folder=tmp_path)[6][0].equal(frames(longer[6][0]))
    assert len(files(tmp_path)) == 8


@pytest.mark.parametrize(
    "former",
    [
        {"transform": frames},
        {"target_transform": lambda target: -target},
        {"transform": frames, "dataset_key": "sha256 of the archive"},
    ],
)
def test_a_call_of_0_5_transforms_the_present_samples_and_says_what_to_write(tmp_path, former):
    data, factor = [(torch.ones(3), 1)], 2
    with pytest.warns(DeprecationWarning, match="pass key=, a text that names the data and the transform") as warned:
        dataset = cached(data, **former | {"transform": lambda x: factor * x}, folder=tmp_path)
    assert warned[0].filename == __file__
    assert dataset[0][0].tolist() == [2, 2, 2]
    factor = 3
    data[0][0].fill_(5)
    assert dataset[-1][0].tolist() == [15, 15, 15]
    assert dataset[0][1] == (-1 if "target_transform" in former else 1)
    assert files(tmp_path) == []


def test_a_key_that_is_not_a_text_or_not_the_only_one_is_refused(tmp_path):
    with pytest.raises(TypeError, match="cached needs a text as key, got 7"):
        cached(Recordings(), frames, key=7, folder=tmp_path)
    with pytest.raises(TypeError, match="put 'archive' into key, which names the data too"):
        cached(Recordings(), frames, key="7 bins", dataset_key="archive", folder=tmp_path)


@pytest.mark.parametrize("workers", [0, 1, 4])
def test_any_number_of_workers_gives_the_same_samples_and_files(tmp_path, workers):
    dataset = cached(Recordings(20), frames, key="k", folder=tmp_path)
    for _ in range(2):
        batches = list(DataLoader(dataset, batch_size=3, num_workers=workers))
        samples = torch.cat([sample for sample, _ in batches])
        assert samples.equal(torch.stack([frames(Recordings(20)[i][0]) for i in range(20)]))
    assert len(files(tmp_path)) == 20


def test_several_workers_may_write_the_same_sample_at_once(tmp_path):
    dataset = cached([(torch.arange(10_000), 0)], torch.neg, key="k", folder=tmp_path)
    batches = DataLoader(dataset, batch_size=1, num_workers=4, sampler=[0] * 64)
    assert all(batch.equal(-torch.arange(10_000).unsqueeze(0)) for batch, _ in batches)
    assert len(files(tmp_path)) == 1
    assert not [name for name in files(tmp_path) if name.endswith(".part")]


def test_workers_that_are_spawned_find_what_the_main_process_has_cached(tmp_path):
    # they import what they run, and this file is nothing that can be imported
    dataset = cached([(torch.arange(5) + i, i) for i in range(4)], torch.neg, key="k", folder=tmp_path)
    before = [dataset[i][0] for i in range(4)]
    paths = files(tmp_path)
    assert len(paths) == 4
    loader = DataLoader(dataset, batch_size=None, num_workers=1, multiprocessing_context="spawn")
    assert all(left.equal(right) for left, (right, _) in zip(before, loader, strict=True))
    assert files(tmp_path) == paths


def test_a_damaged_file_is_written_again_with_a_warning(tmp_path):
    dataset = cached(Recordings(1), frames, key="k", folder=tmp_path)
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
    dataset = cached(Recordings(1), frames, key="k", folder=tmp_path)
    for _ in range(2):
        assert dataset[0][0].equal(frames(Recordings(1)[0][0]))


def test_a_folder_that_may_not_be_written_to_is_an_error(tmp_path, monkeypatch):
    def refuse(part, path):
        raise PermissionError("not allowed")

    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(PermissionError, match="not allowed"):
        cached(Recordings(1), frames, key="k", folder=tmp_path)[0]
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


@pytest.mark.parametrize("place", ["data", "target"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_transform_that_overwrites_the_data_set_is_refused_every_time_and_nothing_is_stored(tmp_path, kind, place):
    value, transform = copy.deepcopy(KINDS[kind])
    data = [(value, 7) if place == "data" else (7, value)]
    chosen = {"transform": transform} if place == "data" else {"target_transform": transform}
    dataset = cached(data, key="overwritten", folder=tmp_path, **chosen)
    for index in (0, -1, 0):
        with pytest.raises(ValueError, match=f"overwrote sample {index} of the data set; .* such as data.clone()"):
            dataset[index]
    assert files(tmp_path) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_transform_may_overwrite_its_own_copy_of_a_sample(tmp_path, kind):
    class Read(Dataset):
        """Every access makes the sample anew, as from a file."""

        def __len__(self):
            return 1

        def __getitem__(self, index):
            return copy.deepcopy(KINDS[kind][0]), 7

    transform = KINDS[kind][1]
    expected = transform(Read()[0][0])
    from_file = cached(Read(), transform, key="file", folder=tmp_path)
    memory = [Read()[0]]
    from_memory = cached(memory, lambda x: transform(copy.deepcopy(x)), key="memory", folder=tmp_path)
    for dataset in (from_file, from_memory) * 2:
        assert np.array_equal(torch.as_tensor(dataset[0][0]).float(), torch.as_tensor(expected).float())
    assert len(files(tmp_path)) == 2


def test_a_sample_without_readable_content_is_cached(tmp_path):
    path = tmp_path / "recording"
    path.write_text("12")
    with path.open() as recording:
        dataset = cached([(recording, 3)], lambda file: int(file.read()), key="read", folder=tmp_path / "c")
        assert dataset[0] == (12, 3)
        assert dataset[0] == (12, 3)


@pytest.mark.filterwarnings("ignore:ComplexHalf support is experimental")
@pytest.mark.parametrize("dtype", RARE)
def test_samples_in_dtypes_that_numpy_lacks_are_cached(tmp_path, dtype):
    sample = stored_as(torch.tensor([1, 2, 3], dtype=torch.uint8).repeat(4), dtype)
    dataset = cached([(sample, 0)], key="rare", folder=tmp_path)
    for _ in range(2):
        assert dataset[0][0].dtype == dtype
        assert dataset[0][0].view(torch.uint8).equal(sample.view(torch.uint8))


def test_an_error_of_the_transform_leaves_no_file(tmp_path):
    def broken(events):
        raise ArithmeticError("no")

    with pytest.raises(ArithmeticError):
        cached(Recordings(), broken, key="k", folder=tmp_path)[0]
    assert files(tmp_path) == []


@pytest.mark.parametrize("index", [6, -7])
def test_an_index_outside_is_refused_so_that_iteration_ends(tmp_path, index):
    dataset = cached(Recordings(), frames, key="k", folder=tmp_path)
    with pytest.raises(IndexError, match=f"no sample {index}: the data set has 6"):
        dataset[index]
    assert len(list(iter(dataset))) == 6


def test_without_a_folder_samples_are_kept_in_the_folder_of_the_user(tmp_path, monkeypatch):
    monkeypatch.setenv("SNN_DATA", str(tmp_path / "mine"))
    dataset = cached(Recordings(1), frames, key="k")
    assert isinstance(dataset, CachedDataset)
    dataset[0]
    assert len(files(tmp_path / "mine" / "samples")) == 1


@pytest.mark.parametrize("dims", [(0, 1, 2), (2, 0, 1), (1, 2, 0), (2, 1, 0)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.complex64])
def test_a_tensor_of_any_memory_order_comes_back_with_its_values(tmp_path, dims, dtype):
    sample = torch.rand(3, 4, 5).to(dtype).permute(dims)
    for key, view in (("whole", sample), ("part", sample[::2, 1:])):
        data, _ = cached([(view, 0)], key=key, folder=tmp_path)[0]
        assert data.shape == view.shape
        assert (data == view).all()
