"""Pickled arrays are read, and what else a pickle asks for is not run."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from snn_data.files.array_pickle import read_array_pickle

HEADER = {"descr": "|O", "fortran_order": False, "shape": ()}
NESTED = {
    "X": [np.arange(15.0).reshape(5, 3), np.asfortranarray(np.ones((7, 2), dtype=np.float32)), np.zeros((0, 3))],
    "y": np.array([3, 1, 200], dtype=np.int64),
    "flags": np.array([True, False]),
    "swapped": np.array([1, -2], dtype=">i2"),
    "words": np.array(["one", "seven"]),
    "labels": ["ax", "ay"],
    "more": (None, 1, 2.5, {"a": True}),
}


class Asks:
    """A call in a pickle that records its arguments; the pickle itself is harmless."""

    def __init__(self, function, *arguments):
        self.asked = function, arguments

    def __reduce__(self):
        return self.asked


def stored(path, thing, *, protocol=2, old_names=False):
    """A .npy file as numpy.save writes it, for any protocol, by NumPy 1 or 2."""
    scalar = np.empty((), dtype=object)
    scalar[()] = thing
    content = pickle.dumps(scalar, protocol=protocol)
    if protocol < 4:  # which write a name and no length before it
        new, old = b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n"
        content = content.replace(new, old) if old_names else content.replace(old, new)
        assert (old in content, new in content) == (old_names, not old_names)
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, HEADER)
        file.write(content)
    return path


def check_nested(result):
    assert result.keys() == NESTED.keys()
    for name in ("y", "flags", "swapped", "words"):
        assert result[name].dtype == NESTED[name].dtype.newbyteorder("=")  # as NumPy unpickles it
        assert result[name].tolist() == NESTED[name].tolist()
    for array, expected in zip(result["X"], NESTED["X"], strict=True):
        assert (array.dtype, array.shape) == (expected.dtype, expected.shape)
        assert array.tolist() == expected.tolist()
    assert result["labels"] == NESTED["labels"]
    assert result["more"] == NESTED["more"]


@pytest.mark.parametrize("old_names", [True, False])
@pytest.mark.parametrize("protocol", [2, 3])
def test_arrays_are_read_by_the_names_of_either_numpy(tmp_path, protocol, old_names):
    check_nested(read_array_pickle(stored(tmp_path / "a.npy", NESTED, protocol=protocol, old_names=old_names)))


def test_files_of_the_current_numpy_are_read(tmp_path):
    np.save(tmp_path / "a.npy", NESTED)
    check_nested(read_array_pickle(tmp_path / "a.npy"))


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize(
    ("asks", "name"),
    [
        (Asks(os.system, "true"), f"{os.system.__module__}.system"),
        (Asks(eval, "1"), r"(builtins|__builtin__)\.eval"),
        (Asks(getattr, np.zeros(1), "dtype"), r"(builtins|__builtin__)\.getattr"),
        (Asks(np.fromfile, "a.npy"), r"numpy.*\.fromfile"),
        (np.float64(1.5), r"numpy\._?core\.multiarray\.scalar"),
        (Path("a"), r"pathlib\S*\.P\w+Path"),
    ],
)
def test_any_other_name_is_refused_and_reported(tmp_path, asks, name, protocol):
    path = stored(tmp_path / "a.npy", [np.zeros(2), asks], protocol=protocol)
    with pytest.raises(pickle.UnpicklingError, match=rf"a\.npy asks for {name}, which no array needs"):
        read_array_pickle(path)


def test_refused_functions_have_not_been_called(tmp_path):
    folder = tmp_path / "made"
    path = stored(tmp_path / "a.npy", [np.zeros(2), Asks(os.mkdir, str(folder))], protocol=4)
    with pytest.raises(pickle.UnpicklingError, match="mkdir"):
        read_array_pickle(path)
    assert not folder.exists()
    with path.open("rb") as file:
        np.lib.format.read_magic(file)
        np.lib.format.read_array_header_1_0(file)
        pickle.load(file)
    assert folder.exists()


def test_a_dotted_name_does_not_lead_further(tmp_path):
    path = tmp_path / "a.npy"
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, HEADER)
        file.write(b"\x80\x04\x8c\x05numpy\x8c\x10ndarray.__init__\x93.")
    with pytest.raises(pickle.UnpicklingError, match=r"asks for numpy\.ndarray\.__init__"):
        read_array_pickle(path)


def test_text_is_encoded_by_text_encodings_alone(tmp_path):
    path = tmp_path / "a.npy"
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, HEADER)
        file.write(b"\x80\x02c_codecs\nencode\nX\x03\0\0\0abcX\x05\0\0\0rot13\x86R.")
    with pytest.raises(LookupError, match="'rot13' is not a text encoding"):
        read_array_pickle(path)


def test_a_file_of_plain_numbers_is_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((7, 3)))
    with pytest.raises(ValueError, match=r"contains float64 of shape \[7, 3\], not one object"):
        read_array_pickle(tmp_path / "a.npy")


def test_a_file_of_another_format_is_refused(tmp_path):
    (tmp_path / "a.npy").write_bytes(pickle.dumps([1, 2]))
    with pytest.raises(ValueError, match="magic"):
        read_array_pickle(tmp_path / "a.npy")
