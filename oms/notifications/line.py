"""LINE Messaging API: push messages with a retry key, so that a repeat is never a second message."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar

from oms.errors import say
from oms.net.reading import words
from oms.net.transport import Reply, Transport
from oms.notifications.asking import asking, by_status, keys, limited, refused
from oms.notifications.port import Allowance, Letter, Profile, SendEmpty, SendError, Sent

USER_ID = re.compile(r"U[0-9a-f]{32}")
MONTHLY = "monthly limit"  # of the sentence "You have reached your monthly limit."
RESERVED_PAUSE = timedelta(minutes=3)  # the same sentence comes while another delivery reserves messages
TEXT_MOST = 5000


def sign(secret: str, body: bytes) -> str:
    """What LINE writes into ``x-line-signature`` of a webhook."""
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def is_signed(secret: str, body: bytes, signature: str) -> bool:
    """Whether a webhook is LINE's own, compared in constant time."""
    return hmac.compare_digest(sign(secret, body).encode(), signature.encode())


class Line:
    """One LINE Official Account."""

    knows_repeats: ClassVar[bool] = True

    def __init__(self, transport: Transport, settings: Mapping[str, str]) -> None:
        self._transport = transport
        self._head = {"Authorization": f"Bearer {settings['access_token']}"}

    def close(self) -> None:
        self._transport.close()

    def check(self) -> Allowance:
        with asking():
            who = self._transport.send("GET", "/v2/bot/info", headers=self._head)
        if who.status != 200:
            raise _error(who)
        quota, used = self._quota()
        return Allowance(quota, used, words((who.body or {}).get("displayName")))

    def _quota(self) -> tuple[int | None, int]:
        with asking():
            quota = self._transport.send("GET", "/v2/bot/message/quota", headers=self._head)
            used = self._transport.send("GET", "/v2/bot/message/quota/consumption", headers=self._head)
        for reply in (quota, used):
            if reply.status != 200 or reply.body is None:
                raise _error(reply)
        limit = quota.text("value") if quota.text("type") == "limited" else ""
        return (int(limit) if limit.isdecimal() else None), int(used.text("totalUsage") or 0)

    def who(self, address: str) -> Profile:
        """The name they gave themselves; only of friends and people who wrote."""
        if not USER_ID.fullmatch(address):
            raise refused("no_user", "this is no LINE user", gone=True)
        with asking():
            reply = self._transport.send("GET", f"/v2/bot/profile/{address}", headers=self._head)
        if reply.status == 200 and reply.body is not None:
            return Profile(reply.text("displayName"))
        raise _error(reply)

    def send(self, letter: Letter) -> Sent:
        if not USER_ID.fullmatch(letter.to):
            raise refused("no_user", "this is no LINE user", gone=True)
        body: dict[str, Any] = {"to": letter.to, "messages": [{"type": "text", "text": letter.body[:TEXT_MOST]}]}
        if letter.topic:
            body["customAggregationUnits"] = [letter.topic]
        head = {**self._head, "X-Line-Retry-Key": letter.retry_key}
        with asking():
            reply = self._transport.send("POST", "/v2/bot/message/push", headers=head, body=body)
        if reply.status == 409:  # the key was taken before: that try arrived
            return Sent(_first_id(reply), repeat=True)
        if reply.status == 200 and reply.body is not None:
            return Sent(_first_id(reply))
        if reply.status == 429 and MONTHLY in reply.text("message").lower():
            quota, used = self._quota()
            if quota is not None and used >= quota:
                raise SendEmpty(say("The month's messages are used up"), raw_code="429", raw_text=reply.text("message"))
            raise limited(RESERVED_PAUSE, "429", reply.text("message"))
        raise _error(reply)


def _first_id(reply: Reply) -> str:
    sent = (reply.body or {}).get("sentMessages")
    first = sent[0] if isinstance(sent, list) and sent and isinstance(sent[0], dict) else {}
    return words(first.get("id"))


def _error(reply: Reply) -> SendError:
    text = reply.text("message")
    details = (reply.body or {}).get("details")
    if isinstance(details, list) and details and isinstance(details[0], dict):
        text = f"{text}: {words(details[0].get('message'))} ({words(details[0].get('property'))})"
    if reply.status in {401, 403}:
        return keys(str(reply.status), text)
    if reply.status == 400:
        return refused("400", text, gone="'to'" in text)
    return by_status(reply, str(reply.status), text)
