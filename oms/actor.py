"""Who acts. Every transaction has an actor; every verb asks it for permission."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from oms.errors import Forbidden, say


@dataclass(frozen=True)
class Actor:
    """A person or a program, what it may do, and which rows it may see.

    ``warehouses`` and ``shops`` are ids; None means all. ``source`` says the way in: screen, csv, api, job, cli.
    """

    kind: str
    label: str
    user_id: int | None = None
    role: str = ""
    actions: frozenset[str] = field(default_factory=frozenset)
    warehouses: frozenset[int] | None = None
    shops: frozenset[int] | None = None
    own_orders_only: bool = False
    source: str = "screen"
    request_id: str = ""
    ip: str = ""
    discount_limit: int = 0  # percent off an order or a line that this actor may give alone

    def may(self, action: str) -> bool:
        """Whether the named action is allowed at all (rows are asked separately)."""
        return self.kind == "system" or action in self.actions

    def require(self, action: str) -> None:
        """Raise Forbidden unless the named action is allowed."""
        if not self.may(action):
            raise Forbidden(
                say("Your role may not do this ({action}); ask the owner for the permission", action=action)
            )

    def sees_warehouse(self, warehouse_id: int | None) -> bool:
        return self.warehouses is None or warehouse_id in self.warehouses

    def sees_shop(self, shop_id: int | None) -> bool:
        return self.shops is None or shop_id in self.shops

    def via(self, source: str) -> Actor:
        """The same actor coming in another way (a clerk's file is ``csv``, her job is ``job``)."""
        return replace(self, source=source)

    def snapshot(self) -> dict[str, Any]:
        """Who this is with the rights of this moment, to be kept with work for later."""
        return {k: sorted(v) if isinstance(v, frozenset) else v for k, v in asdict(self).items()}

    @classmethod
    def restored(cls, kept: Mapping[str, Any]) -> Actor:
        """Whoever asked for the work, as they were then; the source says that the background did it."""
        sets = {k: frozenset(kept[k]) if kept[k] is not None else None for k in ("actions", "warehouses", "shops")}
        return replace(cls(**{**kept, **sets}), source="job")


def system(label: str, *, source: str = "job") -> Actor:
    """The program itself: scheduled work, initialization. May do everything, and the audit says which program."""
    return Actor("system", label, source=source, role="system", discount_limit=100)
