"""One message of a remote site, carried out by the verbs that a person's work goes through."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from sqlalchemy import select

from oms import clock
from oms.approvals import needs_second_person
from oms.catalog.models import Sku
from oms.db import Tx
from oms.errors import InvalidInput, NotFound, OmsError, Refused, say
from oms.inventory.models import AdjustReason, StockLevel
from oms.remote.models import RemoteMessage, RemoteOrder, RemoteSite
from oms.remote.packages import Kind
from oms.remote.states import OrderState
from oms.shipping.models import Shipment
from oms.shipping.rules import live_parcels
from oms.shipping.states import BEFORE_HAND_OVER, ShipmentStatus
from oms.usecases.remote_out import keep_mark
from oms.usecases.shipping_parcels import SetTracking, set_tracking
from oms.usecases.shipping_work import (
    BoxSpec,
    PackShipment,
    ShipmentState,
    hand_over_shipments,
    pack_shipment,
    start_picking,
)
from oms.usecases.stock import (
    ADJUST_POLICY,
    AdjustStock,
    ReceiveStock,
    SetAside,
    adjust_stock,
    receive_stock,
    set_aside,
)
from oms.usecases.stock_approvals import request_adjustment
from oms.usecases.stock_checks import StockLine

S = ShipmentStatus
LONGEST_LIST: Final = 2000


def apply(tx: Tx, site: RemoteSite, row: RemoteMessage) -> None:
    """Carry a message out. Raises OmsError when the rules refuse it, or when it does not hold what it must."""
    try:
        HANDLERS[row.kind](tx, site, row)
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise InvalidInput(
            say("The message does not hold what a “{kind}” must hold ({what})", kind=row.kind, what=str(exc)[:100]),
            code="message_form",
        ) from exc


def _result(answers: Mapping[int, ShipmentState | OmsError], shipment_id: int) -> None:
    answer = answers[shipment_id]
    if isinstance(answer, OmsError):
        raise answer


def named_shipment(tx: Tx, site: RemoteSite, row: RemoteMessage) -> int | None:
    """The shipment of the site's warehouse that a message names, if it names one."""
    number = row.body.get("shipment")
    if not isinstance(number, str):
        return None
    named = select(Shipment.id).where(Shipment.number == number[:20], Shipment.warehouse_id == site.warehouse_id)
    return tx.session.scalar(named)


def _shipment(tx: Tx, row: RemoteMessage) -> Shipment:
    """The shipment a message names, as the site knows it: told to it, in its last revision, and not withdrawn."""
    number = str(row.body["shipment"])[:20]
    shipment = tx.session.get(Shipment, row.shipment_id, populate_existing=True) if row.shipment_id else None
    told = tx.session.get(RemoteOrder, shipment.id) if shipment else None
    if shipment is None or told is None:
        raise NotFound(say("{number} was never given to this site", number=number), code="shipment_not_told")
    if told.state is OrderState.WITHDRAWN or shipment.status in {S.CANCELED, S.PLANNED}:
        raise Refused(
            say("{number} was withdrawn: it is canceled or on hold here", number=number), code="shipment_withdrawn"
        )
    revision = int(row.body.get("revision", told.revision))
    if revision != told.revision:
        raise Refused(
            say("{number} was changed since: the site worked from revision {old}, the last is {new}",
                number=number, old=revision, new=told.revision),
            code="shipment_revised",
        )  # fmt: skip
    return shipment


def _boxes(row: RemoteMessage, shipment: Shipment) -> tuple[BoxSpec, ...]:
    carrier = str(row.body.get("carrier", ""))[:80]
    return tuple(
        BoxSpec(
            weight_grams=int(b["weight_grams"]) if b.get("weight_grams") else None,
            tracking_no=str(b.get("tracking_no", "")), carrier=carrier, service=str(b.get("service", "")),
        )
        for b in row.body.get("boxes", [{}] * max(len(live_parcels(shipment)), 1))
    )  # fmt: skip


def _picked(tx: Tx, _site: RemoteSite, row: RemoteMessage) -> None:
    shipment = _shipment(tx, row)
    if shipment.status is S.READY:
        _result(start_picking(tx, [shipment.id]), shipment.id)


def _packed(tx: Tx, _site: RemoteSite, row: RemoteMessage) -> None:
    shipment = _shipment(tx, row)
    if shipment.status in {S.READY, S.PICKING}:
        pack_shipment(tx, PackShipment(shipment.id, _boxes(row, shipment)))
        keep_mark(tx, shipment)


def _check_pieces(tx: Tx, row: RemoteMessage, shipment: Shipment) -> None:
    """What left must be what was asked for, piece by piece, when the site says it."""
    if "pieces" not in row.body:
        return
    told = tx.session.scalars(
        select(RemoteMessage.body)
        .where(RemoteMessage.shipment_id == shipment.id, RemoteMessage.kind == Kind.PICK_ORDER)
        .order_by(RemoteMessage.id.desc())
        .limit(1)
    ).one()
    asked = {p["sku"]: int(p["quantity"]) for p in told["pieces"]}
    left = {str(p["sku"]): int(p["quantity"]) for p in row.body["pieces"]}
    if left != asked:
        wrong = sorted({k for k in {*asked, *left} if asked.get(k) != left.get(k)})
        raise Refused(
            say("{number}: asked for {asked} of {sku}, sent {left}", number=shipment.number, sku=wrong[0],
                asked=asked.get(wrong[0], 0), left=left.get(wrong[0], 0)),
            code="pieces_differ",
        )  # fmt: skip


