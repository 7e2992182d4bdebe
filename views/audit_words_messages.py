"""What the audit's codes of messages mean in words."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext

MESSAGE_TITLES: dict[str, Any] = {
    "message.route_created": lazy_gettext("Route of messages added"),
    "message.route_changed": lazy_gettext("Route of messages changed"),
    "message.route_tried": lazy_gettext("Route of messages tried"),
    "message.routes_resealed": lazy_gettext("Keys of message routes sealed anew"),
    "message.rules_changed": lazy_gettext("Rules of messages changed"),
    "message.template_saved": lazy_gettext("Words of a message changed"),
    "message.template_reset": lazy_gettext("Words of a message set back"),
    "message.test_sent": lazy_gettext("Test message sent"),
    "message.copied": lazy_gettext("Text copied into the chat"),
    "message.skipped": lazy_gettext("Text to copy left out"),
    "message.arrived": lazy_gettext("Message arrived, by word of a person"),
    "message.closed": lazy_gettext("Message left as it is"),
    "message.again": lazy_gettext("Message sent again"),
    "message.other_route": lazy_gettext("Message sent another way"),
    "message.resent": lazy_gettext("Customer told once more"),
    "customer.message_consent": lazy_gettext("Customer's word about messages"),
    "customer.identity_removed": lazy_gettext("Customer's identity taken away"),
    "privacy.chat_read": lazy_gettext("Chat of a person read"),
    "privacy.phones_shown": lazy_gettext("Whole phone number looked at"),
    "privacy.consent": lazy_gettext("Consent written down"),
    "privacy.exported": lazy_gettext("Copy of a person's data taken"),
    "privacy.requested": lazy_gettext("Request about personal data noted"),
    "privacy.answered": lazy_gettext("Request about personal data answered"),
    "privacy.retention_set": lazy_gettext("Terms of keeping data set"),
    "privacy.purged": lazy_gettext("Data past its term removed"),
    "alerts.subscribed": lazy_gettext("Alerts to staff set"),
}
