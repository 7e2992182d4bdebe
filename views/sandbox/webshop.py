"""What the simulated web shops have in common: codes of provinces, answers that are lists, names in two parts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cache
from typing import Any

import geothai
from werkzeug.wrappers import Request, Response

from views.sandbox.book import Fault, Refusal, plain

VAT = Decimal("1.07")
CENT = Decimal("0.01")


@cache
def codes() -> Mapping[str, str]:
    """The ISO code of every province by its Thai name."""
    return {p.name_th: f"TH-{p.code}" for p in geothai.provinces()}


def two_names(name: str) -> tuple[str, str]:
    """First and last name."""
    first, _, last = name.partition(" ")
    return first, last


def without_vat(amount: Decimal) -> tuple[str, str]:
    """An amount as its net and its tax."""
    net = (amount / VAT).quantize(CENT)
    return str(net), str(amount.quantize(CENT) - net)


def listed(
    found: Sequence[Mapping[str, Any]], fault: Fault | None, headers: Mapping[str, str] | None = None
) -> Response:
    """A list as an answer."""
    more: dict[str, Any] = {"aNewField": {"deep": [1, None]}} if fault is not None and fault.kind == "extra" else {}
    text = json.dumps([{**more, **row} for row in found], ensure_ascii=False, default=plain)
    return Response(text, content_type="application/json; charset=UTF-8", headers=dict(headers or {}))


def body_of(request: Request, allowed: Mapping[str, type | tuple[type, ...]], no: Refusal) -> dict[str, Any]:
    """The JSON body: nothing but these fields of these types. Raises ``no``."""
    body = request.get_json(silent=True)
    if not isinstance(body, dict) or not set(body) <= set(allowed):
        raise no
    if any(not isinstance(value, allowed[name]) for name, value in body.items()):
        raise no
    return body
