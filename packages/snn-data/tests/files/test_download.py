"""download: checked, and in place only when right."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import threading

import pytest

from snn_data import ChecksumError, download

BODY = bytes(range(256)) * 4001
SHA256 = "sha256:" + hashlib.sha256(BODY).hexdigest()
MD5 = "md5:" + hashlib.md5(BODY).hexdigest()


@pytest.fixture
def server(loopback):
    loopback.files["set.zip"] = BODY
    return loopback


@pytest.mark.parametrize("checksum", [SHA256, SHA256.upper().replace("SHA256", "sha256"), MD5, None])
def test_a_file_arrives_byte_for_byte(server, tmp_path, checksum):
    path = download(f"{server.url}/set.zip", tmp_path / "new" / "set.zip", checksum=checksum)
    assert path.read_bytes() == BODY
    assert [file.name for file in path.parent.iterdir()] == ["set.zip"]


def test_an_empty_file_arrives(loopback, tmp_path):
    loopback.files["none"] = b""
    nothing = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert download(f"{loopback.url}/none", tmp_path / "none", checksum=nothing).read_bytes() == b""


def test_an_existing_file_is_not_requested_again(server, tmp_path):
    for _ in range(2):
        download(f"{server.url}/set.zip", tmp_path / "set.zip", checksum=SHA256)
    assert len(server.requests) == 1


@pytest.mark.parametrize("checksum", [SHA256, None])
def test_a_broken_download_begins_anew(server, tmp_path, checksum):
    server.breaks = [1000, 0]
    assert download(f"{server.url}/set.zip", tmp_path / "set.zip", checksum=checksum).read_bytes() == BODY
    assert len(server.requests) == 3
    server.breaks = [700] * 2
    with pytest.raises(OSError, match=r"broke off in try 2 of 2.* call again"):
        download(f"{server.url}/set.zip", tmp_path / "other", checksum=checksum, tries=2)
    assert list(tmp_path.iterdir()) == [tmp_path / "set.zip"]
    assert download(f"{server.url}/set.zip", tmp_path / "other", checksum=checksum).read_bytes() == BODY


def test_a_killed_download_is_not_taken_for_the_file(server, tmp_path):
    program = (
        "import os, sys, snn_data\n"
        "stop = lambda done, total: done and os.kill(os.getpid(), 9)\n"
        "snn_data.download(sys.argv[1], sys.argv[2], checksum=None, progress=stop)"
    )
    url, path = f"{server.url}/set.zip", tmp_path / "set.zip"
    assert subprocess.run([sys.executable, "-c", program, url, path], check=False).returncode == -9
    assert not path.exists()
    assert download(url, path, checksum=SHA256).read_bytes() == BODY


def test_a_server_that_states_no_length_is_read_to_its_end(server, tmp_path):
    server.lengths = False
    reports = []
    path = download(
        f"{server.url}/set.zip", tmp_path / "x", checksum=SHA256, progress=lambda *report: reports.append(report)
    )
    assert path.read_bytes() == BODY
    assert {total for _, total in reports} == {None}
    with pytest.raises(ValueError, match=r"bytes or more, but max_bytes is 1000"):
        download(f"{server.url}/set.zip", tmp_path / "y", checksum=None, max_bytes=1000)


@pytest.mark.parametrize("checksum", [SHA256, None])
def test_a_file_is_whole_although_another_call_has_only_half_of_it(server, tmp_path, checksum):
    path, results, half, done = tmp_path / "set.zip", [], threading.Event(), threading.Event()

    def wait_halfway(received, total):
        if received:
            half.set()
            assert done.wait(60)

    def other():
        results.append(download(f"{server.url}/set.zip", path, checksum=checksum, progress=wait_halfway))

    thread = threading.Thread(target=other)

    def start_other(received, total):
        if not received:
            thread.start()
            assert half.wait(60)

    try:
        download(f"{server.url}/set.zip", path, checksum=checksum, progress=start_other)
        assert path.read_bytes() == BODY
    finally:
        done.set()
        thread.join()
    assert results == [path]
    assert path.read_bytes() == BODY
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_interrupted_download_without_a_checksum_leaves_nothing(server, tmp_path, error):
    def interrupt(done, total):
        if done:
            raise error

    with pytest.raises(error):
        download(f"{server.url}/set.zip", tmp_path / "set.zip", checksum=None, progress=interrupt)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("algorithm", ["sha256", "md5"])
def test_a_wrong_checksum_is_refused_and_leaves_nothing(server, tmp_path, algorithm):
    wrong = f"{algorithm}:" + "0" * (64 if algorithm == "sha256" else 32)
    with pytest.raises(ChecksumError, match=rf"{algorithm} [0-9a-f]+, expected 0+: it is damaged or a different file"):
        download(f"{server.url}/set.zip", tmp_path / "set.zip", checksum=wrong)
    assert list(tmp_path.iterdir()) == []


def test_another_file_in_that_place_is_not_overwritten(server, tmp_path):
    (tmp_path / "set.zip").write_bytes(b"mine")
    with pytest.raises(ChecksumError, match="damaged or a different file"):
        download(f"{server.url}/set.zip", tmp_path / "set.zip", checksum=SHA256)
    assert (tmp_path / "set.zip").read_bytes() == b"mine"
    assert server.requests == []


def test_more_bytes_than_allowed_are_refused(server, tmp_path):
    with pytest.raises(ValueError, match="1024256 bytes or more, but max_bytes is 1000"):
        download(f"{server.url}/set.zip", tmp_path / "set.zip", checksum=SHA256, max_bytes=1000)
    assert not (tmp_path / "set.zip").exists()


def test_progress_ends_with_all_bytes(server, tmp_path):
    reports = []
    download(
        f"{server.url}/set.zip",
        tmp_path / "set.zip",
        checksum=SHA256,
        progress=lambda done, total: reports.append((done, total)),
    )
    assert reports[0] == (0, len(BODY))
    assert reports[-1] == (len(BODY), len(BODY))
    assert [done for done, _ in reports] == sorted(done for done, _ in reports)


def test_a_terminal_sees_one_line_that_ends(server, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    download(f"{server.url}/set.zip", tmp_path / "set.zip", checksum=SHA256)
    output = capsys.readouterr().err
    assert output.endswith("\rset.zip: 100% of 1.0 MB\n")
    assert output.count("\n") == 1


def test_nothing_is_printed_where_there_is_no_terminal(server, tmp_path, capsys):
    download(f"{server.url}/set.zip", tmp_path / "set.zip", checksum=SHA256)
    assert capsys.readouterr() == ("", "")


def test_nothing_is_printed_where_there_is_no_standard_error(server, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.stderr", None)
    assert download(f"{server.url}/set.zip", tmp_path / "set.zip", checksum=SHA256).read_bytes() == BODY


def test_a_refusing_server_is_quoted(loopback, tmp_path):
    with pytest.raises(OSError, match="the server answered 404 Not Found"):
        download(f"{loopback.url}/none", tmp_path / "none", checksum=SHA256)
    assert len(loopback.requests) == 1


def test_an_absent_server_is_an_error_after_all_tries(loopback, tmp_path):
    loopback.close()
    with pytest.raises(OSError, match="broke off in try 2 of 2"):
        download(f"{loopback.url}/set.zip", tmp_path / "set.zip", checksum=SHA256, tries=2)


@pytest.mark.parametrize(
    ("tries", "error", "message"),
    [
        (0, ValueError, "tries of 1 or more, got 0"),
        (-1, ValueError, "tries of 1 or more, got -1"),
        (1.5, TypeError, r"an integer tries, got 1\.5"),
        (True, TypeError, "an integer tries, got True"),
    ],
)
def test_a_number_of_tries_is_a_whole_number_of_at_least_1(server, tmp_path, tries, error, message):
    with pytest.raises(error, match=message):
        download(f"{server.url}/set.zip", tmp_path / "set.zip", checksum=SHA256, tries=tries)
    assert not server.requests


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://host/file", "set.zip"])
def test_only_the_web_is_read(tmp_path, url):
    with pytest.raises(ValueError, match=re.escape(f"needs an http or https address, got '{url}'")):
        download(url, tmp_path / "x", checksum=None)


@pytest.mark.parametrize("checksum", ["abc", "sha1:" + "0" * 40, "sha256:" + "0" * 63, "md5:" + "g" * 32])
def test_a_checksum_of_another_form_is_refused_before_anything_is_fetched(server, tmp_path, checksum):
    with pytest.raises(ValueError, match="a checksum is 'sha256:' and 64 hexadecimal digits"):
        download(f"{server.url}/set.zip", tmp_path / "x", checksum=checksum)
    assert server.requests == []
