"""Files as they come: every way to be broken gets a sentence, everything else is read without losing a digit."""

from __future__ import annotations

import io
import resource
import subprocess
import sys
import zipfile
from datetime import datetime
from pathlib import Path

import openpyxl
import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from oms.importing.tabular import SPOILED, FileRefused, Limits, find_header, open_tables
from oms.importing.tabular.guard import MB
from tests.samples import marketplaces as market


def read(path: Path, name: str = "", **limits) -> list[list[str]]:
    [table] = open_tables(path, name or path.name, Limits(**limits))
    return [cells for _, cells in table.rows()]


def drain(path: Path, name: str, **limits) -> None:
    for table in open_tables(path, name or path.name, Limits(**limits)):
        list(table.rows())


def refusal(path: Path, name: str = "", **limits) -> str:
    with pytest.raises(FileRefused) as caught:
        drain(path, name, **limits)
    assert str(caught.value)
    return caught.value.detail_code


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-8", "cp874", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_text_is_read_in_every_encoding_thai_excel_writes(tmp_path, encoding, delimiter):
    rows = [["หมายเลขคำสั่งซื้อ", "ชื่อ", "เบอร์"], ["00123", "รถ, เรือ\nเกวียน", "0812345678"], ["2", "น้ำ", "021234567"]]
    path = market.write_csv(tmp_path / "a.csv", rows, encoding, delimiter)
    assert read(path) == rows


