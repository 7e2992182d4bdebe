"""What is done to the shipments of one order from its page."""

from __future__ import annotations

from flask import flash, request
from flask_babel import gettext
from werkzeug.wrappers import Response

from oms.db import Tx
from oms.errors import OmsError
from oms.money import ZERO
from oms.usecases.shipping_arrival import deliver_shipments
from oms.usecases.shipping_boxes import ready_one
from oms.usecases.shipping_combine import (
    CombineOrders,
    SplitShipment,
    UncombineShipment,
    combine_orders,
    split_shipment,
    uncombine_shipment,
)
from oms.usecases.shipping_work import (
    CancelShipment,
    ChangeCarrier,
    PullBack,
    SetTracking,
    VoidLabel,
    cancel_shipment,
    change_carrier,
    pull_back,
    set_tracking,
    void_label,
)
from views.base import OmsView, may, page
from views.filters import money
from views.order_actions import POST, act, text, version


class OrderShipmentView(OmsView):
    """The buttons of the shipments on the order page."""

    route_base = "/order-shipment"
    default_view = "ready"
    requires = "order.view"

    @page("/<int:pk>/ready", methods=POST)
    def ready(self, pk: int) -> Response:
        """What is in no box yet may be picked."""
        return act(pk, lambda tx: ready_one(tx, pk), gettext("Ready to pick"))

    @page("/<int:pk>/combine", methods=POST)
    def combine(self, pk: int) -> Response:
        """Orders of one buyer go in one box."""
        ids = tuple(request.form.getlist("order", type=int))
        place = request.form.get("warehouse", 0, type=int)

        def verb(tx: Tx) -> None:
            over = sum(combine_orders(tx, CombineOrders(ids, place)).fee_over.values(), start=ZERO)
            if over > ZERO and may("order.price"):
                flash(
                    gettext("One box instead of several: %(fee)s of shipping could be given back", fee=money(over)),
                    "info",
                )

        return act(pk, verb, gettext("They go in one box"))

    @page("/<int:pk>/<int:shipment_id>/void", methods=POST)
    def void(self, pk: int, shipment_id: int) -> Response:
        """The printed label no longer stands."""
        command = VoidLabel(shipment_id, text("reason"), version())
        return act(pk, lambda tx: void_label(tx, command), gettext("Label voided"), dialog=f"void-{shipment_id}")

    @page("/<int:pk>/<int:shipment_id>/cancel", methods=POST)
    def cancel(self, pk: int, shipment_id: int) -> Response:
        """Give the box up."""
        command = CancelShipment(shipment_id, text("reason"), version())
        done = gettext("Shipment canceled; its goods stay reserved")
        return act(pk, lambda tx: cancel_shipment(tx, command), done, dialog=f"cancel-{shipment_id}")

    @page("/<int:pk>/<int:shipment_id>/pull-back", methods=POST)
    def pull_back(self, pk: int, shipment_id: int) -> Response:
        """Back to planned."""
        command = PullBack(shipment_id, text("reason"), version())
        return act(pk, lambda tx: pull_back(tx, command), gettext("Pulled back"), dialog=f"pull_back-{shipment_id}")

    @page("/<int:pk>/<int:shipment_id>/carrier", methods=POST)
    def carrier(self, pk: int, shipment_id: int) -> Response:
        """Another carrier or service."""
        command = ChangeCarrier(shipment_id, text("carrier", 80), text("service", 40), version())
        return act(
            pk, lambda tx: change_carrier(tx, command), gettext("Carrier changed"), dialog=f"carrier-{shipment_id}"
        )

    @page("/<int:pk>/<int:shipment_id>/tracking", methods=POST)
    def tracking(self, pk: int, shipment_id: int) -> Response:
        """The number a carrier gave."""
        parcel_id = request.form.get("parcel", type=int)
        command = SetTracking(shipment_id, text("carrier", 80), text("tracking_no", 80), parcel_id)
        done = gettext("Tracking number saved")
        return act(pk, lambda tx: set_tracking(tx, command), done, dialog=f"tracking-{shipment_id}")

    @page("/<int:pk>/<int:shipment_id>/split", methods=POST)
    def split(self, pk: int, shipment_id: int) -> Response:
        """A part goes in a second box."""
        named = [name for name in request.form if name.startswith("line-") and name[5:].isdecimal()]
        lines = tuple((int(name[5:]), request.form.get(name, 0, type=int)) for name in named)
        command = SplitShipment(shipment_id, lines, version())
        return act(pk, lambda tx: split_shipment(tx, command), gettext("Split in two"), dialog=f"split-{shipment_id}")

    @page("/<int:pk>/<int:shipment_id>/uncombine", methods=POST)
    def uncombine(self, pk: int, shipment_id: int) -> Response:
        """Every order gets its own box again."""
        command = UncombineShipment(shipment_id, text("reason"), version=version())
        done = gettext("Taken apart; every order has its own box")
        return act(pk, lambda tx: uncombine_shipment(tx, command), done, dialog=f"uncombine-{shipment_id}")

    @page("/<int:pk>/<int:shipment_id>/delivered", methods=POST)
    def delivered(self, pk: int, shipment_id: int) -> Response:
        """It arrived."""

        def verb(tx: Tx) -> None:
            outcome = deliver_shipments(tx, [shipment_id])[shipment_id]
            if isinstance(outcome, OmsError):
                raise outcome

        return act(pk, verb, gettext("Marked as delivered"))


VIEWS = (OrderShipmentView,)
