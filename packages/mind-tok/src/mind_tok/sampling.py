"""Choose what a tokenizer is trained on: by the hash of each record, in bounded memory."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from mind_core import MindError, Record
from mind_core.errors import UsageError

_ALL = "all"
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}


def record_key(record: Record, text: str, seed: int) -> int:
    """Return the place of a record in the order of drawing: 64 bits from its `id` and the seed.

    A record without `id` is drawn by its text.
    """
    name = record.get("id")
    data = text.encode() if name is None else orjson.dumps(name)
    return hash64(data, seed)


def hash64(data: bytes, seed: int) -> int:
    """Return 64 bits of BLAKE2b over data, another series for each seed."""
    return int.from_bytes(hashlib.blake2b(data, digest_size=8, salt=_salt(seed)).digest(), "little")


def hashes64(rows: Iterable[bytes], seed: int) -> NDArray[np.uint64]:
    """Return `hash64` of each row, (n,)."""
    salt = _salt(seed)
    digests = [hashlib.blake2b(data, digest_size=8, salt=salt).digest() for data in rows]
    return np.frombuffer(b"".join(digests), "<u8")


def _salt(seed: int) -> bytes:
    return (seed & (1 << 64) - 1).to_bytes(8, "little")


@dataclass
class _Pool:
    """The records with the lowest keys, as many as fill `limit` bytes."""

    limit: int
    size: int = 0
    heap: list[tuple[int, bytes, str]] = field(default_factory=list)

    def offer(self, key: int, data: bytes, language: str) -> None:
        # The heap has the largest key in front, negated: what is above that is not drawn.
        if self.size >= self.limit and -key < self.heap[0][0]:
            return
        heapq.heappush(self.heap, (-key, data, language))
        self.size += len(data)
        # Only as long as the others fill the limit without it.
        while self.size - len(self.heap[0][1]) >= self.limit:
            self.size -= len(heapq.heappop(self.heap)[1])

    def drawn(self, limit: int) -> Iterator[tuple[int, bytes, str]]:
        """Yield (key, data, language) in the order of keys; the last one is cut at the limit."""
        left = limit
        for negative, data, language in sorted(self.heap, reverse=True):
            if left <= 0:
                return
            # A cut inside of a character would leave broken UTF-8.
            cut = data if len(data) <= left else data[:left].decode("utf-8", "ignore").encode()
            left -= len(data)
            if cut:
                yield -negative, cut, language


@dataclass
class Sample:
    """Draw `limit` UTF-8 bytes of text: all alike, or with a share for each language or source.

    The same records in any order and with the same keys give the same sample. With shares, one
    that has too little makes the whole smaller, never the shares wrong. Holds at most `limit` bytes
    and one record more for each share.
    """

    limit: int
    shares: Mapping[str, float] = field(default_factory=dict)
    share_by: str = "language"
    drawn: dict[str, dict[str, int]] = field(default_factory=dict)
    """Documents and bytes for each language or source, once drawn."""
    _pools: dict[str, _Pool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, share in (self.shares or {_ALL: 1.0}).items():
            self._pools[name] = _Pool(max(1, int(self.limit * share)))

    def offer(self, key: int, data: bytes, language: str) -> None:
        """Take the text of a record, if it is among those to be drawn so far."""
        self._pools[language if self.shares else _ALL].offer(key, data, language)

    def texts(self) -> Iterator[str]:
        """Return the drawn texts in the order of their keys; they are let go as they are taken.

        Raises `MindError` if a language with a share has no text.
        """
        total = float(self.limit)
        for language, share in self.shares.items():
            if not self._pools[language].size:
                raise MindError(
                    f"there is no text in {self.share_by} {language!r}, which is to have a share",
                    hint="leave it out of --share, or give text in it; languages are found by "
                    "metadata.mind.clean.language, else by the script of the text",
                )
            # The scarcest language says how much there is of all, so that shares stay as they are.
            total = min(total, self._pools[language].size / share)
        rows: list[tuple[int, bytes, str]] = []
        for name, pool in self._pools.items():
            rows += pool.drawn(int(total * self.shares.get(name, 1.0)))
        rows.sort()
        self.drawn = {}
        for _, data, language in rows:
            count = self.drawn.setdefault(language, {"documents": 0, "bytes": 0})
            count["documents"] += 1
            count["bytes"] += len(data)
        self._pools = {}
        # `_taken` takes from the end, which is cheap and lets each text go.
        rows.reverse()
        return _taken([data for _, data, _ in rows])

    def as_dict(self) -> dict[str, Any]:
        """Return what was drawn as JSON values."""
        return {
            "limit_bytes": self.limit,
            "shares": dict(self.shares),
            f"{self.share_by}s": dict(sorted(self.drawn.items())),
        }


def _taken(rows: list[bytes]) -> Iterator[str]:
    while rows:
        yield rows.pop().decode()


def parse_bytes(text: str) -> int:
    """Return a number of bytes: "50M" is 50,000,000."""
    unit = text[-1:].lower() if not text[-1:].isdecimal() else ""
    number = text[: len(text) - len(unit)]
    try:
        value = int(float(number) * _UNITS[unit])
    except (KeyError, ValueError, OverflowError):
        value = 0
    if value < 1:
        raise UsageError(
            f"--sample {text!r} is not a number of bytes", hint="for example 500k, 50M or 2G"
        )
    return value


def parse_shares(text: str) -> dict[str, float]:
    """Return the share of each language, scaled to a sum of 1: "zh=0.5,en=0.5"."""
    shares: dict[str, float] = {}
    for part in text.split(","):
        name, _, number = part.partition("=")
        try:
            value = float(number)
        except ValueError:
            value = 0.0
        # Comparisons with NaN are false, so that it is refused here too.
        if not name.strip() or not 0 < value < float("inf") or name.strip() in shares:
            raise UsageError(
                f"--share {text!r} is not of the form language=share,…",
                hint="for example --share zh=0.5,en=0.5",
            )
        shares[name.strip()] = value
    total = sum(shares.values())
    # Each is finite, the sum need not be: 1e308 twice.
    if total == float("inf"):
        raise UsageError(f"--share {text!r} is too much to add up", hint="for example zh=1,en=1")
    return {name: value / total for name, value in sorted(shares.items())}
