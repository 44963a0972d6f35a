"""tonic's own loaders download, check, unpack and read what our writers write, event by event."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile

import numpy as np
import pytest
import tonic

from snn_data import HeidelbergSpikes
from snn_data.writers import write_dvs_gesture, write_heidelberg, write_nmnist

EVENTS = 30


def events(seed, size, last):
    rng = np.random.default_rng(seed)
    tops = {"x": size[0], "y": size[1], "p": 2, "t": last}
    events = {name: rng.integers(0, top, EVENTS) for name, top in tops.items()}
    events["t"].sort()
    return events


def zipped(folder):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(folder.rglob("*")):
            packed.write(path, path.relative_to(folder))
    return buffer.getvalue()


def tarred(folder):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as packed:
        for path in sorted(folder.iterdir()):
            packed.add(path, path.name)
    return buffer.getvalue()


@pytest.fixture
def serve(loopback, monkeypatch):
    """Put an archive where one of tonic's classes looks for it."""

    def put(source, part, archive, *, url=None):
        name = f"{source.__name__}-{part}"
        loopback.files[name] = archive
        monkeypatch.setattr(source, f"{part}_md5", hashlib.md5(archive).hexdigest())
        if url is None:
            monkeypatch.setattr(source, f"{part}_url", f"{loopback.url}/{name}")
        else:
            loopback.files[url] = archive
            monkeypatch.setattr(source, "base_url", f"{loopback.url}/")

    return put


def test_nmnist(tmp_path, serve):
    written = {(digit, i): events(10 * digit + i, (34, 34), 300_000) for digit in (0, 7, 9) for i in range(2)}
    for (digit, i), recording in written.items():
        write_nmnist(tmp_path / "made" / "Test" / str(digit) / f"{i:05}.bin", recording)
    serve(tonic.datasets.NMNIST, "test", zipped(tmp_path / "made"))
    read = tonic.datasets.NMNIST(save_to=str(tmp_path / "sets"), train=False)
    assert len(read) == 6
    for (recorded, digit), ((expected_digit, _), expected) in zip(read, written.items(), strict=True):
        assert digit == expected_digit
        for name in "xytp":
            assert recorded[name].tolist() == expected[name].tolist()
    for path in (tmp_path / "made").rglob("*.bin"):
        unpacked = tmp_path / "sets" / "NMNIST" / path.relative_to(tmp_path / "made")
        assert unpacked.read_bytes() == path.read_bytes()


@pytest.mark.filterwarnings("ignore:Python 3.14 will, by default, filter extracted tar:DeprecationWarning")  # of tonic
def test_dvs_gesture(tmp_path, serve):
    written = {
        (user, gesture): events(user * 11 + gesture, (128, 128), 6000) for user in (24, 25) for gesture in (0, 10)
    }
    for (user, gesture), recording in written.items():
        write_dvs_gesture(tmp_path / "made" / "ibmGestureTest" / f"user{user}_led" / f"{gesture}.npy", recording)
    serve(tonic.datasets.DVSGesture, "test", tarred(tmp_path / "made"))
    read = tonic.datasets.DVSGesture(save_to=str(tmp_path / "sets"), train=False)
    assert len(read) == 4
    for i, (recorded, gesture) in enumerate(read):
        expected = written[read.users[i], gesture]
        for name in "xyp":
            assert recorded[name].tolist() == expected[name].tolist()
        assert recorded["t"].tolist() == (1000 * expected["t"]).tolist()
    assert sorted(zip(read.users, read.targets, strict=True)) == sorted(written)


@pytest.mark.parametrize(("name", "options"), [("SHD", {"train": True}), ("SSC", {"split": "train"})])
def test_shd_and_ssc(tmp_path, serve, name, options):
    source = getattr(tonic.datasets, name)
    rng = np.random.default_rng(0)
    recordings = [{"t": np.sort(rng.random(n)), "x": rng.integers(0, 700, n)} for n in (30, 0, 7)]
    path = tmp_path / "made" / source.train_zip.removesuffix(".zip")
    write_heidelberg(path, recordings, labels=[3, 0, 1], speakers=[9, 9, 2], keys=["a", "b", "c", "d"])
    serve(source, "train", zipped(tmp_path / "made"), url=source.train_zip)
    read = source(save_to=str(tmp_path / "sets"), **options)
    ours = HeidelbergSpikes(tmp_path / "sets" / name / path.name)
    assert len(read) == len(ours) == 3
    for i, recording in enumerate(recordings):
        events, label = read[i]
        assert label == [3, 0, 1][i]
        assert events["x"].tolist() == recording["x"].tolist()
        assert events["t"].tolist() == (recording["t"].astype(np.float16).astype(np.float64) * 1e6).astype(int).tolist()
        same, same_label = ours[i]
        assert same_label == label
        assert all((same[field] == events[field]).all() for field in ("t", "x", "p"))
    assert ours.speakers.tolist() == [9, 9, 2]
    assert read._speaker.tolist() == [9, 9, 2]
    assert [key.decode() for key in read.classes] == ours.classes
    assert (tmp_path / "sets" / name / path.name).read_bytes() == path.read_bytes()


def test_tonic_refuses_an_archive_with_a_wrong_checksum(tmp_path, serve, monkeypatch):
    write_nmnist(tmp_path / "made" / "Test" / "0" / "1.bin", events(0, (34, 34), 1000))
    serve(tonic.datasets.NMNIST, "test", zipped(tmp_path / "made"))
    monkeypatch.setattr(tonic.datasets.NMNIST, "test_md5", "0" * 32)
    with pytest.raises(RuntimeError, match="corrupted"):
        tonic.datasets.NMNIST(save_to=str(tmp_path / "sets"), train=False)
