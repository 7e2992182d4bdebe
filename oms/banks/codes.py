"""Thai banks by their three-digit code, as slips, statements and payment files name them.

Codes of the Bank of Thailand. Public lists are known to swap 025 and 069 and to keep merged banks; this is the one list
the program reads. A wallet has no code of three digits; it gets one of ours that no bank can have.
"""

from __future__ import annotations

from dataclasses import dataclass

TRUEMONEY = "TMN"  # the wallet as a "sending bank"; its slips carry no bank code


@dataclass(frozen=True)
class Bank:
    """A bank or wallet that money comes from. ``short`` is what clerks say, ``thai`` what the panel shows."""

    code: str
    short: str
    english: str
    thai: str


_LISTED = (
    Bank("002", "BBL", "Bangkok Bank", "ธนาคารกรุงเทพ"),
    Bank("004", "KBANK", "Kasikornbank", "ธนาคารกสิกรไทย"),
    Bank("006", "KTB", "Krungthai Bank", "ธนาคารกรุงไทย"),
    Bank("008", "JPM", "JPMorgan Chase", "ธนาคารเจพีมอร์แกน เชส"),
    Bank("011", "TTB", "TMBThanachart Bank", "ธนาคารทหารไทยธนชาต"),
    Bank("014", "SCB", "Siam Commercial Bank", "ธนาคารไทยพาณิชย์"),
    Bank("017", "CITI", "Citibank", "ธนาคารซิตี้แบงก์"),
    Bank("018", "SMBC", "Sumitomo Mitsui Banking Corporation", "ธนาคารซูมิโตโม มิตซุย แบงกิ้ง คอร์ปอเรชั่น"),
    Bank("020", "SCBT", "Standard Chartered", "ธนาคารสแตนดาร์ดชาร์เตอร์ด"),
    Bank("022", "CIMBT", "CIMB Thai Bank", "ธนาคารซีไอเอ็มบี ไทย"),
    Bank("024", "UOBT", "United Overseas Bank (Thai)", "ธนาคารยูโอบี"),
    Bank("025", "BAY", "Bank of Ayudhya (Krungsri)", "ธนาคารกรุงศรีอยุธยา"),
    Bank("026", "MEGA", "Mega International Commercial Bank", "ธนาคารเมกะ สากลพาณิชย์"),
    Bank("027", "BOA", "Bank of America", "ธนาคารแห่งอเมริกา"),
    Bank("029", "IOB", "Indian Overseas Bank", "ธนาคารอินเดียนโอเวอร์ซีส์"),
    Bank("030", "GSB", "Government Savings Bank", "ธนาคารออมสิน"),
    Bank("031", "HSBC", "HSBC", "ธนาคารฮ่องกงและเซี่ยงไฮ้แบงกิ้งคอร์ปอเรชั่น"),
    Bank("032", "DB", "Deutsche Bank", "ธนาคารดอยซ์แบงก์"),
    Bank("033", "GHB", "Government Housing Bank", "ธนาคารอาคารสงเคราะห์"),
    Bank("034", "BAAC", "Bank for Agriculture and Agricultural Cooperatives", "ธนาคารเพื่อการเกษตรและสหกรณ์การเกษตร"),
    Bank("035", "EXIM", "Export-Import Bank of Thailand", "ธนาคารเพื่อการส่งออกและนำเข้าแห่งประเทศไทย"),
    Bank("039", "MIZUHO", "Mizuho Bank", "ธนาคารมิซูโฮ"),
    Bank("045", "BNPP", "BNP Paribas", "ธนาคารบีเอ็นพี พารีบาส์"),
    Bank("052", "BOC", "Bank of China (Thai)", "ธนาคารแห่งประเทศจีน (ไทย)"),
    Bank("065", "TBANK", "Thanachart Bank (now TTB)", "ธนาคารธนชาต (รวมกับทหารไทยแล้ว)"),
    Bank("066", "ISBT", "Islamic Bank of Thailand", "ธนาคารอิสลามแห่งประเทศไทย"),
    Bank("067", "TISCO", "TISCO Bank", "ธนาคารทิสโก้"),
    Bank("069", "KKP", "Kiatnakin Phatra Bank", "ธนาคารเกียรตินาคินภัทร"),
    Bank("070", "ICBC", "ICBC (Thai)", "ธนาคารไอซีบีซี (ไทย)"),
    Bank("071", "TCRB", "Thai Credit Bank", "ธนาคารไทยเครดิต"),
    Bank("073", "LHB", "Land and Houses Bank", "ธนาคารแลนด์ แอนด์ เฮ้าส์"),
    Bank("079", "ANZ", "ANZ Bank (Thai)", "ธนาคารเอเอ็นแซด (ไทย)"),
    Bank("080", "SMTB", "Sumitomo Mitsui Trust Bank (Thai)", "ธนาคารซูมิโตโม มิตซุย ทรัสต์ (ไทย)"),
    Bank("098", "SME", "SME D Bank", "ธนาคารพัฒนาวิสาหกิจขนาดกลางและขนาดย่อม"),
    Bank(TRUEMONEY, "TrueMoney", "TrueMoney Wallet", "ทรูมันนี่ วอลเล็ท"),
)  # fmt: skip
BANKS: dict[str, Bank] = {bank.code: bank for bank in _LISTED}
_BY_NAME = {
    name.upper(): bank
    for bank in _LISTED
    for name in (bank.short, bank.english, bank.thai, bank.thai.removeprefix("ธนาคาร"))
} | {
    "KASIKORN": BANKS["004"], "KRUNGTHAI": BANKS["006"], "TMB": BANKS["011"], "KRUNGSRI": BANKS["025"],
    "TRUEMONEY WALLET": BANKS[TRUEMONEY], "TRUE MONEY": BANKS[TRUEMONEY],
}  # fmt: skip


def find_bank(text: str) -> Bank | None:
    """The bank of a code (``004``, also ``4``) or name (``KBANK``, ``กสิกรไทย``); None when there is no such bank."""
    written = text.strip().upper()
    if written.isascii() and written.isdecimal():
        return BANKS.get(written.zfill(3))
    return BANKS.get(written) or _BY_NAME.get(written)


def bank_name(code: str, written: str, language: str) -> str:
    """What readers of a language call the bank of this code; as somebody wrote it in Thai, and where the list does not
    know the code."""
    bank = find_bank(code) if language == "en" and code else None
    return bank.english if bank else written


def bank_short(code: str) -> str:
    """KBANK for 004; the code itself when it is not in the list."""
    bank = find_bank(code)
    return bank.short if bank else code
