"""A carrier's trouble: which kind it is, what a person reads of it, and that nothing of its words is lost."""

import pytest

from oms.carriers.asking import refused, silent
from oms.carriers.port import CarrierCannot, CarrierKeys
from oms.errors import say
from oms.net.silence import SILENCE_LABELS, Silence
from oms.usecases.carrier_trouble import CARRIER_TROUBLE_LABELS, CarrierTrouble, kind_of, last_trouble, told_of

K = CarrierTrouble


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (silent(Silence("bad_key", "no such merchant", final=True)), K.KEYS),
        (silent(Silence("settings", final=True)), K.KEYS),
        (silent(Silence("too_many", reached=False)), K.PACE),
        (silent(Silence("timeout")), K.SILENT),
        (silent(Silence("unreadable", "<html>")), K.SILENT),
        (CarrierCannot(say("This carrier's interface offers no such thing")), K.CANNOT),
        (refused("1004", "weight must be > 0"), K.REFUSED),
    ],
)
def test_every_trouble_says_what_a_person_does(error, kind):
    assert kind_of(error) is kind
    found = last_trouble(told_of(error))
    assert found.advice == CARRIER_TROUBLE_LABELS[kind]
    assert (found.what, found.words) == (
        (SILENCE_LABELS[error.raw_code], error.raw_text)
        if error.raw_code in SILENCE_LABELS
        else ("", f"{error.raw_code} {error.raw_text}".strip() or str(error))
    )


def test_words_of_before_kinds_were_kept_are_not_lost():
    found = last_trouble("1002 signature: bad")
    assert (found.advice, found.words) == (CARRIER_TROUBLE_LABELS[K.UNKNOWN], "1002 signature: bad")
    assert last_trouble("").advice == ""


def test_long_words_are_cut_and_keep_their_kind():
    kept = told_of(CarrierKeys(say("No"), raw_code="x", raw_text="y" * 500))
    assert len(kept) == 300
    assert last_trouble(kept).advice == CARRIER_TROUBLE_LABELS[K.KEYS]
