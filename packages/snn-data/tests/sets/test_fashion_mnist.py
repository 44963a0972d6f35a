"""fashion_mnist: four small files made here, in each of the layouts."""

from __future__ import annotations

import gzip
import struct

import pytest
import torch

from snn_data import fashion_mnist

NAMES = [f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")]


def idx(values):
    return struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape) + values.numpy().tobytes()


def made_up(samples, seed):
    images = torch.randint(0, 256, (samples, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))
    images[0, 0, :2] = torch.tensor([0, 255])
    return images, torch.arange(samples, dtype=torch.uint8) % 10


TENSORS = dict(zip(NAMES, [*made_up(70, 0), *made_up(30, 1)], strict=True))


@pytest.fixture
def folder(tmp_path):
    return written(tmp_path)


def written(folder, *, packed=False, tensors=TENSORS):
    folder.mkdir(parents=True, exist_ok=True)
    for name, values in tensors.items():
        content = idx(values)
        (folder / f"{name}{'.gz' * packed}").write_bytes(gzip.compress(content) if packed else content)
    return folder


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("place", ["", "fashion-mnist", "FashionMNIST/raw"])
def test_each_layout_gives_the_official_test_part_as_it_is_in_the_files(tmp_path, place, packed):
    written(tmp_path / place, packed=packed)
    test = fashion_mnist(str(tmp_path), valid_samples=20).test
    images, labels = (TENSORS[name] for name in NAMES[2:])
    assert test.data.shape == (30, 1, 28, 28)
    assert (test.data.dtype, test.targets.dtype) == (torch.float32, torch.int64)
    assert test.data.mul(255).round().byte()[:, 0].equal(images)
    assert (test.data.min(), test.data.max()) == (0, 1)
    assert test.targets.equal(labels.long())


def test_the_training_and_the_validation_part_are_the_training_files_each_sample_once(folder):
    train, valid, _ = fashion_mnist(folder, valid_samples=20)
    assert (len(train), len(valid)) == (50, 20)
    assert valid.targets.bincount().tolist() == [2] * 10
    rows = {
        (bytes(image.mul(255).round().byte().flatten().tolist()), int(target))
        for part in (train, valid)
        for image, target in part
    }
    images, labels = (TENSORS[name] for name in NAMES[:2])
    assert rows == {(bytes(i.flatten().tolist()), int(t)) for i, t in zip(images, labels, strict=True)}
    assert len(rows) == 70


def test_the_validation_part_follows_from_the_seed_alone(folder):
    first = fashion_mnist(folder, valid_samples=20, split_seed=3).valid
    torch.manual_seed(9)
    before = torch.get_rng_state()
    assert fashion_mnist(folder, valid_samples=20, split_seed=3).valid.data.equal(first.data)
    assert torch.get_rng_state().equal(before)
    assert not fashion_mnist(folder, valid_samples=20, split_seed=4).valid.data.equal(first.data)


@pytest.mark.parametrize("place", ["fashion-mnist", "FashionMNIST/raw"])
def test_a_folder_named_after_the_data_set_goes_before_files_of_another_beside_it(tmp_path, place):
    written(tmp_path, tensors={name: values * 0 for name, values in TENSORS.items()})
    written(tmp_path / place)
    assert fashion_mnist(tmp_path, valid_samples=20).test.data.max() == 1


def test_missing_files_are_named_with_the_folders_and_the_remedy(folder):
    (folder / NAMES[3]).unlink()
    with pytest.raises(FileNotFoundError) as error:
        fashion_mnist(folder, valid_samples=20)
    message = str(error.value)
    every = ", ".join(NAMES)
    assert f"looked in {folder / 'fashion-mnist'} (lacks {every})" in message
    assert f"{folder / 'FashionMNIST' / 'raw'} (lacks {every})" in message
    assert f"{folder} (lacks {NAMES[3]}): name a folder with the four files" in message


BAD = torch.arange(70, dtype=torch.uint8)


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        (
            NAMES[0],
            TENSORS[NAMES[0]][:, :27],
            r"shape \[70, 27, 28\], but images are torch.uint8 of shape \[samples, 28",
        ),
        (NAMES[0], TENSORS[NAMES[0]][:69], "has 69 images, but .* has 70 labels"),
        (NAMES[1], BAD.unsqueeze(1), r"shape \[70, 1\], but labels are torch.uint8 of shape \[samples\]"),
        (NAMES[1], torch.tensor(7, dtype=torch.uint8), r"shape \[\], but labels are"),
        (NAMES[3], BAD[:30], "has the label 29, but Fashion-MNIST has classes 0 to 9"),
    ],
)
def test_files_of_other_content_are_refused_by_name(folder, name, values, message):
    (folder / name).write_bytes(idx(values))
    with pytest.raises(ValueError, match=message) as error:
        fashion_mnist(folder, valid_samples=20)
    assert name in str(error.value)


def test_files_without_samples_are_refused(folder):
    for name in NAMES[:2]:
        (folder / name).write_bytes(idx(TENSORS[name][:0]))
    with pytest.raises(ValueError, match="has no labels, but Fashion-MNIST"):
        fashion_mnist(folder)


@pytest.mark.parametrize("samples", [0, -1, 70, 10_000])
def test_a_number_that_leaves_a_part_empty_is_refused(folder, samples):
    with pytest.raises(ValueError, match=rf"valid_samples={samples} of 70 leaves a part empty"):
        fashion_mnist(folder, valid_samples=samples)


def test_a_number_that_is_not_whole_is_refused(folder):
    with pytest.raises(TypeError, match=r"needs an integer valid_samples, got 20\.0"):
        fashion_mnist(folder, valid_samples=20.0)
