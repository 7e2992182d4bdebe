"""``oms parse-chat``: chat messages read as orders, without a database."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from oms.errors import say
from oms.thai.chat import read_message


@click.command("parse-chat")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def parse_chat(file: Path) -> None:
    """Print one JSON line per message of FILE: id, kind, and what was read of it.

    FILE is JSON: {"messages": [{"id": ..., "text": ...}, ...]}. Exit 1 when it is none.
    """
    try:
        messages = json.loads(file.read_text(encoding="utf-8-sig"))["messages"]
        texts = [(message["id"], str(message["text"])) for message in messages]
    except (ValueError, KeyError, TypeError) as exc:
        click.echo(f"oms: {say('This is no file of chat messages: {why}', why=exc)}", err=True)
        sys.exit(1)
    for name, text in texts:
        click.echo(json.dumps(one_line(name, text), ensure_ascii=False))


def one_line(name: Any, text: str) -> dict[str, Any]:
    """What is printed of a message."""
    return {"id": name} | read_message(text).as_json()


COMMANDS = (parse_chat,)
