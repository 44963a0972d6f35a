"""A server on this machine, which can break off, ignore ranges and count what it is asked."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Loopback:
    """Files by their path; `breaks` answers end after so many bytes, with the rest of the file promised."""

    def __init__(self):
        self.files: dict[str, bytes] = {}
        self.ranges = True
        self.breaks: list[int] = []
        self.requests: list[tuple[str, str | None]] = []

        loopback = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                loopback.answer(self)

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, handler):
        byte_range = handler.headers.get("Range")
        self.requests.append((handler.path, byte_range))
        body = self.files.get(handler.path.lstrip("/"))
        if body is None:
            handler.send_error(404)
            return
        start = int(byte_range.removeprefix("bytes=").rstrip("-")) if byte_range and self.ranges else 0
        if byte_range and self.ranges and start >= len(body):
            handler.send_error(416)
            return
        handler.send_response(206 if byte_range and self.ranges else 200)
        if byte_range and self.ranges:
            handler.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        handler.send_header("Content-Length", str(len(body) - start))
        handler.end_headers()
        part = body[start:]
        handler.wfile.write(part[: self.breaks.pop(0)] if self.breaks else part)

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def loopback():
    server = Loopback()
    yield server
    server.close()
