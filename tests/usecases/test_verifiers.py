"""Accounts at slip verifiers: what is stored of their secrets, what an edit may do with them, keys that change."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from sqlalchemy import select, text

from oms import clock
from oms.audit import AuditLog
from oms.banks.verifiers.port import Answer, Quota
from oms.db import Tx
from oms.errors import Conflict, Forbidden, InvalidInput, Refused
from oms.outbox import Outbox
from oms.payments.models import ReceivingAccount
from oms.payments.slip_models import Slip, VerifierAccount
from oms.payments.states import CheckOutcome, SlipKind, SlipStatus
from oms.sealing import Sealer
from oms.usecases.masters import Edit
from oms.usecases.resealing import VERIFIERS, reseal
from oms.usecases.slips_verify import TOPIC
from oms.usecases.verifiers import (
    VerifierFacts,
    create_verifier,
    edit_verifier,
    health,
    open_settings,
    record_trial,
    troubled,
)
from tests.usecases.refusals import last_audit, refused

SEALER = Sealer(["first key"])
KEY = "SECRET-key-0123456789"
FACTS = VerifierFacts("slipok", "SlipOK", options={"branch_id": "77"}, secrets={"api_key": KEY})


def made(tx: Tx, **facts: object) -> VerifierAccount:
    return tx.session.get_one(VerifierAccount, create_verifier(tx, replace(FACTS, **facts), SEALER).id)


def again(row: VerifierAccount) -> Edit:
    return Edit(row.id, row.version)


def dump(tx: Tx) -> str:
    """Every text and byte of every table that could hold a secret."""
    found = []
    for table in ("verifier_accounts", "audit_log", "outbox", "slip_checks"):
        found += [str(tuple(r)) for r in tx.session.execute(text(f"SELECT t.*, to_jsonb(t)::text FROM {table} t"))]
    found += [bytes(r[0]).decode("latin-1") for r in tx.session.execute(select(VerifierAccount.secrets))]
    return "\n".join(found)


def test_a_dump_of_the_database_holds_no_secret(tx):
    row = made(tx)
    edit_verifier(tx, again(row), replace(FACTS, secrets={"api_key": "OTHER-key-987654321"}), SEALER)
    tx.session.flush()
    everything = dump(tx)
    assert "77" in everything
    assert KEY not in everything
    assert "OTHER-key" not in everything
    assert open_settings(tx, row.id, SEALER).settings == {"branch_id": "77", "api_key": "OTHER-key-987654321"}


def test_what_carries_secrets_does_not_print_them(tx):
    row = made(tx)
    assert KEY not in repr(FACTS)
    assert KEY not in repr(open_settings(tx, row.id, SEALER))


def test_the_audit_says_which_secrets_changed_and_never_what(tx):
    row = made(tx)
    assert last_audit(tx).after["secrets"] == ["api_key"]
    edit_verifier(tx, again(row), replace(FACTS, name="Slips", secrets={"api_key": "new"}), SEALER)
    entry = last_audit(tx)
    assert entry.action == "verifier.changed"
    assert entry.after == {"name": "Slips", "secrets": ["api_key"]}


def test_a_secret_left_empty_stays(tx):
    row = made(tx)
    edit_verifier(tx, again(row), replace(FACTS, name="Slips", secrets={}), SEALER)
    assert open_settings(tx, row.id, SEALER).settings["api_key"] == KEY


def test_nothing_changed_writes_nothing(tx):
    row = made(tx)
    last = last_audit(tx).id
    assert not edit_verifier(tx, again(row), replace(FACTS, host=row.host, secrets={}), SEALER).changed
    assert last_audit(tx).id == last


def test_stored_secrets_never_follow_to_another_address(tx):
    row = made(tx)
    elsewhere = replace(FACTS, host="https://evil.example/api", secrets={})
    with refused(tx, "missing", "api_key"):
        edit_verifier(tx, again(row), elsewhere, SEALER)
    with refused(tx, "missing", "api_key"):
        edit_verifier(tx, again(row), replace(elsewhere, host="https://api.slipok.com:444/api/line/apikey"), SEALER)
    edit_verifier(tx, again(row), replace(elsewhere, secrets={"api_key": "entered"}), SEALER)
    assert open_settings(tx, row.id, SEALER).settings["api_key"] == "entered"


@pytest.mark.parametrize(
    ("facts", "field", "code"),
    [
        ({"provider": "nobody"}, "provider", "verifier_provider"),
        ({"name": " "}, "name", "missing"),
        ({"host": "http://api.slipok.com"}, "host", "host_plain"),
        ({"host": "slipok"}, "host", "host"),
        ({"options": {}}, "branch_id", "missing"),
        ({"secrets": {}}, "api_key", "missing"),
        ({"secrets": {"api_key": "with space"}}, "api_key", "secret_text"),
        ({"account_id": 424242}, "account_id", "account_unknown"),
    ],
)
def test_what_cannot_be_used_is_refused_on_its_field(tx, facts, field, code):
    with refused(tx, code, field, VerifierAccount):
        create_verifier(tx, replace(FACTS, **facts), SEALER)


def test_two_verifiers_have_two_names(tx):
    made(tx)
    with refused(tx, "taken", "name", VerifierAccount):
        create_verifier(tx, FACTS, SEALER)


def test_an_old_form_is_a_conflict(tx):
    row = made(tx)
    old = again(row)
    edit_verifier(tx, again(row), replace(FACTS, name="Slips", secrets={}), SEALER)
    with pytest.raises(Conflict):
        edit_verifier(tx, old, replace(FACTS, name="Older", secrets={}), SEALER)


def test_counting_does_not_make_an_open_form_old(tx):
    row = made(tx)
    old = again(row)
    record_trial(tx, row.id, Quota(41))
    assert edit_verifier(tx, old, replace(FACTS, name="Slips", secrets={}), SEALER).changed


@pytest.mark.parametrize("role", ["sales", "cashier", "warehouse", "accountant", "viewer"])
def test_only_who_keeps_the_shop_touches_verifiers(tx, actor, role):
    row = made(tx)
    clerk = replace(tx, actor=actor(role))
    for act in (
        lambda: create_verifier(clerk, FACTS, SEALER),
        lambda: edit_verifier(clerk, again(row), FACTS, SEALER),
        lambda: open_settings(clerk, row.id, SEALER),
        lambda: record_trial(clerk, row.id, Quota(1)),
    ):
        with pytest.raises(Forbidden):
            act()


def test_a_new_key_is_put_in_front_everything_sealed_anew_and_the_old_one_taken_away(tx):
    row = made(tx)
    both = Sealer(["second key", "first key"])
    assert open_settings(tx, row.id, both).settings["api_key"] == KEY
    assert reseal(tx, both, VERIFIERS) == 1
    tx.session.expire_all()
    assert open_settings(tx, row.id, Sealer(["second key"])).settings["api_key"] == KEY
    with pytest.raises(Refused) as refusal:
        open_settings(tx, row.id, SEALER)
    assert refusal.value.detail_code == "sealed"


def test_secrets_no_key_opens_are_mended_by_entering_them_again(tx):
    row = made(tx)
    stranger = Sealer(["another installation"])
    with pytest.raises(Refused):
        edit_verifier(tx, again(row), replace(FACTS, name="Slips", secrets={}), stranger)
    tx.session.expire_all()
    edit_verifier(tx, again(row), FACTS, stranger)
    assert open_settings(tx, row.id, stranger).settings["api_key"] == KEY


def test_an_optional_certificate_stays_when_only_the_secret_is_new(tx):
    scb = VerifierFacts("scb", "SCB", options={"application_key": "k"}, secrets={"application_secret": "s"})
    row = tx.session.get_one(VerifierAccount, create_verifier(tx, scb, SEALER).id)
    row.secrets = SEALER.seal({"application_secret": "s", "certificate_key": "kept"})
    tx.session.flush()
    edit_verifier(tx, again(row), replace(scb, secrets={"application_secret": "t"}), SEALER)
    assert SEALER.open(row.secrets) == {"application_secret": "t", "certificate_key": "kept"}


def test_a_certificate_that_is_none_is_refused_before_it_is_stored(tx):
    facts = VerifierFacts(
        "scb", "SCB", options={"application_key": "k"},
        secrets={"application_secret": "s", "certificate": "no", "certificate_key": "no"},
    )  # fmt: skip
    with pytest.raises(InvalidInput) as refusal:
        create_verifier(tx, facts, SEALER)
    assert refusal.value.field == "certificate"


def waiting_slip(tx: Tx) -> int:
    slip = Slip(
        status=SlipStatus.WAITING, kind=SlipKind.SLIP, sending_bank="004", reference="R1", sha256="0" * 64,
        uploaded_label="test",
    )  # fmt: skip
    tx.session.add(slip)
    tx.session.flush()
    return slip.id


def owed(tx: Tx) -> list[dict]:
    rows = tx.session.scalars(select(Outbox.payload).where(Outbox.topic == TOPIC).order_by(Outbox.id))
    return [json.loads(json.dumps(p)) for p in rows]


def test_slips_that_wait_are_asked_about_once_a_verifier_is_there_or_mended(tx):
    slip_id = waiting_slip(tx)
    row = made(tx)
    assert owed(tx) == [{"slip_id": slip_id}]
    record_trial(tx, row.id, Answer(CheckOutcome.REFUSED, code="1002", message="wrong key"))
    tx.session.expire_all()
    assert row.stopped == "settings"
    assert len(owed(tx)) == 1
    edit_verifier(tx, again(row), replace(FACTS, secrets={"api_key": "right"}), SEALER)
    assert row.stopped == ""
    assert len(owed(tx)) == 2


def test_a_try_ends_a_stop_only_when_something_is_left_to_ask(tx):
    row = made(tx)
    for left, stopped in ((0, "quota"), (40, "")):
        record_trial(tx, row.id, Quota(left))
        assert (row.stopped, row.quota_left) == (stopped, left)


def test_health_says_what_a_person_can_do(tx):
    now = clock.now()
    row = made(tx)
    assert str(health(row, now).line) == "Not tried yet"
    record_trial(tx, row.id, Quota(1000))
    assert (health(row, now).tone, troubled(tx.session)) == ("ok", [])
    for result, words in (
        (Quota(9), "Only 9 checks left"),
        (Quota(0), "Stopped: no checks left in the package"),
        (Answer(CheckOutcome.REFUSED, code="1002"), "Stopped: the service does not accept our settings"),
    ):
        record_trial(tx, row.id, result)
        assert [(n, str(h.line)) for n, h in troubled(tx.session)] == [("SlipOK", words)]
    account = ReceivingAccount(code="a", bank="SCB", account_no="1", account_name="x")
    tx.session.add(account)
    tx.session.flush()
    edit_verifier(tx, again(row), replace(FACTS, account_id=account.id, is_active=False, secrets={}), SEALER)
    assert str(health(row, now).line) == "Switched off"
    assert not troubled(tx.session)


def test_every_action_leaves_an_audit_row(tx):
    row = made(tx)
    record_trial(tx, row.id, Quota(5))
    record_trial(tx, row.id, Answer(CheckOutcome.UNAVAILABLE, code="timeout"))
    actions = tx.session.scalars(
        select(AuditLog.action).where(AuditLog.subject_type == "verifier").order_by(AuditLog.id)
    )
    assert list(actions) == ["verifier.created", "verifier.tested", "verifier.tested"]
