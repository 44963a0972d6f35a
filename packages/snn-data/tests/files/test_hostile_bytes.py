"""Damaged and hostile bytes in every file that is read: each reader reads them or refuses them by its own error."""

from __future__ import annotations

import contextlib
import gzip
import io
import tarfile
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from snn_data import extract, fashion_mnist, read_idx
from snn_data.files.array_pickle import read_array_pickle
from snn_data.files.sample_file import read_sample, write_sample
from snn_data.sets.ts_file import read_ts

MAX_BYTES = 100_000


def zipped(compression=zipfile.ZIP_DEFLATED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as packed:
        packed.writestr("Train/1.bin", bytes(i * i % 251 for i in range(3000)))
        packed.writestr("label.txt", b"x" * 1000)
    return buffer.getvalue()


def tarred(mode="w"):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as packed:
        for name, content in (("Train/1.bin", bytes(i * i % 251 for i in range(3000))), ("ä" * 120, b"long name")):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            packed.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def pickled(path):
    with path.open("wb") as file:
        np.save(file, np.array({"X": [np.ones((3, 2))], "y": np.arange(3)}, dtype=object))


def read_labels(path):
    """Read a file as Fashion-MNIST's labels of the training part, beside three whole files."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("train", "t10k"):
            (folder / f"{part}-images-idx3-ubyte").write_bytes(
                b"\0\0\x08\3\0\0\0\x14\0\0\0\x1c\0\0\0\x1c" + bytes(15680)
            )
            (folder / f"{part}-labels-idx1-ubyte").write_bytes(LABELS)
        (folder / "train-labels-idx1-ubyte").write_bytes(path.read_bytes())
        fashion_mnist(folder, valid_samples=10)


LABELS = b"\0\0\x08\1\0\0\0\x14" + bytes(range(10)) * 2
IDX = b"\0\0\x0b\2\0\0\0\3\0\0\0\2" + bytes(range(12))
READERS = {
    "zip": (extract, zipped),
    "stored zip": (extract, lambda: zipped(zipfile.ZIP_STORED)),
    "zip by bz2": (extract, lambda: zipped(zipfile.ZIP_BZIP2)),
    "tar": (extract, tarred),
    "tar.gz": (extract, lambda: tarred("w:gz")),
    "tar.bz2": (extract, lambda: tarred("w:bz2")),
    "tar.xz": (extract, lambda: tarred("w:xz")),
    "idx": (read_idx, lambda: IDX),
    "idx.gz": (read_idx, lambda: gzip.compress(IDX, mtime=0)),
    "Fashion-MNIST": (read_labels, lambda: LABELS),
    "ts": (read_ts, lambda: b"@classLabel true walk run\n@data\n1,2:3,4:walk\n5:6:run\n"),
    "npz": (read_sample, lambda: (torch.arange(30.0).bfloat16(), {"a": np.arange(3)})),
}
EDITS = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 64), st.binary(max_size=64) | st.just(b"\xff" * 8)), max_size=4
)


def damaged(content, edits, end):
    data = bytearray(content)
    for place, length, new in edits:
        start = int(place * len(data))
        data[start : start + length] = new
    return bytes(data[: int(end * len(data))])


@pytest.mark.parametrize("form", READERS)
@settings(max_examples=30, derandomize=True, deadline=None, database=None)
@given(edits=EDITS, end=st.just(1.0) | st.floats(0, 1))
@example(edits=[], end=1 / 3)
@example(edits=[(0.9, 1, b"\x01")], end=1.0)
def test_bytes_are_read_or_refused_as_a_value_error(form, edits, end, tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    reader, make = READERS[form]
    path = folder / "file"
    if reader is read_sample:
        write_sample(path, make())
        make = path.read_bytes
    path.write_bytes(damaged(make(), edits, end))
    message = None
    try:
        if reader is extract:
            extract(path, folder / "out", max_bytes=MAX_BYTES)
        else:
            reader(path)
    except ValueError as error:
        message = str(error)
    assert message != ""
    files = [file for file in folder.rglob("*") if file.is_file() and file != path]
    if reader is extract and message is not None:
        assert "file is refused" in message or "file is damaged, or not a zip or tar archive" in message
        assert files == []
    assert sum(file.stat().st_size for file in files) <= MAX_BYTES
    assert [entry.name for entry in folder.iterdir() if entry != path] == ["out"] * (reader is extract)


@settings(max_examples=100, derandomize=True, deadline=None, database=None)
@given(edits=EDITS, end=st.just(1.0) | st.floats(0, 1))
def test_a_damaged_pickle_makes_nothing_but_arrays_and_plain_values(edits, end, tmp_path_factory):
    path = tmp_path_factory.mktemp("hostile") / "a.npy"
    pickled(path)
    path.write_bytes(damaged(path.read_bytes(), edits, end))
    values = []
    with contextlib.suppress(Exception):  # a damaged pickle may fail in any way
        values.append(read_array_pickle(path))
    while values:
        value = values.pop()
        kinds = np.ndarray | np.dtype | dict | list | tuple | set | str | bytes | int | float | None
        assert isinstance(value, kinds) or value in (np.ndarray, np.dtype)
        values += value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple | set) else ()
