"""Products, SKUs with barcodes and sets, and what shops call them."""

from __future__ import annotations

from typing import Any

from flask import g, request
from flask_appbuilder.models.sqla.interface import SQLAInterface
from flask_babel import gettext, lazy_gettext
from flask_wtf import FlaskForm
from markupsafe import Markup
from sqlalchemy import Select, select
from sqlalchemy.orm import joinedload
from wtforms import BooleanField, SelectField, StringField, TextAreaField

from oms.catalog.finding import narrow
from oms.catalog.models import VAT_LABELS, ChannelSku, Product, Shop, Sku, VatClass
from oms.db import Tx, db
from oms.inventory.availability import available, places
from oms.money import ZERO
from oms.usecases import catalog, catalog_channels
from oms.usecases.catalog_parts import Part
from views import nav
from views.base import current_actor, may
from views.fields import AmountField, Chosen, LinesField, LookupField, WholeField, choices, first_code
from views.filters import tr
from views.lookups import product_label, resolve_product, resolve_sku, sku_label
from views.modelview import OmsModelView
from views.sku_lines import SkuLinesField


def on_sale(*, value: bool) -> Markup:
    """Whether it can be ordered, as a pill."""
    tone, text = ("ok", gettext("On sale")) if value else ("mut", gettext("Off sale"))
    return Markup('<span class="pill {}">{}</span>').format(tone, text)


