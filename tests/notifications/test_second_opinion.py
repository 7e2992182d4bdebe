"""What we say to LINE and how we read its signature, beside LINE's own library and the vectors on record."""

from __future__ import annotations

import base64
import json
import warnings

import pytest

from oms.notifications import line, meta
from oms.notifications.port import Letter
from tests.notifications.office import IMPATIENT, user
from views.sandbox.messages import LineSandbox
from views.sandbox.server import running

LINE_BODY = b'{"destination":"U00000000000000000000000000000000","events":[]}'
META_BODY = b'{"object":"page","entry":[]}'


def test_signatures_are_those_on_record():
    given = "Ca2H2b7aN4UUJZjbxdLBSXP7TXIR7MrWdZ+qL6wcAMI="
    assert line.sign("linechannelsecret", LINE_BODY) == given
    assert line.is_signed("linechannelsecret", LINE_BODY, given)
    assert not line.is_signed("linechannelsecret", LINE_BODY + b" ", given)
    assert not line.is_signed("linechannelsecret", LINE_BODY, "ไม่ใช่")
    mark = "sha256=c8dd36468169387281df4ab82aac1356c5150007b48542cd3da361e57b1065a4"
    assert meta.is_signed("metaappsecret", META_BODY, mark)
    assert not meta.is_signed("metaappsecret", META_BODY, mark.removeprefix("sha256="))
    assert meta.proof("metaappsecret", "EAAtoken") == "a129a89d895af0271febd4e3eb206a8b4c1548198ae15c4fd4fa4fa3ad098678"
    basic = base64.b64encode(b"apikey:apisecret").decode()
    assert basic == "YXBpa2V5OmFwaXNlY3JldA=="


@pytest.fixture(scope="module")
def theirs():
    """LINE's library; it warns of its own old habits."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from linebot.v3 import WebhookParser, messaging
        from linebot.v3.webhook import SignatureValidator
    return messaging, SignatureValidator, WebhookParser


def test_lines_own_library_agrees_on_signatures_and_events(theirs):
    _, validator, parser = theirs
    sandbox = LineSandbox()
    event = {
        "type": "follow", "mode": "active", "timestamp": 1700000000000, "webhookEventId": "01HQ0000000000000000000000",
        "deliveryContext": {"isRedelivery": False}, "source": {"type": "user", "userId": user(3)}, "replyToken": "r",
        "follow": {"isUnblocked": False},
    }  # fmt: skip
    body, head = sandbox.webhook([event])
    assert validator(sandbox.secret).validate(body.decode(), line.sign(sandbox.secret, body))
    (found,) = parser(sandbox.secret).parse(body.decode(), head["x-line-signature"])
    assert (found.type, found.source.user_id) == ("follow", user(3))


def test_lines_own_library_says_what_we_say(theirs):
    messaging, _, _ = theirs
    asked = messaging.PushMessageRequest(
        to=user(4), messages=[messaging.TextMessage(text="สวัสดีค่ะ")], customAggregationUnits=["shipped"]
    )
    said: list[bytes] = []

    class Listening(LineSandbox):
        def handle(self, request, fault):
            said.append(request.get_data())
            return super().handle(request, fault)

    from oms.notifications.registry import open_sender

    with running(Listening()) as host:
        sender = open_sender("line", host, {"access_token": "LINE-token"}, IMPATIENT)
        sender.send(Letter(user(4), "สวัสดีค่ะ", "123e4567-e89b-12d3-a456-426614174000", topic="shipped"))
        sender.close()
    wanted = {k: v for k, v in asked.to_dict().items() if v is not None and k != "notificationDisabled"}
    wanted["messages"] = [{k: v for k, v in m.items() if v is not None} for m in wanted["messages"]]
    assert json.loads(said[0]) == wanted
