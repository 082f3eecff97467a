"""The index of mind-dedup in Redis."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mind_core import Offers
from mind_dedup import Backend, hookimpl

if TYPE_CHECKING:
    from mind_dedup.backend import IndexPlan
    from mind_dedup_redis.redis_index import RedisIndex, RedisStore


@dataclass(frozen=True)
class Redis:
    """Hold the index in Redis: redis://HOST:PORT/DB?name=INDEX."""

    def __call__(
        self, url: str, plan: IndexPlan
    ) -> AbstractContextManager[tuple[RedisStore, RedisIndex]]:
        """Open the index for one run."""
        from mind_dedup_redis.redis_index import open_redis

        return open_redis(url, plan)


@hookimpl
def register_backends() -> Offers[Backend]:
    """Offer Redis, by the first word of its URLs."""
    return {"redis": Redis}
