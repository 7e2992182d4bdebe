"""Finding a SKU while an order is typed or scanned: by code, by barcode, by any part of its Thai name."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from oms.catalog.models import Sku, SkuBarcode
from oms.money import Money
from oms.thai.text import clean, normalize, query_grams

_CANDIDATES = 200  # rows looked at for one search; more means that too little was typed
_ESCAPE = str.maketrans({"\\": r"\\", "%": r"\%", "_": r"\_"})


@dataclass(frozen=True)
class SkuHit:
    """A SKU that fits what was typed. ``exact``: the whole code or barcode was typed, as a scanner does."""

    id: int
    code: str
    name: str
    option: str
    price: Money
    is_bundle: bool
    exact: bool = False


def _hit(sku: Sku, *, exact: bool) -> SkuHit:
    return SkuHit(sku.id, sku.code, sku.name, sku.option, sku.price, sku.is_bundle, exact)


def by_code_or_barcode(session: Session, text: str) -> Sku | None:
    """The active SKU whose whole code or barcode this is; letters may be typed small."""
    typed = clean(text)
    if not typed:
        return None
    statement = (
        select(Sku)
        .where(
            Sku.is_active,
            or_(
                Sku.code.in_({typed, typed.upper()}),
                Sku.id.in_(select(SkuBarcode.sku_id).where(SkuBarcode.barcode.in_({typed, typed.upper()}))),
            ),
        )
        .order_by(Sku.code)
        .limit(1)
    )
    return session.scalars(statement).one_or_none()


def narrow(statement: Select[Any], text: str) -> Select[Any]:
    """Narrow a statement that selects from ``Sku`` by what was typed: every word somewhere in its search text."""
    wanted = text.replace("\x00", "")[:200]
    if pieces := query_grams(wanted):
        statement = statement.where(Sku.grams.contains(pieces))
    for word in normalize(wanted).split():
        statement = statement.where(Sku.haystack.like(f"%{word.translate(_ESCAPE)}%", escape="\\"))
    return statement


def search(session: Session, text: str, limit: int = 12) -> list[SkuHit]:
    """Active SKUs for what is being typed, the exact one first, then those whose code or name begins with it."""
    exact = by_code_or_barcode(session, text)
    found = [_hit(exact, exact=True)] if exact else []
    words, pieces = normalize(text).split(), query_grams(text)
    if not pieces:
        return found
    statement = select(Sku).where(Sku.is_active, Sku.grams.contains(pieces))
    for word in words:
        statement = statement.where(Sku.haystack.like(f"%{word.translate(_ESCAPE)}%", escape="\\"))
    needle = " ".join(words)
    rows = list(session.scalars(statement.order_by(Sku.code).limit(_CANDIDATES)))
    rows.sort(key=lambda s: (not s.code.lower().startswith(needle), not s.name.lower().startswith(needle), s.code))
    found += [_hit(sku, exact=False) for sku in rows if exact is None or sku.id != exact.id]
    return found[:limit]


def by_codes(session: Session, texts: Collection[str]) -> dict[str, Sku]:
    """Active SKUs by what was typed for each: a whole code or barcode, letters in any size. Two statements."""
    typed = {clean(text) for text in texts} - {""}
    wanted = {form for text in typed for form in (text, text.upper())}
    if not wanted:
        return {}
    known = {sku.code: sku for sku in session.scalars(select(Sku).where(Sku.is_active, Sku.code.in_(sorted(wanted))))}
    barcodes = (
        select(SkuBarcode.barcode, Sku)
        .join(Sku, Sku.id == SkuBarcode.sku_id)
        .where(Sku.is_active, SkuBarcode.barcode.in_(sorted(wanted)))
    )
    for barcode, sku in session.execute(barcodes):
        known.setdefault(barcode, sku)
    found = {text: known.get(text) or known.get(text.upper()) for text in typed}
    return {text: sku for text, sku in found.items() if sku is not None}
