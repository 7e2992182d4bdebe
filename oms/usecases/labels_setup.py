"""How labels look when nobody says otherwise: paper, sender, phone, logo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from oms import audit
from oms.db import Tx
from oms.documents.labels.models import LabelSetting, PhoneShown
from oms.documents.labels.papers import Paper
from oms.errors import Conflict, say
from oms.usecases.keeping import Saved, bounded, checked, put


@dataclass(frozen=True)
class Look:
    """How the labels of one batch look."""

    paper: Paper = Paper.TALL
    phone: PhoneShown = PhoneShown.BOOKED
    items: bool = True
    cover: bool = True
    sender_name: str = ""
    sender_address: str = ""
    sender_phone: str = ""
    remark: str = ""
    logo_key: str = ""

    def to_json(self) -> dict[str, Any]:
        """As a batch keeps it; the paper has a column of its own."""
        return {
            "phone": self.phone.value, "items": self.items, "cover": self.cover, "sender_name": self.sender_name,
            "sender_address": self.sender_address, "sender_phone": self.sender_phone, "remark": self.remark,
            "logo_key": self.logo_key,
        }  # fmt: skip

    @classmethod
    def from_json(cls, paper: Paper, kept: Mapping[str, Any]) -> Look:
        facts: dict[str, Any] = {**kept, "phone": PhoneShown(str(kept["phone"]))}
        return cls(paper, **facts)


@dataclass(frozen=True)
class SaveLabelSetting:
    """The whole setting as it shall be; ``version`` None: it is made for the first time. ``logo_key`` None keeps the
    logo there is, "" takes it away."""

    paper: Paper
    phone: PhoneShown
    show_items: bool = True
    cover: bool = True
    sender_name: str = ""
    sender_address: str = ""
    sender_phone: str = ""
    remark: str = ""
    logo_key: str | None = None
    version: int | None = None


def find_setting(session: Session) -> LabelSetting | None:
    """The setting, or None while nobody has made one."""
    return session.get(LabelSetting, 1)


def look_of(session: Session) -> Look:
    """How labels look as the setting has it."""
    row = find_setting(session)
    if row is None:
        return Look()
    return Look(
        row.paper, row.phone, row.show_items, row.cover, row.sender_name, row.sender_address, row.sender_phone,
        row.remark, row.logo_key,
    )  # fmt: skip


def save_label_setting(tx: Tx, cmd: SaveLabelSetting) -> Saved:
    """Say how labels look. Batches that wait keep the look they were asked with. Raises InvalidInput or Conflict."""
    tx.actor.require("document.design")
    row = tx.session.get(LabelSetting, 1, with_for_update=True, populate_existing=True)
    if row is None:
        row = LabelSetting(id=1)
        tx.session.add(row)
        tx.session.flush()  # two who make it at once meet here
    if cmd.version is not None and row.version != cmd.version:
        raise Conflict(say("Someone else changed this record; reload and try again"), code="stale")
    fields = checked(
        sender_name=lambda: bounded(cmd.sender_name, 120, "sender_name"),
        sender_address=lambda: bounded(cmd.sender_address, 300, "sender_address"),
        sender_phone=lambda: bounded(cmd.sender_phone, 40, "sender_phone"),
        remark=lambda: bounded(cmd.remark, 120, "remark"),
    )
    fields |= {"paper": cmd.paper, "phone": cmd.phone, "show_items": cmd.show_items, "cover": cmd.cover}
    if cmd.logo_key is not None:
        fields["logo_key"] = cmd.logo_key
    before, after = put(row, fields)
    if after:
        audit.record(tx, "label.setting_saved", "label_setting", 1, "labels", before=before, after=after)
    return Saved(1, changed=bool(after))
