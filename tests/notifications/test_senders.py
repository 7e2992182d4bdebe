"""Every way of sending against its strict simulator: what goes through, what is refused, what nobody knows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from email import message_from_bytes
from email.header import decode_header, make_header
from typing import Any
from uuid import uuid4

import pytest

from oms.errors import InvalidInput
from oms.notifications.catalogue import Route
from oms.notifications.port import (
    Allowance,
    Letter,
    SendEmpty,
    Sender,
    SendError,
    SendKeys,
    SendLimited,
    SendRefused,
    SendSilent,
    SendWindow,
)
from oms.notifications.registry import KINDS, open_sender, try_out
from tests.notifications.office import IMPATIENT, MADE, SETTINGS, Mailbox, mail_server, user
from views.sandbox.server import running

HTTP = tuple(MADE)
TO = {
    Route.LINE: user(7), Route.THAIBULKSMS: "0812345678", Route.SMSMKT: "0812345678", Route.MESSENGER: "99001",
    Route.INSTAGRAM: "99001",
}  # fmt: skip
WRONG = {
    Route.LINE: {"access_token": "x"}, Route.THAIBULKSMS: {"api_key": "x"}, Route.SMSMKT: {"secret_key": "x"},
    Route.MESSENGER: {"access_token": "x"}, Route.INSTAGRAM: {"access_token": "x"},
}  # fmt: skip


@contextmanager
def on_stage(route: Route, **changed: str) -> Iterator[tuple[Any, Sender]]:
    """A simulated provider and our sender of it."""
    sandbox = MADE[route]()
    if hasattr(sandbox, "open_to"):
        sandbox.open_to.add(TO[route])
    options, secrets = SETTINGS[route]
    with running(sandbox) as host:
        sender = open_sender(route.value, host, {**options, **secrets, **changed}, IMPATIENT)
        try:
            yield sandbox, sender
        finally:
            sender.close()


def letter(route: Route, **facts: str) -> Letter:
    return Letter(**({"to": TO[route], "body": "สวัสดีค่ะ ของส่งแล้ว", "retry_key": str(uuid4())} | facts))


@pytest.mark.parametrize("route", HTTP)
def test_a_letter_goes_out_once_and_is_in_the_providers_book(route):
    with on_stage(route) as (sandbox, sender):
        sent = sender.send(letter(route))
        (taken,) = sandbox.book.messages
        assert (taken.to, taken.text) == (TO[route], "สวัสดีค่ะ ของส่งแล้ว")
        assert taken.id in sent.provider_id
        assert not sent.repeat


@pytest.mark.parametrize("route", HTTP)
def test_a_try_of_the_settings_sends_nothing(route):
    with on_stage(route) as (sandbox, sender):
        assert isinstance(sender.check(), Allowance)
        assert sandbox.book.messages == []


@pytest.mark.parametrize("route", HTTP)
def test_wrong_keys_are_told_apart_from_a_wrong_address(route):
    with on_stage(route, **WRONG[route]) as (sandbox, sender):
        with pytest.raises(SendKeys):
            sender.send(letter(route))
        with pytest.raises(SendKeys):
            sender.check()
        assert sandbox.book.messages == []
    with on_stage(route) as (sandbox, sender):
        sandbox.book.blocked.add(TO[route])
        with pytest.raises(SendRefused) as refusal:
            sender.send(letter(route))
        assert refusal.value.gone
        assert sandbox.book.messages == []


@pytest.mark.parametrize("route", HTTP)
@pytest.mark.parametrize("fault", ["500", "cut", "broken", "html", "list", "huge", "redirect", "gzip"])
def test_an_answer_that_cannot_be_used_leaves_it_open_whether_it_arrived(route, fault):
    with on_stage(route) as (sandbox, sender):
        sandbox.book.fail(fault)
        with pytest.raises(SendSilent) as silence:
            sender.send(letter(route))
        assert silence.value.reached
        assert len(sandbox.book.messages) == 1  # the provider did it before the answer was spoilt


@pytest.mark.parametrize("route", HTTP)
def test_an_answer_that_comes_too_late_leaves_it_open_too(route):
    with on_stage(route) as (sandbox, sender):
        sandbox.book.fail("silence", seconds=1.2)
        with pytest.raises(SendSilent) as silence:
            sender.send(letter(route))
        assert (silence.value.reached, silence.value.raw_code) == (True, "timeout")


@pytest.mark.parametrize("route", HTTP)
def test_too_many_at_once_has_sent_nothing_and_says_how_long(route):
    with on_stage(route) as (sandbox, sender):
        sandbox.book.fail("429", after=False)
        with pytest.raises(SendLimited) as wait:
            sender.send(letter(route))
        assert not wait.value.reached
        assert wait.value.retry_after >= timedelta(seconds=1)
        assert sandbox.book.messages == []


@pytest.mark.parametrize("route", HTTP)
def test_a_server_that_is_not_there_was_certainly_not_reached(route):
    options, secrets = SETTINGS[route]
    sender = open_sender(route.value, "http://127.0.0.1:9", {**options, **secrets}, IMPATIENT)
    with pytest.raises(SendSilent) as silence:
        sender.send(letter(route))
    assert not silence.value.reached
    sender.close()


@pytest.mark.parametrize("route", HTTP)
def test_fields_nobody_has_heard_of_do_no_harm(route):
    with on_stage(route) as (sandbox, sender):
        sandbox.book.fail("extra")
        assert sender.send(letter(route)).provider_id


def test_line_takes_the_same_key_once():
    with on_stage(Route.LINE) as (sandbox, sender):
        asked = letter(Route.LINE)
        sandbox.book.fail("500")
        with pytest.raises(SendSilent):
            sender.send(asked)
        again = sender.send(asked)
        assert again.repeat
        assert len(sandbox.book.messages) == 1
        assert again.provider_id == sandbox.book.messages[0].id


def test_line_tells_a_used_up_month_from_messages_that_are_reserved():
    with on_stage(Route.LINE) as (sandbox, sender):
        sandbox.book.quota = 5
        sandbox.book.fail("monthly", after=True)
        with pytest.raises(SendLimited) as wait:
            sender.send(letter(Route.LINE))
        assert wait.value.retry_after == timedelta(minutes=3)
        for _ in range(5):
            sender.send(letter(Route.LINE))
        with pytest.raises(SendEmpty):
            sender.send(letter(Route.LINE))
        assert sender.check() == Allowance(5, 5, "ร้านทดสอบ")


@pytest.mark.parametrize("route", [Route.MESSENGER, Route.INSTAGRAM])
def test_meta_takes_nothing_outside_the_day(route):
    with on_stage(route) as (sandbox, sender):
        sandbox.open_to.clear()
        with pytest.raises(SendWindow):
            sender.send(letter(route))


def test_meta_says_error_although_the_message_is_out():
    with on_stage(Route.MESSENGER) as (sandbox, sender):
        sandbox.book.fail("was_sent")
        with pytest.raises(SendSilent) as silence:
            sender.send(letter(Route.MESSENGER))
        assert silence.value.reached
        assert len(sandbox.book.messages) == 1


@pytest.mark.parametrize("route", [Route.THAIBULKSMS, Route.SMSMKT])
def test_an_empty_package_is_no_refusal_of_the_letter(route):
    with on_stage(route) as (sandbox, sender):
        sandbox.book.credit = 0
        with pytest.raises(SendEmpty):
            sender.send(letter(route))


def test_an_sms_costs_its_parts():
    with on_stage(Route.THAIBULKSMS) as (sandbox, sender):
        sent = sender.send(letter(Route.THAIBULKSMS, body="ก" * 71))
        assert (sent.parts, sent.left) == (2, 998)
        assert sandbox.book.credit == 998


@pytest.mark.parametrize("route", [Route.THAIBULKSMS, Route.SMSMKT])
@pytest.mark.parametrize("number", ["021234567", "+85212345678", "0812345678,0899999999", ""])
def test_only_thai_mobiles_are_asked_for(route, number):
    with on_stage(route) as (sandbox, sender):
        with pytest.raises(SendRefused):
            sender.send(letter(route, to=number))
        assert sandbox.book.calls == []


# --- mail, through a real server of the library ---------------------------------------------------------------------


def mail_letter(**facts: str) -> Letter:
    given = {
        "to": "buyer@example.com", "body": "ส่งของแล้วค่ะ\n.จุดนำหน้า", "retry_key": str(uuid4()),
        "subject": "ร้านตัวอย่าง: ส่ง SO69-000001 แล้ว", "html": "<p>ส่งของแล้วค่ะ</p>",
    }  # fmt: skip
    return Letter(**(given | facts))


@contextmanager
def post_office(asks: str = "", **changed: str) -> Iterator[tuple[Mailbox, Sender]]:
    box = Mailbox()
    settings = {"sender": "shop@example.com", "sender_name": "ร้านตัวอย่าง", "security": "plain"} | changed
    with mail_server(box, asks) as host:
        yield box, open_sender("email", host, settings, IMPATIENT)


def test_a_letter_arrives_with_a_text_and_a_page():
    with post_office() as (box, sender):
        asked = mail_letter()
        sent = sender.send(asked)
        (envelope,) = box.letters
        made = message_from_bytes(envelope.content)
        assert envelope.rcpt_tos == ["buyer@example.com"]
        assert str(make_header(decode_header(made["Subject"]))) == asked.subject
        assert made["Message-ID"] == f"<{asked.retry_key}@example.com>" == sent.provider_id
        text, page = (part.get_payload(decode=True).decode() for part in made.get_payload())
        assert text.replace("\r\n", "\n").strip() == asked.body
        assert "<p>" in page


@pytest.mark.parametrize(
    ("answer", "kind", "gone"),
    [
        ("450 4.2.0 Greylisted, try later", SendLimited, None),
        ("550 5.1.1 User unknown", SendRefused, True),
        ("552 5.2.2 Mailbox full", SendRefused, False),
    ],
)
def test_what_a_mail_server_says_to_an_address(answer, kind, gone):
    with post_office() as (box, sender):
        box.at_rcpt.append(answer)
        with pytest.raises(kind) as error:
            sender.send(mail_letter())
        if gone is not None:
            assert error.value.gone is gone
        assert box.letters == []


def test_a_server_that_hangs_up_after_the_last_dot_leaves_it_open():
    with post_office() as (box, sender):
        box.say.append("250 silence")
        with pytest.raises(SendSilent) as silence:
            sender.send(mail_letter())
        assert silence.value.reached
        assert len(box.letters) == 1


def test_a_letter_turned_down_after_its_data_was_not_taken():
    with post_office() as (box, sender):
        box.say.append("554 5.7.1 Spam")
        with pytest.raises(SendRefused):
            sender.send(mail_letter())
        assert box.letters == []


def test_a_mail_login_works_or_is_told():
    with post_office("geheim", user="shop", password="geheim") as (box, sender):
        sender.send(mail_letter())
        assert len(box.letters) == 1
    with post_office("geheim", user="shop", password="wrong") as (box, sender):
        with pytest.raises(SendKeys):
            sender.send(mail_letter())
        assert box.letters == []


@pytest.mark.parametrize("address", ["a@b.co\r\nBCC: x@y.co", "a@b.co, c@d.co", "no address", ""])
def test_nobody_smuggles_a_second_recipient_in(address):
    with post_office() as (box, sender):
        with pytest.raises(SendRefused):
            sender.send(mail_letter(to=address))
        assert box.letters == []


@pytest.mark.parametrize(
    ("host", "settings"),
    [
        ("mail.example.com", {"sender": "a@b.co", "security": "plain"}),
        ("", {"sender": "a@b.co"}),
        ("mail.example.com:x", {"sender": "a@b.co"}),
        ("mail.example.com", {"sender": "nobody"}),
        ("mail.example.com", {"sender": "a@b.co", "security": "hope"}),
    ],
)
def test_a_mail_server_that_cannot_be_used_is_refused_at_once(host, settings):
    with pytest.raises(InvalidInput):
        open_sender("email", host, settings)


def test_a_try_tells_instead_of_raising_anything_else():
    for route in KINDS:
        options, secrets = SETTINGS[route]
        host = "127.0.0.1:9" if route is Route.EMAIL else "http://127.0.0.1:9"
        with pytest.raises(SendError):
            try_out(route, host, {**options, **secrets})
    with pytest.raises(SendKeys):
        try_out(Route.LINE, "http://far.example.com", SETTINGS[Route.LINE][1])
