"""Links to remote warehouses kept: made, changed, paused, given new keys; trouble noted."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select

from oms import audit, clock
from oms.db import Tx
from oms.errors import InvalidInput, OmsError, Refused, say
from oms.inventory.models import Warehouse
from oms.remote.models import RemoteSite
from oms.remote.queries import lock_site, token_mark
from oms.remote.states import SiteMode
from oms.sealing import Sealer
from oms.usecases.keeping import Saved, between, bounded, checked, lock_row, put, refuse_taken
from oms.usecases.masters import Edit
from oms.usecases.sentences import pack

SECRET_BYTES: Final = 32


@dataclass(frozen=True)
class SiteFacts:
    """What is entered of a link."""

    code: str
    name: str
    warehouse_id: int
    mode: SiteMode = SiteMode.API
    silent_hours: int = 24


@dataclass(frozen=True)
class SiteKeys:
    """The signing secret and the token a site calls with; shown once."""

    site_id: int
    secret: str
    token: str


def create_site(tx: Tx, facts: SiteFacts, sealer: Sealer) -> SiteKeys:
    """Link a warehouse to a remote site. Answers its keys, which are never shown again."""
    tx.actor.require("remote.manage")
    fields = _fields(tx, facts, None)
    keys, token = _new_keys(sealer)
    row = RemoteSite(**fields, **keys, is_active=True, created_at=clock.now())
    tx.session.add(row)
    tx.session.flush()  # the audit row names it
    audit.record(tx, "remote_site.created", "remote_site", row.id, row.name, after=_plain(fields))
    return SiteKeys(row.id, sealer.open(row.secrets)["secret"], token)


def edit_site(tx: Tx, edit: Edit, facts: SiteFacts) -> Saved:
    """Change a link. Its warehouse stays: what was exchanged belongs to it."""
    tx.actor.require("remote.manage")
    row = lock_row(tx, RemoteSite, edit.id, edit.version)
    if facts.warehouse_id != row.warehouse_id:
        raise InvalidInput(
            say("A link keeps its warehouse; pause it and make a new one"), field="warehouse_id", code="warehouse_fixed"
        )
    before, after = put(row, _fields(tx, facts, row))
    if after:
        audit.record(
            tx, "remote_site.changed", "remote_site", row.id, row.name, before=_plain(before), after=_plain(after)
        )
    return Saved(row.id, changed=bool(after))


def switch_site(tx: Tx, edit: Edit, *, is_active: bool) -> Saved:
    """Pause a link, or let it go on. While it is paused nothing is taken from the site and nothing given to it."""
    tx.actor.require("remote.manage")
    row = lock_row(tx, RemoteSite, edit.id, edit.version)
    before, after = put(row, {"is_active": is_active})
    if after:
        action = "remote_site.resumed" if is_active else "remote_site.paused"
        audit.record(tx, action, "remote_site", row.id, row.name, before=before, after=after)
    return Saved(row.id, changed=bool(after))


def renew_keys(tx: Tx, edit: Edit, sealer: Sealer) -> SiteKeys:
    """New keys for a site; the old ones are dead at once. What was packed with the old secret is sealed anew when it
    is asked for again only if the site lost it, so ask the site to fetch everything first.

    Raises Refused while packages wait that the site has not acknowledged.
    """
    tx.actor.require("remote.manage")
    row = lock_row(tx, RemoteSite, edit.id, edit.version)
    if row.out_have != row.out_seq:
        raise Refused(
            say(
                "The site has not taken {n} packages yet, and they are signed with the old secret; wait for it",
                n=row.out_seq - row.out_have,
            ),
            code="packages_waiting",
        )
    keys, token = _new_keys(sealer)
    put(row, keys)
    audit.record(tx, "remote_site.keys_renewed", "remote_site", row.id, row.name)
    return SiteKeys(row.id, sealer.open(row.secrets)["secret"], token)


def secret_of(site: RemoteSite, sealer: Sealer) -> str:
    """The signing secret of a site."""
    return sealer.open(site.secrets)["secret"]


def note_trouble(tx: Tx, site_id: int, refusal: OmsError) -> None:
    """Remember why the last package of a site was refused, for its page."""
    site = lock_site(tx, site_id)
    site.trouble = {**(pack(refusal.message) or {}), "code": refusal.detail_code}
    site.trouble_at = clock.now()


def _new_keys(sealer: Sealer) -> tuple[dict[str, Any], str]:
    secret, token = secrets.token_urlsafe(SECRET_BYTES), secrets.token_urlsafe(SECRET_BYTES)
    sealed = sealer.seal({"secret": secret, "token": token})
    return {"secrets": sealed, "token_sha256": token_mark(token)}, token


def _fields(tx: Tx, facts: SiteFacts, row: RemoteSite | None) -> dict[str, Any]:
    own = row.id if row else None
    found = checked(
        code=lambda: bounded(facts.code, 40, "code", missing=say("Enter a short code")),
        name=lambda: bounded(facts.name, 200, "name", missing=say("Enter a name")),
        silent_hours=lambda: between(facts.silent_hours, 1, 720, "silent_hours"),
    )
    if not found["code"].replace("-", "").replace("_", "").isalnum() or not found["code"].isascii():
        raise InvalidInput(
            say("Letters, digits and dashes only: the site calls by this code"), field="code", code="code_letters"
        )
    place = tx.session.get(Warehouse, facts.warehouse_id)
    if place is None or not place.is_active:
        raise InvalidInput(say("Choose an open warehouse"), field="warehouse_id", code="warehouse_closed")
    refuse_taken(tx, RemoteSite.code, found["code"], "code", own)
    other = select(RemoteSite.id).where(RemoteSite.warehouse_id == place.id, RemoteSite.id != (own or 0))
    if tx.session.scalar(other):
        raise InvalidInput(say("This warehouse is linked already"), field="warehouse_id", code="warehouse_linked")
    return {**found, "warehouse_id": place.id, "mode": facts.mode}


def _plain(fields: dict[str, Any]) -> dict[str, Any]:
    return {k: v.value if isinstance(v, SiteMode) else v for k, v in fields.items()}
