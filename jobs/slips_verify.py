"""Asking slip verifiers, in three steps: write the question down, ask without a transaction, keep the answer."""

from __future__ import annotations

from datetime import timedelta

from flask import current_app

from jobs.context import program
from oms import outbox
from oms.banks.verifiers.port import Answer, SlipVerifier, ask
from oms.banks.verifiers.registry import open_verifier, try_out
from oms.db import transaction
from oms.errors import InvalidInput, Refused
from oms.net.kept import Kept
from oms.outbox import Work
from oms.payments.states import CheckOutcome
from oms.sealing import Sealer
from oms.usecases.slips_verify import TOPIC, Asking, BeginCheck, begin_check, record_answer
from oms.usecases.verifiers import open_for_counting, open_settings, record_trial

__all__ = ["TOPIC", "count_left", "walk"]
LEASE = timedelta(minutes=3)  # a token, a question, a new token and the question again, each at its slowest


def walk(work: Work) -> None:
    """One question about one slip. A worker that dies leaves a question without an answer, and another asks again."""
    facts = work.payload
    cmd = BeginCheck(int(facts["slip_id"]), int(facts.get("attempt", 1)), again=bool(facts.get("again", 0)))
    with transaction(program(work)) as tx:
        asking = begin_check(tx, cmd)
        if asking is None:
            outbox.settle(tx, work.id)
            return
        outbox.extend(tx, work.id, LEASE)
    answer = put_question(asking)
    with transaction(program(work)) as tx:
        outbox.settle(tx, work.id)
        record_answer(tx, asking.check_id, answer)


def count_left(work: Work) -> None:
    """Look what is left to ask at each verifier. A package that was filled up again ends its stop by itself."""
    sealer: Sealer = current_app.extensions["oms.sealer"]
    with transaction(program(work)) as tx:
        ids = open_for_counting(tx)
    for verifier_id in ids:
        try:
            with transaction(program(work)) as tx:
                outbox.extend(tx, work.id, LEASE)
                opened = open_settings(tx, verifier_id, sealer)
            result = try_out(opened.provider, opened.host, opened.settings)
        except Refused as refusal:  # no key opens what is stored
            result = Answer(CheckOutcome.REFUSED, code="settings", message=str(refusal), reached=False)
        with transaction(program(work)) as tx:
            record_trial(tx, verifier_id, result, by_itself=True)
    with transaction(program(work)) as tx:
        outbox.settle(tx, work.id)


def put_question(asking: Asking) -> Answer:
    """The answer of the provider; settings that cannot be used are an answer too."""
    sealer: Sealer = current_app.extensions["oms.sealer"]
    kept: Kept[SlipVerifier] = current_app.extensions.setdefault("oms.verifiers", Kept(open_verifier))
    try:
        settings = {**asking.options, **sealer.open(asking.sealed)}
        verifier = kept.get(asking.verifier_id, asking.provider, asking.host, settings)
    except (Refused, InvalidInput) as refusal:
        return Answer(CheckOutcome.REFUSED, code="settings", message=str(refusal), reached=False)
    return ask(verifier, asking.question)
