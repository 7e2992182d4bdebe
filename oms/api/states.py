"""The machine-readable words of outgoing webhooks. Values are stored: never rename one."""

from __future__ import annotations

from enum import StrEnum


class DeliveryStatus(StrEnum):
    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"


DELIVERY_LABELS: dict[DeliveryStatus, str] = {
    DeliveryStatus.WAITING: "Being sent",
    DeliveryStatus.DELIVERED: "Delivered",
    DeliveryStatus.FAILED: "Not delivered",
}