def test_a_short_thai_word_in_cp874_is_not_taken_for_a_foreign_letter(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("a,b\nรถ,1\n".encode("cp874"))
    assert b"\xc3\xb6".decode() == "รถ".encode("cp874").decode()
    assert read(path)[1] == ["รถ", "1"]


def test_emoji_and_latin_letters_stay_utf8(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("a,b\ncafé 😀,1\n".encode())
    assert read(path)[1] == ["café 😀", "1"]


def test_two_encodings_in_one_file_are_refused_with_the_line(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("หัว,b\nสวัสดี,1\n".encode() + "ไทย,2\n".encode("cp874"))
    with pytest.raises(FileRefused, match="Line 3") as caught:
        read(path)
    assert caught.value.detail_code == "file_encoding"


def test_a_semicolon_file_with_excels_own_separator_line_is_understood(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"sep=;\r\na;b\r\n1,5;2\r\n")
    assert read(path) == [["a", "b"], ["1,5", "2"]]


def test_the_marks_that_guard_a_cell_from_a_spreadsheet_are_taken_off(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('a,b,c\n"=""0812""",\'=SUM(A1),\'plain\n')
    assert read(path)[1] == ["0812", "=SUM(A1)", "'plain"]


def test_line_numbers_count_lines_inside_cells(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('a,b\n"one\ntwo",1\nx,2\n')
    [table] = open_tables(path, "a.csv")
    assert [line for line, _ in table.rows()] == [1, 2, 4]


def test_a_quotation_mark_that_never_closes_is_named_with_its_line(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('a,b\n1,2\n"three,4\n5,6\n')
    with pytest.raises(FileRefused, match="line 3") as caught:
        read(path)
    assert caught.value.detail_code == "file_quotes"


def test_an_empty_file_a_web_page_and_a_picture_are_refused(tmp_path):
    path = tmp_path / "a.csv"
    for content, code in [
        (b"", "file_empty"),
        (b"<html><table><tr><td>1</td></tr></table></html>", "file_web_page"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20, "file_not_text"),
    ]:
        path.write_bytes(content)
        assert refusal(path) == code


def test_a_file_of_200_megabytes_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "big.csv"
    with path.open("wb") as out:
        out.truncate(200 * MB)
    with pytest.raises(FileRefused, match="200 MB; at most 150 MB"):
        open_tables(path, "big.csv")


def test_numbers_dates_and_texts_of_a_workbook_keep_their_digits(tmp_path):
    path = tmp_path / "a.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        sheet = book.add_worksheet()
        day = book.add_format({"num_format": "dd/mm/yyyy"})
        thai = book.add_format({"num_format": "[$-D07041E]ว ดดดด ปปปป"})
        text = book.add_format({"num_format": "@"})
        sheet.write_row(0, 0, ["a", "b", "c", "d", "e", "f", "g", "h"])
        sheet.write_string(1, 0, "0001234", text)
        sheet.write_number(1, 1, 1590)
        sheet.write_number(1, 2, 0.1 + 0.2)
        sheet.write_number(1, 3, 5801234567890123456)
        sheet.write_datetime(1, 4, datetime(2026, 11, 3), day)
        sheet.write_datetime(1, 5, datetime(2026, 11, 3, 13, 45), thai)
        sheet.write_boolean(1, 6, True)
        sheet.write_formula(1, 7, "=1+1", None, 2)
        sheet.write_string(3, 2, "  ห่าง  ")
    assert read(path)[1:] == [
        ["0001234", "1590", "0.3", f"{SPOILED}5801234567890123776", "2026-11-03", "2026-11-03 13:45:00", "TRUE", "2"],
        ["", "", "ห่าง"],
    ]


def test_a_workbook_written_by_another_program_reads_the_same(tmp_path):
    """openpyxl writes inline and shared texts, dates and gaps its own way."""
    path = tmp_path / "a.xlsx"
    book = openpyxl.Workbook()
    book.active.append(["ชื่อ", "วันที่", "ยอด"])
    book.active.append(["น้ำ", datetime(2026, 1, 2, 3, 4), 12.5])
    book.active["F9"] = "ไกล"
    book.save(path)
    assert read(path) == [["ชื่อ", "วันที่", "ยอด"], ["น้ำ", "2026-01-02 03:04:00", "12.5"], ["", "", "", "", "", "ไกล"]]


def test_hidden_sheets_are_passed_over_and_headings_found_below_notes(tmp_path):
    path = tmp_path / "a.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        first, second = book.add_worksheet("จริง"), book.add_worksheet("ซ่อน")
        second.hide()
        for row in range(7):
            first.write_string(row, 0, "หมายเหตุ")
        first.write_row(7, 0, ["เลขที่", "รหัส", "จำนวน"])
    [table] = open_tables(path, "a.xlsx")
    assert find_header(table, lambda cells: cells.count("รหัส"), 1) == (8, ["เลขที่", "รหัส", "จำนวน"])
    assert find_header(table, lambda cells: cells.count("ไม่มี"), 1) is None


def test_a_workbook_cut_in_half_is_refused(tmp_path):
    whole = market.write_xlsx(tmp_path / "a.xlsx", market.shopee(market.samples(50)))
    cut = tmp_path / "cut.xlsx"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    assert refusal(cut) == "file_damaged"


def test_a_workbook_with_one_flipped_byte_is_refused_not_misread(tmp_path):
    whole = market.write_xlsx(tmp_path / "a.xlsx", market.shopee(market.samples(50)))
    data = bytearray(whole.read_bytes())
    with zipfile.ZipFile(io.BytesIO(bytes(data))) as archive:
        at = archive.getinfo("xl/worksheets/sheet1.xml").header_offset + 400
    data[at] ^= 0x55
    whole.write_bytes(bytes(data))
    assert refusal(whole) == "file_damaged"


def test_an_archive_that_is_no_workbook_and_a_renamed_file_are_refused(tmp_path):
    path = tmp_path / "a.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("word/document.xml", "<x/>")
    assert refusal(path) == "file_not_excel"
    path.write_bytes(b"order,sku\n1,2\n")
    assert refusal(path) == "file_not_excel"
    assert read(path, "renamed.csv") == [["order", "sku"], ["1", "2"]]


def test_a_password_and_an_old_excel_file_are_named(tmp_path):
    path = tmp_path / "a.xlsx"
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600 + "EncryptedPackage".encode("utf-16-le"))
    assert refusal(path) == "file_password"
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600)
    assert refusal(path, "a.xls") == "file_old_excel"


def _bomb(path: Path, sheet: bytes, repeat: int) -> None:
    market.write_xlsx(path, [["a", "b"], ["1", "2"]])
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            if name.endswith("sheet1.xml"):
                with archive.open(name, "w") as out:
                    for _ in range(repeat):
                        out.write(sheet)
            else:
                archive.writestr(name, content)


def test_a_zip_bomb_posing_as_a_workbook_is_not_opened(tmp_path):
    path = tmp_path / "bomb.xlsx"
    _bomb(path, b" " * MB, 64)
    assert path.stat().st_size < MB
    assert refusal(path) == "file_bomb"


def test_an_archive_that_lies_about_its_size_is_refused(tmp_path):
    path = tmp_path / "liar.xlsx"
    _bomb(path, b"<!-- x -->" * 1000, 300)
    data = bytearray(path.read_bytes())
    real = (3_000_000).to_bytes(4, "little")
    while (at := data.find(real)) >= 0:
        data[at : at + 4] = (2000).to_bytes(4, "little")
    path.write_bytes(bytes(data))
    assert refusal(path) == "file_damaged"


def test_entity_definitions_in_a_workbook_are_refused(tmp_path):
    path = tmp_path / "lol.xlsx"
    _bomb(path, b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><worksheet>&b;</worksheet>', 1)
    assert refusal(path) == "file_bomb"


def test_a_cell_in_the_last_corner_of_a_sheet_takes_no_memory(tmp_path):
    path = tmp_path / "corner.xlsx"
    _bomb(
        path, b'<worksheet><sheetData><row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData></worksheet>', 1
    )
    assert refusal(path) == "file_too_wide"
    _bomb(path, b'<worksheet><sheetData><row r="9999999"><c r="A9999999"><v>1</v></c></row></sheetData></worksheet>', 1)
    assert refusal(path) == "file_too_long"


def test_ten_thousand_rows_are_read_in_flat_memory(tmp_path):
    path = tmp_path / "big.xlsx"
    with xlsxwriter.Workbook(str(path), {"constant_memory": True}) as book:
        sheet = book.add_worksheet()
        for row in range(10_000):
            sheet.write_row(row, 0, [f"ค่า {row} {column}" for column in range(20)])
    code = (
        "import resource,sys; from pathlib import Path; from oms.importing.tabular import open_tables;"
        "base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss;"
        "n = sum(1 for t in open_tables(Path(sys.argv[1]), 'a.xlsx') for _ in t.rows());"
        "print(n, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    rows, grown = map(int, done.stdout.split())
    assert rows == 10_000
    assert grown < (25 * 1024 if sys.platform == "linux" else 25 * MB), "kilobytes on Linux, bytes on macOS"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > 0


CELL = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=12).map(str.strip).filter(
    lambda t: t[:1] not in {"=", "'"}
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(CELL, min_size=3, max_size=3), min_size=1, max_size=6))
def test_what_is_written_as_csv_or_workbook_is_read_back(tmp_path_factory, body):
    folder = tmp_path_factory.mktemp("t")
    rows = [["ก", "ข", "ค"], *[row for row in body if any(row)]]
    assert read(market.write_csv(folder / "a.csv", rows)) == rows
    again = [row + [""] * (3 - len(row)) for row in read(market.write_xlsx(folder / "a.xlsx", rows))]
    assert again == rows
