"""A pasted chat on the entry screen: read, shown with how sure each part is, put into the form. Nothing is saved."""

from __future__ import annotations

from typing import Any

from flask import jsonify, request
from flask_babel import gettext, lazy_gettext
from werkzeug.wrappers import Response

from oms.catalog.finding import SkuHit
from oms.inventory.availability import available, places
from oms.orders.states import PaymentTerm
from oms.thai.addresses import Area
from oms.thai.chat import ChatOrder, Kind, Sure
from oms.thai.phone import format_phone
from oms.usecases.chat_orders import ChatDraft, ChatRead, MatchedItem, ReadChat, read_chat_orders
from views.base import OmsView, page, unit
from views.order_entry_lookup import sku_item

KIND_LABELS = {
    Kind.ORDER: lazy_gettext("an order"),
    Kind.CF: lazy_gettext("a claim of a piece shown live"),
    Kind.ADDRESS_CHANGE: lazy_gettext("a change of address"),
    Kind.PAYMENT_NOTICE: lazy_gettext("a notice of payment"),
    Kind.ORDER_CHANGE: lazy_gettext("a change of an order"),
    Kind.CANCEL: lazy_gettext("a cancellation"),
    Kind.NOT_ORDER: lazy_gettext("a question or small talk"),
}
SURE_LABELS = {
    Sure.HIGH: lazy_gettext("clear"),
    Sure.CHECK: lazy_gettext("please check"),
    Sure.LOW: lazy_gettext("does not fit"),
}
_TONES = {Sure.HIGH: "ok", Sure.CHECK: "warn", Sure.LOW: "bad"}
_FIELDS = {
    "name": "name", "phones": "phone", "address_line": "line", "subdistrict": "subdistrict", "district": "district",
    "province": "province", "postcode": "postcode", "payment": "term", "note": "note",
}  # fmt: skip


class OrderEntryChatView(OmsView):
    """What the box for chats asks."""

    route_base = "/entry/chat"
    requires = "order.create"

    @page("/", methods=("POST",))
    def read(self) -> Response:
        """The orders in a pasted chat, each as the form takes it."""
        shop = request.form.get("shop_id", "")
        with unit() as tx:
            found = read_chat_orders(
                tx, ReadChat(request.form.get("text", ""), int(shop) if shop.isdecimal() and len(shop) < 18 else None)
            )
            stock = places(tx.session, tx.actor)
            hits = {hit.id for draft in found.drafts for item in draft.items for hit in _hits(item)}
            free = available(tx.session, sorted(hits), [place.id for place in stock])
            drafts = [_draft(draft, lambda hit: sku_item(hit, free[hit.id], stock)) for draft in found.drafts]
        return jsonify(drafts=drafts, others=_others(found))


def _hits(item: MatchedItem) -> tuple[SkuHit, ...]:
    return (item.sku, *item.options) if item.sku else item.options


def _others(found: ChatRead) -> str:
    """What the messages without an order are about, in one sentence."""
    if not found.others:
        return "" if found.drafts else gettext("No order was found in this text")
    kinds = ", ".join(str(KIND_LABELS[kind]) for kind in dict.fromkeys(found.others))
    return gettext("Not put into the form: %(kinds)s", kinds=kinds)


def _draft(draft: ChatDraft, item_of: Any) -> dict[str, Any]:
    order = draft.order
    return {
        "kind": "" if draft.kind is Kind.ORDER else str(KIND_LABELS[draft.kind]),
        "title": order.name or (format_phone(order.phones[0]) if order.phones else gettext("Without a name")),
        "text": draft.text,
        "fields": _fields(order),
        "sure": {_FIELDS[name]: _badge(sure) for name, sure in order.sure.items() if name in _FIELDS},
        "areas": [_area(area) for area in order.areas],
        "items": [_item(item, item_of) for item in draft.items],
        "hints": _hints(order),
        "unread": list(order.unread),
    }


def _fields(order: ChatOrder) -> dict[str, str]:
    """What goes into the form; what the chat does not say is left out."""
    said = {
        "name": order.name, "phone": format_phone(order.phones[0]) if order.phones else "",
        "line": order.address_line, "subdistrict": order.subdistrict, "district": order.district,
        "province": order.province, "postcode": order.postcode,
        "term": {"cod": PaymentTerm.COD.value, "transfer": PaymentTerm.PREPAID.value}.get(order.payment or ""),
        "note": _note(order),
    }  # fmt: skip
    return {name: value for name, value in said.items() if value}


def _note(order: ChatOrder) -> str:
    """The buyer's wish, and what the form has no field for."""
    parts = [order.note or ""]
    if len(order.phones) > 1:
        parts.append(gettext("Other phone: %(phones)s", phones=", ".join(map(format_phone, order.phones[1:]))))
    if order.tax_invoice:
        told = order.tax_invoice
        facts = " · ".join(fact for fact in (told.name, told.tax_id, told.branch) if fact)
        parts.append(gettext("Wants a tax invoice: %(facts)s", facts=facts or "–"))
    return "\n".join(part for part in parts if part)


def _badge(sure: Sure) -> dict[str, str]:
    return {"tone": _TONES[sure], "text": str(SURE_LABELS[sure])}


def _hints(order: ChatOrder) -> list[str]:
    """What a person should look at before confirming."""
    hints = []
    if order.cod_amount is not None:
        hints.append(gettext("The buyer says %(amount)s baht at the door", amount=f"{order.cod_amount:,.2f}"))
    if order.typed_postcode:
        hints.append(
            gettext(
                "The buyer wrote postcode %(typed)s; the place uses %(known)s",
                typed=order.typed_postcode, known=order.postcode or "–",
            )
        )  # fmt: skip
    return hints


def _area(area: Area) -> dict[str, Any]:
    fields = {"subdistrict": area.subdistrict, "district": area.district, "province": area.province}
    return {"text": area.label(), "fields": fields | {"postcode": area.postcodes[0] if area.postcodes else ""}}


def _item(found: MatchedItem, item_of: Any) -> dict[str, Any]:
    return {
        "text": found.item.text or found.item.name,
        "name": " ".join(part for part in (found.item.name, found.item.variant) if part),
        "qty": found.quantity,
        "sku": item_of(found.sku) if found.sku else None,
        "sure": _badge(max((found.item.sure, found.sure or Sure.HIGH), key=list(Sure).index)) if found.sku else None,
        "options": [item_of(hit) for hit in found.options],
    }


VIEWS = (OrderEntryChatView,)
