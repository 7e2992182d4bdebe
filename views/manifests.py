"""Hand-over sheets: scan what the driver takes, close, print."""

from __future__ import annotations

from typing import Any

from flask import flash, jsonify, redirect, request, url_for
from flask_babel import gettext
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response

from oms.db import db
from oms.documents.render import render_pdf
from oms.inventory.availability import places
from oms.reports.manifests import Sheet, get_sheet, rounds, sheet_list
from oms.shipping.floor.models import Manifest
from oms.shipping.floor.states import MANIFEST, ManifestStatus
from oms.usecases.manifests import (
    CloseManifest,
    OpenManifest,
    ScanParcel,
    cancel_manifest,
    close_manifest,
    open_manifest,
    scan_parcel,
)
from oms.usecases.sentences import unpack
from views import listing, nav
from views.base import OmsView, current_actor, page, unit
from views.filters import money, tr
from views.floor_papers import pdf, picture
from views.shipments import carrier_names

TONES = {ManifestStatus.OPEN: "acc", ManifestStatus.CLOSED: "ok", ManifestStatus.CANCELED: "mut"}


class ManifestView(OmsView):
    """Sheets."""

    route_base = "/manifests"
    requires = "shipment.hand_over"
    default_view = "sheets"

    @page("/")
    def sheets(self) -> str:
        """All sheets, open ones first; and the carriers somebody has to come for."""
        actor = current_actor()
        mine = places(db.session(), actor)
        found = listing.fetch(sheet_list(actor).options(joinedload(Manifest.warehouse)), size=30, scalars=False)
        facts = {
            "page": found, "places": mine, "codes": {p.id: p.code for p in mine}, "tones": TONES,
            "rounds": rounds(db.session(), actor, [p.id for p in mine]), "labels": MANIFEST.labels,
            "carrier_names": carrier_names(),
        }  # fmt: skip
        return self.show_page("manifests/list.html", title=gettext("Hand-over sheets"), **facts)

    @page("/open", methods=("POST",))
    def open(self) -> Response:
        """Begin a round, or go on with the one that is open."""
        with unit() as tx:
            cmd = OpenManifest(request.form.get("carrier", "")[:200], request.form.get("warehouse", 0, type=int))
            opened = open_manifest(tx, cmd)
        return redirect(url_for("ManifestView.sheet", manifest_id=opened.manifest_id), 303)

    @page("/<int:manifest_id>")
    def sheet(self, manifest_id: int) -> str:
        """One sheet, to scan onto."""
        with unit() as tx:
            found = get_sheet(tx, manifest_id)
            facts = {"sheet": found, "manifest": found.manifest, "labels": MANIFEST.labels, "tones": TONES,
                     "said": unpack}  # fmt: skip
            return self.show_page("manifests/show.html", title=found.manifest.number, **facts)

    @page("/<int:manifest_id>/scan", methods=("POST",))
    def scan(self, manifest_id: int) -> Response:
        """A box scanned on, or off. Answers what is on the sheet now."""
        facts: Any = request.get_json(silent=True) or {}
        answers = []
        for raw in facts.get("scans", ())[:50] if isinstance(facts.get("scans"), list) else ():
            one = raw if isinstance(raw, dict) else {}
            cmd = ScanParcel(manifest_id, str(one.get("key", "")), str(one.get("code", "")), out=bool(one.get("out")))
            with unit() as tx:
                done = scan_parcel(tx, cmd)
            answers.append({"key": cmd.key, "outcome": done.outcome, "stops": done.stops, "message": tr(done.message),
                            "parcel": done.parcel_id})  # fmt: skip
        with unit() as tx:
            return jsonify(answers=answers, **_as_json(get_sheet(tx, manifest_id)))

    @page("/<int:manifest_id>/close", methods=("POST",))
    def close(self, manifest_id: int) -> Response:
        """The driver takes it all."""
        form = request.form
        cmd = CloseManifest(manifest_id, form.get("driver", ""), form.get("note", ""), form.get("version", type=int))
        with unit() as tx:
            done = close_manifest(tx, cmd)
        flash(gettext("%(n)s boxes are handed over", n=done.parcels), "success")
        for number, why in list(done.refused.items())[:5]:
            flash(gettext("%(number)s stays here: %(why)s", number=number, why=tr(why.message)), "danger")
        return redirect(url_for("ManifestView.sheet", manifest_id=manifest_id), 303)

    @page("/<int:manifest_id>/cancel", methods=("POST",))
    def cancel(self, manifest_id: int) -> Response:
        """Nobody came."""
        with unit() as tx:
            cancel_manifest(tx, manifest_id, request.form.get("reason", ""))
        flash(gettext("The sheet is given up; its boxes are free"), "success")
        return redirect(url_for("ManifestView.sheets"), 303)

    @page("/<int:manifest_id>/paper.pdf")
    def paper(self, manifest_id: int) -> Response:
        """The sheet on paper, with lines to sign."""
        with unit() as tx:
            found = get_sheet(tx, manifest_id)
            html = self.show_page(
                "manifests/paper.html", sheet=found, manifest=found.manifest, code=picture(found.manifest.number)
            )
        return pdf(render_pdf(html), found.manifest.number)


def _as_json(sheet: Sheet) -> dict[str, Any]:
    """What the page shows while boxes are scanned."""
    return {
        "boxes": len(sheet.rows), "shipments": sheet.shipments, "cod": money(sheet.cod_total), "misses": sheet.misses,
        "rows": [
            {
                "parcel": row.parcel.id, "number": row.shipment.number, "tracking": row.parcel.tracking_no,
                "name": row.name, "place": row.province, "cod": money(row.cod) if row.cod else "",
            }
            for row in sheet.rows[:200]
        ],
        "late": [{"number": x.shipment.number, "tracking": x.tracking} for x in sheet.late],
    }  # fmt: skip


VIEWS = (ManifestView,)
NAV = (
    nav.Item("ship", "Hand-over sheets", "ManifestView.sheets", "shipment.hand_over", icon="doc", order=60,
             count="floor.leaving"),
)  # fmt: skip
