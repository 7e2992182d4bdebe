"""Import files: upload, what the check found, write it, the history, and the editor of column maps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import Response, current_app, flash, jsonify, redirect, request, url_for
from flask_babel import gettext
from sqlalchemy import select
from werkzeug.wrappers import Response as AnyResponse

from oms.banks.statements import forms
from oms.carriers.names import CARRIER_LABELS
from oms.catalog.models import Shop
from oms.db import db
from oms.errors import InvalidInput, Say, say
from oms.importing import report
from oms.importing.formats import registry
from oms.importing.tabular import LIMITS
from oms.intake import files, queries
from oms.intake.models import ColumnMap, IntakeRun
from oms.intake.records import stored_sentence
from oms.intake.states import INTAKE_RUN, OWN_ACTION, IntakeKind, Outcome, RunStatus
from oms.payments.cod_queries import carriers
from oms.payments.models import ReceivingAccount
from oms.shipping.carrier_models import Carrier
from oms.usecases import intake
from views import listing, nav
from views.base import OmsView, current_actor, may, page, unit
from views.filters import tr

KIND_LABELS: dict[IntakeKind, str] = {
    IntakeKind.ORDERS: "Orders",
    IntakeKind.PRODUCTS: "Products and SKUs",
    IntakeKind.CUSTOMERS: "Customers",
    IntakeKind.STOCK: "Opening stock and counts",
    IntakeKind.STATEMENT: "Bank statement",
    IntakeKind.COD: "What a carrier paid (COD)",
    IntakeKind.TRACKING: "Tracking numbers of a carrier",
}
OUTCOME_LABELS: dict[Outcome, str] = {
    Outcome.CREATED: "New",
    Outcome.UPDATED: "Updated",
    Outcome.UNCHANGED: "Unchanged",
    Outcome.QUARANTINED: "Waiting for you",
    Outcome.REJECTED: "Not usable",
}
STATUS_TONES: dict[RunStatus, str] = {
    RunStatus.UPLOADED: "info",
    RunStatus.CHECKING: "info",
    RunStatus.CHECKED: "warn",
    RunStatus.COMMITTING: "info",
    RunStatus.DONE: "ok",
    RunStatus.CANCELED: "mut",
    RunStatus.REFUSED: "bad",
}
FIELD_LABELS: dict[str, str] = {
    "external_no": "Order number", "status": "State", "payment_state": "Payment state",
    "shipping_state": "Shipping state", "placed_at": "Ordered on", "paid_at": "Paid on", "buyer_id": "Buyer's account",
    "payment_method": "Payment method", "carrier": "Carrier", "tracking": "Tracking number", "ship_by": "Ship by",
    "shipped_at": "Shipped on", "shipping_fee": "Shipping fee", "seller_discount": "Discount by the shop",
    "platform_discount": "Discount by the platform", "fee": "Platform fee", "total": "Order total",
    "name": "Recipient", "phone": "Phone", "address": "Address", "subdistrict": "Subdistrict", "district": "District",
    "province": "Province", "postcode": "Postcode", "note": "Buyer's note", "sku": "SKU", "item_name": "Product name",
    "variation": "Option", "quantity": "Quantity", "unit_price": "Price per piece", "line_total": "Price of the line",
    "line_seller_discount": "Line discount by the shop", "line_platform_discount": "Line discount by the platform",
    "line_id": "Line number", "cancel_reason": "Reason of cancellation",
}  # fmt: skip
STATEMENT_LABELS: dict[str, str] = {
    "date": "Day", "time": "Time of day", "amount": "Amount (minus: money out)", "deposit": "Money in",
    "withdrawal": "Money out", "direction": "In or out", "balance": "Balance", "kind": "Kind of transaction",
    "detail": "Description", "channel": "Channel", "reference": "Reference", "account_no": "Account number",
}  # fmt: skip
COD_LABELS: dict[str, str] = {
    "tracking": "Tracking number", "amount": "Cash collected", "fee": "Fee", "vat": "VAT on the fee",
    "freight": "Freight", "net": "Net", "reference": "Round", "paid_on": "Paid on",
}  # fmt: skip
TRACKING_LABELS: dict[str, str] = {
    "reference": "Order or shipment number", "tracking": "Tracking number", "carrier": "Carrier",
}  # fmt: skip
MAPS: dict[IntakeKind, tuple[dict[str, str], set[str]]] = {  # fields of a column map, and which must be named
    IntakeKind.ORDERS: (FIELD_LABELS, {"external_no", "sku", "quantity"}),
    IntakeKind.STATEMENT: (STATEMENT_LABELS, {"date"}),
    IntakeKind.COD: (COD_LABELS, {"tracking", "amount"}),
    IntakeKind.TRACKING: (TRACKING_LABELS, {"reference", "tracking"}),
}
SHOWN_PROBLEMS = 200
STAGE_CHOICES = ("unpaid", "to_ship", "shipped", "delivered", "completed", "canceled")


def store() -> Path:
    """Where uploads and produced files are kept."""
    root: Path = current_app.extensions["oms.settings"].files_dir
    return root


def own_shops() -> list[Shop]:
    """Shops this person may import for."""
    actor = current_actor()
    return [
        s for s in db.session.scalars(select(Shop).where(Shop.is_active).order_by(Shop.id)) if actor.sees_shop(s.id)
    ]


def kinds() -> list[tuple[str, str]]:
    """Kinds of files this person may import, with their names."""
    return [(k.value, tr(label)) for k, label in KIND_LABELS.items() if _may_take(k)]


def _may_take(kind: IntakeKind) -> bool:
    return may(intake.NEEDS[kind]) and (kind in OWN_ACTION or may("intake.import"))


def is_busy(run: IntakeRun) -> bool:
    """Whether the background works on a run."""
    return run.status in {RunStatus.UPLOADED, RunStatus.CHECKING, RunStatus.COMMITTING}


def own_accounts() -> list[ReceivingAccount]:
    """Accounts a statement may be of."""
    return list(
        db.session.scalars(
            select(ReceivingAccount)
            .where(ReceivingAccount.is_active)
            .order_by(ReceivingAccount.bank, ReceivingAccount.id)
        )
    )


def own_carriers() -> list[str]:
    """Carriers whose files this person may take in."""
    if not may("payment.cod") and not may("shipment.track"):
        return []
    kept = db.session.scalars(select(Carrier.name).where(Carrier.is_active))
    return sorted({*CARRIER_LABELS.values(), *kept, *carriers(db.session())})


class IntakeView(OmsView):
    """One file after the other, each with its ledger."""

    route_base = "/intake"
    requires = "intake.import"
    default_view = "upload"
    also_open_to = ("payment.statement", "payment.cod", "shipment.track")  # the verbs ask by kind of file

    @page("/upload")
    def upload(self) -> str:
        """The form, the saved maps, and the last files."""
        recent = db.session.execute(queries.runs(current_actor()).limit(6)).all()
        maps = list(db.session.scalars(select(ColumnMap).order_by(ColumnMap.name)))
        facts = {"shops": own_shops(), "kinds": kinds(), "formats": registry.FORMATS.values(), "maps": maps,
                 "recent": recent, "limit": LIMITS.file_bytes // (1024 * 1024), "labels": labels(),
                 "accounts": own_accounts() if may("payment.statement") else [], "banks": forms.FORMS.values(),
                 "carriers": own_carriers(),
                 "chosen_carrier": request.args.get("carrier", ""),
                 "chosen_shop": request.args.get("shop", ""), "chosen_account": request.args.get("account", ""),
                 "chosen_kind": request.args.get("kind", "orders")}  # fmt: skip
        return self.show_page("intake/upload.html", title=gettext("Import a file"), **facts)

    @page("/upload/file", methods=("POST",))
    def take(self) -> AnyResponse:
        """Keep the file and have it checked."""
        sent = request.files.get("file")
        if sent is None or not sent.filename:
            raise InvalidInput(say("Choose a file first"), field="file", code="file_missing")
        kind = _kind(request.form.get("kind", ""))
        intake.require_kind(current_actor(), kind)
        kept = files.keep(store(), sent.stream, sent.filename, LIMITS.file_bytes)
        form, _, map_name = request.form.get("format", "").partition(":")
        command = intake.ReceiveFile(
            kind=kind, file=kept, shop_code=request.form.get("shop", ""), account_code=request.form.get("account", ""),
            carrier=request.form.get("carrier", ""),
            format="" if form == "map" else form, map_name=map_name if form == "map" else "",
        )  # fmt: skip
        with unit() as tx:
            run_id = intake.receive_file(tx, command)
        return redirect(url_for("IntakeView.run", run_id=run_id), 303)

    @page("/runs")
    def runs(self) -> str:
        """Every file that was taken in, newest first."""
        found = listing.fetch(queries.runs(current_actor()), scalars=False)
        return self.show_page("intake/runs.html", title=gettext("Imported files"), page=found, labels=labels())

    @page("/runs/<int:run_id>")
    def run(self, run_id: int) -> str:
        """One file: on its way, checked, written or refused, with its ledger and every bad cell in words."""
        run, shop = _found(run_id)
        counted = run.written if run.status in {RunStatus.DONE, RunStatus.CANCELED} else run.planned
        bad = queries.bad_items(db.session, run.id, SHOWN_PROBLEMS)
        facts = {"run": run, "shop": shop, "counted": counted, "busy": is_busy(run), "bad": bad,
                 "rows": queries.first_rows(db.session, run.id, 5) if not is_busy(run) else [],
                 "refusal": _refusal(run), "may_write": INTAKE_RUN.refusal(run, "commit") is None and run.staged,
                 "labels": labels(), "sentence": lambda p: tr(stored_sentence(p)), "shown": SHOWN_PROBLEMS}  # fmt: skip
        return self.show_page("intake/run.html", title=run.file_name, **facts)

    @page("/runs/<int:run_id>/progress")
    def progress(self, run_id: int) -> Response:
        """How far the background is, for the bar."""
        run, _ = _found(run_id)
        text = gettext("%(done)s of %(all)s", done=f"{run.progress:,}", all=f"{run.items:,}") if run.items else ""
        return jsonify(value=run.progress, max=run.items or 1, text=text, done=not is_busy(run))

    @page("/runs/<int:run_id>/commit", methods=("POST",))
    def commit(self, run_id: int) -> AnyResponse:
        """Write what the check has shown."""
        with unit() as tx:
            intake.commit_run(tx, run_id)
        return redirect(url_for("IntakeView.run", run_id=run_id), 303)

    @page("/runs/<int:run_id>/cancel", methods=("POST",))
    def cancel(self, run_id: int) -> AnyResponse:
        """Stop it; what is written stays."""
        with unit() as tx:
            intake.cancel_run(tx, run_id)
        flash(gettext("It stops at the next step. What is written stays; you can go on later."), "info")
        return redirect(url_for("IntakeView.run", run_id=run_id), 303)

    @page("/runs/<int:run_id>/errors.csv")
    def errors(self, run_id: int) -> Response:
        """Rows that wait or cannot be used, to mend and import again."""
        run, _ = _found(run_id)
        lines = report.error_lines(db.session, run, tr, gettext("What is wrong"))
        name = f"errors-{run.id}.csv"
        answer = Response("".join(lines), mimetype="text/csv; charset=utf-8")
        answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        return answer

    @page("/runs/<int:run_id>/map")
    def map(self, run_id: int) -> str:
        """Say which column of this file holds what."""
        run, shop = _found(run_id)
        seen = report.preview(files.path_of(store(), run.file_key), run.file_name, run.kind)
        known = dict((run.column_map or {}).get("columns") or seen.guesses)
        facts = {"run": run, "shop": shop, "seen": seen, "known": known, "fields": map_fields(run.kind),
                 "is_orders": run.kind is IntakeKind.ORDERS,
                 "options": dict((run.column_map or {}).get("options") or {}), "stages": STAGE_CHOICES,
                 "needed": MAPS.get(run.kind, MAPS[IntakeKind.ORDERS])[1]}  # fmt: skip
        return self.show_page("intake/map.html", title=gettext("Which column holds what?"), **facts)

    @page("/runs/<int:run_id>/map/save", methods=("POST",))
    def save_map(self, run_id: int) -> AnyResponse:
        """Keep the map and check the same file anew with it."""
        run, shop = _found(run_id)
        columns = {name: request.form.get(f"c_{name}", "") for name in map_fields(run.kind)}
        options = {"era": request.form.get("era", "auto"), "unit_rows": request.form.get("unit_rows") == "1",
                   "stages": _stages(request.form.get("stages", ""))}  # fmt: skip
        name = request.form.get("name", "")
        with unit() as tx:
            intake.save_column_map(tx, intake.SaveColumnMap(name, run.kind, columns, options))
            kept = files.Kept(run.file_key, run.file_name, run.file_size, run.file_sha256)
            account = tx.session.get(ReceivingAccount, run.account_id) if run.account_id else None
            again = intake.ReceiveFile(
                run.kind, kept, shop.code if shop else "", account.code if account else "", run.carrier,
                map_name=name.strip(), is_kept=True,
            )  # fmt: skip
            new_id = intake.receive_file(tx, again)
        flash(gettext("The column map is saved. Choose it when you upload the next file of this kind."), "success")
        return redirect(url_for("IntakeView.run", run_id=new_id), 303)


def map_fields(kind: IntakeKind) -> dict[str, str]:
    """The fields a column map of this kind of file can name."""
    return MAPS.get(kind, MAPS[IntakeKind.ORDERS])[0]


def _kind(value: str) -> IntakeKind:
    try:
        return IntakeKind(value or "orders")
    except ValueError:
        raise InvalidInput(say("Choose what the file holds"), field="kind", code="kind_unknown") from None


def _found(run_id: int) -> tuple[IntakeRun, Shop | None]:
    with unit() as tx:
        run = intake.get_run(tx, run_id)
        return run, tx.session.get(Shop, run.shop_id) if run.shop_id else None


def _refusal(run: IntakeRun) -> str:
    return tr(Say(run.refusal["template"], run.refusal["facts"])) if run.refusal else ""


def _stages(text: str) -> dict[str, str]:
    """Lines ``word = stage`` of the map editor. Raises InvalidInput for a stage there is none of."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        word, sign, stage = line.partition("=")
        if not word.strip():
            continue
        if not sign or stage.strip() not in STAGE_CHOICES:
            raise InvalidInput(
                say("“{line}”: write a word of the file, =, and one of {stages}", line=line.strip()[:60],
                    stages=", ".join(STAGE_CHOICES)),
                field="stages",
                code="map_stage",
            )  # fmt: skip
        found[word.strip()] = stage.strip()
    return found


def labels() -> dict[str, Any]:
    """Names of kinds, outcomes and states, for templates."""
    return {"kind": KIND_LABELS, "outcome": OUTCOME_LABELS, "status": INTAKE_RUN.labels, "tone": STATUS_TONES,
            "terms": list(Outcome)}  # fmt: skip


VIEWS = (IntakeView,)
NAV = (
    nav.Item("data", "Import a file", "IntakeView.upload", "intake.import", icon="upload", order=80),
    nav.Item(
        "work",
        "Import a bank statement",
        "IntakeView.upload",
        "payment.statement",
        icon="upload",
        order=71,
        args={"kind": "statement"},
    ),
    nav.Item(
        "work",
        "Import tracking numbers",
        "IntakeView.upload",
        "shipment.track",
        icon="upload",
        order=66,
        args={"kind": "tracking"},
    ),
    nav.Item("data", "Imported files", "IntakeView.runs", "intake.import", icon="history", order=81),
)
