"""The demo shop's channels, played: each of its shops is connected to a simulator that sells, so orders arrive live.

Run under ``oms up --demo``. Only shops that have never been connected to anything else are taken; what is here is said
to be played wherever it shows.
"""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack

from flask import Flask, current_app
from sqlalchemy import select

from oms import clock
from oms.actor import system
from oms.catalog.models import Shop
from oms.channels.models import ChannelConnection
from oms.channels.port import Ability
from oms.channels.registry import CONNECTORS
from oms.db import Tx, db, transaction
from oms.usecases.channels import Connect, Switches, connect_shop, set_switches, store_grant
from views.sandbox.channel import ChannelSandbox
from views.sandbox.demo_messages import Phones, speak, write_until
from views.sandbox.market import Market
from views.sandbox.selling import Seller, Ways
from views.sandbox.server import running
from views.sandbox.stage_channels import DIALECTS, first_grant, together

SHOPS = {
    "shopee": "shopee-th", "lazada": "lazada-th", "tiktok": "tiktok-th", "line_shopping": "line-shopping",
    "woocommerce": "web",
}  # fmt: skip
RATE = 6.0  # orders a minute over all shops: life on the screen, and a day's stock lasts a day
EARLIER = 2  # orders of each shop that arrived before the demo began and come back while it runs
WHO = system("demo", source="cli")


def play(app: Flask, port: int, panel: str, stop: threading.Event, rate: float = RATE) -> None:
    """Run the market and its buyers until told. ``panel``: where Ruam is, for webhooks."""
    market = Market(int(time.time()), skus=60, pieces=20)
    wanted = {code: SHOPS[code] for code in DIALECTS if code in SHOPS}
    mounted: dict[str, ChannelSandbox] = {}
    for code in wanted:
        stall = market.open(code, serial=iter(range(int(time.time()) % 10**8, 10**9)))
        mounted[code] = DIALECTS[code](stall)
    with ExitStack() as stack:
        phones = Phones()
        address = stack.enter_context(running(together(market, mounted | phones.mounted), port))
        with app.app_context():
            for code, sandbox in mounted.items():
                with transaction(WHO) as tx:
                    _connect(tx, code, wanted[code], f"{address}/{sandbox.name}", sandbox, panel)
            speak(app, phones, address, panel)
            db.session.remove()
            db.engine.dispose()
        market.stalls = {code: stall for code, stall in market.stalls.items() if mounted[code].hook_url}
        seller = Seller(market, rate, Ways(reacts_within=90.0))  # slow enough to be watched
        for code, stall in market.stalls.items():
            if Ability.RETURNS in CONNECTORS[code].abilities:
                seller.give_back_soon(stall, EARLIER)
        if market.stalls:
            seller.start()
        write_until(stop, phones, panel)
        seller.stopping.set()


def _connect(tx: Tx, code: str, shop_code: str, host: str, sandbox: ChannelSandbox, panel: str) -> None:
    """Connect one shop of the demo, unless it belongs to something real."""
    shop = tx.session.scalars(select(Shop).where(Shop.code == shop_code)).one_or_none()
    if shop is None or shop.channel is not CONNECTORS[code].channel:
        return
    known = tx.session.scalars(select(ChannelConnection).where(ChannelConnection.shop_id == shop.id)).one_or_none()
    if known is not None and not known.is_play:
        return
    sealer = current_app.extensions["oms.sealer"]
    secret = set(CONNECTORS[code].secret_names)
    keys = {f.name: f.default for f in CONNECTORS[code].fields if f.default} | sandbox.keys()
    command = Connect(
        shop.id, code, host, {k: v for k, v in keys.items() if k not in secret},
        {k: v for k, v in keys.items() if k in secret}, known.version if known else None,
    )  # fmt: skip
    made = connect_shop(tx, command, sealer).id
    given = first_grant(sandbox)
    if given is not None:
        store_grant(tx, made, given, sealer, by_consent=True)
    row = tx.session.get_one(ChannelConnection, made, populate_existing=True)
    row.cursor_at = clock.now()
    tx.session.flush()  # the switches ask for its version
    set_switches(tx, made, row.version, Switches(accepts=False, tells_shipping=True, offers=True))
    sandbox.hook_url = f"{panel}/hooks/channels/{row.hook_token}"
