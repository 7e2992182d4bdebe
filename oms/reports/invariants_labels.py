"""What must hold for labels: the log of prints, the marks on boxes, the counts of batches."""

from __future__ import annotations

from typing import Final

from oms.reports.checks import Check

LABEL_COPIES: Final = """
    SELECT p.id AS parcel_id, p.label_prints AS marked, count(*) AS logged, max(l.copy) AS last
    FROM label_prints l JOIN parcels p ON p.id = l.parcel_id GROUP BY p.id
    HAVING count(*) > p.label_prints OR max(l.copy) >= p.label_prints
    UNION ALL
    SELECT l.parcel_id, NULL, NULL, l.copy FROM label_prints l JOIN parcels p ON p.id = l.parcel_id
    WHERE p.shipment_id <> l.shipment_id
"""

LABEL_COUNTS: Final = """
    SELECT b.id, b.printed, b.refused, b.canceled, r.printed AS rows_printed FROM label_batches b
    LEFT JOIN (SELECT batch_id, count(*) AS rows, count(*) FILTER (WHERE status = 'printed') AS printed,
                 count(*) FILTER (WHERE status = 'refused') AS refused,
                 count(*) FILTER (WHERE status = 'canceled') AS canceled
               FROM label_batch_rows GROUP BY batch_id) r ON r.batch_id = b.id
    WHERE (coalesce(r.rows, 0), coalesce(r.printed, 0), coalesce(r.refused, 0), coalesce(r.canceled, 0))
      <> (b.total, b.printed, b.refused, b.canceled)
"""

LABEL_CHECKS: Final[tuple[Check, ...]] = (
    Check(0, "label_copies", "every label on record is marked on its box", LABEL_COPIES),
    Check(12, "label_counts", "a batch of labels counts its rows", LABEL_COUNTS),
)
