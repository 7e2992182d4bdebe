"""Signed questions to Shopee, for one shop or for the program alone, and the access to a shop."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from oms import clock
from oms.channels.asking import asking, expired_grant, no_code, unreadable
from oms.channels.port import ChannelExpired, ChannelKeys, ChannelRefused, Grant
from oms.channels.shopee.words import sign, told
from oms.errors import say
from oms.net.reading import part, words
from oms.net.transport import Reply, Transport

ROOT = "/api/v2"
REFRESH_LIFE = timedelta(days=30)


class Calls:
    """What Shopee is asked through."""

    def __init__(self, transport: Transport, settings: Mapping[str, str], grant: Grant) -> None:
        self.transport = transport
        self.partner, self.key = settings["partner_id"].strip(), settings["partner_key"].strip()
        self.access, self.shop = grant.access, grant.facts.get("shop_id", "")

    def send(
        self, method: str, path: str, params: Mapping[str, str] | None = None, body: Mapping[str, Any] | None = None
    ) -> Reply:
        """A question of the shop and its answer as it came. Raises ChannelSilent."""
        stamp = str(int(clock.now().timestamp()))
        signed = {
            "partner_id": self.partner, "timestamp": stamp, "access_token": self.access, "shop_id": self.shop,
            "sign": sign(self.key, self.partner, ROOT + path, stamp, self.access, self.shop),
        }  # fmt: skip
        with asking():
            return self.transport.send(method, ROOT + path, params=signed | dict(params or {}), body=body)

    def get(self, path: str, **params: str) -> Mapping[str, Any]:
        """What a good answer to a reading question carries. Raises ChannelError."""
        return _response(told(self.send("GET", path, params)))

    def post(self, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """What a good answer to a deed carries. Raises ChannelError."""
        return _response(told(self.send("POST", path, body=body)))


def _response(reply: Reply) -> Mapping[str, Any]:
    """Some answers carry what they tell in ``response``, some beside their error."""
    body = reply.body or {}
    if "response" in body and not isinstance(body["response"], dict | type(None)):
        raise unreadable()
    return part(body, "response") or {k: v for k, v in body.items() if k != "response"}


def consent_address(host: str, settings: Mapping[str, str], callback: str, state: str) -> str:
    """Where a seller lets us in. Shopee hands nothing back of its own, so our state is part of the way back."""
    path, stamp = f"{ROOT}/shop/auth_partner", str(int(clock.now().timestamp()))
    partner, key = settings["partner_id"].strip(), settings["partner_key"].strip()
    back = f"{callback}{'&' if '?' in callback else '?'}{urlencode({'state': state})}"
    query = {
        "partner_id": partner, "timestamp": stamp, "sign": sign(key, partner, path, stamp), "redirect": back,
    }  # fmt: skip
    return f"{host.rstrip('/')}{path}?{urlencode(query)}"


def exchange(transport: Transport, settings: Mapping[str, str], back: Mapping[str, str]) -> Grant:
    """The first access, for the code a seller brought back. Raises ChannelError."""
    code, shop, main = back.get("code", ""), back.get("shop_id", ""), back.get("main_account_id", "")
    if not code or not (shop or main).isdecimal():
        raise no_code()
    whose = {"shop_id": int(shop)} if shop else {"main_account_id": int(main)}
    body = _token(transport, settings, f"{ROOT}/auth/token/get", {"code": code} | whose)
    if not shop:
        shops = body.get("shop_id_list")
        if not isinstance(shops, list) or len(shops) != 1:
            raise ChannelRefused(say("The account has several shops: log in with the account of the shop itself"))
        shop = words(shops[0])
    return _grant(body, shop)


def renew(transport: Transport, settings: Mapping[str, str], grant: Grant) -> Grant:
    """Another access for the token that works once. Raises ChannelKeys when it was spent: the seller logs in anew."""
    shop = grant.facts.get("shop_id", "")
    if not grant.refresh or not shop.isdecimal():
        raise expired_grant()
    try:
        body = _token(
            transport, settings, f"{ROOT}/auth/access_token/get", {"refresh_token": grant.refresh, "shop_id": int(shop)}
        )
    except (ChannelExpired, ChannelRefused) as refusal:
        raise expired_grant(refusal.raw_code, refusal.raw_text) from refusal
    return _grant(body, shop)


def _token(transport: Transport, settings: Mapping[str, str], path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
    partner, key = settings["partner_id"].strip(), settings["partner_key"].strip()
    if not partner.isdecimal():
        raise ChannelKeys(say("The partner ID is a number"), field="partner_id")
    stamp = str(int(clock.now().timestamp()))
    query = {"partner_id": partner, "timestamp": stamp, "sign": sign(key, partner, path, stamp)}
    with asking():
        reply = transport.send("POST", path, params=query, body={**body, "partner_id": int(partner)})
    return told(reply).body or {}


def _grant(body: Mapping[str, Any], shop: str) -> Grant:
    access, refresh, life = (
        words(body.get("access_token")),
        words(body.get("refresh_token")),
        words(body.get("expire_in")),
    )
    if not access or not refresh or not life.isdecimal():
        raise unreadable()
    now = clock.now()
    return Grant(
        access, refresh, now + timedelta(seconds=min(int(life), 86_400)), now + REFRESH_LIFE, {"shop_id": shop}
    )
