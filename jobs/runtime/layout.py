"""Where an installation keeps its engines' files, and under which system user they may run."""

from __future__ import annotations

import hashlib
import os
import secrets
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from oms.errors import EngineMissing, say

SYSTEM_USER = "pgserver"  # PostgreSQL refuses to run as root
SYSTEM_HOME = Path("/var/lib/ruam")  # what root installs for that user lies here, never under a home folder
OURS = frozenset({  # what a data folder of ours may hold; a folder with anything else in it keeps its mode
    "secret_key", "encryption_key", "log", "run", "redis", "files", "postgres", "postgres.path", "demo",
    "demo_password", "engine", "engines",
})  # fmt: skip
SOCKET_PATH_LIMIT = 90  # a Unix socket's whole path must stay under 104 bytes, name included


@dataclass(frozen=True)
class Account:
    """The system user an engine runs as."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True)
class Layout:
    """The folders of one installation. ``account`` is None unless the program runs as root."""

    data: Path
    account: Account | None

    @property
    def log(self) -> Path:
        return self.data / "log"

    @property
    def run(self) -> Path:
        """Sockets and process files: short enough for a socket path, readable by the owner alone."""
        return _short(self.data / "run", self.data)

    @property
    def postgres_run(self) -> Path:
        """The folder of PostgreSQL's socket; its mode 0700 is what keeps other users of the machine out."""
        return _short(self.postgres.parent / "socket", self.data)

    @property
    def postgres(self) -> Path:
        """PostgreSQL's data: in the data folder, or where its system user can reach it (see ``prepare``)."""
        pointer = self.data / "postgres.path"
        return Path(pointer.read_text().strip()) if pointer.exists() else self.data / "postgres" / "data"

    @property
    def redis(self) -> Path:
        return self.data / "redis"


def _short(wished: Path, data: Path) -> Path:
    if len(os.fsencode(wished)) <= SOCKET_PATH_LIMIT:
        return wished
    mark = hashlib.sha256(os.fsencode(wished)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"ruam-{os.getuid()}-{mark}" / data.name[:8]


def may_enter(account: Account, path: Path) -> bool:
    """Whether the account can reach into the folder; asked of the system itself, so every kind of rule counts."""
    asked = subprocess.run(
        ["test", "-r" if path.is_file() else "-x", str(path)],
        check=False,
        user=account.uid,
        group=account.gid,
        extra_groups=[],
    )
    return asked.returncode == 0


def system_account() -> Account | None:
    """The user for PostgreSQL when the program runs as root (made when there is none); None for anyone else."""
    if os.name != "posix" or os.geteuid() != 0:
        return None
    import pwd

    try:
        entry = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        makers = (
            ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", "--user-group", SYSTEM_USER],
            ["adduser", "-S", "-D", "-H", SYSTEM_USER],
        )
        for maker in makers:
            try:
                subprocess.run(maker, check=True, capture_output=True)
                break
            except (OSError, subprocess.CalledProcessError):
                continue
        else:
            raise EngineMissing(
                say(
                    "PostgreSQL does not run as root and the system user {user} could not be made; "
                    "run: useradd --system {user}",
                    user=SYSTEM_USER,
                )
            ) from None
        entry = pwd.getpwnam(SYSTEM_USER)
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def private(folder: Path, account: Account | None = None) -> Path:
    """Make a folder that its owner alone may enter."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    if account is not None:
        os.chown(folder, account.uid, account.gid)
    return folder


def _reachable_home(data: Path, account: Account) -> Path:
    """A folder for PostgreSQL that its user can enter. No folder above ours ever has its mode changed."""
    if may_enter(account, data):
        return data / "postgres"
    if may_enter(account, data.parent) and all(entry.name in OURS for entry in data.iterdir()):
        data.chmod(data.stat().st_mode & 0o777 | 0o011)  # our own folder: may be walked through, not listed
        return data / "postgres"
    return SYSTEM_HOME / "engines" / secrets.token_hex(6)


def prepare(data: Path) -> Layout:
    """Make the folders. As root under a closed home, PostgreSQL's data goes under /var/lib/ruam and a note says so."""
    data.mkdir(parents=True, exist_ok=True)
    account = system_account()
    layout = Layout(data, account)
    for folder in (layout.log, layout.run, layout.redis, data / "files"):
        private(folder)
    if account is None:
        private(layout.postgres.parent)
    else:
        if not layout.postgres.parent.exists():
            home = _reachable_home(data, account)
            home.parent.mkdir(parents=True, exist_ok=True)
            if home.parent != data:
                (data / "postgres.path").write_text(f"{home / 'data'}\n")
        elif not may_enter(account, layout.postgres.parent.parent):
            raise EngineMissing(
                say(
                    "The system user {user}, which runs PostgreSQL, may not enter {folder}; "
                    "set OMS_DATA_DIR to a folder such as /var/lib/ruam",
                    user=account.name,
                    folder=str(layout.postgres.parent.parent),
                )
            )
        private(layout.postgres.parent, account)
    private(layout.postgres_run, account)
    return layout
