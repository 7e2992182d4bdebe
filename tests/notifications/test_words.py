"""What messages say: every event in every form and language, templates that are refused, parts of an SMS."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oms.errors import InvalidInput
from oms.notifications.catalogue import (
    EVENT_LABELS,
    KINDS,
    LANGUAGES,
    ROUTE_LABELS,
    WORD_LABELS,
    Event,
    Form,
    Route,
    words_for,
)
from oms.notifications.rendering import LONGEST, SAMPLE, as_html, check_template, fill, render, sample_of, segments
from oms.notifications.wording import usual_body, usual_subject


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("event", Event)
def test_every_event_has_words_that_could_be_saved_and_rendered(event, form, language):
    body, subject = usual_body(event, form, language), usual_subject(event, form, language)
    assert check_template(body, event, form) == body
    full = render(body, subject, form, SAMPLE)
    bare = render(body, subject, form, {w: SAMPLE[w] for w in ("name", "order", "shop", "items", "total")})
    for made in (full, bare):
        assert made.body
        assert not set("{}[]") & set(made.body + made.subject)
        assert len(made.body) <= LONGEST[form]
    assert SAMPLE["order"] in full.body
    assert bool(full.subject) is bool(full.html) is (form is Form.EMAIL)
    if form is Form.EMAIL:
        assert check_template(subject, event, form, "subject") == subject
    if form is Form.SMS:
        assert "\n" not in full.body
        assert segments(full.body).parts <= 2, full.body


@pytest.mark.parametrize("event", Event)
def test_a_preview_speaks_its_language_and_makes_sense(event):
    assert set(sample_of(event, "th")) == set(sample_of(event, "en")) == set(SAMPLE)
    for form in Form:
        english = render(usual_body(event, form, "en"), usual_subject(event, form, "en"), form, sample_of(event, "en"))
        assert not any("\u0e01" <= c <= "\u0e5b" for c in english.subject + english.body), english.body
    assert "สลิป" not in sample_of(Event.PROBLEM, "th")["reason"]
    paid = sample_of(Event.PAID, "th")
    assert int(paid["amount"]) + int(paid["missing"]) == int(paid["total"])


def test_every_event_route_and_word_has_a_name():
    assert set(EVENT_LABELS) == set(KINDS) == set(Event)
    assert set(ROUTE_LABELS) == set(Route)
    assert {w for e in Event for w in words_for(e)} == set(WORD_LABELS) == set(SAMPLE)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{password}", "word_unknown"),
        ("{order.__class__}", "braces"),
        ("{order!r}", "braces"),
        ("{0}", "braces"),
        ("{", "braces"),
        ("[[{order}]]", "brackets"),
        ("[{order}", "brackets"),
        ("  \n ", "missing"),
        ("ก" * 601, "too_long"),
    ],
)
def test_what_would_fail_later_is_refused_when_it_is_saved(text, code):
    with pytest.raises(InvalidInput) as refusal:
        check_template(text, Event.SHIPPED, Form.SMS)
    assert code in {p.code for p in refusal.value.problems()}


def test_a_word_of_another_event_is_refused():
    with pytest.raises(InvalidInput):
        check_template("{refund_to}", Event.SHIPPED, Form.CHAT)


def test_a_part_in_brackets_goes_with_its_word():
    text = "ส่งแล้ว[ เลข {tracking}][ ({carrier} {tracking})]"
    assert fill(text, {"tracking": "T1", "carrier": "Flash"}) == "ส่งแล้ว เลข T1 (Flash T1)"
    assert fill(text, {"tracking": "T1"}) == "ส่งแล้ว เลข T1"
    assert fill(text, {}) == "ส่งแล้ว"


def test_a_fact_is_never_read_as_a_template():
    assert fill("สวัสดี {name}", {"name": "{order} [x] {name}"}) == "สวัสดี {order} [x] {name}"


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200), st.text(max_size=200))
def test_what_may_be_saved_always_renders(template, name):
    try:
        body = check_template(template, Event.SHIPPED, Form.CHAT)
    except InvalidInput:
        return
    assert isinstance(render(body, "", Form.CHAT, {"name": name}).body, str)


def test_a_page_shows_text_and_never_runs_it():
    page = as_html('<script>alert(1)</script>\nhttps://a.example/?a=1&b="x')
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert '<a href="https://a.example/?a=1&amp;b=">' in page
    assert "<br>" in page


@pytest.mark.parametrize(
    ("text", "units", "parts", "left"),
    [
        ("a" * 160, 160, 1, 0),
        ("a" * 161, 161, 2, 145),
        ("€" * 80, 160, 1, 0),
        ("ก" * 70, 70, 1, 0),
        ("ก" * 71, 71, 2, 63),
        ("ก" * 134, 134, 2, 0),
        ("ก" * 135, 135, 3, 66),
        ("a" * 70 + "ก", 71, 2, 63),
        ("😀" * 35, 70, 1, 0),
        ("", 0, 1, 160),
    ],
)
def test_an_sms_is_counted_as_the_network_does(text, units, parts, left):
    found = segments(text)
    assert (found.units, found.parts, found.left) == (units, parts, left)
