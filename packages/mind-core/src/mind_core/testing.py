"""Checks for plugin authors, used by the built-in components' own tests too.

Each check asserts what the pipeline relies on: an argument that is not touched, the same answer
twice, no crash on odd texts, a component that pickles (workers need that).
"""

from __future__ import annotations

import copy
import importlib
import os
import pickle
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zstandard

from mind_core.records import Record, decode, encode

# Empty, blank, one character, emoji of several code points, control and direction marks, a
# character beyond U+FFFF, and runs on which a pattern that tries again takes for ever.
ODD_TEXTS = (
    "",
    " ",
    "\n\n",
    "字",
    "天地玄黄，宇宙洪荒。",
    "Ordinary English text, with punctuation.",
    "混排 mixed text：中文与 English 123。",
    "👩‍👩‍👧‍👦🇨🇳1️⃣",
    "\u0000\u0007\ufeff\u200b\u2028\u202e",
    "<div>&nbsp;&#x0;</div>",
    "𠮷野家の牛丼",
    "a" * 100_000,
    "啊" * 100_000,
    "1" * 5_000,
)

_SNAKE_CASE = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*(\.[a-z0-9_]+)?")


@dataclass(frozen=True)
class ToolResult:
    """Hold what a run of a tool left: exit code, raw stdout, stderr as text."""

    code: int
    stdout: bytes
    stderr: str

    @property
    def records(self) -> list[Record]:
        """Return stdout's records, decompressed if needed."""
        data = self.stdout
        if data.startswith(b"\x28\xb5\x2f\xfd"):
            data = zstandard.ZstdDecompressor().decompressobj().decompress(data)
        return [decode(line, "stdout") for line in data.split(b"\n") if line.strip()]


def run_tool(
    tool: str,
    arguments: Sequence[str | Path] = (),
    stdin: bytes | Iterable[Record] = b"",
    *,
    folder: str | Path | None = None,
    environment: Mapping[str, str] | None = None,
    seconds: float = 120.0,
) -> ToolResult:
    """Run a tool as its users do, in a process of its own, and return what it left.

    `stdin` is bytes, or records that are written as plain JSONL.
    """
    data = stdin if isinstance(stdin, bytes) else b"".join(encode(record) for record in stdin)
    done = subprocess.run(
        [sys.executable, "-m", tool.replace("-", "_"), *map(str, arguments)],
        input=data,
        capture_output=True,
        cwd=folder,
        env={**os.environ, **(environment or {})},
        timeout=seconds,
        check=False,
    )
    return ToolResult(done.returncode, done.stdout, done.stderr.decode("utf-8", "replace"))


_SIGNALLING = """
import importlib, os
function = getattr({owner}, {name!r})
calls = 0
def counted(*arguments, **options):
    global calls
    answer = function(*arguments, **options)
    calls += 1
    if calls == {call}:
        os.kill(os.getpid(), {number})
    return answer
setattr({owner}, {name!r}, counted)
importlib.import_module({tool!r} + ".cli").main()
"""


def signalling(tool: str, function: str, call: int, number: int) -> list[str]:
    """Return a command line of a tool that signals itself after the n-th call of a function.

    `function` is "package.module:Class.method" or "package.module:function"; the tool's arguments
    are to be appended. A test that kills by the clock depends on the machine, this one does not.
    """
    module, _, path = function.partition(":")
    owner, _, name = f"importlib.import_module({module!r}).{path}".rpartition(".")
    # The function is replaced before the tool is imported, so that it finds the one that counts.
    code = _SIGNALLING.format(
        owner=owner, name=name, call=call, number=int(number), tool=tool.replace("-", "_")
    )
    return [sys.executable, "-c", code]


def check_filter(
    factory: Callable[..., Callable[[Record], str | None]],
    keeps: Sequence[Record | str],
    drops: Sequence[Record | str],
    **options: Any,
) -> None:
    """Assert that a filter keeps and drops what it should, with a reason in one word."""
    made = _pickled(factory(**options))
    for item in keeps:
        reason = _untouched(made, _record(item))
        assert reason is None, f"dropped ({reason}), should be kept: {_quote(item)}"
    for item in drops:
        reason = _untouched(made, _record(item))
        assert reason is not None, f"kept, should be dropped: {_quote(item)}"
        assert _SNAKE_CASE.fullmatch(reason), f"a reason is a snake_case word, not {reason!r}"
    for text in ODD_TEXTS:
        reason = _untouched(made, _record(text))
        assert reason is None or isinstance(reason, str)