class ProductForm(FlaskForm):
    """A product."""

    name = StringField(lazy_gettext("Name"), [Chosen()])
    code = StringField(lazy_gettext("Code"), [Chosen()], description=lazy_gettext("Keep it, or write the code you use"))
    price = AmountField(
        lazy_gettext("Price (VAT included)"),
        description=lazy_gettext(
            "With a price it can be sold at once. Of several sizes or colors? Leave it empty and add them next"
        ),
    )  # fmt: skip
    name_en = StringField(lazy_gettext("English name"))
    category = StringField(lazy_gettext("Category"))
    description = TextAreaField(lazy_gettext("Description"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if request.method == "GET" and kwargs.get("obj") is None:
            self.code.data = first_code(Product, "P")


class ProductEditForm(ProductForm):
    """A product that exists; prices are its SKUs'."""

    price = None  # type: ignore[assignment]  # wtforms drops a field that is set to None

    is_active = BooleanField(
        lazy_gettext("On sale"), description=lazy_gettext("Taking it off sale takes all its SKUs along")
    )


class SkuForm(FlaskForm):
    """A SKU. What cannot be seen is not on the form: costs need their own permission."""

    product_id = LookupField(
        lazy_gettext("Product"), [Chosen()], endpoint="LookupView.products", label_of=product_label,
        resolve=resolve_product,
    )  # fmt: skip
    code = StringField(lazy_gettext("SKU"), [Chosen()])
    name = StringField(lazy_gettext("Name"), [Chosen()])
    option = StringField(lazy_gettext("Option"), description=lazy_gettext("Color, size: what makes it differ"))
    price = AmountField(lazy_gettext("Price (VAT included)"), [Chosen()])
    cost = AmountField(lazy_gettext("Cost"))
    weight_g = WholeField(lazy_gettext("Weight (grams)"), empty=0)
    vat_class = SelectField(lazy_gettext("VAT"), coerce=VatClass, default=VatClass.STANDARD)
    location = StringField(lazy_gettext("Shelf"))
    low_stock = WholeField(lazy_gettext("Warn below (pieces)"), empty=0)
    barcodes = LinesField(lazy_gettext("Barcodes"), description=lazy_gettext("One on each line; scan them one by one"))
    components = SkuLinesField(
        lazy_gettext("Parts of a set"), description=lazy_gettext("Only for a set: what one set holds")
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not may("stock.cost"):
            del self.cost
        self.vat_class.choices = choices((kind.value, tr(VAT_LABELS[kind])) for kind in VatClass)
        wanted = request.args.get("product", "")
        if request.method == "GET" and wanted.isdecimal() and len(wanted) < 19 and "product_id" in self:
            self.product_id.data = int(wanted)
            if (product := db.session.get(Product, int(wanted))) is not None:
                taken = db.session.scalar(select(Sku.id).where(Sku.code == product.code))
                self.code.data, self.name.data = product.code + ("-" if taken else ""), product.name


class SkuEditForm(SkuForm):
    """A SKU that exists; it stays with its product."""

    is_active = BooleanField(lazy_gettext("On sale"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.product_id


def _sku_facts(form: Any) -> dict[str, Any]:
    return {
        "code": form.code.data, "name": form.name.data, "option": form.option.data or "",
        "price": form.price.data or ZERO, "cost": form.cost.data if "cost" in form else None,
        "weight_g": form.weight_g.data, "location": form.location.data or "", "low_stock": form.low_stock.data,
        "vat_class": form.vat_class.data,
        "barcodes": form.barcodes.data, "parts": tuple(Part(*line) for line in form.components.data),
    }  # fmt: skip


class ChannelSkuForm(FlaskForm):
    """What a shop calls a SKU."""

    shop_id = SelectField(lazy_gettext("Shop"), [Chosen()], coerce=int)
    external_sku = StringField(lazy_gettext("Name there"), [Chosen()])
    sku_id = LookupField(
        lazy_gettext("Our SKU"), [Chosen()], endpoint="LookupView.skus", label_of=sku_label, resolve=resolve_sku
    )
    multiplier = WholeField(lazy_gettext("Pieces in one"), empty=1, default=1)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "shop_id" in self:
            self.shop_id.choices = choices((row.id, str(row)) for row in db.session.scalars(_my_shops()))


class ChannelSkuEditForm(ChannelSkuForm):
    """A name that is known; it stays with its shop."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.shop_id


def _my_shops() -> Select[Any]:
    statement = select(Shop).where(Shop.is_active).order_by(Shop.code)
    shops = current_actor().shops
    return statement if shops is None else statement.where(Shop.id.in_(sorted(shops)))


class ChannelSkuView(OmsModelView):
    """Names of SKUs on channels, of the shops this person works with."""

    datamodel = SQLAInterface(ChannelSku)
    route_base = "/channel-skus"
    requires = "stock.view"
    requires_for = {"add": "catalog.edit", "edit": "catalog.edit"}
    list_title = lazy_gettext("Names on channels")
    show_title = lazy_gettext("Name on a channel")
    add_title, edit_title = lazy_gettext("Add a name"), lazy_gettext("Change a name")
    list_columns = ["shop", "external_sku", "sku", "multiplier"]
    show_columns = list_columns
    order_columns = ["external_sku"]
    base_order = ("external_sku", "asc")
    label_columns = {
        "shop": lazy_gettext("Shop"), "external_sku": lazy_gettext("Name there"), "sku": lazy_gettext("Our SKU"),
        "multiplier": lazy_gettext("Pieces in one"), "shop_id": lazy_gettext("Shop"), "sku_id": lazy_gettext("SKU"),
    }  # fmt: skip
    find_columns = ["external_sku"]
    search_columns = ["external_sku"]
    numeric_columns = ["multiplier"]
    load_options = (joinedload(ChannelSku.shop), joinedload(ChannelSku.sku))
    export_list = "channel_skus"
    empty_text = lazy_gettext("Names appear here when a file names a SKU you map, or when you add one.")
    add_form, edit_form = ChannelSkuForm, ChannelSkuEditForm

    def base_statement(self) -> Select[Any]:
        """Names of one's own shops."""
        statement, shops = select(ChannelSku), current_actor().shops
        return statement if shops is None else statement.where(ChannelSku.shop_id.in_(sorted(shops)))

    def create(self, tx: Tx, form: Any) -> int:
        """A new name."""
        facts = (form.shop_id.data, form.external_sku.data, form.sku_id.data, form.multiplier.data)
        return catalog_channels.map_channel_sku(tx, catalog_channels.MapChannelSku(*facts)).id

    def change(self, tx: Tx, pk: int, form: Any) -> None:
        """A name changed."""
        facts = (form.external_sku.data, form.sku_id.data, form.multiplier.data)
        catalog_channels.edit_channel_sku(tx, catalog_channels.EditChannelSku(pk, self.posted_version() or 0, *facts))


class SkuView(OmsModelView):
    """SKUs: found through their search index; the free pieces of a page come in two statements."""

    datamodel = SQLAInterface(Sku)
    route_base = "/skus"
    requires = "stock.view"
    requires_for = {"add": "catalog.edit", "edit": "catalog.edit"}
    list_title, show_title = lazy_gettext("SKUs"), lazy_gettext("SKU")
    add_title, edit_title = lazy_gettext("Add a SKU"), lazy_gettext("Change a SKU")
    list_columns = ["code", "name", "option", "price", "free", "low_stock", "is_bundle", "is_active"]
    show_columns = [
        "code", "name", "product", "option", "price", "vat_class", "cost", "weight_g", "location", "low_stock",
        "barcodes", "is_bundle", "components", "is_active",
    ]  # fmt: skip
    order_columns = ["code", "name", "price", "low_stock"]
    base_order = ("code", "asc")
    label_columns = {
        "code": lazy_gettext("SKU"), "name": lazy_gettext("Name"), "option": lazy_gettext("Option"),
        "price": lazy_gettext("Price"), "cost": lazy_gettext("Cost"), "weight_g": lazy_gettext("Weight (grams)"),
        "location": lazy_gettext("Shelf"), "low_stock": lazy_gettext("Warn below"),
        "is_bundle": lazy_gettext("Set"), "vat_class": lazy_gettext("VAT"),
        "is_active": lazy_gettext("On sale"), "free": lazy_gettext("Available"),
        "product": lazy_gettext("Product"), "barcodes": lazy_gettext("Barcodes"),
        "components": lazy_gettext("Parts of a set"), "product_id": lazy_gettext("Product"),
    }  # fmt: skip
    find_columns = ["haystack"]
    search_columns = ["is_active", "is_bundle", "price", "low_stock", "location"]
    numeric_columns = ["price", "free", "low_stock", "weight_g", "cost"]
    load_options = (joinedload(Sku.product),)
    related = ((ChannelSkuView, "sku_id"),)
    export_list = "skus"
    show_template = "sku_show.html"
    empty_text = lazy_gettext("Import a file of products, or add a product and then its SKUs.")
    add_form, edit_form = SkuForm, SkuEditForm
    add_template = edit_template = "lines_form.html"
    add_columns = edit_columns = [
        "product_id", "code", "name", "option", "price", "vat_class", "cost", "weight_g", "location", "low_stock",
        "barcodes", "components", "is_active",
    ]  # fmt: skip

    def shown_fieldsets(self) -> Any:
        """The cost only for those who may see it."""
        hidden = set() if may("stock.cost") else {"cost"}
        return [(None, {"fields": [name for name in self.show_columns if name not in hidden]})]

    def find(self, statement: Select[Any], text: str) -> Select[Any]:
        """By code, name, barcode, in any part."""
        return narrow(statement, text)

    def prepare(self, rows: Any) -> None:
        """Free pieces of the SKUs on this page, in the warehouses this person works with."""
        here = [place.id for place in places(db.session(), current_actor())]
        counted = available(db.session(), [row.id for row in rows], here) if rows else {}
        g.free_pieces = {**g.get("free_pieces", {}), **{sku: sum(by.values()) for sku, by in counted.items()}}

    def value(self, row: Any, name: str) -> Any:
        """A cell; free pieces were counted for the whole page."""
        if name == "free":
            return f"{g.get('free_pieces', {}).get(row.id, 0):,}"
        if name == "vat_class":
            return tr(VAT_LABELS[row.vat_class])
        if name == "is_bundle":
            return Markup('<span class="tag">{}</span>').format(gettext("Set")) if row.is_bundle else ""
        if name == "is_active":
            return on_sale(value=row.is_active)
        return super().value(row, name)

    def create(self, tx: Tx, form: Any) -> int:
        """A new SKU."""
        return catalog.create_sku(tx, catalog.CreateSku(form.product_id.data, **_sku_facts(form))).id

    def change(self, tx: Tx, pk: int, form: Any) -> None:
        """A SKU changed."""
        facts = _sku_facts(form) | {"is_active": form.is_active.data}
        catalog.edit_sku(tx, catalog.EditSku(pk, self.posted_version() or 0, **facts))


class ProductView(OmsModelView):
    """Products."""

    datamodel = SQLAInterface(Product)
    route_base = "/products"
    requires = "stock.view"
    requires_for = {"add": "catalog.edit", "edit": "catalog.edit"}
    list_title, show_title = lazy_gettext("Products"), lazy_gettext("Product")
    add_title, edit_title = lazy_gettext("Add a product"), lazy_gettext("Change a product")
    list_columns = ["code", "name", "category", "is_active", "created_at"]
    show_columns = ["code", "name", "name_en", "category", "description", "is_active", "created_at"]
    order_columns = ["code", "name", "category", "created_at"]
    base_order = ("code", "asc")
    label_columns = {
        "code": lazy_gettext("Code"), "name": lazy_gettext("Name"), "name_en": lazy_gettext("English name"),
        "category": lazy_gettext("Category"), "description": lazy_gettext("Description"),
        "is_active": lazy_gettext("On sale"), "created_at": lazy_gettext("Added"),
    }  # fmt: skip
    find_columns = ["code", "name", "name_en"]
    search_columns = ["category", "is_active", "created_at"]
    related = ((SkuView, "product_id"),)
    export_list = "products"
    show_template = "product_show.html"
    empty_text = lazy_gettext("Import a file of products, or add the first one.")
    add_form, edit_form = ProductForm, ProductEditForm
    add_columns = ["name", "code", "price", "category", "name_en", "description"]
    edit_columns = ["name", "code", "category", "name_en", "description", "is_active"]

    def value(self, row: Any, name: str) -> Any:
        """A cell."""
        return on_sale(value=row.is_active) if name == "is_active" else super().value(row, name)

    def create(self, tx: Tx, form: Any) -> int:
        """A new product, and with a price its one SKU of the same code."""
        facts = {name: form[name].data or "" for name in ("code", "name", "name_en", "category", "description")}
        made = catalog.create_product(tx, catalog.CreateProduct(**facts)).id
        if form.price.data is not None:
            catalog.create_sku(tx, catalog.CreateSku(made, facts["code"], facts["name"], price=form.price.data))
        return made

    def change(self, tx: Tx, pk: int, form: Any) -> None:
        """A product changed."""
        facts = {name: form[name].data or "" for name in ("code", "name", "name_en", "category", "description")}
        catalog.edit_product(
            tx, catalog.EditProduct(pk, self.posted_version() or 0, **facts, is_active=form.is_active.data)
        )


VIEWS = (ChannelSkuView, SkuView, ProductView)
NAV = (
    nav.Item("data", "Products", "ProductView.list", "stock.view", icon="tag", order=40),
    nav.Item("data", "SKUs", "SkuView.list", "stock.view", icon="layers", order=41),
    nav.Item("setup", "Names on channels", "ChannelSkuView.list", "catalog.edit", icon="globe", order=40),
)
