"""What a remote site is told: which goods to send and which not, in numbered packages.

Nothing calls this when a shipment changes. Each time a site asks, what it was told is compared with what is, and the
difference is said; so nothing is forgotten whichever verb, file or job moved the shipment (docs/adr/0140).
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import select, update
from sqlalchemy.orm import selectinload

from oms import clock
from oms.catalog.models import Sku
from oms.catalog.queries import SkuFacts, sku_facts
from oms.db import Tx
from oms.errors import Refused, say
from oms.orders.models import Order
from oms.remote.models import RemoteMessage, RemoteOrder, RemotePackage, RemoteSite
from oms.remote.packages import Kind, Message, Package, Way, canonical, seal
from oms.remote.queries import lock_site, packages_after
from oms.remote.states import MessageState, OrderState, PackageState
from oms.shipping.models import Shipment
from oms.shipping.rules import live_parcels
from oms.shipping.states import BEFORE_HAND_OVER, ShipmentStatus
from oms.usecases import derived
from oms.usecases.cod_entries import is_cod

CHUNK: Final = 200  # messages in one package
AT_ONCE: Final = 20  # packages in one answer
TELL: Final = BEFORE_HAND_OVER - {ShipmentStatus.PLANNED}


def say_to(tx: Tx, site: RemoteSite, kind: Kind, body: Mapping[str, Any], shipment_id: int | None = None) -> None:
    """Put one message in line for the site; its package is made when the site asks or a file is."""
    tx.session.add(
        RemoteMessage(
            site_id=site.id, way=Way.OUT, uid=uuid.uuid4().hex, kind=kind.value, body=dict(body), at=clock.now(),
            shipment_id=shipment_id, state=MessageState.WAITING,
        )
    )  # fmt: skip


def announce(tx: Tx, site: RemoteSite) -> int:
    """Say what changed since the site was told; answers how many messages. The site is locked."""
    open_now = tx.session.scalars(
        select(Shipment)
        .where(Shipment.warehouse_id == site.warehouse_id, Shipment.status.in_(sorted(TELL)))
        .order_by(Shipment.id)
        .options(selectinload(Shipment.lines), selectinload(Shipment.parcels))
    ).all()
    told = {
        row.shipment_id: row
        for row in tx.session.scalars(
            select(RemoteOrder).where(
                RemoteOrder.site_id == site.id,
                (RemoteOrder.state == OrderState.TOLD) | RemoteOrder.shipment_id.in_([s.id for s in open_now]),
            )
        )
    }
    said = 0
    for shipment, body in zip(open_now, _bodies(tx, open_now), strict=True):
        mark = mark_of(body)
        row = told.pop(shipment.id, None)
        if row is None:
            row = RemoteOrder(shipment_id=shipment.id, site_id=site.id, revision=0, mark="", state=OrderState.WITHDRAWN)
            tx.session.add(row)
        if row.state is OrderState.TOLD and row.mark == mark:
            continue
        row.revision, row.mark, row.state = row.revision + 1, mark, OrderState.TOLD
        say_to(tx, site, Kind.PICK_ORDER, {**body, "revision": row.revision}, shipment.id)
        said += 1
    return said + _withdraw(tx, site, told)


def mark_of(body: Mapping[str, Any]) -> str:
    """What makes a paper another one: everything but the numbers on the boxes, which the site itself may give."""
    return hashlib.sha256(canonical({k: v for k, v in body.items() if k != "boxes"})).hexdigest()


def keep_mark(tx: Tx, shipment: Shipment) -> None:
    """What the site itself changed of a shipment (its carrier) needs not be told to it."""
    row = tx.session.get(RemoteOrder, shipment.id)
    if row is not None and row.state is OrderState.TOLD:
        row.mark = mark_of(_bodies(tx, [shipment])[0])


def _withdraw(tx: Tx, site: RemoteSite, told: Mapping[int, RemoteOrder]) -> int:
    """What the site was told and is no longer to be sent; what has left is done."""
    gone = tx.session.execute(select(Shipment.id, Shipment.number, Shipment.status).where(Shipment.id.in_(told)))
    said = 0
    for shipment_id, number, status in gone:
        row = told[shipment_id]
        if status not in {ShipmentStatus.PLANNED, ShipmentStatus.CANCELED}:
            row.state = OrderState.DONE
            continue
        row.state = OrderState.WITHDRAWN
        say_to(tx, site, Kind.CANCEL_ORDER, {"shipment": number, "revision": row.revision}, shipment_id)
        said += 1
    return said


def _bodies(tx: Tx, shipments: Sequence[Shipment]) -> list[dict[str, Any]]:
    """What a site has to know of each shipment; a fixed number of statements for any number of them."""
    order_ids = sorted({line.order_id for s in shipments for line in s.lines})
    orders = {
        o.id: o
        for o in tx.session.scalars(
            select(Order)
            .where(Order.id.in_(order_ids))
            .options(selectinload(Order.lines), selectinload(Order.shop))
        )
    }  # fmt: skip
    lines = {line.id: line for o in orders.values() for line in o.lines}
    facts = sku_facts(tx.session, {line.sku_id for line in lines.values()})
    parts = {part for f in facts.values() for part, _ in f.parts}
    names = {row[0]: (row[1], row[2]) for row in tx.session.execute(
        select(Sku.id, Sku.code, Sku.name).where(Sku.id.in_(sorted(parts)))
    )}  # fmt: skip
    cash = derived.read_facts(tx, [o for o in orders.values() if is_cod(o)])
    return [_body(s, orders, lines, facts, names, cash) for s in shipments]


def _body(
    shipment: Shipment,
    orders: Mapping[int, Order],
    lines: Mapping[int, Any],
    facts: Mapping[int, SkuFacts],
    names: Mapping[int, tuple[str, str]],
    cash: Mapping[int, derived.Facts],
) -> dict[str, Any]:
    inside = [orders[i] for i in sorted({line.order_id for line in shipment.lines})]
    pieces: dict[int, int] = {}
    for packed in shipment.lines:
        for part, count in facts[lines[packed.order_line_id].sku_id].parts:
            pieces[part] = pieces.get(part, 0) + count * packed.quantity
    to = inside[0]
    cod = sum(cash[o.id].money.missing.in_satang for o in inside if o.id in cash)
    return {
        "shipment": shipment.number,
        "orders": [
            {"number": o.number, "external_no": o.external_no or "", "channel": o.channel.value, "shop": o.shop.name}
            for o in inside
        ],
        "ship_to": {
            "name": to.ship_name, "phone": to.ship_phone, "line": to.ship_line, "subdistrict": to.ship_subdistrict,
            "district": to.ship_district, "province": to.ship_province, "postcode": to.ship_postcode,
        },
        "carrier": shipment.carrier, "service": shipment.service, "cod_satang": cod,
        "ship_by": min((o.ship_by.isoformat() for o in inside if o.ship_by), default=""),
        "pieces": [
            {"sku": names[sku][0], "name": names[sku][1], "quantity": n} for sku, n in sorted(pieces.items())
        ],
        "boxes": [{"tracking_no": p.tracking_no} for p in live_parcels(shipment)],
    }  # fmt: skip


def close_packages(tx: Tx, site: RemoteSite, secret: str, *, even_empty: bool = False) -> int:
    """Number what waits into packages; ``even_empty``: one without messages when there is something to acknowledge.
    Answers how many were made. The site is locked."""
    tx.session.flush()  # what was just said goes along
    waiting = tx.session.scalars(
        select(RemoteMessage)
        .where(
            RemoteMessage.site_id == site.id, RemoteMessage.way == Way.OUT,
            RemoteMessage.state == MessageState.WAITING,
        )
        .order_by(RemoteMessage.id)
    ).all()  # fmt: skip
    chunks = [waiting[i : i + CHUNK] for i in range(0, len(waiting), CHUNK)]
    if not chunks and even_empty and site.told_have != site.in_seq:
        chunks = [[]]
    for chunk in chunks:
        _close(tx, site, chunk, secret)
    return len(chunks)


def _close(tx: Tx, site: RemoteSite, chunk: Sequence[RemoteMessage], secret: str) -> None:
    messages = tuple(Message(m.uid, Kind(m.kind), m.at, m.body) for m in chunk)
    package = Package(
        site.code, Way.OUT, site.out_seq + 1, site.out_previous, site.in_seq, clock.now(), messages
    )  # fmt: skip
    made = seal(package, secret)
    site.out_seq, site.out_previous, site.told_have = package.seq, made.sha256, site.in_seq
    for message in chunk:
        message.package_seq, message.state = package.seq, MessageState.PACKED
    tx.session.add(
        RemotePackage(
            site_id=site.id, way=Way.OUT, seq=package.seq, sha256=made.sha256, state=PackageState.SENT,
            messages=len(messages), data=made.data, at=clock.now(),
        )
    )  # fmt: skip


def acknowledge(tx: Tx, site: RemoteSite, have: int) -> None:
    """The site says that it has applied our packages up to this number. One that was never made is refused."""
    if have > site.out_seq:
        raise Refused(
            say("The site says it has package {seq}, but {last} is the last one", seq=have, last=site.out_seq),
            code="package_unknown",
        )
    if have <= site.out_have:
        return
    site.out_have = have
    tx.session.execute(
        update(RemoteMessage)
        .where(
            RemoteMessage.site_id == site.id, RemoteMessage.way == Way.OUT,
            RemoteMessage.state == MessageState.PACKED, RemoteMessage.package_seq <= have,
        )
        .values(state=MessageState.TAKEN)
    )  # fmt: skip


def hand_out(tx: Tx, site_id: int, secret: str, after: int, *, by_file: bool = False) -> list[bytes]:
    """The packages a site has not got, newest news included: what it asks for, or what goes into a file.

    Asking for what comes after ``after`` acknowledges everything up to it; a file acknowledges nothing.
    """
    site = lock_site(tx, site_id)
    if not by_file:
        acknowledge(tx, site, after)
        site.heard_at = clock.now()
    announce(tx, site)
    close_packages(tx, site, secret, even_empty=by_file)
    tx.session.flush()  # the packages are read back below
    found = packages_after(tx.session, site.id, after, AT_ONCE if not by_file else 500)
    if found:
        site.sent_at = clock.now()
    return [p.data for p in found]
