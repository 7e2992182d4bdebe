"""Who did what, from where, what was before and after; and whether anybody touched the log itself."""

from __future__ import annotations

from typing import Any

from flask import flash, g, redirect, request, url_for
from flask_appbuilder.models.sqla.interface import SQLAInterface
from flask_babel import gettext, lazy_gettext
from markupsafe import Markup
from sqlalchemy import Select, func, select
from werkzeug.wrappers import Response

from oms.audit import AuditLog, AuditSeal
from oms.db import db
from oms.permissions import ROLES
from oms.usecases.audit_check import check_chain
from views import audit_words, nav
from views.base import may, page, unit
from views.filters import cell, doer, moment, phone, tr
from views.listing import COUNT_UP_TO
from views.modelview import OmsModelView

ROLE_LABELS = {role.name: role.label for role in ROLES}
SUBJECT_PAGES = {
    "order": "OrderView.show", "product": "ProductView.show", "sku": "SkuView.show", "customer": "CustomerView.show",
    "warehouse": "WarehouseView.show", "shop": "ShopView.show", "account": "ReceivingAccountView.show",
    "channel_sku": "ChannelSkuView.show", "stock_paper": "StockPaperView.show", "staff": "StaffView.show",
    "role": "RoleView.show",
}  # fmt: skip


