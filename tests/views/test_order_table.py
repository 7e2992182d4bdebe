"""The generated list of orders keeps to the same rows and rights as the order screens."""

from __future__ import annotations

from tests.views.test_orders_web import people, place, shop  # noqa: F401  fixtures


def test_the_table_lists_filters_searches_and_opens_the_orders_page(people, place):  # noqa: F811
    one, other = place((0, 2), tags=("x",)), place(confirm=True)
    manager = people("manager")
    assert manager.get("/orders/table/list/").count("<tr") >= 3
    assert "฿200.00" in manager.get("/orders/table/list/?f_board_is=draft")
    assert "฿200.00" not in manager.get("/orders/table/list/?f_board_is=waiting_payment")
    assert "฿200.00" in manager.get("/orders/table/list/?q=กนกวรรณ")
    answer = manager.open(f"/orders/table/show/{one}")
    assert (answer.status_code, answer.location) == (302, f"/orders/{one}")
    assert other != one


def test_people_who_may_not_see_amounts_can_neither_read_nor_filter_them(people, place):  # noqa: F811
    place((0, 2))
    keeper = people("warehouse")
    page = keeper.get("/orders/table/list/?f_total_from=1000")
    assert "200.00" not in page
    assert page.count("<tr") >= 2, "the filter on an amount is not applied"
