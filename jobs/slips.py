"""A slip was sent in: open its picture in the decoding process, keep the safe copy, write down what it says."""

from __future__ import annotations

import io
import logging
from datetime import timedelta
from pathlib import Path

from flask import current_app

from jobs.context import program
from oms import outbox
from oms.banks.decoder import Decoder
from oms.banks.pictures import Page, PictureRefused
from oms.db import transaction
from oms.errors import Refused
from oms.intake.files import keep, path_of
from oms.outbox import Work
from oms.usecases.slips_read import READ, PageRead, Reading, record_reading, unread

__all__ = ["READ", "walk"]

LEASE = timedelta(minutes=2)  # ten pages, each at its slowest
TRIES = 8  # when a clerk works on the slip at the same moment
log = logging.getLogger(__name__)


def walk(work: Work) -> None:
    """Read one slip. No transaction is open while its picture is decoded."""
    slip_id = int(work.payload["slip_id"])
    with transaction(program(work)) as tx:
        waiting = unread(tx, slip_id)
        if waiting is None:
            outbox.settle(tx, work.id)
            return
        outbox.extend(tx, work.id, LEASE)
    root: Path = current_app.extensions["oms.settings"].files_dir
    raw = path_of(root, waiting.raw_key)
    reading, written = look_at(root, raw), False
    try:
        written = _record(work, slip_id, reading)
    finally:
        if not written:  # another worker was quicker, or it failed and will be done again
            _drop(root, reading)
    if written and reading.pages:
        raw.unlink(missing_ok=True)


def look_at(root: Path, raw: Path) -> Reading:
    """Open the file; keep its pages as we encode them."""
    decoder: Decoder = current_app.extensions.setdefault("oms.decoder", Decoder())
    try:
        prepared = decoder.prepare(raw.read_bytes())
    except FileNotFoundError:
        return Reading(refused="gone")
    except PictureRefused as refused:
        return Reading(refused=refused.detail_code)
    return Reading(tuple(_keep(root, page) for page in prepared.pages))


def _keep(root: Path, page: Page) -> PageRead:
    picture = keep(root, io.BytesIO(page.picture), "slip.jpg")
    thumb = keep(root, io.BytesIO(page.thumb), "slip.jpg")
    return PageRead(picture.key, thumb.key, page.width, page.height, page.look, page.code, page.other_slips)


def _record(work: Work, slip_id: int, reading: Reading) -> bool:
    """Write it down, again when somebody was working on the slip. False when the work was done already."""
    for attempt in range(1, TRIES + 1):
        try:
            with transaction(program(work)) as tx:
                if not outbox.settle(tx, work.id):
                    return False
                record_reading(tx, slip_id, reading)
                return True
        except Refused as refusal:
            if refusal.detail_code != "stale" or attempt == TRIES:
                raise
            log.info("slip was being worked on", extra={"slip": slip_id, "attempt": attempt})
    return False


def _drop(root: Path, reading: Reading) -> None:
    for page in reading.pages:
        for key in (page.picture_key, page.thumb_key):
            path_of(root, key).unlink(missing_ok=True)
