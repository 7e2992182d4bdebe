"""The reference site's own page and its program: ``python -m views.sandbox.remote_site_page``."""

from __future__ import annotations

import argparse
import json
import threading
import time
from pathlib import Path
from typing import Any

import httpx
from markupsafe import escape
from werkzeug.wrappers import Request, Response

from views.sandbox.remote_site import Refused, Site
from views.sandbox.server import running

HEAD = "<!doctype html><meta charset=utf-8><meta name=viewport content='width=device-width'><title>คลังนอก</title>"


class Page:
    """A list of what is to be sent with a button each, what lies here, and the books as JSON."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.lock = threading.Lock()

    def __call__(self, environ, start_response):  # noqa: ANN001,ANN204  WSGI
        with self.lock:
            return self._answer(Request(environ))(environ, start_response)

    def _answer(self, request: Request) -> Response:
        if request.path == "/_books":
            return Response(json.dumps(self.site.books(), ensure_ascii=False), content_type="application/json")
        if request.method == "POST":
            own = request.host_url.rstrip("/")
            if request.headers.get("Origin", own) != own:
                return Response("another site", 403)  # a page of somebody else must not send goods
            try:
                if number := request.form.get("ship"):
                    self.site.ship(number, request.form.get("tracking_no", ""), request.form.get("carrier", ""))
                elif sku := request.form.get("receive"):
                    self.site.receive({sku: int(request.form.get("pieces", "1"))}, reference="page")
                elif request.form.get("sync"):
                    self.site.sync()
            except (Refused, ValueError, httpx.HTTPError) as exc:
                return Response(str(exc), 409)
            return Response("", 303, {"Location": "/"})
        return Response(self._page(), content_type="text/html; charset=utf-8")

    def _page(self) -> str:
        rows = "".join(self._row(number, state, body) for number, (state, _, body) in self.site.orders().items())
        stock = "".join(f"<tr><td>{escape(s)}<td>{h}<td>{d}" for s, (h, d) in sorted(self.site.stock().items()))
        return (
            f"{HEAD}<h1>คลังนอก {escape(self.site.code)}</h1>"
            "<form method=post><button name=sync value=1>รับส่งข้อมูล</button></form>"
            f"<table border=1><tr><th>ใบ<th>สถานะ<th>ผู้รับ<th>สินค้า<th>{rows}</table>"
            "<form method=post><input name=receive placeholder=SKU required><input name=pieces type=number value=1>"
            f"<button>รับของเข้า</button></form><table border=1><tr><th>SKU<th>คงเหลือ<th>เสีย{stock}</table>"
        )

    @staticmethod
    def _row(number: str, state: str, body: dict[str, Any]) -> str:
        pieces = ", ".join(f"{p['sku']}×{p['quantity']}" for p in body["pieces"])
        form = (
            f"<form method=post><input type=hidden name=ship value='{escape(number)}'>"
            "<input name=tracking_no placeholder='เลขพัสดุ' required><button>ส่งแล้ว</button></form>"
        )
        name = escape(body["ship_to"]["name"])
        open_ = state not in {"shipped", "withdrawn"}
        return f"<tr><td>{escape(number)}<td>{escape(state)}<td>{name}<td>{escape(pieces)}<td>{form if open_ else ''}"


def main() -> None:
    """Run the site until Ctrl-C; it calls Ruam by itself every few seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("url", "site", "secret", "token", "books"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--port", type=int, default=8400)
    parser.add_argument("--every", type=float, default=10.0, help="seconds between two calls")
    asked = parser.parse_args()
    site = Site(Path(asked.books), asked.site, asked.secret, asked.token, asked.url)
    page = Page(site)
    with running(page, asked.port) as address:
        print(f"remote site {asked.site} at {address}, books at {address}/_books; Ctrl-C stops", flush=True)  # noqa: T201
        try:
            while True:
                try:
                    with page.lock:
                        site.sync()
                except (httpx.HTTPError, Refused) as exc:
                    print(f"no exchange: {exc}", flush=True)  # noqa: T201
                time.sleep(asked.every)
        except KeyboardInterrupt:
            site.close()


if __name__ == "__main__":
    main()
