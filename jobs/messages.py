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
from oms.notifications.port import Allowance, Letter, Sender, SendError, SendKeys
from oms.notifications.registry import HASTY, MANY_AT_ONCE, open_sender, try_out
from oms.outbox import Work
from oms.sealing import Sealer
from oms.usecases.api_deliveries import owe_deliveries
from oms.usecases.chat_writers import owe_names
from oms.usecases.message_answers import Answer, record_answers
from oms.usecases.message_routes import OpenedRoute, open_route, record_trial, uncounted
from oms.usecases.messages import LEASE, Batch, Outgoing, begin_batch, due_accounts
from oms.usecases.notices import TOPIC as TELL
from oms.usecases.notices_expand import SEND, expand
from oms.usecases.reminders import remind_expiring
from oms.usecases.staff_alerts import StaffWarning, begin_warnings, record_warning

__all__ = ["SEND", "TELL", "send", "sweep", "tell"]


def tell(tx: Tx, *, event: str, about: Sequence[Sequence[object]], urgent: bool = False) -> None:
    """Something happened to these orders: choose who is told and how; programs that subscribed are told as well."""
    told = [(int(str(order_id)), str(rev)) for order_id, rev in about]
    expand(tx, Event(event), told, urgent=urgent)
    owe_deliveries(tx, event, told)


def send(work: Work) -> None:
    """Send what is due, account by account, until nothing is."""
    sealer: Sealer = current_app.extensions["oms.sealer"]
    with ThreadPoolExecutor(MANY_AT_ONCE, thread_name_prefix="letters") as threads:
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
    return open_kept(OpenedRoute(batch.account_id, batch.route, batch.host, batch.settings))


def open_kept(route: OpenedRoute) -> Sender:
    """The sender of an account, kept open in this process. Raises InvalidInput."""
    kept: Kept[Sender] = current_app.extensions.setdefault("oms.senders", Kept(open_sender))
    return kept.get(route.id, route.route.value, route.host, route.settings)


def sweep(work: Work) -> None:
    """Once a minute: buyers are reminded, names of writers asked for, quotas looked at, staff warned; and letters
    whose turn has come leave, whatever became of their doorbell."""
    sealer: Sealer = current_app.extensions["oms.sealer"]
    with transaction(program(work)) as tx:
        remind_expiring(tx)
        owe_names(tx)
        stale = uncounted(tx)
        warnings = begin_warnings(tx, sealer)
    for account_id in stale:
        _count(work, account_id, sealer)
    for found in warnings:
        error = _warn(found)
        with transaction(program(work)) as tx:
            record_warning(tx, found.subscription_id, error)
    send(work)


def _count(work: Work, account_id: int, sealer: Sealer) -> None:
    """Look what is left of a quota. A month that began, or a package that was filled up, ends a stop by itself."""
    with transaction(program(work)) as tx:
        outbox.extend(tx, work.id, LEASE)
        route = open_route(tx, account_id, sealer)
    try:
        result: Allowance | SendError = try_out(route.route, route.host, route.settings)
    except SendError as error:
        result = error
    with transaction(program(work)) as tx:
        record_trial(tx, account_id, result, by_itself=True)


def _warn(found: StaffWarning) -> str:
    """Send one warning; "" when it went, else why not."""
    try:
        sender = open_sender(found.route.route, found.route.host, found.route.settings, HASTY)
        try:
            sender.send(found.letter)
        finally:
            sender.close()
    except (SendError, InvalidInput) as error:
        return str(error)
    return ""
