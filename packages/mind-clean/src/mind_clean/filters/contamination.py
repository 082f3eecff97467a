"""Drop records that hold parts of benchmark files, so that an evaluation stays honest."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from mind_core import Reason, Record
from mind_core.errors import UsageError

if TYPE_CHECKING:  # a run without benchmarks need not wait for numpy
    from mind_core.text.ngrams import NgramIndex


@dataclass(frozen=True)
class Contamination:
    """Drop a text that shares runs of 13 tokens with benchmark files (GPT-3, appendix C).

    A token is a Chinese character or a word of another script. `against` names files or folders;
    `fields` the strings of an item that count, all by default. A text goes if it holds at least
    `min_hits` runs of one benchmark text (a question, say) that are `min_share` of all its runs:
    stock phrases stand in statutes and examinations alike. Runs that stand in more than `max_texts`
    benchmark texts are their template and do not count.
    """

    against: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    n: int = 13
    min_hits: int = 3
    min_share: float = 0.5
    max_texts: int = 10

    def __post_init__(self) -> None:
        """Refuse numbers that mean nothing, and files that are not there."""
        from mind_core.text.benchmark_files import benchmark_files

        for name in ("against", "fields"):
            value = getattr(self, name)
            # A TOML string would else become a tuple of its letters.
            object.__setattr__(self, name, (value,) if isinstance(value, str) else tuple(value))
        for name in ("n", "min_hits", "max_texts"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, not a count, 1 or more")
        if not 0 <= self.min_share <= 1:
            raise ValueError(f"min_share is {self.min_share}, not a share, 0 to 1")
        if not self.against:
            raise UsageError(
                "filter 'contamination' needs benchmark files",
                hint="""--set 'contamination.against=["FILE", "FOLDER"]'""",
            )
        # Asked only for what it raises: a wrong path ends the run before any record is read.
        benchmark_files(self.against)

    def prepare(self) -> None:
        """Read the benchmark files, so that all workers share one index."""
        self._index()

    def __call__(self, record: Record) -> Reason | None:
        """Return "contaminated" with the first shared run and its file, or None."""
        found = self._index().overlap(record["text"], self.min_hits, self.min_share)
        if found is None:
            return None
        value: dict[str, Any] = {
            "file": found.source,
            "ngram": found.ngram,
            "hits": found.hits,
            "share": round(found.share, 4),
        }
        return Reason("contaminated", value, {"hits": self.min_hits, "share": self.min_share})

    def _index(self) -> NgramIndex:
        return load_index(self.against, self.fields, self.n, self.max_texts)


@lru_cache(maxsize=2)
def load_index(
    against: tuple[str, ...], fields: tuple[str, ...], n: int, max_texts: int
) -> NgramIndex:
    """Return the index of some files, made once a process; forked workers share it."""
    from mind_core.text.benchmark_files import benchmark_files, read_texts
    from mind_core.text.ngrams import NgramIndex

    files = benchmark_files(against)
    index = NgramIndex(((str(path), read_texts(path, fields)) for path in files), n, max_texts)
    if not len(index.hashes):
        raise UsageError(
            f"no run of {n} tokens in the benchmark files",
            hint="check `against` and `fields`, or take a smaller `n`",
        )
    return index
