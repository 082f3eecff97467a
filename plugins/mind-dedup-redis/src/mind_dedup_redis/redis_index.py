"""The index in Redis, through datasketch's own storage: other machines and later runs see it.

A key of a record is a set of record numbers, as in datasketch's `MinHashLSH`; the record itself
(its keys, its shingles, its id) lies beside it, for the exact comparison. Records count when their
run has ended: numbers of a run that was killed are passed over, and are not given again.
"""

from __future__ import annotations

import os
import secrets
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import numpy.typing as npt

from mind_core.errors import MindError, UsageError
from mind_core.kernels.hashing import Hashes
from mind_core.servers import check_address
from mind_core.untrusted import whole_number
from mind_dedup.backend import IndexPlan
from mind_dedup.fingerprints import Fingerprints
from mind_dedup.signature import reason_of
from mind_dedup.store import IntArray, Store, StoredRecords

PASSWORD = "MIND_REDIS_PASSWORD"
"""Where the password of a server comes from; never the address, which a process list shows."""

_HEAD = struct.Struct("<II")  # keys, bytes of the set
_LOCK_SECONDS = 120
_DIGITS = 18  # all that fit into an int64

# Scripts are one step of the server: nobody takes the lock between question and answer.
_WRITE = """
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('pexpire', KEYS[1], ARGV[2])
if ARGV[3] == 'set' then redis.call('set', KEYS[2], ARGV[4])
elseif ARGV[3] == 'rpush' then redis.call('rpush', KEYS[2], ARGV[4]) end
return 1
"""
_RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end"


class Lock:
    """Hold an index for one run: nothing is written once another run has taken it over."""

    def __init__(self, server: Any, name: bytes) -> None:
        self._server, self._key = server, name + b"lock"
        self._token = secrets.token_hex(16).encode()
        self._write, self._free = map(server.register_script, (_WRITE, _RELEASE))

    def take(self) -> bool:
        """Take the lock if nobody has it; it ends by itself, as a run that was killed cannot."""
        taken = self._server.set(self._key, self._token, nx=True, px=1000 * _LOCK_SECONDS)
        return bool(taken)

    def write(self, command: str, key: bytes, value: str) -> None:
        """Write `set` or `rpush` and hold on; raise `MindError` if the lock is another run's."""
        given = [self._token, 1000 * _LOCK_SECONDS, command, value]
        if not self._write(keys=[self._key, key], args=given):
            raise MindError(
                "another run has taken over the index in Redis",
                cause=f"for {_LOCK_SECONDS} s this run wrote nothing, so its lock had ended",
                hint="run it again; what it has written does not count",
            )

    def release(self) -> None:
        """Give the lock back; one that is another run's by now stays."""
        self._free(keys=[self._key], args=[self._token])


@contextmanager
def open_redis(url: str, plan: IndexPlan) -> Iterator[tuple[RedisStore, RedisIndex]]:
    """Open an index in Redis for one run; raise `MindError` if that cannot be."""
    check_address(url, f"set {PASSWORD} instead")
    try:
        # Only now, so that the plugin can be listed where the packages are not installed.
        redis: Any = import_module("redis")
        unordered_storage = import_module("datasketch.storage").unordered_storage
    except ImportError:
        raise MindError(
            "the package redis is not installed", hint="pip install mind-dedup-redis"
        ) from None
    parts = urlsplit(url)
    names = parse_qs(parts.query).get("name", ["mind-dedup"])
    database = whole_number(parts.path.strip("/") or "0")
    try:
        # Raises ValueError for a port that is no number, or above 65535.
        port = parts.port or 6379
    except ValueError:
        port = 0
    if database is None or len(names) != 1 or not port:
        raise UsageError(f"{url!r} is no index", hint="redis://HOST:PORT/DB?name=INDEX")
    server: dict[str, Any] = {"host": parts.hostname or "localhost", "port": port,
              "db": database, "password": os.environ.get(PASSWORD)}  # fmt: skip
    config = {"type": "redis", "redis": server}
    name = f"mind-dedup:{names[0]}:".encode()
    try:
        keys, records = (unordered_storage(config, name + part) for part in (b"k:", b"r:"))
        meta = redis.Redis(**server)
        meta.ping()
    except redis.RedisError as error:
        raise MindError(
            f"no Redis answers at {server['host']}:{server['port']}",
            cause=error,
            hint="start redis-server, or look at the address",
        ) from None
    lock = Lock(meta, name)
    if not lock.take():
        raise MindError(
            f"the index {names[0]!r} is being extended by another run",
            hint=f"wait for it; a run that was killed is forgotten after {_LOCK_SECONDS} s",
        )
    try:
        wanted = plan.scheme
        found = meta.get(name + b"scheme")
        if found is not None and found.decode() != wanted:
            raise MindError(
                f"the index {names[0]!r} has keys of scheme {found.decode()!r}, "
                f"this run makes {wanted!r}",
                hint="give the index another name, or use its signature, slots and bands",
            )
        lock.write("set", name + b"scheme", wanted)
        # Shingles have 32 bits, the other halves of keys that decide have 64.
        width = np.uint32 if reason_of(plan.signature) is None else np.uint64
        store = RedisStore(meta, lock, name, records, width)
        yield store, RedisIndex(store, keys)
    finally:
        lock.release()


