"""``oms read-slip``: what the QR code of a slip says, without a database."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from oms.banks.decoder import Decoder
from oms.banks.pictures import PictureRefused, Prepared, check_size
from oms.banks.slip_code import NOTHING, SlipCode
from oms.errors import say
from oms.payments.states import SlipKind


@click.command("read-slip")
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True, type=click.Path(path_type=Path))
def read_slip(images: tuple[Path, ...]) -> None:
    """Print one JSON line per picture: file, kind, sending_bank, reference, crc_ok.

    Exit 0 when every file was a picture, 1 when one was not; its line then has an error.
    """
    readable = True
    with Decoder() as decoder:
        for image in images:
            line = read_one(decoder, image)
            readable = readable and "error" not in line
            click.echo(json.dumps(line, ensure_ascii=False))
    sys.exit(0 if readable else 1)


def read_one(decoder: Decoder, image: Path) -> dict[str, Any]:
    """The line of one file."""
    try:
        check_size(image.stat().st_size)
        return in_short(image, best_of(decoder.prepare(image.read_bytes())))
    except PictureRefused as refused:
        return {**in_short(image, NOTHING), "error": str(refused)}
    except OSError as exc:
        return {
            **in_short(image, NOTHING),
            "error": str(say("The file cannot be read: {why}", why=exc.strerror or exc)),
        }


def best_of(prepared: Prepared) -> SlipCode:
    """The code of a file that may have several pages: a slip before a QR to pay with before nothing."""
    order = (SlipKind.SLIP, SlipKind.PAYMENT_QR, SlipKind.NONE)
    return min((page.code for page in prepared.pages), key=lambda c: (order.index(c.kind), c.crc_ok is False))


def in_short(image: Path, code: SlipCode) -> dict[str, Any]:
    """What is printed of a code; what there is none of is null."""
    return {
        "file": str(image), "kind": code.kind.value, "sending_bank": code.sending_bank or None,
        "reference": code.reference or None, "crc_ok": code.crc_ok,
    }  # fmt: skip


COMMANDS = (read_slip,)
