"""The statements of each bank as data. A bank writes the same thing in several ways, so headings are synonyms.

Read in public parsers: KBank (both), SCB, KTB. BBL is known from its printed form only; BAY, TTB, GSB and TrueMoney
have no public sample, so their headings are what such banks write elsewhere. A saved column map reads any other file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from oms.intake.headings import Columns, heading_key, resolve

FIELDS = (
    "date", "time", "amount", "withdrawal", "deposit", "direction", "balance", "kind", "detail", "channel", "reference",
    "account_no",
)  # fmt: skip
_PARTS = re.compile(r"[/|\n]")


@dataclass(frozen=True)
class StatementForm:
    """One kind of statement. ``banks`` are words that name the bank in our register of accounts; ``era`` says what
    two-digit years mean (see thai.dates); ``money_in`` are the words of the direction column that mean money in."""

    code: str
    label: str
    columns: Mapping[str, tuple[str, ...]]
    required: frozenset[str] = frozenset({"date"})
    banks: tuple[str, ...] = ()
    era: str = "auto"
    money_in: tuple[str, ...] = ()

    def is_of(self, bank: str) -> bool:
        """Whether an account of this bank gives this kind of statement."""
        known = bank.casefold()
        return any(word in known for word in self.banks)


def find_columns(form: StatementForm, headings: Sequence[str]) -> Columns:
    """Every field of a form among headings; a heading in two languages (``ถอน/Withdrawal``) counts by its parts."""
    found = resolve(form, headings)
    where = dict(found.where)
    used = set(where.values())
    parts: dict[str, int] = {}
    for index, heading in enumerate(headings):
        pieces = _PARTS.split(heading) if index not in used else []
        if len(pieces) > 1:
            for piece in pieces:
                parts.setdefault(heading_key(piece), index)
    for name, synonyms in form.columns.items():
        place = next((parts[k] for s in synonyms if (k := heading_key(s)) in parts), None)
        if name not in where and place is not None:
            where[name] = place
    missing = sorted(form.required - where.keys())
    if not {"amount", "deposit"} & where.keys():
        missing.append("deposit")
    return Columns(where, found.headings, tuple(missing), found.unused)


def points(form: StatementForm, headings: Sequence[str]) -> int:
    """How many fields of the form a row of headings knows; 0 when it is not this form."""
    found = find_columns(form, headings)
    return 0 if found.missing else len(found.where)


KBANK = StatementForm(
    code="kbank",
    label="KBank statement",
    banks=("kbank", "kasikorn", "กสิกร", "004"),
    era="ce",
    required=frozenset({"date", "withdrawal", "deposit", "balance", "detail"}),
    columns={
        "date": ("วันที่", "Date"),
        "time": ("เวลา/ วันที่มีผล", "Time/ Eff.Date", "Time/Eff. Date", "เวลา"),
        "kind": ("รายการ", "Descriptions", "Description", "Transaction"),
        "withdrawal": ("ถอนเงิน", "Withdrawal"),
        "deposit": ("ฝากเงิน", "Deposit"),
        "balance": ("ยอดคงเหลือ", "Outstanding Balance"),
        "channel": ("ช่องทาง", "Channel"),
        "detail": ("รายละเอียด", "Details"),
    },
)
KBANK_BIZ = StatementForm(
    code="kbank_biz",
    label="KBank recent transactions (K BIZ)",
    banks=KBANK.banks,
    era="ce",
    required=frozenset({"date", "withdrawal", "deposit", "detail"}),
    columns={
        "date": ("Transaction Date", "วันที่ทำรายการ"),
        "kind": ("Transaction", "รายการ"),
        "withdrawal": ("Withdrawal (Baht)", "ถอนเงิน (บาท)"),
        "deposit": ("Deposit (Baht)", "ฝากเงิน (บาท)"),
        "detail": ("Account/PromptPay or Biller", "บัญชี/พร้อมเพย์หรือผู้ให้บริการ", "บัญชี/พร้อมเพย์"),
        "channel": ("Channel", "ช่องทาง"),
    },
)
SCB = StatementForm(
    code="scb",
    label="SCB history",
    banks=("scb", "siam commercial", "ไทยพาณิชย์", "014"),
    era="ce",
    required=frozenset({"date", "time", "withdrawal", "deposit", "account_no"}),
    columns={
        "account_no": ("Account Number", "เลขที่บัญชี"),
        "date": ("Date", "วันที่"),
        "time": ("Time", "เวลา"),
        "kind": ("Tr Description", "คำอธิบายรายการ"),
        "channel": ("Channel", "ช่องทาง"),
        "reference": ("Cheque No.", "เลขที่เช็ค"),
        "withdrawal": ("Withdrawal", "ถอน"),
        "deposit": ("Deposit", "ฝาก"),
        "balance": ("Outstanding Balance", "ยอดคงเหลือ"),
        "detail": ("Description", "รายละเอียด"),
    },
)
KTB = StatementForm(
    code="ktb",
    label="Krungthai statement",
    banks=("ktb", "krungthai", "กรุงไทย", "006"),
    required=frozenset({"date", "amount", "balance", "code"}),
    columns={
        "date": ("Date", "วันที่"),
        "code": ("Transaction Code", "รหัสรายการ"),
        "kind": ("Description", "รายการ", "คำอธิบาย"),
        "reference": ("Cheque No.", "เลขที่เช็ค"),
        "amount": ("Amount", "จำนวนเงิน"),
        "balance": ("Balance", "ยอดคงเหลือ"),
        "channel": ("Teller Id", "รหัสพนักงาน"),
    },
)
BBL = StatementForm(
    code="bbl",
    label="Bangkok Bank statement",
    banks=("bbl", "bangkok bank", "กรุงเทพ", "002"),
    required=frozenset({"date", "withdrawal", "deposit", "balance", "channel"}),
    columns={
        "date": ("วันที่", "Date", "Trans Date"),
        "time": ("เวลา", "Time"),
        "kind": ("รายการ", "Particulars"),
        "reference": ("เลขที่เช็ค", "Chq.No.", "Chq No"),
        "withdrawal": ("ถอน", "Withdrawal", "Debit"),
        "deposit": ("ฝาก", "Deposit", "Credit"),
        "balance": ("ยอดคงเหลือ", "Balance", "คงเหลือ"),
        "channel": ("ช่องทาง", "Via", "Channel"),
        "detail": ("รายละเอียด", "Details"),
    },
)
BAY = StatementForm(
    code="bay",
    label="Krungsri statement",
    banks=("bay", "krungsri", "ayudhya", "กรุงศรี", "025"),
    required=frozenset({"date", "withdrawal", "deposit", "balance"}),
    columns={
        "date": ("วันที่ทำรายการ", "Transaction Date", "วันที่รายการ"),
        "time": ("เวลา", "Time", "เวลาทำรายการ"),
        "kind": ("รายการ", "Transaction", "ประเภทรายการ"),
        "withdrawal": ("เงินออก", "ถอนเงิน", "ถอน", "Debit", "Withdrawal"),
        "deposit": ("เงินเข้า", "ฝากเงิน", "ฝาก", "Credit", "Deposit"),
        "balance": ("ยอดเงินคงเหลือ", "ยอดคงเหลือ", "Balance"),
        "channel": ("ช่องทาง", "Channel", "สาขา", "Branch"),
        "detail": ("รายละเอียด", "Description", "Remark"),
    },
)
TTB = StatementForm(
    code="ttb",
    label="ttb statement",
    banks=("ttb", "tmb", "thanachart", "ทหารไทย", "ทีทีบี", "011"),
    required=frozenset({"date", "amount", "balance"}),
    columns={
        "date": ("วันที่ทำรายการ", "Transaction Date", "วันที่", "Date"),
        "time": ("เวลา", "Time"),
        "kind": ("รายการ", "Transaction", "Transaction Type"),
        "amount": ("จำนวนเงิน", "Amount"),
        "balance": ("ยอดเงินคงเหลือ", "ยอดคงเหลือ", "Balance"),
        "channel": ("ช่องทาง", "Channel"),
        "detail": ("บันทึกช่วยจำ", "รายละเอียด", "Note", "Description"),
    },
)
GSB = StatementForm(
    code="gsb",
    label="GSB statement",
    banks=("gsb", "government savings", "ออมสิน", "030"),
    required=frozenset({"date", "withdrawal", "deposit", "balance", "code"}),
    columns={
        "date": ("วันที่", "วันเดือนปี", "Date"),
        "time": ("เวลา", "Time"),
        "code": ("รหัสรายการ", "รหัส", "Code"),
        "kind": ("รายการ", "Transaction", "Description"),
        "withdrawal": ("ถอน", "ถอนเงิน", "Withdrawal"),
        "deposit": ("ฝาก", "ฝากเงิน", "Deposit"),
        "balance": ("คงเหลือ", "ยอดคงเหลือ", "Balance"),
        "channel": ("สาขา", "ช่องทาง", "Branch", "Channel"),
        "detail": ("หมายเหตุ", "รายละเอียด", "Remark"),
    },
)
TRUEMONEY = StatementForm(
    code="truemoney",
    label="TrueMoney report",
    banks=("truemoney", "true money", "ทรูมันนี่", "wallet", "วอลเล็ท"),
    required=frozenset({"date", "amount", "reference"}),
    money_in=("รับเงิน", "เติมเงิน", "เงินเข้า", "receive", "topup", "credit", "in"),
    columns={
        "date": ("วันที่ทำรายการ", "วันที่", "Transaction Date", "Date"),
        "time": ("เวลา", "Time"),
        "kind": ("รายการ", "ชื่อรายการ", "Transaction", "Title"),
        "direction": ("ประเภทรายการ", "ประเภท", "Transaction Type", "Type"),
        "amount": ("จำนวนเงิน", "จำนวนเงิน (บาท)", "Amount", "Amount (THB)"),
        "balance": ("ยอดเงินคงเหลือ", "ยอดคงเหลือ", "Balance"),
        "reference": ("เลขที่อ้างอิง", "หมายเลขอ้างอิง", "Transaction ID", "Reference No."),
        "detail": ("จาก/ถึง", "ผู้โอน", "รายละเอียด", "From/To", "Sender", "Description", "ข้อความ"),
    },
)
_KNOWN = (KBANK, KBANK_BIZ, SCB, KTB, BBL, BAY, TTB, GSB, TRUEMONEY)
_MORE: dict[str, tuple[str, ...]] = {
    "date": ("วันที่", "วัน/เวลา", "วันที่และเวลา", "Date/Time", "Date Time", "Posting Date", "Value Date", "Datetime"),
    "time": ("เวลา", "Time"),
    "amount": ("จำนวนเงิน", "จำนวน", "ยอดเงิน", "Amount", "ยอด"),
    "withdrawal": ("ถอน", "จ่าย", "เงินออก", "เดบิต", "Withdraw", "Paid out", "Money out", "Dr"),
    "deposit": ("ฝาก", "รับ", "เงินเข้า", "เครดิต", "Paid in", "Money in", "Cr"),
    "direction": ("เข้า/ออก", "In/Out", "Dr/Cr"),
    "balance": ("ยอดคงเหลือ", "คงเหลือ", "Balance"),
    "detail": ("รายละเอียด", "หมายเหตุ", "Memo", "Note", "Details"),
    "reference": ("เลขที่อ้างอิง", "อ้างอิง", "Reference", "Ref", "Ref No."),
    "account_no": ("Account Number", "Account No.", "เลขที่บัญชี"),
}


def _all_headings() -> dict[str, tuple[str, ...]]:
    merged: dict[str, tuple[str, ...]] = {}
    taken: set[str] = set()
    for name in FIELDS:
        words = [w for form in _KNOWN for w in form.columns.get(name, ())] + list(_MORE.get(name, ()))
        own = tuple(dict.fromkeys(w for w in words if heading_key(w) not in taken))
        taken |= {heading_key(w) for w in own}
        if own:
            merged[name] = own
    return merged


GENERIC = StatementForm(
    code="statement",
    label="Other statement",
    columns=_all_headings(),
    money_in=(*TRUEMONEY.money_in, "cr", "เข้า", "ฝาก", "+"),
)
FORMS: dict[str, StatementForm] = {form.code: form for form in (*_KNOWN, GENERIC)}


def detect(headings: Sequence[str], bank: str) -> StatementForm | None:
    """The form that knows the most of these headings; the account's own bank comes before all others."""
    best: tuple[bool, int, StatementForm] | None = None
    for form in _KNOWN:
        rank = points(form, headings)
        if rank and (best is None or (form.is_of(bank), rank) > best[:2]):
            best = (form.is_of(bank), rank, form)
    if best is not None:
        return best[2]
    return GENERIC if points(GENERIC, headings) else None


def mapped(columns: Mapping[str, str], options: Mapping[str, Any]) -> StatementForm:
    """A form read by a saved map: field -> heading, and how years are written."""
    own = {name: (heading,) for name, heading in columns.items() if heading and name in FIELDS}
    return replace(GENERIC, columns=own, era=str(options.get("era") or "auto"))
