"""Composition root: the web app with its panel, the worker app without it. Functions only; nothing runs on import."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Flask

from oms import models
from oms.db import db

if TYPE_CHECKING:
    from oms.settings import Settings

MAX_UPLOAD = 64 * 1024 * 1024
HERE = Path(__file__).parent


def _base_app(settings: Settings) -> Flask:
    """Configuration and database: what the web and the workers share."""
    assert models.ALL
    app = Flask(
        "ruam", root_path=str(HERE), template_folder=str(HERE / "views" / "templates"),
        static_folder=str(HERE / "views" / "static"), static_url_path="/static",
    )  # fmt: skip
    app.config.update(
        SECRET_KEY=settings.secret_key,
        TESTING=settings.testing,
        SQLALCHEMY_DATABASE_URI=settings.sqlalchemy_url,
        SQLALCHEMY_ENGINE_OPTIONS={"pool_pre_ping": True, "pool_recycle": 1800},
    )
    app.extensions["oms.settings"] = settings
    app.extensions["oms.wake"] = lambda: None
    db.init_app(app)
    return app


def _panel_config(app: Flask, settings: Settings) -> None:
    from views.passwords import check_password

    app.config.update(
        APP_NAME="Ruam",
        MAX_CONTENT_LENGTH=MAX_UPLOAD,
        MAX_FORM_PARTS=2000,
        MAX_FORM_MEMORY_SIZE=4 * 1024 * 1024,
        SESSION_COOKIE_NAME="ruam",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.secure_cookies,
        PERMANENT_SESSION_LIFETIME=timedelta(days=14),
        WTF_CSRF_TIME_LIMIT=None,
        AUTH_TYPE=1,
        AUTH_RATE_LIMITED=True,
        AUTH_RATE_LIMIT="10 per 20 second",
        RATELIMIT_ENABLED=True,
        RATELIMIT_STORAGE_URI=_limiter_url(settings.redis_url),
        RATELIMIT_IN_MEMORY_FALLBACK_ENABLED=True,
        RATELIMIT_KEY_PREFIX="ruam",
        FAB_UPDATE_PERMS=False,
        FAB_CREATE_DB=False,
        FAB_ADD_SECURITY_API=False,
        FAB_ADD_MENU_API=False,
        FAB_ADD_OPENAPI_VIEWS=False,
        FAB_API_SWAGGER=False,
        FAB_OPENAPI_VIEW=False,
        FAB_PASSWORD_COMPLEXITY_ENABLED=True,
        FAB_PASSWORD_COMPLEXITY_VALIDATOR=check_password,
        FAB_SAFE_REDIRECT_HOSTS=[f"{settings.host}:{settings.port}", f"localhost:{settings.port}"],
        LANGUAGES={"th": {"flag": "th", "name": "ไทย"}, "en": {"flag": "gb", "name": "English"}},
        BABEL_DEFAULT_LOCALE="th",
        BABEL_DEFAULT_TIMEZONE="Asia/Bangkok",
        BABEL_TRANSLATION_DIRECTORIES=str(HERE / "views" / "translations"),
    )


def _limiter_url(redis_url: str | None) -> str:
    """Where the login limiter counts: Redis when there is one, so that all web processes count together."""
    if not redis_url:
        return "memory://"
    return f"redis+{redis_url}" if redis_url.startswith("unix://") else redis_url


def create_app(settings: Settings) -> Flask:
    """The web app: Flask, Flask-AppBuilder inside, every screen, every guard."""
    from flask_appbuilder import AppBuilder
    from flask_wtf.csrf import CSRFProtect
    from werkzeug.middleware.proxy_fix import ProxyFix

    from views import account, errors, filters, nav, registry, web
    from views.home import HomeView
    from views.security import PanelSecurity

    app = _base_app(settings)
    _panel_config(app, settings)
    CSRFProtect(app)  # without it Flask-AppBuilder deletes and runs actions by GET
    appbuilder = AppBuilder(indexview=HomeView, security_manager_class=PanelSecurity, base_template="layout.html")
    with app.app_context():
        appbuilder.init_app(app, db.session)
        filters.install(app)
        nav.install(app)
        errors.install(app)
        app.add_url_rule("/language/<code>", "language", account.set_language)
        app.add_url_rule("/theme/<name>", "theme", account.set_theme)
        registry.register(app, appbuilder)
    web.install(app)
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    return app
