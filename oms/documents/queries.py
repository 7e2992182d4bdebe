"""Reads and locks of documents, of who sells, and of the rate of VAT."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from sqlalchemy import Select, and_, func, select
from sqlalchemy.orm import Session, selectinload

from oms.actor import Actor
from oms.db import Tx
from oms.documents.kinds import KINDS
from oms.documents.models import (
    BranchShop,
    BranchWarehouse,
    Company,
    CompanyBranch,
    Document,
    DocumentOrder,
    DocumentSetting,
    VatRate,
)
from oms.documents.parties import Seller
from oms.documents.states import DocumentKind, DocumentStatus
from oms.errors import Conflict, NotFound, say
from oms.money import ZERO, Money
from oms.orders.models import Order
from oms.orders.queries import NO_ID
from oms.orders.queries import visible as visible_orders

PACK_KINDS = tuple(sorted(kind for kind, row in KINDS.items() if not row.has_prices))


def may_issue(actor: Actor, kind: DocumentKind) -> bool:
    """Papers without prices are also made by those who pack."""
    return actor.may("document.issue") or (kind in PACK_KINDS and actor.may("shipment.pack"))


def visible(actor: Actor) -> Select[Document]:
    """The documents this actor may see: all of whose orders they see; without prices when that is all they may."""
    statement = select(Document)
    if not actor.may("document.view"):
        kinds = PACK_KINDS if actor.may("shipment.pack") else ()
        statement = statement.where(Document.kind.in_(kinds))
    if actor.warehouses is None and actor.shops is None and not actor.own_orders_only:
        return statement
    mine = visible_orders(actor).with_only_columns(Order.id)
    hidden = select(DocumentOrder.order_id).where(
        DocumentOrder.document_id == Document.id, DocumentOrder.order_id.not_in(mine)
    )
    return statement.where(~hidden.exists())


def get_document(tx: Tx, document_id: int) -> Document:
    """One visible document. Raises NotFound."""
    return _found(tx.session.scalars(visible(tx.actor).where(Document.id == min(document_id, NO_ID))).one_or_none())


def lock_documents(tx: Tx, document_ids: Collection[int]) -> list[Document]:
    """The visible documents among these, locked in id order and read afresh, with their orders."""
    statement = (
        visible(tx.actor)
        .where(Document.id.in_(sorted({i for i in document_ids if 0 < i < NO_ID})))
        .order_by(Document.id)
        .options(selectinload(Document.orders))
        .with_for_update(of=Document)
        .execution_options(populate_existing=True)
    )
    return list(tx.session.scalars(statement))


def lock_document(tx: Tx, document_id: int, version: int | None = None) -> Document:
    """One visible document, locked. Raises NotFound, or Conflict when ``version`` is not the one stored."""
    found = _found(next(iter(lock_documents(tx, [document_id])), None))
    if version is not None and found.version != version:
        raise Conflict(say("Someone else changed this document; reload and look again"), code="stale")
    return found


def order_ids_of(tx: Tx, document_id: int) -> list[int]:
    """The orders a document is about; read before they are locked, because orders are locked before documents."""
    mine = select(DocumentOrder.order_id).where(DocumentOrder.document_id == min(document_id, NO_ID))
    return sorted(tx.session.scalars(mine))


def find_by_number(session: Session, actor: Actor, text: str) -> int | None:
    """The document with exactly this number, if it is this actor's to see."""
    asked = visible(actor).with_only_columns(Document.id).where(Document.number == text.strip().upper()[:40])
    return session.scalar(asked)


def find_by_token(session: Session, actor: Actor, token: str) -> Document | None:
    """The document whose paper bears this code, if it is this actor's to see."""
    return session.scalars(visible(actor).where(Document.token == token[:40])).one_or_none()


