"""People who write to our chats: one row for each of them and account, and their words as long as these are kept."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from oms.columns import UtcDateTime
from oms.db import Model
from oms.notifications.models import MessageAccount


class ChatWriter(Model):
    """Somebody who wrote to one of our accounts. ``address`` is their id there; ``name`` and ``thread`` (the page of
    the conversation) are "" until the platform told them; it was asked at ``asked_at``. ``last_at``: when they last
    wrote. The customer they are is whoever has this id among their identities."""

    __tablename__ = "chat_writers"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("message_accounts.id"))
    address: Mapped[str] = mapped_column(String(200))
    name: Mapped[str] = mapped_column(String(200), default="", server_default="")
    thread: Mapped[str] = mapped_column(String(400), default="", server_default="")
    first_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_at: Mapped[datetime] = mapped_column(UtcDateTime)
    asked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    account: Mapped[MessageAccount] = relationship()
    words: Mapped[list[ChatWords]] = relationship(back_populates="writer", order_by="ChatWords.at")

    __table_args__ = (
        Index("uq_chat_writers", "account_id", "address", unique=True),
        Index("ix_chat_writers_address", "address"),
        Index("ix_chat_writers_last", text("last_at DESC"), text("id DESC")),
        Index("ix_chat_writers_unasked", "id", postgresql_where=text("asked_at IS NULL")),
    )

    def __str__(self) -> str:
        return self.name or self.address


class ChatWords(Model):
    """One message they wrote. ``kind`` is the platform's word (text, image, sticker ...), ``unsent`` when they took it
    back: then nothing of it is kept."""

    __tablename__ = "chat_words"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    writer_id: Mapped[int] = mapped_column(ForeignKey("chat_writers.id"))
    told_id: Mapped[str] = mapped_column(String(200))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    kind: Mapped[str] = mapped_column(String(20))
    body: Mapped[str] = mapped_column(Text, default="", server_default="")

    writer: Mapped[ChatWriter] = relationship(back_populates="words")

    __table_args__ = (
        Index("uq_chat_words", "writer_id", "told_id", unique=True),
        Index("ix_chat_words_writer", "writer_id", text("at DESC"), text("id DESC")),
        Index("ix_chat_words_at", "at"),
    )
