"""The inbound channel: whoever signs is believed, the page's own examples work, and what cannot be used is said."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oms import clock
from oms.channels import signed
from oms.channels.port import Called, ChannelError, WebhookRefused
from oms.intake.records import Stage
from oms.money import Money
from tests.channels.webshops import Ear, opened
from views.sandbox.channel_inbound import InboundSandbox
from views.sandbox.server import running

PAGE = (Path(__file__).parents[2] / "docs" / "inbound-channel.md").read_text()
SECRET = "inbound-secret"


@pytest.fixture(scope="module")
def channel() -> Iterator[Any]:
    made = opened("inbound", "", {"hook_secret": SECRET, "old_secret": "former"})
    yield made
    made.close()


@pytest.fixture
def shop() -> InboundSandbox:
    return InboundSandbox()


@pytest.fixture
def ear(channel) -> Iterator[tuple[Ear, str]]:
    ear = Ear(channel)
    with running(ear) as url:
        yield ear, url


def block(kind: str) -> str:
    return re.search(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)[1]


def called(body: Any, secret: str = SECRET, skew: int = 0) -> Called:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    at = int(clock.now().timestamp()) + skew
    return Called({"ruam-signature": f"t={at},v1={signed.made(secret, at, raw)}"}, raw)


def good(**changed: Any) -> dict[str, Any]:
    return json.loads(block("json"))["orders"][0] | changed


def read(channel: Any, *orders: Any) -> Any:
    return channel.read_webhook(called({"orders": list(orders)}))


def test_the_example_of_the_page_is_an_order(channel):
    news = read(channel, good())
    (told,) = news.news
    order = told.order
    assert news.trusted
    assert (news.answer.status, json.loads(news.answer.body)) == (202, {"received": 1, "refused": []})
    assert (told.external_no, order.stage, order.channel_total) == ("A-1001", Stage.TO_SHIP, Money.satang(43_600))
    assert order.recipient.province == "กรุงเทพมหานคร"
    assert (order.lines[0].unit_price, order.lines[0].quantity) == (Money.satang(19_900), 2)
    assert told.updated_at == clock.aware(told.updated_at)
    assert told.updated_at.isoformat() == "2026-01-31T02:30:00+00:00"


@pytest.mark.parametrize("program", ["bash", "python"])
def test_the_programs_of_the_page_run_as_they_stand(ear, tmp_path, program):
    heard, url = ear
    (tmp_path / "order.json").write_text(block("json"), encoding="utf-8")
    runner = (
        ["bash", "-euo", "pipefail", "-c"]
        if program == "bash"
        else [sys.executable, "-W", "error::SyntaxWarning", "-c"]
    )
    facts = {"PATH": os.environ["PATH"], "RUAM_URL": f"{url}/hooks/x", "RUAM_SECRET": SECRET, "no_proxy": "127.0.0.1"}
    done = subprocess.run(
        [*runner, block(program)], cwd=tmp_path, env=facts, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert '"refused": []' in done.stdout
    (news,) = heard.heard
    assert [n.external_no for n in news.news] == ["A-1001"]
    assert news.news[0].order.recipient.name == "สมชาย ใจดี"


def test_a_wrong_secret_a_changed_byte_and_a_wrong_clock_are_refused(channel):
    message = called({"orders": [good()]})
    for bad in (
        called({"orders": [good()]}, secret="guess"),
        Called(message.headers, message.body + b" "),
        Called({}, message.body),
        Called({"Ruam-Signature": "t=x,v1=y"}, message.body),
        Called({"Ruam-Signature": f"t={'9' * 30},v1=y"}, message.body),
        called({"orders": [good()]}, skew=-301),
        called({"orders": [good()]}, skew=302),
    ):
        with pytest.raises(WebhookRefused):
            channel.read_webhook(bad)
    assert channel.read_webhook(called({"orders": [good()]}, skew=-290)).news
    assert channel.read_webhook(called({"orders": [good()]}, secret="former")).news
    old = called({"orders": [good()]}, skew=-3600)
    came = clock.now() - timedelta(hours=1)
    assert channel.read_webhook(Called(old.headers, old.body, at=came)).news, "kept when it came, read an hour later"


def test_an_empty_secret_opens_nothing():
    nobody = opened("inbound", "", {"hook_secret": "", "old_secret": ""})
    with pytest.raises(WebhookRefused):
        nobody.read_webhook(called({"orders": [good()]}, secret=""))
    nobody.close()


def test_the_same_message_again_has_the_same_key(channel):
    first, second = (channel.read_webhook(called({"orders": [good()]}, skew=n)) for n in (0, 5))
    assert first.key == second.key
    assert read(channel, good(note="x")).key != first.key


@pytest.mark.parametrize(
    ("changed", "field", "code"),
    [
        ({"total": "436.01"}, "total", "total_differs"), ({"items": []}, "items", "lines_missing"),
        ({"items": "x"}, "items", "lines_missing"), ({"currency": "USD"}, "currency", "currency"),
        ({"updated_at": None}, "updated_at", "required"), ({"updated_at": "2026-01-31"}, "updated_at", "date_range"),
        ({"placed_at": "31/01/2026"}, "placed_at", "date_range"), ({"shipping_fee": "a lot"}, "shipping_fee", "money_text"),
        ({"discount": -1}, "discount", "money_text"), ({"note": "x" * 2001}, "note", "too_long"),
        ({"items": [{"sku": "", "quantity": 1, "unit_price": 1}]}, "sku", "sku_missing"),
        ({"items": [{"sku": "A", "quantity": 0, "unit_price": 1}]}, "quantity", "quantity_text"),
        ({"items": [{"sku": "A", "quantity": 1}], "total": None}, "unit_price", "required"),
        ({"items": [{"sku": "A", "quantity": 1, "unit_price": 1}, 5]}, "items", "unreadable"),
        ({"cod": "true"}, "cod", "yes_no"), ({"cod": [1]}, "cod", "yes_no"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_said_and_waits_with_its_number(channel, changed, field, code):
    news = read(channel, good(**changed), good(number="A-1002"))
    bad, fine = news.news
    assert bad.order is None
    assert (bad.problems[0].column, bad.problems[0].code) == (field, code)
    assert fine.order is not None
    (refused,) = json.loads(news.answer.body)["refused"]
    assert (refused["number"], refused["position"], refused["problems"][0]["code"]) == ("A-1001", 0, code)


def test_an_order_without_a_number_is_answered_and_not_kept(channel):
    news = read(channel, good(number=""), 5, good())
    assert [n.external_no for n in news.news] == ["A-1001"]
    assert [r["position"] for r in json.loads(news.answer.body)["refused"]] == [0, 1]


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"", 400), (b"[]", 400), (b"{}", 400), (b'{"orders": {}}', 400), (b"\xff", 400), (b"[" * 100_000, 400)],
)
def test_what_is_no_message_is_answered_and_keeps_nothing(channel, body, status):
    news = channel.read_webhook(called(body))
    assert (news.answer.status, news.news, news.hints) == (status, (), ())


def test_a_hundred_orders_and_no_more(channel):
    many = [good(number=f"A-{n}") for n in range(101)]
    assert len(read(channel, *many[:100]).news) == 100
    assert (read(channel, *many).answer.status, read(channel, *many).news) == (413, ())


def test_a_word_nobody_knows_waits_and_cash_needs_no_money(channel):
    assert read(channel, good(status="on_the_moon")).news[0].order.stage is Stage.UNKNOWN
    order = read(channel, good(status="unpaid", cod=True)).news[0].order
    assert (order.stage, order.is_cod) == (Stage.TO_SHIP, True)
    assert read(channel, good(status="unpaid")).news[0].order.stage is Stage.UNPAID
    assert read(channel, good(aNewField={"x": [1]})).news[0].order == read(channel, good()).news[0].order


def test_a_shop_of_the_market_sells_through_it(channel, shop, ear):
    heard, url = ear
    made = shop.stall.make(pay=True)
    shop.stall.ship(made.number, "TH1", "Flash Express")
    assert set(shop.send_hooks(url, [made.number], times=2, order="shuffled")) == {202}
    told = [n for news in heard.heard for n in news.news]
    assert {n.order.stage for n in told} == {Stage.SHIPPED}
    assert {n.order.channel_total for n in told} == {Money(made.total)}
    assert shop.send_hooks(url, [made.number], spoil="signature")[0] == 401
    assert shop.send_hooks(url, [made.number], spoil="body")[0] == 401
    shop.skew = -600
    assert shop.send_hooks(url, [made.number])[0] == 401


def test_it_asks_nobody(channel, shop):
    assert channel.check() == ""
    with pytest.raises(ChannelError) as no:
        channel.list_changed(clock.now() - timedelta(hours=1), clock.now())
    assert no.value.code == "channel_cannot"
    with running(shop) as url:
        assert httpx.get(f"{url}/orders", trust_env=False).status_code == 404


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
FIELDS = (
    "number",
    "updated_at",
    "status",
    "items",
    "ship_to",
    "total",
    "placed_at",
    "cod",
    "discount",
    "currency",
    "note",
)


@settings(max_examples=150, deadline=None)
@given(st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, json_like)), json_like)
def test_whatever_a_signed_sender_says_he_gets_an_answer(channel, changed, item):
    news = channel.read_webhook(called({"orders": [good(**changed), item, {"items": [item]}]}))
    assert news.answer.status == 202
    assert json.loads(news.answer.body)["received"] == 3