class AuditView(OmsModelView):
    """The audit log, newest first."""

    datamodel = SQLAInterface(AuditLog)
    route_base = "/audit"
    base_permissions = ["can_list", "can_show", "can_check"]
    requires = "audit.view"
    list_template, show_template = "audit_list.html", "audit_show.html"
    list_title, show_title = lazy_gettext("Audit"), lazy_gettext("Audit entry")
    list_columns = ["at", "actor", "action", "subject", "change", "reason", "source", "sealed"]
    show_columns = [
        "at", "actor", "role", "action", "subject", "reason", "source", "ip", "request_id", "sealed",
    ]  # fmt: skip
    order_columns = ["at"]
    wide_columns = ["subject", "change"]
    base_order = ("id", "desc")
    label_columns = {
        "at": lazy_gettext("When"), "actor": lazy_gettext("Who"), "role": lazy_gettext("Role"),
        "action": lazy_gettext("What"), "subject": lazy_gettext("About"), "change": lazy_gettext("Change"),
        "reason": lazy_gettext("Reason"), "source": lazy_gettext("Way in"), "ip": lazy_gettext("Address"),
        "request_id": lazy_gettext("Request"), "sealed": lazy_gettext("Sealed"),
        "subject_type": lazy_gettext("Kind of record"), "subject_id": lazy_gettext("Record number"),
    }  # fmt: skip
    find_columns = ["actor", "subject", "reason"]
    search_columns = ["at", "actor", "action", "subject_type", "subject_id", "subject", "source", "ip", "request_id"]
    export_list = "audit"
    choice_labels = {
        "action": audit_words.ACTIONS, "subject_type": audit_words.KINDS, "source": audit_words.SOURCES,
    }  # fmt: skip

    def base_statement(self) -> Select[Any]:
        """Every entry."""
        return select(AuditLog)

    def filter_fields(self) -> Any:
        """Filters; what was done, about what and which way in are chosen from words."""
        fields = []
        for field in super().filter_fields():
            if known := self.choice_labels.get(field["name"]):
                choices = sorted(((code, tr(word)) for code, word in known.items()), key=lambda pair: pair[1])
                field |= {"choices": choices, "operators": [("is", gettext("is"))]}
            fields.append(field)
        return fields

    def prepare(self, rows: Any) -> None:
        """Which of these entries are sealed, in one statement."""
        ids = [row.id for row in rows]
        g.sealed = set(db.session.scalars(select(AuditSeal.audit_id).where(AuditSeal.audit_id.in_(ids))))

    def value(self, row: AuditLog, name: str) -> Any:
        """A cell."""
        if name == "at":
            return Markup('<span class="nowrap">{}</span>').format(moment(row.at))
        if name == "actor":
            return doer(row.actor)
        if name == "action":
            return audit_words.action(row.action)
        if name == "role":
            return ", ".join(tr(ROLE_LABELS.get(part, part)) for part in row.role.split(", ")) or cell("")
        if name == "source":
            return audit_words.source(row.source)
        if name == "subject":
            return self.subject(row)
        if name == "reason":
            return audit_words.reason(row.reason)
        if name == "change":
            return self.short(row)
        if name == "sealed":
            tone, word = ("ok", gettext("sealed")) if row.id in g.sealed else ("mut", gettext("soon"))
            return Markup('<span class="pill {}">{}</span>').format(tone, word)
        return super().value(row, name)

    def subject(self, row: AuditLog) -> str | Markup:
        """What it was about, with a link where the record has a page that this person may open."""
        kind = audit_words.kind(row.subject_type)
        name = row.subject or (f"#{row.subject_id}" if row.subject_id else "")
        endpoint = SUBJECT_PAGES.get(row.subject_type)
        if endpoint and row.subject_id is not None and self._opens(endpoint):
            return Markup('<a href="{}">{}</a> <span class="muted">{}</span>').format(
                url_for(endpoint, pk=row.subject_id), name, kind
            )
        return Markup('{} <span class="muted">{}</span>').format(name, kind)

    def _opens(self, endpoint: str) -> bool:
        known = g.setdefault("audit_opens", {})
        if endpoint not in known:
            wanted = endpoint.partition(".")[0]
            view = next((v for v in self.appbuilder.baseviews if type(v).__name__ == wanted), None)
            known[endpoint] = view is not None and may(view.requires or "")
        return bool(known[endpoint])

    def changes(self, row: AuditLog, *, listed: bool = False) -> list[tuple[str, str, str]]:
        """(field, before, after) of an entry, in words; numbers and costs this reader may not see stay hidden. On the
        list a phone shows its end alone."""
        before, after = row.before or {}, row.after or {}
        keys = [*before, *(key for key in after if key not in before)]
        return [
            (audit_words.field(k), *(self.shown(k, x.get(k), listed=listed) for x in (before, after))) for k in keys
        ]

    @staticmethod
    def shown(key: str, value: Any, *, listed: bool) -> str:
        """A value in words."""
        if key == "cost" and not may("stock.cost") and value is not None:
            return gettext("hidden")
        if "phone" in key and isinstance(value, str) and (listed or not may("customer.phone")):
            return phone(value)
        return audit_words.value(key, value)

    def short(self, row: AuditLog) -> str:
        """The change on one line."""
        changed = self.changes(row, listed=True)
        parts = [f"{name}: {new}" if old == "–" else f"{name}: {old} → {new}" for name, old, new in changed]
        line = "; ".join(parts)
        return line if len(line) <= 160 else line[:157] + "…"

    def chain(self) -> dict[str, Any]:
        """How far the log is sealed."""
        last = db.session.execute(
            select(AuditSeal.audit_id, AuditSeal.sealed_at).order_by(AuditSeal.id.desc()).limit(1)
        ).one_or_none()
        after = select(AuditLog.id).where(AuditLog.id > (last.audit_id if last else 0)).limit(COUNT_UP_TO)
        waiting = db.session.scalar(select(func.count()).select_from(after.subquery())) or 0
        return {"last": last, "waiting": waiting}

    @page("/check", methods=("POST",))
    def check(self) -> Response:
        """Walk the chain and say what was found."""
        with unit() as tx:
            report = check_chain(tx)
        if report.broken is not None:
            text = gettext("The chain is broken at entry %(id)s: %(why)s", id=report.broken, why=tr(report.why))
            flash(text, "danger")
        else:
            counts = {"n": report.checked, "m": report.unsealed}
            text = gettext("%(n)s sealed entries are untouched; %(m)s wait for their seal", **counts)
            flash(text, "success")
        return redirect(url_for("AuditView.list", **request.args))


VIEWS = (AuditView,)
NAV = (nav.Item("watch", "Audit", "AuditView.list", "audit.view", icon="history", order=20),)
