"""Signed questions to Lazada, and the access to a shop, which another server gives."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from oms import clock
from oms.channels.asking import asking, expired_grant, no_code, unreadable
from oms.channels.lazada.words import sign, told
from oms.channels.port import ChannelExpired, ChannelRefused, Grant
from oms.channels.reading import rows
from oms.net.reading import part, words
from oms.net.transport import Reply, Transport

HOST, DOOR = "https://api.lazada.co.th/rest", "https://auth.lazada.com"


class Calls:
    """What Lazada is asked through."""

    def __init__(self, transport: Transport, settings: Mapping[str, str], access: str = "") -> None:
        self.transport, self.access = transport, access
        self.key, self.secret = settings["app_key"].strip(), settings["app_secret"].strip()

    def send(self, method: str, path: str, **asked: str) -> Reply:
        """A question and its answer as it came: a reading one by its address, a deed by its form."""
        fields = {
            **asked, "app_key": self.key, "sign_method": "sha256", "timestamp": f"{int(clock.now().timestamp())}000",
        }  # fmt: skip
        if self.access:
            fields["access_token"] = self.access
        fields["sign"] = sign(self.secret, path, fields)
        with asking():
            if method == "GET":
                return self.transport.send(method, path, params=fields)
            return self.transport.send(method, path, form=fields)

    def get(self, path: str, **asked: str) -> Any:
        """What a good answer to a reading question carries. Raises ChannelError."""
        return _data(told(self.send("GET", path, **asked)))

    def post(self, path: str, **asked: str) -> Any:
        """What a good answer to a deed carries. Raises ChannelError."""
        return _data(told(self.send("POST", path, **asked)))


def _data(reply: Reply) -> Any:
    """Some answers carry what they tell as ``data``, some as ``result``."""
    body = reply.body or {}
    return body["data"] if "data" in body else body.get("result")


def door_of(host: str, settings: Mapping[str, str]) -> str:
    """The server that gives access. Where the first server is another one (a sandbox), it gives it itself unless one
    is named."""
    named = settings.get("auth_host", "").strip().rstrip("/")
    usual = DOOR if host.rstrip("/") in {"", HOST} else host.rstrip("/").removesuffix("/rest")
    return named or usual


def consent_address(host: str, settings: Mapping[str, str], callback: str, state: str) -> str:
    """Where a seller lets us in."""
    query = {
        "response_type": "code", "force_auth": "true", "redirect_uri": callback,
        "client_id": settings["app_key"].strip(), "state": state, "country": "th",
    }  # fmt: skip
    return f"{door_of(host, settings)}/oauth/authorize?{urlencode(query)}"


def exchange(door: Transport, settings: Mapping[str, str], back: Mapping[str, str]) -> Grant:
    """The first access, for the code a seller brought back. Raises ChannelError."""
    if not back.get("code"):
        raise no_code()
    return _grant(told(Calls(door, settings).send("POST", "/auth/token/create", code=back["code"])))


def renew(door: Transport, settings: Mapping[str, str], grant: Grant) -> Grant:
    """Another access. Raises ChannelKeys when the token is not taken: the seller logs in anew."""
    if not grant.refresh:
        raise expired_grant()
    try:
        reply = told(Calls(door, settings).send("POST", "/auth/token/refresh", refresh_token=grant.refresh))
    except (ChannelExpired, ChannelRefused) as refusal:
        raise expired_grant(refusal.raw_code, refusal.raw_text) from refusal
    return _grant(reply, grant.facts)


def _grant(reply: Reply, known: Mapping[str, str] | None = None) -> Grant:
    body = reply.body or {}
    access, refresh = words(body.get("access_token")), words(body.get("refresh_token"))
    life, longest = words(body.get("expires_in")), words(body.get("refresh_expires_in"))
    if not access or not refresh or not life.isdecimal():
        raise unreadable()
    now = clock.now()
    until = now + timedelta(seconds=min(int(life), 400 * 86_400))
    last = now + timedelta(seconds=min(int(longest), 800 * 86_400)) if longest.isdecimal() else None
    return Grant(access, refresh, until, last, _facts(body) or dict(known or {}))


def _facts(body: Mapping[str, Any]) -> dict[str, str]:
    """Whose access it is: the Thai shop of an account that may have several."""
    shops = rows(body.get("country_user_info"))
    ours = next((s for s in shops if words(s.get("country")).lower() == "th"), shops[0] if shops else {})
    seller = words(ours.get("seller_id"))
    return {"seller_id": seller} if seller else {}


def inner(answer: Any, *names: str) -> Mapping[str, Any]:
    """An object inside what a good answer carries."""
    found: Mapping[str, Any] = answer if isinstance(answer, dict) else {}
    for name in names:
        found = part(found, name)
    return found
