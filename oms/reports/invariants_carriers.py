"""What always holds of bookings and of carriers' words."""

from __future__ import annotations

from typing import Final

from oms.reports.checks import Check

CARRIER_CHECKS: Final[tuple[Check, ...]] = (
    Check(
        7, "booked_numbers", "a booked box carries the number of its booking",
        """
        SELECT b.id, b.ref, b.tracking_no AS booked, p.tracking_no AS carried
        FROM carrier_bookings b JOIN parcels p ON p.id = b.parcel_id
        WHERE b.status = 'booked' AND b.reason = '' AND p.is_live AND p.tracking_no <> b.tracking_no
        """,
    ),
    Check(
        9, "never_left", "a carrier's word brings no shipment to an end that has not left",
        """
        SELECT id, number, status FROM shipments
        WHERE status IN ('delivered', 'returning', 'returned', 'lost') AND handed_over_at IS NULL
        """,
    ),
)  # fmt: skip