def check_transform(
    factory: Callable[..., Callable[[Record], Record]],
    cases: Sequence[tuple[str, str]],
    *,
    twice: bool = True,
    **options: Any,
) -> None:
    """Assert that a transform turns each text into the other and keeps the rest of the record.

    With `twice`, a second pass over its own output must change nothing.
    """
    made = _pickled(factory(**options))
    for before, after in cases:
        result = _untouched(made, _record(before))
        assert result["text"] == after, f"{before!r} became {result['text']!r}, not {after!r}"
        assert result["id"] == "check" and result["extra"] == {"kept": [1, None]}
        if twice:
            again = _untouched(made, result)
            assert again["text"] == after, f"a second pass made {again['text']!r} of {after!r}"
    for text in ODD_TEXTS:
        result = _untouched(made, _record(text))
        assert isinstance(result, dict) and isinstance(result.get("text"), str)
        encode(result)


def check_extractor(
    factory: Callable[..., Callable[[str, str | None], Any]],
    cases: Sequence[tuple[str, Sequence[str], Sequence[str]]],
    **options: Any,
) -> None:
    """Assert that an extractor's text holds some strings and not others: (html, holds, lacks)."""
    made = _pickled(factory(**options))
    for html, holds, lacks in cases:
        text = made(html, None) or ""
        text = text if isinstance(text, str) else str(getattr(text, "text", text))
        for wanted in holds:
            assert wanted in text, f"{wanted!r} is missing from {text!r}"
        for unwanted in lacks:
            assert unwanted not in text, f"{unwanted!r} is in {text!r}"
    # Without the long runs: in their place come tags that never close and deep nesting.
    for odd in (*ODD_TEXTS[:-3], "<p" * 1000, "<div>" * 5000, "<!--", "<script>x"):
        result = made(odd, None)
        assert result == made(odd, None)


def check_signature(
    factory: Callable[..., Callable[[Record], Sequence[bytes]]],
    same: Sequence[tuple[str, str]],
    different: Sequence[tuple[str, str]],
    **options: Any,
) -> None:
    """Assert that a signature makes candidates of the same texts, and not of different ones."""
    made = _pickled(factory(**options))

    def share(pair: tuple[str, str]) -> bool:
        first, second = (set(_untouched(made, _record(text))) for text in pair)
        return bool(first & second)

    for pair in same:
        assert share(pair), f"no common key: {pair}"
    for pair in different:
        assert not share(pair), f"a common key: {pair}"
    for text in ODD_TEXTS:
        assert all(isinstance(key, bytes) for key in _untouched(made, _record(text)))


def check_schedule(
    factory: Callable[..., Callable[[int, int], float]], steps: int = 100, **options: Any
) -> None:
    """Assert that a schedule is a pure factor between 0 and 1 over all steps, 1 … `steps`."""
    made = _pickled(factory(**options))
    values = [made(step, steps) for step in range(1, steps + 1)]
    assert all(0.0 <= value <= 1.0 for value in values), f"outside 0…1: {values}"
    assert values == [made(step, steps) for step in range(1, steps + 1)], "not the same twice"
    assert max(values) > 0.0


def check_architecture(
    factory: Callable[..., Any], *, vocabulary: int = 97, length: int = 12, **options: Any
) -> None:
    """Assert that an architecture keeps its contract; see `mind_train.testing`, where it lives."""
    check = importlib.import_module("mind_train.testing").check_architecture
    check(factory, vocabulary=vocabulary, length=length, **options)


def _record(item: Record | str) -> Record:
    if isinstance(item, str):
        return {"id": "check", "text": item, "extra": {"kept": [1, None]}}
    return item


def _untouched(made: Callable[[Record], Any], record: Record) -> Any:
    """Call a component; assert that it left its argument alone and answers the same twice."""
    original = copy.deepcopy(record)
    # Twice: a component that counts or draws lots would give other bytes with other workers.
    answer = made(record)
    assert record == original, f"the argument was changed: {_quote(record)}"
    again = made(copy.deepcopy(original))
    assert answer == again, f"two answers for one record: {answer!r}, {again!r}"
    return answer


def _pickled(made: Any) -> Any:
    return pickle.loads(pickle.dumps(made))


def _quote(item: Record | str) -> str:
    return repr(item if isinstance(item, str) else item.get("text", item))[:80]
