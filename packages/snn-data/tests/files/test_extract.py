"""extract: what archives hold comes out, and what no data set holds is refused."""

from __future__ import annotations

import errno
import gzip
import io
import stat
import tarfile
import zipfile

import pytest

from snn_data import ArchiveError, extract

FILES = {"Train/0/1.bin": b"one", "Train/1/2.bin": b"", "label.txt": b"\x00\xff" * 70_000}


def as_zip(path, files=FILES, **options):
    with zipfile.ZipFile(path, "w", **options) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return path


def as_tar(path, files=FILES, mode="w", **options):
    with tarfile.open(path, mode, **options) as packed:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            packed.addfile(entry, io.BytesIO(content))
    return path


def with_entry(path, name, kind, target=""):
    """A tar archive with one entry of any kind beside a harmless file."""
    as_tar(path, {"Train/1.bin": b"one"})
    with tarfile.open(path, "a") as packed:
        entry = tarfile.TarInfo(name)
        entry.type, entry.linkname = kind, target
        packed.addfile(entry)
    return path


def content(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def assert_refused(archive, folder, match, **limits):
    with pytest.raises(ArchiveError, match=match):
        extract(archive, folder, **limits)
    assert list(folder.iterdir()) == []
    assert not [path for path in folder.parent.iterdir() if path not in (archive, folder)]


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_tar_archive_gives_its_files(tmp_path, mode):
    archive = as_tar(tmp_path / "set.tar", mode=mode)
    assert content(extract(archive, tmp_path / "out")) == FILES


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_zip_archive_gives_its_files(tmp_path, compression):
    archive = as_zip(tmp_path / "set.zip", compression=compression)
    assert content(extract(archive, tmp_path / "out")) == FILES


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_a_tar_archive_that_ends_with_a_zip_is_a_tar_archive(tmp_path, mode, form):
    files = {"first.txt": b"1", "labels.zip": as_zip(tmp_path / "labels.zip", {"inner.txt": b"2"}).read_bytes()}
    # level 0 leaves the bytes of the zip as they are
    options = {"format": form} | ({"compresslevel": 0} if mode == "w:gz" else {})
    archive = as_tar(tmp_path / "set.tar", files, mode, **options)
    assert zipfile.is_zipfile(archive)
    assert content(extract(archive, tmp_path / "out")) == files


def test_folders_of_their_own_entry_and_a_leading_dot_are_fine(tmp_path):
    with tarfile.open(tmp_path / "set.tar", "w") as packed:
        for name in (".", "./Train", "./Train/0"):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            packed.addfile(entry)
        packed.addfile(tarfile.TarInfo("./Train/0/1.bin"))
    assert content(extract(tmp_path / "set.tar", tmp_path / "out")) == {"Train/0/1.bin": b""}


def test_two_archives_may_share_a_folder(tmp_path):
    extract(as_zip(tmp_path / "a.zip", {"Train/1": b"a"}), tmp_path / "out")
    extract(as_zip(tmp_path / "b.zip", {"Test/1": b"b"}), tmp_path / "out")
    assert content(tmp_path / "out") == {"Train/1": b"a", "Test/1": b"b"}


def test_existing_files_are_not_overwritten(tmp_path):
    archive = as_zip(tmp_path / "set.zip")
    (tmp_path / "out" / "Train").mkdir(parents=True)
    with pytest.raises(FileExistsError, match=r"Train exists, so set\.zip is not unpacked: move it away"):
        extract(archive, tmp_path / "out")
    assert content(tmp_path / "out") == {}


@pytest.mark.parametrize("name", ["../evil", "Train/../../evil", "/evil", "a//b", ".."])
@pytest.mark.parametrize("pack", [as_zip, as_tar])
def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path, pack, name):
    archive = pack(tmp_path / "set", {"good": b"1", name: b"2"})
    assert_refused(archive, tmp_path / "out", "leads out of the folder")


@pytest.mark.parametrize("name", ["C:evil", "..\\evil", "file:stream"])
@pytest.mark.parametrize("pack", [as_zip, as_tar])
def test_a_name_that_another_system_reads_otherwise_is_refused(tmp_path, pack, name):
    assert_refused(pack(tmp_path / "set", {name: b"2"}), tmp_path / "out", "means something else on another system")


@pytest.mark.parametrize(
    "kind",
    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, b"s", b"Z"],
    ids=["link", "hard link", "pipe", "device of characters", "device of blocks", "socket", "unknown"],
)
def test_links_devices_and_what_is_unknown_in_a_tar_archive_are_refused(tmp_path, kind):
    archive = with_entry(tmp_path / "set.tar", "Train/link", kind, target="Train/1.bin")
    assert_refused(archive, tmp_path / "out", "'Train/link' is a link or a device; only files and folders are unpacked")


