"""The shop's own setup: warehouses, shops on channels, accounts customers pay into."""

from __future__ import annotations

from typing import Any

from flask import g, request
from flask_appbuilder.models.sqla.interface import SQLAInterface
from flask_babel import gettext, lazy_gettext
from flask_wtf import FlaskForm
from markupsafe import Markup
from sqlalchemy import Select, or_, select
from wtforms import BooleanField, SelectField, StringField, TextAreaField

from oms.banks.codes import BANKS, bank_short
from oms.catalog.models import CHANNEL_LABELS, Channel, Shop
from oms.db import Tx, db
from oms.documents.models import Company, CompanyBranch
from oms.inventory.models import Warehouse
from oms.payments.models import ReceivingAccount
from oms.thai.tax_id import HEAD_OFFICE
from oms.usecases import masters
from views import nav
from views.base import current_actor
from views.fields import Chosen, WholeField, choices, first_code
from views.filters import language, tr
from views.modelview import OmsModelView
from views.products import ChannelSkuView

ACTIVE = lazy_gettext("In use")


def in_use(*, value: bool) -> Markup:
    """Whether it is open, as a pill."""
    tone, text = ("ok", gettext("In use")) if value else ("mut", gettext("Closed"))
    return Markup('<span class="pill {}">{}</span>').format(tone, text)


CODE_HELP = lazy_gettext("Files and lists name it by this; keep it as it is or write your own")


def is_new(facts: dict[str, Any]) -> bool:
    """Whether the form is opened empty, to add a record."""
    return request.method == "GET" and facts.get("obj") is None


class WarehouseForm(FlaskForm):
    """A warehouse."""

    code = StringField(lazy_gettext("Code"), [Chosen()], description=CODE_HELP)
    name = StringField(lazy_gettext("Name"), [Chosen()])
    province = StringField(lazy_gettext("Province"))
    address = TextAreaField(
        lazy_gettext("Address"),
        description=lazy_gettext("Printed on labels as the sender; COD cannot be sent without it"),
    )  # fmt: skip
    phone = StringField(lazy_gettext("Phone"), description=lazy_gettext("Printed on labels beside the address"))
    rank = WholeField(
        lazy_gettext("Rank"), empty=100, default=100, description=lazy_gettext("The lowest number is preferred")
    )
    is_active = BooleanField(ACTIVE, default=True)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if is_new(kwargs):
            self.code.data = first_code(Warehouse, "WH")
            if db.session.scalar(select(Warehouse.id).limit(1)) is None:
                company = db.session.get(Company, 1)
                home = select(CompanyBranch.address).where(CompanyBranch.code == HEAD_OFFICE)
                self.name.data, self.address.data = gettext("Main warehouse"), db.session.scalar(home)
                self.phone.data = company.phone if company else ""


class ShopForm(FlaskForm):
    """A shop on a channel."""

    code = StringField(lazy_gettext("Code"), [Chosen()], description=CODE_HELP)
    name = StringField(lazy_gettext("Name"), [Chosen()], description=lazy_gettext("As customers know the page"))
    channel = SelectField(lazy_gettext("Channel"), coerce=Channel)
    warehouse_id = SelectField(lazy_gettext("Sends from"), coerce=int)
    expire_hours = WholeField(
        lazy_gettext("Unpaid orders expire after (hours)"), description=lazy_gettext("Empty: they never expire")
    )
    ship_within_hours = WholeField(
        lazy_gettext("To be sent within (hours)"), description=lazy_gettext("Empty: no deadline")
    )
    contact_url = StringField(lazy_gettext("Link to the chat"))
    is_active = BooleanField(ACTIVE, default=True)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.channel.choices = choices((kind, tr(CHANNEL_LABELS[kind])) for kind in Channel)
        mine = or_(Warehouse.is_active, Warehouse.id == (self.warehouse_id.data or 0))
        rows = db.session.scalars(select(Warehouse).where(mine).order_by(Warehouse.rank, Warehouse.code))
        self.warehouse_id.choices = choices((row.id, str(row)) for row in rows)
        if is_new(kwargs):
            company = db.session.get(Company, 1)
            self.code.data, self.name.data = first_code(Shop, "SHOP"), company.name if company else ""


