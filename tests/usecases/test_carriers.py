"""Carriers kept in the panel: nine to begin with, limits checked, keys that go in and never come out."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import select, text

from oms import clock
from oms.carriers.catalogue import CATALOGUE
from oms.carriers.names import carrier_name
from oms.carriers.port import CarrierKeys, CarrierRefused, CarrierSilent
from oms.carriers.registry import ADAPTERS
from oms.db import Tx
from oms.errors import Conflict, Forbidden, Refused, say
from oms.money import Money
from oms.sealing import Sealer
from oms.shipping.carrier_models import Carrier
from oms.usecases.carrier_health import health, note_answer, note_asking, record_trial, troubled, waits
from oms.usecases.carriers import (
    CarrierFacts,
    Connection,
    connect_carrier,
    create_carrier,
    edit_carrier,
    open_connection,
    reach,
    renew_hook,
)
from oms.usecases.masters import Edit
from oms.usecases.resealing import CARRIERS, reseal
from tests.usecases.refusals import last_audit, refused

SEALER = Sealer([Fernet.generate_key().decode()])
FACTS = CarrierFacts(
    code="scg", name="SCG Express", services=(("std", "ส่งปกติ"), ("cold", "แช่เย็น")),
    tracking_url="https://example.com/t/{number}", number_pattern=r"\d{12}", cod_allowed=True,
    cod_limit=Money(Decimal(30000)), max_weight_grams=25_000, cut_off="16.30", phone="1234",
)  # fmt: skip
KEYS = Connection("flash", options={"merchant": "AA0005"}, secrets={"api_key": "sesame"})


def carrier(tx, code: str) -> Carrier:
    tx.session.flush()
    tx.session.expire_all()
    return tx.session.scalars(select(Carrier).where(Carrier.code == code)).one()


def seen(tx, code: str = "flash") -> Edit:
    row = carrier(tx, code)
    return Edit(row.id, row.version)


def test_the_nine_carriers_of_the_country_are_there_from_the_start(tx):
    rows = {c.code: c for c in tx.session.scalars(select(Carrier))}
    assert set(rows) >= {"thaipost", "flash", "jt", "kex", "spx", "dhl", "ninjavan", "best", "lalamove"}
    assert len({c.hook_token for c in rows.values()}) == len(rows)
    for row in rows.values():
        assert carrier_name(row.name) == row.name  # what files and people write comes to stand as this
        assert row.adapter == "" or row.adapter in ADAPTERS
        assert row.services
        assert row.secrets == b""
    assert rows["flash"].link("TH01") == "https://www.flashexpress.com/fle/tracking?se=TH01"
    assert rows["lalamove"].link("X") == ""


def test_a_carrier_is_made_and_changed_over_the_version_seen(tx):
    saved = create_carrier(tx, FACTS)
    row = carrier(tx, "scg")
    assert (row.cut_off, row.services[1]) == ("16:30", {"code": "cold", "name": "แช่เย็น"})
    assert edit_carrier(tx, Edit(saved.id, row.version), FACTS).changed is False
    assert edit_carrier(tx, Edit(saved.id, row.version), replace(FACTS, cod_limit=None, name="other")).changed
    row = carrier(tx, "scg")
    assert (row.cod_limit, row.name) == (None, "SCG Express")
    assert last_audit(tx).before == {"cod_limit": "30000.00"}
    with pytest.raises(Conflict):
        edit_carrier(tx, Edit(saved.id, 1), FACTS)


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"code": "1x"}, "code", "carrier_code"),
        ({"code": "flash"}, "code", "taken"),
        ({"name": "แฟลช"}, "name", "taken"),
        ({"name": " "}, "name", "missing"),
        ({"services": (("a", "A"), ("a", "B"))}, "services", "service_twice"),
        ({"tracking_url": "http://example.com/{number}"}, "tracking_url", "tracking_url"),
        ({"tracking_url": "https://example.com/"}, "tracking_url", "tracking_url"),
        ({"number_pattern": "(a"}, "number_pattern", "number_pattern"),
        ({"number_pattern": "(a+)+"}, "number_pattern", "number_pattern"),
        ({"cod_limit": Money(Decimal(0))}, "cod_limit", "cod_limit"),
        ({"max_weight_grams": 0}, "max_weight_grams", "number_range"),
        ({"cut_off": "25:00"}, "cut_off", "cut_off"),
    ],
)
def test_what_cannot_be_kept_is_refused_on_its_field(tx, change, field, code):
    with refused(tx, code, field, Carrier):
        create_carrier(tx, replace(FACTS, **change))


def test_only_who_may_keep_carriers_does(tx, actor):
    for verb in (
        lambda t: create_carrier(t, FACTS),
        lambda t: edit_carrier(t, Edit(1, 1), FACTS),
        lambda t: connect_carrier(t, Edit(1, 1), KEYS, SEALER),
        lambda t: renew_hook(t, 1),
        lambda t: open_connection(t, 1, SEALER),
        lambda t: record_trial(t, 1, None),
    ):
        with pytest.raises(Forbidden):
            verb(Tx(tx.session, actor("warehouse")))


def test_keys_are_sealed_and_told_to_nobody(tx):
    flash = carrier(tx, "flash")
    connect_carrier(tx, seen(tx), KEYS, SEALER)
    assert (last_audit(tx).action, last_audit(tx).after["secrets"]) == ("carrier.connected", ["api_key"])
    flash = carrier(tx, "flash")
    reached = reach(flash, SEALER)
    assert (reached.host, reached.settings["api_key"]) == (ADAPTERS["flash"].host, "sesame")
    assert "sesame" not in repr(reached)
    assert "sesame" not in repr(KEYS)
    stored = json.dumps([tuple(map(str, r)) for r in tx.session.execute(text("SELECT * FROM carriers"))])
    trail = json.dumps([tuple(map(str, r)) for r in tx.session.execute(text("SELECT * FROM audit_log"))])
    assert "sesame" not in stored + trail


def test_another_address_asks_for_the_keys_again(tx):
    carrier(tx, "flash")
    connect_carrier(tx, seen(tx), KEYS, SEALER)
    empty = replace(KEYS, secrets={})
    assert connect_carrier(tx, seen(tx), empty, SEALER).changed is False  # left empty: kept
    with refused(tx, "missing", "api_key"):
        connect_carrier(tx, seen(tx), replace(empty, host="https://evil.example"), SEALER)
    with refused(tx, "host_plain", "host"):
        connect_carrier(tx, seen(tx), replace(KEYS, host="http://flash.example"), SEALER)
    with refused(tx, "missing", "merchant"):
        connect_carrier(tx, seen(tx), replace(KEYS, options={}), SEALER)
    with refused(tx, "carrier_adapter", "adapter"):
        connect_carrier(tx, seen(tx), replace(KEYS, adapter="pigeon"), SEALER)
    assert reach(carrier(tx, "flash"), SEALER).settings["api_key"] == "sesame"


def test_the_second_address_of_the_post_asks_for_the_keys_again_too(tx):
    carrier(tx, "thaipost")
    keys = Connection("thaipost", secrets={"api_key": "long-token"})
    connect_carrier(tx, seen(tx, "thaipost"), keys, SEALER)
    moved = Connection("thaipost", options={"hook_host": "https://evil.example"})
    with refused(tx, "missing", "api_key"):
        connect_carrier(tx, seen(tx, "thaipost"), moved, SEALER)


def test_a_carrier_let_go_forgets_its_keys(tx):
    flash = carrier(tx, "flash")
    connect_carrier(tx, seen(tx), KEYS, SEALER)
    connect_carrier(tx, seen(tx), Connection(""), SEALER)
    flash = carrier(tx, "flash")
    assert (flash.adapter, flash.secrets, flash.options) == ("", b"", {})
    with pytest.raises(Refused):
        reach(flash, SEALER)


def test_a_new_key_of_the_installation_seals_everything_anew(tx):
    carrier(tx, "flash")
    connect_carrier(tx, seen(tx), KEYS, SEALER)
    new = Sealer([Fernet.generate_key().decode()])
    with pytest.raises(Refused):
        reach(carrier(tx, "flash"), new)
    assert reseal(tx, SEALER, CARRIERS) == 1
    connect_carrier(tx, seen(tx), replace(KEYS, secrets={"api_key": "anew"}), new)  # entered again: mended
    assert reach(carrier(tx, "flash"), new).settings["api_key"] == "anew"


def test_an_address_for_webhooks_can_be_made_anew(tx):
    flash = carrier(tx, "flash")
    old, token = flash.hook_token, renew_hook(tx, flash.id)
    assert len(token) >= 43
    assert carrier(tx, "flash").hook_token == token != old
    assert token not in str(last_audit(tx).after)


def test_a_silent_carrier_is_left_alone_for_a_while_and_then_asked_once(tx):
    flash = carrier(tx, "flash")
    connect_carrier(tx, seen(tx), KEYS, SEALER)
    silent = CarrierSilent(say("no"), raw_code="timeout")
    for _ in range(4):
        note_answer(tx, flash.id, silent)
    assert waits(carrier(tx, "flash"), clock.now()) is None
    note_answer(tx, flash.id, silent)
    row = carrier(tx, "flash")
    assert waits(row, clock.now()) is not None
    assert [c.code for c, _ in troubled(tx.session)] == ["flash"]
    table = Carrier.__table__
    tx.session.execute(table.update().values(closed_until=clock.now() - timedelta(seconds=1)))
    note_asking(tx, carrier(tx, "flash"))
    assert waits(carrier(tx, "flash"), clock.now()) is not None  # others wait for the probe
    version = carrier(tx, "flash").version
    note_answer(tx, flash.id, CarrierRefused(say("no such province"), raw_code="1005"))  # it works, it says no
    row = carrier(tx, "flash")
    assert (row.failures, row.closed_until, row.version) == (0, None, version)
    assert health(row, clock.now()).tone == "ok"


def test_keys_that_are_not_accepted_stop_the_carrier_until_somebody_mends_them(tx):
    flash = carrier(tx, "flash")
    connect_carrier(tx, seen(tx), KEYS, SEALER)
    note_answer(tx, flash.id, CarrierKeys(say("no"), raw_code="1002", raw_text="signature"))
    note_answer(tx, flash.id, CarrierKeys(say("no"), raw_code="1002", raw_text="signature"))
    row = carrier(tx, "flash")
    assert (row.stopped, row.last_error, health(row, clock.now()).trouble) == ("settings", "keys: 1002 signature", True)
    assert tx.session.scalar(text("SELECT count(*) FROM audit_log WHERE action = 'carrier.stopped'")) == 1
    record_trial(tx, flash.id, None)
    assert carrier(tx, "flash").stopped == ""
    assert not troubled(tx.session)


def test_what_the_migration_put_in_is_what_the_catalogue_knows(tx):
    rows = {c.code: c for c in tx.session.scalars(select(Carrier))}
    for code, known in CATALOGUE.items():
        row = rows[code]
        assert (row.name, row.tracking_url, row.adapter) == (known.name, known.tracking_url, known.adapter)
        assert row.number_pattern == known.number_pattern
        assert (row.max_weight_grams, row.max_side_cm, row.max_girth_cm) == (
            known.max_weight_grams, known.max_side_cm, known.max_girth_cm,
        )  # fmt: skip
        assert {s["code"] for s in row.services} == {s.code or "std" for s in known.services}
