"""Carriers of Thailand as data: services, the public page of a parcel, what its numbers look like, what is taken.

A start for a shop's own table, which it corrects by its contract. ``guesses`` names what is common knowledge only and
nobody has confirmed (docs/carriers.md). Numbers are advice: the carrier chosen when the parcel was sent always wins.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from oms.carriers.names import CARRIER_LABELS
from oms.money import Money
from oms.shipping.numbers import plain_number, s10_digit


class Check(StrEnum):
    """What beside its shape a number must satisfy."""

    NONE = ""
    S10 = "s10"  # the postal union's check digit
    MOD7 = "mod7"


@dataclass(frozen=True)
class Pattern:
    """What numbers look like. ``owner``: our code of the carrier, or of one that is none of ours."""

    owner: str
    regex: str
    check: Check = Check.NONE


@dataclass(frozen=True)
class Service:
    """A way of sending, by the code its adapter takes."""

    code: str
    name: str
    cod: bool = True


@dataclass(frozen=True)
class KnownCarrier:
    """One carrier. ``tracking_url`` holds ``{number}``, "" for none; None: no limit known. ``max_girth_cm``: width,
    length and height together. ``cut_off`` is when the day's last parcels are taken, in Bangkok."""

    code: str
    services: tuple[Service, ...]
    guesses: frozenset[str]
    tracking_url: str = ""
    cod_allowed: bool = True
    cod_limit: Money | None = None
    max_weight_grams: int | None = None
    max_side_cm: int | None = None
    max_girth_cm: int | None = None
    cut_off: str = ""
    phone: str = ""
    adapter: str = ""
    own_numbers: bool = False

    @property
    def name(self) -> str:
        """What it is called."""
        return CARRIER_LABELS[self.code]

    @property
    def number_pattern(self) -> str:
        """What its numbers look like, as one expression over a plain number; "" when nothing is known."""
        return "|".join(p.regex for p in PATTERNS if p.owner == self.code)

    def link(self, number: str) -> str:
        """Where the carrier shows a parcel to everybody; "" when it has no such page."""
        return self.tracking_url.replace("{number}", number) if number else ""


PATTERNS: tuple[Pattern, ...] = (  # the first that fits is the best guess
    Pattern("thaipost", r"[A-Z]{2}\d{9}TH", Check.S10),
    Pattern("other_post", r"[A-Z]{2}\d{9}[A-Z]{2}", Check.S10),
    Pattern("spx", r"SPXTH\d{10,14}[0-9A-Z]?"),
    Pattern("spx", r"TH\d{13,15}[A-Z]?"),
    Pattern("lex", r"LEX[A-Z]{0,2}\d{8,13}(TH)?"),
    Pattern("kex", r"(SHP|KEX|KER|KBK)[0-9A-Z]{7,13}"),
    Pattern("ninjavan", r"(NVTH|NJVTH|NVTHTH|LZTH|SHPTH)[0-9A-Z]{6,14}"),
    Pattern("flash", r"THT?\d{2}[0-9A-Z]{6,14}"),
    Pattern("jt", r"([678]\d{11}|JT\d{10,14}|JNT[0-9A-Z]{8,14})"),
    Pattern("dhl", r"(GM|LX|RX|UV|CN|SG|IN|HK|MY)[0-9A-Z]{10,39}"),
    Pattern("dhl", r"\d{14}"),
    Pattern("dhl_express", r"\d{10,11}", Check.MOD7),
    Pattern("best", r"\d{13}"),
)

_LIMITS = frozenset({"cod_limit", "max_weight_grams", "max_girth_cm", "cut_off"})
_MOST = Money.satang(50_000 * 100)
_STANDARD = (Service("std", "Standard"),)

