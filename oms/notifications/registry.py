"""Every route: what has to be entered for it, and how it is opened.

Adding one: a module with ``check``, ``send`` and ``close``, a row here, a strict simulator in ``views/sandbox``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from oms.errors import InvalidInput
from oms.net.settings import Field, secret_names
from oms.net.transport import Patience, Transport, check_host
from oms.notifications.catalogue import ROUTE_LABELS, Route
from oms.notifications.line import Line
from oms.notifications.meta import Meta
from oms.notifications.port import Allowance, Sender, SendKeys
from oms.notifications.smsmkt import SmsMkt
from oms.notifications.smtp import Smtp
from oms.notifications.thaibulksms import ThaiBulkSms

AT_ONCE = 16  # letters on their way to one provider from one worker
MANY_AT_ONCE = 32  # the same, of a route that knows repeats
USUAL = Patience()
HASTY = Patience(connect=4.0, read=8.0, whole=10.0)  # somebody waits in front of a screen
Make = Callable[[str, Mapping[str, str], Patience], Sender]


@dataclass(frozen=True)
class RouteKind:
    """One kind of route. ``host``: its address when nothing else is entered. ``counted``: has a quota. ``hooks``: may
    tell us by webhook who wrote and who left. ``own``: nobody is asked; staff does it."""

    route: Route
    host: str
    fields: tuple[Field, ...]
    make: Make
    counted: bool = False
    hooks: bool = False
    knows_repeats: bool = False

    @property
    def name(self) -> str:
        return ROUTE_LABELS[self.route]

    @property
    def secret_names(self) -> tuple[str, ...]:
        """What is sealed."""
        return secret_names(self.fields)


FIELD_LABELS: dict[str, str] = {
    "access_token": "Channel access token",
    "channel_secret": "Channel secret (for the webhook)",
    "api_key": "API key",
    "api_secret": "API secret",
    "secret_key": "Secret key",
    "sender": "Sender",
    "force": "Kind of credit (standard or corporate)",
    "page_id": "Page ID",
    "app_secret": "App secret",
    "verify_token": "Verify token of the webhook",
    "version": "Version of the Graph API",
    "security": "Encryption (starttls, tls or plain)",
    "user": "User name",
    "password": "Password",
    "sender_name": "Name of the sender",
    "authority": "Certificate authority of the server (PEM)",
}


def _field(name: str, *, secret: bool = False, required: bool = True, long: bool = False, default: str = "") -> Field:
    return Field(name, FIELD_LABELS[name], secret=secret, required=required, long=long, default=default)


def _http(kind: Callable[[Transport, Mapping[str, str]], Sender]) -> Make:
    return lambda host, settings, patience: kind(Transport(host, patience=patience, connections=MANY_AT_ONCE), settings)


def _instagram(transport: Transport, settings: Mapping[str, str]) -> Sender:
    return Meta(transport, settings, instagram=True)


_META = (
    _field("page_id"), _field("access_token", secret=True), _field("app_secret", secret=True, required=False),
    _field("verify_token", secret=True, required=False), _field("version", required=False, default="v25.0"),
)  # fmt: skip

KINDS: Mapping[Route, RouteKind] = {
    k.route: k
    for k in (
        RouteKind(
            Route.LINE, "https://api.line.me",
            (_field("access_token", secret=True), _field("channel_secret", secret=True, required=False)),
            _http(Line), counted=True, hooks=True, knows_repeats=True,
        ),
        RouteKind(Route.MESSENGER, "https://graph.facebook.com", _META, _http(Meta), hooks=True),
        RouteKind(Route.INSTAGRAM, "https://graph.facebook.com", _META, _http(_instagram), hooks=True),
        RouteKind(
            Route.THAIBULKSMS, "https://api-v2.thaibulksms.com",
            (
                _field("api_key", secret=True), _field("api_secret", secret=True), _field("sender"),
                _field("force", required=False, default="corporate"),
            ),
            _http(ThaiBulkSms),
        ),
        RouteKind(
            Route.SMSMKT, "https://portal-otp.smsmkt.com",
            (_field("api_key", secret=True), _field("secret_key", secret=True), _field("sender")), _http(SmsMkt),
        ),
        RouteKind(
            Route.EMAIL, "",
            (
                _field("sender"), _field("sender_name", required=False),
                _field("security", required=False, default="starttls"), _field("user", required=False),
                _field("password", secret=True, required=False), _field("authority", required=False, long=True),
            ),
            lambda host, settings, patience: Smtp(host, settings, patience.read),
        ),
    )
}  # fmt: skip


def open_sender(code: str, host: str, settings: Mapping[str, str], patience: Patience | None = None) -> Sender:
    """An account ready to send. Raises InvalidInput for an address or settings that cannot be used."""
    kind = KINDS[Route(code)]
    return kind.make(host or kind.host, settings, patience or USUAL)


def check_settings(route: Route, host: str, settings: Mapping[str, str]) -> None:
    """Raises InvalidInput when these settings cannot be used."""
    if route is Route.EMAIL:
        Smtp(host, settings)
    elif route in KINDS:
        check_host(host or KINDS[route].host)


def try_out(route: Route, host: str, settings: Mapping[str, str]) -> Allowance:
    """Whether these settings work. Sends nothing. Raises SendError."""
    try:
        sender = open_sender(route, host, settings, HASTY)
    except InvalidInput as refusal:
        raise SendKeys(refusal.message) from refusal
    try:
        return sender.check()
    finally:
        sender.close()
