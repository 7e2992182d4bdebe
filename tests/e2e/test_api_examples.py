"""The examples of docs/api.md, run by curl as they stand, against the web server of production."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx
import pytest
from flask import Flask
from sqlalchemy import func, select

from app import create_worker_app
from oms.actor import system
from oms.api.scopes import SCOPES
from oms.db import db, transaction
from oms.orders.models import Order
from oms.settings import Settings
from oms.usecases.api_keys import NewKey, create_key
from tests.architecture.house import ROOT
from tests.live import close, free_port, served
from tests.shop import small_shop

pytestmark = pytest.mark.e2e
FIFTY = "ห้าสิบโปรแกรม"
EXAMPLES = re.findall(r"```sh\n(curl .*?)```", (ROOT / "docs/api.md").read_text(encoding="utf-8"), re.DOTALL)


@dataclass(frozen=True)
class Shop:
    """A served installation of its own, where the first order is number one."""

    url: str
    token: str
    app: Flask


@pytest.fixture(scope="module")
def served_shop(tmp_path_factory, new_database) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("api")
    made = Settings(
        data_dir=folder, database_url=new_database(), secret_key="examples", port=free_port(),
        redis_url=os.environ["RUAM_TEST_REDIS"].partition("?")[0] + "?db=0",
    )  # fmt: skip
    app = create_worker_app(made)
    with app.app_context():
        with transaction(system("test")) as tx:
            small_shop(tx)
            token = create_key(tx, NewKey("examples", frozenset(SCOPES))).token
        db.session.remove()
    with served(made, folder / "web.log", workers=2) as url:
        yield Shop(url, token, app)
    close(app)


def test_the_examples_of_the_manual_work_as_they_stand(served_shop):
    assert len(EXAMPLES) == 7
    if shutil.which("curl") is None:
        pytest.skip("no curl")
    said = []
    for example in EXAMPLES:
        command = example
        if said[1:]:  # the other test may have placed its order first
            mine = str(said[1]["id"])
            command = example.replace("/orders/1", f"/orders/{mine}").replace('"order_id": 1', f'"order_id": {mine}')
        done = subprocess.run(
            ["sh", "-c", command],
            env=os.environ | {"RUAM": served_shop.url, "KEY": served_shop.token},
            capture_output=True,
            check=True,
        )
        said.append(json.loads(done.stdout))
        assert "code" not in said[-1], said[-1]
    first, placed, order, note, claim, stock, gone = said
    assert ("next" in first, placed["created"], order["total"]) == (True, True, "200.00")
    assert (note["id"] > 0, claim["status"], gone["number"]) == (True, "submitted", placed["number"])
    assert stock["data"][0]["reserved"] == 2


def test_fifty_clients_with_one_key_place_one_order(served_shop):
    body = {"shop": "line", "confirm": True, "lines": [{"sku": "RU-0003", "quantity": 1}],
            "ship_to": {"name": FIFTY, "line": "1"}}  # fmt: skip
    head = {"Authorization": f"Bearer {served_shop.token}", "Idempotency-Key": "fifty"}

    def call(_no: int) -> tuple[int, str]:
        answer = httpx.post(f"{served_shop.url}/api/v1/orders", json=body, headers=head, timeout=60, verify=False)
        return answer.status_code, answer.text

    with ThreadPoolExecutor(50) as threads:
        answers = set(threads.map(call, range(50)))
    assert len(answers) == 1
    assert answers.pop()[0] == 201
    with served_shop.app.app_context():
        assert db.session.scalar(select(func.count()).where(Order.ship_name == FIFTY)) == 1
        db.session.remove()
    other = httpx.post(f"{served_shop.url}/api/v1/orders", json=body | {"discount": "1"}, headers=head, timeout=60)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
