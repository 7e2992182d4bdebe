"""Invariant 8 of documents as plain SQL: numbers without gap or repeat, content as hashed, sums that add up, credits
within their invoice. Amounts are integer satang."""

from __future__ import annotations

from typing import Final

from oms.reports.checks import Check

_TAX_INVOICES: Final = (
    "('tax_invoice', 'tax_invoice_short', 'receipt_tax_invoice', 'receipt_short', 'delivery_tax_invoice')"
)
_UNPRICED: Final = "('picking_list', 'packing_slip', 'hand_over_sheet', 'return_receipt')"
_LINES: Final = "(SELECT sum((l ->> 'amount')::bigint) FROM jsonb_array_elements(d.content::jsonb -> 'lines') l)"
_NETS: Final = "(SELECT sum((l ->> 'net')::bigint) FROM jsonb_array_elements(d.content::jsonb -> 'lines') l)"

DOCUMENT_CHECKS: Final[tuple[Check, ...]] = (
    Check(
        8, "document_series", "the numbers of documents have no gap and no repeat; the series stands at the last one",
        """
        SELECT coalesce(s.series, 'document:' || d.series) AS series, s.last, d.documents, d.highest FROM
          (SELECT * FROM number_series WHERE series LIKE 'document:%') s
        FULL JOIN (SELECT series, count(DISTINCT sequence) AS documents, max(sequence) AS highest FROM documents
                   GROUP BY series) d ON s.series = 'document:' || d.series
        WHERE s.last IS DISTINCT FROM d.documents OR s.last IS DISTINCT FROM d.highest
        """,
    ),
    Check(
        8, "document_content", "a document's content is what was hashed at issue and says what the row says",
        """
        SELECT d.id, d.number, d.checksum FROM documents d
        WHERE d.checksum <> encode(sha256(convert_to(d.content, 'UTF8')), 'hex')
          OR d.number <> d.series || '-' || lpad(d.sequence::text, greatest(6, length(d.sequence::text)), '0')
          OR (d.content::jsonb ->> 'number', d.content::jsonb ->> 'kind', d.content::jsonb ->> 'issued_on',
              d.content::jsonb ->> 'tax_point', d.content::jsonb -> 'buyer' ->> 'tax_id')
             IS DISTINCT FROM (d.number, d.kind, d.issued_on::text, d.tax_point::text, d.buyer_tax_id)
        """,
    ),
    Check(
        8, "document_sums", "the lines of a document add up to its total, its VAT is in it, its orders share it",
        f"""
        SELECT d.id, d.number, d.total, d.net, d.vat, d.exempt, {_LINES} AS lines FROM documents d
        LEFT JOIN (SELECT document_id, sum(amount) AS shared FROM document_orders GROUP BY 1) o ON o.document_id = d.id
        WHERE d.net + d.vat + d.exempt <> d.total OR (d.kind NOT IN {_UNPRICED} AND o.shared IS DISTINCT FROM d.total)
          OR (d.kind NOT IN {_UNPRICED} AND d.kind NOT IN ('refund_voucher', 'receipt') AND (
            {_LINES} IS DISTINCT FROM d.total
            OR (d.content::jsonb -> 'sums' ->> 'total')::bigint IS DISTINCT FROM d.total))
          OR (d.kind IN {_TAX_INVOICES} AND ({_NETS} IS DISTINCT FROM d.net + d.exempt
            OR d.vat <> (2 * (d.net + d.vat) * d.vat_rate_bp + 10000 + d.vat_rate_bp)
                        / (2 * (10000 + d.vat_rate_bp))))
        """,
    ),
    Check(
        8, "document_orders", "an order's goods have one live tax invoice, and a voided one claims none",
        f"""
        SELECT o.order_id, d.number, d.status, o.is_live_tax, n.live FROM document_orders o
        JOIN documents d ON d.id = o.document_id
        LEFT JOIN (SELECT order_id, count(*) AS live FROM document_orders WHERE is_live_tax GROUP BY 1) n
          ON n.order_id = o.order_id
        WHERE o.is_live_tax <> (d.status = 'issued' AND d.kind IN {_TAX_INVOICES}) OR (o.is_live_tax AND n.live > 1)
        """,
    ),
    Check(
        8, "document_notes", "live credit notes never take more than their invoice has, neither value nor VAT",
        f"""
        SELECT i.id, i.number, i.total, n.credits, n.debits FROM documents i JOIN (
          SELECT refers_to_id AS id, coalesce(sum(total) FILTER (WHERE kind = 'credit_note'), 0) AS credits,
            coalesce(sum(total) FILTER (WHERE kind = 'debit_note'), 0) AS debits,
            coalesce(sum(vat) FILTER (WHERE kind = 'credit_note'), 0) AS vat_off,
            coalesce(sum(vat) FILTER (WHERE kind = 'debit_note'), 0) AS vat_on
          FROM documents WHERE status = 'issued' AND refers_to_id IS NOT NULL GROUP BY 1) n USING (id)
        WHERE n.credits > i.total + n.debits OR n.vat_off > i.vat + n.vat_on OR i.status <> 'issued'
          OR i.kind NOT IN {_TAX_INVOICES}
        """,
    ),
    Check(
        8, "document_prints", "a document was printed as often as it says, and once as the original",
        """
        SELECT d.id, d.number, d.prints, p.prints AS logged, p.originals FROM documents d
        LEFT JOIN (SELECT document_id, count(*) AS prints, count(*) FILTER (WHERE mark = 'original') AS originals
                   FROM document_prints GROUP BY 1) p ON p.document_id = d.id
        WHERE d.prints <> coalesce(p.prints, 0) OR p.originals > 1
        """,
    ),
    Check(
        8, "document_chain", "what was replaced is voided, and the two name each other",
        """
        SELECT d.id, d.number, d.replaces_id, d.replaced_by_id FROM documents d
        LEFT JOIN documents old ON old.id = d.replaces_id LEFT JOIN documents new ON new.id = d.replaced_by_id
        WHERE (d.replaces_id IS NOT NULL AND (old.replaced_by_id IS DISTINCT FROM d.id OR old.status <> 'voided'))
          OR (d.replaced_by_id IS NOT NULL AND new.replaces_id IS DISTINCT FROM d.id)
        """,
    ),
    Check(
        0, "audited_documents", "every document has a trace of who issued it, every voided one of who voided it",
        """
        SELECT d.id, d.number, d.status FROM documents d WHERE NOT EXISTS (
            SELECT 1 FROM audit_log u WHERE u.subject_type = 'document' AND u.subject_id = d.id
              AND u.action = 'document.issued' AND u.after ->> 'checksum' = d.checksum)
          OR (d.status = 'voided' AND NOT EXISTS (
            SELECT 1 FROM audit_log u WHERE u.subject_type = 'document' AND u.subject_id = d.id
              AND u.action = 'document.voided'))
        """,
    ),
)  # fmt: skip