class RedisStore(Store):
    """Hold kept records in Redis, by numbers that go on from run to run."""

    def __init__(
        self, meta: Any, lock: Lock, name: bytes, records: Any, width: npt.DTypeLike
    ) -> None:
        super().__init__()
        self._lock, self._name, self._records, self._width = lock, name, records, np.dtype(width)
        self._base = self._next = _number(meta.get(name + b"next") or b"0")
        self._runs: list[tuple[int, int]] = []
        for span in meta.lrange(name + b"runs", 0, -1):
            first, _, end = span.partition(b":")
            self._runs.append((_number(first), _number(end)))

    def __len__(self) -> int:
        return self._next

    def counts(self, numbers: IntArray) -> npt.NDArray[np.bool_]:
        """Say which numbers are of this run or of one that has ended."""
        # Numbers of a run that was killed lie between the spans of those that ended.
        known = numbers >= self._base
        for first, end in self._runs:
            known |= (numbers >= first) & (numbers < end)
        return known

    def add(
        self, prints: Fingerprints, keep: npt.NDArray[np.bool_], entered: npt.NDArray[np.bool_]
    ) -> None:
        """Keep the marked rows of a batch, with those of their keys that were entered."""
        rows = np.flatnonzero(keep).tolist()
        first, self._next = self._next, self._next + len(rows)
        # The numbers are taken before they are used: a killed run leaves none that are given again.
        # A long run keeps its lock by this.
        self._lock.write("set", self._name + b"next", str(self._next))
        ends = prints.key_ends
        for number, row in enumerate(rows, first):
            begin = int(ends[row - 1]) if row else 0
            own = prints.keys[begin : ends[row]][entered[begin : ends[row]]].tobytes()
            members = prints.set_of(row).astype(self._width).tobytes()
            # The id last: its length is what is left.
            blob = _HEAD.pack(len(own) // 8, len(members)) + own + members + prints.ids[row]
            self._records.insert(b"%d" % number, blob, buffer=True)
        self._records.empty_buffer()

    def id_of(self, number: int) -> bytes:
        """Return the id of a kept record, as JSON."""
        return self._split([number])[0][2]

    def gather(self, numbers: Sequence[int]) -> StoredRecords:
        """Return the keys and sets of kept records."""
        parts = self._split(numbers)
        keys = [np.frombuffer(part[0], np.uint64) for part in parts]
        sets = [np.frombuffer(part[1], self._width) for part in parts]
        return StoredRecords(
            np.concatenate(keys) if keys else np.zeros(0, np.uint64),
            np.cumsum([len(k) for k in keys], dtype=np.int64),
            np.concatenate(sets) if sets else np.zeros(0, self._width),
            np.cumsum([len(s) for s in sets], dtype=np.int64),
        )

    def commit(self) -> None:
        """Make the records of this run count."""
        if self._next > self._base:
            # One push for all: records of a run count together, or none of them does.
            span = f"{self._base}:{self._next}"
            self._lock.write("rpush", self._name + b"runs", span)

    def _split(self, numbers: Sequence[int]) -> list[tuple[bytes, bytes, bytes]]:
        """Return keys, set and id of each record."""
        answers = self._records.getmany(*(b"%d" % number for number in numbers))
        found = []
        for answer in answers:
            blob = bytes(next(iter(answer), b""))
            keys, size = _HEAD.unpack_from(blob) if len(blob) > _HEAD.size else (0, 0)
            middle = _HEAD.size + 8 * keys
            end = middle + size
            # What is left is the id, which is never empty.
            if len(answer) != 1 or end >= len(blob) or size % self._width.itemsize:
                raise _damaged(f"a record of {len(blob)} bytes is none")
            found.append((blob[_HEAD.size : middle], blob[middle:end], blob[end:]))
        return found


class RedisIndex:
    """Hold the keys of kept records in Redis: each is a set of record numbers."""

    def __init__(self, store: RedisStore, keys: Any) -> None:
        self._store, self._keys = store, keys

    def find(self, keys: Hashes) -> tuple[IntArray, IntArray]:
        """Return places in `keys`, ascending, and the numbers of records that have it."""
        answers = self._keys.getmany(*map(_name_of, keys.tolist()))
        counts = np.array([len(answer) for answer in answers], np.int64)
        places = np.repeat(np.arange(len(keys)), counts)
        found = [_number(number) for answer in answers for number in answer]
        numbers = np.array(found, np.int64)
        # A key may still have records of runs that were killed, which nobody removes.
        known = self._store.counts(numbers)
        return places[known], numbers[known]

    def add(self, keys: Hashes, records: IntArray) -> None:
        """Enter one key of one record at each place."""
        for key, number in zip(keys.tolist(), records.tolist(), strict=True):
            self._keys.insert(_name_of(key), b"%d" % number, buffer=True)
        self._keys.empty_buffer()


def _number(text: bytes) -> int:
    """Return a number of a record as the server gave it."""
    if not text.isdigit() or len(text) > _DIGITS:
        raise _damaged(f"{text[:40]!r} is no number of a record")
    return int(text)


def _damaged(cause: str) -> MindError:
    return MindError(
        "the index in Redis is damaged, or something else writes there",
        cause=cause,
        hint="give the index another name, or take another database of the server",
    )


def _name_of(key: int) -> bytes:
    return b"%016x" % key
