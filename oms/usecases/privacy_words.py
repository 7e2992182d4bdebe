"""What was said to a person and what channels said of them: forgotten with the person, dropped when it is old."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import delete, null, or_, select, tuple_, update

from oms.channels.models import ChannelHook, ChannelMessage
from oms.channels.return_models import ChannelReturn
from oms.channels.states import HookStatus
from oms.customers.models import Customer, CustomerIdentity
from oms.db import Tx
from oms.intake.states import Outcome
from oms.notifications.models import Message, MessageContact
from oms.notifications.writers import ChatWords, ChatWriter
from oms.orders.models import Order
from oms.usecases.chat_writers import forget_writers, old_writers

MOST: Final = 2000  # rows of one kind in one go
_QUIET: Final = {"synchronize_session": False}


def forget_words(tx: Tx, customer_ids: Sequence[int], order_ids: Sequence[int]) -> None:
    """Messages lose their words and where they went, contacts their addresses; raw words of channels go. That a
    message was sent, when and by which route stays. Called before identities are forgotten."""
    addresses = set(
        tx.session.scalars(select(CustomerIdentity.external_id).where(CustomerIdentity.customer_id.in_(customer_ids)))
    )
    for phone, email in tx.session.execute(select(Customer.phone, Customer.email).where(Customer.id.in_(customer_ids))):
        addresses |= {phone, email} - {""}
    tx.session.execute(
        delete(MessageContact).where(MessageContact.address.in_(sorted(addresses))).execution_options(**_QUIET)
    )
    forget_writers(tx, sorted(addresses))
    tx.session.execute(
        update(Message)
        .where(Message.order_id.in_(order_ids))
        .values(recipient="", subject="", body="")
        .execution_options(**_QUIET)
    )
    tx.session.execute(
        update(ChannelReturn)
        .where(ChannelReturn.order_id.in_(order_ids))
        .values(raw=null(), reason="")
        .execution_options(**_QUIET)
    )
    told = select(Order.shop_id, Order.external_no).where(Order.id.in_(order_ids), Order.external_no.is_not(None))
    of_orders = tuple_(ChannelMessage.shop_id, ChannelMessage.external_no).in_(told)
    tx.session.execute(
        delete(ChannelMessage).where(or_(ChannelMessage.order_id.in_(order_ids), of_orders)).execution_options(**_QUIET)
    )


def purge_words(tx: Tx, before: datetime) -> int:
    """Drop raw words of channels, webhooks and chats that are old and dealt with, and people of chats who wrote long
    ago and are no customers; answers how many."""
    dealt_with = or_(ChannelMessage.outcome.is_(None), ChannelMessage.outcome != Outcome.QUARANTINED)
    old: Sequence[tuple[Any, Any]] = (
        (ChannelMessage, (ChannelMessage.received_at < before) & dealt_with),
        (ChannelHook, (ChannelHook.last_at < before) & (ChannelHook.status != HookStatus.WAITING)),
        (ChatWords, ChatWords.at < before),
        (ChatWriter, old_writers(before)),
    )
    kept = (ChannelReturn.changed_at < before) & ChannelReturn.raw.is_not(None) & ChannelReturn.wait.is_(None)
    tx.session.execute(update(ChannelReturn).where(kept).values(raw=null()).execution_options(**_QUIET))
    dropped = 0
    for model, condition in old:
        ids = select(model.id).where(condition).order_by(model.id).limit(MOST).with_for_update(skip_locked=True)
        found = tx.session.scalars(ids).all()
        if found:
            tx.session.execute(delete(model).where(model.id.in_(found)).execution_options(**_QUIET))
            dropped += len(found)
    return dropped
