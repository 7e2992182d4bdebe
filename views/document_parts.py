"""What screens of documents share: labels and tones, the papers as pictures and files."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from flask import Flask, Response
from werkzeug.datastructures import Headers

from oms.db import Tx
from oms.documents.kinds import GROUP_LABELS, KIND_LABELS, KINDS, Kind, Layout
from oms.documents.models import Document
from oms.documents.paper import A4, Look, has_slip, pdf_of
from oms.documents.pictures import pictures
from oms.documents.states import DOCUMENT, VOID_LABELS, DocumentStatus, PrintMark
from oms.orders.models import Order
from oms.reports.order_documents import OrderDocuments, order_documents

TONES = {DocumentStatus.DRAFT: "warn", DocumentStatus.ISSUED: "ok", DocumentStatus.VOIDED: "bad"}


def shown_pages(content: Mapping[str, Any], checksum: str, look: Look) -> list[str]:
    """The pages of a paper as pictures that fit into a page of ours."""
    return [data_uri(png) for png in pictures(pdf_of(content, checksum, look))]


def data_uri(png: bytes) -> str:
    """A picture inside the page itself."""
    return "data:image/png;base64," + base64.b64encode(png).decode()


def stored_pages(document: Document) -> list[str]:
    """A stored document on the screen, which is a copy."""
    look = Look(PrintMark.COPY, void=document.status is DocumentStatus.VOIDED)
    return shown_pages(document.content, document.checksum, look)


def pdf_answer(pdf: bytes, name: str) -> Response:
    """A PDF for the browser to show; not kept by anybody on the way."""
    headers = Headers({"Content-Disposition": f'inline; filename="{name}.pdf"', "Cache-Control": "private, no-store"})
    return Response(pdf, mimetype="application/pdf", headers=headers)


def documents_of(tx: Tx, order: Order) -> OrderDocuments:
    """The documents card of an order."""
    return order_documents(tx, order)


def papers_of(content: Mapping[str, Any]) -> Sequence[str]:
    """The papers a document may be printed on."""
    return (A4, "80mm") if has_slip(content) else (A4,)


def bulk_kinds() -> list[Kind]:
    """What can be issued for many orders at once, one document each."""
    return [row for row in KINDS.values() if not row.sign and row.layout not in {Layout.VOUCHER, Layout.PARCELS}]


def install(app: Flask) -> None:
    """Give the templates the words of documents."""
    app.jinja_env.globals.update(
        DOCUMENT_LABELS=DOCUMENT.labels, DOCUMENT_TONES=TONES, KIND_LABELS=KIND_LABELS, KIND_ROWS=KINDS,
        KIND_GROUPS=GROUP_LABELS, VOID_LABELS=VOID_LABELS, bulk_kinds=bulk_kinds,
    )  # fmt: skip
