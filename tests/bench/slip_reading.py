"""P12, its first half: a photo of a slip until its QR code is read and its reference was looked for, and the read rate."""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass

from flask import Flask
from sqlalchemy import text

from oms.actor import system
from oms.banks.decoder import Decoder
from oms.db import db, transaction
from oms.usecases.references import first_use
from tests.samples import slips

KEYS = 100_000


@dataclass(frozen=True)
class Measured:
    """Seconds a slip, on average and the slowest twentieth; ``computing`` of the decoding process alone, which other
    work on the machine does not slow; how many of how many were read."""

    mean: float
    computing: float
    late: float
    read: int
    of: int
    missed: tuple[str, ...]


def _used_references(count: int) -> None:
    """So many transfers that were used before."""
    with transaction(system("bench")) as tx:
        have = tx.session.scalar(text("SELECT count(*) FROM transfer_keys")) or 0
        tx.session.execute(
            text(
                "INSERT INTO transfer_keys (sending_bank, reference, taken_at, taken_label)"
                " SELECT '004', 'BENCH' || lpad(n::text, 15, '0'), now(), 'bench' FROM generate_series(:from, :to) n"
                " ON CONFLICT DO NOTHING"
            ),
            {"from": have + 1, "to": count},
        )
    with db.engine.connect() as connection:
        connection.execute(text("ANALYZE transfer_keys"))


def _read(decoder: Decoder, cases: Iterator[slips.Case]) -> Iterator[tuple[slips.Case, bool, float]]:
    for case in cases:
        began = time.perf_counter()
        code = decoder.prepare(case.data).pages[0].code
        with transaction(system("bench")) as tx:
            first_use(tx, code.sending_bank, code.reference)
        yield (
            case,
            (code.sending_bank, code.reference) == (case.slip.bank, case.slip.reference),
            time.perf_counter() - began,
        )


def _computed() -> float:
    """Processor seconds of processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(app: Flask, rounds: int = 2) -> Measured:
    """Every distortion over slips of several banks, one after the other in one decoding process, as the job does."""
    before = _computed()
    with app.app_context(), Decoder() as decoder:
        _used_references(KEYS)
        decoder.prepare(slips.jpeg(slips.draw(slips.Slip())))
        done = list(_read(decoder, slips.cases(seed=11, rounds=rounds)))
        db.session.remove()
        db.engine.dispose()
    took = [seconds for _, _, seconds in done]
    return Measured(
        statistics.fmean(took), (_computed() - before) / len(done), statistics.quantiles(took, n=20)[-1], sum(ok for _, ok, _ in done), len(done),
        tuple(case.name for case, ok, _ in done if not ok),
    )  # fmt: skip
