"""One way to break each promise about labels."""

from __future__ import annotations

_BATCH = (
    "INSERT INTO label_batches (status, paper, options, reason, total, printed, refused, canceled, labels, actor,"
    " user_label, idempotency_key, created_at, canceled_by, file_key)"
    " VALUES ('done', 'a6', '{}', '', 3, 2, 0, 0, 0, '{}', 'x', 'broken', now(), '', '')"
)

LABEL_BREAKS = {
    "label_copies": [
        (
            "INSERT INTO label_prints (parcel_id, shipment_id, copy, is_waybill, code, reason, by, at)"
            " SELECT id, shipment_id, label_prints + 1, false, 'x', 'x', 'x', now() FROM parcels"
        )
    ],
    "label_counts": [_BATCH],
}