class AccountForm(FlaskForm):
    """A receiving account."""

    code = StringField(lazy_gettext("Code"), [Chosen()], description=CODE_HELP)
    bank = StringField(
        lazy_gettext("Bank or wallet"),
        description=lazy_gettext("Only when the list above does not have it, or by the name customers know"),
    )  # fmt: skip
    account_no = StringField(lazy_gettext("Account number"), [Chosen()])
    account_name = StringField(lazy_gettext("Account name"), [Chosen()])
    promptpay = StringField(
        lazy_gettext("PromptPay"), description=lazy_gettext("A phone number, a tax id or an e-wallet number")
    )
    bank_code = SelectField(lazy_gettext("Bank"), description=lazy_gettext("Slips and statements are compared by it"))
    biller_id = StringField(
        lazy_gettext("Biller id"),
        description=lazy_gettext(
            "Leave empty unless the bank gave you one: 15 digits, and QR codes then carry the order number"
        ),
    )
    ref3_prefix = StringField(
        lazy_gettext("Third reference"), description=lazy_gettext("Only where the bank asks for it, such as SCB")
    )
    is_active = BooleanField(ACTIVE, default=True)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        thai = language() == "th"
        named = [(bank.code, f"{bank.short} · {bank.thai if thai else bank.english}") for bank in BANKS.values()]
        self.bank_code.choices = [("", gettext("Choose the bank, or write its name below")), *named]
        if is_new(kwargs):
            self.code.data = first_code(ReceivingAccount, "BANK")

    def bank_named(self) -> str:
        """The bank as customers read it: as written, else the chosen one's Thai name."""
        chosen = BANKS.get(self.bank_code.data or "")
        return (self.bank.data or "").strip() or (chosen.thai.removeprefix("ธนาคาร") if chosen else "")


def _facts(form: Any, kind: Any) -> Any:
    """The form's fields as the verb's facts."""
    given = {f.name: f.data for f in form if f.name in kind.__dataclass_fields__}
    words = {name for name, field in kind.__dataclass_fields__.items() if field.type == "str"}
    return kind(**{name: (value or "" if name in words else value) for name, value in given.items()})


class WarehouseView(OmsModelView):
    """Warehouses."""

    datamodel = SQLAInterface(Warehouse)
    route_base = "/warehouses"
    requires = "stock.view"
    requires_for = {"add": "shop.edit", "edit": "shop.edit"}
    list_title, show_title = lazy_gettext("Warehouses"), lazy_gettext("Warehouse")
    add_title, edit_title = lazy_gettext("Add a warehouse"), lazy_gettext("Change a warehouse")
    list_columns = ["code", "name", "province", "phone", "rank", "is_active"]
    show_columns = ["code", "name", "province", "address", "phone", "rank", "is_active"]
    order_columns = ["code", "name", "province", "rank"]
    base_order = ("rank", "asc")
    label_columns = {
        "code": lazy_gettext("Code"), "name": lazy_gettext("Name"), "province": lazy_gettext("Province"),
        "address": lazy_gettext("Address"), "phone": lazy_gettext("Phone"), "rank": lazy_gettext("Rank"),
        "is_active": ACTIVE,
    }  # fmt: skip
    find_columns = ["code", "name", "province"]
    search_columns = ["is_active", "province"]
    numeric_columns = ["rank"]
    empty_text = lazy_gettext("Add the place your goods lie in; stock and parcels belong to a warehouse.")
    export_list = "warehouses"
    add_form = edit_form = WarehouseForm
    add_columns = edit_columns = ["name", "code", "address", "phone", "province", "rank", "is_active"]

    def base_statement(self) -> Select[Any]:
        """One's own warehouses."""
        statement, mine = select(Warehouse), current_actor().warehouses
        return statement if mine is None else statement.where(Warehouse.id.in_(sorted(mine)))

    def value(self, row: Any, name: str) -> Any:
        """A cell."""
        return in_use(value=row.is_active) if name == "is_active" else super().value(row, name)

    def create(self, tx: Tx, form: Any) -> int:
        """A new warehouse."""
        return masters.create_warehouse(tx, _facts(form, masters.WarehouseFacts)).id

    def change(self, tx: Tx, pk: int, form: Any) -> None:
        """A warehouse changed."""
        edit = masters.Edit(pk, self.posted_version() or 0)
        masters.edit_warehouse(tx, edit, _facts(form, masters.WarehouseFacts))


