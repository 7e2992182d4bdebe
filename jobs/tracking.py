"""Where parcels are: carriers asked by the clock, their messages read, what follows from both done."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta

from jobs.carriers import opened, sealer
from jobs.context import program
from oms import clock, outbox
from oms.carriers.port import Carrier, CarrierError, CarrierEvent, CarrierKeys, CarrierSilent, WebhookNews
from oms.db import transaction
from oms.errors import OmsError
from oms.outbox import Work
from oms.shipping.carrier_queries import get_carrier
from oms.usecases.booking_results import LEASE, found_by_reference
from oms.usecases.bookings import release_dead
from oms.usecases.carrier_messages import (
    HEAR,
    Raw,
    believe,
    forget_old,
    have_read,
    left_waiting,
    mark_read,
    match_numbers,
    unnamed,
    waiting_messages,
)
from oms.usecases.carriers import Reached, reach
from oms.usecases.tracking import follow_parcels
from oms.usecases.tracking_polls import (
    HOOK,
    Round,
    claim_due,
    claim_these,
    record_round,
    tracked_carriers,
    waiting_to_follow,
)

__all__ = ["HEAR", "ask", "hear", "poll"]
ROUNDS = 40  # questions to one carrier in one turn of the clock
FOLLOW = 100
DEAD_SINCE = timedelta(days=7)
log = logging.getLogger(__name__)
Answer = Mapping[str, Sequence[CarrierEvent]] | CarrierError


def ask(asked: Round) -> Answer:
    """What the carrier says of these parcels, or why it does not."""
    try:
        return opened(asked.reached).track(list(asked.numbers))
    except CarrierError as error:
        return error


def poll(work: Work) -> None:
    """One turn of the clock: ask what is due, let shipments follow their parcels, take back dead bookings."""
    with transaction(program(work)) as tx:
        carriers = tracked_carriers(tx)
    for carrier_id in carriers:
        for _ in range(ROUNDS):
            if not _round(work, carrier_id):
                break
    _follow(work)
    with transaction(program(work)) as tx:
        release_dead(tx, clock.now() - DEAD_SINCE)
        forget_old(tx)
        for carrier_id in left_waiting(tx):
            have_read(tx, carrier_id)
        outbox.settle(tx, work.id)


def _round(work: Work, carrier_id: int) -> bool:
    """Ask once. False when there is nothing more to ask this carrier now."""
    with transaction(program(work)) as tx:
        outbox.extend(tx, work.id, LEASE)
        asked = claim_due(tx, carrier_id, sealer())
    if asked is None:
        return False
    answer = ask(asked)
    return _record(work, asked, answer, "poll") and not isinstance(answer, CarrierKeys | CarrierSilent)


def _record(work: Work, asked: Round, answer: Answer, source: str) -> bool:
    """Write a round down. Somebody else at the same goods: it is asked again when the claim runs out."""
    try:
        with transaction(program(work)) as tx:
            record_round(tx, asked, answer, source)
    except OmsError as refusal:
        log.warning("tracking of carrier %s is put off: %s", asked.carrier_id, refusal)
        return False
    return True


def _follow(work: Work) -> None:
    with transaction(program(work)) as tx:
        waiting = waiting_to_follow(tx)
    for start in range(0, len(waiting), FOLLOW):
        with transaction(program(work)) as tx:
            outbox.extend(tx, work.id, LEASE)
            follow_parcels(tx, waiting[start : start + FOLLOW])


def hear(work: Work) -> None:
    """Read what a carrier sent. What it signed is written down; for the rest the carrier itself is asked."""
    carrier_id, after = int(work.payload["carrier_id"]), 0
    with transaction(program(work)) as tx:
        carrier = get_carrier(tx.session, carrier_id)
        reached = reach(carrier, sealer()) if carrier.adapter else None
    while reached is not None:
        with transaction(program(work)) as tx:
            outbox.extend(tx, work.id, LEASE)
            raws = waiting_messages(tx, carrier_id, after)
        if not raws:
            break
        after = raws[-1].id
        _read(work, carrier_id, reached, raws)
    with transaction(program(work)) as tx:
        outbox.settle(tx, work.id)


def _read(work: Work, carrier_id: int, reached: Reached, raws: Sequence[Raw]) -> None:
    news: dict[int, WebhookNews] = {}
    refused: dict[int, str] = {}
    for raw in raws:
        try:
            news[raw.id] = opened(reached).read_webhook(raw.headers, raw.body)
        except CarrierError as error:
            refused[raw.id] = str(error)
    believed = [told for found in news.values() if found.trusted for told in found.parcels]
    hinted = [told for found in news.values() if not found.trusted for told in found.parcels]
    with transaction(program(work)) as tx:
        believe(tx, carrier_id, believed)
        hints = match_numbers(tx, carrier_id, hinted)
        bookings = unnamed(tx, carrier_id, hinted)
    _look(work, carrier_id, {i for ids in hints.values() for i in ids})
    _name(work, carrier_id, reached, bookings)
    with transaction(program(work)) as tx:
        known = match_numbers(tx, carrier_id, [*believed, *hinted])
        ours = {i for i, found in news.items() if _any_known(found, known)}
        mark_read(tx, ours, set(news) - ours, refused)


def _any_known(found: WebhookNews, known: Mapping[str, object]) -> bool:
    return not found.parcels or any(told.tracking_no in known for told in found.parcels)


def _look(work: Work, carrier_id: int, parcel_ids: set[int]) -> None:
    """Ask about the parcels that an unsigned message named."""
    left = sorted(parcel_ids)
    while left:
        with transaction(program(work)) as tx:
            outbox.extend(tx, work.id, LEASE)
            asked = claim_these(tx, carrier_id, left, sealer())
        if asked is None:
            return
        done = {i for ids in asked.numbers.values() for i in ids}
        left = [i for i in left if i not in done]
        answer = ask(asked)
        if not _record(work, asked, answer, HOOK) or isinstance(answer, CarrierKeys | CarrierSilent):
            return


def _name(work: Work, carrier_id: int, reached: Reached, bookings: Mapping[str, str]) -> None:
    """Numbers of bookings nobody knew the number of: taken when the carrier, asked, knows them as ours."""
    if not bookings:
        return
    try:
        carrier: Carrier = opened(reached)
        known = carrier.track(list(bookings)[: carrier.track_limit])
    except CarrierError as error:
        log.warning("numbers of carrier %s could not be checked: %s", carrier_id, error)
        return
    for number, ref in bookings.items():
        if known.get(number):
            with transaction(program(work)) as tx:
                found_by_reference(tx, carrier_id, ref, number)
