"""A merged customer in the auditor's world, and one way to break each promise about merging."""

from __future__ import annotations

from oms.customers.models import IdentityKind
from oms.usecases.customers import Address, CreateCustomer, IdentityInput, create_customer
from oms.usecases.customers_merge import MergeCustomers, merge_customers


def merge_some(tx) -> None:
    """Two cards of one person, merged."""
    home = Address("นก", "", "45/7", postcode="50210")
    ids = [
        create_customer(
            tx, CreateCustomer(name, identities=(IdentityInput(IdentityKind.LINE, name),), address=home)
        ).customer_id
        for name in ("นก", "กนกวรรณ")
    ]
    merge_customers(tx, MergeCustomers(*ids))


PEOPLE_BREAKS = {
    "merged_customers": [
        "UPDATE customer_addresses SET customer_id = (SELECT gone_id FROM customer_merges LIMIT 1)",
        "UPDATE customer_identities SET customer_id = (SELECT gone_id FROM customer_merges LIMIT 1) WHERE external_id = 'นก'",
    ],
    "living_merges": ["UPDATE customers SET merged_into_id = NULL"],
}
