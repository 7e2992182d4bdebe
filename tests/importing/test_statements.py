"""Statement files: every line counts once, whichever file brings it, and a file that is not whole is refused."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from sqlalchemy import select

from oms import clock
from oms.actor import system
from oms.db import db, transaction
from oms.intake.states import IntakeKind, RunStatus
from oms.money import Money
from oms.payments.models import ReceivingAccount
from oms.payments.statement_models import StatementLine
from oms.payments.states import LineStatus
from tests.importing.conftest import Desk, counts
from tests.importing.test_formats import NOW
from tests.samples import statements as bank


@pytest.fixture(autouse=True)
def _today():
    with clock.at(NOW):
        yield


@pytest.fixture
def till(desk: Desk) -> Desk:
    """The desk, with a KBank account, an SCB account and a wallet."""
    with transaction(system("test")) as tx:
        tx.session.add_all([
            ReceivingAccount(code="KB", bank="กสิกรไทย", account_no=bank.ACCOUNT, account_name="รวมมิตร"),
            ReceivingAccount(code="SCB", bank="SCB", account_no="111-2-22222-3", account_name="รวมมิตร"),
        ])  # fmt: skip
    return desk


def take(till: Desk, rows, account: str = "KB", **facts):
    return till.take(rows, kind=IntakeKind.STATEMENT, account_code=account, **facts)


def check(till: Desk, rows, account: str = "KB", **facts):
    return till.check(rows, kind=IntakeKind.STATEMENT, account_code=account, **facts)


def lines() -> list[StatementLine]:
    statement = select(StatementLine).order_by(StatementLine.booked_at, StatementLine.id)
    return list(db.session.scalars(statement.execution_options(populate_existing=True)))


def test_a_dry_run_writes_nothing_and_the_commit_gives_its_result(till: Desk):
    run = check(till, bank.kbank(bank.transfers(12)))
    assert (run.status, run.planned["created"], lines()) == (RunStatus.CHECKED, 12, [])
    assert run.findings["lines"] == 12
    run = till.commit(run.id)
    assert (counts(run), run.format, run.written == run.planned) == ({"created": 12}, "kbank", True)
    first = lines()[0]
    assert (first.amount, first.balance, first.status) == (
        Money.satang(10000),
        Money.satang(110000),
        LineStatus.UNMATCHED,
    )
    assert (first.payer_name, first.payer_account) == ("นางสาว กนกวรรณ แก้วใส", "5200")


@pytest.mark.parametrize("code", bank.MAKERS)
def test_every_bank_goes_all_the_way_and_again_adds_nothing(till: Desk, code):
    with transaction(system("test")) as tx:
        tx.session.add(
            ReceivingAccount(code="X", bank=bank.BANKS[code], account_no=bank.ACCOUNT, account_name="รวมมิตร")
        )
    rows = bank.MAKERS[code](bank.transfers(11))
    run = take(till, rows, "X")
    assert (run.format, counts(run)) == (code, {"created": 11})
    assert counts(take(till, rows, "X")) == {"unchanged": 11}
    assert counts(take(till, bank.as_csv(rows, "cp874"), "X")) == {"unchanged": 11}
    assert len(lines()) == 11


def test_overlapping_files_add_only_what_is_new(till: Desk):
    sent = bank.transfers(30)
    opening = bank.balances(sent)[9]
    assert counts(take(till, bank.kbank(sent[:20]))) == {"created": 20}
    assert counts(take(till, bank.kbank(sent[10:], opening=opening))) == {"created": 10, "unchanged": 10}
    assert counts(take(till, bank.kbank(sent))) == {"unchanged": 30}
    assert sum(n.amount.in_satang for n in lines()) == sum(round(t.baht * 100) for t in sent)


def test_rows_in_any_order_are_the_same_lines(till: Desk):
    rows = bank.kbank(bank.transfers(25))
    take(till, rows)
    mixed = rows[9:]
    random.Random(5).shuffle(mixed)
    assert counts(take(till, rows[:9] + mixed)) == {"unchanged": 25}


def test_two_identical_true_transfers_both_count_and_a_second_file_adds_nothing(till: Desk):
    twice = [bank.Transfer(bank.START, 500.0), bank.Transfer(bank.START, 500.0)]
    for maker in (bank.kbank_biz, bank.kbank_biz):
        take(till, maker(twice))
    assert [(n.amount, n.occurrence, n.status) for n in lines()] == [
        (Money.satang(50000), 1, LineStatus.UNMATCHED), (Money.satang(50000), 2, LineStatus.UNMATCHED),
    ]  # fmt: skip


def test_a_file_that_was_cut_between_two_identical_lines_is_made_whole_by_the_next(till: Desk):
    one = bank.Transfer(bank.START, 500.0)
    later = bank.Transfer(bank.START + timedelta(minutes=3), 70.0)
    assert counts(take(till, bank.kbank_biz([one]))) == {"created": 1}
    assert counts(take(till, bank.kbank_biz([one, one, later]))) == {"created": 2, "unchanged": 1}
    assert counts(take(till, bank.kbank_biz([one, later]))) == {"unchanged": 2}
    assert [n.occurrence for n in lines()] == [1, 2, 1]


def test_the_same_transfers_from_another_kind_of_file_are_duplicates_with_a_link(till: Desk):
    sent = [*bank.transfers(6), bank.Transfer(bank.START, 100.0)]
    sent.sort(key=lambda t: t.at)
    take(till, bank.kbank_biz(sent))
    run = take(till, bank.kbank(sent))
    assert counts(run) == {"created": 7}
    assert {code for _, code in till.problems(run.id)} == {"line_twin"}
    found = lines()
    copies = [n for n in found if n.status is LineStatus.DUPLICATE]
    assert len(copies) == len({n.duplicate_of for n in copies}) == 7
    live = [n for n in found if n.status is not LineStatus.DUPLICATE]
    assert sum(n.amount.in_satang for n in live) == sum(round(t.baht * 100) for t in sent)
    assert counts(take(till, bank.kbank(sent))) == {"unchanged": 7}


def test_a_line_whose_words_the_bank_changed_is_the_same_transfer(till: Desk):
    sent = bank.transfers(5)
    take(till, bank.kbank(sent))
    changed = [*sent[:2], bank.Transfer(sent[2].at, sent[2].baht, "นาย ชื่อเต็ม", "5202"), *sent[3:]]
    assert counts(take(till, bank.kbank(changed))) == {"created": 1, "unchanged": 4}
    assert [n.status for n in lines()].count(LineStatus.DUPLICATE) == 1


def test_a_broken_balance_is_named_by_line_and_kept_on_the_line(till: Desk):
    rows = bank.scb(bank.transfers(10), account="111-2-22222-3")
    rows[4][12] = "9,000.00"
    run = take(till, rows, "SCB")
    assert till.problems(run.id) == [(5, "balance_break")]
    assert run.findings["breaks"] == {"5": -889700}
    assert [n.balance_breaks for n in lines()] == [False] * 3 + [True] + [False] * 6
    assert counts(run) == {"created": 10}


def test_the_statement_of_another_account_is_refused_with_a_sentence(till: Desk):
    for rows in (
        bank.kbank(bank.transfers(5), account="222-2-22222-2"),
        bank.scb(bank.transfers(5), account="999-9-99999-9"),
    ):
        run = check(till, rows)
        assert (run.status, run.refusal["code"]) == (RunStatus.REFUSED, "statement_account")
        assert "KB (098-7-65264-3)" in run.refusal["facts"]["account"]
    assert lines() == []


def test_the_sheet_of_the_chosen_account_is_found_in_a_workbook(till: Desk, tmp_path):
    import xlsxwriter

    path = tmp_path / "ktb.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        for name, number, count in (("a", "555-5-55555-5", 3), ("b", bank.ACCOUNT, 4)):
            sheet = book.add_worksheet(name)
            for r, row in enumerate(bank.ktb(bank.transfers(count), account=number)):
                for c, cell in enumerate(row):
                    sheet.write_string(r, c, cell)
    run = take(till, path.read_bytes(), name="ktb.xlsx")
    assert (run.format, counts(run)) == ("ktb", {"created": 4})
    path = bank.write_ktb_book(tmp_path / "numbers.xlsx", bank.transfers(4))
    assert counts(take(till, path.read_bytes(), name="numbers.xlsx")) == {"unchanged": 4}


def test_half_a_file_is_refused_and_nothing_is_taken_in(till: Desk):
    rows = bank.kbank(bank.transfers(20))
    run = check(till, rows[:-8])
    assert (run.status, run.refusal["code"]) == (RunStatus.REFUSED, "statement_totals")
    whole = bank.as_csv(rows, "cp874")
    run = check(till, whole[: len(whole) * 2 // 3])
    assert run.status is RunStatus.REFUSED
    assert lines() == []


def test_lines_of_another_account_in_the_same_file_are_rejected_and_counted(till: Desk):
    rows = bank.scb(bank.transfers(6), account="111-2-22222-3")
    rows[3][0] = "9999999999"
    run = take(till, rows, "SCB")
    assert counts(run) == {"created": 5, "rejected": 1}
    assert till.problems(run.id) == [(4, "statement_account"), (5, "balance_break")]


def test_a_bad_cell_waits_and_goes_in_when_it_is_mended(till: Desk):
    from oms.importing import quarantine

    rows = bank.scb(bank.transfers(4), account="111-2-22222-3")
    rows[2][12] = "1O1.00"
    run = take(till, rows, "SCB")
    assert counts(run) == {"created": 3, "quarantined": 1}
    assert till.problems(run.id) == [(3, "money_text")]  # no break is seen behind a row that was not read
    with till.unit() as tx:
        done = quarantine.mend_and_release(tx, quarantine.MendItem(run.id, 2, {3: {12: "101.00"}}))
    assert (done.released, done.waiting) == (1, 0)
    assert len(lines()) == 4


def test_any_other_file_goes_in_by_a_saved_map(till: Desk):
    from oms.usecases import intake

    with till.unit() as tx:
        columns = {"date": "when", "amount": "sum", "detail": "who"}
        intake.save_column_map(tx, intake.SaveColumnMap("mine", IntakeKind.STATEMENT, columns, {"era": "be"}))
    rows = [["who", "sum", "when"], ["a", "12.00", "18/11/69"], ["b", "-5.00", "19/11/69"]]
    run = take(till, rows, map_name="mine")
    assert counts(run) == {"created": 2}
    assert [f"{clock.local(n.booked_at):%Y-%m-%d}" for n in lines()] == ["2026-11-18", "2026-11-19"]


def test_no_account_no_file(till: Desk):
    from oms.errors import InvalidInput

    with pytest.raises(InvalidInput) as refusal:
        check(till, bank.kbank(bank.transfers(2)), account="")
    assert refusal.value.detail_code == "account_missing"


def test_a_cashier_takes_statements_in_and_no_orders(till: Desk, actor):
    from oms.errors import Forbidden

    till.actor = actor("cashier")
    assert counts(take(till, bank.kbank(bank.transfers(3)))) == {"created": 3}
    with pytest.raises(Forbidden):
        till.check(bank.kbank(bank.transfers(3)))
    till.actor = actor("sales")
    with pytest.raises(Forbidden):
        check(till, bank.kbank(bank.transfers(3)))


def test_what_the_bank_said_cannot_be_changed(till: Desk):
    from sqlalchemy import text
    from sqlalchemy.exc import DBAPIError

    take(till, bank.kbank(bank.transfers(3)))
    for change in ("amount = amount + 1", "booked_at = now()", "description = 'x'", "account_id = account_id + 1"):
        savepoint = db.session.begin_nested()
        with pytest.raises(DBAPIError, match="never changed"):
            db.session.execute(text(f"UPDATE statement_lines SET {change}"))
        savepoint.rollback()
    db.session.execute(text("UPDATE statement_lines SET note = 'seen'"))
