"""Any other order file: common headings are guessed, the rest comes from a saved column map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from oms.importing.formats.columns import LINE_FIELDS, ORDER_FIELDS, Format, heading_key
from oms.importing.formats.lazada import LAZADA
from oms.importing.formats.line_shopping import LINE_SHOPPING
from oms.importing.formats.shopee import SHOPEE
from oms.importing.formats.tiktok import TIKTOK
from oms.intake.records import Stage

_MORE: dict[str, tuple[str, ...]] = {
    "external_no": ("order_no", "order", "เลขออเดอร์", "ออเดอร์", "เลขที่"),
    "status": ("status", "สถานะ"),
    "sku": ("sku_code", "item code", "รหัส", "รหัสสินค้า"),
    "quantity": ("qty", "amount", "จำนวนชิ้น", "จน."),
    "unit_price": ("price", "ราคา", "ราคาต่อชิ้น", "unit price"),
    "placed_at": ("date", "วันที่", "order date", "วันที่สั่ง"),
    "name": ("customer", "name", "ชื่อ", "ชื่อลูกค้า", "ลูกค้า"),
    "phone": ("tel", "mobile", "โทร", "โทรศัพท์", "เบอร์"),
    "total": ("grand total", "ยอดสุทธิ"),
    "shipping_fee": ("shipping", "ค่าขนส่ง"),
    "seller_discount": ("ส่วนลดร้าน",),
}


def _columns() -> dict[str, tuple[str, ...]]:
    sources = (SHOPEE, LINE_SHOPPING, TIKTOK, LAZADA)
    merged: dict[str, tuple[str, ...]] = {}
    taken: set[str] = set()
    for name in (*ORDER_FIELDS, *LINE_FIELDS):
        words = [w for form in sources for w in form.columns.get(name, ())] + list(_MORE.get(name, ()))
        own = tuple(dict.fromkeys(w for w in words if heading_key(w) not in taken))
        taken |= {heading_key(w) for w in own}
        if own:
            merged[name] = own
    return merged


def _stages() -> dict[str, Stage]:
    words: dict[str, Stage] = {}
    for form in (LAZADA, LINE_SHOPPING, TIKTOK, SHOPEE):
        words |= form.stages
    return words | {heading_key(word): stage for word, stage in (("paid", Stage.TO_SHIP), ("new", Stage.TO_SHIP))}


GENERIC = Format(
    code="generic",
    label="Other file",
    carry_down=True,
    era="auto",
    required=frozenset({"external_no", "sku", "quantity"}),
    stages=_stages(),
    columns=_columns(),
    default_stage=Stage.TO_SHIP,
)


def mapped(columns: Mapping[str, str], options: Mapping[str, Any]) -> Format:
    """The generic format read by a saved map: field -> heading, how years are written, and what state words mean."""
    own = {name: (heading,) for name, heading in columns.items() if heading and name in ORDER_FIELDS + LINE_FIELDS}
    words = {heading_key(word): Stage(stage) for word, stage in dict(options.get("stages") or {}).items()}
    unit_rows = bool(options.get("unit_rows"))
    required = {"external_no", "sku"} if unit_rows else {"external_no", "sku", "quantity"}
    return replace(
        GENERIC,
        columns=own,
        era=str(options.get("era") or "auto"),
        unit_rows=unit_rows,
        required=frozenset(required),
        stages={**GENERIC.stages, **words},
        shipping_per_row=bool(options.get("shipping_per_row")),
    )
