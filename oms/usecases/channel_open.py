"""Adapters of connected shops kept open in a process, one for each set of keys and grant."""

from __future__ import annotations

import json
from collections.abc import Mapping

from oms.channels.port import Channel, ChannelKeys
from oms.channels.registry import CONNECTORS, open_channel
from oms.errors import InvalidInput, say
from oms.net.kept import Kept
from oms.usecases.channels import Reached, grant_of, grant_words

GRANT_WORD = "\0grant"  # no field of a connector is called like this
EXTENSION = "oms.channels"


def no_channels() -> Kept[Channel]:
    """The adapters of this process, none opened."""
    return Kept(_open)


def _open(code: str, host: str, settings: Mapping[str, str]) -> Channel:
    kept = dict(settings)
    grant = grant_of(json.loads(kept.pop(GRANT_WORD)))
    return open_channel(code, host, kept, grant)


def open_kept(kept: Kept[Channel], reached: Reached) -> Channel:
    """The shop's adapter. Raises ChannelKeys when its settings cannot be used."""
    if reached.connector not in CONNECTORS:
        raise ChannelKeys(say("This connector is not known any more"))
    settings = {**reached.settings, GRANT_WORD: json.dumps(grant_words(reached.grant))}
    try:
        return kept.get(reached.id, reached.connector, reached.host, settings)
    except InvalidInput as refusal:
        raise ChannelKeys(refusal.message) from refusal
