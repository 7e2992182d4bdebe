"""HTTP to one provider: one host, bounded time, bounded size, no redirects. Whatever goes wrong is ``Silence``."""

from __future__ import annotations

import ipaddress
import json
import os
import ssl
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import certifi
import httpx

from oms.errors import InvalidInput, say
from oms.net.pacing import pass_gate
from oms.net.silence import Silence

MAX_BYTES = 256 * 1024


@dataclass(frozen=True)
class Patience:
    """How long to wait, in seconds. ``whole`` bounds a server that sends a byte now and then; it stays below the
    lease of the outbox row."""

    connect: float = 5.0
    read: float = 20.0
    whole: float = 30.0


@dataclass(frozen=True)
class Reply:
    """What the server said. ``body`` None: nothing that could be read as a JSON object. ``kind`` and ``data`` are the
    answer as it came, for what is no JSON (a PDF)."""

    status: int
    body: dict[str, Any] | None
    retry_after: timedelta | None = None
    kind: str = ""
    data: bytes = b""

    def part(self, *names: str) -> dict[str, Any]:
        """An object inside the body; empty when it is not there."""
        found: Any = self.body
        for name in names:
            found = found.get(name) if isinstance(found, dict) else None
        return found if isinstance(found, dict) else {}

    def text(self, name: str) -> str:
        """A plain value of the body as text."""
        found = (self.body or {}).get(name)
        return str(found) if isinstance(found, str | int | Decimal) else ""


def is_play(host: str) -> bool:
    """Whether an address is a simulator's, on this very machine."""
    return is_local(urlsplit(host).hostname or "") if host else False


def check_host(base_url: str) -> str:
    """The address of a provider as it may be used: https, or http to this very machine (a sandbox)."""
    parts = urlsplit(base_url.strip())
    if not parts.hostname or parts.query or parts.fragment or parts.username or parts.password:
        raise InvalidInput(say("This is not the address of a server"), field="host", code="host")
    try:
        parts.port  # noqa: B018  reading it checks it
    except ValueError:
        raise InvalidInput(say("This is not the address of a server"), field="host", code="host") from None
    if parts.scheme != "https" and not (parts.scheme == "http" and is_local(parts.hostname)):
        raise InvalidInput(
            say("The address must begin with https://; keys would be readable on the way"),
            field="host",
            code="host_plain",
        )
    return base_url.strip().rstrip("/")


def is_local(hostname: str) -> bool:
    """Whether a name means this very machine."""
    if hostname == "localhost":
        return True
    try:
        return ipaddress.ip_address(hostname).is_loopback
    except ValueError:
        return False


def secure(certificate: str = "", key: str = "", authority: str = "") -> ssl.SSLContext:
    """How to trust the server, and our own certificate where the bank asks for one (PEM texts)."""
    return _trusting(certificate, key, authority) if certificate or authority.strip() else _usual()


@cache
def _usual() -> ssl.SSLContext:
    """Trust in the authorities everybody knows. Reading their list takes a twentieth of a second: once a process."""
    return _trusting("", "", "")


def _trusting(certificate: str, key: str, authority: str) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cadata=authority.strip() or None)
        if not authority.strip():
            context.load_verify_locations(certifi.where())  # a system's own list may be empty
    except (ssl.SSLError, ValueError) as exc:
        raise InvalidInput(
            say("The certificate of the authority cannot be read"), field="authority", code="authority"
        ) from exc
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if certificate:
        handle, path = tempfile.mkstemp(suffix=".pem")  # the library reads files only; 0600, gone at once
        try:
            with os.fdopen(handle, "w") as out:
                out.write(f"{certificate.strip()}\n{key.strip()}\n")
            context.load_cert_chain(path, password="")  # a key with a passphrase is refused, not asked for
        except (ssl.SSLError, ValueError) as exc:
            raise InvalidInput(
                say("The certificate and its key do not belong together or cannot be read"),
                field="certificate",
                code="certificate",
            ) from exc
        finally:
            os.unlink(path)  # noqa: PTH108
    return context


class Transport:
    """A kept client of one host. ``pinned``: the IP address to call, whatever the host's name leads to meanwhile; the
    server still has to prove that it is the host."""

    def __init__(
        self, base_url: str, *, tls: ssl.SSLContext | None = None, patience: Patience | None = None,
        max_bytes: int = MAX_BYTES, connections: int = 4, pinned: str = "",
    ) -> None:  # fmt: skip
        self.base_url, self.pinned = check_host(base_url), pinned
        self.patience = patience or Patience()
        self.max_bytes = max_bytes
        self._client = httpx.Client(
            timeout=httpx.Timeout(self.patience.read, connect=self.patience.connect),
            follow_redirects=False,
            trust_env=False,
            verify=tls or secure(),
            headers={"accept": "application/json", "accept-encoding": "identity", "user-agent": "Ruam-OMS"},
            limits=httpx.Limits(
                max_connections=connections,
                max_keepalive_connections=connections if connections > 4 else 2,
                keepalive_expiry=30,
            ),
        )

    def close(self) -> None:
        """Let go of kept connections."""
        self._client.close()

    def send(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str | Sequence[str]] | None = None,
        body: Mapping[str, Any] | None = None,
        form: Mapping[str, str] | None = None,
        basic: tuple[str, str] | None = None,
        raw: str | None = None,
    ) -> Reply:
        """One request, one reply, after its turn. ``raw`` is a body as it was signed. Raises Silence when there is
        none."""
        pass_gate()
        request = self._client.build_request(
            method, f"{self.base_url}{path}", headers=dict(headers or {}), params=params, json=body, data=form,
            content=None if raw is None else raw.encode(),
        )  # fmt: skip
        if self.pinned:
            request.extensions = {**request.extensions, "sni_hostname": request.url.host}
            request.url = request.url.copy_with(host=self.pinned)
        ends = time.monotonic() + self.patience.whole
        try:
            response = self._client.send(request, stream=True, auth=basic or httpx.USE_CLIENT_DEFAULT)
            try:
                return _read(response, ends, self.max_bytes)
            finally:
                response.close()
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as exc:
            raise Silence("no_connection", reached=False) from exc
        except httpx.TimeoutException as exc:
            raise Silence("timeout") from exc
        except httpx.HTTPError as exc:
            raise Silence("broken") from exc


def _read(response: httpx.Response, ends: float, most: int) -> Reply:
    if response.is_redirect:
        raise Silence("redirect")
    if response.headers.get("content-encoding", "identity") != "identity":
        raise Silence("unreadable")  # packed, which was not asked for: it could unpack to anything
    found = bytearray()
    for chunk in response.iter_raw():
        found += chunk
        if len(found) > most:
            raise Silence("too_long")
        if time.monotonic() > ends:
            raise Silence("timeout")
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    data = bytes(found)
    body = _object(data) if kind == "application/json" or kind.endswith("+json") else None
    wait = _seconds(response.headers.get("retry-after", ""))
    return Reply(response.status_code, body, wait, kind, data)


def _object(data: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(data, parse_float=Decimal, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _seconds(text: str) -> timedelta | None:
    return timedelta(seconds=min(int(text), 24 * 3600)) if text.isascii() and text.isdigit() else None
