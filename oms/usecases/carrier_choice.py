"""Who carries what when nobody says otherwise, and putting shipments on another carrier before their labels."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from oms import audit, clock
from oms.catalog.models import Shop
from oms.db import Tx
from oms.errors import InvalidInput, OmsError, Refused, Say, say
from oms.inventory.models import Warehouse
from oms.money import ZERO, Money
from oms.shipping import carrier_rules
from oms.shipping.carrier_models import Carrier, CarrierChoice
from oms.shipping.carrier_queries import get_carrier
from oms.shipping.models import Shipment
from oms.shipping.queries import Locked, lock_with_orders, shipment_missing
from oms.shipping.rules import live_parcels
from oms.shipping.states import BEFORE_HAND_OVER
from oms.usecases.carrier_defaults import Chosen, Place, chosen_for
from oms.usecases.cod_entries import cash_at_the_door
from oms.usecases.keeping import Saved, lock_row


@dataclass(frozen=True)
class SetChoice:
    """The carrier for a shop, a warehouse, both, or (neither) whatever no other choice names."""

    carrier_id: int
    service: str = ""
    shop_id: int | None = None
    warehouse_id: int | None = None


def set_choice(tx: Tx, cmd: SetChoice) -> Saved:
    """Say who carries by default; saying it again for the same place changes it."""
    tx.actor.require("carrier.edit")
    carrier = get_carrier(tx.session, cmd.carrier_id)
    if not carrier.is_active:
        raise InvalidInput(say("This carrier is switched off"), field="carrier_id", code="carrier_off")
    _check_service(carrier, cmd.service)
    for model, key, field in ((Shop, cmd.shop_id, "shop_id"), (Warehouse, cmd.warehouse_id, "warehouse_id")):
        if key is not None and tx.session.get(model, key) is None:
            raise InvalidInput(say("There is no such record"), field=field, code="place_unknown")
    row = tx.session.scalars(
        select(CarrierChoice)
        .where(
            CarrierChoice.shop_id.is_not_distinct_from(cmd.shop_id),
            CarrierChoice.warehouse_id.is_not_distinct_from(cmd.warehouse_id),
        )
        .with_for_update()
    ).one_or_none()
    before = {"carrier": row.carrier.name, "service": row.service} if row else None
    after = {"carrier": carrier.name, "service": cmd.service}
    if before == after and row is not None:
        return Saved(row.id, changed=False)
    if row is None:
        row = CarrierChoice(shop_id=cmd.shop_id, warehouse_id=cmd.warehouse_id)
        tx.session.add(row)
    row.carrier, row.service = carrier, cmd.service
    tx.session.flush()  # the audit row names it
    places = {"shop": cmd.shop_id, "warehouse": cmd.warehouse_id}
    audit.record(tx, "carrier.chosen", "carrier", carrier.id, carrier.name, before=before, after=places | after)
    return Saved(row.id)


def drop_choice(tx: Tx, choice_id: int) -> None:
    """Nobody is chosen for that place any more; a wider choice counts again."""
    tx.actor.require("carrier.edit")
    row = lock_row(tx, CarrierChoice, choice_id)
    before = {"shop": row.shop_id, "warehouse": row.warehouse_id, "service": row.service}
    audit.record(tx, "carrier.unchosen", "carrier", row.carrier_id, row.carrier.name, before=before)
    tx.session.delete(row)


def _check_service(carrier: Carrier, service: str) -> None:
    if service and service not in {s["code"] for s in carrier.services}:
        raise InvalidInput(say("This carrier has no such service"), field="service", code="service_unknown")


@dataclass(frozen=True)
class AssignCarrier:
    """Put shipments on a carrier; None: the default of each."""

    shipment_ids: tuple[int, ...]
    carrier_id: int | None = None
    service: str = ""


@dataclass(frozen=True)
class Assigned:
    """The carrier a shipment goes by now, why, and what to look out for."""

    carrier: str
    service: str
    reason: Say | None = None
    warning: Say | None = None


def assign_carrier(tx: Tx, cmd: AssignCarrier) -> dict[int, Assigned | OmsError]:
    """Put shipments that have no label yet on a carrier; each answers for itself."""
    tx.actor.require("shipment.label")
    named = get_carrier(tx.session, cmd.carrier_id) if cmd.carrier_id is not None else None
    if named is not None:
        _check_service(named, cmd.service)
    by_hand = Chosen(named, cmd.service, say("Chosen by hand")) if named else None
    locked = lock_with_orders(tx, cmd.shipment_ids)
    defaults = {} if named else chosen_for(tx.session, {_place(s, locked) for s in locked.shipments.values()})
    cash = cash_at_the_door(tx, list(locked.shipments.values()))
    answers: dict[int, Assigned | OmsError] = {}
    entries: list[audit.Entry] = []
    for shipment_id in dict.fromkeys(cmd.shipment_ids):
        shipment = locked.shipments.get(shipment_id)
        try:
            if shipment is None:
                raise shipment_missing()
            _check_free(shipment)
            pick = by_hand or defaults.get(_place(shipment, locked))
            if pick is None:
                raise Refused(say("No default carrier; choose one"), code="no_default_carrier")
            answers[shipment_id] = _assign(shipment, pick, cash.get(shipment.id, ZERO), entries)
        except OmsError as refusal:
            answers[shipment_id] = refusal
    audit.record_many(tx, entries)
    return answers


def _place(shipment: Shipment, locked: Locked) -> Place:
    """The shop of a shipment's orders, when it is one, and its warehouse."""
    shops = {order.shop_id for order in locked.inside(shipment)}
    return (shops.pop() if len(shops) == 1 else None, shipment.warehouse_id)


def _check_free(shipment: Shipment) -> None:
    if shipment.status not in BEFORE_HAND_OVER:
        raise Refused(say("{number} has left or is canceled", number=shipment.number), code="shipment_gone")
    live = live_parcels(shipment)
    if any(p.tracking_no or p.label_prints or p.booking_ref for p in live):
        raise Refused(
            say("{number} has a number or a label already; void it first", number=shipment.number), code="labeled"
        )


def _assign(shipment: Shipment, pick: Chosen, cod: Money, entries: list[audit.Entry]) -> Assigned:
    live = live_parcels(shipment)
    heaviest = max((p.weight_grams or 0 for p in live), default=0)
    if why := carrier_rules.refusal(pick.carrier, cod=cod, weight_grams=heaviest):
        raise Refused(why, code="carrier_limit")
    before = {"carrier": shipment.carrier, "service": shipment.service}
    after = {"carrier": pick.carrier.name, "service": pick.service}
    if before != after:
        shipment.carrier, shipment.service = pick.carrier.name, pick.service
        for parcel in live:
            parcel.carrier, parcel.service = pick.carrier.name, pick.service
        entries.append(
            audit.Entry(
                "shipment.carrier_set", "shipment", shipment.id, shipment.number, before, after,
                reason=str(pick.reason),
            )
        )  # fmt: skip
    return Assigned(pick.carrier.name, pick.service, pick.reason, carrier_rules.past_cut_off(pick.carrier, clock.now()))
