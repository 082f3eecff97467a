"""Requests that are paid for once: a log of every answer, limits, and a pool of threads."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO

import orjson

from mind_core import MindError
from mind_core.locks import open_log as open_log_file
from mind_core.locks import take_lock
from mind_domain.teachers import Decoding, Reply, Writer

Messages = Sequence[Mapping[str, str]]


@dataclass(frozen=True)
class Limits:
    """What may be asked for: at once, a minute, and in all (0 is no limit)."""

    concurrency: int = 4
    per_minute: int = 0
    requests: int = 0
    tokens: int = 0


@dataclass(frozen=True)
class Request:
    """One conversation to be answered by one writer; `attempt` makes another of the same."""

    writer: str
    messages: tuple[Mapping[str, str], ...]
    decoding: Decoding
    attempt: int = 0

    @property
    def key(self) -> str:
        """Identify the request by all that its answer depends on."""
        whole = orjson.dumps(
            [self.writer, list(self.messages), asdict(self.decoding), self.attempt]
        )
        return hashlib.sha256(whole).hexdigest()


@dataclass
class RequestLog:
    """Keep answers in a file of JSON lines, each synced before the next is waited for.

    A run that was killed goes on where it was: what is in the file is not asked again. Only a last
    line that was torn is cut off. Without a path answers are kept in memory alone.
    """

    path: Path | None = None
    answers: dict[str, Reply] = field(default_factory=dict)
    asked: int = 0
    tokens: int = 0
    _file: IO[bytes] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, request: Request, reply: Reply) -> None:
        """Write an answer; when this returns it outlasts a kill."""
        # Several threads answer at once; a line must not be written into another.
        with self._lock:
            self.answers[request.key] = reply
            self.asked += 1
            self.tokens += reply.tokens
            if self._file is None:
                return
            line = {
                "key": request.key,
                "writer": request.writer,
                "messages": list(request.messages),
                "decoding": asdict(request.decoding),
                "attempt": request.attempt,
                **asdict(reply),
            }
            self._file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
            self._file.flush()
            # On the disk before it counts: an answer that was paid for is worth a sync.
            os.fsync(self._file.fileno())


@contextmanager
def open_log(path: Path | None) -> Iterator[RequestLog]:
    """Open a log, reading what an earlier run left; a second run at once is refused."""
    if path is None:
        yield RequestLog()
        return
    try:
        opened = open_log_file(path)
    except OSError as error:
        raise MindError(
            f"cannot write {path}", cause=error.strerror, hint="--log takes a file, and no link"
        ) from None
    with opened as file:
        # Two runs would ask the same questions, and pay twice.
        if not take_lock(file, path):
            raise MindError(
                f"{path} is in use", hint="wait for the other run, or give another --log"
            )
        log = RequestLog(path, _file=file)
        log.answers = _read_log(file, path)
        yield log


_BEGINS = b'{"key":'


def _read_log(file: IO[bytes], path: Path) -> dict[str, Reply]:
    file.seek(0)
    answers: dict[str, Reply] = {}
    whole = 0
    for number, line in enumerate(file, 1):
        if not line.endswith(b"\n"):
            # A torn line of this log begins as all do; anything else is a file of somebody's, which
            # must not be cut off.
            if not line.startswith(_BEGINS[: len(line)]):
                raise MindError(
                    f"{path}:{number}: no line of a log of requests", hint="give another --log"
                )
            break  # the last line of a run that was killed
        try:
            entry = orjson.loads(line)
            answers[entry["key"]] = Reply(entry["text"], entry["finish"], entry["tokens"])
        except (orjson.JSONDecodeError, LookupError, TypeError):
            raise MindError(
                f"{path}:{number}: no line of a log of requests", hint="give another --log"
            ) from None
        whole += len(line)
    # The torn line goes, or the next answer would be written on behind it.
    file.truncate(whole)
    file.seek(0, os.SEEK_END)
    return answers


class _Pace:
    """Let so many requests begin a minute, evenly."""

    def __init__(self, per_minute: int, pause: Callable[[float], None]) -> None:
        self.gap = 60.0 / per_minute if per_minute else 0.0
        self.next = 0.0
        self.pause = pause
        self.lock = threading.Lock()

    def take(self) -> None:
        """Wait for the next turn."""
        if not self.gap:
            return
        with self.lock:
            now = time.monotonic()
            delay = max(0.0, self.next - now)
            # The turn is taken under the lock, and waited for outside of it: other threads queue
            # behind.
            self.next = max(now, self.next) + self.gap
        if delay:
            self.pause(delay)


def answer_all(
    requests: Iterable[Request],
    writers: Mapping[str, Writer],
    log: RequestLog,
    limits: Limits,
    done: Callable[[int], None] | None = None,
    pause: Callable[[float], None] = time.sleep,
) -> Counter[str]:
    """Ask what is not in the log yet, the same request once; counts `asked` and `kept`.

    Raises `MindError` when a limit is reached, or a writer fails, after what is under way is in.
    """
    counts: Counter[str] = Counter()
    wanted: dict[str, Request] = {}
    for request in requests:
        if request.key in log.answers:
            counts["kept"] += 1
        else:
            # One request may stand for several records: it is asked once.
            wanted.setdefault(request.key, request)
    pace = _Pace(limits.per_minute, pause)

    def ask(request: Request) -> None:
        pace.take()
        writer = writers[request.writer]
        log.add(request, writer.write(request.messages, _tried(request)))

    alone = [one for one in wanted.values() if not writers[one.writer].parallel]
    together = [one for one in wanted.values() if writers[one.writer].parallel]
    for request in alone:
        _check_limits(log, limits, len(wanted), 0)
        ask(request)
        counts["asked"] += 1
        if done is not None:
            done(counts["asked"])
    with ThreadPoolExecutor(max_workers=limits.concurrency) as pool:
        running: set[Future[None]] = set()
        try:
            for request in together:
                # No more than this are handed over, so that little is still sent after a limit or a
                # fault.
                while len(running) >= limits.concurrency:
                    running = _collect(running, counts, done)
                _check_limits(log, limits, len(wanted), len(running))
                running.add(pool.submit(ask, request))
            while running:
                running = _collect(running, counts, done)
        except BaseException:
            # What is under way comes in and is logged as the pool closes; what waits is not sent.
            for future in running:
                future.cancel()
            raise
    return counts


def _tried(request: Request) -> Decoding:
    """Return the decoding of an attempt: a later one draws with another seed."""
    from dataclasses import replace

    return replace(request.decoding, seed=request.decoding.seed + request.attempt)


def _collect(
    running: set[Future[None]], counts: Counter[str], done: Callable[[int], None] | None
) -> set[Future[None]]:
    finished, still = wait(running, return_when=FIRST_COMPLETED)
    for future in finished:
        future.result()
        counts["asked"] += 1
        if done is not None:
            done(counts["asked"])
    return still


def _check_limits(log: RequestLog, limits: Limits, wanted: int, running: int) -> None:
    for name, used, limit in (
        # Those under way count as well: they will be paid for.
        ("requests", log.asked + running, limits.requests),
        ("tokens", log.tokens, limits.tokens),
    ):
        if limit and used >= limit:
            raise MindError(
                f"the budget of {limit:,} {name} is used up",
                cause=f"{log.asked:,} of {wanted:,} answers are in",
                hint="they are kept in the log: run again with a larger budget to go on",
            )
