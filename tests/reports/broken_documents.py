"""Documents in the auditor's world, and one way to break each promise about them."""

from __future__ import annotations

from decimal import Decimal

from oms.documents.states import CreditReason, VoidReason
from oms.documents.states import DocumentKind as K
from oms.money import Money
from oms.usecases.documents import IssueDocument, issue_document
from oms.usecases.documents_notes import IssueNote, issue_note
from oms.usecases.documents_print import open_prints, record_prints
from oms.usecases.documents_void import ReplaceDocument, replace_document
from tests.papers import FULL, seller


def issue_some(tx, paid: int, shipped: int, held: int) -> None:
    """An invoice with a credit note, one replaced by another, a receipt, papers without prices, prints."""
    seller(tx)
    invoice = issue_document(tx, IssueDocument(K.TAX_INVOICE, (paid,), buyer=FULL))
    issue_note(tx, IssueNote(invoice.document_id, K.CREDIT_NOTE, CreditReason.PRICE_CUT, "x", Money(Decimal("12.34"))))
    first = issue_document(tx, IssueDocument(K.TAX_INVOICE, (shipped,), buyer=FULL))
    replace_document(tx, ReplaceDocument(first.document_id, VoidReason.WRONG_NAME))
    issue_document(tx, IssueDocument(K.RECEIPT, (paid,), amount=Money(Decimal(1))))
    issue_document(tx, IssueDocument(K.PICKING_LIST, (paid, held)))
    sheets = open_prints(tx, [invoice.document_id], with_copy=True)
    record_prints(tx, sheets, "a4", ["a" * 64, "b" * 64])


LIVE = "(SELECT id FROM documents WHERE kind = 'tax_invoice' AND status = 'issued' ORDER BY id LIMIT 1)"
NO_CHECK = "ALTER TABLE documents DROP CONSTRAINT ck_documents_{}"
DOCUMENT_BREAKS = {
    "document_series": ["UPDATE number_series SET last = last + 1 WHERE series LIKE 'document:IV%'"],
    "document_content": [f"UPDATE documents SET content = replace(content, 'บริษัท', 'บริษัด') WHERE id = {LIVE}"],
    "document_sums": [
        NO_CHECK.format("amounts"),
        f"UPDATE documents SET vat = vat + 1, net = net - 1 WHERE id = {LIVE}",
    ],
    "document_orders": [f"UPDATE document_orders SET is_live_tax = false WHERE document_id = {LIVE}"],
    "document_notes": ["UPDATE documents SET vat = vat + 1000000, total = total + 1000000 WHERE kind = 'credit_note'"],
    "document_prints": [f"DELETE FROM document_prints WHERE document_id = {LIVE} AND mark = 'copy'"],
    "document_chain": ["UPDATE documents SET replaced_by_id = NULL"],
    "audited_documents": ["DELETE FROM audit_log WHERE action = 'document.voided' AND subject_type = 'document'"],
}