@pytest.mark.parametrize(
    "kind",
    [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK, stat.S_IFDOOR or 0o150000],
    ids=["link", "pipe", "device of characters", "device of blocks", "socket", "unknown"],
)
@pytest.mark.parametrize("name", ["link", "folder/"])
def test_links_and_devices_in_a_zip_archive_are_refused(tmp_path, kind, name):
    entry = zipfile.ZipInfo(name)
    entry.external_attr = (kind | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as packed:
        packed.writestr(entry, b"/etc/passwd" if name == "link" else b"")
    assert_refused(tmp_path / "set.zip", tmp_path / "out", f"'{name}' is a link or a device")


@pytest.mark.parametrize("pair", [("a", "a"), ("a", "a/b"), ("a/b", "a"), ("a", "./a")])
def test_a_duplicate_name_is_refused(tmp_path, pair):
    with tarfile.open(tmp_path / "set.tar", "w") as packed:
        for name in pair:
            packed.addfile(tarfile.TarInfo(name))
    assert_refused(tmp_path / "set.tar", tmp_path / "out", "appears twice")


def test_a_name_twice_in_a_zip_archive_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as packed:
        packed.writestr("a", "1")
        with pytest.warns(UserWarning, match="Duplicate name"):
            packed.writestr("a", "2")
    assert_refused(tmp_path / "set.zip", tmp_path / "out", "appears twice")


@pytest.mark.parametrize("pack", [as_zip, as_tar])
def test_more_bytes_than_allowed_are_refused(tmp_path, pack):
    archive = pack(tmp_path / "set")
    assert_refused(archive, tmp_path / "out", "exceeds max_bytes=140002", max_bytes=140_002)
    extract(archive, tmp_path / "out", max_bytes=140_003)


@pytest.mark.parametrize("pack", [as_zip, as_tar])
def test_more_files_than_allowed_are_refused(tmp_path, pack):
    archive = pack(tmp_path / "set")
    assert_refused(archive, tmp_path / "out", "exceeds max_files=2", max_files=2)
    extract(archive, tmp_path / "out", max_files=3)


def test_a_zip_bomb_is_stopped_by_the_bytes_that_come_out_of_it(tmp_path):
    as_zip(tmp_path / "set.zip", {"bomb": bytes(20_000_000)}, compression=zipfile.ZIP_DEFLATED)
    assert (tmp_path / "set.zip").stat().st_size < 30_000
    assert_refused(tmp_path / "set.zip", tmp_path / "out", "max_bytes=1000000", max_bytes=1_000_000)


def test_an_entry_of_a_zip_archive_with_more_bytes_than_it_states_is_refused(tmp_path):
    archive = as_zip(tmp_path / "set.zip", {"bomb": bytes(20_000_000)}, compression=zipfile.ZIP_DEFLATED)
    content = archive.read_bytes()
    assert content.count((20_000_000).to_bytes(4, "little")) == 2
    archive.write_bytes(content.replace((20_000_000).to_bytes(4, "little"), (1000).to_bytes(4, "little")))
    assert_refused(archive, tmp_path / "out", r"set\.zip is damaged.*Bad CRC-32", max_bytes=1000)


def test_a_header_that_claims_gigabytes_is_not_read_into_memory(tmp_path):
    # a pax header is read whole before any file is seen; this one says that it is 8 GiB long
    entry = tarfile.TarInfo("pax")
    entry.type, entry.size = tarfile.XHDTYPE, 8 * 2**30
    (tmp_path / "set.tar.gz").write_bytes(gzip.compress(entry.tobuf(tarfile.GNU_FORMAT) + bytes(4096)))
    assert_refused(tmp_path / "set.tar.gz", tmp_path / "out", "asks for 8589934592 bytes at once")


def test_a_zip_archive_with_a_flipped_byte_is_refused(tmp_path):
    archive = as_zip(tmp_path / "set.zip", {"a": b"x" * 1000})
    damaged = bytearray(archive.read_bytes())
    damaged[500] ^= 1
    archive.write_bytes(damaged)
    assert_refused(archive, tmp_path / "out", "set.zip is damaged.*Bad CRC-32")


def test_an_error_of_the_system_is_not_taken_for_damage(tmp_path, monkeypatch):
    def full(*arguments, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    archive = as_zip(tmp_path / "set.zip")
    monkeypatch.setattr(zipfile.ZipFile, "open", full)
    with pytest.raises(OSError, match="No space left on device"):
        extract(archive, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_file_that_is_not_an_archive_is_refused(tmp_path):
    (tmp_path / "page.zip").write_bytes(b"<html>not found</html>" * 100)
    assert_refused(tmp_path / "page.zip", tmp_path / "out", "page.zip is damaged, or not a zip or tar archive")


def test_a_missing_archive_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.zip"):
        extract(tmp_path / "none.zip", tmp_path / "out")
