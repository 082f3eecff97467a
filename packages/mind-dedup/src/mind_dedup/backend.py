"""An index that lives other than in this process: a plugin's, by the first word of a URL."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

from mind_core.errors import UsageError, did_you_mean
from mind_core.plugins import Plugins
from mind_core.servers import check_address

if TYPE_CHECKING:
    from mind_dedup.deduplicator import Index
    from mind_dedup.signature import Signature
    from mind_dedup.store import Store

BACKENDS = "register_backends"
KNOWN = {"redis": "mind-dedup-redis"}
"""Plugins of this project that offer one, to be named in the hint."""


class IndexPlan(Protocol):
    """What a run says of its keys; an index of another `scheme` does not fit it."""

    @property
    def scheme(self) -> str: ...

    @property
    def signature(self) -> Signature: ...


class Backend(Protocol):
    """Open an index for the time of a run."""

    def __call__(self, url: str, plan: IndexPlan) -> AbstractContextManager[tuple[Store, Index]]:
        """Open the store of kept records and the index of their keys.

        Records of a run count from its `commit` on: what a killed run leaves is passed over.
        Raises `MindError` for an index of another `plan.scheme`, or one that another run extends.
        """


def find_backend(plugins: Plugins, url: str) -> Backend:
    """Return the backend of a URL like redis://HOST/…; raise `UsageError` if there is none.

    An address with a password in it is refused before anything else.
    """
    scheme, mark, _ = url.partition("://")
    if not mark:
        raise UsageError(
            f"--backend takes a URL, not {scheme.partition(':')[0]!r}",
            hint="redis://HOST:PORT/DB?name=INDEX, with the plugin mind-dedup-redis",
        )
    check_address(url, "set it in the environment instead: see the plugin's page")
    plugins.load_installed()
    known = plugins.components(BACKENDS)
    if scheme not in known:
        near = did_you_mean(scheme, {**known, **KNOWN})
        more = KNOWN.get(scheme)
        raise UsageError(
            f"there is no backend {scheme!r}",
            hint=f"pip install {more}" if more else near or "pip install mind-dedup-redis",
        )
    backend: Backend = plugins.make(BACKENDS, scheme)
    return backend
