"""A merged and a forgotten customer in the auditor's world, and one way to break each promise about them."""

from __future__ import annotations

from oms.customers.models import IdentityKind
from oms.usecases.customers import Address, CreateCustomer, IdentityInput, create_customer
from oms.usecases.customers_merge import MergeCustomers, merge_customers
from oms.usecases.privacy_erase import Anonymise, anonymise_customer


def merge_some(tx) -> None:
    """Two cards of one person, merged; another person who was forgotten."""
    home = Address("นก", "", "45/7", postcode="50210")
    ids = [
        create_customer(
            tx, CreateCustomer(name, identities=(IdentityInput(IdentityKind.LINE, name),), address=home)
        ).customer_id
        for name in ("นก", "กนกวรรณ")
    ]
    merge_customers(tx, MergeCustomers(*ids))
    gone = create_customer(
        tx, CreateCustomer("ลืม", identities=(IdentityInput(IdentityKind.LINE, "leum"),), address=home)
    )
    tx.session.flush()
    anonymise_customer(tx, Anonymise(gone.customer_id, "asked"))


PEOPLE_BREAKS = {
    "merged_customers": [
        "UPDATE customer_addresses SET customer_id = (SELECT gone_id FROM customer_merges LIMIT 1)",
        "UPDATE customer_identities SET customer_id = (SELECT gone_id FROM customer_merges LIMIT 1) WHERE external_id = 'นก'",
    ],
    "erased_people": [
        "UPDATE customers SET phone = '0800001234' WHERE anonymised_at IS NOT NULL",
        "UPDATE customer_identities SET external_id = 'leum' WHERE external_id LIKE 'erased:%'",
        "UPDATE customer_addresses SET line = '45/7' WHERE line = ''",
    ],
    "living_merges": ["UPDATE customers SET merged_into_id = NULL"],
}
