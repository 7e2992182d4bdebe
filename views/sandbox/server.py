"""Runs a simulator on a port of its own, in a thread, with TLS when asked."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server


class _Quiet(WSGIRequestHandler):
    """Says nothing on the terminal, and nothing when a client hangs up."""

    def log(self, *_: Any, **__: Any) -> None:
        """Nothing."""

    def make_environ(self) -> dict[str, Any]:
        """With the headers as they came: WSGI loses those with an underscore in their names."""
        return super().make_environ() | {"sandbox.headers": dict(self.headers.items())}

    def connection_dropped(self, *_: Any, **__: Any) -> None:
        """Nothing: clients that lose patience are part of the play."""


@contextmanager
def running(app: Any, port: int = 0, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """The address of the simulator while it runs on this machine alone."""
    server = make_server("127.0.0.1", port, app, threaded=True, request_handler=_Quiet, ssl_context=tls)
    server.daemon_threads = True  # type: ignore[attr-defined]  # of socketserver's mix-in
    server.block_on_close = False  # type: ignore[attr-defined]  # an answer that is held back holds nobody up
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"{'https' if tls else 'http'}://{'localhost' if tls else '127.0.0.1'}:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
