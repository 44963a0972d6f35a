"""nmnist, dvs_gesture, shd and ssc: one call each, from a server to batches, with parts that do not meet."""

from __future__ import annotations

import hashlib
import io
import os
import sys
import tarfile
import zipfile

import h5py
import numpy as np
import pytest
import tonic
import torch
from torch.utils.data import DataLoader

from snn_data import (
    ArchiveError,
    ChecksumError,
    HeidelbergSpikes,
    collate,
    dvs_gesture,
    events_to_frames,
    group_split,
    nmnist,
    shd,
    ssc,
    stratified_split,
)
from snn_data.writers import write_dvs_gesture, write_heidelberg, write_nmnist

KEYS = ["zero", "one"]


def recording(seed, size, last, events=20):
    rng = np.random.default_rng(seed)
    tops = {"x": size[0], "y": size[1], "p": 2, "t": last}
    return {name: np.sort(rng.integers(0, top, events)) for name, top in tops.items()}


def zipped(folder):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        for path in sorted(folder.rglob("*")):
            packed.write(path, path.relative_to(folder))
    return buffer.getvalue()


def tarred(folder):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as packed:
        # in reverse, as a file system may list them
        for path in sorted(folder.rglob("*"), reverse=True):
            packed.add(path, path.relative_to(folder), recursive=False)
    return buffer.getvalue()


@pytest.fixture
def serve(loopback, monkeypatch):
    """Put an archive where one of tonic's classes says that it is."""

    def put(source, part, archive):
        monkeypatch.setattr(source, f"{part}_md5", hashlib.md5(archive).hexdigest())
        if hasattr(source, "base_url") and hasattr(source, f"{part}_zip"):
            monkeypatch.setattr(source, "base_url", f"{loopback.url}/")
            loopback.files[getattr(source, f"{part}_zip")] = archive
        else:
            monkeypatch.setattr(source, f"{part}_url", f"{loopback.url}/{part}")
            loopback.files[part] = archive

    return put


@pytest.fixture
def served_nmnist(tmp_path, serve):
    for part, count in (("train", 10), ("test", 3)):
        folder = tmp_path / part
        for digit in (0, 7):
            for i in range(count):
                path = folder / part.title() / str(digit) / f"{i:05}.bin"
                write_nmnist(path, recording(100 * digit + i, (34, 34), 300_000))
        serve(tonic.datasets.NMNIST, part, zipped(folder))


@pytest.fixture
def served_gestures(tmp_path, serve):
    for part, users in (("train", range(1, 8)), ("test", (24, 25))):
        for user in users:
            for gesture in (0, 3):
                path = tmp_path / part / f"ibmGesture{part.title()}" / f"user{user:02}_lab" / f"{gesture}.npy"
                write_dvs_gesture(path, recording(11 * user + gesture, (128, 128), 500 + 100 * gesture))
        serve(tonic.datasets.DVSGesture, part, tarred(tmp_path / part))


def spoken(path, seed, speakers):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 40, len(speakers))
    recordings = [{"t": np.sort(rng.random(n)), "x": rng.integers(0, 700, n)} for n in lengths]
    write_heidelberg(path, recordings, rng.integers(0, 2, len(speakers)), speakers, KEYS)


@pytest.fixture
def served_shd(tmp_path, serve):
    for seed, (part, speakers) in enumerate((("train", [0, 1, 2, 3, 6] * 4), ("test", [4, 5, 6]))):
        spoken(tmp_path / part / f"shd_{part}.h5", seed, speakers)
        serve(tonic.datasets.SHD, part, zipped(tmp_path / part))


@pytest.fixture
def served_ssc(tmp_path, serve):
    for seed, (part, speakers) in enumerate((("train", [0, 1, 2]), ("valid", [3, 4]), ("test", [5]))):
        spoken(tmp_path / part / f"ssc_{part}.h5", seed, speakers)
        serve(tonic.datasets.SSC, part, zipped(tmp_path / part))


def places(tmp_path):
    return {"folder": tmp_path / "sets", "cache_folder": tmp_path / "cache"}


def test_nmnist_has_a_stratified_validation_part_and_frames_of_10_ms(tmp_path, served_nmnist):
    train, valid, test = nmnist(**places(tmp_path), valid_share=0.2)
    assert (len(train), len(valid), len(test)) == (16, 4, 6)
    assert sorted(digit for _, digit in valid) == [0, 0, 7, 7]
    digits = [0] * 10 + [7] * 10
    for part, indices in zip((train, valid), stratified_split(digits, 0.2, seed=0), strict=True):
        for (frames, digit), i in zip(part, indices.tolist(), strict=True):
            events = recording(100 * digits[i] + i % 10, (34, 34), 300_000)
            assert digit == digits[i]
            assert frames.equal(events_to_frames(events, (34, 34, 2), dt=10_000, start=0))


