"""The two engines together: started when the installation has none of its own, named in the settings handed on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from jobs.runtime import layout, postgres, redis
from oms.settings import Settings


@dataclass(frozen=True)
class Engines:
    """What this installation runs by itself; None where an address was given."""

    layout: layout.Layout
    postgres: postgres.Postgres | None
    redis: redis.Redis | None

    def settings(self, settings: Settings) -> Settings:
        """The settings with the engines' addresses filled in."""
        return replace(
            settings,
            database_url=self.postgres.url() if self.postgres else settings.database_url,
            redis_url=self.redis.url if self.redis else settings.redis_url,
        )


def prepare(settings: Settings) -> Engines:
    """Make ready whatever engine has no address of its own. Raises EngineMissing with what to install."""
    if settings.database_url:
        postgres.reach(settings.database_url)
    folders = layout.prepare(settings.data_dir)
    return Engines(
        folders,
        None if settings.database_url else postgres.prepare(folders),
        None if settings.redis_url else redis.prepare(folders),
    )


@contextmanager
def running(settings: Settings, *, need_redis: bool = True) -> Iterator[Settings]:
    """Engines for one command: those that run are used, others are started and stopped again afterwards."""
    engines = prepare(settings)
    with ExitStack() as after:
        if engines.postgres:
            server = postgres.start(engines.postgres, engines.layout.log / "postgres.log")
            if server:
                after.callback(postgres.stop, engines.postgres, server)
            postgres.ensure_database(engines.postgres)
        if engines.redis and need_redis:
            started = redis.start(engines.redis, engines.layout.log / "redis.log")
            if started:
                after.callback(redis.stop, started)
        yield engines.settings(settings)