def of_orders(session: Session, order_ids: Collection[int]) -> list[tuple[int, Document]]:
    """(order id, document) of all documents of these orders, the oldest first."""
    rows = session.execute(
        select(DocumentOrder.order_id, Document)
        .join(Document, Document.id == DocumentOrder.document_id)
        .where(DocumentOrder.order_id.in_(sorted(set(order_ids))))
        .order_by(Document.id)
    )
    return [(order_id, document) for order_id, document in rows]


def notes_of(session: Session, invoice_id: int) -> list[Document]:
    """The live credit and debit notes of an invoice, the oldest first."""
    live = select(Document).where(Document.refers_to_id == invoice_id, Document.status == DocumentStatus.ISSUED)
    return list(session.scalars(live.order_by(Document.id)))


def credited_of_order(session: Session, invoice_id: int, order_id: int) -> Money:
    """How much of an order's share of an invoice live credit notes have taken off."""
    found = session.scalar(
        select(func.sum(DocumentOrder.amount))
        .join(Document, Document.id == DocumentOrder.document_id)
        .where(
            Document.refers_to_id == invoice_id, Document.kind == DocumentKind.CREDIT_NOTE,
            Document.status == DocumentStatus.ISSUED, DocumentOrder.order_id == order_id,
        )
    )  # fmt: skip
    return found or ZERO


def find_seller(session: Session, shop_id: int | None = None, warehouse_id: int | None = None) -> Seller:
    """The company with the branch that sells through this shop or from this warehouse; else the head office."""
    company = session.get(Company, 1) or Company(
        name="", name_en="", tax_id="", is_vat_registered=False, phone="", email="", site_url="", footer="",
        era=Seller.era,
    )  # fmt: skip
    branch = _branch(session, shop_id, warehouse_id) or CompanyBranch(
        code=Seller.branch, name="", address="", address_en="", phone=""
    )
    return Seller(
        name=company.name, name_en=company.name_en, tax_id=company.tax_id, is_vat=company.is_vat_registered,
        vat_from=company.vat_from, branch=branch.code, branch_name=branch.name, address=branch.address,
        address_en=branch.address_en, phone=branch.phone or company.phone, email=company.email,
        site_url=company.site_url, era=company.era, footer=company.footer,
        logo=company.logo or b"", color=company.color or "",
    )  # fmt: skip


def _branch(session: Session, shop_id: int | None, warehouse_id: int | None) -> CompanyBranch | None:
    rows = session.execute(
        select(CompanyBranch, BranchShop.shop_id, BranchWarehouse.warehouse_id)
        .outerjoin(BranchShop, and_(BranchShop.branch_id == CompanyBranch.id, BranchShop.shop_id == shop_id))
        .outerjoin(
            BranchWarehouse,
            and_(BranchWarehouse.branch_id == CompanyBranch.id, BranchWarehouse.warehouse_id == warehouse_id),
        )
        .order_by(CompanyBranch.id)
    ).all()
    ranked = [(2 * bool(shop) + bool(place), branch) for branch, shop, place in rows]
    named = [(rank, branch) for rank, branch in ranked if rank or branch.is_head_office]
    return max(named, key=lambda found: found[0])[1] if named else None


def find_setting(session: Session, kind: DocumentKind) -> tuple[str, str]:
    """(prefix, footer) of a kind, as set or as it comes."""
    row = session.get(DocumentSetting, kind)
    return (row.prefix, row.footer) if row else (KINDS[kind].prefix, "")


def find_rate(session: Session, day: date) -> int | None:
    """The rate of VAT on that day in hundredths of a percent; None when no rate covers it."""
    row = session.scalars(
        select(VatRate).where(VatRate.valid_from <= day).order_by(VatRate.valid_from.desc()).limit(1)
    ).one_or_none()
    return None if row is None or (row.valid_until is not None and row.valid_until < day) else row.rate_bp


def _found(found: Document | None) -> Document:
    if found is None:
        raise NotFound(say("There is no such document, or it is not yours to see"), code="document_not_found")
    return found
