"""Rules that prefer a warehouse for some orders, or keep them out of it."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, Date, ForeignKey, Identity, Index, Integer, String, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column, relationship

from oms.columns import EnumText
from oms.db import Model
from oms.inventory.models import Warehouse


class RuleAction(StrEnum):
    """What a rule says of its warehouse."""

    USE = "use"
    EXCLUDE = "exclude"


RULE_LABELS: dict[RuleAction, str] = {
    RuleAction.USE: "Prefer this warehouse",
    RuleAction.EXCLUDE: "Never this warehouse",
}


class RoutingRule(Model):
    """One rule; the lowest ``rank`` is read first. An empty condition fits every order; all conditions must fit.

    ``provinces`` are Thai names. Goods fit when any line of the order is one of ``sku_ids`` or ``product_ids``. The
    days are those of Bangkok, both included.
    """

    __tablename__ = "routing_rules"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    rank: Mapped[int] = mapped_column(Integer)
    name: Mapped[str] = mapped_column(String(120))
    action: Mapped[RuleAction] = mapped_column(EnumText(RuleAction))
    warehouse_id: Mapped[int] = mapped_column(ForeignKey("warehouses.id"))
    channels: Mapped[list[str]] = mapped_column(ARRAY(String(32)), default=list)
    shop_ids: Mapped[list[int]] = mapped_column(ARRAY(BigInteger), default=list)
    provinces: Mapped[list[str]] = mapped_column(ARRAY(String(60)), default=list)
    sku_ids: Mapped[list[int]] = mapped_column(ARRAY(BigInteger), default=list)
    product_ids: Mapped[list[int]] = mapped_column(ARRAY(BigInteger), default=list)
    starts_on: Mapped[date | None] = mapped_column(Date)
    ends_on: Mapped[date | None] = mapped_column(Date)
    is_active: Mapped[bool] = mapped_column(default=True)
    version: Mapped[int] = mapped_column()

    warehouse: Mapped[Warehouse] = relationship()

    __mapper_args__ = {"version_id_col": version}
    __table_args__ = (
        CheckConstraint("ends_on >= starts_on", name="days"),
        Index("ix_routing_rules_active", "rank", "id", postgresql_where=text("is_active")),
    )

    def __str__(self) -> str:
        return self.name
