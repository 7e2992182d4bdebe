"""Composition root: the only place that knows every part. Functions only; nothing happens on import."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Event

    from flask import Flask

    from jobs.cli import Factories
    from oms.settings import Settings


def base_app(settings: Settings, *, owner: bool = False) -> Flask:
    """What the web and the workers share: configuration, the database, the database role.

    ``owner`` is for ``oms init`` alone: it keeps the rights of the database's owner, which the program gives up.
    """
    from flask import Flask

    from migrations import tables
    from oms.db import db, keep_alive
    from oms.sealing import Sealer

    tables.load()
    app = Flask("views", root_path=None)
    app.config.from_mapping(
        SECRET_KEY=settings.secret_key,
        TESTING=settings.testing,
        SQLALCHEMY_DATABASE_URI=settings.sqlalchemy_url,
        SQLALCHEMY_ENGINE_OPTIONS={
            "pool_size": settings.web_threads + 1,
            "max_overflow": 5,
            "connect_args": {"connect_timeout": 5, "application_name": "ruam"},
        },
        SQLALCHEMY_TRACK_MODIFICATIONS=False,
    )
    app.extensions["oms.settings"] = settings
    app.extensions["oms.sealer"] = Sealer(settings.encryption_keys or (settings.secret_key,))
    app.extensions["oms.wake"] = lambda: None  # the relay looks every half second; nothing needs to ring it
    db.init_app(app)
    with app.app_context():
        keep_alive(db.engine)
        if not owner:
            from sqlalchemy import event

            from migrations.roles import work_as_app

            event.listen(db.engine, "connect", work_as_app)
    return app


def create_worker_app(settings: Settings, *, owner: bool = False) -> Flask:
    """The program without the panel: for workers, relay, scheduler and commands."""
    return base_app(settings, owner=owner)


def create_app(settings: Settings, *, owner: bool = False) -> Flask:
    """The program with the panel: Flask-AppBuilder inside, every screen, every guard."""
    from flask_appbuilder import AppBuilder
    from flask_wtf.csrf import CSRFProtect
    from werkzeug.middleware.proxy_fix import ProxyFix

    from oms.db import db
    from views import config, errors, filters, health, i18n, nav, registry, web
    from views.home import HomeView
    from views.security import PanelSecurity

    # the library says at every start that it makes no filter for lists of texts; our own search covers those
    logging.getLogger("flask_appbuilder.models.filters").setLevel(logging.ERROR)
    app = base_app(settings, owner=owner)
    app.config.from_mapping(config.panel(settings))
    app.url_map.converters["int"] = web.Id
    CSRFProtect(app)  # without it Flask-AppBuilder deletes and runs actions by GET
    appbuilder = AppBuilder(indexview=HomeView, security_manager_class=PanelSecurity, base_template="layout.html")
    with app.app_context():
        appbuilder.init_app(app, db.session)
        filters.install(app)
        nav.install(app)
        errors.install(app)
        registry.register(app, appbuilder)
    i18n.install(app)
    web.install(app)  # its hook goes before all others: every line of the log names its request
    health.install(app)
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    return app


def sync_permissions(app: Flask) -> None:
    """Write the panel's tables, actions and roles (once per deployment, as the owner of the database)."""
    from views import security

    security.sync(app)


def first_owner(app: Flask) -> str | None:
    """Make the login ``owner`` when nobody can log in yet; returns its password, to be shown once."""
    from views import security

    return security.make_owner(app)


def demo_users(app: Flask, password: str) -> dict[str, tuple[int, str]]:
    """One login per role with this password; (id, shown name) by role."""
    from views import security

    security.make_demo_users(app, password)
    return security.logins(app)


def sandbox(say: Callable[[str], object], stop: Event, **options: Any) -> None:
    """Play other people's systems (``oms sandbox``, ``oms up --demo`` and tests alone import them)."""
    from views.sandbox.stage import Options, play

    play(Options(**options), say, stop)


def demo_market(app: Flask, port: int, panel: str, stop: Event) -> None:
    """Connect the demo's shops to simulators that sell, and let buyers order until told."""
    from views.sandbox.demo_market import play

    play(app, port, panel, stop)


def demo_site(app: Flask, users: dict[str, tuple[int, str]], settings: Settings, port: int) -> bool:
    """Link a warehouse of the demo shop to the reference site and play its first day; False when it was done before."""
    from views.sandbox.demo_link import link

    return link(users, settings.data_dir, app.extensions["oms.sealer"], port)


def factories() -> Factories:
    """What the commands and jobs need of the parts they do not know."""
    from jobs.cli import Factories

    return Factories(
        worker=create_worker_app,
        web=create_app,
        sync=sync_permissions,
        first_owner=first_owner,
        demo_users=demo_users,
        sandbox=sandbox,
        demo_site=demo_site,
        demo_market=demo_market,
    )


def load() -> None:
    """Load everything that any program uses, and start nothing: their forks share it (``jobs.runtime.forks``)."""
    from sqlalchemy.orm import configure_mappers

    from jobs import cli, initialize, offers, queue, relay, schedule, web  # noqa: F401  loading is the purpose
    from migrations import tables
    from views import config, errors, filters, health, home, i18n, nav, registry, security  # noqa: F401

    tables.load()
    configure_mappers()
    i18n.thai()


def main() -> Any:
    """The command ``oms``. Memory is searched for cycles seldom: an import of 10,000 orders spends a quarter less."""
    import gc

    from jobs.cli import oms

    gc.set_threshold(50_000, 20, 20)

    return oms(obj=factories())
