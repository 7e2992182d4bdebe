"""What can be read out of a chat message, and how sure each part is."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

from oms.thai.addresses import Area


class Kind(StrEnum):
    """What a message is about."""

    ORDER = "order"
    CF = "cf"  # a comment that claims a piece shown live
    ADDRESS_CHANGE = "address_change"
    PAYMENT_NOTICE = "payment_notice"
    ORDER_CHANGE = "order_change"
    CANCEL = "cancel"
    NOT_ORDER = "not_order"


class Sure(StrEnum):
    """How sure a field is: shown beside it, decided by how it was found."""

    HIGH = "high"  # labeled, or the only thing that fits
    CHECK = "check"  # found by its place in the text, or worked out from the rest
    LOW = "low"  # something contradicts it


@dataclass(frozen=True, slots=True)
class ChatItem:
    """One thing asked for, in the buyer's words. ``text`` is the piece of the message it was read from."""

    name: str
    qty: int
    variant: str | None = None
    sure: Sure = Sure.HIGH
    text: str = ""

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "qty": self.qty, "variant": self.variant}


@dataclass(frozen=True, slots=True)
class Invoice:
    """For whom a tax invoice is asked; None where the message does not say."""

    name: str | None = None
    tax_id: str | None = None
    branch: str | None = None

    def as_json(self) -> dict[str, str | None]:
        return {"name": self.name, "tax_id": self.tax_id, "branch": self.branch}


@dataclass(frozen=True, slots=True)
class ChatOrder:
    """One recipient's order. ``areas``: the places it can mean when they are several; ``unread``: words left over.

    ``typed_postcode``: what the buyer wrote where it does not fit the place named.
    """

    name: str = ""
    phones: tuple[str, ...] = ()
    address_line: str | None = None
    subdistrict: str | None = None
    district: str | None = None
    province: str | None = None
    postcode: str | None = None
    subdistrict_code: str | None = None
    items: tuple[ChatItem, ...] = ()
    payment: str | None = None
    cod_amount: Decimal | None = None
    note: str | None = None
    tax_invoice: Invoice | None = None
    areas: tuple[Area, ...] = ()
    typed_postcode: str | None = None
    unread: tuple[str, ...] = ()
    sure: dict[str, Sure] = field(default_factory=dict)

    def recipient_json(self) -> dict[str, Any]:
        """Who, where and what: the part that each recipient of one message has of his own."""
        return {
            "name": self.name,
            "phones": list(self.phones),
            "address_line": self.address_line,
            "subdistrict": self.subdistrict,
            "district": self.district,
            "province": self.province,
            "postcode": self.postcode,
            "items": [item.as_json() for item in self.items],
            "subdistrict_code": self.subdistrict_code,
        }

    def as_json(self) -> dict[str, Any]:
        return self.recipient_json() | {
            "payment": self.payment,
            "cod_amount": float(self.cod_amount) if self.cod_amount is not None else None,
            "note": self.note,
            "tax_invoice": self.tax_invoice.as_json() if self.tax_invoice else None,
        }


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """A message and the orders in it: one, or one per recipient."""

    kind: Kind
    orders: tuple[ChatOrder, ...]
    text: str = ""

    def as_json(self) -> dict[str, Any]:
        """The kind and the fields of the first recipient, and all recipients when there are several."""
        first = self.orders[0]
        answer: dict[str, Any] = {"kind": self.kind.value} | first.as_json()
        if len(self.orders) > 1:
            answer["subdistrict_code"] = None  # each recipient has his own
            answer["recipients"] = [order.recipient_json() for order in self.orders]
        answer["confidence"] = {name: sure.value for name, sure in first.sure.items()}
        return answer
