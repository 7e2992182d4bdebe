"""How it is paid, what is collected at the door, and whether a tax invoice is wanted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from oms.thai.addresses import by_postcode
from oms.thai.chat.canvas import MARKS, Canvas, Mark
from oms.thai.chat.facts import Invoice
from oms.thai.chat.pieces import person
from oms.thai.chat.words import CLASSIFIERS, COMPANY, POLITE
from oms.thai.tax_id import HEAD_OFFICE, is_tax_id

_NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d{1,2})?|\d+(?:\.\d{1,2})?"
_UNIT = r"(?:บาท|บ\.|บ(?=\s|$)|\.-|฿|thb|baht)"
_TAIL = rf"(?:[ ]*{POLITE})*+"
_AMOUNT = rf"(?:฿[ ]*)?(?:{_NUMBER})[ ]*{_UNIT}?(?!\s?(?:{CLASSIFIERS})|[\d/-])"
_CASH = r"(?:#\s*)?(?:(?:เก็บ|จ่าย|ชำระ|ส่ง|แบบ|เป็น|ขอ|เอา)*(?:เงิน|ตังค์|ตัง)?(?:สด)?[ ]?ปลายทาง|c\.?[ ]?o\.?[ ]?d\b\.?|(?:จ่าย|ชำระ)(?:เงิน|ตังค์|ตัง)?(?:สด)?(?:ตอน|เมื่อ)(?:ได้)?รับ(?:ของ|สินค้า)?|เก็บ(?:เงิน|ตัง|ตังค์)(?:สด)?(?:ตอนรับ|หน้าบ้าน))"
_NOT_CASH = re.compile(
    r"(?:ไม่(?:เอา|เก็บ|ใช่|รับ|ได้|มี)|มี|ได้)\s?(?:แบบ)?(?:เก็บ)?(?:เงิน)?ปลายทาง\S*|ปลายทาง(?:ได้)?(?:ไหม|มั้ย|ไม๊|หรือเปล่า|รึเปล่า)\S*"
)
CASH = re.compile(
    rf"(?P<lead>(?:#\s*|ยอด\s*|รวม\s*)?(?:{_AMOUNT})[ ]*)?(?P<word>{_CASH})(?P<rest>{_TAIL}(?:[ ]*(?:ยอด|รวม|จำนวน|ราคา|=|:|：|#|\()[ ]*)*(?:[ ]*(?P<sum>{_AMOUNT}))?\)?{_TAIL})",
    re.IGNORECASE,
)
TOTAL = re.compile(
    rf"(?:#\s*)?(?:รวม|ยอด|ราคา|ทั้งหมด|total|สุทธิ|เป็นเงิน)(?:รวม|ยอด|โอน|ชำระ|ทั้งหมด|ทั้งสิ้น|เป็นเงิน|ค่า|จัด|ส่ง|สินค้า|เก็บ|แล้ว|ปลายทาง|\d{{1,3}}\s?(?:{CLASSIFIERS})|[ ])*[:：=]?\s*{_AMOUNT}"
    rf"(?:\s*\+\s*(?:ค่า)?(?:จัด)?(?:ส่ง)?\s*{_AMOUNT})*(?:\s*=\s*{_AMOUNT})?(?:\s*(?:รวมส่ง|ส่งฟรี|รวมค่าส่ง))?{_TAIL}",
    re.IGNORECASE,
)
MONEY = re.compile(
    rf"(?<![\d/.A-Za-z])(?:#\s*)?(?:(?:ค่า(?:จัด)?ส่ง|ตัวละ|ชิ้นละ|อันละ|ชุดละ|@)\s*)?(?:฿\s*(?:{_NUMBER})|(?:{_NUMBER})\s*(?:บาท|บ\.|\.-|฿|thb\b|baht\b)){_TAIL}",
    re.IGNORECASE,
)
_FEE = re.compile(rf"(?:บวก)?ค่า(?:จัด)?ส่ง\s*[:=]?\s*(?:{_NUMBER})(?!\d)")
_BANKS = "กสิกร(?:ไทย)?|ไทยพาณิชย์|กรุงไทย|กรุงเทพ|กรุงศรี|ทหารไทย|ทีทีบี|ออมสิน|ธกส|ธ\\.ก\\.ส\\.|ยูโอบี|kbank|k-?bank|scb|ktb|bbl|bay|ttb|gsb|truemoney|ทรูมันนี่|พร้อมเพย์|promptpay|บัญชี|ธนาคาร"
TRANSFER = re.compile(
    rf"(?:#\s*)?(?:(?:จ่าย|ชำระ|ขอ|จะ|แบบ|พร้อม)*(?:โอน)(?:เงิน|ชำระ|จ่าย|เข้า|ผ่าน|ให้|ไป|มา|แล้ว|เรียบร้อย|ละ|\s|:|-)*(?:{_BANKS})?(?:แล้ว|เรียบร้อย|ให้|ละ|นะ|\s)*"
    rf"|(?:จ่าย|ชำระ)(?:เงิน|ตังค์)?(?:แล้ว|เรียบร้อย|ละ)+|(?:ส่ง|แนบ|แจ้ง)?(?:สลิป|slip)(?:โอน|แล้ว|ตามนี้|ด้านล่าง|ค่ะ|\s)*|(?:จ่าย|ชำระ)?(?:ผ่าน)?(?:พร้อมเพย์|promptpay|mobile\s?banking|bank\s?transfer|transfer(?![a-z])|สแกนจ่าย))"
    rf"{_TAIL}(?:\s*(?:ยอด|จำนวน)?\s*{_AMOUNT})?{_TAIL}",
    re.IGNORECASE,
)
_WHEN = re.compile(
    r"(?:เวลา\s*)?(?<!\d)\d{1,2}[:.]\d{2}(?::\d{2})?\s*(?:น\.?)?(?!\d)|(?:วันที่\s*)?(?<![\d/])\d{1,2}/\d{1,2}/\d{2,4}(?!\d)"
)
_BANK = re.compile(rf"(?<![ก-๙A-Za-z])(?:ธนาคาร|ธ\.)?\s?(?:{_BANKS})(?![ก-๙A-Za-z])", re.IGNORECASE)
TRANSFERRED = re.compile(
    r"(?:โอน|ชำระ|จ่าย)(?:เงิน|ตังค์|ยอด|ค่าของ|ค่าสินค้า|ให้|ไป|เข้า|\s)*(?:\S{0,12}\s?)?(?:แล้ว|เรียบร้อย|ละค่|ละนะ|ละจ้|ละคับ|ละครับ)|แจ้ง(?:การ)?(?:โอน|ชำระ)|(?:แนบ|ส่ง)\s?(?:สลิป|slip)",
    re.IGNORECASE,
)
_NOT_YET = re.compile(
    r"(?:จะ|ยังไม่|เดี๋ยว|ได้เมื่อไ|ยังไง|ที่ไหน|บัญชีไหน)\s?\S{0,8}โอน|โอน(?:ได้|ที่ไหน|ยังไง|เข้าบัญชีไหน|บัญชีไหน)(?:ไหม|มั้ย|คะ|ครับ)?|โอนเงินได้"
)

_TAX_ID = re.compile(
    r"(?P<label>(?:เลข(?:ประจำตัว)?(?:ที่)?(?:ผู้เสียภาษี(?:อากร)?|ภาษี|บัตร(?:ประชาชน)?|ประชาชน)|tax\s*id|taxid|id)\s*(?:no\.?)?\s*[:：.]?\s*)?(?P<digits>(?<![\d-])(?:[0-8]\d{12}|[0-8][ -]\d{4}[ -]\d{5}[ -]\d{2}[ -]\d)(?![\d-]))",
    re.IGNORECASE,
)
_TAX_ASKED = re.compile(
    rf"(?:รบกวน|ขอ|ออก|เอา|รับ|ต้องการ|พร้อม|เปิด)*\s*(?:ใบเสร็จ(?:รับเงิน)?\s*[/+และ]*\s*)?(?:ใบ)?กำกับ(?:ภาษี)?(?:เต็มรูป(?:แบบ)?|\s*/\s*ใบเสร็จ(?:รับเงิน)?)?\s*(?:ใน)?(?:นาม)?\s*(?:บุคคล(?:ธรรมดา)?|นิติบุคคล)?(?:ด้วย|ให้|หน่อย)?{_TAIL}|tax\s*invoice(?:\s*please)?",
    re.IGNORECASE,
)
_BRANCH = re.compile(
    r"\(?สาขา\s*(?:ที่|เลขที่)?\s*[:：.]?\s*(?P<no>\d{1,5})(?!\d)\)?|branch\s*(?:no\.?)?\s*(?P<en>\d{1,5})(?!\d)",
    re.IGNORECASE,
)
_HEAD = re.compile(r"\(?(?:สำนักงานใหญ่|สนญ\.?|head\s*office)\)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Paying:
    payment: str | None = None
    cod_amount: Decimal | None = None
    total: Decimal | None = None


def _last_number(text: str) -> Decimal | None:
    found = re.findall(_NUMBER, text)
    if not found:
        return None
    try:
        return Decimal(found[-1].replace(",", ""))
    except InvalidOperation:
        return None


def _ends_an_address(before: str, figures: str) -> bool:
    """Whether figures are the postcode of the place right before them and no money."""
    code, words = figures.strip(), before.split()
    if not re.fullmatch(r"[1-9]\d{4}", code) or not words:
        return False
    last = words[-1]
    city = last.rstrip(".ฯ") in {"กทม", "กรุงเทพ"}
    return any(a.province in last or a.district in last or (city and code[:2] == "10") for a in by_postcode(code))


def read_paying(canvas: Canvas) -> Paying:
    """The kind of payment and its figures, painted over. A question about COD chooses nothing."""
    canvas.paint_all(_NOT_CASH, Mark.GONE)
    canvas.paint_all(_NOT_YET, Mark.GONE)
    total = None
    at_door, amount = False, None
    for match in list(TOTAL.finditer(canvas.text)):
        total = _last_number(match[0])
    for match in list(CASH.finditer(canvas.text)):
        at_door = True
        lead = "" if _ends_an_address(canvas.text[: match.start()], match["lead"] or "") else match["lead"] or ""
        said = _last_number(match["sum"] or "") or _last_number(lead)
        cell = re.match(rf"\t(?P<sum>{_NUMBER})(?=\t|\n|$)", canvas.text[match.end() :])
        if said is None and cell:
            said = _last_number(cell["sum"])
            canvas.paint(match.end() + 1, match.end() + cell.end(), Mark.PAID)
        line = canvas.text[canvas.text.rfind("\n", 0, match.start()) + 1 :].split("\n", 1)[0]
        if said is None and (on_line := [*TOTAL.finditer(line), *MONEY.finditer(line)]):
            said = _last_number(on_line[0][0])
        amount = said or amount
        start = match.start("word") if match["lead"] and (match["sum"] or not lead) else match.start()
        canvas.paint(start, match.end(), Mark.PAID)
    canvas.paint_all(TOTAL, Mark.PAID)
    transferred = False
    for match in list(TRANSFER.finditer(canvas.text)):
        if len(match[0].strip()) > 2:
            transferred = True
            canvas.paint(match.start(), match.end(), Mark.PAID)
    canvas.paint_all(MONEY, Mark.PAID)
    canvas.paint_all(_FEE, Mark.PAID)
    if transferred:
        canvas.paint_all(_WHEN, Mark.PAID)
        canvas.paint_all(_BANK, Mark.PAID)
    if at_door:
        return Paying("cod", amount or total, total)
    return Paying("transfer" if transferred else None, None, total)


def read_invoice(canvas: Canvas) -> tuple[Invoice | None, bool]:
    """Who the tax invoice is for, painted over, and whether the message asks for one at all."""
    tax_id = branch = holder = None
    in_person = re.search(r"ใน(?:นาม)?บุคคล|นามบุคคล", canvas.text) is not None
    for match in list(_TAX_ID.finditer(canvas.text)):
        digits = re.sub(r"\D", "", match["digits"])
        if is_tax_id(digits) or match["label"]:
            tax_id = digits if is_tax_id(digits) else None
            canvas.paint(match.start(), match.end(), Mark.TAX)
            start = canvas.text.rfind("\n", 0, match.start()) + 1
            if match["label"] and start and not in_person and (named := person(canvas.text[start : match.start()])):
                holder = named
                canvas.paint(start, match.start(), Mark.TAX)
    asked = bool(canvas.paint_all(_TAX_ASKED, Mark.TAX))
    if not asked and tax_id is None:
        return None, False
    if place := _BRANCH.search(canvas.text):
        branch = (place["no"] or place["en"]).zfill(5)
        canvas.paint(place.start(), place.end(), Mark.TAX)
    elif office := _HEAD.search(canvas.text):
        branch = HEAD_OFFICE
        canvas.paint(office.start(), office.end(), Mark.TAX)
    name = None
    if not in_person and (firm := COMPANY.search(canvas.text)):
        name = firm[0].strip(" ,:;")
        canvas.paint(firm.start(), firm.end(), Mark.TAX)
    canvas.paint_all(re.compile(rf"(?:ใน)?นาม(?:ของ)?\s*(?=[{MARKS}])"), Mark.TAX)
    return Invoice(name or holder, tax_id, branch), True
