"""Lists, pages and forms that Flask-AppBuilder makes of a model, under our rules.

Read-only unless the view brings ``create`` or ``change``, which call verbs; every row an action gets was read again
through the view's own filters; lists are counted and paged by ``views.listing``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from flask import flash, redirect, request, url_for
from flask_appbuilder.baseviews import expose
from flask_appbuilder.forms import GeneralModelConverter
from flask_appbuilder.security.decorators import has_access
from flask_appbuilder.views import ModelView
from flask_babel import gettext
from flask_wtf import FlaskForm
from sqlalchemy import Select, asc, desc, select
from sqlalchemy import inspect as inspected
from werkzeug.wrappers import Response

from oms.db import Tx, db
from oms.errors import NotFound, OmsError, say
from views import listing
from views.base import Screen, note_refusal, pin_problems, safe_path, unit
from views.filters import cell, tr

RELATED_ROWS = 10


class OmsModelView(Screen, ModelView):
    """A model on screen. Beside Flask-AppBuilder's own names:

    ``find_columns`` are searched by the box above the list, ``search_columns`` get a filter each; ``choice_labels``
    names the values of enumerations; ``load_options`` loads what the list shows of other tables; ``export_list`` is the
    list's name for the exporter; ``related`` are (view class, its foreign key column) shown under a record;
    ``create(tx, form)`` and ``change(tx, pk, form)`` call verbs and so open the add and edit forms (``requires_for``
    names their actions); ``empty_text`` says the next step.
    """

    base_permissions = ["can_list", "can_show"]
    exclude_route_methods = {"delete", "download"}
    list_template = "model_list.html"
    show_template = "model_show.html"
    add_template = edit_template = "model_form.html"
    page_size = listing.PAGE_SIZE
    find_columns: ClassVar[Sequence[str]] = ()
    choice_labels: ClassVar[Mapping[str, Mapping[Any, str]]] = {}
    load_options: ClassVar[Sequence[Any]] = ()
    export_list: ClassVar[str] = ""
    related: ClassVar[Sequence[tuple[type, str]]] = ()
    numeric_columns: ClassVar[Sequence[str]] = ()
    wide_columns: ClassVar[Sequence[str]] = ()  # take the whole width of a card on a phone
    empty_text: ClassVar[Any] = ""
    shown_by: ClassVar[str] = ""  # the endpoint of a page of its own that shows one record
    create: Callable[[Tx, Any], int | None] | None = None
    change: Callable[[Tx, int, Any], None] | None = None

    # --- wiring -------------------------------------------------------------------

    def __init__(self, **kwargs: Any) -> None:
        self.base_permissions = [*self.base_permissions]
        self.base_permissions += ["can_add"] * (self.create is not None) + ["can_edit"] * (self.change is not None)
        if self.search_columns is None:
            self.search_columns = []
        super().__init__(**kwargs)
        self.title = self.list_title

    def _init_forms(self) -> None:
        """Only the forms that are used are made; a view with its own ``add_form`` or ``edit_form`` keeps it."""
        self.search_form = FlaskForm
        make = GeneralModelConverter(self.datamodel).create_form
        shared = (self.description_columns, self.validators_columns)
        if self.create is not None and not self.add_form:
            self.add_form = make(self.label_columns, self.add_columns, *shared, self.add_form_extra_fields)
        if self.change is not None and not self.edit_form:
            self.edit_form = make(self.label_columns, self.edit_columns, *shared, self.edit_form_extra_fields)

    @property
    def model(self) -> Any:
        """The mapped class."""
        return self.datamodel.obj

    def column(self, name: str) -> Any:
        """A mapped column by its name."""
        return getattr(self.model, name)

    # --- list -----------------------------------------------------------------------

    def base_statement(self) -> Select[Any]:
        """Every row this person may see; row scope goes into ``base_filters`` or an override of this."""
        return self._base_filters.apply_all(select(self.model))

    def find(self, statement: Select[Any], text: str) -> Select[Any]:
        """Narrow by the search box."""
        return listing.apply_find(statement, [self.column(c) for c in self.find_columns], text)

    def filtered(self) -> tuple[Select[Any], list[listing.Active]]:
        """The rows the address asks for, unordered: what the list shows and the exporter writes."""
        columns = {name: self.column(name) for name in [*self.search_columns, *self._related_keys()]}
        statement = self.find(self.base_statement(), request.args.get("q", ""))
        return listing.apply_filters(statement, columns, self.label_columns, self.choice_labels)

    def _related_keys(self) -> list[str]:
        """Foreign keys may always be filtered by: records link to their lists that way."""
        return [c.key for c in inspected(self.model).column_attrs if c.columns[0].foreign_keys]

    def ordered(self, statement: Select[Any]) -> Select[Any]:
        """In the order the address asks for, made total by the key."""
        key = inspected(self.model).primary_key[0]
        wanted = request.args.get("sort", "")
        name, down = wanted.removeprefix("-"), wanted.startswith("-")
        if name not in self.order_columns or not hasattr(self.column(name), "property"):
            name, direction = self.base_order or (key.key, "desc")
            down = direction == "desc"
        turn = desc if down else asc
        return statement.order_by(turn(self.column(name)), turn(key))

    @expose("/list/")
    @has_access
    def list(self) -> str:
        """The list."""
        statement, active = self.filtered()
        statement = self.ordered(statement).options(*self.load_options)
        page = listing.fetch(statement, size=self.page_size, active=active)
        self.prepare(page.rows)
        return self.render_template(
            self.list_template, title=self.list_title, view=self, page=page, columns=self.list_columns,
            query=request.args.get("q", ""), sort=request.args.get("sort", ""), filters=self.filter_fields(),
            actions=self.open_actions(several=True),
        )  # fmt: skip

    def filter_fields(self) -> Sequence[dict[str, Any]]:
        """What the filter panel offers."""
        fields = []
        for name in self.search_columns:
            kind = listing.kind_of(self.column(name))
            choices = None
            if kind == listing.CHOICE:
                choices = listing.choices_of(self.column(name).type.kind, self.choice_labels.get(name))
            elif kind == listing.TRUTH:
                choices = [("1", gettext("Yes")), ("0", gettext("No"))]
            operators = [(sign, str(o.label)) for sign, o in listing.OPERATORS[kind].items()]
            fields.append({"name": name, "label": self.label_columns[name], "kind": kind, "operators": operators,
                           "choices": choices})  # fmt: skip
        return fields

    def prepare(self, rows: Sequence[Any]) -> None:
        """Load at once what the cells of these rows need beyond the rows themselves."""

    def value(self, row: Any, name: str) -> Any:
        """What a cell shows."""
        value = row
        for part in name.split("."):
            value = getattr(value, part, None)
        if callable(value):
            value = value()
        if formatter := self.formatters_columns.get(name):
            return formatter(value)
        labels = self.choice_labels.get(name)
        if labels and value in labels:
            return tr(labels[value])
        return cell(value)

    def key(self, row: Any) -> Any:
        """The row's key, for its addresses."""
        return self.datamodel.get_pk_value(row)

    def row_url(self, row: Any) -> str:
        """Where a row of the list leads; "" for nowhere."""
        if self.shown_by:
            return url_for(self.shown_by, pk=self.key(row))
        return url_for(f"{self.endpoint}.show", pk=self.key(row)) if self.can("show") else ""

    def can(self, method: str) -> bool:
        """Whether this person may use a method of this view."""
        name = f"can_{method}"
        return name in self.base_permissions and self.appbuilder.sm.has_access(name, self.class_permission_name)

    def editable(self, row: Any) -> bool:  # noqa: ARG002  for views whose rows close
        """Whether the page of this row offers its form."""
        return True

    def open_actions(self, *, several: bool) -> Sequence[Any]:
        """The actions on rows that this person may run."""
        chosen = [a for a in self.actions.values() if (a.multiple if several else a.single)]
        return [a for a in chosen if self.appbuilder.sm.has_access(a.name, self.class_permission_name)]

    # --- one record -------------------------------------------------------------------

    def record(self, pk: Any) -> Any:
        """The row, if this person may see it. Raises NotFound."""
        key = inspected(self.model).primary_key[0]
        if not str(pk).isdigit() or len(str(pk)) > 18:
            raise NotFound(say("There is no such record"))
        statement = self.base_statement().where(key == int(pk)).options(*self.load_options)
        if (row := db.session.scalars(statement).one_or_none()) is None:
            raise NotFound(say("There is no such record"))
        return row

    @expose("/show/<pk>", methods=["GET"])
    @has_access
    def show(self, pk: str) -> str:
        """One record, with what hangs on it."""
        row = self.record(pk)
        self.prepare([row])
        fieldsets = self.shown_fieldsets()
        return self.render_template(
            self.show_template, title=self.show_title, view=self, row=row, fieldsets=fieldsets,
            actions=self.open_actions(several=False), related=[self._related_rows(v, c, row) for v, c in self.related],
        )  # fmt: skip

    def shown_fieldsets(self) -> Any:
        """What the page of a record shows; a view may leave out what this person must not see."""
        return self.show_fieldsets or [(None, {"fields": self.show_columns})]

    def _related_rows(self, kind: type, column: str, row: Any) -> dict[str, Any]:
        view = next(v for v in self.appbuilder.baseviews if type(v) is kind)
        if not view.can("list"):
            return {"view": view, "rows": [], "hidden": True}
        statement = view.base_statement().where(view.column(column) == self.key(row))
        rows = db.session.scalars(view.ordered(statement).options(*view.load_options).limit(RELATED_ROWS + 1)).all()
        view.prepare(rows[:RELATED_ROWS])
        more = url_for(f"{view.endpoint}.list", **{f"f_{column}_is": self.key(row)})
        return {"view": view, "rows": rows[:RELATED_ROWS], "more": more if len(rows) > RELATED_ROWS else ""}

    # --- add and edit: forms of the library, written by verbs ---------------------------

    def _form_page(self, form: FlaskForm, title: Any, columns: Sequence[str], fieldsets: Any, row: Any = None) -> str:
        names = [f.name for f in form if f.type not in {"CSRFTokenField", "HiddenField"}]
        chosen = [c for c in columns or names if c in form] or names
        version = request.form.get("version", "" if row is None else self.version_of(row))
        return self.render_template(
            self.edit_template, title=title, view=self, form=form, columns=chosen, fieldsets=fieldsets, row=row,
            version=version, cancel_url=self._back(row),
        )  # fmt: skip

    def _back(self, row: Any = None) -> str:
        known = safe_path(request.args.get("next"))
        if known or row is None:
            return known or url_for(f"{self.endpoint}.list")
        return url_for(f"{self.endpoint}.show", pk=self.key(row))

    @expose("/add", methods=["GET", "POST"])
    @has_access
    def add(self) -> Response | str:
        """A new record."""
        form = self.add_form()
        if form.validate_on_submit():
            try:
                with unit() as tx:
                    pk = self.create(tx, form)  # type: ignore[misc]  # has_access lets nobody here without it
            except OmsError as exc:
                pin_problems(form, exc)
            else:
                flash(gettext("Saved"), "success")
                shown = pk is not None and not request.args.get("next")
                return redirect(url_for(f"{self.endpoint}.show", pk=pk) if shown else self._back())
        return self._form_page(form, self.add_title, self.add_columns, self.add_fieldsets)

    @expose("/edit/<pk>", methods=["GET", "POST"])
    @has_access
    def edit(self, pk: str) -> Response | str:
        """Change a record."""
        row = self.record(pk)
        form = self.edit_form(obj=row)
        self.prefill_form(form, pk) if request.method == "GET" else None
        if form.validate_on_submit():
            back = self._back(row)
            try:
                with unit() as tx:
                    self.change(tx, int(pk), form)  # type: ignore[misc]
            except OmsError as exc:
                pin_problems(form, exc)
                row = self.record(pk)
            else:
                flash(gettext("Saved"), "success")
                return redirect(back)
        return self._form_page(form, self.edit_title, self.edit_columns, self.edit_fieldsets, row)

    def version_of(self, row: Any) -> Any:
        """What a later save is compared with."""
        return getattr(row, "version", "")

    @staticmethod
    def posted_version() -> int | None:
        """The version the form was made from: verbs refuse to write over a newer one."""
        raw = request.form.get("version", "")
        return int(raw) if raw.isdigit() else None

    # --- actions on rows ------------------------------------------------------------------

    def visible(self, keys: Sequence[str]) -> Sequence[Any]:
        """The rows of these keys, read again through this view's filters. Raises NotFound when one is hidden."""
        wanted = sorted({int(k) for k in keys if str(k).isdigit() and len(str(k)) < 19})
        if not wanted:
            raise NotFound(say("Nothing was selected"))
        key = inspected(self.model).primary_key[0]
        rows = db.session.scalars(self.base_statement().where(key.in_(wanted))).all()
        if len(rows) != len(wanted):
            raise NotFound(say("There is no such record"))
        return rows

    def _run(self, name: str, keys: Sequence[str], *, single: bool) -> Any:
        action = self.actions.get(name)
        if action is None:
            raise NotFound(say("There is no such action"))
        if not self.appbuilder.sm.has_access(self.get_action_permission_name(name), self.class_permission_name):
            note_refusal(f"{self.class_permission_name}.{name}")
            flash(gettext("This is not open to your role"), "danger")
            return redirect(url_for(f"{self.endpoint}.list"))
        rows = self.visible(keys)
        return action.func(rows[0] if single else rows) or redirect(url_for(f"{self.endpoint}.list"))

    @expose("/action/<string:name>/<pk>", methods=["POST"])
    def action(self, name: str, pk: str) -> Any:
        """An action on the record that is shown."""
        return self._run(name, [pk], single=True)

    @expose("/action_post", methods=["POST"])
    def action_post(self) -> Any:
        """An action on the rows that were ticked."""
        return self._run(request.form.get("action", ""), request.form.getlist("rowid"), single=False)
