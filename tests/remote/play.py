"""Both sides of the link in one process: Ruam's verbs here, the reference site there, packages in the tester's hands."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sqlalchemy import select

from oms.actor import Actor
from oms.catalog.models import Shop, Sku
from oms.db import Tx
from oms.inventory.models import StockLevel
from oms.orders.models import Order
from oms.remote.models import RemoteMessage, RemoteSite
from oms.remote.queries import lock_site
from oms.remote.states import MessageState
from oms.sealing import Sealer
from oms.shipping.models import Shipment
from oms.usecases.remote_in import Taken, site_actor, take_in
from oms.usecases.remote_out import hand_out
from oms.usecases.remote_sites import SiteFacts, SiteKeys, create_site
from oms.usecases.shipping_boxes import make_ready
from tests.shop import SmallShop
from tests.usecases.money import paid, placed
from views.sandbox.remote_site import Site

SEALER = Sealer(["a key of tests"])


class Link:
    """A linked warehouse (the small shop's Bangkok) and its site."""

    def __init__(self, tx: Tx, shop: SmallShop, folder: Path, name: str = "bkk") -> None:
        self.tx, self.shop, self.path = tx, shop, folder / f"{name}.sqlite"
        self.keys: SiteKeys = create_site(tx, SiteFacts(name, "คลังนอก", shop.bkk), SEALER)
        self.site = self._open()
        self.site.opening({code: hand for code, (hand, _) in self.ours().items()})

    def _open(self) -> Site:
        return Site(self.path, "bkk", self.keys.secret, self.keys.token)

    def restart(self) -> None:
        """The site's program ends and starts again from its file."""
        self.site.close()
        self.site = self._open()

    @property
    def row(self) -> RemoteSite:
        return lock_site(self.tx, self.keys.site_id)

    def actor(self) -> Actor:
        return site_actor(self.row)

    def ready(self, *lines: tuple[int, int], order: Order | None = None) -> tuple[Order, Shipment]:
        """A paid order whose goods the site is to send."""
        made = order or placed(self.tx, self.shop, *lines)
        if order is None:
            paid(self.tx, (made.id, int(made.total.amount)))
        answer = make_ready(self.tx, [made.id])[made.id]
        return made, self.tx.session.get_one(Shipment, answer.shipment_id)

    def out(self, after: int | None = None) -> list[bytes]:
        """What Ruam has for the site."""
        acting = replace(self.tx, actor=self.actor())
        return hand_out(acting, self.keys.site_id, self.keys.secret, self.site.have if after is None else after)

    def bring(self, data: bytes) -> Taken:
        """One package of the site reaches Ruam."""
        taken = take_in(replace(self.tx, actor=self.actor()), self.keys.site_id, self.keys.secret, data)
        self.site.heard_that_ruam_has(taken.have)
        return taken

    def exchange(self) -> None:
        """Both ways until nobody has anything new, as on a good line."""
        for _ in range(20):
            fetched = self.out()
            for data in fetched:
                self.site.take(data)
            self.site.pack()
            brought = self.site.waiting()
            for data in brought:
                self.bring(data)
            if not fetched and not brought:
                return
        raise AssertionError("the two sides never come to rest")

    def parked(self) -> list[RemoteMessage]:
        self.tx.session.flush()
        return list(
            self.tx.session.scalars(
                select(RemoteMessage).where(RemoteMessage.state == MessageState.PARKED).order_by(RemoteMessage.id)
            )
        )

    def ours(self) -> dict[str, tuple[int, int]]:
        """SKU -> (on hand, damaged) as Ruam has it."""
        self.tx.session.flush()
        levels = select(Sku.code, StockLevel.on_hand, StockLevel.damaged).join(Sku, Sku.id == StockLevel.sku_id)
        rows = self.tx.session.execute(levels.where(StockLevel.warehouse_id == self.shop.bkk))
        return {r[0]: (r[1], r[2]) for r in rows}

    def agree(self) -> None:
        """Both sides say the same to the last piece."""
        theirs = {k: v for k, v in self.site.stock().items() if v != (0, 0)}
        assert theirs == {k: v for k, v in self.ours().items() if v != (0, 0)}


def no_deadline(tx: Tx, shop: SmallShop) -> None:
    tx.session.get_one(Shop, shop.line).expire_hours = None
