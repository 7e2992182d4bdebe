"""The remote warehouse of the demo shop while it runs: the reference site with its page, calling Ruam by itself.

``python -m views.sandbox.demo_site FOLDER URL`` (under ``oms up --demo``). Its keys and books lie beside the demo's
data; ``demo_link`` makes them.
"""

from __future__ import annotations

import contextlib
import json
import signal
import sys
import threading
from pathlib import Path

import httpx

from views.sandbox.remote_site import Refused, Site
from views.sandbox.remote_site_page import Page
from views.sandbox.server import running

KEYS, BOOKS = "demo_site.json", "demo_site.sqlite"
EVERY = 15.0  # seconds between two calls


def opened(folder: Path, url: str | None = None) -> tuple[Site, int]:
    """The site as it was left, and the port of its page. Raises FileNotFoundError where none is linked."""
    keys = json.loads((folder / KEYS).read_text())
    return Site(folder / BOOKS, keys["site"], keys["secret"], keys["token"], url), int(keys["port"])


def serve(folder: Path, url: str, stop: threading.Event, every: float = EVERY) -> None:
    """Call Ruam again and again until told to stop; a line that is down costs nothing."""
    site, port = opened(folder, url)
    page = Page(site)
    with contextlib.ExitStack() as stack:
        stack.callback(site.close)
        with contextlib.suppress(OSError):  # somebody else has the port: then there is no page
            _say(f"page of the remote warehouse: {stack.enter_context(running(page, port))}")
        while True:
            try:
                with page.lock:
                    site.sync()
            except (httpx.HTTPError, Refused) as exc:
                _say(f"no exchange: {exc}")
            if stop.wait(every):
                return


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> None:
    """Run it until the supervisor says stop."""
    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    serve(Path(sys.argv[1]), sys.argv[2], stop)


if __name__ == "__main__":
    main()
