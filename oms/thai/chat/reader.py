"""A message read: taken apart into recipients, each read by itself; several messages into several orders."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from oms.thai.chat import pieces
from oms.thai.chat.canvas import MARKS, Canvas, Mark, prepare
from oms.thai.chat.facts import ChatMessage, ChatOrder, Kind, Sure
from oms.thai.chat.kinds import kind_of
from oms.thai.chat.money import Paying, read_invoice, read_paying
from oms.thai.chat.phones import paint_phones
from oms.thai.chat.place import Place, read_place
from oms.thai.chat.seller import without_seller
from oms.thai.chat.splitting import split_recipients
from oms.thai.chat.transcript import messages_of
from oms.thai.chat.words import LABELS

LONGEST = 8_000  # characters of one paste; more is a file, not a chat
_MARK_OF = {"old": Mark.GONE, "name": Mark.NAME, "place": Mark.PLACE, "items": Mark.ITEMS, "note": Mark.NOTE}


def read_message(text: str) -> ChatMessage:
    """One message as it was sent. Several recipients in it become several orders."""
    prepared, asked = without_seller(prepare(text[:LONGEST]))
    if asked and not prepared.strip():
        return ChatMessage(Kind.NOT_ORDER, (ChatOrder(),), text)
    blocks = split_recipients(prepared)
    orders = [_read(block) for block in blocks]
    kind = kind_of(prepared, orders[0])
    if len(orders) == 1:
        return ChatMessage(kind, (_as(kind, orders[0]),), text)
    return ChatMessage(Kind.ORDER, _together(orders), text)


def read_chat(text: str) -> list[ChatMessage]:
    """Whatever was pasted: one message, several, or an exported chat with its times and names."""
    return [read_message(message) for message in messages_of(text[:LONGEST])]


def _together(orders: Sequence[ChatOrder]) -> tuple[ChatOrder, ...]:
    """What is said once for all recipients holds for each: how it is paid."""
    paid = {order.payment for order in orders if order.payment}
    if len(paid) != 1:
        return tuple(orders)
    (payment,) = paid
    return tuple(
        replace(o, payment=payment, sure=o.sure | {"payment": o.sure.get("payment", Sure.CHECK)}) for o in orders
    )


def _read(block: str) -> ChatOrder:
    """One recipient's words, in a fixed order: what is surest is painted over first."""
    canvas = Canvas(block)
    invoice, asked = read_invoice(canvas)
    phones, wrong = paint_phones(canvas)
    for label, pattern in LABELS:
        canvas.paint_all(pattern, _MARK_OF[label])
    paying = read_paying(canvas)
    place = read_place(canvas, re.sub(f"[{MARKS}]+", " ", canvas.text))
    sorted_ = pieces.sort(canvas, has_area=canvas.first(Mark.AREA) >= 0)
    name = sorted_.name
    if not name and invoice and invoice.name and canvas.first(Mark.AREA) >= 0:
        name = invoice.name
    order = ChatOrder(
        name=name,
        phones=tuple(phones),
        address_line=" ".join(sorted_.address) or None,
        subdistrict=place.subdistrict,
        district=place.district,
        province=place.province,
        postcode=place.postcode,
        subdistrict_code=place.code,
        items=tuple(sorted_.items),
        payment=paying.payment,
        cod_amount=paying.cod_amount,
        note=" ".join(sorted_.notes) or None,
        tax_invoice=invoice,
        areas=place.areas,
        typed_postcode=place.typed_postcode,
        unread=(*sorted_.unread, *wrong),
    )
    return replace(order, sure=_sure(order, place, paying, sorted_, asked=asked))


def _sure(order: ChatOrder, place: Place, paying: Paying, found: pieces.Sorted, *, asked: bool) -> dict[str, Sure]:
    sure = dict(place.sure)
    if order.name:
        sure["name"] = found.name_sure if found.name else Sure.CHECK
    if order.phones:
        sure["phones"] = Sure.HIGH
    if order.address_line:
        sure["address_line"] = Sure.HIGH if re.match(r"\d", order.address_line) and order.subdistrict else Sure.CHECK
    if order.items:
        sure["items"] = Sure.CHECK if any(item.sure is not Sure.HIGH for item in order.items) else Sure.HIGH
    if order.payment:
        sure["payment"] = Sure.HIGH
    if order.cod_amount is not None:
        sure["cod_amount"] = Sure.CHECK if order.cod_amount == paying.total else Sure.HIGH
    if order.note:
        sure["note"] = Sure.CHECK
    if asked and order.tax_invoice:
        sure["tax_invoice"] = Sure.HIGH if order.tax_invoice.tax_id else Sure.CHECK
    return sure


def _as(kind: Kind, order: ChatOrder) -> ChatOrder:
    """What a message of this kind says: a notice of payment names nobody, a question orders nothing."""
    if kind is Kind.NOT_ORDER or kind is Kind.CANCEL:
        return ChatOrder(
            unread=order.unread, phones=order.phones, sure={k: v for k, v in order.sure.items() if k == "phones"}
        )
    if kind is Kind.PAYMENT_NOTICE:
        return ChatOrder(
            phones=order.phones, payment=order.payment or "transfer", unread=order.unread,
            sure={"payment": Sure.HIGH},
        )  # fmt: skip
    if kind in (Kind.ADDRESS_CHANGE, Kind.ORDER_CHANGE):
        return replace(order, note=None)
    return order
