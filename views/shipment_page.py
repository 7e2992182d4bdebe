"""One shipment: what is in it, its boxes and their way, every scan, and what may be done with it."""

from __future__ import annotations

import re
from typing import Any

from flask import flash, redirect, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response

from oms.catalog.models import CHANNEL_LABELS
from oms.db import db
from oms.errors import InvalidInput, OmsError, say
from oms.orders.queries import NO_ID
from oms.reports.shipment_page import shipment_page
from oms.shipping import combining
from oms.shipping.floor.states import MANIFEST
from oms.shipping.queries import get_shipment
from oms.usecases import shipping_combine as combine
from oms.usecases.sentences import unpack
from oms.usecases.shipping_boxes import make_ready
from oms.usecases.shipping_parcels import (
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
from oms.usecases.shipping_work import BoxSpec, PackShipment, hand_over_shipments, pack_shipment
from views import nav
from views.base import OmsView, current_actor, page, unit
from views.pack_words import label_url
from views.shipments import carrier_names

_WEIGHT = re.compile(r"[\d.,]+")


def _word(name: str, most: int = 500) -> str:
    return request.form.get(name, "").replace("\x00", "")[:most]


def _version() -> int | None:
    return request.form.get("version", type=int)


def _raise(answer: Any) -> None:
    """An answer of a verb on many, for one: a refusal is shown like any other."""
    if isinstance(answer, OmsError):
        raise answer


def _boxes() -> tuple[BoxSpec, ...]:
    """As many boxes as were said, with the weights typed (grams, one per box). Raises InvalidInput."""
    count = request.form.get("boxes", 1, type=int)
    weights = [_grams(part) for part in _WEIGHT.findall(_word("weights"))]
    if len(weights) > count:
        raise InvalidInput(say("There are more weights than boxes"), field="weights", code="weights")
    return tuple(BoxSpec(weight_grams=weights[n] if n < len(weights) else None) for n in range(count))


def _grams(text: str) -> int:
    digits = text.replace(",", "")
    if not digits.isdigit():
        raise InvalidInput(say("“{text}” is not a whole number", text=text), field="weights", code="weights")
    return int(digits)


class ShipmentPageView(OmsView):
    """The page of a shipment, and its buttons."""

    route_base = "/shipments"
    requires = "order.view"
    requires_for = {
        "make_ready": "shipment.pack", "pack": "shipment.pack", "carrier": "shipment.pack",
        "pull_back": "shipment.pack", "cancel": "shipment.pack", "tracking": "shipment.track",
        "void_label": "shipment.void_label", "hand_over": "shipment.hand_over", "split": "shipment.combine",
        "uncombine": "shipment.combine", "combine": "shipment.combine", "together": "shipment.combine",
    }  # fmt: skip

    @page("/<int:shipment_id>")
    def show(self, shipment_id: int) -> str:
        """Everything about one shipment."""
        with unit() as tx:
            found = shipment_page(tx, shipment_id)
            facts = {
                "page": found, "row": found.row, "shipment": found.shipment, "channels": CHANNEL_LABELS,
                "carrier_names": carrier_names(), "label_url": label_url(found.shipment.id), "said": unpack,
                "sheet_labels": MANIFEST.labels,
            }  # fmt: skip
            return self.show_page("shipments/show.html", title=found.shipment.number, **facts)

    def _done(self, shipment_id: int, sentence: str) -> Response:
        flash(sentence, "success")
        return redirect(url_for("ShipmentPageView.show", shipment_id=shipment_id), 303)

    @page("/<int:shipment_id>/ready", methods=("POST",))
    def make_ready(self, shipment_id: int) -> Response:
        """It may be picked again."""
        with unit() as tx:
            inside = sorted({line.order_id for line in get_shipment(tx, shipment_id).lines})
            for answer in make_ready(tx, inside).values():
                _raise(answer)
        return self._done(shipment_id, gettext("Ready to pick"))

    @page("/<int:shipment_id>/pack", methods=("POST",))
    def pack(self, shipment_id: int) -> Response:
        """Packed without the station."""
        with unit() as tx:
            pack_shipment(tx, PackShipment(shipment_id, _boxes(), _version()))
        return self._done(shipment_id, gettext("Packed"))

    @page("/<int:shipment_id>/carrier", methods=("POST",))
    def carrier(self, shipment_id: int) -> Response:
        """Who carries it."""
        with unit() as tx:
            change_carrier(tx, ChangeCarrier(shipment_id, _word("carrier", 80), _word("service", 40), _version()))
        return self._done(shipment_id, gettext("Carrier named"))

    @page("/<int:shipment_id>/tracking", methods=("POST",))
    def tracking(self, shipment_id: int) -> Response:
        """The number of a box."""
        parcel = request.form.get("parcel", type=int)
        with unit() as tx:
            set_tracking(tx, SetTracking(shipment_id, _word("carrier", 80), _word("tracking_no", 80), parcel))
        return self._done(shipment_id, gettext("Tracking number set"))

    @page("/<int:shipment_id>/void-label", methods=("POST",))
    def void_label(self, shipment_id: int) -> Response:
        """The label no longer stands."""
        with unit() as tx:
            void_label(tx, VoidLabel(shipment_id, _word("reason"), _version()))
        return self._done(shipment_id, gettext("The label is void; address and carrier may change"))

    @page("/<int:shipment_id>/pull-back", methods=("POST",))
    def pull_back(self, shipment_id: int) -> Response:
        """Back to planned."""
        with unit() as tx:
            pull_back(tx, PullBack(shipment_id, _word("reason"), _version()))
        return self._done(shipment_id, gettext("Taken back; it waits until it is made ready again"))

    @page("/<int:shipment_id>/cancel", methods=("POST",))
    def cancel(self, shipment_id: int) -> Response:
        """Given up."""
        with unit() as tx:
            cancel_shipment(tx, CancelShipment(shipment_id, _word("reason"), _version()))
        return self._done(shipment_id, gettext("The shipment is given up; its goods stay promised to the order"))

    @page("/<int:shipment_id>/hand-over", methods=("POST",))
    def hand_over(self, shipment_id: int) -> Response:
        """It leaves without a sheet."""
        with unit() as tx:
            _raise(hand_over_shipments(tx, [shipment_id])[shipment_id])
        return self._done(shipment_id, gettext("Handed over"))

    @page("/<int:shipment_id>/split", methods=("POST",))
    def split(self, shipment_id: int) -> Response:
        """A part goes by itself."""
        lines = [
            (int(name.removeprefix("line-")), request.form.get(name, 0, type=int))
            for name in request.form
            if name.startswith("line-") and name.removeprefix("line-").isdigit() and len(name) < 24
        ]
        with unit() as tx:
            made = combine.split_shipment(tx, combine.SplitShipment(shipment_id, tuple(lines), _version()))
        return self._done(made.taken.shipment_id, gettext("%(number)s was split off", number=made.taken.number))

    @page("/<int:shipment_id>/uncombine", methods=("POST",))
    def uncombine(self, shipment_id: int) -> Response:
        """Every order goes by itself."""
        with unit() as tx:
            cmd = combine.UncombineShipment(shipment_id, _word("reason"), version=_version())
            made = combine.uncombine_shipment(tx, cmd)
        flash(gettext("Taken apart into %(numbers)s", numbers=", ".join(s.number for s in made)), "success")
        return redirect(url_for("ShipmentPageView.show", shipment_id=made[0].shipment_id), 303)

    @page("/together")
    def together(self) -> str:
        """Orders of one buyer that could share a box."""
        found = combining.combinable(db.session(), current_actor())
        return self.show_page("shipments/together.html", title=gettext("Same buyer, one box"), proposals=found)

    @page("/together", methods=("POST",))
    def combine(self) -> Response:
        """These orders go in one box."""
        ids = tuple(i for i in request.form.getlist("order", type=int) if 0 < i < NO_ID)
        with unit() as tx:
            made = combine.combine_orders(tx, combine.CombineOrders(ids, request.form.get("warehouse", 0, type=int)))
        return self._done(
            made.shipment.shipment_id, gettext("They go in one box: %(number)s", number=made.shipment.number)
        )


VIEWS = (ShipmentPageView,)
NAV = (
    nav.Item("ship", "Same buyer, one box", "ShipmentPageView.together", "shipment.combine", icon="layers", order=20),
)  # fmt: skip
