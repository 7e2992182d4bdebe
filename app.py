"""Composition root: the only place that knows every part. Functions only; nothing happens on import."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flask import Flask

    from oms.settings import Settings


def base_app(settings: Settings, *, owner: bool = False) -> Flask:
    """What the web and the workers share: configuration, the database, the database role.

    ``owner`` is for ``oms init`` alone: it keeps the rights of the database's owner, which the program gives up.
    """
    from flask import Flask

    from migrations import tables
    from oms.db import db

    tables.load()
    app = Flask("views", root_path=None)
    app.config.from_mapping(
        SECRET_KEY=settings.secret_key,
        TESTING=settings.testing,
        SQLALCHEMY_DATABASE_URI=settings.sqlalchemy_url,
        SQLALCHEMY_ENGINE_OPTIONS={
            "pool_pre_ping": True,
            "pool_size": settings.web_threads + 1,
            "max_overflow": 5,
            "connect_args": {"connect_timeout": 5, "application_name": "ruam"},
        },
        SQLALCHEMY_TRACK_MODIFICATIONS=False,
    )
    app.extensions["oms.settings"] = settings
    app.extensions["oms.wake"] = lambda: None  # the relay looks every half second; nothing needs to ring it
    db.init_app(app)
    if not owner:
        from sqlalchemy import event

        from migrations.roles import work_as_app

        with app.app_context():
            event.listen(db.engine, "connect", work_as_app)
    return app


def create_worker_app(settings: Settings, *, owner: bool = False) -> Flask:
    """The program without the panel: for workers, relay, scheduler and commands."""
    return base_app(settings, owner=owner)


def create_app(settings: Settings, *, owner: bool = False) -> Flask:
    """The program with the panel."""
    from flask_appbuilder import AppBuilder

    from oms.db import db

    app = base_app(settings, owner=owner)
    app.config.update(FAB_UPDATE_PERMS=owner, FAB_ADD_SECURITY_API=False)
    appbuilder = AppBuilder()
    with app.app_context():
        appbuilder.init_app(app, db.session)
    return app


def sync_permissions(app: Flask) -> None:
    """Write the panel's permissions and roles (once per deployment, as the owner of the database)."""
    from flask_appbuilder import Model

    from oms.db import db

    with app.app_context():
        Model.metadata.create_all(db.engine)


def main() -> Any:
    """The command ``oms``."""
    from jobs.cli import Factories, oms

    return oms(obj=Factories(worker=create_worker_app, web=create_app, sync=sync_permissions))
