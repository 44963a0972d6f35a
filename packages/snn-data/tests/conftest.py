"""A server on this machine, which can break off, leave out lengths and count what it is asked."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Loopback:
    """Files by their path; `breaks` answers end after so many bytes, with the rest of the file promised."""

    def __init__(self):
        self.files: dict[str, bytes] = {}
        self.lengths = True
        self.breaks: list[int] = []
        self.requests: list[str] = []

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
        self.requests.append(handler.path)
        body = self.files.get(handler.path.lstrip("/"))
        if body is None:
            handler.send_error(404)
            return
        handler.send_response(200)
        if self.lengths:
            handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body[: self.breaks.pop(0)] if self.breaks else body)

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def loopback():
    server = Loopback()
    yield server
    server.close()