def test_dvs_gesture_has_nobody_in_two_parts(tmp_path, served_gestures):
    events = dvs_gesture(**places(tmp_path), valid_share=0.3, transform=lambda events: events, key="events")
    assert (len(events.train), len(events.valid), len(events.test)) == (10, 4, 4)

    def users(part):
        """Whose recordings a part holds, by what they hold."""
        written = {}
        for user in (*range(1, 8), 24, 25):
            for gesture in (0, 3):
                events = recording(11 * user + gesture, (128, 128), 500 + 100 * gesture)
                written[tuple(events["x"]), tuple(1000 * events["t"]), gesture] = user
        return {written[tuple(result["x"]), tuple(result["t"]), gesture] for result, gesture in part}

    train, valid, test = (users(part) for part in events)
    assert (len(train), len(valid), test) == (5, 2, {24, 25})
    assert train | valid == set(range(1, 8))


def test_dvs_gesture_indexes_recordings_by_their_paths(tmp_path, served_gestures):
    _, _, test = dvs_gesture(**places(tmp_path))
    order = [(24, 0), (24, 3), (25, 0), (25, 3)]
    for (frames, gesture), (user, expected) in zip(test, order, strict=True):
        events = recording(11 * user + expected, (128, 128), 500 + 100 * expected)
        assert gesture == expected
        assert frames.equal(events_to_frames(events, (128, 128, 2), dt=50))


def test_shd_has_no_training_speaker_in_its_validation_part(tmp_path, served_shd):
    parts = shd(**places(tmp_path), valid_share=0.4)
    assert (len(parts.train), len(parts.valid), len(parts.test)) == (12, 8, 3)
    file = HeidelbergSpikes(tmp_path / "sets" / "SHD" / "shd_train.h5")
    indices = group_split(file.speakers, 0.4)
    assert set(file.speakers[indices.train].tolist()).isdisjoint(file.speakers[indices.test].tolist())
    for part, chosen in zip(parts, indices, strict=False):
        for (frames, label), i in zip(part, chosen.tolist(), strict=True):
            events, expected = file[i]
            assert label == expected
            assert frames.equal(events_to_frames(events, (700, 1, 1), dt=10_000, start=0)[:, 0])


def test_ssc_keeps_the_three_parts_of_its_authors(tmp_path, served_ssc):
    parts = ssc(**places(tmp_path), dt=0.02)
    assert [len(part) for part in parts] == [3, 2, 1]
    for part, name in zip(parts, parts._fields, strict=True):
        file = HeidelbergSpikes(tmp_path / "sets" / "SSC" / f"ssc_{name}.h5")
        for (frames, label), (events, expected) in zip(part, file, strict=True):
            assert label == expected
            assert frames.equal(events_to_frames(events, (700, 1, 1), dt=20_000, start=0)[:, 0])


