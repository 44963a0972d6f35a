"""Tests that need compilers of C and an emulator are in a session of their own, which names what is not there."""

from __future__ import annotations

import re

import sessions


def test_without_a_tool_the_session_names_it_and_its_package_and_builds_nothing(tree):
    tree.edit("noxfile.py", '"clang": "clang"', '"no-clang": "clang"')
    tree.edit("noxfile.py", '"qemu-system-arm": "', '"no-qemu-arm": "')
    process = tree.session("deploy")
    assert process.returncode
    message = r"missing: .*\bno-clang, .*no-qemu-arm; on Debian, apt-get install .*\bclang .*qemu-system-arm"
    assert re.search(message, process.stdout)
    assert "session wheels" not in process.stdout


def test_other_sessions_leave_its_tests_out():
    assert sessions.NEEDS_DEPLOY in sessions.NEEDS_MORE
