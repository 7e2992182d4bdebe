"""Orders of channels that wait: put right where they go, and let them in the same way as all others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from oms import audit
from oms.db import Tx
from oms.errors import InvalidInput, Refused, say
from oms.importing.quarantine import Released, open_item, release
from oms.thai.addresses import find_province
from oms.thai.phone import read_phone
from oms.thai.text import arabic_digits
from oms.usecases.channel_mends import FIELDS, RECIPIENT
from oms.usecases.keeping import bounded, checked

LONGEST: Mapping[str, int] = {"name": 200, "address": 1000, "subdistrict": 100, "district": 100}


@dataclass(frozen=True)
class MendOrder:
    """Where a waiting order goes, by field; what is not named or empty stays as the channel told it."""

    run_id: int
    no: int
    fixes: Mapping[str, str]


def mend_order(tx: Tx, cmd: MendOrder) -> Released:
    """Keep what was put right beside the channel's words and take the order in again. Raises InvalidInput for a
    telephone, province or postcode that is none."""
    tx.actor.require("intake.resolve")
    run, item = open_item(tx, cmd.run_id, cmd.no)
    if run.source == "file":
        raise Refused(say("This record came in a file; mend its cells"), code="item_of_file")
    given = {name: cmd.fixes.get(name, "").strip() for name in FIELDS if cmd.fixes.get(name, "").strip()}
    checks: dict[str, Callable[[], Any]] = {name: _check(name, text) for name, text in given.items()}
    fixes = checked(**checks)
    item.mended = {**(item.mended or {}), RECIPIENT: {**((item.mended or {}).get(RECIPIENT) or {}), **fixes}}
    tx.session.flush()  # the order is read back with it
    what = f"{run.file_name} · {item.key}"
    audit.record(tx, "intake.mended", "intake_run", run.id, what, after={"fields": sorted(fixes)})
    return release(tx, run.id, [item.no])


def _check(name: str, text: str) -> Callable[[], str]:
    if name == "phone":
        return lambda: _phone(text)
    if name == "province":
        return lambda: _province(text)
    if name == "postcode":
        return lambda: _postcode(text)
    return lambda: bounded(text, LONGEST[name], name)


def _phone(text: str) -> str:
    found = read_phone(text)
    if found is None:
        raise InvalidInput(say("“{text}” is not a phone number", text=text[:40]), field="phone", code="phone")
    return found


def _province(text: str) -> str:
    found = find_province(text)
    if found is None:
        raise InvalidInput(say("There is no province “{text}”", text=text[:40]), field="province", code="province")
    return found


def _postcode(text: str) -> str:
    digits = arabic_digits(text).replace(" ", "")
    if not (len(digits) == 5 and digits.isascii() and digits.isdigit()):
        raise InvalidInput(say("A postcode has five digits"), field="postcode", code="postcode")
    return digits
