"""Files made to hurt: each is refused with a code, in under a second and 200 MB."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from pathlib import Path

import h5py
import nir
import numpy as np
import pytest

from snn_nir.files.reading import read
from snn_nir.files.writing import write

from .measured import cost
from .whole_graphs import chain, neurons

pytestmark = pytest.mark.exhaustive

SECRET = b"a secret that another file keeps"
WEIGHT = "node/nodes/linear_0/weight"


def good(path: Path) -> None:
    graph = chain(nir.Linear(np.ones((3, 4), "f4")), *neurons(3), shape=(4,))
    write(graph, path)


def enormous(file: h5py.File, folder: Path) -> None:
    """149 GiB declared, nothing stored."""
    file.create_dataset(WEIGHT, (200_000, 200_000), "f4", chunks=(1000, 1000), compression="gzip")


def enormous_contiguous(file: h5py.File, folder: Path) -> None:
    file.create_dataset(WEIGHT, (2**30, 2**8), "f8")


def many_large(file: h5py.File, folder: Path) -> None:
    """Each of them affordable, all together not."""
    del file["node/nodes/scale_1"]
    for number in range(40):
        file.create_dataset(f"node/nodes/scale_1/metadata/{number}", (2**22,), "f4", chunks=(2**16,))
    file.create_dataset(WEIGHT, data=np.ones((3, 4)))


def large_chunk(file: h5py.File, folder: Path) -> None:
    file.create_dataset(WEIGHT, (3, 4), "f8", maxshape=(None, None), chunks=(2**14, 2**13), compression="gzip")


def inflated(file: h5py.File, folder: Path) -> None:
    """A chunk of 96 bytes whose data go on for 60 MB: more has no room in the length that older HDF5 writes."""
    dataset = file.create_dataset(WEIGHT, (3, 4), "f8", chunks=(3, 4), compression="gzip")
    dataset.id.write_direct_chunk((0, 0), zlib.compress(bytes(60 * 2**20), 9))


def inflated_twice(file: h5py.File, folder: Path) -> None:
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk((3, 4))
    plist.set_deflate(9)
    plist.set_deflate(9)
    space = h5py.h5s.create_simple((3, 4))
    created = h5py.h5d.create(file["node/nodes/linear_0"].id, b"weight", h5py.h5t.NATIVE_DOUBLE, space, plist)
    created.write_direct_chunk((0, 0), zlib.compress(zlib.compress(bytes(2**28), 9), 9))


def lzf_without_end(file: h5py.File, folder: Path) -> None:
    """Two bytes and twenty thousand times "copy 264 of them"."""
    dataset = file.create_dataset(WEIGHT, (3, 4), "f8", chunks=(3, 4), compression="lzf")
    dataset.id.write_direct_chunk((0, 0), b"\x01ab" + b"\xe0\xff\x01" * 20_000)


def short_gzip(file: h5py.File, folder: Path) -> None:
    """A chunk of 8 bytes, where HDF5 returns what is in memory behind them."""
    dataset = file.create_dataset(WEIGHT, (3, 4), "f8", chunks=(3, 4), compression="gzip", shuffle=True)
    dataset.id.write_direct_chunk((0, 0), zlib.compress(bytes(8)))


def short_lzf(file: h5py.File, folder: Path) -> None:
    dataset = file.create_dataset(WEIGHT, (3, 4), "f8", chunks=(3, 4), compression="lzf")
    dataset.id.write_direct_chunk((0, 0), b"\x01ab\x20\x00\xe0\x14\x01")


def short_chunk(file: h5py.File, folder: Path) -> None:
    dataset = file.create_dataset(WEIGHT, (3, 4), "f8", chunks=(3, 4), compression="lzf")
    dataset.id.write_direct_chunk((0, 0), bytes(40), filter_mask=1)


def enormous_heap(file: h5py.File, folder: Path) -> None:
    """A heap of text that says that it is 650 MB large."""
    file.create_dataset(WEIGHT, data=np.ones((3, 4)))
    path = Path(file.filename)
    file.close()
    content = bytearray(path.read_bytes())
    start = content.index(b"GCOL\x01") + 8
    content[start : start + 8] = (650 * 2**20).to_bytes(8, "little")
    path.write_bytes(content)


def one_text_many_times(file: h5py.File, folder: Path) -> None:
    """Two thousand edges that all point to the same megabyte of text."""
    del file["node/edges"]
    edges = file.create_dataset("node/edges", (2000, 2), h5py.string_dtype())
    edges[0, 0] = "x" * 2**20
    at = edges.id.get_offset()
    file.flush()
    path = file.filename
    file.close()
    with open(path, "r+b") as raw:
        raw.seek(at)
        reference = raw.read(16)
        raw.seek(at)
        raw.write(reference * 4000)


def external_link(file: h5py.File, folder: Path) -> None:
    with h5py.File(folder / "other.h5", "w") as other:
        other["weight"] = np.ones((3, 4), "f4")
    file[WEIGHT] = h5py.ExternalLink(str(folder / "other.h5"), "/weight")


def external_root(file: h5py.File, folder: Path) -> None:
    with h5py.File(folder / "other.h5", "w") as other:
        file.copy("node", other)
    del file["node"]
    file["node"] = h5py.ExternalLink(str(folder / "other.h5"), "/node")


def external_storage(file: h5py.File, folder: Path) -> None:
    (folder / "secret").write_bytes(SECRET)
    file.create_dataset(WEIGHT, (2, 4), "u1", external=[(str(folder / "secret"), 0, h5py.h5f.UNLIMITED)])


def virtual(file: h5py.File, folder: Path) -> None:
    with h5py.File(folder / "other.h5", "w") as other:
        other["weight"] = np.ones((3, 4), "f4")
    layout = h5py.VirtualLayout((3, 4), "f4")
    layout[:] = h5py.VirtualSource(str(folder / "other.h5"), "weight", (3, 4))
    file.create_virtual_dataset(WEIGHT, layout)


def soft_link(file: h5py.File, folder: Path) -> None:
    file[WEIGHT] = h5py.SoftLink("/node/nodes/linear_0/weight")


def soft_link_to_the_root(file: h5py.File, folder: Path) -> None:
    file["node/nodes/again"] = h5py.SoftLink("/node")
    file.create_dataset(WEIGHT, data=np.ones((3, 4)))


def hard_link_to_itself(file: h5py.File, folder: Path) -> None:
    file["node/nodes/again"] = file["node"]
    file.create_dataset(WEIGHT, data=np.ones((3, 4)))


def hard_links_that_double(file: h5py.File, folder: Path) -> None:
    """Sixty groups, each twice in the one above: 2**60 ways down."""
    group = file.create_group("node/nodes/deep")
    for _ in range(60):
        inner = group.create_group("a")
        group["b"] = inner
        group = inner
    file.create_dataset(WEIGHT, data=np.ones((3, 4)))


def nested_too_deep(file: h5py.File, folder: Path) -> None:
    file.create_dataset(WEIGHT, data=np.ones((3, 4)))
    group = file["node/nodes"]
    for _ in range(400):
        group = group.create_group("inner")
        group.create_dataset("type", data="NIRGraph")
        group.create_dataset("edges", data=np.zeros(0))
        group = group.create_group("nodes")


def many_nodes(file: h5py.File, folder: Path) -> None:
    file.create_dataset(WEIGHT, data=np.ones((3, 4)))
    for number in range(30_000):
        file["node/nodes"].create_group(f"n{number}")


def object_references(file: h5py.File, folder: Path) -> None:
    file.create_dataset(WEIGHT, (3, 4), h5py.ref_dtype)


def ragged_numbers(file: h5py.File, folder: Path) -> None:
    file.create_dataset(WEIGHT, (3,), h5py.vlen_dtype("f4"))


def stored_type(file: h5py.File, folder: Path) -> None:
    file[WEIGHT] = np.dtype("f4")


def odd_integers(file: h5py.File, folder: Path) -> None:
    kind = h5py.h5t.STD_I64LE.copy()
    kind.set_precision(50)
    h5py.h5d.create(file["node/nodes/linear_0"].id, b"weight", kind, h5py.h5s.create_simple((3, 4)))


def other_filter(file: h5py.File, folder: Path) -> None:
    file.create_dataset(WEIGHT, data=np.ones((3, 4), "i4"), chunks=(3, 4), scaleoffset=4)


def nan_weights(file: h5py.File, folder: Path) -> None:
    file.create_dataset(WEIGHT, data=np.full((3, 4), np.nan))


def negative_tau(file: h5py.File, folder: Path) -> None:
    file.create_dataset(WEIGHT, data=np.ones((3, 4)))
    file["node/nodes/lif_7/tau"][0] = -1


def outer_product(file: h5py.File, folder: Path) -> None:
    """Broadcasting w_in over v_leak would take 64 GB."""
    file.create_dataset(WEIGHT, data=np.ones((3, 4)))
    group = file["node/nodes/cubali_8"]
    for field, shape in {"w_in": (90_000, 1), "v_leak": (90_000,), "r": (), "tau_syn": (), "tau_mem": ()}.items():
        del group[field]
        group.create_dataset(field, data=np.ones(shape))


def numbers_for_a_billion(file: h5py.File, folder: Path) -> None:
    """An Input of 10**9 neurons before a Scale that is one number."""
    del file["node/nodes"], file["node/edges"]
    for name, kind in (("a", "Input"), ("b", "Scale"), ("c", "Output")):
        file.create_dataset(f"node/nodes/{name}/type", data=kind)
    file["node/nodes/a/shape"] = [10**9]
    file["node/nodes/b/scale"] = 2.0
    file["node/edges"] = [["a", "b"], ["b", "c"]]


HAZARDS: dict[Callable[[h5py.File, Path], None], str] = {
    enormous: "NIR105",
    enormous_contiguous: "NIR105",
    many_large: "NIR105",
    large_chunk: "NIR105",
    inflated: "NIR111",
    inflated_twice: "NIR112",
    lzf_without_end: "NIR111",
    short_gzip: "NIR111",
    short_lzf: "NIR111",
    short_chunk: "NIR111",
    enormous_heap: "NIR111",
    one_text_many_times: "NIR105",
    external_link: "NIR103",
    external_root: "NIR103",
    external_storage: "NIR104",
    virtual: "NIR104",
    soft_link: "NIR103",
    soft_link_to_the_root: "NIR103",
    hard_link_to_itself: "NIR107",
    hard_links_that_double: "NIR105",
    nested_too_deep: "NIR107",
    many_nodes: "NIR105",
    object_references: "NIR106",
    ragged_numbers: "NIR106",
    stored_type: "NIR106",
    odd_integers: "NIR106",
    other_filter: "NIR112",
    nan_weights: "NIR207",
    negative_tau: "NIR208",
    outer_product: "NIR206",
    numbers_for_a_billion: "NIR105",
}


def hostile_file(hazard: Callable[[h5py.File, Path], None], folder: Path) -> Path:
    path = folder / f"{hazard.__name__}.nir"
    good(path)
    with h5py.File(path, "a") as file:
        del file[WEIGHT]
        hazard(file, folder)
    return path


def test_each_is_refused_with_little_effort_and_200_megabytes(tmp_path: Path):
    paths = [hostile_file(hazard, tmp_path) for hazard in HAZARDS]
    costs = dict(zip(HAZARDS, cost(*paths), strict=True))
    assert {hazard.__name__: cost.code for hazard, cost in costs.items()} == {
        hazard.__name__: code for hazard, code in HAZARDS.items()
    }
    assert max(result.effort for result in costs.values()) < 1
    assert max(result.mebibytes for result in costs.values()) < 200


@pytest.mark.parametrize("hazard", [external_link, external_root, external_storage, virtual])
def test_links_to_other_files_are_never_opened(hazard, tmp_path: Path):
    """The other file is a folder by now: opening it would fail in another way."""
    path = hostile_file(hazard, tmp_path)
    other = tmp_path / ("secret" if hazard is external_storage else "other.h5")
    other.unlink()
    other.mkdir()
    ((code, text, _, _),) = cost(path)
    assert code == HAZARDS[hazard]
    assert SECRET.decode() not in text


def test_a_file_without_end_is_not_waited_for(tmp_path: Path):
    pipe = tmp_path / "pipe.nir"
    os.mkfifo(pipe)
    ((code, _, effort, _),) = cost(pipe, Path("/dev/zero"), tmp_path)[:1]
    assert code == "NIR101"
    assert effort < 1


def test_the_file_that_they_are_made_from_is_read(tmp_path: Path):
    path = tmp_path / "good.nir"
    good(path)
    assert len(read(path).nodes) == 12
    ((code, _, effort, mebibytes),) = cost(path)
    assert (code, effort < 1, mebibytes < 200) == ("", True, True)
