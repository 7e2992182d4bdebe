"""Take a file in: received, checked without writing anything, written, stopped. The reading itself is ``importing``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from oms import audit, clock, outbox
from oms.actor import Actor
from oms.carriers.names import carrier_name
from oms.catalog.models import Shop
from oms.db import Tx
from oms.errors import InvalidInput, NotFound, Refused, say
from oms.intake import files
from oms.intake.models import ColumnMap, IntakeRun
from oms.intake.states import INTAKE_RUN, OWN_ACTION, IntakeKind, RunStatus
from oms.payments.models import ReceivingAccount

TOPIC = "intake.run"
NEEDS: dict[IntakeKind, str] = {
    IntakeKind.ORDERS: "intake.import",
    IntakeKind.PRODUCTS: "catalog.edit",
    IntakeKind.CUSTOMERS: "customer.edit",
    IntakeKind.STOCK: "stock.adjust",
    **OWN_ACTION,
}
OF_CARRIERS = frozenset({IntakeKind.COD, IntakeKind.TRACKING})


@dataclass(frozen=True)
class ReceiveFile:
    """A kept file to take in. ``format`` "" means: find out. ``map_name`` names a saved column map; ``column_map`` is
    one given on the spot. ``queue`` False leaves the work to the caller (the command line does it itself). ``is_kept``:
    the file is on record from an earlier run. ``account_code``: the account a statement is of; ``carrier``: whose
    file it is."""

    kind: IntakeKind
    file: files.Kept
    shop_code: str = ""
    account_code: str = ""
    carrier: str = ""
    format: str = ""
    map_name: str = ""
    column_map: dict[str, Any] | None = None
    commit_after_check: bool = False
    queue: bool = True
    is_kept: bool = False


@dataclass(frozen=True)
class SaveColumnMap:
    """How to read one source's files: field -> heading; options: era, unit_rows, stages."""

    name: str
    kind: IntakeKind
    columns: dict[str, str]
    options: dict[str, Any]
    version: int | None = None


def receive_file(tx: Tx, cmd: ReceiveFile) -> int:
    """Put a file on record and have it checked; answers the run's id. Raises InvalidInput or NotFound."""
    require_kind(tx.actor, cmd.kind)
    shop, account = _shop(tx, cmd), _account(tx, cmd)
    column_map = cmd.column_map
    if cmd.map_name:
        saved = find_map(tx, cmd.map_name)
        column_map = {"columns": saved.columns, "options": saved.options}
    if not cmd.is_kept:
        files.register(tx, cmd.file, "upload", "application/octet-stream")
    run = IntakeRun(
        kind=cmd.kind, status=RunStatus.UPLOADED, shop_id=shop.id if shop else None, format=cmd.format,
        account_id=account.id if account else None, carrier=_carrier(cmd), column_map=column_map,
        file_name=cmd.file.name,
        file_key=cmd.file.key, file_sha256=cmd.file.sha256, file_size=cmd.file.size,
        commit_after_check=cmd.commit_after_check, user_id=tx.actor.user_id,
        user_label=tx.actor.label, created_at=clock.now(),
    )  # fmt: skip
    tx.session.add(run)
    tx.session.flush()  # the id names the work
    _audit(tx, "intake.received", run, {"file": run.file_name, "sha256": run.file_sha256, "kind": run.kind})
    if cmd.queue:
        outbox.add(tx, TOPIC, f"{TOPIC}:{run.id}:check", run_id=run.id, cost=tx.actor.may("stock.cost"))
    return run.id


def _shop(tx: Tx, cmd: ReceiveFile) -> Shop | None:
    if cmd.kind is not IntakeKind.ORDERS:
        return None
    if not cmd.shop_code:
        raise InvalidInput(say("Choose the shop this file comes from"), field="shop", code="shop_missing")
    shop = tx.session.scalars(select(Shop).where(Shop.code == cmd.shop_code)).one_or_none()
    if shop is None or not tx.actor.sees_shop(shop.id) or not shop.is_active:
        raise NotFound(say("There is no such shop, or it is not yours to use"), field="shop", code="shop_not_found")
    return shop


def _account(tx: Tx, cmd: ReceiveFile) -> ReceivingAccount | None:
    if cmd.kind is not IntakeKind.STATEMENT:
        return None
    found = select(ReceivingAccount).where(ReceivingAccount.code == cmd.account_code, ReceivingAccount.is_active)
    account = tx.session.scalars(found).one_or_none() if cmd.account_code else None
    if account is None:
        sentence = say("Choose the account this statement is of")
        raise InvalidInput(sentence, field="account", code="account_missing")
    return account


