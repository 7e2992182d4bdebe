"""What a simulated Shopify shop knows and does: the answers to its schema."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from graphql import get_directive_values

from oms import clock
from views.sandbox.graphql import no
from views.sandbox.market import Line, Listing, No, Order, Stall, State
from views.sandbox.webshop import VAT, codes

SENT = {State.SHIPPED, State.DELIVERED, State.COMPLETED, State.RETURNED}
PLACE, OTHER_PLACE = "gid://shopify/Location/501", "gid://shopify/Location/502"
SPAN = re.compile(r"(\w+):(>=|<=|<|>)'([^']+)'")
Facts = dict[str, Any]


def digits(gid: str) -> str:
    """The number at the end."""
    return gid.rpartition("/")[2]


def stamp(at: datetime | None) -> str | None:
    """Whole seconds of UTC."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at else None


def money(amount: Decimal) -> Facts:
    """A bag."""
    return {"shopMoney": {"amount": str(amount.quantize(Decimal("0.01"))), "currencyCode": "THB"}}


def page(found: Sequence[Any], told: Callable[[Any], Facts], first: int, after: str | None) -> Facts:
    """A connection over a list that only grows at its end; the cursor is a place in it."""
    start = int(base64.b64decode(after)) if after else 0
    rows, end = found[start : start + first], start + first
    info = {"hasNextPage": end < len(found), "endCursor": base64.b64encode(str(end).encode()).decode()}
    return {"pageInfo": info, "nodes": [told(row) for row in rows]}


