"""Questions to LINE SHOPPING, and what its errors mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from oms.channels.asking import asking, by_status, silent, unknown
from oms.channels.port import ChannelError
from oms.net.silence import Silence
from oms.net.transport import Reply, Transport

HOST, ROOT = "https://developers-oaplus.line.biz", "/myshop/v1"
KEYS = frozenset({"UNAUTHORIZED", "PERMISSION_DENIED"})


class Calls:
    """What LINE SHOPPING is asked through."""

    def __init__(self, transport: Transport, settings: Mapping[str, str]) -> None:
        self.transport, self._key = transport, settings["shop_key"].strip()

    def send(
        self, method: str, path: str, params: Mapping[str, str | Sequence[str]] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Reply:  # fmt: skip
        """A question and its answer as it came. Raises ChannelSilent."""
        with asking():
            return self.transport.send(method, ROOT + path, params=params, body=body, headers={"x-api-key": self._key})

    def get(self, path: str, params: Mapping[str, str | Sequence[str]] | None = None) -> Mapping[str, Any]:
        """A good answer. Raises ChannelError."""
        return told(self.send("GET", path, params)).body or {}

    def tell(self, method: str, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """A good answer to a deed. Raises ChannelError."""
        return told(self.send(method, path, body=body)).body or {}


def problem(reply: Reply) -> ChannelError | None:
    """What a reply complains of; None when it is good."""
    code, text = reply.text("code"), reply.text("message")
    if reply.body is None:
        return by_status(reply)
    if reply.status < 400:
        return None
    if code in KEYS:
        return silent(Silence(code, text, final=True))
    if code == "NOT_FOUND" or reply.status == 404:
        return unknown(code, text)
    if code == "INTERNAL_ERROR":
        return silent(Silence(code, text, retry_after=reply.retry_after))
    return by_status(reply, code, text)


def told(reply: Reply) -> Reply:
    """A good reply. Raises ChannelError."""
    if (trouble := problem(reply)) is not None:
        raise trouble
    return reply
