"""The zoo where snn-core may not be there: names, files, and what is said of what is missing."""

from __future__ import annotations

import hashlib
import sys

import pytest
import torch

from snn_data import ChecksumError, digits, zoo
from snn_data.zoo import loading, nets
from snn_data.zoo.samples import between_frames

NAMES = ["digits", "mnist5k", "vowels"]


@pytest.mark.parametrize("function", [zoo.load, zoo.manifest])
@pytest.mark.parametrize("name", NAMES)
def test_without_snn_core_the_error_says_what_to_install(function, name, monkeypatch):
    monkeypatch.setitem(sys.modules, "snn_core", None)
    with pytest.raises(ImportError, match=r"makes its nets with snn-core: pip install 'snn-data\[zoo\]'"):
        function(name)


@pytest.mark.parametrize("function", [zoo.load, zoo.manifest, zoo.samples])
@pytest.mark.parametrize("name", ["mnist", "", "../digits", None, ["digits"]])
def test_an_unknown_net_is_refused_and_the_known_ones_listed(function, name):
    with pytest.raises(ValueError, match=r"the zoo has no net .*; it has digits, mnist5k, vowels"):
        function(name)


def test_the_zoo_has_the_files_that_are_listed_and_they_take_at_most_3_MB():
    files = sorted(loading.FOLDER.glob("*.safetensors"))
    listed = dict(reversed(line.split()) for line in (loading.FOLDER / loading.CHECKSUMS).read_text().splitlines())
    assert listed == {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
    assert [file.stem for file in files] == NAMES == [*nets.NETS]
    assert sum(file.stat().st_size for file in files) <= 3e6


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """Have the zoo read copies of its files."""
    for file in (*loading.FOLDER.glob("*.safetensors"), loading.FOLDER / loading.CHECKSUMS):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    monkeypatch.setattr(loading, "FOLDER", tmp_path)
    return tmp_path


@pytest.mark.parametrize("function", [zoo.load, zoo.manifest])
@pytest.mark.parametrize("at", [9, -1])  # in the header, in the numbers
def test_a_file_with_one_bit_turned_is_refused(function, at, copied):
    file = copied / "digits.safetensors"
    content = bytearray(file.read_bytes())
    content[at] ^= 1
    file.write_bytes(content)
    with pytest.raises(ChecksumError, match=r"the zoo refuses its digits: .* has the sha256 .*; pip install --force"):
        function("digits")


def test_a_file_that_is_not_there_is_named(copied):
    (copied / "vowels.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"the zoo's vowels is .*vowels\.safetensors, which is missing: pip"):
        zoo.load("vowels")


def test_samples_are_the_test_part_shown_in_every_step():
    xs, targets, lengths, mask = zoo.samples("digits")
    _, test = digits()
    assert xs.shape == (8, 359, 1, 8, 8)
    assert xs.stride(0) == 0  # held once
    assert all(x.equal(test.data) for x in xs)
    assert targets.equal(test.targets)
    assert lengths.tolist() == [8] * 359
    assert mask.shape == (8, 359)
    assert mask.all()


def test_speech_has_two_steps_a_frame_between_its_first_and_its_last():
    frames = torch.tensor([[0.0, 6.0], [3.0, 0.0]])
    steps = between_frames(frames, 4)
    torch.testing.assert_close(steps, torch.tensor([[0.0, 6.0], [1.0, 4.0], [2.0, 2.0], [3.0, 0.0]]))