class ShopifyOrders:
    """The answers of one shop."""

    def __init__(self, stall: Stall) -> None:
        self.stall = stall
        self.keys: dict[str, Facts] = {}

    def root(self) -> Facts:
        """Every question and deed of the schema."""
        return {
            "shop": {"name": "ร้านรวม", "currencyCode": "THB"}, "nodes": self._nodes, "order": self._one,
            "orders": self._orders, "ordersCount": self._count, "productVariants": self._variants,
            "locations": lambda _info, first: {"nodes": [{"id": PLACE}, {"id": OTHER_PLACE}][:first]},
            "inventorySetQuantities": self._set_stock, "fulfillmentCreate": self._send, "orderCancel": self._cancel,
        }  # fmt: skip

    # orders

    def _get(self, gid: str) -> Order | None:
        try:
            return self.stall.get(digits(gid)) if gid.startswith("gid://shopify/Order/") else None
        except No:
            return None

    def _nodes(self, _info: Any, ids: list[str]) -> list[Facts | None]:
        if len(ids) > 250:
            raise no("MAX_INPUT_SIZE_EXCEEDED", "The input array size is greater than the maximum of 250")
        return [self.told(order) if (order := self._get(gid)) else None for gid in ids]

    def _one(self, _info: Any, id: str) -> Facts | None:  # noqa: A002  the schema's word
        order = self._get(id)
        return self.told(order) if order else None

    def _meant(self, query: str | None, moved: bool) -> list[Order]:  # noqa: FBT001
        with self.stall.lock:
            found = list(self.stall.orders.values())
        for name, sign, text in SPAN.findall(query or ""):
            if name not in {"updated_at", "created_at"}:
                raise no("BAD_REQUEST", f"unknown filter {name}")
            found = [o for o in found if _holds(o.updated_at if name == "updated_at" else o.placed_at, sign, text)]
        return sorted(found, key=lambda o: (o.updated_at if moved else o.placed_at, o.serial))

    def _orders(
        self,
        _info: Any,
        first: int,
        after: str | None = None,
        sortKey: str = "ID",  # noqa: N803  the schema's word
        query: str | None = None,
    ) -> Facts:
        if first > 250:
            raise no("BAD_REQUEST", "first cannot exceed 250")
        moved = sortKey == "UPDATED_AT"
        found = self._meant(query, moved)
        if after:
            at, serial = base64.b64decode(after).decode().split("|")
            found = [o for o in found if _place(o, moved) > (float(at), int(serial))]
        rows = found[:first]
        end = "|".join(map(repr, _place(rows[-1], moved))) if rows else ""
        info = {"hasNextPage": len(found) > first, "endCursor": base64.b64encode(end.encode()).decode() or None}
        told = {"pageInfo": info, "nodes": [self.told(o) for o in rows]}
        self.stall.page_read(rows)
        return told

    def _count(self, _info: Any, query: str | None = None) -> Facts:
        return {"count": len(self._meant(query, False)), "precision": "EXACT"}  # noqa: FBT003

    def told(self, order: Order) -> Facts:
        """An order with everything."""
        home, facts = order.buyer.home, order.facts
        sent = order.state in SENT
        waits = "ON_HOLD" if facts.get("held") else "UNFULFILLED"
        goods = "FULFILLED" if sent else "PARTIALLY_FULFILLED" if facts.get("sent") else waits
        paid = {State.UNPAID: "PENDING", State.RETURNED: "REFUNDED"}.get(
            order.state, "PENDING" if order.cod else "PAID"
        )
        if order.state is State.CANCELED:
            paid = "PAID" if order.paid_at else "PENDING"
        done = {"kind": "SALE", "status": "SUCCESS", "processedAt": stamp(order.paid_at)}
        return {
            "__typename": "Order", "id": f"gid://shopify/Order/{order.number}", "name": f"#{1000 + order.serial}",
            "createdAt": stamp(order.placed_at), "updatedAt": stamp(order.updated_at),
            "cancelledAt": stamp(order.updated_at) if order.state is State.CANCELED else None,
            "cancelReason": "OTHER" if order.state is State.CANCELED else None,
            "currencyCode": facts.get("currency", "THB"), "taxesIncluded": not self._outside,
            "note": order.note or None, "phone": None,
            "paymentGatewayNames": ["Cash on Delivery (COD)" if order.cod else "Opn Payments"],
            "displayFinancialStatus": facts.get("status") or paid, "displayFulfillmentStatus": goods,
            "currentTotalPriceSet": money(order.total), "totalPriceSet": money(order.total), "customer": None,
            "shippingAddress": {
                "name": order.buyer.name, "company": None, "address1": home.line, "address2": home.subdistrict,
                "city": home.district, "province": "Thailand", "provinceCode": codes()[home.province],
                "zip": home.postcode, "phone": f"+66{order.buyer.phone[1:]}",
            },
            "shippingLines": {"nodes": [{"discountedPriceSet": money(order.shipping_fee), "taxLines": []}]},
            "fulfillments": lambda _info, first=250: self._fulfillments(order)[:first],
            "transactions": [done] if order.paid_at and not order.cod else [],
            "lineItems": lambda _info, first, after=None: page(
                list(enumerate(order.lines)), lambda row: self._line(order, *row), first, after
            ),
            "fulfillmentOrders": lambda _info, first, after=None: page(
                self._orders_to_send(order), lambda row: row, first, after
            ),
            "returns": lambda _info, first: {"nodes": self._returns(order)[:first]},
        }  # fmt: skip

    @property
    def _outside(self) -> bool:
        return bool(self.stall.facts.get("tax_outside"))

    def _line(self, order: Order, place: int, line: Line) -> Facts:
        off = line.discount + ((order.discount + order.platform_discount) if place == 0 else Decimal(0))
        net = (line.price / VAT).quantize(Decimal("0.01")) if self._outside else line.price
        tax = (line.price - net) * line.quantity
        kept = order.facts.get("kept", {}).get(line.id, line.quantity)
        return {
            "id": f"gid://shopify/LineItem/{line.id}", "sku": line.sku, "title": line.name,
            "variantTitle": "Default Title", "quantity": line.quantity, "currentQuantity": kept,
            "originalUnitPriceSet": money(net),
            "discountAllocations": [{"allocatedAmountSet": money(off)}] if off else [],
            "taxLines": [{"priceSet": money(tax if self._outside else line.price * line.quantity * 7 / 107)}],
        }  # fmt: skip

    def _returns(self, order: Order) -> list[Facts]:
        with self.stall.lock:
            found = [r for r in self.stall.returns.values() if r.order_no == order.number]
        return [
            {
                "id": f"gid://shopify/Return/7{order.number}", "status": "OPEN",
                "refunds": lambda _info, first, r=r: {"nodes": [{"totalRefundedSet": money(r.refund)}][:first]},
                "returnLineItems": lambda _info, first, r=r: {
                    "nodes": [
                        {
                            "__typename": "ReturnLineItem", "quantity": n, "returnReasonNote": r.reason,
                            "fulfillmentLineItem": {
                                "lineItem": {"id": f"gid://shopify/LineItem/{line.id}", "sku": line.sku}
                            },
                        }
                        for line, n in r.of(order)
                    ][:first]
                },
            }
            for r in found
        ]  # fmt: skip

    # sending

    def _fulfillments(self, order: Order) -> list[Facts]:
        made = list(order.facts.get("fulfillments", []))
        if not made and order.state in SENT:
            made = [{"number": order.tracking, "company": order.carrier, "url": "", "at": stamp(order.shipped_at)}]
        arrived = order.state in {State.DELIVERED, State.COMPLETED, State.RETURNED}
        return [
            {
                "id": f"gid://shopify/Fulfillment/{order.number}{n}", "status": "SUCCESS", "createdAt": f["at"],
                "displayStatus": "DELIVERED" if arrived else "FULFILLED",
                "trackingInfo": [{"company": f["company"], "number": f["number"], "url": f["url"]}],
            }
            for n, f in enumerate(made)
        ]  # fmt: skip

    def _orders_to_send(self, order: Order) -> list[Facts]:
        """One for each place the order leaves from; every second line leaves from the other when it is split."""
        places: dict[str, list[Line]] = {}
        for n, line in enumerate(order.lines):
            place = OTHER_PLACE if order.facts.get("split") and n % 2 else PLACE
            places.setdefault(place, []).append(line)
        sent = order.facts.get("sent", {})
        gone = order.state in SENT
        told = []
        for place, lines in places.items():
            left = {x.id: 0 if gone else x.quantity - sent.get(x.id, 0) for x in lines}
            status = "CLOSED" if not any(left.values()) else "ON_HOLD" if order.facts.get("held") else "OPEN"
            rows = [
                {"id": f"gid://shopify/FulfillmentOrderLineItem/{x.id}", "remainingQuantity": left[x.id],
                 "lineItem": self._line(order, 1, x)} for x in lines if left[x.id]
            ]  # fmt: skip
            told.append({
                "id": f"gid://shopify/FulfillmentOrder/{order.number}-{digits(place)}",
                "assignedLocation": {"location": {"id": place}},
                "status": "CANCELLED" if order.state is State.CANCELED else status,
                "lineItems": lambda _info, first, rows=rows: page(rows, lambda row: row, first, None),
            })  # fmt: skip
        return told

    def _send(self, _info: Any, fulfillment: Mapping[str, Any]) -> Facts:
        said = fulfillment["lineItemsByFulfillmentOrder"]
        owners = {digits(row["fulfillmentOrderId"]).partition("-")[0] for row in said}
        places = {digits(row["fulfillmentOrderId"]).partition("-")[2] for row in said}
        if len(owners) != 1 or len(places) != 1:
            return _sorry("Fulfillment orders must belong to the same order and location")
        with self.stall.lock:
            order = self._get(f"gid://shopify/Order/{next(iter(owners))}")
            if order is None:
                return _sorry("Fulfillment order does not exist")
            known = {row["id"]: row for row in self._orders_to_send(order)}
            moved: dict[str, int] = {}
            for row in said:
                wrong = self._take(known.get(row["fulfillmentOrderId"]), row, moved)
                if wrong:
                    return _sorry(wrong)
            return self._left(order, moved, fulfillment.get("trackingInfo") or {})

    def _take(self, known: Facts | None, row: Mapping[str, Any], moved: dict[str, int]) -> str:
        if known is None or known["status"] != "OPEN":
            return "Fulfillment order is not in a fulfillable state"
        left = {x["id"]: x for x in known["lineItems"](None, 250)["nodes"]}
        lines = row.get("fulfillmentOrderLineItems")
        wanted = (
            {x["id"]: x["quantity"] for x in lines} if lines else {k: x["remainingQuantity"] for k, x in left.items()}
        )
        for key, pieces in wanted.items():
            if key not in left or not 0 < pieces <= left[key]["remainingQuantity"]:
                return "Invalid fulfillment order line item quantity requested."
            moved[digits(key)] = pieces
        return ""

    def _left(self, order: Order, moved: Mapping[str, int], tracking: Mapping[str, Any]) -> Facts:
        sent = order.facts.setdefault("sent", {})
        for key, pieces in moved.items():
            sent[key] = sent.get(key, 0) + pieces
        row = {name: tracking.get(name) or "" for name in ("number", "company", "url")} | {"at": stamp(clock.now())}
        order.facts.setdefault("fulfillments", []).append(row)
        if all(sent.get(x.id, 0) >= x.quantity for x in order.lines):
            self.stall.ship(order.number, row["number"], row["company"])
        else:
            order.updated_at = clock.now()
        return {"fulfillment": self._fulfillments(order)[-1], "userErrors": []}

    def _cancel(self, _info: Any, orderId: str, **_: Any) -> Facts:  # noqa: N803  the schema's word
        order = self._get(orderId)
        why = "sent" if order is None or order.facts.get("sent") else ""
        try:
            if order is not None and not why:
                self.stall.cancel(order.number)
        except No as refusal:
            why = refusal.code
        if why:
            error = {"code": "INVALID", "field": ["orderId"], "message": f"Cannot cancel: {why}"}
            return {"job": None, "orderCancelUserErrors": [error]}
        return {"job": {"id": "gid://shopify/Job/1", "done": False}, "orderCancelUserErrors": []}

    # goods

    def _variants(self, _info: Any, first: int, after: str | None = None) -> Facts:
        with self.stall.lock:
            found = list(self.stall.listings.values())
        return page(found, self._variant, first, after)

    def _variant(self, listing: Listing) -> Facts:
        def level(_info: Any, locationId: str) -> Facts | None:  # noqa: N803  the schema's word
            counts = [{"name": "available", "quantity": listing.quantity}]
            return (
                {"quantities": lambda _info, names: [c for c in counts if c["name"] in names]}
                if locationId == PLACE
                else None
            )

        item = {"__typename": "InventoryItem", "id": f"gid://shopify/InventoryItem/{listing.id}", "tracked": True}
        return {
            "id": f"gid://shopify/ProductVariant/9{listing.id}", "sku": listing.sku, "displayName": listing.name,
            "inventoryItem": item | {"inventoryLevel": level},
        }  # fmt: skip

    def _set_stock(self, info: Any, input: Mapping[str, Any]) -> Facts:  # noqa: A002  the schema's word
        key = _idempotent(info)
        if key in self.keys:
            return self.keys[key]
        rows = input["quantities"]
        if len(rows) > 250:
            raise no("MAX_INPUT_SIZE_EXCEEDED", "The input array size is greater than the maximum of 250")
        errors = []
        for n, row in enumerate(rows):
            spot = ["input", "quantities", str(n)]
            if "changeFromQuantity" not in row:
                errors.append(
                    {
                        "code": "CHANGE_FROM_QUANTITY_MISSING",
                        "field": [*spot, "changeFromQuantity"],
                        "message": "must be said",
                    }
                )
            elif digits(row["inventoryItemId"]) not in self.stall.listings:
                errors.append({
                    "code": "INVALID_INVENTORY_ITEM", "field": [*spot, "inventoryItemId"],
                    "message": "The specified inventory item could not be found.",
                })  # fmt: skip
            elif row["locationId"] != PLACE or row["quantity"] < 0:
                errors.append(
                    {"code": "INVALID_QUANTITY_NEGATIVE", "field": [*spot, "quantity"], "message": "not possible"}
                )
        if input["name"] not in {"available", "on_hand"}:
            errors.append({"code": "INVALID_NAME", "field": ["input", "name"], "message": "available or on_hand"})
        for row in rows if not errors else []:
            self.stall.set_stock(digits(row["inventoryItemId"]), row["quantity"])
        self.keys[key] = {"userErrors": errors}
        return self.keys[key]


def _holds(at: datetime, sign: str, text: str) -> bool:
    when = datetime.fromisoformat(text)
    return {">=": at >= when, "<=": at <= when, "<": at < when, ">": at > when}[sign]


def _place(order: Order, moved: bool) -> tuple[float, int]:  # noqa: FBT001
    return (order.updated_at if moved else order.placed_at).timestamp(), order.serial


def _sorry(message: str) -> Facts:
    return {"fulfillment": None, "userErrors": [{"field": ["fulfillment"], "message": message}]}


def _idempotent(info: Any) -> str:
    """The key of the deed. Without one there is an error that the schema does not show."""
    known = info.schema.get_directive("idempotent")
    said = get_directive_values(known, info.field_nodes[0], info.variable_values)
    if not said:
        raise no("BAD_REQUEST", "The @idempotent directive is required for this mutation but was not provided.")
    return str(said["key"])
