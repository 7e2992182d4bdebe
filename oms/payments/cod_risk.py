"""Who is risky to send cash-on-delivery parcels to: refusals by phone and by address, and the blacklist."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from oms import clock
from oms.asking import Question, Rows, ask

Place = tuple[str, str]  # a phone in house form, and an address's fingerprint; either may be ""


@dataclass(frozen=True)
class CodRisk:
    """What speaks against an order: parcels refused by this phone and at this address, and why it is blacklisted."""

    by_phone: int = 0
    by_address: int = 0
    blocked: tuple[str, ...] = ()

    @property
    def note(self) -> str:
        """The history in a line, kept with the hold. Papers and holds are read by Thai staff."""
        parts = []
        if self.by_phone:
            parts.append(f"เบอร์นี้เคยปฏิเสธรับพัสดุ {self.by_phone} ครั้ง")
        if self.by_address:
            parts.append(f"ที่อยู่นี้เคยปฏิเสธรับพัสดุ {self.by_address} ครั้ง")
        parts += [f"อยู่ในบัญชีระวัง: {reason}" for reason in self.blocked]
        return " · ".join(parts)[:500]


_RISKS = text(
    "SELECT 'phone' AS what, phone AS value, count(*) AS times, '' AS reason FROM cod_entries"
    " WHERE status = 'refused' AND phone = ANY(CAST(:phones AS varchar[])) GROUP BY phone"
    " UNION ALL SELECT 'address', address_key, count(*), '' FROM cod_entries"
    " WHERE status = 'refused' AND address_key <> '' AND address_key = ANY(CAST(:places AS varchar[]))"
    " GROUP BY address_key"
    " UNION ALL SELECT 'blocked', value, 1, reason FROM blacklist WHERE lifted_at IS NULL AND expires_at > :now"
    " AND (kind = 'phone' AND value = ANY(CAST(:phones AS varchar[]))"
    " OR kind = 'address' AND value = ANY(CAST(:places AS varchar[])))"
)


def about_cod_risks(wanted: Collection[Place]) -> Question[dict[Place, CodRisk]]:
    """The risks of these phones and addresses; who has none is missing."""
    phones = sorted({phone for phone, _ in wanted if phone})
    places = sorted({place for _, place in wanted if place})
    if not phones and not places:
        return Question(None, lambda _: {})
    facts = {"phones": phones, "places": places, "now": clock.now()}
    return Question(_RISKS, lambda rows: _read_risks(rows, wanted), facts)


def _read_risks(rows: Rows, wanted: Collection[Place]) -> dict[Place, CodRisk]:
    refused: dict[tuple[str, str], int] = {}
    blocked: dict[str, str] = {}
    for what, value, times, reason in rows:
        if what == "blocked":
            blocked[value] = reason
        else:
            refused[what, value] = times
    found = {}
    for phone, place in wanted:
        reasons = tuple(dict.fromkeys(blocked[x] for x in (phone, place) if x and x in blocked))
        risk = CodRisk(refused.get(("phone", phone), 0), refused.get(("address", place), 0), reasons)
        if risk != CodRisk():
            found[phone, place] = risk
    return found


def cod_risks(session: Session, wanted: Collection[Place]) -> dict[Place, CodRisk]:
    """``about_cod_risks``, asked by itself."""
    return ask(session.connection(), about_cod_risks(wanted))
