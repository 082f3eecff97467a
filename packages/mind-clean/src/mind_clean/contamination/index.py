"""The index of benchmark files, made once and shared by all workers."""

from __future__ import annotations

from functools import lru_cache

from mind_core.errors import UsageError
from mind_core.text.benchmark_files import benchmark_files, read_texts
from mind_core.text.ngrams import NgramIndex


@lru_cache(maxsize=2)
def index_for(
    against: tuple[str, ...], fields: tuple[str, ...], n: int, max_texts: int
) -> NgramIndex:
    """Return the index of some files, made once a process; forked workers share it."""
    files = benchmark_files(against)
    index = NgramIndex(((str(path), read_texts(path, fields)) for path in files), n, max_texts)
    if not len(index.hashes):
        raise UsageError(
            f"no run of {n} tokens in the benchmark files",
            hint="check `against` and `fields`, or take a smaller `n`",
        )
    return index