class ShopView(OmsModelView):
    """Shops."""

    datamodel = SQLAInterface(Shop)
    route_base = "/shops"
    requires = "order.view"
    requires_for = {"add": "shop.edit", "edit": "shop.edit"}
    list_title, show_title = lazy_gettext("Shops"), lazy_gettext("Shop")
    add_title, edit_title = lazy_gettext("Add a shop"), lazy_gettext("Change a shop")
    list_columns = ["code", "name", "channel", "warehouse_name", "expire_hours", "ship_within_hours", "is_active"]
    show_columns = [*list_columns, "contact_url"]
    order_columns = ["code", "name", "channel"]
    base_order = ("code", "asc")
    label_columns = {
        "code": lazy_gettext("Code"), "name": lazy_gettext("Name"), "channel": lazy_gettext("Channel"),
        "warehouse_name": lazy_gettext("Sends from"), "expire_hours": lazy_gettext("Expires after (h)"),
        "ship_within_hours": lazy_gettext("Send within (h)"), "contact_url": lazy_gettext("Link to the chat"),
        "is_active": ACTIVE, "warehouse_id": lazy_gettext("Sends from"),
    }  # fmt: skip
    find_columns = ["code", "name"]
    search_columns = ["channel", "is_active"]
    choice_labels = {"channel": CHANNEL_LABELS}
    numeric_columns = ["expire_hours", "ship_within_hours"]
    related = ((ChannelSkuView, "shop_id"),)
    show_template = "shop_show.html"
    empty_text = lazy_gettext("Add one for each page you sell on; orders belong to a shop.")
    export_list = "shops"
    add_form = edit_form = ShopForm
    add_columns = edit_columns = [
        "channel", "name", "code", "warehouse_id", "expire_hours", "ship_within_hours", "contact_url", "is_active",
    ]  # fmt: skip

    def base_statement(self) -> Select[Any]:
        """One's own shops."""
        statement, mine = select(Shop), current_actor().shops
        return statement if mine is None else statement.where(Shop.id.in_(sorted(mine)))

    def value(self, row: Any, name: str) -> Any:
        """A cell; the warehouse by its name."""
        if name == "is_active":
            return in_use(value=row.is_active)
        if name == "warehouse_name":
            return g.get("warehouses", {}).get(row.warehouse_id, "")
        return super().value(row, name)

    def prepare(self, rows: Any) -> None:
        """The warehouses of these shops, in one statement."""
        ids = {row.warehouse_id for row in rows}
        g.warehouses = {row.id: str(row) for row in db.session.scalars(select(Warehouse).where(Warehouse.id.in_(ids)))}

    def create(self, tx: Tx, form: Any) -> int:
        """A new shop."""
        return masters.create_shop(tx, _facts(form, masters.ShopFacts)).id

    def change(self, tx: Tx, pk: int, form: Any) -> None:
        """A shop changed."""
        masters.edit_shop(tx, masters.Edit(pk, self.posted_version() or 0), _facts(form, masters.ShopFacts))


class ReceivingAccountView(OmsModelView):
    """Receiving accounts."""

    datamodel = SQLAInterface(ReceivingAccount)
    route_base = "/accounts"
    requires = "payment.claim"
    requires_for = {"add": "shop.edit", "edit": "shop.edit"}
    list_title, show_title = lazy_gettext("Receiving accounts"), lazy_gettext("Receiving account")
    add_title, edit_title = lazy_gettext("Add an account"), lazy_gettext("Change an account")
    list_columns = ["code", "bank", "account_no", "account_name", "promptpay", "is_active"]
    show_columns = [*list_columns[:-1], "bank_code", "biller_id", "ref3_prefix", "is_active"]
    order_columns = ["code", "bank", "account_name"]
    base_order = ("code", "asc")
    label_columns = {
        "code": lazy_gettext("Code"), "bank": lazy_gettext("Bank or wallet"),
        "account_no": lazy_gettext("Account number"), "account_name": lazy_gettext("Account name"),
        "promptpay": lazy_gettext("PromptPay"), "bank_code": lazy_gettext("Bank on slips"),
        "biller_id": lazy_gettext("Biller id"), "ref3_prefix": lazy_gettext("Third reference"), "is_active": ACTIVE,
    }  # fmt: skip
    find_columns = ["code", "bank", "account_no", "account_name"]
    search_columns = ["bank", "is_active"]
    export_list = "accounts"
    add_form = edit_form = AccountForm
    add_columns = edit_columns = [
        "bank_code", "bank", "account_no", "account_name", "promptpay", "code", "biller_id", "ref3_prefix", "is_active",
    ]  # fmt: skip
    empty_text = lazy_gettext("Add the accounts your customers pay into; payments name one of them.")

    def value(self, row: Any, name: str) -> Any:
        """A cell."""
        if name == "bank_code" and row.bank_code:
            return f"{row.bank_code} {bank_short(row.bank_code)}"
        return in_use(value=row.is_active) if name == "is_active" else super().value(row, name)

    def create(self, tx: Tx, form: Any) -> int:
        """A new account."""
        form.bank.data = form.bank_named()
        return masters.create_account(tx, _facts(form, masters.AccountFacts)).id

    def change(self, tx: Tx, pk: int, form: Any) -> None:
        """An account changed."""
        form.bank.data = form.bank_named()
        masters.edit_account(tx, masters.Edit(pk, self.posted_version() or 0), _facts(form, masters.AccountFacts))


VIEWS = (WarehouseView, ShopView, ReceivingAccountView)
NAV = (
    nav.Item("setup", "Shops", "ShopView.list", "shop.edit", icon="shop", order=10),
    nav.Item("setup", "Warehouses", "WarehouseView.list", "shop.edit", icon="warehouse", order=20),
    nav.Item("setup", "Receiving accounts", "ReceivingAccountView.list", "shop.edit", icon="wallet", order=30),
)
