"""A seller's own shop that sends its orders to our inbound channel: nobody can ask it anything."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import Any

from werkzeug.wrappers import Request, Response

from views.sandbox.book import Fault, Refusal, plain
from views.sandbox.channel import ChannelSandbox, Hook
from views.sandbox.market import Market, Order, Stall, State

STATUSES = {state: state.value for state in State} | {State.PAID: "to_ship", State.ACCEPTED: "to_ship"}


class InboundSandbox(ChannelSandbox):
    """One shop. ``skew``: seconds by which its clock is wrong."""

    name = "inbound"
    repeats = 300  # nobody can ask it, so it tells until it is heard

    def __init__(self, stall: Stall | None = None, hook_secret: str = "inbound-secret") -> None:  # noqa: S107  made up
        super().__init__(stall or Market().open("inbound"))
        self.hook_secret, self.skew = hook_secret, 0

    def keys(self) -> dict[str, str]:
        """What the panel has to know."""
        return {"hook_secret": self.hook_secret}

    def handle(self, request: Request, fault: Fault | None) -> dict[str, Any] | Response:  # noqa: ARG002
        """Nobody asks it."""
        raise Refusal(404, {"message": "this shop only tells"})

    def told(self, order: Order) -> dict[str, Any]:
        """An order in the words of docs/inbound-channel.md."""
        home = order.buyer.home
        return {
            "number": order.number, "updated_at": order.updated_at.isoformat(),
            "placed_at": order.placed_at.isoformat(),
            "paid_at": order.paid_at.isoformat() if order.paid_at and not order.cod else None,
            "status": order.facts.get("status") or STATUSES[order.state], "cod": order.cod,
            "payment": "เก็บเงินปลายทาง" if order.cod else "บัตรเครดิต", "currency": order.facts.get("currency", "THB"),
            "buyer_id": order.buyer.handle, "note": order.note, "carrier": order.carrier, "tracking": order.tracking,
            "cancel_reason": order.cancel_reason, "shipping_fee": str(order.shipping_fee),
            "discount": str(order.discount + order.platform_discount), "total": str(order.total),
            "ship_to": {
                "name": order.buyer.name, "phone": order.buyer.phone, "address": home.line,
                "subdistrict": home.subdistrict, "district": home.district, "province": home.province,
                "postcode": home.postcode,
            },
            "items": [
                {
                    "id": line.id, "sku": line.sku, "name": line.name, "quantity": line.quantity,
                    "unit_price": str(line.price), "discount": str(line.discount),
                }
                for line in order.lines
            ],
        }  # fmt: skip

    def hook(self, order: Order, deed: str) -> Hook:  # noqa: ARG002  every deed is told alike
        """The whole order, signed with its moment."""
        body = json.dumps({"orders": [self.told(order)]}, ensure_ascii=False, default=plain).encode()
        return self.signed(body)

    def signed(self, body: bytes, at: int = 0) -> Hook:
        """Any message, signed now or at a moment."""
        at = at or int(time.time()) + self.skew
        made = hmac.new(self.hook_secret.encode(), str(at).encode() + b"." + body, hashlib.sha256).hexdigest()
        return Hook({"content-type": "application/json", "Ruam-Signature": f"t={at},v1={made}"}, body)
