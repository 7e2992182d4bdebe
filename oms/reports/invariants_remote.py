"""What must hold for links to remote warehouses, in plain SQL."""

from __future__ import annotations

from typing import Final

from oms.reports.checks import Check

REMOTE_CHECKS: Final[tuple[Check, ...]] = (
    Check(
        11, "remote_packages", "packages with a site have no gap in either direction, as far as they were applied",
        "SELECT s.code, s.out_seq, s.in_seq FROM remote_sites s WHERE s.out_seq <> (SELECT count(*)"
        " FROM remote_packages p WHERE p.site_id = s.id AND p.way = 'out' AND p.seq BETWEEN 1 AND s.out_seq)"
        " OR s.in_seq <> (SELECT count(*) FROM remote_packages p WHERE p.site_id = s.id AND p.way = 'in'"
        " AND p.state = 'applied' AND p.seq BETWEEN 1 AND s.in_seq)",
    ),
    Check(
        11, "remote_words", "what was said to a site is in one package or waits; what is parked says why",
        "SELECT m.uid, m.state FROM remote_messages m JOIN remote_sites s ON s.id = m.site_id WHERE"
        " (m.way = 'out' AND (m.state = 'waiting') <> (m.package_seq IS NULL))"
        " OR (m.way = 'out' AND m.state = 'taken' AND m.package_seq > s.out_have)"
        " OR (m.state = 'parked' AND m.problem IS NULL)",
    ),
    Check(
        9, "remote_orders", "a site is told only of shipments of its own warehouse",
        "SELECT o.shipment_id FROM remote_orders o JOIN remote_sites s ON s.id = o.site_id"
        " JOIN shipments h ON h.id = o.shipment_id WHERE h.warehouse_id <> s.warehouse_id OR o.revision < 1",
    ),
)  # fmt: skip
