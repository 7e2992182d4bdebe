"""Slips: the pictures customers send as proof, what their QR and the verifiers say, and the verifiers' accounts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, Integer, LargeBinary, String, text
from sqlalchemy.dialects.postgresql import BIT, JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from oms import clock
from oms.columns import EnumText, MoneyAmount, UtcDateTime
from oms.db import Model
from oms.money import Money
from oms.payments.models import PaymentClaim, ReceivingAccount
from oms.payments.states import CheckOutcome, SlipKind, SlipStatus


class Slip(Model):
    """One picture of a transfer slip (a page, when it came as PDF).

    ``raw_key`` is the upload as it came, kept only until it was read; ``picture_key`` and ``thumb_key`` are the
    re-encoded picture. ``look``: bits that differ little between pictures that look alike. ``said_*`` is what whoever
    sent it typed; ``paid_*`` and ``receiver`` is what a verifier found.
    """

    __tablename__ = "slips"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    status: Mapped[SlipStatus] = mapped_column(EnumText(SlipStatus))
    source: Mapped[str] = mapped_column(String(16), default="staff")
    file_name: Mapped[str] = mapped_column(String(255), default="")
    page: Mapped[int] = mapped_column(Integer, default=1)
    raw_key: Mapped[str] = mapped_column(String(80), default="")
    picture_key: Mapped[str] = mapped_column(String(80), default="")
    thumb_key: Mapped[str] = mapped_column(String(80), default="")
    width: Mapped[int] = mapped_column(Integer, default=0)
    height: Mapped[int] = mapped_column(Integer, default=0)
    sha256: Mapped[str] = mapped_column(String(64))
    look: Mapped[str | None] = mapped_column(BIT(2048))
    alike_id: Mapped[int | None] = mapped_column(ForeignKey("slips.id"))
    trouble: Mapped[str] = mapped_column(String(300), default="")
    kind: Mapped[SlipKind | None] = mapped_column(EnumText(SlipKind))
    sending_bank: Mapped[str] = mapped_column(String(10), default="")
    reference: Mapped[str] = mapped_column(String(80), default="")
    crc_ok: Mapped[bool | None] = mapped_column()
    qr_payload: Mapped[str] = mapped_column(String(600), default="")
    read_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    order_id: Mapped[int | None] = mapped_column(ForeignKey("orders.id"))
    claim_id: Mapped[int | None] = mapped_column(ForeignKey("payment_claims.id"))
    first_use_id: Mapped[int | None] = mapped_column(ForeignKey("transfer_keys.id", use_alter=True))
    account_id: Mapped[int | None] = mapped_column(ForeignKey("receiving_accounts.id"))
    said_amount: Mapped[Money | None] = mapped_column(MoneyAmount)
    said_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    paid_amount: Mapped[Money | None] = mapped_column(MoneyAmount)
    paid_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    payer_name: Mapped[str] = mapped_column(String(200), default="")
    receiver: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    uploaded_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    uploaded_by: Mapped[int | None] = mapped_column(BigInteger)
    uploaded_label: Mapped[str] = mapped_column(String(120))
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decided_by: Mapped[int | None] = mapped_column(BigInteger)
    decided_label: Mapped[str] = mapped_column(String(120), default="")
    decision_note: Mapped[str] = mapped_column(String(500), default="")
    reject_reason: Mapped[str] = mapped_column(String(20), default="", server_default="")
    version: Mapped[int] = mapped_column()

    claim: Mapped[PaymentClaim | None] = relationship()
    account: Mapped[ReceivingAccount | None] = relationship()

    __mapper_args__ = {"version_id_col": version}
    __table_args__ = (
        Index("ix_slips_open", "uploaded_at", "id", postgresql_where=text("status IN ('received', 'waiting')")),
        Index("ix_slips_order", "order_id", postgresql_where=text("order_id IS NOT NULL")),
        Index("ix_slips_claim", "claim_id", postgresql_where=text("claim_id IS NOT NULL")),
        Index("ix_slips_sha256", "sha256"),
        Index("ix_slips_loose", "id", postgresql_where=text("reference = ''")),
        Index(
            "ix_slips_pictures",
            "decided_at",
            postgresql_where=text("picture_key <> '' AND decided_at IS NOT NULL"),
        ),
        Index("ix_slips_time", text("uploaded_at DESC"), text("id DESC")),
    )


class VerifierAccount(Model):
    """Our account at a slip verifier. ``secrets`` is sealed (``oms.sealing``); ``host`` can name a simulator.

    ``failures`` and ``closed_until`` are the breaker (``net.breaker``); ``stopped`` says why nobody asks
    until a person has looked (``quota``, ``settings``). What the program counts does not count ``version`` up.
    """

    __tablename__ = "verifier_accounts"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    provider: Mapped[str] = mapped_column(String(20))
    name: Mapped[str] = mapped_column(String(80), unique=True)
    host: Mapped[str] = mapped_column(String(200))
    account_id: Mapped[int | None] = mapped_column(ForeignKey("receiving_accounts.id"))
    options: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    secrets: Mapped[bytes] = mapped_column(LargeBinary)
    is_active: Mapped[bool] = mapped_column(default=True)
    quota_left: Mapped[int | None] = mapped_column(Integer)
    failures: Mapped[int] = mapped_column(Integer, default=0)
    closed_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    stopped: Mapped[str] = mapped_column(String(20), default="", server_default="")
    last_ok_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_error: Mapped[str] = mapped_column(String(300), default="")
    last_error_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column()

    account: Mapped[ReceivingAccount | None] = relationship()

    __mapper_args__ = {"version_id_col": version}

    def __str__(self) -> str:
        return self.name


class SlipCheck(Model):
    """One question to a verifier about one slip, written before it is asked, and its answer. ``arrived`` False: it
    certainly never reached the provider, so it cannot be what the provider remembers."""

    __tablename__ = "slip_checks"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    slip_id: Mapped[int] = mapped_column(ForeignKey("slips.id"), index=True)
    verifier_id: Mapped[int] = mapped_column(ForeignKey("verifier_accounts.id"))
    attempt: Mapped[int] = mapped_column(Integer)
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now)
    answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    outcome: Mapped[CheckOutcome] = mapped_column(EnumText(CheckOutcome))
    code: Mapped[str] = mapped_column(String(40), default="")
    message: Mapped[str] = mapped_column(String(300), default="")
    retry_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    facts: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    arrived: Mapped[bool] = mapped_column(default=True, server_default=text("true"))

    verifier: Mapped[VerifierAccount] = relationship()