def test_existing_files_are_neither_downloaded_nor_computed_again(tmp_path, served_shd, loopback):
    def file_times():
        return {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.npz")}

    first = [frames for frames, _ in shd(**places(tmp_path)).train]
    assert len(loopback.requests) == 2
    before = file_times()
    assert len(before) == len(first)
    again = shd(**places(tmp_path), download=False)
    assert all(left.equal(right) for left, (right, _) in zip(first, again.train, strict=True))
    assert len(loopback.requests) == 2
    assert file_times() == before
    assert len(list(shd(**places(tmp_path), dt=0.02).train)) == len(first)
    assert len(file_times()) == 2 * len(first)


def test_an_own_transform_keeps_its_samples_under_its_key_only(tmp_path, served_shd):
    for key in ("counts", "other counts"):
        train, _, test = shd(**places(tmp_path), transform=len, key=key)
        assert [count for count, _ in train] == [
            len(events) for events, _ in (train.dataset.dataset[i] for i in train.indices)
        ]
        assert len(list(test)) == 3
    stored = list((tmp_path / "cache").rglob("*.npz"))
    assert len(stored) == 2 * (len(train) + 3)
    with pytest.warns(DeprecationWarning, match="not kept on disk: pass key=") as warned:
        again = shd(**places(tmp_path), transform=len, download=False)
    assert warned[0].filename == __file__
    assert list(again.test) == list(test)
    assert len(list((tmp_path / "cache").rglob("*.npz"))) == len(stored)


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_of_any_part_are_ragged(tmp_path, served_shd, workers):
    train, _, _ = shd(**places(tmp_path))
    loader = DataLoader(train, batch_size=3, collate_fn=collate, num_workers=workers)
    batches = list(loader)
    assert torch.cat([batch.lengths for batch in batches]).tolist() == [len(frames) for frames, _ in train]
    assert torch.cat([batch.targets for batch in batches]).tolist() == [label for _, label in train]
    assert batches[0].data.shape[1:] == (3, 700)


def test_workers_that_are_spawned_read_tonics_data_sets_too(tmp_path, served_nmnist):
    train, _, _ = nmnist(**places(tmp_path))
    loader = DataLoader(train, batch_size=None, num_workers=1, multiprocessing_context="spawn")
    digits = [digit for _, digit in loader]
    assert digits == [digit for _, digit in train]


def test_the_file_of_shd_is_opened_once_in_each_process(tmp_path, monkeypatch):
    spoken(tmp_path / "a.h5", 0, [1, 2, 3, 4] * 3)
    log, real = tmp_path / "opened", h5py.File

    def opening(*arguments):
        with log.open("a") as file:
            file.write(f"{os.getpid()}\n")
        return real(*arguments)

    monkeypatch.setattr(h5py, "File", opening)
    recordings = HeidelbergSpikes(tmp_path / "a.h5")
    expected = [events for events, _ in recordings]
    assert log.read_text().split() == [str(os.getpid())]
    loader = DataLoader(recordings, batch_size=None, num_workers=2, collate_fn=lambda sample: sample)
    assert all((left == right).all() for left, (right, _) in zip(expected, loader, strict=True))
    assert len(log.read_text().split()) == len(set(log.read_text().split())) == 3


def test_times_of_shd_beyond_the_largest_float16_number_of_microseconds_are_finite(tmp_path):
    write_heidelberg(tmp_path / "a.h5", [{"t": [0.0625, 1.375], "x": [3, 4]}], [0], [0], KEYS)
    events, _ = HeidelbergSpikes(tmp_path / "a.h5")[0]
    assert events["t"].tolist() == [62_500, 1_375_000]


@pytest.mark.parametrize("index", [3, -4])
def test_a_recording_outside_the_file_is_refused(tmp_path, index):
    spoken(tmp_path / "a.h5", 0, [1, 2, 3])
    with pytest.raises(IndexError, match=f"no recording {index}: the file has 3"):
        HeidelbergSpikes(tmp_path / "a.h5")[index]


def test_an_archive_with_a_wrong_checksum_is_refused(tmp_path, served_shd, monkeypatch):
    monkeypatch.setattr(tonic.datasets.SHD, "train_md5", "0" * 32)
    with pytest.raises(ChecksumError, match=r"expected 0+: it is damaged or a different file"):
        shd(**places(tmp_path))
    assert not list((tmp_path / "sets").rglob("*.*"))


def test_a_hostile_archive_with_the_right_checksum_is_refused(tmp_path, serve):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as packed:
        packed.addfile(tarfile.TarInfo("../../escaped"))
    serve(tonic.datasets.DVSGesture, "train", buffer.getvalue())
    with pytest.raises(ArchiveError, match="leads out of the folder"):
        dvs_gesture(**places(tmp_path))
    assert not (tmp_path / "escaped").exists()


def test_an_archive_with_other_content_is_named(tmp_path, serve):
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "readme.txt").write_text("none")
    serve(tonic.datasets.SHD, "train", zipped(tmp_path / "made"))
    with pytest.raises(FileNotFoundError, match=r"shd_train\.h5\.zip was unpacked but did not contain shd_train\.h5"):
        shd(**places(tmp_path))


@pytest.mark.parametrize("load", [nmnist, dvs_gesture, shd, ssc])
def test_missing_data_is_named_where_it_must_not_be_downloaded(tmp_path, load):
    with pytest.raises(FileNotFoundError, match="is missing: put it there, or call with download=True"):
        load(tmp_path, download=False)


@pytest.mark.parametrize("load", [nmnist, dvs_gesture, shd, ssc])
def test_without_tonic_the_error_says_what_to_install(tmp_path, monkeypatch, load):
    monkeypatch.setitem(sys.modules, "tonic.datasets", None)
    with pytest.raises(ImportError, match=rf"{load.__name__}\(\) .*pip install 'snn-data\[tonic\]'"):
        load(tmp_path)


def test_without_h5py_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ImportError, match=r"pip install 'snn-data\[tonic\]'"):
        HeidelbergSpikes(tmp_path / "a.h5")
    with pytest.raises(ImportError, match=r"pip install 'snn-data\[tonic\]'"):
        write_heidelberg(tmp_path / "a.h5", [], [], [], KEYS)
