"""A remote warehouse in the auditor's world, and one way to break each promise about it."""

from __future__ import annotations

from oms.usecases.remote_out import hand_out
from oms.usecases.remote_sites import SiteFacts, create_site
from tests.remote.play import SEALER
from tests.shop import SmallShop


def link_some(tx, shop: SmallShop) -> None:
    """A site that was told what is to be sent."""
    keys = create_site(tx, SiteFacts("bkk", "คลังนอก", shop.bkk), SEALER)
    assert hand_out(tx, keys.site_id, keys.secret, 0), "something is ready in the auditor's world"


REMOTE_BREAKS = {
    "remote_packages": ["DELETE FROM remote_packages"],
    "remote_words": ["UPDATE remote_messages SET package_seq = NULL"],
    "remote_orders": ["UPDATE remote_orders SET revision = 0"],
}
