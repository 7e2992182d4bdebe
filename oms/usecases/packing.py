"""The packing station: every scan is judged here, written down, and answered.

A scan is never an error: wrong ones are rows like right ones, with the sentence that was shown. A wrong scan stops the
session until the packer says that they saw it; whatever is scanned meanwhile does not count.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from oms import clock
from oms.db import Tx
from oms.errors import Conflict, InvalidInput, OmsError, Refused, Say, say
from oms.shipping.floor import queries
from oms.shipping.floor.models import PackingRules, PackingScan, PackingSession
from oms.shipping.floor.rules import OK, Contents, command, is_stop
from oms.shipping.floor.states import PackStatus, ScanKind
from oms.usecases import packing_open
from oms.usecases.keeping import bounded
from oms.usecases.packing_finish import finish
from oms.usecases.sentences import pack, unpack

MOST = 10_000  # pieces of one scan; more is a typing error
HEAVIEST = 200_000  # grams of one box
OLDEST = timedelta(days=2)  # a station's clock is believed this far back


@dataclass(frozen=True)
class Scan:
    """Something was scanned, typed or tapped. ``key`` is the station's own number of this scan: sent again, it counts
    once. ``kind`` None: whatever the code turns out to be. ``by_hand``: counted without its barcode."""

    key: str
    station: str
    warehouse_id: int
    code: str = ""
    kind: ScanKind | None = None
    quantity: int = 1
    by_hand: bool = False
    scanned_at: datetime | None = None


@dataclass(frozen=True)
class Scanned:
    """What came of a scan. ``outcome``: "ok", or why not, with the sentence in ``message``. ``packed``: the shipment
    that was finished by it."""

    scan_id: int
    kind: ScanKind
    outcome: str
    message: Say | None = None
    packed: int | None = None
    repeated: bool = False

    @property
    def stops(self) -> bool:
        return is_stop(self.outcome)


@dataclass
class Desk:
    """One scan on its way: what it is, whose session it meets, and what is written down of it."""

    tx: Tx
    cmd: Scan
    session: PackingSession | None
    kind: ScanKind
    row: PackingScan
    message: Say | None = None
    packed: int | None = None

    def answer(self, code: str, message: Say | None = None) -> None:
        """Answer with something that is no refusal."""
        self.row.outcome, self.message = code, message


def scan(tx: Tx, cmd: Scan) -> Scanned:
    """Judge one scan. Raises only for what is no scan at all: Forbidden, InvalidInput, or Conflict (send it again)."""
    tx.actor.require("shipment.pack")
    _check(tx, cmd)
    if earlier := _replay(tx, cmd):
        return earlier
    session = _lock_mine(tx, cmd.station)
    kind = cmd.kind or _kind_of(cmd.code, session)
    desk = Desk(tx, cmd, session, kind, _row(tx, cmd, kind, session))
    try:
        with tx.session.begin_nested():
            _judge(desk)
    except Conflict:
        raise  # two people at once: nothing was judged, the station sends it again
    except OmsError as refusal:
        if desk.session is not session:  # an opening that was undone with its savepoint
            desk.session = session
        desk.row.outcome, desk.message, desk.packed = refusal.detail_code, refusal.message, None
        desk.row.sku_id, desk.row.quantity, desk.row.undoes_id = None, 0, None
    desk.row.message = pack(desk.message)
    desk.row.session_id = desk.session.id if desk.session else None
    if desk.session:
        desk.row.shipment_id = desk.row.shipment_id or desk.session.shipment_id
    tx.session.add(desk.row)
    tx.session.flush()  # the session names the scan that stopped it
    if desk.session and is_stop(desk.row.outcome) and desk.session.stopped_by is None:
        desk.session.stopped_by = desk.row.id
    return Scanned(desk.row.id, kind, desk.row.outcome, desk.message, desk.packed)


def _check(tx: Tx, cmd: Scan) -> None:
    bounded(cmd.key, 64, "key", missing=say("The scan has no number of its own; load the page anew"))
    bounded(cmd.station, 40, "station", missing=say("Give this station a name first"))
    if not tx.actor.sees_warehouse(cmd.warehouse_id):
        raise InvalidInput(say("Choose one of your warehouses"), field="warehouse_id", code="warehouse_scope")
    if not 1 <= cmd.quantity <= max(MOST, HEAVIEST):
        raise InvalidInput(say("“{text}” cannot be a number of pieces", text=cmd.quantity), code="quantity_range")


def _replay(tx: Tx, cmd: Scan) -> Scanned | None:
    row = tx.session.scalars(select(PackingScan).where(PackingScan.key == cmd.key)).one_or_none()
    if row is None:
        return None
    if row.user_id != tx.actor.user_id:
        raise Conflict(say("This scan was sent by somebody else; load the page anew"), code="scan_key")
    packed = None
    if row.outcome == OK and row.session_id is not None:
        done = tx.session.get_one(PackingSession, row.session_id)
        last = select(PackingScan.id).where(PackingScan.session_id == done.id).order_by(PackingScan.id.desc()).limit(1)
        if done.status is PackStatus.PACKED and tx.session.scalar(last) == row.id:
            packed = done.shipment_id
    return Scanned(row.id, row.kind, row.outcome, unpack(row.message), packed, repeated=True)


def _lock_mine(tx: Tx, station: str) -> PackingSession | None:
    return tx.session.scalars(
        select(PackingSession)
        .where(
            PackingSession.user_id == tx.actor.user_id, PackingSession.station == station,
            PackingSession.status == PackStatus.OPEN,
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()  # fmt: skip


def _kind_of(code: str, session: PackingSession | None) -> ScanKind:
    if asked := command(code):
        return ScanKind(asked)
    return ScanKind.OPEN if session is None else ScanKind.ITEM


def _row(tx: Tx, cmd: Scan, kind: ScanKind, session: PackingSession | None) -> PackingScan:
    now = clock.now()
    said = cmd.scanned_at or now
    return PackingScan(
        key=cmd.key, kind=kind, code=cmd.code.replace("\x00", "")[:200], outcome=OK, warehouse_id=cmd.warehouse_id,
        quantity=0, box=len(session.boxes) if session else 0, by_hand=cmd.by_hand, station=cmd.station,
        user_id=tx.actor.user_id, actor=tx.actor.label[:120], scanned_at=min(max(said, now - OLDEST), now), at=now,
    )  # fmt: skip


def _judge(desk: Desk) -> None:
    session, kind = desk.session, desk.kind
    if session is None and kind in {ScanKind.OPEN, ScanKind.ITEM, ScanKind.TAKE_OVER}:
        _open(desk)
        return
    if session is None:
        if kind is ScanKind.OK:
            desk.answer("acknowledged")
            return
        raise Refused(say("Nothing is open here; scan an order first"), code="nothing_open_here")
    if session.stopped_by is not None and kind not in {ScanKind.OK, ScanKind.ASIDE}:
        raise Refused(say("Stopped: say first that you saw it (Enter)"), code="not_seen")
    _STEPS[kind](desk, session)


def _open(desk: Desk) -> None:
    cmd = desk.cmd
    opening = packing_open.Opening(cmd.code, cmd.station, cmd.warehouse_id, desk.kind is ScanKind.TAKE_OVER)
    opened = packing_open.open_shipment(desk.tx, opening, desk.session)
    desk.session, desk.row.shipment_id, desk.row.box = opened.session, opened.session.shipment_id, 1
    if opened.note:
        desk.answer(opened.code, opened.note)


def _item(desk: Desk, session: PackingSession) -> None:
    """Count a piece, or find that the code names no piece of this box."""
    tx, cmd = desk.tx, desk.cmd
    contents, counted = _counted(tx, session)
    packing_open.check_packable(tx, session)
    named = queries.skus_named(tx.session, cmd.code)
    fitting = [sku for sku in named if not contents.refusal(counted, sku.id, cmd.quantity)]
    if not named:
        _open(desk)  # a shipment, or a code nobody knows
        return
    sku = (fitting or named)[0]
    if code := contents.refusal(counted, sku.id, cmd.quantity):
        desk.row.sku_id = None
        raise Refused(_words(code, sku.code, sku.name, contents, sku.id), code=code)
    _check_by_hand(tx, cmd, session, contents.wanted.get(sku.id, 0))
    desk.row.sku_id, desk.row.quantity = sku.id, cmd.quantity
    pieces = contents.pieces({sku.id: cmd.quantity})
    _finish_when_complete(desk, session, contents, {k: counted.get(k, 0) + pieces.get(k, 0) for k in contents.wanted})


def _words(code: str, sku_code: str, name: str, contents: Contents, sku_id: int) -> Say:
    if code == "wrong_item":
        return say("Wrong item: {sku} {name} does not belong in this order", sku=sku_code, name=name)
    return say(
        "Too many: {n} of {sku} belong in this order", sku=sku_code,
        n=min(contents.wanted[part] // n for part, n in contents.parts(sku_id).items()),
    )  # fmt: skip


def _check_by_hand(tx: Tx, cmd: Scan, session: PackingSession, wanted: int) -> None:
    rules = rules_of(tx, session.warehouse_id)
    if cmd.by_hand and not rules.by_hand:
        raise Refused(say("Items are counted by their barcode here; scan it"), code="by_hand_off")
    if cmd.quantity > 1 and not (rules.quantity_from and wanted >= rules.quantity_from):
        raise Refused(say("Scan every piece; there are not enough to count by number"), code="quantity_off")


def _counted(tx: Tx, session: PackingSession) -> tuple[Contents, dict[int, int]]:
    contents = queries.contents_of(tx.session, [session.shipment_id])[session.shipment_id]
    scanned: dict[int, int] = {}
    for (_, sku_id), n in queries.scanned_in(tx.session, session.id).items():
        scanned[sku_id] = scanned.get(sku_id, 0) + n
    return contents, contents.pieces(scanned)


def _finish_when_complete(desk: Desk, session: PackingSession, contents: Contents, counted: dict[int, int]) -> None:
    if not contents.is_complete(counted):
        return
    if rules_of(desk.tx, session.warehouse_id).weigh and not session.boxes[-1].get("grams"):
        desk.answer(OK, say("All in. Weigh the box: type the grams"))
        return
    finish(desk.tx, session)
    desk.packed = session.shipment_id


def _undo(desk: Desk, session: PackingSession) -> None:
    last = queries.last_counted(desk.tx.session, session.id)
    if last is None:
        desk.answer("nothing_to_undo", say("Nothing to undo"))
        return
    desk.row.sku_id, desk.row.quantity, desk.row.box, desk.row.undoes_id = (
        last.sku_id,
        -last.quantity,
        last.box,
        last.id,
    )
    desk.answer(OK, say("Undone: {code}", code=last.code))


def _ok(desk: Desk, session: PackingSession) -> None:
    """Seen. A box in which everything lies already is tried to be closed again."""
    if session.stopped_by is None:
        desk.answer("acknowledged")
        return
    session.stopped_by = None
    desk.answer("acknowledged")
    contents, counted = _counted(desk.tx, session)
    if contents.is_complete(counted):
        packing_open.check_packable(desk.tx, session)
        _finish_when_complete(desk, session, contents, counted)


def _box(desk: Desk, session: PackingSession) -> None:
    """The next box."""
    here = len(session.boxes)
    if not any(n for (box, _), n in queries.scanned_in(desk.tx.session, session.id).items() if box == here):
        desk.answer("box_empty", say("Box {n} is still empty", n=here))
        return
    if rules_of(desk.tx, session.warehouse_id).weigh and not session.boxes[-1].get("grams"):
        desk.answer("weight_wanted", say("Weigh box {n} first: type the grams", n=here))
        return
    session.boxes = [*session.boxes, {}]
    desk.row.box = here + 1
    desk.answer(OK, say("Box {n}", n=here + 1))


def _weight(desk: Desk, session: PackingSession) -> None:
    """The weight of the box being filled; with everything in, it is the last step."""
    grams = desk.cmd.quantity
    if not 1 <= grams <= HEAVIEST:
        raise Refused(say("A box weighs 1 to {most} grams", most=HEAVIEST), code="weight_range")
    session.boxes = [*session.boxes[:-1], {"grams": grams}]
    desk.answer(OK, say("{grams} g written down", grams=f"{grams:,}"))
    contents, counted = _counted(desk.tx, session)
    _finish_when_complete(desk, session, contents, counted)


def _aside(desk: Desk, session: PackingSession) -> None:
    """Not finished; the box waits with what is in it."""
    packing_open.put_aside(session, desk.cmd.code if not command(desk.cmd.code) else "")
    desk.answer(OK, say("Left for later"))


_STEPS: dict[ScanKind, Callable[[Desk, PackingSession], None]] = {
    ScanKind.OPEN: lambda desk, _: _open(desk),
    ScanKind.TAKE_OVER: lambda desk, _: _open(desk),
    ScanKind.ITEM: _item,
    ScanKind.UNDO: _undo,
    ScanKind.OK: _ok,
    ScanKind.BOX: _box,
    ScanKind.WEIGHT: _weight,
    ScanKind.ASIDE: _aside,
}


def rules_of(tx: Tx, warehouse_id: int) -> PackingRules:
    """How a warehouse packs; the usual way when nobody said otherwise."""
    found = tx.session.get(PackingRules, warehouse_id)
    return found or PackingRules(warehouse_id=warehouse_id, by_hand=True, quantity_from=5, weigh=False)
