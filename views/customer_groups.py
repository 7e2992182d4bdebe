"""Groups of customers with their price lists, and the blacklist."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, request, url_for
from flask_appbuilder.models.sqla.interface import SQLAInterface
from flask_babel import gettext, lazy_gettext
from flask_wtf import FlaskForm
from sqlalchemy import select
from werkzeug.wrappers import Response
from wtforms import BooleanField, StringField

from oms import clock
from oms.catalog.models import Sku
from oms.customers.people_models import BLOCK_LABELS, Block, CustomerGroup, GroupPrice
from oms.db import Tx, db
from oms.errors import InvalidInput, say
from oms.money import Money
from oms.thai.text import arabic_digits
from oms.usecases.customer_groups import SaveGroup, SetGroupPrice, save_group, set_group_price
from views import nav
from views.base import OmsView, page, unit
from views.fields import Chosen
from views.modelview import OmsModelView


class GroupForm(FlaskForm):
    """A group."""

    name = StringField(lazy_gettext("Name"), [Chosen()])
    note = StringField(lazy_gettext("Note"))
    is_active = BooleanField(lazy_gettext("Its prices count"), default=True)


class CustomerGroupView(OmsModelView):
    """Groups; the page of one shows what things cost it."""

    datamodel = SQLAInterface(CustomerGroup)
    route_base = "/customer-groups"
    requires = "customer.view"
    requires_for = {"add": "catalog.edit", "edit": "catalog.edit"}
    list_title, show_title = lazy_gettext("Groups and price lists"), lazy_gettext("Group")
    add_title, edit_title = lazy_gettext("Add a group"), lazy_gettext("Change a group")
    list_columns = ["name", "note", "is_active"]
    show_fieldsets = [(None, {"fields": ["name", "note", "is_active"]})]
    label_columns = {
        "name": lazy_gettext("Name"), "note": lazy_gettext("Note"), "is_active": lazy_gettext("Its prices count"),
    }  # fmt: skip
    find_columns = ["name"]
    search_columns = ["is_active"]
    show_template = "customers/group.html"
    empty_text = lazy_gettext("A group has prices of its own: wholesale, staff. Write its name on its people's cards.")
    add_form = edit_form = GroupForm
    add_columns = edit_columns = ["name", "note", "is_active"]

    def create(self, tx: Tx, form: Any) -> int:
        """A new group."""
        return save_group(tx, SaveGroup(form.name.data or "", form.note.data or "", bool(form.is_active.data))).id

    def change(self, tx: Tx, pk: int, form: Any) -> None:
        """Another name, or whether its prices count."""
        name, note = form.name.data or "", form.note.data or ""
        save_group(tx, SaveGroup(name, note, bool(form.is_active.data), pk, self.posted_version()))

    def prices(self, row: CustomerGroup) -> list[tuple[GroupPrice, Sku]]:
        """The price list beside the catalog's prices."""
        rows = db.session.execute(
            select(GroupPrice, Sku).join(Sku, Sku.id == GroupPrice.sku_id).where(GroupPrice.group_id == row.id)
            .order_by(Sku.code).limit(1000)
        )  # fmt: skip
        return [(price, sku) for price, sku in rows]


class GroupPriceView(OmsView):
    """Put prices on a list and take them off."""

    route_base = "/customer-group"
    requires = "catalog.edit"

    @page("/<int:pk>/price", methods=("POST",))
    def set_price(self, pk: int) -> Response:
        """Set the price of a SKU, or take it off the list when nothing was typed."""
        form = request.form
        sku_id = form.get("sku_id", type=int)
        if sku_id is None:
            raise InvalidInput(say("Choose the product from the suggestions"), field="sku_id", code="not_a_choice")
        written = arabic_digits(form.get("price", "")[:40]).strip()
        price = Money.parse(written, "price") if written else None
        with unit() as tx:
            set_group_price(tx, SetGroupPrice(pk, sku_id, price))
        flash(gettext("Saved") if price is not None else gettext("Taken off the list"), "success")
        return redirect(url_for("CustomerGroupView.show", pk=pk), 303)


class BlacklistView(OmsModelView):
    """Phones and addresses whose COD orders wait; what was lifted or ran out stays on record."""

    datamodel = SQLAInterface(Block)
    route_base = "/blacklist"
    requires = "customer.block"
    list_title, show_title = lazy_gettext("Blacklist"), lazy_gettext("On the blacklist")
    list_columns = ["kind", "shown", "reason", "expires_at", "created_by", "lifted_at"]
    show_fieldsets = [
        (None, {"fields": [
            "kind", "shown", "reason", "created_at", "created_by", "expires_at", "lifted_at", "lifted_by", "lift_note",
        ]}),
    ]  # fmt: skip
    label_columns = {
        "kind": lazy_gettext("Kind"), "shown": lazy_gettext("Phone or address"), "reason": lazy_gettext("Reason"),
        "expires_at": lazy_gettext("Until"), "created_at": lazy_gettext("Added"), "created_by": lazy_gettext("By"),
        "lifted_at": lazy_gettext("Lifted"), "lifted_by": lazy_gettext("Lifted by"), "lift_note": lazy_gettext("Why"),
    }  # fmt: skip
    base_order = ("id", "desc")
    find_columns = ["shown", "reason"]
    search_columns = ["kind", "expires_at"]
    choice_labels = {"kind": BLOCK_LABELS}
    list_template = "customers/blacklist.html"
    show_template = "customers/block.html"
    empty_text = lazy_gettext("Nobody is on the blacklist. Phones and addresses are put here from a customer's page.")

    def is_live(self, row: Block) -> bool:
        """Whether it stops orders now."""
        return row.lifted_at is None and row.expires_at > clock.now()


VIEWS = (CustomerGroupView, GroupPriceView, BlacklistView)
NAV = (
    nav.Item("data", "Groups and price lists", "CustomerGroupView.list", "customer.view", icon="tag", order=24),
    nav.Item("data", "Blacklist", "BlacklistView.list", "customer.block", icon="shield", order=26),
)
