"""Statements of every bank become the same lines of money, and what is wrong with a file is named."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from oms import clock
from oms.banks.statements import forms
from oms.banks.statements.balance import breaks
from oms.banks.statements.head import read_head, same_account
from oms.banks.statements.payer import name_key, payer_of
from oms.banks.statements.reader import Reader, moment, signed
from oms.errors import InvalidInput
from oms.intake.records import RawRow
from oms.money import Money
from tests.samples import statements as bank

NOW = datetime(2026, 11, 24, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _today():
    with clock.at(NOW):
        yield


def read(rows, bank_name: str = "", form=None):
    """(form, lines, problems, carried balance) of rows, as the importer finds them."""
    place = next(i for i, r in enumerate(rows) if forms.detect(r, bank_name)) if form is None else form[1]
    found = forms.detect(rows[place], bank_name) if form is None else form[0]
    reader = Reader(found, forms.find_columns(found, rows[place]))
    lines, problems, opening = [], [], None
    for number, cells in enumerate(rows[place + 1 :], start=place + 2):
        row = RawRow(number, cells)
        if carried := reader.no_line(row):
            opening = opening or carried.balance
            continue
        line, wrong = reader.read(row)
        problems += wrong
        if line:
            lines.append(line)
    return found, lines, problems, opening


@pytest.mark.parametrize("code", bank.MAKERS)
def test_every_bank_tells_the_same_transfers(code):
    sent = bank.transfers(12)
    found, lines, problems, _ = read(bank.MAKERS[code](sent), bank.BANKS[code])
    assert (found.code, problems) == (code, [])
    told = sorted(lines, key=lambda n: (n.booked_at, n.line))
    assert [n.amount for n in told] == [Money.satang(round(t.baht * 100)) for t in sent]
    for line, transfer in zip(told, sent, strict=True):
        local = clock.local(line.booked_at)
        assert local.date() == transfer.at.date()
        assert line.has_time is (code != "bbl")
        if line.has_time:
            assert (local.hour, local.minute) == (transfer.at.hour, transfer.at.minute)
        assert transfer.digits in line.description
    if code not in {"kbank_biz", "truemoney"}:
        assert [n.balance for n in told] == [Money.satang(round(b * 100)) for b in bank.balances(sent)]
    assert breaks(lines, Money.satang(100_000)) == {}


@pytest.mark.parametrize("code", bank.MAKERS)
def test_a_form_is_known_without_the_name_of_the_bank_or_read_as_another(code):
    """Two banks may use the same headings; then the lines are the same all the same."""
    sent = bank.transfers(7)
    _, lines, problems, _ = read(bank.MAKERS[code](sent))
    assert (len(lines), problems) == (7, [])
    assert sum(n.amount.in_satang for n in lines) == sum(round(t.baht * 100) for t in sent)


def test_the_head_of_a_statement_names_the_account_and_its_totals():
    sent = bank.transfers(10)
    head = read_head(bank.kbank(sent)[:8])
    assert head.accounts == (bank.ACCOUNT,)
    assert (head.withdrawals.count, head.deposits.count) == (2, 8)
    assert head.deposits.amount == Money.satang(round(sum(t.baht for t in sent if t.baht > 0) * 100))
    assert head.closing == Money.satang(round(bank.balances(sent)[-1] * 100))
    for code in ("kbank_biz", "ktb", "bbl", "bay", "ttb", "gsb"):
        assert read_head(bank.MAKERS[code](sent)[:6]).accounts == (bank.ACCOUNT,), code


@pytest.mark.parametrize(
    ("written", "same"),
    [
        ("098-7-65264-3", True), ("0987652643", True), ("XXX-X-X5264-3", True), ("xxx-x-65264-x", True), ("X2643", True),
        ("098-7-65264-4", False), ("XXX-X-X5265-3", False), ("111-1-11111-1", False), ("", True), ("X9999", False),
    ],
)  # fmt: skip
def test_an_account_number_with_hidden_digits_is_compared_by_the_digits_shown(written, same):
    assert same_account(written, bank.ACCOUNT) is same


def test_the_running_balance_holds_in_any_order_of_the_file():
    sent = bank.transfers(40)
    _, lines, _, opening = read(bank.kbank(sent), "KBank")
    assert opening == Money.satang(100_000)
    assert breaks(lines, opening) == {}
    assert breaks(lines[::-1], opening) == {}
    shuffled = list(lines)
    random.Random(3).shuffle(shuffled)
    assert breaks(shuffled, opening) == {}


def test_lines_of_one_day_without_times_follow_one_another_by_their_balances():
    sent = bank.transfers(30)
    _, lines, _, opening = read(bank.bbl(sent), "bbl")
    assert breaks(lines, opening) == {}
    assert breaks(lines[::-1], opening) == {}


def test_each_break_of_the_balance_is_named_by_its_line():
    rows = bank.kbank(bank.transfers(20))
    rows[14][6] = "9,999.00"  # an amount somebody changed
    del rows[20]  # a line somebody took out
    _, lines, _, opening = read(rows, "KBank")
    assert sorted(breaks(lines, opening)) == [15, 21]


def test_times_and_days_are_read_as_banks_write_them():
    for day, time, era, told in (
        ("18-11-26", "09:02", "ce", "2026-11-18T09:02"),
        ("18/11/69", "09.02", "auto", "2026-11-18T09:02"),
        ("18/11/2569", "", "auto", "2026-11-18T00:00"),
        ("2026-11-18 09:02:11", "", "ce", "2026-11-18T09:02"),
        ("18 พ.ย. 2569", "09:02 น.", "auto", "2026-11-18T09:02"),
        ("18/11/2026", "9:02 PM", "auto", "2026-11-18T21:02"),
        ("46344", "0.3763888889", "auto", "2026-11-18T09:02"),
        ("18-11-26", "18-11-26", "ce", "2026-11-18T00:00"),
    ):
        value, has_time = moment(day, time, era)
        assert clock.local(value).strftime("%Y-%m-%dT%H:%M") == told
        assert has_time is not told.endswith("00:00")
    with pytest.raises(InvalidInput):
        moment("18/12/2026", "", "auto")


def test_amounts_keep_their_sign():
    for text, told in (("1,250.00", 125000), ("-12.50", -1250), ("(12.50)", -1250), ("12.50 DR", -1250), ("+5", 500),
                       ("12.50 CR", 1250), ("890.-", 89000), ("−3", -300)):  # fmt: skip
        assert signed(text) == Money.satang(told), text


def test_a_bad_cell_is_named_and_the_row_is_no_line():
    rows = bank.scb(bank.transfers(4))
    rows[1][5], rows[2][12], rows[3][11], rows[4][12] = "32/13/2026", "abc", "5.00", "0.00"
    _, lines, problems, _ = read(rows, "SCB")
    assert [(p.line, p.column, p.code) for p in problems] == [
        (2, "Date", "date_range"), (3, "Deposit", "money_text"), (4, "Deposit", "amount_both"), (5, "Deposit", "amount_zero"),
    ]  # fmt: skip
    assert lines == []


def test_any_other_file_is_read_by_a_saved_map():
    form = forms.mapped({"date": "day", "deposit": "plus", "withdrawal": "minus", "detail": "text"}, {"era": "ce"})
    rows = [["text", "plus", "minus", "day"], ["hello", "10", "", "18-11-26"], ["bye", "", "4.5", "18-11-26"]]
    _, lines, problems, _ = read(rows, form=(form, 0))
    assert problems == []
    assert [(n.amount.in_satang, n.description) for n in lines] == [(1000, "hello"), (-450, "bye")]


def test_two_identical_lines_have_one_key_and_another_balance_another_one():
    sent = [bank.Transfer(bank.START, 100.0), bank.Transfer(bank.START, 100.0)]
    _, with_balance, _, _ = read(bank.kbank(sent), "KBank")
    _, without, _, _ = read(bank.kbank_biz(sent), "KBank")
    assert len({n.mark(1) for n in with_balance}) == 2
    assert len({n.mark(1) for n in without}) == 1
    assert without[0].mark(1) != without[0].mark(2)


def test_the_payer_is_found_in_the_words_of_the_bank():
    for words, name, digits in (
        ("รับโอนเงิน · จาก X5264 นางสาว กนกวรรณ แก้วใส++ · K PLUS", "กนกวรรณแก้วใส", "5264"),
        ("รับโอนจาก SCB x1234 นาย ธนพล ศรีสุข", "ธนพลศรีสุข", "1234"),
        ("Transfer from KBANK X-9876 MR PIYA BOO+++", "piyaboo", "9876"),
        ("ค่าธรรมเนียม", "", ""),
    ):
        payer = payer_of(words)
        assert (payer.key, payer.digits) == (name, digits), words
    assert name_key("น.ส. อรทัย ทองดี") == name_key("อรทัย  ทองดี")


def test_a_month_of_lines_is_checked_quickly():
    sent = [bank.Transfer(bank.START - timedelta(days=20) + timedelta(seconds=i * 30), 100.0) for i in range(5000)]
    _, lines, _, opening = read(bank.bbl(sent), "bbl")
    assert breaks(lines, opening) == {}
