"""A compiled operator is loaded only with a manifest that fits the active SDK; wheels carry what was built."""

from __future__ import annotations

import base64
import ctypes
import hashlib
import json
import sys
import types
import zipfile

import pytest

from snn_ipu import IpuUnavailable, build, pack
from snn_ipu.device import compiled_op

REMEDY = r"run `python -m snn_ipu.build`, or pass ops='primitives'"


@pytest.fixture
def popart(monkeypatch):
    """An SDK that says its version and hash."""
    module = types.SimpleNamespace(versionString=lambda: "3.4.0+7001 (abc)", packageHash=lambda: "f00d")
    monkeypatch.setitem(sys.modules, "popart", module)
    return module


@pytest.fixture
def ops(tmp_path):
    """A build with a manifest that fits; the library is not a library, so loading it would fail."""
    folder = tmp_path / "ops" / "poplar-3.4.0"
    folder.mkdir(parents=True)
    (folder / compiled_op.LIBRARY).write_bytes(b"not an ELF file")
    write(folder)
    return tmp_path / "ops"


def write(folder, **changes):
    description = {
        "poplar": "3.4.0",
        "popart_hash": "f00d",
        "sources": compiled_op.source_hash(),
        "sha256": hashlib.sha256(b"not an ELF file").hexdigest(),
        **changes,
    }
    (folder / compiled_op.MANIFEST).write_text(json.dumps({k: v for k, v in description.items() if v is not None}))


