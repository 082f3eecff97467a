"""Drop a page by its address alone (after RefinedWeb, Penedo et al. 2023, §G.1)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mind_clean.sites import host_of, is_of
from mind_core import Reason, Record

LEXICONS = Path(__file__).parent.parent / "lexicons"
KINDS = ("hard", "soft")

_WORD_BREAK = re.compile(r"[^a-z0-9]+")
_ADDRESS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}|[^:\n]*:.*")


@dataclass(frozen=True)
class Url:
    """Drop a page by its `url`: a blocked host, telling words, an odd address (RefinedWeb, §G.1).

    `blocked_hosts`, `allowed_hosts`, `words` and `soft_words` name files, one entry a line, `#`
    begins a comment; a host's entry holds for the hosts below it too. A host on the allow-list is
    asked nothing more. One of `words` drops, or more than `max_soft_words` soft ones; `seed` adds
    the small lists that ship here. A page without a `url` passes. A bound of 0 is none.
    """

    blocked_hosts: str = ""
    allowed_hosts: str = ""
    words: str = ""
    soft_words: str = ""
    seed: bool = True
    max_soft_words: int = 1
    max_length: int = 1000
    max_host_length: int = 100
    max_host_hyphens: int = 4
    bare_addresses: bool = True

    def __post_init__(self) -> None:
        """Read the files; refuse bounds that mean nothing."""
        for name in ("max_soft_words", "max_length", "max_host_length", "max_host_hyphens"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}, not 0 (no bound) or more")
        # Reads the files now, so that a missing one is said before the run begins.
        assert self._lists

    def __call__(self, record: Record) -> Reason | None:
        """Return the first rule that the address breaks, or None."""
        url = record.get("url")
        return next(self._broken(url), None) if isinstance(url, str) and url else None

    def _broken(self, url: str) -> Iterator[Reason]:
        host = host_of(url)
        if host is None:
            yield Reason("no_host")
            return
        blocked, allowed, hard, soft = self._lists
        # Before all other rules, also before the block-list.
        if is_of(host, allowed):
            return
        if is_of(host, blocked):
            yield Reason("blocked_host", host)
        if self.max_length and len(url) > self.max_length:
            yield Reason("long_address", len(url), self.max_length)
        if self.max_host_length and len(host) > self.max_host_length:
            yield Reason("long_host", len(host), self.max_host_length)
        if self.max_host_hyphens and host.count("-") > self.max_host_hyphens:
            yield Reason("many_hyphens", host.count("-"), self.max_host_hyphens)
        if not self.bare_addresses and _ADDRESS.fullmatch(host):
            yield Reason("bare_address", host)
        # Whole words, so that a place name such as Essex holds none of them.
        words = set(_WORD_BREAK.split(url.lower()))
        for word in sorted(words & hard):
            yield Reason("hard_word", word)
        if self.max_soft_words and len(words & soft) > self.max_soft_words:
            yield Reason("soft_words", sorted(words & soft), self.max_soft_words)

    @cached_property
    def _lists(self) -> tuple[frozenset[str], ...]:
        """Return blocked hosts, allowed hosts, words and soft words."""
        seeds = [str(LEXICONS / f"url-{kind}-words.txt") if self.seed else "" for kind in KINDS]
        return (
            frozenset(_hosts(_entries(self.blocked_hosts, "blocked_hosts"))),
            frozenset(_hosts(_entries(self.allowed_hosts, "allowed_hosts"))),
            frozenset(_entries(self.words, "words") + _entries(seeds[0], "seed")),
            frozenset(_entries(self.soft_words, "soft_words") + _entries(seeds[1], "seed")),
        )


def _entries(name: str, option: str) -> list[str]:
    """Return the lines of a list; raise `ValueError` if there is no such file."""
    if not name:
        return []
    try:
        lines = Path(name).read_text("utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise ValueError(f"{option}: cannot read {name}: {why}") from error
    bare = (line.split("#")[0].strip().lower() for line in lines)
    return [line for line in bare if line]


def _hosts(entries: list[str]) -> Iterator[str]:
    for entry in entries:
        yield host_of(entry.removeprefix("*.")) or entry