def _shipped(tx: Tx, _site: RemoteSite, row: RemoteMessage) -> None:
    """Goods left the site. The gate is asked as always: goods that left although it is closed are parked."""
    shipment = _shipment(tx, row)
    if shipment.status not in BEFORE_HAND_OVER:
        raise Refused(say("{number} has left already", number=shipment.number), code="shipped_twice")
    _check_pieces(tx, row, shipment)
    boxes = _boxes(row, shipment)
    if shipment.status in {S.READY, S.PICKING}:
        pack_shipment(tx, PackShipment(shipment.id, boxes))
    else:
        _number(tx, shipment, boxes)
    tx.session.flush()  # what follows reads the shipment afresh
    at = min(_moment(row.body.get("at"), row.at), clock.now())
    _result(hand_over_shipments(tx, [shipment.id], at), shipment.id)


def _number(tx: Tx, shipment: Shipment, boxes: tuple[BoxSpec, ...]) -> None:
    live = live_parcels(shipment)
    for parcel, spec in zip(live, boxes, strict=False):
        if spec.tracking_no and spec.tracking_no != parcel.tracking_no:
            set_tracking(tx, SetTracking(shipment.id, spec.carrier, spec.tracking_no, parcel.id, spec.service))


def _moment(text: object, otherwise: datetime) -> datetime:
    found = datetime.fromisoformat(str(text)) if text else otherwise
    if found.tzinfo is None:
        raise ValueError(text)
    return found


def _lines(tx: Tx, row: RemoteMessage, field: str, name: str = "lines") -> tuple[StockLine, ...]:
    """(SKU, number) of each line that has the field. Raises NotFound for a SKU nobody knows."""
    listed = [x for x in row.body[name] if field in x][:LONGEST_LIST]
    codes = {str(x["sku"]) for x in listed}
    known = {r[1]: r[0] for r in tx.session.execute(select(Sku.id, Sku.code).where(Sku.code.in_(sorted(codes))))}
    if unknown := sorted(codes - set(known)):
        raise NotFound(say("Nobody knows the SKU {sku}", sku=unknown[0]), code="sku_unknown")
    return tuple(StockLine(known[str(x["sku"])], int(x[field])) for x in listed)


def _key(site: RemoteSite, row: RemoteMessage, part: str = "") -> str:
    return f"remote:{site.id}:{row.uid}{part}"


def _receipt(tx: Tx, site: RemoteSite, row: RemoteMessage) -> None:
    reference = str(row.body.get("reference", ""))[:80]
    lines = tuple(x for x in _lines(tx, row, "quantity") if x.quantity)
    receive_stock(tx, ReceiveStock(site.warehouse_id, lines, _key(site, row), reference, note=site.name))
    if damaged := tuple(x for x in _lines(tx, row, "damaged") if x.quantity):
        note = f"{site.name} {reference}".strip()
        set_aside(tx, SetAside(site.warehouse_id, damaged, note, _key(site, row, ":damaged")))


def _count(tx: Tx, site: RemoteSite, row: RemoteMessage) -> None:
    """What lies there was counted. With the two-person rule on, a second person agrees first."""
    asked = AdjustStock(
        site.warehouse_id,
        _lines(tx, row, "counted"),
        AdjustReason.COUNTED,
        _key(site, row),
        note=site.name,
        counted=True,
    )
    if needs_second_person(tx.session, ADJUST_POLICY):
        request_adjustment(tx, asked)
    else:
        adjust_stock(tx, asked)


def _damage(tx: Tx, site: RemoteSite, row: RemoteMessage) -> None:
    note = str(row.body.get("note", "")).strip()[:400] or site.name
    set_aside(tx, SetAside(site.warehouse_id, _lines(tx, row, "quantity"), note, _key(site, row)))


def _snapshot(tx: Tx, site: RemoteSite, row: RemoteMessage) -> None:
    """The site says what lies there; all its earlier words are applied, so ours must be the same to the last piece."""
    theirs = {str(x["sku"]): (int(x["on_hand"]), int(x.get("damaged", 0))) for x in row.body["lines"]}
    levels = select(Sku.code, StockLevel.on_hand, StockLevel.damaged).join(Sku, Sku.id == StockLevel.sku_id)
    ours = {r[0]: (r[1], r[2]) for r in tx.session.execute(levels.where(StockLevel.warehouse_id == site.warehouse_id))}
    differs = [k for k in sorted({*ours, *theirs}) if ours.get(k, (0, 0)) != theirs.get(k, (0, 0))]
    site.snapshot = [
        {"sku": k, "ours": list(ours.get(k, (0, 0))), "theirs": list(theirs.get(k, (0, 0)))} for k in differs
    ][:LONGEST_LIST]
    site.snapshot_at = row.at


def _refused(_tx: Tx, _site: RemoteSite, row: RemoteMessage) -> None:
    """The site cannot do what it was told: always for a person."""
    number = str(row.body.get("shipment", ""))[:20]
    raise Refused(
        say("The site says: {number} {reason}", number=number, reason=str(row.body.get("reason", ""))[:300]),
        code="site_refused",
    )


HANDLERS: Final[Mapping[str, Callable[[Tx, RemoteSite, RemoteMessage], None]]] = {
    Kind.PICKED.value: _picked,
    Kind.PACKED.value: _packed,
    Kind.SHIPPED.value: _shipped,
    Kind.RECEIPT.value: _receipt,
    Kind.COUNT.value: _count,
    Kind.DAMAGE.value: _damage,
    Kind.SNAPSHOT.value: _snapshot,
    Kind.REFUSED.value: _refused,
}
