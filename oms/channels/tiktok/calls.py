"""Signed questions to TikTok Shop, and the access to a shop, which another server gives."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from oms import clock
from oms.channels.asking import asking, expired_grant, no_code, unreadable
from oms.channels.port import ChannelExpired, ChannelKeys, ChannelRefused, Grant
from oms.channels.reading import rows
from oms.channels.tiktok.words import sign, told
from oms.errors import say
from oms.net.reading import part, words
from oms.net.transport import Reply, Transport

HOST, DOOR = "https://open-api.tiktokglobalshop.com", "https://auth.tiktok-shops.com"


class Calls:
    """What TikTok Shop is asked through."""

    def __init__(self, transport: Transport, settings: Mapping[str, str], grant: Grant) -> None:
        self.transport, self.access = transport, grant.access
        self.key, self.secret = settings["app_key"].strip(), settings["app_secret"].strip()
        self.cipher = grant.facts.get("shop_cipher", "")

    def send(
        self, method: str, path: str, query: Mapping[str, str] | None = None, body: Mapping[str, Any] | None = None,
        *, of_shop: bool = True,
    ) -> Reply:  # fmt: skip
        """A question and its answer as it came. The body is signed as it is sent. Raises ChannelSilent."""
        asked = {"app_key": self.key, "timestamp": str(int(clock.now().timestamp())), **(query or {})}
        if of_shop:
            asked["shop_cipher"] = self.cipher
        raw = "" if body is None else json.dumps(body, ensure_ascii=False, separators=(",", ":"))
        asked["sign"] = sign(self.secret, path, asked, raw)
        headers = {"x-tts-access-token": self.access, "content-type": "application/json"}
        with asking():
            return self.transport.send(method, path, params=asked, headers=headers, raw=raw or None)

    def get(self, path: str, **query: str) -> Mapping[str, Any]:
        """What a good answer to a reading question carries. Raises ChannelError."""
        return _data(told(self.send("GET", path, query)))

    def post(self, path: str, body: Mapping[str, Any], query: Mapping[str, str] | None = None) -> Mapping[str, Any]:
        """What a good answer carries. Raises ChannelError."""
        return _data(told(self.send("POST", path, query, body)))

    def shops(self) -> list[Mapping[str, Any]]:
        """The shops this access is for."""
        answer = told(self.send("GET", "/authorization/202309/shops", of_shop=False))
        return rows(_data(answer).get("shops"))


def _data(reply: Reply) -> Mapping[str, Any]:
    return part(reply.body or {}, "data")


def door_of(host: str, settings: Mapping[str, str]) -> str:
    """The server that gives access. Where the first server is another one (a sandbox), it gives it itself unless one
    is named."""
    named = settings.get("auth_host", "").strip().rstrip("/")
    return named or (DOOR if host.rstrip("/") in {"", HOST} else host.rstrip("/"))


def consent_address(host: str, settings: Mapping[str, str], callback: str, state: str) -> str:
    """Where a seller lets us in. The way back is the one entered at TikTok; a sandbox is told."""
    door = door_of(host, settings)
    query = {"app_key": settings["app_key"].strip(), "state": state}
    query |= {} if door == DOOR else {"redirect_uri": callback}
    return f"{door}/oauth/authorize?{urlencode(query)}"


def exchange(transport: Transport, door: Transport, settings: Mapping[str, str], back: Mapping[str, str]) -> Grant:
    """The first access, for the code a seller brought back, and which shop it is for. Raises ChannelError."""
    if not back.get("code"):
        raise no_code()
    grant = _token(door, settings, "/api/v2/token/get", auth_code=back["code"], grant_type="authorized_code")
    shops = Calls(transport, settings, grant).shops()
    thai = [s for s in shops if words(s.get("region")).upper() in {"TH", ""}]
    if len(thai) != 1:
        raise ChannelRefused(say("The account has several shops: log in with the account of the shop itself"))
    facts = {"shop_id": words(thai[0].get("id")), "shop_cipher": words(thai[0].get("cipher"))}
    return Grant(grant.access, grant.refresh, grant.until, grant.refresh_until, facts)


def renew(door: Transport, settings: Mapping[str, str], grant: Grant) -> Grant:
    """Another access. Raises ChannelKeys when the token is not taken: the seller logs in anew."""
    if not grant.refresh:
        raise expired_grant()
    try:
        made = _token(door, settings, "/api/v2/token/refresh", refresh_token=grant.refresh, grant_type="refresh_token")
    except (ChannelExpired, ChannelRefused, ChannelKeys) as refusal:
        raise expired_grant(refusal.raw_code, refusal.raw_text) from refusal
    return Grant(made.access, made.refresh, made.until, made.refresh_until, dict(grant.facts))


def _token(door: Transport, settings: Mapping[str, str], path: str, **asked: str) -> Grant:
    """Both ends of life are moments, not lengths."""
    keys = {"app_key": settings["app_key"].strip(), "app_secret": settings["app_secret"].strip()}
    with asking():
        reply = door.send("GET", path, params=keys | asked)
    data = _data(told(reply))
    access, refresh = words(data.get("access_token"), 2000), words(data.get("refresh_token"), 2000)
    until, last = (_end(data.get(f"{name}_expire_in")) for name in ("access_token", "refresh_token"))
    if not access or not refresh or until is None:
        raise unreadable()
    return Grant(access, refresh, until, last)


def _end(value: Any) -> datetime | None:
    text = words(value)
    return datetime.fromtimestamp(int(text), UTC) if text.isdecimal() and len(text) <= 11 else None
