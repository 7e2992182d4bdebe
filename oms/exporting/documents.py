"""The list of documents as a file."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import aliased

from oms.actor import Actor
from oms.documents.models import Document, DocumentOrder
from oms.documents.queries import visible
from oms.exporting.shape import PRICE, Column, ExportList
from oms.orders.models import Order

_ORDERS = (
    select(func.string_agg(Order.number.distinct(), ", "))
    .join(DocumentOrder, DocumentOrder.order_id == Order.id)
    .where(DocumentOrder.document_id == Document.id)
    .correlate(Document)
    .scalar_subquery()
)
_OTHER = aliased(Document)


def _number_of(column: Any) -> Any:
    """The number of the document that another one names."""
    return select(_OTHER.number).where(_OTHER.id == column).correlate(Document).scalar_subquery()


def _rows(actor: Actor) -> Select[Any]:
    seen = visible(actor).with_only_columns(Document.id)
    return select().select_from(Document).where(Document.id.in_(seen)).order_by(Document.id.desc())


DOCUMENTS = ExportList(
    "documents", "Documents", "document.view",
    {
        "number": Column("Number", Document.number),
        "kind": Column("Kind", Document.kind),
        "status": Column("Status", Document.status),
        "issued_on": Column("Issued on", Document.issued_on),
        "tax_point": Column("Tax point", Document.tax_point),
        "branch": Column("Branch", Document.branch),
        "buyer_name": Column("Buyer", Document.buyer_name),
        "buyer_tax_id": Column("Tax id", Document.buyer_tax_id),
        "buyer_branch": Column("Buyer's branch", Document.buyer_branch),
        "net": Column("Before VAT", Document.net, PRICE),
        "vat": Column("VAT", Document.vat, PRICE),
        "exempt": Column("Exempt", Document.exempt, PRICE),
        "total": Column("Total", Document.total, PRICE),
        "orders": Column("Orders", _ORDERS),
        "refers_to": Column("Corrects", _number_of(Document.refers_to_id)),
        "replaces": Column("Replaces", _number_of(Document.replaces_id)),
        "replaced_by": Column("Replaced by", _number_of(Document.replaced_by_id)),
        "void_reason": Column("Void because", Document.void_reason),
        "void_note": Column("Words of the void", Document.void_note),
        "voided_at": Column("Voided on", Document.voided_at),
        "voided_label": Column("Voided by", Document.voided_label),
        "prints": Column("Prints", Document.prints),
        "issued_at": Column("Issued at", Document.issued_at),
        "issued_label": Column("Issued by", Document.issued_label),
    },
    _rows,
    find=(Document.number, Document.buyer_name, Document.buyer_tax_id),
    more={"customer_id": Document.customer_id, "refers_to_id": Document.refers_to_id},
)  # fmt: skip
