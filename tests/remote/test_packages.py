"""Packages: the same bytes whoever writes them; what was changed, cut or meant for others is refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from oms.errors import InvalidInput
from oms.remote import packages
from oms.remote.packages import Kind, Message, Package, Way, canonical, seal, sign, unseal

AT = datetime(2026, 11, 28, 1, 2, 3, tzinfo=UTC)
SECRET = "ของลับ"


def package(**facts) -> Package:
    base = {
        "site": "bkk", "way": Way.IN, "seq": 1, "previous": "", "have": 0, "created_at": AT,
        "messages": (Message("m1", Kind.PICKED, AT, {"shipment": "SH69-000001", "ชื่อ": "กนกวรรณ"}),),
    }  # fmt: skip
    return Package(**(base | facts))


def test_what_is_sealed_is_read_again_the_same():
    made = seal(package(), SECRET)
    read = unseal(made.data, SECRET, "bkk", Way.IN)
    assert (read.package, read.sha256) == (package(), made.sha256)
    assert packages.reread(made.data) == package()


def test_the_order_of_keys_and_blanks_do_not_matter_to_the_checksum():
    made = seal(package(), SECRET)
    spread = json.dumps(dict(reversed(json.loads(made.data).items())), indent=2).encode()
    assert unseal(spread, SECRET, "bkk", Way.IN).sha256 == made.sha256


def altered(change) -> bytes:
    outer = json.loads(seal(package(), SECRET).data)
    change(outer)
    return json.dumps(outer).encode()


def signed(change) -> bytes:
    """A package whose writer knows the secret but not the rules."""
    outer = json.loads(seal(package(), SECRET).data)
    change(outer["package"])
    inner = canonical(outer["package"])
    import hashlib

    return json.dumps(
        {"package": outer["package"], "sha256": hashlib.sha256(inner).hexdigest(), "hmac": sign(inner, SECRET)}
    ).encode()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "package_broken"),
        (b"[1, 2", "package_broken"),
        (b"[]", "package_broken"),
        (b"null", "package_broken"),
        (b"[" * 100_000, "package_broken"),
        (seal(package(), SECRET).data[:-40], "package_broken"),
        (altered(lambda o: o["package"].update(seq=2)), "package_altered"),
        (altered(lambda o: o.update(hmac="0" * 64)), "package_signature"),
        (seal(package(), "another").data, "package_signature"),
        (seal(package(site="cnx"), SECRET).data, "package_site"),
        (seal(package(way=Way.OUT, messages=()), SECRET).data, "package_way"),
        (seal(package(messages=(Message("m", Kind.PICK_ORDER, AT, {}),)), SECRET).data, "package_kind"),
        (signed(lambda p: p.update(format="ruam-link/9")), "package_format"),
        (signed(lambda p: p.update(seq=0)), "package_form"),
        (signed(lambda p: p.update(seq=True)), "package_form"),
        (signed(lambda p: p.update(have=-1)), "package_form"),
        (signed(lambda p: p.update(created_at="2026-11-28T01:02:03")), "package_form"),
        (signed(lambda p: p.pop("previous")), "package_form"),
        (signed(lambda p: p.update(messages={})), "package_form"),
        (signed(lambda p: p["messages"][0].update(id="")), "package_form"),
        (signed(lambda p: p["messages"][0].update(id="x" * 65)), "package_form"),
        (signed(lambda p: p["messages"][0].update(kind="dance")), "package_form"),
        (signed(lambda p: p["messages"][0].update(body=[1])), "package_form"),
        (b" " * (packages.LARGEST + 1), "package_large"),
    ],
)  # fmt: skip
def test_a_package_that_is_not_whole_or_not_meant_so_is_refused(data, code):
    with pytest.raises(InvalidInput) as refusal:
        unseal(data, SECRET, "bkk", Way.IN)
    assert refusal.value.detail_code == code


def test_a_file_holds_packages_line_by_line():
    made = [seal(package(seq=n), SECRET) for n in (1, 2)]
    assert [unseal(d, SECRET, "bkk", Way.IN).package.seq for d in packages.unbundle(packages.bundle(made))] == [1, 2]
