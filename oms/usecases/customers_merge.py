"""Two cards of one person become one, with everything that hangs on them, and can be taken apart again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import delete, select, tuple_, update

from oms import audit, clock
from oms.customers.models import Customer, CustomerAddress, CustomerIdentity, CustomerSearch
from oms.customers.people_models import Block, CustomerMerge, CustomerTaxIdentity
from oms.customers.queries import lock_customer
from oms.db import Tx
from oms.errors import InvalidInput, NotFound, Refused, say
from oms.orders.models import Order
from oms.payments.models import PaymentClaim
from oms.usecases.customers import index_customer
from oms.usecases.keeping import bounded

MOVED: Final[Mapping[str, Any]] = {
    "orders": Order, "payment_claims": PaymentClaim, "customer_identities": CustomerIdentity,
    "customer_addresses": CustomerAddress, "customer_tax_identities": CustomerTaxIdentity, "blacklist": Block,
}  # fmt: skip
_FILLED: Final = ("phone", "email", "group", "note", "tax_name", "tax_id", "tax_branch", "tax_address")


@dataclass(frozen=True)
class MergeCustomers:
    """``gone_id`` is the same person as ``kept_id``, whose card stays."""

    kept_id: int
    gone_id: int
    reason: str = ""


@dataclass(frozen=True)
class CustomersMerged:
    """``orders``: how many changed hands."""

    merge_id: int
    kept_id: int
    gone_id: int
    orders: int


def merge_customers(tx: Tx, cmd: MergeCustomers) -> CustomersMerged:
    """Give everything of one card to another. Frozen papers keep naming whom they named. Raises Refused for cards that
    were merged before."""
    tx.actor.require("customer.merge")
    if cmd.kept_id == cmd.gone_id:
        raise InvalidInput(say("Choose two different customers"), field="gone_id", code="same_customer")
    reason = bounded(cmd.reason, 300, "reason")
    _lock_orders(tx, cmd.gone_id)
    people = {i: lock_customer(tx, i) for i in sorted((cmd.kept_id, cmd.gone_id))}
    kept, gone = people[cmd.kept_id], people[cmd.gone_id]
    for person in (kept, gone):
        if person.merged_into_id is not None:
            raise Refused(say("{name} was merged with another customer before", name=person.name), code="merged_before")
        if person.anonymised_at is not None:
            raise Refused(say("This person was erased before"), code="erased_before")
    moved = _hand_over(tx, gone.id, kept.id)
    filled = _fill(kept, gone)
    gone.merged_into_id = kept.id
    merge = CustomerMerge(
        kept_id=kept.id, gone_id=gone.id, reason=reason, moved=moved, filled=filled, by=tx.actor.label[:120]
    )
    tx.session.add(merge)
    tx.session.flush()
    tx.session.execute(delete(CustomerSearch).where(CustomerSearch.customer_id == gone.id))
    index_customer(tx, kept, gone.name)
    counts = {table: len(ids) for table, ids in moved.items() if ids}
    after = {"gone": gone.id, "name": gone.name, "filled": sorted(filled), **counts}
    audit.record(tx, "customer.merged", "customer", kept.id, kept.name, after=after, reason=reason)
    audit.record(tx, "customer.merged_into", "customer", gone.id, gone.name, after={"kept": kept.id}, reason=reason)
    return CustomersMerged(merge.id, kept.id, gone.id, len(moved["orders"]))


def undo_merge(tx: Tx, merge_id: int) -> CustomersMerged:
    """Take two cards apart again: each gets back what it had; what came after the merge stays with the kept one."""
    tx.actor.require("customer.merge")
    merge = tx.session.get(CustomerMerge, merge_id)
    if merge is None:
        raise NotFound(say("There is no such merge"), code="merge_not_found")
    _lock_orders(tx, merge.kept_id)
    people = {i: lock_customer(tx, i) for i in sorted((merge.kept_id, merge.gone_id))}
    tx.session.refresh(merge, with_for_update=True)
    kept, gone = people[merge.kept_id], people[merge.gone_id]
    if merge.undone_at is not None:
        raise Refused(say("This merge was undone already"), code="merge_undone")
    if kept.anonymised_at is not None:
        raise Refused(say("This person was erased before"), code="erased_before")
    if kept.merged_into_id is not None:
        raise Refused(say("{name} was merged into another later; undo that first", name=kept.name), code="merged_later")
    for table, ids in merge.moved.items():
        model = MOVED[table]
        tx.session.execute(
            update(model)
            .where(model.id.in_(ids), model.customer_id == kept.id)
            .values(customer_id=gone.id)
            .execution_options(synchronize_session=False)
        )
    for field, value in merge.filled.items():
        if getattr(kept, field) == value:
            setattr(kept, field, "")
    gone.merged_into_id = None
    merge.undone_at, merge.undone_by = clock.now(), tx.actor.label[:120]
    tx.session.flush()
    index_customer(tx, kept)
    index_customer(tx, gone)
    audit.record(tx, "customer.merge_undone", "customer", kept.id, kept.name, after={"back": gone.id})
    audit.record(tx, "customer.merge_undone", "customer", gone.id, gone.name, after={"from": kept.id})
    return CustomersMerged(merge.id, kept.id, gone.id, len(merge.moved.get("orders", ())))


def merge_of(tx: Tx, gone_id: int) -> CustomerMerge | None:
    """The living merge by which a card went away."""
    return tx.session.scalars(
        select(CustomerMerge).where(CustomerMerge.gone_id == gone_id, CustomerMerge.undone_at.is_(None))
    ).one_or_none()


def _lock_orders(tx: Tx, customer_id: int) -> None:
    """Orders before people, in id order, as everybody locks them."""
    tx.session.execute(
        select(Order.id).where(Order.customer_id == customer_id).order_by(Order.id).with_for_update(key_share=True)
    )


def _hand_over(tx: Tx, gone_id: int, kept_id: int) -> dict[str, list[int]]:
    """Everything of one card to another; answers what moved."""
    moved: dict[str, list[int]] = {}
    for table, model in MOVED.items():
        statement = update(model).where(model.customer_id == gone_id)
        if model is CustomerTaxIdentity:  # the same tax identity twice stays where it is
            twin = select(CustomerTaxIdentity.tax_id, CustomerTaxIdentity.branch, CustomerTaxIdentity.name).where(
                CustomerTaxIdentity.customer_id == kept_id
            )
            statement = statement.where(tuple_(model.tax_id, model.branch, model.name).not_in(twin))
        rows = tx.session.scalars(
            statement.values(customer_id=kept_id).returning(model.id).execution_options(synchronize_session=False)
        )
        moved[table] = sorted(rows)
    return moved


def _fill(kept: Customer, gone: Customer) -> dict[str, str]:
    """Blank fields of the kept card take what the other one said; a tax identity only as a whole."""
    filled: dict[str, str] = {}
    for field in _FILLED:
        ours, theirs = getattr(kept, field), getattr(gone, field)
        if ours or not theirs or (field.startswith("tax_") and kept.tax_id and not filled.get("tax_name")):
            continue
        setattr(kept, field, theirs)
        filled[field] = theirs
    return filled
