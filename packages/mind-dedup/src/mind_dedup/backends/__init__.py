"""Where an index may live other than in this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mind_core.errors import UsageError
from mind_dedup.config import DedupConfig


@contextmanager
def open_backend(url: str, plan: DedupConfig) -> Iterator[tuple[Any, Any]]:
    """Open the store and the index that a URL names, for the time of a run."""
    if not url.startswith("redis://"):
        raise UsageError(
            f"there is no backend {url.partition(':')[0]!r}",
            hint="known is redis://HOST:PORT/DB?name=INDEX",
        )
    from mind_dedup.backends.redis import open_redis

    with open_redis(url, plan) as both:
        yield both
