"""Components that read the whole stream before they change or drop a record.

Most components look at one record. One that asks "how often does this line stand on the pages of
its site?" looks at all of them first: `collect_keys` gives the keys of each record, they are
counted over the whole stream, and `with_counts` makes the component that runs in the second pass.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from mind_core import Record

if TYPE_CHECKING:  # a recipe without such a component need not wait for numpy
    from mind_clean.key_counts import FrequentKeys, Keys


@runtime_checkable
class TwoPassComponent(Protocol):
    """A transform or a filter that wants keys counted over the whole stream before it runs."""

    @property
    def min_count(self) -> int:
        """How often a key must occur to be in the counts."""

    @property
    def memory(self) -> str:
        """What the counting may take, such as "512M"; more goes to disk."""

    def collect_keys(self, record: Record) -> Keys:
        """Return the keys of one record: 64-bit hashes, each of them once."""

    def with_counts(self, known: FrequentKeys) -> Callable[..., Any]:
        """Return the component that runs, now that the counts are known."""
