"""Statements as the banks write them, made from one list of invented transfers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from tests.samples.marketplaces import as_csv, write_xlsx

ACCOUNT = "098-7-65264-3"
START = datetime(2026, 11, 18, 9, 2, 11)
PEOPLE = ("นางสาว กนกวรรณ แก้วใส", "นาย ธนพล ศรีสุข", "น.ส. อรทัย ทองดี", "MR PIYA BOONMA", "นาง จิราพร วงศ์ส++")


@dataclass(frozen=True)
class Transfer:
    """One line of money: baht above zero is money in."""

    at: datetime
    baht: float
    payer: str = PEOPLE[0]
    digits: str = "5264"
    note: str = ""


def transfers(count: int, start: datetime = START) -> list[Transfer]:
    """Money in, and every fifth one money out."""
    return [
        Transfer(start + timedelta(minutes=7 * i), -(50.0 + i) if i % 5 == 4 else 100.0 + i, PEOPLE[i % 5], f"{5200 + i}")
        for i in range(count)
    ]  # fmt: skip


def balances(lines: Sequence[Transfer], opening: float = 1000.0) -> list[float]:
    found, at = [], opening
    for line in lines:
        at = round(at + line.baht, 2)
        found.append(at)
    return found


def _money(value: float) -> str:
    return f"{value:,.2f}"


def _pair(line: Transfer) -> tuple[str, str]:
    return (_money(-line.baht), "") if line.baht < 0 else ("", _money(line.baht))


def _words(line: Transfer) -> str:
    side = "โอนไป" if line.baht < 0 else "จาก"
    return f"{side} X{line.digits} {line.payer}{' ' + line.note if line.note else ''}"


def kbank(lines: Sequence[Transfer], opening: float = 1000.0, account: str = ACCOUNT) -> list[list[str]]:
    """13 columns with empty ones between, a head with an address over two lines, and totals."""
    out = [x for x in lines if x.baht < 0]
    into = [x for x in lines if x.baht > 0]
    after = balances(lines, opening)
    head = [
        ["", "ชื่อบัญชี", "บจก. รวมมิตรตัวอย่าง\n99/1 ถนนพหลโยธิน\nกรุงเทพฯ 10900", "", "เลขที่อ้างอิง", "R26111801"],
        ["", "เลขที่บัญชีเงินฝาก", account],
        ["", "รอบระหว่างวันที่", f"{lines[0].at:%d/%m/%Y} - {lines[-1].at:%d/%m/%Y}"],
        ["", "ยอดยกไป", _money(after[-1])],
        ["", f"รวมถอนเงิน {len(out)} รายการ", _money(-sum(x.baht for x in out))],
        ["", f"รวมฝากเงิน {len(into)} รายการ", _money(sum(x.baht for x in into))],
        [],
        ["", "วันที่", "เวลา/ วันที่มีผล", "รายการ", "ถอนเงิน", "", "ฝากเงิน", "", "ยอดคงเหลือ", "", "ช่องทาง", "", "รายละเอียด"],
        ["", f"{lines[0].at:%d-%m-%y}", "", "ยอดยกมา", "", "", "", "", _money(opening), "", "", "", ""],
    ]
    rows = []
    for line, balance in zip(lines, after, strict=True):
        gone, came = _pair(line)
        rows.append(
            ["", f"{line.at:%d-%m-%y}", f"{line.at:%H:%M}", "โอนเงิน" if line.baht < 0 else "รับโอนเงิน", gone, "", came, "",
             _money(balance), "", "K PLUS", "", _words(line)]
        )  # fmt: skip
    return head + rows


def kbank_biz(lines: Sequence[Transfer], opening: float = 1000.0, account: str = ACCOUNT) -> list[list[str]]:
    head = [["Account Number", account], ["Account Name", "RUAM DEMO CO LTD"], ["Period", "18/11/2026 - 19/11/2026"]]
    names = [
        "Transaction Date",
        "Transaction",
        "Withdrawal (Baht)",
        "Deposit (Baht)",
        "Account/PromptPay or Biller",
        "Channel",
    ]
    rows = [
        [f"{x.at:%Y-%m-%d %H:%M:%S}", "Transfer Deposit" if x.baht > 0 else "Transfer Withdrawal",
         _money(x.baht) if x.baht < 0 else "", _money(x.baht) if x.baht > 0 else "", f"X-{x.digits} {x.payer}", "K PLUS"]
        for x in reversed(lines)
    ]  # fmt: skip
    return [*head, names, *rows]


def scb(lines: Sequence[Transfer], opening: float = 1000.0, account: str = ACCOUNT) -> list[list[str]]:
    names = ["Account Number", "Account Name", "Account Type", "Currency Code", "Branch Code", "Date", "Time", "Tr Code",
             "Tr Description", "Channel", "Cheque No.", "Withdrawal", "Deposit", "Outstanding Balance", "Description"]  # fmt: skip
    rows = [names]
    for line, balance in zip(lines, balances(lines, opening), strict=True):
        gone, came = _pair(line)
        rows.append(
            [account.replace("-", ""), "RUAM", "Saving", "THB", "0111", f"{line.at:%d/%m/%Y}", f"{line.at:%H:%M}",
             "X1" if line.baht > 0 else "X2", "โอนเงิน", "ENET", "", gone, came, _money(balance), _words(line)]
        )  # fmt: skip
    return rows


def ktb(lines: Sequence[Transfer], opening: float = 1000.0, account: str = ACCOUNT) -> list[list[str]]:
    head = [["รายการเดินบัญชี"], ["Account Name :", "บจก. รวมมิตรตัวอย่าง"], ["Account No. :", account], ["Branch :", "พหลโยธิน"],
            ["Currency :", "THB"], []]  # fmt: skip
    names = [
        "Date",
        "Teller Id",
        "Transaction Code",
        "Description",
        "Cheque No.",
        "Amount",
        "Tax",
        "Balance",
        "Init Br.",
    ]
    rows = [
        [f"{x.at:%d/%m/%Y %H:%M:%S}", "9999", "NBSDT", _words(x), "", _money(x.baht), "0.00", _money(b), "0450"]
        for x, b in zip(lines, balances(lines, opening), strict=True)
    ]
    return [*head, names, *rows]


def bbl(lines: Sequence[Transfer], opening: float = 1000.0, account: str = ACCOUNT) -> list[list[str]]:
    """Days without times, years of the Buddhist era, headings in both languages."""
    rows: list[list[str]] = [["เลขที่บัญชี / Account No.", account], []]
    rows.append(
        [
            "วันที่/Date",
            "รายการ/Particulars",
            "เลขที่เช็ค/Chq.No.",
            "ถอน/Withdrawal",
            "ฝาก/Deposit",
            "ยอดคงเหลือ/Balance",
            "ช่องทาง/Via",
        ]
    )
    rows.append([_be(lines[0].at), "ยอดยกมา B/F", "", "", "", _money(opening), ""])
    for line, balance in zip(lines, balances(lines, opening), strict=True):
        rows.append([_be(line.at), _words(line), "", *_pair(line), _money(balance), "mPhone"])
    return rows


def _be(at: datetime) -> str:
    return f"{at.day:02d}/{at.month:02d}/{at.year + 543}"


def bay(lines: Sequence[Transfer], opening: float = 1000.0, account: str = ACCOUNT) -> list[list[str]]:
    names = ["วันที่ทำรายการ", "เวลา", "รายการ", "เงินออก", "เงินเข้า", "ยอดเงินคงเหลือ", "ช่องทาง", "รายละเอียด"]
    rows: list[list[str]] = [[f"เลขที่บัญชี: {account}"], names]
    for line, balance in zip(lines, balances(lines, opening), strict=True):
        rows.append([_be(line.at), f"{line.at:%H:%M:%S}", "โอนเงิน", *_pair(line), _money(balance), "KMA", _words(line)])
    return rows


def ttb(lines: Sequence[Transfer], opening: float = 1000.0, account: str = ACCOUNT) -> list[list[str]]:
    names = ["วันที่ทำรายการ", "เวลา", "รายการ", "จำนวนเงิน", "ยอดเงินคงเหลือ", "ช่องทาง", "บันทึกช่วยจำ"]
    rows: list[list[str]] = [["Account Number", account], names]
    for line, balance in zip(lines, balances(lines, opening), strict=True):
        rows.append(
            [f"{line.at:%d/%m/%Y}", f"{line.at:%H:%M}", "โอน", f"{line.baht:+,.2f}", _money(balance), "touch", _words(line)]
        )  # fmt: skip
    return rows


def gsb(lines: Sequence[Transfer], opening: float = 1000.0, account: str = ACCOUNT) -> list[list[str]]:
    names = ["วันที่", "เวลา", "รหัสรายการ", "ถอน", "ฝาก", "คงเหลือ", "สาขา", "หมายเหตุ"]
    rows: list[list[str]] = [["เลขที่บัญชี", account], names]
    for line, balance in zip(lines, balances(lines, opening), strict=True):
        rows.append([_be(line.at), f"{line.at:%H.%M}", "TRF", *_pair(line), _money(balance), "MyMo", _words(line)])
    return [*rows, ["", "", "รวมทั้งสิ้น", "1.00", "2.00", "", "", ""]]


def truemoney(lines: Sequence[Transfer], opening: float = 1000.0, account: str = ACCOUNT) -> list[list[str]]:
    names = ["วันที่", "เวลา", "ประเภท", "รายการ", "จำนวนเงิน (บาท)", "เลขที่อ้างอิง", "จาก/ถึง"]
    rows = [names]
    for i, line in enumerate(lines):
        kind = "เงินเข้า" if line.baht > 0 else "เงินออก"
        rows.append(
            [f"{line.at:%d/%m/%Y}", f"{line.at:%H:%M:%S}", kind, "โอนเงิน", _money(abs(line.baht)), f"50{i:08d}", _words(line)]
        )  # fmt: skip
    return rows


MAKERS: dict[str, Callable[..., list[list[str]]]] = {
    "kbank": kbank, "kbank_biz": kbank_biz, "scb": scb, "ktb": ktb, "bbl": bbl, "bay": bay, "ttb": ttb, "gsb": gsb,
    "truemoney": truemoney,
}  # fmt: skip
BANKS = {
    "kbank": "KBank", "kbank_biz": "กสิกรไทย", "scb": "SCB", "ktb": "กรุงไทย", "bbl": "ธนาคารกรุงเทพ", "bay": "กรุงศรี", "ttb": "ttb",
    "gsb": "ออมสิน", "truemoney": "TrueMoney",
}  # fmt: skip


def write_ktb_book(path: Path, lines: Sequence[Transfer], account: str = ACCOUNT) -> Path:
    """A workbook as Krungthai gives it: amounts are number cells."""
    rows: list[list[object]] = [list(r) for r in ktb(lines, account=account)]
    for row in rows[7:]:
        for place in (5, 7):
            row[place] = float(str(row[place]).replace(",", ""))
    return write_xlsx(path, rows)


__all__ = ["ACCOUNT", "BANKS", "MAKERS", "Transfer", "as_csv", "balances", "transfers", "write_ktb_book", "write_xlsx"]
