"""What was read from the picture of a slip is written down: its facts, its reference, and what it looks like.

The picture was opened outside any transaction, in a process of its own (``oms.banks.decoder``). A slip whose reference
was used before becomes a duplicate here, before anybody looks at it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, text

from oms import clock
from oms.banks.pictures import sentence
from oms.banks.slip_code import SlipCode
from oms.db import Tx
from oms.payments.slip_models import Slip
from oms.payments.slip_queries import OPEN_SLIPS
from oms.payments.states import SLIP, SlipKind, SlipStatus
from oms.usecases.slip_base import LockedSlip, lock_slip, note_slip
from oms.usecases.slip_references import bind_reference
from oms.usecases.slips import READ
from oms.usecases.slips_verify import ask_first

__all__ = ["READ", "PageRead", "Reading", "SlipRead", "Unread", "record_reading", "unread"]

LOOK_BITS = 2048
ALIKE_BITS = (
    18  # docs/adr/0071: a copy of the same slip differs in up to 10 bits, another slip of its bank in 29 or more
)
BLANK_BITS = 40  # a picture of so few edges is a blank page; all of those look alike
COMPARED = 100_000  # slips that a slip without a reference is compared with, the newest
TROUBLE_LABELS: dict[str, str] = {
    "checksum": "The checksum of the slip's QR code is wrong; the slip may be forged",
    "payment_qr": "This is a QR code to pay with, not a slip",
    "no_code": "No QR code could be read; compare the picture with the bank's app",
    "several": "There is more than one slip in this picture; the others were put beside it",
    "gone": "The file was lost before it was read; upload the slip again",
}


@dataclass(frozen=True)
class PageRead:
    """One page: where its picture and thumbnail are kept, and what was seen on it. ``look``: bits as hex digits."""

    picture_key: str
    thumb_key: str
    width: int
    height: int
    look: str
    code: SlipCode
    others: tuple[SlipCode, ...] = ()

    @property
    def is_blank(self) -> bool:
        return self.code.kind is SlipKind.NONE and int(self.look, 16).bit_count() < BLANK_BITS


@dataclass(frozen=True)
class Reading:
    """What became of a file. ``refused``: the code of the reason why it could not be opened."""

    pages: tuple[PageRead, ...] = ()
    refused: str = ""


@dataclass(frozen=True)
class Unread:
    """A slip whose file waits to be opened."""

    slip_id: int
    raw_key: str


@dataclass(frozen=True)
class SlipRead:
    """``more``: slips that were made for further pages or for other slips in the same picture."""

    slip_id: int
    status: SlipStatus
    more: tuple[int, ...] = ()


def unread(tx: Tx, slip_id: int) -> Unread | None:
    """The file of a slip that nobody has read yet."""
    slip = tx.session.get(Slip, slip_id)
    if slip is None or slip.read_at is not None or not slip.raw_key:
        return None
    return Unread(slip.id, slip.raw_key)


def record_reading(tx: Tx, slip_id: int, reading: Reading) -> SlipRead:
    """Write down what was read. Done once: a slip that was read stays as it is. Raises Refused "stale" when somebody
    worked on the slip at the same moment; try again."""
    tx.actor.require("payment.claim")
    locked = lock_slip(tx, slip_id)
    slip = locked.slip
    if slip.read_at is not None:
        return SlipRead(slip.id, slip.status)
    pages = _worth_keeping(reading.pages)
    slip.read_at = clock.now()
    if not pages:
        slip.kind, slip.trouble = SlipKind.NONE, str(_why_refused(reading.refused))
        _settle(tx, locked)
        return SlipRead(slip.id, slip.status)
    (number, page), *rest = pages
    slip.page = number
    more = [_further(tx, slip, no, p, p.code) for no, p in rest]
    for no, p in pages:
        more += [_further(tx, slip, no, p, other) for other in p.others]
    slip.raw_key = ""
    _fill(tx, locked, page, page.code)
    return SlipRead(slip.id, slip.status, tuple(more))


def _why_refused(code: str) -> str:
    return TROUBLE_LABELS[code] if code in TROUBLE_LABELS else str(sentence(code))


def _worth_keeping(pages: Sequence[PageRead]) -> list[tuple[int, PageRead]]:
    """Pages with their numbers, the first slip first; blank ones are no slips."""
    numbered = list(enumerate(pages, 1))
    kept = [(no, p) for no, p in numbered if not p.is_blank] or numbered[:1]
    return sorted(kept, key=lambda pair: (pair[1].code.kind is not SlipKind.SLIP, pair[0]))


def _further(tx: Tx, first: Slip, number: int, page: PageRead, code: SlipCode) -> int:
    """A slip of its own for another page of the file, or another slip in the picture. Nobody has said which order it
    pays."""
    slip = Slip(
        status=SlipStatus.RECEIVED, source=first.source, file_name=first.file_name, page=number, sha256=first.sha256,
        uploaded_at=first.uploaded_at, uploaded_by=first.uploaded_by, uploaded_label=first.uploaded_label,
        read_at=clock.now(),
    )  # fmt: skip
    tx.session.add(slip)
    tx.session.flush()  # its reference names it
    note_slip(tx, "slip.received", slip, beside=first.id)
    _fill(tx, LockedSlip(slip, None, []), page, code)
    return slip.id


def _fill(tx: Tx, locked: LockedSlip, page: PageRead, code: SlipCode) -> None:
    slip = locked.slip
    slip.picture_key, slip.thumb_key, slip.width, slip.height = (
        page.picture_key,
        page.thumb_key,
        page.width,
        page.height,
    )
    slip.look = f"{int(page.look, 16):0{LOOK_BITS}b}"
    slip.kind, slip.crc_ok = code.kind, code.crc_ok
    slip.qr_payload = code.payload[:600]
    slip.trouble = _trouble(code, several=bool(page.others))
    if code.kind is SlipKind.SLIP:
        open_before = slip.status in OPEN_SLIPS
        bind_reference(tx, locked, code.sending_bank, code.reference)
        if open_before and slip.status not in OPEN_SLIPS:
            slip.decided_label = ""  # nobody decided it: the reference did
    if slip.alike_id is None:
        slip.alike_id = _alike(tx, slip)
    _settle(tx, locked)


def _trouble(code: SlipCode, *, several: bool) -> str:
    if code.kind is not SlipKind.SLIP:
        return TROUBLE_LABELS["payment_qr" if code.kind is SlipKind.PAYMENT_QR else "no_code"]
    if code.crc_ok is False:
        return TROUBLE_LABELS["checksum"]
    return TROUBLE_LABELS["several"] if several else ""


def _settle(tx: Tx, locked: LockedSlip) -> None:
    """The slip waits for a person from now on, and a verifier is asked when there is one."""
    slip = locked.slip
    if slip.status is SlipStatus.RECEIVED:
        SLIP.fire(slip, "read")
    note_slip(tx, "slip.read", slip, kind=slip.kind, sending_bank=slip.sending_bank, reference=slip.reference)
    ask_first(tx, slip)


_NEAREST = """
    SELECT id, bit_count(look # CAST(:look AS bit(2048))) AS far FROM slips
    WHERE id < :before AND id >= :since AND look IS NOT NULL AND sha256 <> :sha256 {loose}
    ORDER BY far, id LIMIT 1
"""
_AMONG_ALL = text(_NEAREST.format(loose="")).bindparams(bindparam("look"))
_AMONG_LOOSE = text(_NEAREST.format(loose="AND reference = ''")).bindparams(bindparam("look"))


def _alike(tx: Tx, slip: Slip) -> int | None:
    """The slip that came before and looks the same, if there is one. Two references that differ are two transfers
    however alike they look, so a slip with a reference is compared only with those that have none."""
    if slip.look is None or slip.look.count("1") < BLANK_BITS:
        return None
    tx.session.flush()  # read by SQL
    facts = {"look": slip.look, "before": slip.id, "since": slip.id - COMPARED, "sha256": slip.sha256}
    row = tx.session.execute(_AMONG_LOOSE if slip.reference else _AMONG_ALL, facts).first()
    return row.id if row is not None and row.far <= ALIKE_BITS else None