def _carrier(cmd: ReceiveFile) -> str:
    """The one name of the carrier whose file it is."""
    if cmd.kind not in OF_CARRIERS:
        return ""
    if name := carrier_name(cmd.carrier):
        return name
    raise InvalidInput(say("Choose the carrier this file comes from"), field="carrier", code="carrier_missing")


def require_kind(actor: Actor, kind: IntakeKind) -> None:
    """Raise Forbidden unless files of this kind may be taken in: some need their own action only."""
    if kind not in OWN_ACTION:
        actor.require("intake.import")
    actor.require(NEEDS[kind])


def find_map(tx: Tx, name: str) -> ColumnMap:
    """A saved column map. Raises NotFound."""
    saved = tx.session.scalars(select(ColumnMap).where(ColumnMap.name == name)).one_or_none()
    if saved is None:
        raise NotFound(say("There is no column map called “{name}”", name=name), field="map", code="map_not_found")
    return saved


def get_run(tx: Tx, run_id: int, *, lock: bool = False) -> IntakeRun:
    """A run this actor may see. Raises NotFound."""
    run = tx.session.get(
        IntakeRun, run_id, with_for_update={"key_share": True} if lock else None, populate_existing=lock
    )
    if run is None or run.kind not in OWN_ACTION:
        tx.actor.require("intake.import")
    else:
        tx.actor.require(NEEDS[run.kind])
    if run is None or (run.shop_id is not None and not tx.actor.sees_shop(run.shop_id)):
        raise NotFound(say("There is no such import, or it is not yours to see"), code="run_not_found")
    return run


def commit_run(tx: Tx, run_id: int, *, queue: bool = True) -> None:
    """Write what the check has shown; a stopped run goes on where it stopped. Raises TransitionRefused."""
    run = get_run(tx, run_id, lock=True)
    tx.actor.require(NEEDS[run.kind])
    if run.status is RunStatus.CANCELED and not run.staged:
        raise Refused(say("This import was stopped before it was read; upload the file again"), code="run_not_read")
    INTAKE_RUN.fire(run, "commit")
    run.cancel_requested, run.finished_at, run.progress = False, None, 0
    _audit(tx, "intake.committed", run, {"planned": run.planned})
    if queue:
        key = f"{TOPIC}:{run.id}:commit:{clock.now():%Y%m%d%H%M%S%f}"
        outbox.add(tx, TOPIC, key, run_id=run.id, cost=tx.actor.may("stock.cost"))


def cancel_run(tx: Tx, run_id: int) -> None:
    """Stop a run. What is written stays written and the ledger says what is left; going on later is possible."""
    run = get_run(tx, run_id, lock=True)
    INTAKE_RUN.check(run, "cancel")
    if run.status in {RunStatus.CHECKING, RunStatus.COMMITTING}:
        run.cancel_requested = True  # the worker stops between two batches
    else:
        INTAKE_RUN.fire(run, "cancel")
        run.finished_at = clock.now()
    _audit(tx, "intake.canceled", run, {"progress": run.progress, "items": run.items})


def save_column_map(tx: Tx, cmd: SaveColumnMap) -> int:
    """Keep a column map under a name; the same name again replaces it. Raises InvalidInput."""
    require_kind(tx.actor, cmd.kind)
    name = cmd.name.strip()
    if not 1 <= len(name) <= 80:
        raise InvalidInput(say("Give the column map a name of at most 80 characters"), field="name", code="map_name")
    columns = {field: heading for field, heading in cmd.columns.items() if heading}
    if not columns:
        raise InvalidInput(say("Say at least which column holds what"), field="columns", code="map_empty")
    saved = tx.session.scalars(select(ColumnMap).where(ColumnMap.name == name).with_for_update()).one_or_none()
    before = {"columns": saved.columns, "options": saved.options} if saved else None
    if saved is None:
        saved = ColumnMap(name=name, kind=cmd.kind)
        tx.session.add(saved)
    saved.kind, saved.columns, saved.options, saved.updated_at = cmd.kind, columns, cmd.options, clock.now()
    tx.session.flush()  # the audit row names the id
    after = {"columns": columns, "options": cmd.options}
    audit.record(tx, "intake.map_saved", "column_map", saved.id, name, before=before, after=after)
    return saved.id


def _audit(tx: Tx, action: str, run: IntakeRun, after: dict[str, Any]) -> None:
    audit.record(tx, action, "intake_run", run.id, run.file_name, after=after)
