"""What an installation sets, read once from the environment and passed down."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from oms.errors import InvalidInput, Problem, say


@dataclass(frozen=True)
class Settings:
    """One installation. ``database_url`` / ``redis_url`` None means: run our own engine in ``data_dir``."""

    data_dir: Path
    database_url: str | None = None
    redis_url: str | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    secret_key: str = ""
    demo_password: str | None = None
    demo: bool = False
    testing: bool = False
    web_workers: int = 2
    web_threads: int = 4
    secure_cookies: bool = False
    trusted_proxies: int = 0
    encryption_keys: tuple[str, ...] = ()
    inside_hosts: tuple[str, ...] = ()  # hosts of the own network that webhooks may go to

    @property
    def files_dir(self) -> Path:
        """Uploads and produced files."""
        return self.data_dir / "files"

    @property
    def demo_mark(self) -> Path:
        """There when the data is the demo shop's."""
        return self.data_dir / "demo"

    @property
    def sqlalchemy_url(self) -> str:
        """The database address with the driver named. Raises ValueError when there is no database."""
        if not self.database_url:
            raise ValueError("no database: start the embedded engine or set DATABASE_URL")
        scheme, rest = self.database_url.split("://", 1)
        return f"postgresql+psycopg://{rest}" if scheme in {"postgres", "postgresql"} else self.database_url


def default_data_dir(environ: Mapping[str, str]) -> Path:
    """Where data lives when nothing is said: root under /var/lib, everyone else in the XDG data home."""
    if os.name == "posix" and os.geteuid() == 0:
        return Path("/var/lib/ruam")
    home = environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(home) / "ruam"


def secret_from(folder: Path, name: str = "secret_key") -> str:
    """A secret of this installation: made once, kept beside the data, readable by its owner alone."""
    path = folder / name
    folder.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(handle, "w") as out:
        out.write(secrets.token_hex(32))
    return path.read_text().strip()


def from_env(environ: Mapping[str, str] | None = None, **overrides: object) -> Settings:
    """Read OMS_* , DATABASE_URL and REDIS_URL. Raises InvalidInput naming every bad variable at once."""
    env = os.environ if environ is None else environ
    problems: list[Problem] = []

    def number(name: str, default: int, low: int, high: int) -> int:
        raw = env.get(name, "")
        if not raw:
            return default
        if raw.isdigit() and low <= int(raw) <= high:
            return int(raw)
        problems.append(
            Problem(
                "setting",
                say("{name} must be a whole number from {low} to {high}", name=name, low=low, high=high),
            )
        )
        return default

    data_dir = Path(env.get("OMS_DATA_DIR") or default_data_dir(env)).expanduser().resolve()
    database_url = env.get("DATABASE_URL") or None
    if database_url and not database_url.startswith(("postgresql://", "postgres://", "postgresql+psycopg://")):
        problems.append(Problem("setting", say("DATABASE_URL must name a PostgreSQL database (postgresql://...)")))
    values: dict[str, object] = {
        "data_dir": data_dir,
        "database_url": database_url,
        "redis_url": env.get("REDIS_URL") or None,
        "host": env.get("OMS_HOST") or "127.0.0.1",
        "port": number("OMS_PORT", 8000, 1, 65535),
        "demo": env.get("OMS_DEMO") == "1" or (data_dir / "demo").exists(),
        "demo_password": env.get("OMS_DEMO_PASSWORD") or None,
        "web_workers": number("OMS_WEB_WORKERS", 2, 1, 64),
        "web_threads": number("OMS_WEB_THREADS", 4, 1, 64),
        "secure_cookies": env.get("OMS_SECURE_COOKIES", "") == "1",
        "trusted_proxies": number("OMS_TRUSTED_PROXIES", 0, 0, 5),
        "inside_hosts": tuple(h.strip().lower() for h in env.get("OMS_INSIDE_HOSTS", "").split(",") if h.strip()),
    }
    if problems:
        first, *rest = problems
        raise InvalidInput(first.message, code=first.code, others=tuple(rest))
    values |= overrides
    if not values.get("secret_key"):
        values["secret_key"] = env.get("OMS_SECRET_KEY") or secret_from(data_dir)
    if not values.get("encryption_keys"):
        given = tuple(k.strip() for k in env.get("OMS_ENCRYPTION_KEYS", "").split(",") if k.strip())
        values["encryption_keys"] = given or (secret_from(data_dir, "encryption_key"),)
    return Settings(**values)  # type: ignore[arg-type]
