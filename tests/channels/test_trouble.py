"""What is said of a channel's trouble: a sentence that says what to do, the channel's own words beneath."""

from __future__ import annotations

from datetime import timedelta

import pytest

from oms.channels.asking import by_status, expired_grant, refused, silent, too_late, unknown, unreadable
from oms.channels.port import ChannelError, ChannelExpired
from oms.errors import say
from oms.net.silence import Silence
from oms.net.transport import Reply
from oms.usecases.channel_trouble import TROUBLE_LABELS, Trouble, kind_of, last_trouble, read_trouble, told_of

KINDS = [
    (by_status(Reply(401, {}), text="no such key"), Trouble.KEYS),
    (expired_grant("105", "refresh_token was used"), Trouble.KEYS),
    (ChannelExpired(say("The platform no longer takes our access"), raw_code="105002"), Trouble.GRANT),
    (by_status(Reply(429, {})), Trouble.PACE),
    (silent(Silence("36009", "slow down", reached=False, retry_after=timedelta(minutes=2))), Trouble.PACE),
    (silent(Silence("not_ready", "package_id", retry_after=timedelta(minutes=5))), Trouble.NOT_READY),
    (silent(Silence("timeout")), Trouble.SILENT),
    (silent(Silence("no_connection", reached=False)), Trouble.SILENT),
    (by_status(Reply(503, {})), Trouble.SILENT),
    (unreadable("<html>"), Trouble.SILENT),
    (refused("E017", "sku does not exist"), Trouble.REFUSED),
    (unknown("404", "no order"), Trouble.REFUSED),
    (too_late(refused("82", "shipped")), Trouble.REFUSED),
    (ChannelError(say("It said something"), raw_code="x9", raw_text="?"), Trouble.UNKNOWN),
]


@pytest.mark.parametrize(("error", "kind"), KINDS, ids=[f"{n}-{k.value}" for n, (_, k) in enumerate(KINDS)])
def test_each_error_is_told_with_what_to_do_and_the_words_of_the_channel(error, kind):
    assert kind_of(error) is kind
    found = read_trouble(told_of(error))
    assert found.advice == TROUBLE_LABELS[kind]
    assert error.raw_text in found.words
    assert found.what or found.words


def test_our_own_codes_are_said_in_our_words():
    found = read_trouble(told_of(silent(Silence("trouble", "502 Bad Gateway"))))
    assert (found.what, found.words) == ("The service has trouble of its own", "502 Bad Gateway")


def test_a_lost_grant_says_so_whatever_the_error():
    assert read_trouble(told_of(expired_grant("105", "gone"), Trouble.GRANT)).advice == TROUBLE_LABELS[Trouble.GRANT]


@pytest.mark.parametrize("kept", ["36009002 busy", "http: odd", "keys", ""])
def test_words_from_before_kinds_were_kept_are_still_shown(kept):
    assert (read_trouble(kept).advice, read_trouble(kept).words) == ("", kept)
    assert last_trouble(kept).advice == (TROUBLE_LABELS[Trouble.UNKNOWN] if kept else "")


def test_a_long_answer_is_cut_and_keeps_its_kind():
    kept = told_of(refused("E1", "x" * 900))
    assert len(kept) == 300
    assert read_trouble(kept).advice == TROUBLE_LABELS[Trouble.REFUSED]
