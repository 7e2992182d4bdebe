"""Rate tables kept in the panel: the closest one counts, a fee says how it came about, nothing is guessed."""

from __future__ import annotations

from decimal import Decimal

import pytest
from sqlalchemy import select, update

from oms.carriers.fees import Rates, RateTable, Step
from oms.carriers.zones import Zone
from oms.catalog.models import Sku
from oms.db import Tx
from oms.errors import Conflict, Forbidden, InvalidInput
from oms.money import Money
from oms.shipping.carrier_models import Carrier, FeeTable
from oms.usecases.carrier_choice import SetChoice, set_choice
from oms.usecases.fees import FeeFacts, ProposeFee, create_fee_table, edit_fee_table, propose_fee, table_for
from oms.usecases.masters import Edit
from tests.shop import SmallShop, small_shop
from tests.usecases.refusals import last_audit, refused


def baht(amount: int | str) -> Money:
    return Money(Decimal(amount))


def table(price: int = 40, **facts) -> RateTable:
    steps = Rates((Step(1000, baht(price)), Step(5000, baht(price * 2))), baht(15))
    return RateTable({Zone.PROVINCE: steps}, cod_percent=Decimal(3), **facts)


@pytest.fixture
def shop(tx) -> SmallShop:
    made = small_shop(tx)
    tx.session.execute(update(Sku).values(weight_g=400))
    return made


def test_a_fee_is_proposed_with_how_it_came_about(tx, shop):
    assert propose_fee(tx, ProposeFee(shop.line, {shop.skus[0]: 1}, "50210")) is None
    create_fee_table(tx, FeeFacts("ปกติ", table(remote_extra=baht(50))))
    found, fee = propose_fee(tx, ProposeFee(shop.line, {shop.skus[0]: 2, shop.skus[1]: 1}, "50250", baht(1000)))
    assert (found.name, fee.total) == ("ปกติ", baht(80 + 50 + 30))
    assert [str(line.why) for line in fee.lines] == [
        "Provinces, 1.2 kg", "Remote place 50250", "COD 3% of 1,000.00",
    ]  # fmt: skip


def test_the_closest_table_counts(tx, shop):
    flash = tx.session.scalars(select(Carrier.id).where(Carrier.code == "flash")).one()
    set_choice(tx, SetChoice(flash, shop_id=shop.line))
    for name, place in (("all", {}), ("flash", {"carrier_id": flash}), ("line", {"shop_id": shop.line})):
        create_fee_table(tx, FeeFacts(name, table(), **place))
        tx.session.flush()
    assert table_for(tx.session, shop.line).name == "line"
    create_fee_table(tx, FeeFacts("both", table(), shop.line, flash))
    assert table_for(tx.session, shop.line).name == "both"
    assert table_for(tx.session, shop.shopee).name == "all"


def test_a_weight_that_is_missing_is_said_and_never_guessed(tx, shop):
    create_fee_table(tx, FeeFacts("ปกติ", table()))
    tx.session.execute(update(Sku).where(Sku.id == shop.skus[1]).values(weight_g=0))
    for pieces, postcode in (({shop.skus[0]: 1, shop.skus[1]: 1}, "50210"), ({shop.skus[0]: 1}, "")):
        with pytest.raises(InvalidInput) as caught:
            propose_fee(tx, ProposeFee(shop.line, pieces, postcode))
        assert caught.value.detail_code == "fee_unknown"


def test_tables_are_kept_by_who_keeps_carriers_and_over_the_version_seen(tx, shop, actor):
    saved = create_fee_table(tx, FeeFacts("ปกติ", table()))
    with refused(tx, "fees_twice", "shop_id", FeeTable):
        create_fee_table(tx, FeeFacts("อีกตาราง", table()))
    with refused(tx, "taken", "name", FeeTable):
        create_fee_table(tx, FeeFacts("ปกติ", table(), shop.line))
    with refused(tx, "missing", "name", FeeTable):
        create_fee_table(tx, FeeFacts(" ", table(), shop.line))
    create_fee_table(tx, FeeFacts("เก่า", table(), is_active=False))
    assert edit_fee_table(tx, Edit(saved.id, 1), FeeFacts("ปกติ", table())).changed is False
    assert edit_fee_table(tx, Edit(saved.id, 1), FeeFacts("ปกติ", table(45))).changed
    assert last_audit(tx).action == "fees.changed"
    with pytest.raises(Conflict):
        edit_fee_table(tx, Edit(saved.id, 1), FeeFacts("ปกติ", table(50)))
    with pytest.raises(Forbidden):
        create_fee_table(Tx(tx.session, actor("sales")), FeeFacts("x", table()))
    with pytest.raises(Forbidden):
        propose_fee(Tx(tx.session, actor("warehouse")), ProposeFee(shop.line, {}, "50210"))
