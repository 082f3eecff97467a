"""Read files that were altered, many thousands of them, each within 4 GiB and 10 s.

A reader may refuse with `MindError`, or read what it finds. All else is a fault: another exception,
a signal, a hang. Readers run in forked children, a stretch of mutations each; a child that dies is
told by the number that it was at, and the next one goes on behind it.
"""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mind_core.errors import MindError

SECONDS, MEMORY = 10.0, 4 << 30
AT_ONCE = 200
EXTREMES = (
    b"\0", b"\xff", b"\0" * 4, b"\xff" * 4, b"\xff" * 8, b"\0\0\0\x80", b"\xff\xff\xff\x7f",
    b"\0" * 7 + b"\x80", b"\xff" * 7 + b"\x7f", b"\x01" + b"\0" * 7, b"\x80" * 10 + b"\x01",
)  # fmt: skip
DEEP = "[" * 2000 + "]" * 2000
VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 1, 2**31, 2**63, 2**64 - 1, 10**30, 1.5, 1e308, -0.0, "", "../x", "\0",
    "x" * 70_000, "\ud7ff\U0001f600\u202e", [], {}, [[]], [None], {"": None}, "O", "1", [1, "a"],
)  # fmt: skip

Read = Callable[[Path], object]


class _Hang(BaseException):
    """Ten CPU seconds are over."""


@dataclass
class Tally:
    """What became of mutations: refused, read, and faults by what they were, with an example."""

    refused: int = 0
    read: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    examples: dict[str, int] = field(default_factory=dict)

    def note(self, number: int, outcome: str) -> None:
        """Count an outcome."""
        if outcome in ("refused", "read"):
            setattr(self, outcome, getattr(self, outcome) + 1)
            return
        self.faults[outcome] += 1
        self.examples.setdefault(outcome, number)


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Alter bytes: flip, overwrite, cut, insert, repeat, or move some."""
    if chance.random() < 0.3 and (changed := _json_mutated(data, chance)) is not None:
        return changed
    out = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 5, 20))):
        at = chance.randrange(len(out) + 1)
        some = min(len(out) - at, chance.choice((1, 2, 8, 64, 1024)))
        kind = chance.randrange(8)
        if kind == 0 and at < len(out):
            out[at] ^= 1 << chance.randrange(8)
        elif kind == 1 and at < len(out):
            out[at] = chance.randrange(256)
        elif kind == 2:
            extreme = chance.choice(EXTREMES)
            out[at : at + len(extreme)] = extreme
        elif kind == 3:
            del out[at : None if chance.random() < 0.3 else at + some]
        elif kind == 4:
            out[at:at] = out[at : at + some] * chance.choice((1, 2, 50))
        elif kind == 5:
            out[at:at] = chance.randbytes(some)
        elif kind == 6:
            other = chance.randrange(len(out) + 1)
            out[at : at + some] = out[other : other + some]
        else:
            out = out.replace(*_digits(bytes(out), chance), 1)
    return bytes(out)


def _digits(data: bytes, chance: random.Random) -> tuple[bytes, bytes]:
    """Choose a number that stands in the bytes as digits, and another one."""
    import re

    found = re.findall(rb"\d+", data[:100_000])
    wanted = str(chance.choice((0, 1, -1, 2**31, 2**63, 10**12, 10**40))).encode()
    return (chance.choice(found), wanted) if found else (b"\0\0", wanted)


def _json_mutated(data: bytes, chance: random.Random) -> bytes | None:
    """Alter one value of a JSON document, or of one line of many; None if it is none."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        lines = data.split(b"\n")
        place = chance.randrange(len(lines))
        if len(lines) < 2 or (changed := _json_mutated(lines[place], chance)) is None:
            return None
        return b"\n".join([*lines[:place], changed, *lines[place + 1 :]])
    places: list[tuple[Any, Any]] = []
    waiting = [document]
    while waiting:
        one = waiting.pop()
        if not isinstance(one, (dict, list)):
            continue
        pairs = one.items() if isinstance(one, dict) else enumerate(one)
        for key, value in list(pairs)[:300]:
            places.append((one, key))
            waiting.append(value)
    if not places:
        return None
    holder, key = chance.choice(places)
    kind = chance.randrange(5)
    if kind == 0:
        del holder[key]
    elif kind == 1:
        holder[key] = [holder[key]] * chance.choice((1, 2))
    else:
        holder[key] = chance.choice(VALUES)
    made = json.dumps(document).encode()
    return made.replace(b'"\\u0000"', DEEP.encode(), 1) if kind == 2 else made


def _outcome(read: Read, path: Path) -> str:
    """Read once, in the child."""
    signal.setitimer(signal.ITIMER_PROF, SECONDS, 1.0)
    try:
        read(path)
    except MindError as error:
        return "refused" if error.message else "an error without a message"
    except _Hang:
        return "a hang"
    except BaseException as error:
        frames = traceback.extract_tb(error.__traceback__)
        ours = [f for f in frames if "/mind_" in f.filename] or frames
        return f"{type(error).__name__} at {Path(ours[-1].filename).name}:{ours[-1].lineno}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return "read"


def _ring(*_: object) -> None:
    raise _Hang


def _child(
    numbers: Sequence[int], make: Callable[[int], Path], read: Read, out: int, watched: bool
) -> None:
    """Work on some mutations and tell each outcome."""
    signal.signal(signal.SIGPROF, _ring)
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, size + MEMORY))
    quiet = os.open(os.devnull, os.O_WRONLY)
    if watched:
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
    for number in numbers:
        path = make(number)
        # what holds on to memory or time within other libraries ends the child
        used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
        soft = int(used + 3 * SECONDS) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))
        os.write(out, json.dumps([number, _outcome(read, path)]).encode() + b"\n")
    os._exit(0)


def try_mutations(count: int, make: Callable[[int], Path], read: Read, *, first: int = 0) -> Tally:
    """Read mutations `first` … `first + count`, which `make` writes by their number."""
    tally = Tally()
    left = list(range(first, first + count))
    while left:
        some = left[:AT_ONCE]
        ours, theirs = os.pipe()
        child = os.fork()
        if not child:
            os.close(ours)
            try:
                _child(some, make, read, theirs, True)
            finally:
                os._exit(1)
        os.close(theirs)
        done = 0
        with os.fdopen(ours, "rb") as told:
            for line in told:
                tally.note(*json.loads(line))
                done += 1
        _, status = os.waitpid(child, 0)
        if done < len(some):
            died = os.WTERMSIG(status) if os.WIFSIGNALED(status) else status
            tally.note(some[done], f"the process ended ({died})")
            done += 1
        left = left[done:]
    return tally
