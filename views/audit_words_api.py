"""What the audit's codes of the HTTP API mean in words: keys and webhooks."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext

API_TITLES: dict[str, Any] = {
    "api_key.created": lazy_gettext("API key made"),
    "api_key.revoked": lazy_gettext("API key revoked"),
    "api_hook.created": lazy_gettext("Webhook added"),
    "api_hook.changed": lazy_gettext("Webhook changed"),
    "api_hook.switched": lazy_gettext("Webhook switched"),
    "api_hook.stopped": lazy_gettext("Webhook stopped after long failure"),
    "api_hook.secret_renewed": lazy_gettext("Webhook's secret renewed"),
    "api_hook.resent": lazy_gettext("Webhook sent again"),
    **dict.fromkeys(("api_hook.resealed", "channel.resealed", "remote.resealed"), lazy_gettext("Keys sealed anew")),
}
API_KIND_NAMES: dict[str, Any] = {"api_key": lazy_gettext("API key"), "api_hook": lazy_gettext("webhook")}