CATALOGUE: Mapping[str, KnownCarrier] = {
    c.code: c
    for c in (
        KnownCarrier(
            "thaipost",
            (Service("EMS", "EMS"), Service("REG", "Registered", cod=False), Service("ECO", "eCo-Post")),
            _LIMITS | {"services"}, "https://track.thailandpost.co.th/?trackNumber={number}", cod_limit=_MOST,
            max_weight_grams=20_000, max_girth_cm=120, cut_off="16:30", phone="1545", adapter="thaipost",
            own_numbers=True,
        ),
        KnownCarrier(
            "flash", (Service("1", "Standard"), Service("2", "On time"), Service("4", "Bulky"), Service("5", "Fruit")),
            frozenset({"cod_limit", "cut_off"}), "https://www.flashexpress.com/fle/tracking?se={number}",
            cod_limit=_MOST, max_weight_grams=50_000, max_side_cm=150, max_girth_cm=280, cut_off="17:00", phone="1436",
            adapter="flash",
        ),
        KnownCarrier(
            "jt", _STANDARD, _LIMITS | {"tracking_url", "number_pattern", "phone"},
            "https://www.jtexpress.co.th/index/query/gzquery.html?bills={number}", cod_limit=_MOST,
            max_weight_grams=50_000, max_girth_cm=280, cut_off="17:00", phone="1470",
        ),
        KnownCarrier(
            "kex", _STANDARD, _LIMITS | {"number_pattern"}, "https://th.kex-express.com/th/track/?track={number}",
            cod_limit=_MOST, max_weight_grams=25_000, max_girth_cm=200, cut_off="17:00", phone="1217",
        ),
        KnownCarrier(
            "spx", _STANDARD, _LIMITS | {"tracking_url", "number_pattern"}, "https://spx.co.th/track?{number}",
            cod_limit=_MOST, max_weight_grams=20_000, max_girth_cm=180, cut_off="17:00",
        ),
        KnownCarrier(
            "dhl", (Service("PDO", "Domestic"), Service("PDE", "Domestic Expedited")),
            _LIMITS | {"tracking_url", "services"}, "https://www.dhl.com/th-th/home/tracking.html?tracking-id={number}",
            cod_limit=_MOST, max_weight_grams=30_000, cut_off="17:00",
        ),
        KnownCarrier(
            "ninjavan",
            (
                Service("Standard", "Standard"), Service("Express", "Express"), Service("Nextday", "Next day"),
                Service("Sameday", "Same day"),
            ),
            _LIMITS | {"number_pattern"}, "https://www.ninjavan.co/th-th/tracking?id={number}",
            cod_limit=_MOST, max_weight_grams=30_000, cut_off="17:00", adapter="ninjavan",
        ),
        KnownCarrier(
            "best", _STANDARD, _LIMITS | {"number_pattern"}, "https://www.best-inc.co.th/track?bills={number}",
            cod_limit=_MOST, max_weight_grams=50_000, max_girth_cm=280, cut_off="17:00",
        ),
        KnownCarrier(
            "lalamove", (Service("MOTORCYCLE", "Motorcycle", cod=False), Service("CAR", "Car", cod=False)),
            frozenset({"services", "cod_allowed", "max_weight_grams"}), cod_allowed=False, max_weight_grams=20_000,
        ),
    )
}  # fmt: skip


def owners_of(number: str) -> tuple[str, ...]:
    """Whose a number may be by its looks, the likeliest first, those none of ours included."""
    plain = plain_number(number)
    fits = (p.owner for p in PATTERNS if re.fullmatch(p.regex, plain, re.ASCII) and _holds(p.check, plain))
    return tuple(dict.fromkeys(fits))


def suggest_carriers(number: str) -> tuple[str, ...]:
    """The codes of carriers whose number this may be, the likeliest first. Advice: nothing is refused for it."""
    return tuple(owner for owner in owners_of(number) if owner in CATALOGUE)


def suggest_carrier(number: str) -> str:
    """The likeliest carrier's code; "" when the number tells nothing."""
    return next(iter(suggest_carriers(number)), "")


def looks_wrong(code: str, number: str) -> bool:
    """Whether a number does not look like those of this carrier. True is worth a word to the clerk, no more; a
    carrier whose numbers nobody knows is never doubted."""
    known = [p for p in PATTERNS if p.owner == code]
    plain = plain_number(number)
    return bool(known) and not any(re.fullmatch(p.regex, plain, re.ASCII) and _holds(p.check, plain) for p in known)


def _holds(check: Check, number: str) -> bool:
    if check is Check.S10:
        return int(number[10]) == s10_digit(int(number[2:10]))
    if check is Check.MOD7:
        return int(number[:-1]) % 7 == int(number[-1])
    return True
