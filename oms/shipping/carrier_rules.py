"""What a carrier takes and what it does not, in words. Pure."""

from __future__ import annotations

import re
from datetime import datetime, time

from oms import clock
from oms.errors import Say, say
from oms.money import ZERO, Money
from oms.shipping.carrier_models import Carrier
from oms.shipping.numbers import plain_number


def refusal(carrier: Carrier, *, cod: Money = ZERO, weight_grams: int | None = None) -> Say | None:
    """Why this carrier cannot take a parcel, or None."""
    if not carrier.is_active:
        return say("{carrier} is switched off", carrier=carrier.name)
    if cod > ZERO and not carrier.cod_allowed:
        return say("{carrier} collects no cash; choose another carrier", carrier=carrier.name)
    if cod > ZERO and carrier.cod_limit is not None and cod > carrier.cod_limit:
        return say(
            "{carrier} collects at most {limit}, this parcel is to bring {cod}",
            carrier=carrier.name,
            limit=carrier.cod_limit,
            cod=cod,
        )
    if weight_grams and carrier.max_weight_grams is not None and weight_grams > carrier.max_weight_grams:
        return say(
            "{carrier} takes at most {limit}, this parcel weighs {weight}",
            carrier=carrier.name,
            limit=kilos(carrier.max_weight_grams),
            weight=kilos(weight_grams),
        )
    return None


def too_large(carrier: Carrier, sides_cm: tuple[int, int, int]) -> Say | None:
    """Why a box does not fit this carrier, or None."""
    if carrier.max_side_cm is not None and max(sides_cm) > carrier.max_side_cm:
        return say(
            "The longest side is over the {limit} cm of {carrier}", limit=carrier.max_side_cm, carrier=carrier.name
        )
    if carrier.max_girth_cm is not None and sum(sides_cm) > carrier.max_girth_cm:
        return say(
            "The three sides together are over the {limit} cm of {carrier}",
            limit=carrier.max_girth_cm,
            carrier=carrier.name,
        )
    return None


def past_cut_off(carrier: Carrier, now: datetime) -> Say | None:
    """That parcels handed over now leave tomorrow, or None."""
    if not carrier.cut_off:
        return None
    hour, minute = map(int, carrier.cut_off.split(":"))
    if clock.local(now).time() < time(hour, minute):
        return None
    return say(
        "{carrier} fetches until {time}; handed over now it leaves tomorrow", carrier=carrier.name, time=carrier.cut_off
    )


def odd_number(carrier: Carrier, number: str) -> Say | None:
    """That a tracking number does not look like this carrier's, or None. Advice: the number is taken all the same."""
    plain = plain_number(number)
    if not plain or not carrier.number_pattern or re.fullmatch(carrier.number_pattern, plain[:40]):
        return None
    return say("“{number}” does not look like a number of {carrier}; check it", number=number, carrier=carrier.name)


def kilos(grams: int) -> str:
    """A weight as people say it."""
    return f"{grams / 1000:g} kg"
