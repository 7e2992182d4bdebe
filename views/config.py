"""What the panel sets of Flask, Flask-AppBuilder and their companions, from an installation's settings."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from flask_appbuilder.const import AUTH_DB

from oms.importing.tabular import LIMITS
from oms.settings import Settings
from views.passwords import check_password

MAX_UPLOAD = LIMITS.file_bytes + 1024 * 1024  # the largest file the importer reads, and the form around it
LANGUAGES = {"th": {"flag": "th", "name": "ไทย"}, "en": {"flag": "gb", "name": "English"}}


def limiter_url(redis_url: str | None) -> str:
    """Where tries are counted: in Redis when there is one, so that all web processes count together."""
    if not redis_url:
        return "memory://"
    return f"redis+{redis_url}" if redis_url.startswith("unix://") else redis_url


def panel(settings: Settings) -> dict[str, Any]:
    """The panel's configuration."""
    return _web(settings) | _library(settings)


def _web(settings: Settings) -> dict[str, Any]:
    return {
        "MAX_CONTENT_LENGTH": MAX_UPLOAD,
        "MAX_FORM_PARTS": 2000,
        "MAX_FORM_MEMORY_SIZE": 4 * 1024 * 1024,
        "SESSION_COOKIE_NAME": "ruam",
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_SECURE": settings.secure_cookies,
        "PERMANENT_SESSION_LIFETIME": timedelta(days=14),
        "WTF_CSRF_TIME_LIMIT": None,  # as long as the session: an open form must not expire by the clock
        "BABEL_DEFAULT_LOCALE": "th",
        "BABEL_DEFAULT_TIMEZONE": "Asia/Bangkok",
        "BABEL_TRANSLATION_DIRECTORIES": str(Path(__file__).parent / "translations"),
        "LANGUAGES": LANGUAGES,
    }


def _library(settings: Settings) -> dict[str, Any]:
    return {
        "APP_NAME": "Ruam",
        "AUTH_TYPE": AUTH_DB,
        "AUTH_RATE_LIMITED": True,
        "AUTH_RATE_LIMIT": "10 per 20 second",
        "RATELIMIT_ENABLED": True,
        "RATELIMIT_STORAGE_URI": limiter_url(settings.redis_url),
        "RATELIMIT_IN_MEMORY_FALLBACK_ENABLED": True,
        "RATELIMIT_KEY_PREFIX": "ruam",
        "FAB_UPDATE_PERMS": False,
        "FAB_CREATE_DB": False,
        "FAB_ADD_SECURITY_API": False,
        "FAB_ADD_MENU_API": False,
        "FAB_ADD_OPENAPI_VIEWS": False,
        "FAB_API_SWAGGER": False,
        "FAB_PASSWORD_COMPLEXITY_ENABLED": True,
        "FAB_PASSWORD_COMPLEXITY_VALIDATOR": check_password,
        "FAB_SAFE_REDIRECT_HOSTS": [f"{settings.host}:{settings.port}", f"localhost:{settings.port}"],
    }
