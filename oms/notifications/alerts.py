"""What staff is warned of, and in which words a warning goes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum


class Alert(StrEnum):
    """Work that waits too long or went wrong. Values are stored: never rename one."""

    LATE_ORDER = "late_order"
    SLIP_WAITING = "slip_waiting"
    LOW_STOCK = "low_stock"
    MESSAGE = "message"
    FAILED_JOB = "failed_job"


ALERT_LABELS: dict[Alert, str] = {
    Alert.LATE_ORDER: "Orders past their shipping time",
    Alert.SLIP_WAITING: "Slips waiting over half an hour",
    Alert.LOW_STOCK: "Stock that runs low",
    Alert.MESSAGE: "Messages that need a person",
    Alert.FAILED_JOB: "Background work that failed",
}
ALERT_ACTIONS: Mapping[Alert, str] = {
    Alert.LATE_ORDER: "order.view", Alert.SLIP_WAITING: "payment.verify", Alert.LOW_STOCK: "stock.view",
    Alert.MESSAGE: "message.send", Alert.FAILED_JOB: "operations.view",
}  # fmt: skip
_TEXTS: Mapping[str, Mapping[Alert, str]] = {
    "th": {
        Alert.LATE_ORDER: "คำสั่งซื้อเลยกำหนดส่ง {n} รายการ",
        Alert.SLIP_WAITING: "สลิปรอตรวจเกินครึ่งชั่วโมง {n} ใบ",
        Alert.LOW_STOCK: "สินค้าใกล้หมด {n} รายการ",
        Alert.MESSAGE: "ข้อความถึงลูกค้าที่ต้องมีคนดู {n} ข้อความ",
        Alert.FAILED_JOB: "งานเบื้องหลังที่ทำไม่สำเร็จ {n} งาน",
    },
    "en": {
        Alert.LATE_ORDER: "{n} orders are past their shipping time",
        Alert.SLIP_WAITING: "{n} slips have waited over half an hour",
        Alert.LOW_STOCK: "{n} SKUs run low",
        Alert.MESSAGE: "{n} messages to customers need a person",
        Alert.FAILED_JOB: "{n} pieces of background work failed",
    },
}
_HEADS: Mapping[str, str] = {"th": "Ruam: มีงานที่ต้องดู", "en": "Ruam: something waits for you"}


def warning(counts: Sequence[tuple[Alert, int]], language: str, link: str = "") -> tuple[str, str]:
    """(subject, text) of a warning to staff: numbers alone, no customer is named."""
    lines = [_TEXTS[language][alert].format(n=f"{n:,}") for alert, n in counts]
    return _HEADS[language], "\n".join([_HEADS[language], *lines, *([link] if link else [])])
