"""Messenger and Instagram: the Send API of one Page. Only within a day of the customer's own last message, and it knows
no repeats."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar
from urllib.parse import quote

from oms.errors import say
from oms.net.reading import words
from oms.net.silence import Silence
from oms.net.transport import Reply, Transport
from oms.notifications.asking import asking, by_status, keys, limited, refused, silent
from oms.notifications.port import Allowance, Letter, Profile, SendError, SendSilent, SendWindow, Sent

WINDOW = timedelta(hours=24)
MARGIN = timedelta(minutes=10)  # a message that starts on its way now has to arrive inside the window
TEXT_MOST = 2000
BYTES_MOST = 1000  # of Instagram
_WINDOW = frozenset({("10", "2018278"), ("10", "2534022")})
_LIMITS = frozenset({"4", "613", "80004", "80006"})
_KEYS = frozenset({"190", "200", "230"})
_GONE = frozenset({"551", "1545041"})
_RESTRICTED = ("10", "1893063")
_WAS_SENT = ("1", "1357046")  # an error came back although the message went out


def proof(secret: str, token: str) -> str:
    """``appsecret_proof``: that whoever asks has the app's secret too."""
    return hmac.new(secret.encode(), token.encode(), hashlib.sha256).hexdigest()


def is_signed(secret: str, body: bytes, signature: str) -> bool:
    """Whether a webhook is Meta's own (``X-Hub-Signature-256``), compared in constant time."""
    found = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(found.encode(), signature.encode())


class Meta:
    """One Page, for Messenger or for the Instagram account linked to it."""

    knows_repeats: ClassVar[bool] = False

    def __init__(self, transport: Transport, settings: Mapping[str, str], *, instagram: bool = False) -> None:
        self._transport, self._instagram = transport, instagram
        self.page, self.version = settings["page_id"], settings.get("version") or "v25.0"
        token = settings["access_token"]
        self._params = {"access_token": token}
        if settings.get("app_secret"):
            self._params["appsecret_proof"] = proof(settings["app_secret"], token)

    def close(self) -> None:
        self._transport.close()

    def check(self) -> Allowance:
        params = {**self._params, "fields": "name"}
        with asking():
            reply = self._transport.send("GET", f"/{self.version}/{self.page}", params=params)
        if reply.status != 200 or reply.body is None:
            raise _error(reply)
        return Allowance(words=reply.text("name"))

    def who(self, address: str) -> Profile:
        """Their name and the page of the conversation, from the Page's list of conversations."""
        params = {
            **self._params, "platform": "instagram" if self._instagram else "messenger", "user_id": address,
            "fields": "participants" if self._instagram else "link,participants",
        }  # fmt: skip
        with asking():
            reply = self._transport.send("GET", f"/{self.version}/{self.page}/conversations", params=params)
        if reply.status != 200 or reply.body is None:
            raise _error(reply)
        return _profile(reply.body, address)

    def send(self, letter: Letter) -> Sent:
        text = letter.body[:TEXT_MOST]
        if self._instagram:
            text = text.encode()[:BYTES_MOST].decode(errors="ignore")
        body: dict[str, Any] = {
            "recipient": {"id": letter.to}, "messaging_type": "RESPONSE", "message": {"text": text},
        }  # fmt: skip
        path = f"/{self.version}/{self.page}/messages"
        with asking():
            reply = self._transport.send("POST", path, params=self._params, body=body)
        if reply.status == 200 and reply.body is not None and reply.text("message_id"):
            return Sent(reply.text("message_id"))
        raise _error(reply)


def _profile(body: Mapping[str, Any], address: str) -> Profile:
    """The other side of the first conversation. People of Instagram are opened by their user name."""
    found = body.get("data")
    first = found[0] if isinstance(found, list) and found and isinstance(found[0], dict) else {}
    sides = first.get("participants")
    people = sides.get("data") if isinstance(sides, dict) else None
    other = next((p for p in people or () if isinstance(p, dict) and words(p.get("id")) == address), {})
    link, user = words(first.get("link")), words(other.get("username"))
    if user:
        return Profile(words(other.get("name")) or user, f"https://ig.me/m/{quote(user)}")
    return Profile(words(other.get("name")), f"https://www.facebook.com{link}" if link.startswith("/") else link)


def _error(reply: Reply) -> SendError:
    found = reply.part("error")
    code, sub, text = words(found.get("code")), words(found.get("error_subcode")), words(found.get("message"))
    both = f"{code}/{sub}" if sub else code
    if not code:
        return by_status(reply, "", text)
    if (code, sub) in _WINDOW:
        return SendWindow(say("The customer has not written within a day"), raw_code=both, raw_text=text)
    if (code, sub) == _RESTRICTED:
        return keys(both, text)
    if (code, sub) == _WAS_SENT:
        return SendSilent(say("An error came back, but the message may be out"), raw_code=both, raw_text=text)
    if code in _LIMITS:
        return limited(reply.retry_after or timedelta(minutes=5), both, text)
    if code in _KEYS:
        return keys(both, text)
    if code in {"2", "1200"}:
        return silent(Silence("trouble", f"{both} {text}"))
    return refused(both, text, gone=code in _GONE or (code, sub) == ("100", "2018001"))
