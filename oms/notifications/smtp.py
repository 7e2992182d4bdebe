"""E-mail by SMTP: STARTTLS or TLS from the first byte, a text part and an HTML part, a Message-ID of our own.

Until the last dot of the letter is sent, nothing has happened and another try is harmless; after it, only the server's
answer tells.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Callable, Mapping
from datetime import timedelta
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime, formataddr, parseaddr
from typing import ClassVar

from oms import clock
from oms.errors import InvalidInput, say
from oms.net.silence import Silence
from oms.net.transport import is_local, secure
from oms.notifications.asking import keys, refused, silent
from oms.notifications.port import Allowance, Letter, SendError, SendLimited, Sent

GREYLIST = timedelta(minutes=15)
SECONDS = 20.0
MODES = ("starttls", "tls", "plain")


class Smtp:
    """One mail server."""

    knows_repeats: ClassVar[bool] = False

    def __init__(self, host: str, settings: Mapping[str, str], seconds: float = SECONDS) -> None:
        name, _, port = host.partition(":")
        self.mode = settings.get("security") or "starttls"
        if not name or self.mode not in MODES or not (port or "587").isdecimal():
            raise InvalidInput(say("This is not the address of a mail server"), field="host", code="host")
        if self.mode == "plain" and not is_local(name):
            raise InvalidInput(say("Without encryption only this machine is allowed"), field="security", code="plain")
        self.name, self.port = name, int(port or (465 if self.mode == "tls" else 587))
        self.user, self.password = settings.get("user", ""), settings.get("password", "")
        self.sender, self.sender_name = settings["sender"], settings.get("sender_name", "")
        if not _plain_address(self.sender):
            raise InvalidInput(say("This is not an e-mail address"), field="sender", code="email")
        self.authority, self.seconds = settings.get("authority", ""), seconds

    def close(self) -> None:
        """Nothing is kept open: mail servers hang up on idle clients."""

    def check(self) -> Allowance:
        server = self._open()
        server.close()
        return Allowance(words=self.sender)

    def send(self, letter: Letter) -> Sent:
        if not _plain_address(letter.to):
            raise refused("address", "this is no e-mail address", gone=True)
        made = self.compose(letter)
        server = self._open()
        try:
            return self._hand_in(server, letter.to, made)
        finally:
            server.close()

    def compose(self, letter: Letter) -> EmailMessage:
        """The letter as it goes over the wire."""
        made = EmailMessage(policy=SMTP_POLICY)
        made["Subject"] = letter.subject
        made["From"] = formataddr((self.sender_name, self.sender))
        made["To"] = letter.to
        made["Date"] = format_datetime(clock.now())
        made["Message-ID"] = f"<{letter.retry_key}@{self.sender.partition('@')[2]}>"
        made["Auto-Submitted"] = "auto-generated"
        made.set_content(letter.body)
        if letter.html:
            made.add_alternative(letter.html, subtype="html")
        return made

    def _open(self) -> smtplib.SMTP:
        """Connected, encrypted and logged in. Nothing has been sent, whatever goes wrong here."""
        try:
            context = secure(authority=self.authority)
            if self.mode == "tls":
                server: smtplib.SMTP = smtplib.SMTP_SSL(self.name, self.port, timeout=self.seconds, context=context)
            else:
                server = smtplib.SMTP(self.name, self.port, timeout=self.seconds)
            try:
                server.ehlo()
                if self.mode == "starttls":
                    server.starttls(context=context)
                    server.ehlo()
                if self.user:
                    server.login(self.user, self.password)
            except BaseException:
                server.close()
                raise
        except smtplib.SMTPAuthenticationError as exc:
            raise keys(str(exc.smtp_code), _said(exc.smtp_error)) from exc
        except smtplib.SMTPNotSupportedError as exc:
            raise keys("security", str(exc)) from exc
        except ssl.SSLError as exc:
            raise keys("security", exc.reason or str(exc)) from exc
        except smtplib.SMTPResponseException as exc:
            raise _answer(exc.smtp_code, exc.smtp_error) from exc
        except (OSError, smtplib.SMTPException) as exc:
            raise silent(Silence("no_connection", reached=False)) from exc
        return server

    def _hand_in(self, server: smtplib.SMTP, to: str, made: EmailMessage) -> Sent:
        for step in (lambda: server.mail(self.sender), lambda: server.rcpt(to), lambda: server.docmd("DATA")):
            code, said = _step(step)
            if code not in {250, 251, 252, 354}:
                raise _answer(code, said)
        text = made.as_bytes().replace(b"\r\n.", b"\r\n..")
        dotted = b"." + text if text.startswith(b".") else text
        try:
            server.send(dotted if dotted.endswith(b"\r\n") else dotted + b"\r\n")
        except (OSError, smtplib.SMTPException) as exc:  # without the last dot the server must forget it
            raise silent(Silence("broken", reached=False)) from exc
        try:
            server.send(b".\r\n")
            code, said = server.getreply()
        except (OSError, smtplib.SMTPException) as exc:
            raise silent(Silence("timeout" if isinstance(exc, TimeoutError) else "broken")) from exc
        if code != 250:
            raise _answer(code, said)
        return Sent(made["Message-ID"])


def _step(step: Callable[[], tuple[int, bytes]]) -> tuple[int, bytes]:
    try:
        return step()
    except (OSError, smtplib.SMTPException) as exc:
        raise silent(Silence("broken", reached=False)) from exc


def _answer(code: int, said: bytes | str) -> SendError:
    """4yz: later; 5yz: never. Either way the letter was not taken."""
    text = _said(said)
    if 400 <= code < 500:
        return SendLimited(
            say("The mail server asks to wait: {why}", why=text or str(code)), retry_after=GREYLIST, raw_code=str(code),
            raw_text=text,
        )  # fmt: skip
    if code in {530, 534, 535, 538}:
        return keys(str(code), text)
    return refused(str(code), text, gone=code in {550, 551, 553} and ("5.1." in text or "user" in text.lower()))


def _said(raw: bytes | str) -> str:
    return (raw.decode("utf-8", "replace") if isinstance(raw, bytes) else raw).replace("\n", " ")[:300]


def _plain_address(text: str) -> bool:
    """One address and nothing else: no line breaks, no second recipient."""
    found = parseaddr(text)[1]
    head, _, domain = text.partition("@")
    return found == text and bool(head) and "." in domain and text.isascii() and not any(c in text for c in " ,;\r\n")
