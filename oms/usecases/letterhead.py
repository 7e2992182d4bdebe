"""How the seller's papers look: color and logo. Documents already issued keep the look they were issued with."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from oms import audit
from oms.db import Tx
from oms.documents.letterhead import read_color, small_logo
from oms.documents.models import Company
from oms.errors import Conflict, Refused, say


@dataclass(frozen=True)
class SaveLetterhead:
    """``picture`` is a new logo as the decoding process made it; None keeps the one there is, or takes it away."""

    color: str = ""
    picture: bytes | None = field(default=None, repr=False)
    no_logo: bool = False
    version: int | None = None


@dataclass(frozen=True)
class LetterheadSaved:
    changed: bool


def save_letterhead(tx: Tx, cmd: SaveLetterhead) -> LetterheadSaved:
    """Set color and logo for documents to come. Raises InvalidInput, Conflict, or Refused without a company."""
    tx.actor.require("document.design")
    row = tx.session.get(Company, 1, with_for_update=True, populate_existing=True)
    if row is None:
        raise Refused(say("Enter the company first"), code="company_missing")
    if cmd.version is not None and row.version != cmd.version:
        raise Conflict(say("Someone else changed this record; reload and try again"), code="stale")
    before = _said(row)
    row.color = read_color(cmd.color)
    if cmd.picture is not None:
        row.logo = small_logo(cmd.picture)
    elif cmd.no_logo:
        row.logo = None
    after = _said(row)
    if after == before:
        return LetterheadSaved(changed=False)
    audit.record(tx, "company.edited", "company", 1, row.name, before=before, after=after)
    return LetterheadSaved(changed=True)


def _said(row: Company) -> dict[str, str]:
    """What stands in the audit: the color, and the logo by its checksum."""
    return {"color": row.color or "", "logo": hashlib.sha256(row.logo).hexdigest() if row.logo else ""}
