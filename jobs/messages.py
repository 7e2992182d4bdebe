"""Sending messages: letters claimed in batches, sent by several threads at once, never with a transaction open."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from flask import current_app

from jobs.context import program
from oms import outbox
from oms.db import Tx, transaction
from oms.errors import InvalidInput
from oms.net.kept import Kept
from oms.notifications.catalogue import Event
from oms.notifications.port import Letter, Sender, SendError, SendKeys
from oms.notifications.registry import AT_ONCE, open_sender
from oms.outbox import Work
from oms.sealing import Sealer
from oms.usecases.message_answers import Answer, record_answers
from oms.usecases.messages import LEASE, Batch, Outgoing, begin_batch, due_accounts
from oms.usecases.notices import TOPIC as TELL
from oms.usecases.notices_expand import SEND, expand
from oms.usecases.reminders import remind_expiring

__all__ = ["SEND", "TELL", "send", "sweep", "tell"]


def tell(tx: Tx, *, event: str, about: Sequence[Sequence[object]], urgent: bool = False) -> None:
    """Something happened to these orders: choose who is told and how."""
    expand(tx, Event(event), [(int(str(order_id)), str(rev)) for order_id, rev in about], urgent=urgent)


def send(work: Work) -> None:
    """Send what is due, account by account, until nothing is."""
    sealer: Sealer = current_app.extensions["oms.sealer"]
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="letters") as threads:
        while True:
            with transaction(program(work)) as tx:
                accounts = due_accounts(tx)
            if not any(_drain(work, account_id, sealer, threads) for account_id in accounts):
                break
    with transaction(program(work)) as tx:
        outbox.settle(tx, work.id)


def _drain(work: Work, account_id: int, sealer: Sealer, threads: ThreadPoolExecutor) -> bool:
    """One batch of one account. False when there was nothing to do."""
    with transaction(program(work)) as tx:
        outbox.extend(tx, work.id, LEASE)
        batch = begin_batch(tx, account_id, sealer)
    if batch is None:
        return False
    if batch.letters:
        answers = deliver(batch, threads)
        with transaction(program(work)) as tx:
            record_answers(tx, account_id, answers)
    return True


def deliver(batch: Batch, threads: ThreadPoolExecutor) -> list[tuple[Outgoing, Answer]]:
    """The provider's answer to each letter; settings that cannot be used are an answer too."""
    try:
        sender = opened(batch)
    except InvalidInput as refusal:
        error = SendKeys(refusal.message)
        return [(o, error) for o in batch.letters]
    return list(zip(batch.letters, threads.map(lambda o: _send(sender, o.letter), batch.letters), strict=True))


def _send(sender: Sender, letter: Letter) -> Answer:
    try:
        return sender.send(letter)
    except SendError as error:
        return error


def opened(batch: Batch) -> Sender:
    """The account's sender, kept open in this process. Raises InvalidInput."""
    kept: Kept[Sender] = current_app.extensions.setdefault("oms.senders", Kept(open_sender))
    return kept.get(batch.account_id, batch.route.value, batch.host, batch.settings)


def sweep(work: Work) -> None:
    """Once a minute: buyers are reminded, and letters whose turn has come leave, whatever became of their doorbell."""
    with transaction(program(work)) as tx:
        remind_expiring(tx)
    send(work)
