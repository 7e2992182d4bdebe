"""What the audit's codes of carriers and parcels mean in words."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext

CARRIER_TITLES: dict[str, Any] = {
    "carrier.created": lazy_gettext("Carrier added"),
    "carrier.changed": lazy_gettext("Carrier changed"),
    "carrier.connected": lazy_gettext("Connection to the carrier changed"),
    "carrier.hook_renewed": lazy_gettext("New address for the carrier's news"),
    "carrier.tested": lazy_gettext("Connection to the carrier tried"),
    "carrier.stopped": lazy_gettext("Carrier does not accept our keys"),
    "carrier.resealed": lazy_gettext("Keys of carriers sealed anew"),
    "carrier.range_added": lazy_gettext("Block of tracking numbers entered"),
    "carrier.range_changed": lazy_gettext("Block of tracking numbers changed"),
    "carrier.chosen": lazy_gettext("Default carrier set"),
    "carrier.unchosen": lazy_gettext("Default carrier removed"),
    "shipment.carrier_set": lazy_gettext("Carrier of the shipment changed"),
    "shipment.numbered": lazy_gettext("Tracking number from our block"),
    "shipment.booking_asked": lazy_gettext("Carrier asked for the parcel"),
    "shipment.booking_refused": lazy_gettext("Carrier refused the parcel"),
    "shipment.booking_canceled": lazy_gettext("Booking at the carrier canceled"),
    "shipment.booking_cancel_refused": lazy_gettext("Booking at the carrier could not be canceled"),
    "shipment.delivered": lazy_gettext("Parcel delivered"),
    "shipment.coming_back": lazy_gettext("Parcel on its way back"),
    "shipment.came_back": lazy_gettext("Parcel came back"),
    "shipment.lost": lazy_gettext("Parcel lost"),
}
