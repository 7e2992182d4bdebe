"""What the API answers: one schema for each thing."""

from __future__ import annotations

from marshmallow import Schema, fields

from oms.orders.states import (
    Board,
    FulfillmentStatus,
    OrderStatus,
    PaymentStatus,
    PaymentTerm,
    StockState,
)
from oms.payments.states import ClaimStatus, PaymentMethod
from oms.shipping.states import ShipmentStatus, TrackingStatus
from views.api.schemas import Amount, Choice, Moment

Text, Number = fields.String, fields.Integer


class Address(Schema):
    """Where a parcel goes. The phone is masked for keys without ``customer.phone``."""

    name = Text(required=True)
    phone = Text(required=True)
    line = Text(required=True)
    subdistrict = Text(required=True)
    district = Text(required=True)
    province = Text(required=True)
    postcode = Text(required=True)


class OrderLineOut(Schema):
    """One SKU of an order. Amounts are null for keys without ``order.price``."""

    id = Number(required=True)
    sku_id = Number(required=True)
    sku = Text(required=True, attribute="sku_code")
    name = Text(required=True)
    quantity = Number(required=True)
    canceled = Number(required=True)
    shipped = Number(required=True)
    returned = Number(required=True)
    unit_price = Amount(required=True, allow_none=True)
    discount = Amount(required=True, allow_none=True)
    total = Amount(required=True, allow_none=True)


class OrderOut(Schema):
    """An order. Amounts are null for keys without ``order.price``."""

    id = Number(required=True)
    number = Text(required=True)
    shop_id = Number(required=True)
    external_no = Text(required=True, allow_none=True)
    customer_id = Number(required=True, allow_none=True)
    warehouse_id = Number(required=True)
    status = Choice(OrderStatus, required=True)
    board = Choice(Board, required=True)
    payment_term = Choice(PaymentTerm, required=True)
    payment_status = Choice(PaymentStatus, required=True)
    fulfillment_status = Choice(FulfillmentStatus, required=True)
    stock_state = Choice(StockState, required=True)
    hold_reasons = fields.List(fields.String(), required=True)
    ship_to = fields.Nested(Address, required=True)
    lines = fields.List(fields.Nested(OrderLineOut), required=True)
    goods_total = Amount(required=True, allow_none=True)
    discount = Amount(required=True, allow_none=True)
    shipping_fee = Amount(required=True, allow_none=True)
    total = Amount(required=True, allow_none=True)
    verified_amount = Amount(required=True, allow_none=True)
    carrier = Text(required=True)
    tags = fields.List(fields.String(), required=True)
    buyer_note = Text(required=True)
    placed_at = Moment(required=True)
    created_at = Moment(required=True)
    confirmed_at = Moment(required=True, allow_none=True)
    ship_by = Moment(required=True, allow_none=True)
    expires_at = Moment(required=True, allow_none=True)
    closed_at = Moment(required=True, allow_none=True)
    cancel_reason = Text(required=True)
    version = Number(required=True)


class PlacedOut(Schema):
    """``created`` false: the order was there already, by its number of the shop, and nothing was done."""

    id = Number(required=True)
    number = Text(required=True)
    created = fields.Boolean(required=True)


class ConfirmedOut(Schema):
    """A draft that is binding now."""

    id = Number(required=True)
    number = Text(required=True)


class CanceledOut(Schema):
    """``money_to_return``: verified money is left on it, somebody must pay it back."""

    id = Number(required=True)
    number = Text(required=True)
    money_to_return = fields.Boolean(required=True)


class NoteOut(Schema):
    """A note that was written."""

    id = Number(required=True)


class CustomerOut(Schema):
    """A person. The phone is masked for keys without ``customer.phone``."""

    id = Number(required=True)
    name = Text(required=True)
    phone = Text(required=True)
    email = Text(required=True)
    group = Text(required=True)
    note = Text(required=True)
    tax_name = Text(required=True)
    tax_id = Text(required=True)
    tax_branch = Text(required=True)
    tax_address = Text(required=True)
    created_at = Moment(required=True)
    version = Number(required=True)


