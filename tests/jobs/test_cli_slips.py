"""``oms read-slip``."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from PIL import Image

from jobs.cli import oms
from tests.samples import slips

KEYS = ["file", "kind", "sending_bank", "reference", "crc_ok"]


@pytest.fixture
def run(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")  # it must not be asked for

    def call(*files):
        done = CliRunner().invoke(oms, ["read-slip", *map(str, files)])
        return done.exit_code, [json.loads(line) for line in done.stdout.splitlines()]

    return call


def test_one_line_per_file_in_order_with_the_agreed_keys(run, tmp_path):
    slip = slips.Slip("014", "202401011a2B3c4D5e6F7g8H9")
    (tmp_path / "slip.txt").write_bytes(slips.jpeg(slips.draw(slip)))  # the name does not matter
    pay = slips.qr_picture(slips.transfer(slips.read_target("0812345678")), 8)
    (tmp_path / "pay.png").write_bytes(slips.saved(pay, "PNG"))
    (tmp_path / "cat.jpg").write_bytes(slips.jpeg(Image.new("RGB", (300, 300), "orange")))
    files = [tmp_path / n for n in ("slip.txt", "pay.png", "cat.jpg")]
    status, lines = run(*files)
    assert status == 0
    assert [list(line) for line in lines] == [KEYS] * 3
    assert lines == [
        {
            "file": str(files[0]),
            "kind": "slip",
            "sending_bank": "014",
            "reference": "202401011a2B3c4D5e6F7g8H9",
            "crc_ok": True,
        },
        {"file": str(files[1]), "kind": "payment_qr", "sending_bank": None, "reference": None, "crc_ok": True},
        {"file": str(files[2]), "kind": "none", "sending_bank": None, "reference": None, "crc_ok": None},
    ]


def test_a_wrong_checksum_is_told(run, tmp_path):
    text = slips.Slip().code.replace("ATF00999", "ATF00998")
    (tmp_path / "forged.png").write_bytes(slips.saved(slips.qr_picture(text), "PNG"))
    status, [line] = run(tmp_path / "forged.png")
    assert (status, line["kind"], line["reference"], line["crc_ok"]) == (0, "slip", "015073144041ATF00998", False)


def test_what_is_no_picture_has_an_error_and_the_others_are_still_read(run, tmp_path):
    (tmp_path / "note.png").write_text("not a picture")
    (tmp_path / "slip.jpg").write_bytes(slips.jpeg(slips.draw(slips.Slip())))
    status, lines = run(tmp_path / "note.png", tmp_path / "missing.jpg", tmp_path, tmp_path / "slip.jpg")
    assert status == 1
    assert [line["kind"] for line in lines] == ["none", "none", "none", "slip"]
    assert [list(line) for line in lines] == [[*KEYS, "error"]] * 3 + [KEYS]
    assert "no picture" in lines[0]["error"]


def test_the_slip_of_a_pdf_counts_on_whichever_page_it_is(run, tmp_path):
    (tmp_path / "slips.pdf").write_bytes(slips.pdf_of(Image.new("RGB", (600, 800), "white"), slips.draw(slips.Slip())))
    status, [line] = run(tmp_path / "slips.pdf")
    assert (status, line["kind"], line["sending_bank"]) == (0, "slip", "004")
