"""The matching screen: what it shows, what it refuses in words, and how few statements it costs."""

from __future__ import annotations

import pytest
from sqlalchemy import event, select

from oms import clock
from oms.actor import system
from oms.db import db, transaction
from oms.payments.models import PaymentClaim
from oms.payments.statement_models import StatementLine, StatementMatch
from oms.payments.states import LineStatus
from tests.usecases.statements import NOON, open_till
from tests.views.panel import Panel, make_logins


@pytest.fixture
def till(web):
    make_logins(web)
    with clock.at(NOON), transaction(system("test")) as tx:
        made = open_till(tx, system("till"))
        made.orders = [made.order((1, 1), phone=f"08{i}0000000", name=f"ลูกค้า {i}") for i in range(2)]
        made.first = made.line(200).id
        made.out = made.line(-15, "ค่าธรรมเนียม").id
        made.broken = made.line(77, broken=True).id
    return made


def english(web, role: str = "cashier") -> Panel:
    panel = Panel(web, role)
    panel.get("/language/en?next=/statements/")
    panel.get("/statements/")
    return panel


def line(line_id: int) -> StatementLine:
    return db.session.get(StatementLine, line_id, populate_existing=True)


def test_the_screen_shows_lines_candidates_and_the_break(web, till):
    with clock.at(NOON):
        page = english(web).get("/statements/").text
    assert "฿200.00" in page
    assert all(o.number in page for o in till.orders)
    assert "Balance breaks" in page
    assert 'data-key="u"' not in page


def test_a_match_goes_to_the_next_line_and_offers_to_undo(web, till):
    panel = english(web)
    order = till.orders[0].id
    fields = [("line", till.first), ("choice", f"orders:{order}")]
    answer = panel.post("/statements/confirm", fields, **{f"amount_{order}": "200.00", "next": till.out})
    assert answer.status_code == 303
    assert f"line={till.out}" in answer.location
    assert line(till.first).status is LineStatus.MATCHED
    page = panel.get(answer.location).text
    assert 'data-key="u"' in page
    shown = panel.get(f"/statements/?show=matched&line={till.first}").text
    assert "Made this money count" in shown
    answer = panel.post(f"/statements/{till.first}/undo")
    assert line(till.first).status in {LineStatus.AMBIGUOUS, LineStatus.SUGGESTED}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ([], "Choose a line of the statement first"),
        ([("line", "{first}")], "Choose what this line is"),
        ([("line", "{first}"), ("choice", "orders:{order}"), ("amount_{order}", "200.01")], "came in"),
        ([("line", "{first}"), ("choice", "orders:{order}"), ("amount_{order}", "x")], "is not an amount"),
        ([("line", "{first}"), ("choice", "orders:{order}"), ("amount_{order}", "")], "more than 0"),
        ([("line", "{first}"), ("choice", "orders:999999"), ("amount_999999", "1")], "There is no such order"),
        ([("line", "{out}"), ("choice", "orders:{order}"), ("amount_{order}", "15")], "can only be a refund"),
        ([("line", "{broken}"), ("choice", "orders:{order}"), ("amount_{order}", "77")], "say why you trust it"),
        ([("line", "{first}"), ("version_{first}", "99"), ("choice", "orders:{order}"), ("amount_{order}", "1")], "Someone else"),
        ([("line", "{first}"), ("choice", "claim:999999999999")], "no such payment"),
        ([("line", "{first}"), ("choice", "refund:1")], "cannot be a refund"),
        ([("line", "99999999999999999999"), ("choice", "orders:{order}")], "Choose a line"),
    ],
)  # fmt: skip
def test_a_refusal_is_a_sentence_on_the_page_and_nothing_changed(web, till, fields, words):
    ids = {"first": till.first, "order": till.orders[0].id, "out": till.out, "broken": till.broken}
    panel = english(web)
    answer = panel.post("/statements/confirm", [(n.format(**ids), str(v).format(**ids)) for n, v in fields])
    assert answer.status_code in {404, 409, 422}
    assert words in answer.text
    assert db.session.scalars(select(StatementMatch)).all() == []
    assert db.session.scalars(select(PaymentClaim)).all() == []


def test_a_line_is_ignored_with_a_reason_and_opened_again(web, till):
    panel = english(web)
    panel.post(f"/statements/{till.out}/ignore", kind="other")
    assert line(till.out).status is not LineStatus.IGNORED
    panel.post(f"/statements/{till.out}/ignore", kind="fee")
    assert (line(till.out).status, line(till.out).note) == (LineStatus.IGNORED, "Bank fee")
    panel.post(f"/statements/{till.out}/reopen")
    assert line(till.out).status is LineStatus.UNMATCHED


def test_everything_counted_already_is_ticked_off_at_once(web, till):
    with clock.at(NOON), transaction(system("test")):
        slips = [till.slip(till.order((i, 1), phone=f"09{i}0000000"), 100 * i + 100, verified=True) for i in (2, 3)]
        lines = [till.line(300).id, till.line(400).id]
    panel = english(web)
    with clock.at(NOON):
        assert "Tick off 2 counted already" in panel.get("/statements/").text
        panel.post("/statements/tick", [("line", i) for i in [*lines, till.first]])
    assert [line(i).status for i in lines] == [LineStatus.MATCHED] * 2
    assert line(till.first).status is not LineStatus.MATCHED
    assert len(slips) == 2


def test_orders_are_found_with_what_they_miss(web, till):
    found = Panel(web, "cashier").json("/statements/orders", q=till.orders[1].number)
    assert [(i["text"], i["missing"]) for i in found["items"]] == [(till.orders[1].number, "200.00")]


@pytest.mark.parametrize("role", ["sales", "warehouse", "viewer"])
def test_only_those_with_statements_see_the_screen(web, till, role):
    panel = Panel(web, role)
    assert panel.get("/statements/").status_code == 403
    panel.post(f"/statements/{till.out}/ignore", kind="fee")
    assert line(till.out).status is not LineStatus.IGNORED


def test_a_page_of_thirty_lines_costs_few_statements(web, till):
    with clock.at(NOON), transaction(system("test")):
        for i in range(40):
            till.line(200 + i % 3, look=False)
    panel = Panel(web, "owner")
    panel.get("/statements/")
    seen = []

    def note(_connection, _cursor, statement, *_rest):
        seen.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    panel.get("/statements/?show=all")
    event.remove(db.engine, "before_cursor_execute", note)
    assert len(seen) < 32, len(seen)


def test_lines_are_filtered_and_exported_alike(web, till):
    panel = english(web, "owner")
    assert "ค่าธรรมเนียม" not in panel.get("/statements/?q=200").text.split("st-list")[-1].split("st-side")[0]
    with panel.get("/export/statement_lines?format=csv&q=200") as answer:
        assert len(answer.data.decode("utf-8-sig").splitlines()) == 2
    assert "No line fits" in panel.get("/statements/?q=nothing-like-this").text
    assert panel.get("/statements/?from=99/99/9999&account=x&show=zzz&page=0").status_code == 200
