"""What a component may do with a record, held at the place where it is called.

What it returns goes on. All else is an error that names it: an exception of any kind (also
`sys.exit`), a wrong type, an argument that was changed, a number that is not finite.
"""

from __future__ import annotations

import math
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mind_core.errors import ComponentError, MindError


class Interrupted(KeyboardInterrupt):
    """Ctrl-C or SIGTERM, as the tool's own handler raises it; no component can."""


def is_interrupt(error: BaseException) -> bool:
    """Return whether an exception is a person's or the system's wish, not a component's doing."""
    if isinstance(error, Interrupted):
        return True
    # A worker ignores SIGINT, and a tool has its own handler: with neither this is a library call.
    by_default = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    return isinstance(error, KeyboardInterrupt) and by_default


def failure(component: str, position: str, line: bytes, error: BaseException) -> ComponentError:
    """Return the error for what a component raised on a record; a real interrupt goes on."""
    if is_interrupt(error):
        raise error
    return ComponentError(component, position, line, describe_exception(error))


def failure_to_start(component: str, error: BaseException) -> MindError:
    """Return the error for what a component raised before any record; an interrupt goes on."""
    if is_interrupt(error):
        raise error
    return MindError(
        f"{component} failed to start",
        cause=describe_exception(error),
        hint="report it to the author of the plugin, or leave the component out",
    )


@contextmanager
def calling(component: str, where: str = "") -> Iterator[None]:
    """Name a component in the error for whatever it raises in this block.

    A `MindError` and a real interrupt go on as they are. For components that are asked about many
    records at once; where one record is at fault, `failure` names it.
    """
    try:
        yield
    except MindError:
        raise
    except BaseException as error:
        if is_interrupt(error):
            raise
        raise MindError(
            f"{component} failed{where and ' on ' + where}",
            cause=describe_exception(error),
            hint="report it to the author of the plugin",
        ) from error


def describe_exception(error: BaseException) -> str:
    """Return an exception in words; one that tries to end the program says so."""
    words = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    ends = isinstance(error, SystemExit | KeyboardInterrupt | GeneratorExit)
    return f"{words} (a component may not end the program)" if ends else words


def wrong_reason(reason: object) -> str | None:
    """Return what is wrong with a filter's answer: None or a reason that can be counted is fine."""
    if reason is None:
        return None
    if not isinstance(reason, str):
        return f"it returned {reason!r:.80}, neither None nor a reason"
    if not reason or any(character.isspace() for character in reason):
        return f"its reason is {str(reason)!r:.80}, not a word: None keeps a record"
    return not_finite({name: getattr(reason, name, None) for name in ("value", "threshold")})


def not_finite(value: Any) -> str | None:
    """Return where a value holds a number that is not finite, which JSON would turn into null."""
    where = _not_finite_at(value, 0)
    return None if where is None else f"a number that is not finite{where}"


def finite_number(value: object) -> float:
    """Return a component's number as a float; raise `ValueError` if it is none, or not finite."""
    if isinstance(value, bool | str | bytes) or not hasattr(value, "__float__"):
        raise ValueError(f"it returned {value!r:.80}, not a number")
    try:
        number = float(value)
    except OverflowError:  # an integer above 10³⁰⁸
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"it returned {number}, which is not finite")
    return number


_MAX_DEPTH = 255


def _not_finite_at(value: Any, depth: int) -> str | None:
    # Before the depth is looked at: numbers are most of what comes here.
    if isinstance(value, float):
        return None if math.isfinite(value) else f": {value}"
    if depth > _MAX_DEPTH:  # what orjson refuses to write
        return None
    if isinstance(value, dict):
        pairs = value.items()
    elif isinstance(value, list | tuple):
        pairs = enumerate(value)  # type: ignore[assignment]
    else:
        return None
    for key, inner in pairs:
        if isinstance(inner, float | dict | list | tuple):
            where = _not_finite_at(inner, depth + 1)
            if where is not None:
                return f" at {key}{where}" if depth == 0 else f".{key}{where}"
    return None
