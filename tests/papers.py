"""A seller for tests of documents, registered for VAT or not. Facts only, no assertions."""

from __future__ import annotations

from oms.db import Tx
from oms.documents.parties import Buyer
from oms.usecases.documents_setup import SaveBranch, SaveCompany, save_branch, save_company

TAX_ID = "0003560000025"
FULL = Buyer("บริษัท ตัวอย่างผู้ซื้อ จำกัด", "0005560000019", "00002", "9 ถนนสีลม แขวงสีลม เขตบางรัก กรุงเทพมหานคร 10500")


def seller(tx: Tx, *, vat: bool = True, branches: bool = True, **facts: object) -> None:
    """Enter the company and its head office."""
    words: dict[str, object] = {
        "name": "บริษัท รวมค้าออนไลน์ จำกัด", "name_en": "Ruam Trading Co., Ltd.", "tax_id": TAX_ID,
        "is_vat_registered": vat, "phone": "02-000-1111", "email": "bill@example.test",
        "site_url": "https://panel.example.test", "footer": "ขอบคุณที่อุดหนุน",
    }  # fmt: skip
    save_company(tx, SaveCompany(**(words | facts)))
    if branches:
        save_branch(tx, SaveBranch("00000", "99/9 ถนนรัชดาภิเษก แขวงดินแดง เขตดินแดง กรุงเทพมหานคร 10400", name=""))
    tx.session.flush()