class StockOut(Schema):
    """One SKU in one warehouse. ``available`` = on hand less reserved; bundles have no stock of their own."""

    sku_id = Number(required=True)
    sku = Text(required=True)
    name = Text(required=True)
    warehouse_id = Number(required=True)
    on_hand = Number(required=True)
    reserved = Number(required=True)
    available = Number(required=True)
    damaged = Number(required=True)
    incoming = Number(required=True)


class ParcelOut(Schema):
    """A box. ``is_live`` false: its number was replaced or voided."""

    id = Number(required=True)
    carrier = Text(required=True)
    service = Text(required=True)
    tracking_no = Text(required=True)
    tracking_status = Choice(TrackingStatus, required=True)
    raw_status = Text(required=True)
    tracked_at = Moment(required=True, allow_none=True)
    is_live = fields.Boolean(required=True)


class ShipmentLineOut(Schema):
    """Pieces of an order line in a shipment."""

    order_id = Number(required=True)
    order_line_id = Number(required=True)
    quantity = Number(required=True)


class ShipmentOut(Schema):
    """What leaves one warehouse together."""

    id = Number(required=True)
    number = Text(required=True)
    warehouse_id = Number(required=True)
    status = Choice(ShipmentStatus, required=True)
    carrier = Text(required=True)
    lines = fields.List(fields.Nested(ShipmentLineOut), required=True)
    parcels = fields.List(fields.Nested(ParcelOut), required=True)
    created_at = Moment(required=True)
    packed_at = Moment(required=True, allow_none=True)
    handed_over_at = Moment(required=True, allow_none=True)
    delivered_at = Moment(required=True, allow_none=True)
    version = Number(required=True)


class EventOut(Schema):
    """One word of a carrier about a box."""

    parcel_id = Number(required=True)
    at = Moment(required=True)
    status = Choice(TrackingStatus, required=True)
    text = fields.String(required=True, attribute="raw_text")
    place = Text(required=True)


class TrackingOut(Schema):
    """Where the boxes of a shipment are, the newest word first."""

    parcels = fields.List(fields.Nested(ParcelOut), required=True)
    events = fields.List(fields.Nested(EventOut), required=True)


class TrackingSetOut(Schema):
    """A number that was written down."""

    shipment_id = Number(required=True)
    status = Choice(ShipmentStatus, required=True)


class ShareOut(Schema):
    """How much of a payment belongs to an order."""

    order_id = Number(required=True)
    amount = Amount(required=True)


class PaymentOut(Schema):
    """A payment that was announced, and what became of it."""

    id = Number(required=True)
    status = Choice(ClaimStatus, required=True)
    method = Choice(PaymentMethod, required=True)
    amount = Amount(required=True)
    orders = fields.List(fields.Nested(ShareOut), required=True)
    reference = Text(required=True, allow_none=True)
    sending_bank = Text(required=True)
    payer_name = Text(required=True)
    paid_at = Moment(required=True, allow_none=True)
    submitted_at = Moment(required=True)
    decided_at = Moment(required=True, allow_none=True)
    note = Text(required=True)


class ClaimOut(Schema):
    """A payment notice that waits to be checked."""

    id = Number(required=True)
    status = Choice(ClaimStatus, required=True)
    order_ids = fields.List(fields.Integer(), required=True)


def page_of(item: type[Schema]) -> Schema:
    """A page of a list: ``next`` is the cursor of the page after it, null at the end."""
    name = f"{item.__name__.removesuffix('Out')}Page"
    made: Schema = Schema.from_dict(
        {"data": fields.List(fields.Nested(item), required=True), "next": Text(required=True, allow_none=True)},
        name=name,
    )()
    return made