def test_a_manifest_that_fits_lets_the_library_pass(ops):
    assert compiled_op.checked("3.4.0", "f00d", ops) == ops / "poplar-3.4.0" / compiled_op.LIBRARY


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"poplar": "3.3.0"}, "was built for Poplar 3.3.0, not 3.4.0"),
        ({"popart_hash": "beef"}, "was built for the PopART of hash beef, not f00d"),
        ({"sources": "0" * 64}, "was built for the sources of hash 0000"),
        ({"sha256": "0" * 64}, "was built for a library of hash 0000"),
        ({"sha256": None}, "not a readable manifest"),
        ({"popart_hash": ["f00d"]}, "was built for the PopART"),
    ],
)
def test_a_stale_or_forged_manifest_is_refused(ops, changes, text):
    write(ops / "poplar-3.4.0", **changes)
    with pytest.raises(IpuUnavailable, match=f"{text}.*{REMEDY}"):
        compiled_op.checked("3.4.0", "f00d", ops)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"poplar"', '{"poplar": "3.4.0"', "[" * 100000])
def test_a_truncated_manifest_is_refused(ops, text):
    (ops / "poplar-3.4.0" / compiled_op.MANIFEST).write_text(text)
    with pytest.raises(IpuUnavailable, match=f"not a readable manifest.*{REMEDY}"):
        compiled_op.checked("3.4.0", "f00d", ops)


def test_another_library_under_a_true_manifest_is_refused_before_it_is_loaded(ops, popart, monkeypatch):
    (ops / "poplar-3.4.0" / compiled_op.LIBRARY).write_bytes(b"not an ELF file, and changed")
    monkeypatch.setattr(ctypes, "CDLL", lambda *_: pytest.fail("loaded"))
    with pytest.raises(IpuUnavailable, match="a library of hash"):
        compiled_op.load_op(None, ops)


def test_a_build_for_another_sdk_is_named(ops):
    with pytest.raises(IpuUnavailable, match=f"built for Poplar 3.4.0, not 3.3.0: {REMEDY}"):
        compiled_op.checked("3.3.0", "f00d", ops)


def test_without_any_build_the_command_is_named(tmp_path):
    with pytest.raises(IpuUnavailable, match=f"not built for Poplar 3.4.0: {REMEDY}"):
        compiled_op.checked("3.4.0", "f00d", tmp_path)


def test_a_library_that_does_not_load_is_an_error_with_its_reason(ops, popart):
    with pytest.raises(IpuUnavailable, match=r"does not load .*: run `python -m snn_ipu.build`"):
        compiled_op.load_op(None, ops)


def test_without_an_sdk_nothing_is_built(capsys):
    with pytest.raises(IpuUnavailable, match="PopART is not importable"):
        build.build()
    assert build.main([]) == 1
    assert "source <sdk>/poplar-*/enable.sh" in capsys.readouterr().err


def test_without_a_compiler_it_is_named(popart, tmp_path):
    with pytest.raises(IpuUnavailable, match="there is no compiler 'no-such-compiler'"):
        build.build(tmp_path, compiler="no-such-compiler")


def test_messages_of_the_compiler_are_passed_on(popart, tmp_path):
    script = tmp_path / "compiler"
    script.write_text("#!/bin/sh\necho popart/op.hpp: No such file\nexit 1\n")
    script.chmod(0o755)
    with pytest.raises(IpuUnavailable, match=r"(?s)does not compile .*popart/op.hpp: No such file"):
        build.build(tmp_path / "ops", compiler=str(script))
    assert not (tmp_path / "ops").exists()


def test_a_build_writes_the_manifest_that_the_guard_accepts(popart, tmp_path):
    script = tmp_path / "compiler"
    script.write_text('#!/bin/sh\nwhile [ "$1" != -o ]; do shift; done\nprintf library > "$2"\n')
    script.chmod(0o755)
    folder = build.build(tmp_path / "ops", compiler=str(script))
    assert folder == tmp_path / "ops" / "poplar-3.4.0"
    assert compiled_op.checked("3.4.0", "f00d", tmp_path / "ops").read_bytes() == b"library"


@pytest.fixture
def wheel(tmp_path):
    """A pure wheel of two files."""
    path = tmp_path / "snn_ipu-0.5-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("snn_ipu/__init__.py", "")
        text = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        file.writestr("snn_ipu-0.5.dist-info/WHEEL", text)
        file.writestr("snn_ipu-0.5.dist-info/RECORD", "")
    return path


def test_a_packed_wheel_carries_the_build_its_tag_and_a_true_record(wheel, ops, capsys):
    assert pack.main([str(wheel), "--ops", str(ops)]) == 0
    packed = wheel.parent / "snn_ipu-0.5-py3-none-linux_x86_64.whl"
    assert capsys.readouterr().out.strip() == str(packed)
    with zipfile.ZipFile(packed) as file:
        assert file.testzip() is None
        names = set(file.namelist())
        assert f"snn_ipu/_ops/poplar-3.4.0/{compiled_op.LIBRARY}" in names
        assert f"snn_ipu/_ops/poplar-3.4.0/{compiled_op.MANIFEST}" in names
        text = file.read("snn_ipu-0.5.dist-info/WHEEL").decode()
        assert "Tag: py3-none-linux_x86_64" in text
        assert "Root-Is-Purelib: false" in text
        rows = [row.split(",") for row in file.read("snn_ipu-0.5.dist-info/RECORD").decode().splitlines()]
        assert {row[0] for row in rows} == names
        for name, digest, size in rows:
            if digest:
                data = file.read(name)
                expected = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
                assert (digest, size) == (f"sha256={expected}", str(len(data)))


def test_a_build_that_is_not_its_manifest_is_not_packed(wheel, ops):
    (ops / "poplar-3.4.0" / compiled_op.LIBRARY).write_bytes(b"changed")
    with pytest.raises(IpuUnavailable, match="does not match its manifest"):
        pack.pack(wheel, ops)


def test_nothing_to_pack_and_a_wheel_of_another_kind_are_reported(wheel, ops, tmp_path, capsys):
    assert pack.main([str(wheel), "--ops", str(tmp_path / "none")]) == 1
    assert "run `python -m snn_ipu.build` first" in capsys.readouterr().err
    with pytest.raises(ValueError, match="is not a pure wheel of snn-ipu"):
        pack.pack(tmp_path / "numpy-2.0-py3-none-any.whl", ops)


@pytest.mark.parametrize("text", ["{", "[]", '{"sha256": 1}'])
def test_a_build_without_a_readable_manifest_is_not_packed(wheel, ops, text, capsys):
    (ops / "poplar-3.4.0" / compiled_op.MANIFEST).write_text(text)
    assert pack.main([str(wheel), "--ops", str(ops)]) == 1
    assert "is not a readable manifest" in capsys.readouterr().err
