"""What must hold for customers, in plain SQL."""

from __future__ import annotations

from typing import Final

from oms.reports.checks import Check

PEOPLE_CHECKS: Final[tuple[Check, ...]] = (
    Check(
        9, "merged_customers", "a card that was merged into another has nothing left, and one living merge says so",
        "SELECT c.id, c.merged_into_id FROM customers c WHERE c.merged_into_id IS NOT NULL AND ("
        "EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = c.id)"
        " OR EXISTS (SELECT 1 FROM customer_identities i WHERE i.customer_id = c.id)"
        " OR EXISTS (SELECT 1 FROM customer_addresses a WHERE a.customer_id = c.id)"
        " OR NOT EXISTS (SELECT 1 FROM customer_merges m WHERE m.gone_id = c.id AND m.kept_id = c.merged_into_id"
        " AND m.undone_at IS NULL))",
    ),
    Check(
        9, "erased_people", "of a person who was erased nothing is left that names them, on the card or on orders",
        "SELECT c.id FROM customers c WHERE c.anonymised_at IS NOT NULL AND (c.phone <> '' OR c.email <> ''"
        " OR c.tax_id <> '' OR EXISTS (SELECT 1 FROM customer_identities i WHERE i.customer_id = c.id"
        " AND i.external_id NOT LIKE 'erased:%') OR EXISTS (SELECT 1 FROM customer_search s WHERE s.customer_id = c.id)"
        " OR EXISTS (SELECT 1 FROM customer_addresses a WHERE a.customer_id = c.id AND (a.phone <> '' OR a.line <> ''))"
        " OR EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = c.id AND o.closed_at < c.anonymised_at"
        " AND (o.ship_phone <> '' OR o.ship_line <> '')))",
    ),
    Check(
        9, "living_merges", "a merge that was not undone has its card merged",
        "SELECT m.id FROM customer_merges m JOIN customers c ON c.id = m.gone_id"
        " WHERE m.undone_at IS NULL AND c.merged_into_id IS DISTINCT FROM m.kept_id",
    ),
)  # fmt: skip
