"""No regular expression of the sources takes time that grows faster than its input.

Every pattern is found by syntax tree, taken from its imported module, and tried in the way in which
that module uses it on long runs of the pieces that the pattern itself is made of.
"""

from __future__ import annotations

import ast
import importlib
import itertools
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from types import FrameType, ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted(
    path
    for folder in ("packages", "plugins")
    for path in (ROOT / folder).glob("*/src/**/*.py")
    if re.search(r"\bre\.[a-z]+\(", path.read_text("utf-8"))
)
LENGTH = 8_000  # characters; a step for each pair of them is 0.06e9 steps, half a second
SECONDS = 0.15  # CPU; a linear pattern takes 1 to 5 ms
FIRST = 2_000, 0.006  # characters and seconds; what grows by the square takes a sixteenth, 0.009 s
CALLS = {"compile", "search", "match", "fullmatch", "findall", "finditer", "split", "sub", "subn"}
SCANS = {"search", "findall", "finditer", "split", "sub", "subn"}
NOT_TRIED = {
    "mind_clean.transforms.line_hashes": "each key of a lexicon, escaped: a literal",
    "mind_tok.language_counts": "runs of one class of bytes",
    "mind_tok.chat_template_ids": "the escaped names of control tokens",
    "mind_train.device": "the escaped name of a device",
    "mind_eval.benchmarks.layouts.reasoning": "begins with one given letter, at the start",
    "mind_eval.prompts.templates": "a task's own pattern, on an item of its own",
    "mind_eval.metrics.items": "a task's own pattern, compiled to see that it is one",
    "mind_eval.metrics.latex.spelling": "literals, and names of environments without a repeat",
    "mind_eval.metrics.written": "one letter of the choices, at the start",
}
SHORT = {r"\[.*?\]"}  # lm-eval's own rule for an item of HellaSwag
Pattern = re.Pattern[Any]


class TooSlowError(Exception):
    """A pattern ran out of its CPU time."""


def module_of(path: Path) -> ModuleType:
    parts = path.relative_to(next(p for p in path.parents if p.name == "src")).with_suffix("").parts
    return importlib.import_module(".".join(parts[:-1] if parts[-1] == "__init__" else parts))


def patterns_of(path: Path) -> Iterator[tuple[str, Pattern, bool]]:
    """Yield name, pattern, and whether it is searched for at every place, for each of a file."""
    module = module_of(path)
    tree = ast.parse(path.read_text("utf-8"))
    used: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            used.setdefault(node.value.id, set()).add(node.attr)
    names = {id(n.value): n.targets[0].id for n in ast.walk(tree)
             if isinstance(n, ast.Assign) and isinstance(n.targets[0], ast.Name)}  # fmt: skip
    for node in ast.walk(tree):
        if not (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "re"
            and node.func.attr in CALLS
        ):
            continue
        try:
            pattern = value_of(node.args[0], module)
            flags = [value_of(k.value, module) for k in node.keywords if k.arg == "flags"]
            if node.func.attr == "compile" and len(node.args) > 1:
                flags.append(value_of(node.args[1], module))
        except NameError:
            made = at_first_use(module)
            if made:
                yield from ((name, pattern, True) for name, pattern in made)
                continue
            assert module.__name__ in NOT_TRIED or held(module), f"{path}:{node.lineno}"
            continue
        if pattern in SHORT:
            continue
        name = names.get(id(node), f"line {node.lineno}")
        how = used.get(name, set()) & CALLS or {node.func.attr}
        yield name, re.compile(pattern, *flags), bool(how & SCANS) or how == {"compile"}
    for name, pattern in held(module):
        yield name, pattern, True


def value_of(node: ast.expr, module: ModuleType) -> Any:
    return eval(compile(ast.Expression(node), "<pattern>", "eval"), vars(module))


def at_first_use(module: ModuleType) -> list[tuple[str, Pattern]]:
    """Return the patterns that cached functions of a module make."""
    made = [
        (name, value())
        for name, value in vars(module).items()
        if hasattr(value, "cache_info") and value.__module__ == module.__name__
        and value.__wrapped__.__annotations__.get("return") == "re.Pattern[str]"
    ]  # fmt: skip
    return [(name, value) for name, value in made if isinstance(value, re.Pattern)]


def held(module: ModuleType) -> list[tuple[str, Pattern]]:
    """Return the patterns inside of a module's tuples, lists and mappings."""
    found = []
    for name, value in vars(module).items():
        inside = list(value.values()) if isinstance(value, dict) else value
        waiting = list(inside) if isinstance(inside, (list, tuple)) else []
        while waiting:
            item = waiting.pop()
            if isinstance(item, re.Pattern):
                found.append((name, item))
            elif isinstance(item, (list, tuple)):
                waiting += item
    return found


def pieces(pattern: Pattern) -> tuple[list[str], list[str], list[str]]:
    """Return characters that a pattern knows, strings of its parts, and what leads to its loops."""
    text = pattern.pattern
    source = text.decode("latin-1") if isinstance(text, bytes) else text
    ascii_only = re.ASCII if isinstance(text, bytes) else 0
    tree = parser.parse(source, (pattern.flags & ~re.UNICODE) | ascii_only)
    atoms: dict[str, None] = {}
    parts: dict[str, None] = {}
    heads: dict[str, None] = {"": None}
    for which in (0, -1):
        sample(tree, atoms, parts, heads, which)
    short = [[text for text in texts if len(text) <= 200] for texts in (atoms, parts, heads)]
    return short[0], short[1], short[2]


def sample(
    tree: Any,
    atoms: dict[str, None],
    parts: dict[str, None],
    heads: dict[str, None],
    which: int,
    before: str = "",
) -> str:
    """Return a string that a parsed pattern matches; note its parts, and what leads to a loop."""
    written = ""

    def inner(tree: Any) -> str:
        return sample(tree, atoms, parts, heads, which, before + written)

    for operation, argument in tree:
        if operation in (op.LITERAL, op.NOT_LITERAL):
            piece = chr(argument) if operation is op.LITERAL else other_than(chr(argument))
            atoms[piece] = None
        elif operation is op.ANY:
            piece = "x"
            atoms[piece] = None
        elif operation is op.IN:
            choices = characters(argument)
            atoms.update(dict.fromkeys(choices))
            piece = choices[which]
        elif operation is op.CATEGORY:
            piece = characters([(operation, argument)])[0]
            atoms[piece] = None
        elif operation is op.BRANCH:
            piece = [inner(branch) for branch in argument[1]][which]
        elif operation is op.SUBPATTERN:
            piece = inner(argument[-1])
        elif operation in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
            heads[before + written] = None
            piece = inner(argument[2]) * max(argument[0], 1)
        elif operation is op.ATOMIC_GROUP:
            piece = inner(argument)
        elif operation in (op.ASSERT, op.ASSERT_NOT):
            piece = inner(argument[1])
            if operation is op.ASSERT_NOT or argument[0] > 0 or written:
                piece = ""
        else:
            piece = ""
        parts[piece] = None
        written += piece
        parts[written] = None
    return written


def other_than(character: str) -> str:
    return "x" if character != "x" else "y"


def characters(members: list[Any]) -> list[str]:
    """Return some characters of a class."""
    usual = "aZ0 _-.,;:/\\\n\t'\"<>&#@中，。é\u3000"
    found = []
    negated = bool(members) and members[0][0] is op.NEGATE
    for operation, argument in members:
        if operation is op.LITERAL:
            found.append(chr(argument))
        elif operation is op.RANGE:
            found += [chr(argument[0]), chr(argument[1])]
        elif operation is op.CATEGORY:
            known = {
                op.CATEGORY_DIGIT: "0", op.CATEGORY_NOT_DIGIT: "a,", op.CATEGORY_SPACE: " \n",
                op.CATEGORY_NOT_SPACE: "a,", op.CATEGORY_WORD: "a0中", op.CATEGORY_NOT_WORD: ", ",
            }  # fmt: skip
            found += known[argument]
    if negated:
        return [c for c in usual if c not in found] or ["\u2603"]
    return found[:12]


def inputs(pattern: Pattern) -> Iterator[tuple[str, str]]:
    """Yield what begins a text, and what a long one repeats, made of what a pattern knows."""
    atoms, parts, heads = pieces(pattern)
    atoms = atoms[:: max(1, len(atoms) // 9)]
    units = [part for part in dict.fromkeys([*atoms, *list(parts)[-40:]]) if part]
    units += ["".join(pair) for pair in itertools.permutations(atoms, 2)]
    heads = heads[:: max(1, len(heads) // 6)]
    for unit in dict.fromkeys(units):
        for start in heads if len(unit) < 6 else [""]:
            yield start, unit


def text_of(start: str, unit: str, length: int) -> str:
    return f"a{start}{unit * (length // len(unit))}\u2603\n"


def is_slow(pattern: Pattern, start: str, unit: str, scans: bool) -> bool:
    """Tell whether a pattern takes too long; a long text only follows a short one that may be."""
    length, limit = FIRST
    if seconds(pattern, text_of(start, unit, length), scans) < limit:
        return False
    return seconds(pattern, text_of(start, unit, LENGTH), scans) >= SECONDS


def anchored(pattern: Pattern) -> bool:
    """Return whether a pattern asks for the start of a line or text."""
    written = pattern.pattern if isinstance(pattern.pattern, str) else repr(pattern.pattern)
    return bool(re.search(r"\^|\\A", re.sub(r"\[\^", "", written)))


def seconds(pattern: Pattern, text: str, scans: bool) -> float:
    """Return the CPU time of a use, SECONDS at the most."""
    subject: Any = text.encode("utf-8") if isinstance(pattern.pattern, bytes) else text
    started = time.process_time()
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
        try:
            if scans:
                for _ in pattern.finditer(subject):
                    pass
                if anchored(pattern):  # its loops are reached from the start of a text alone
                    for _ in pattern.finditer(subject[1:]):
                        pass
            else:
                pattern.match(subject[1:])
                pattern.fullmatch(subject[1:])
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    except TooSlowError:
        return SECONDS
    return time.process_time() - started


def stop(_: int, __: FrameType | None) -> None:
    raise TooSlowError


@pytest.mark.timeout(0)
@pytest.mark.parametrize("path", SOURCES, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_patterns_take_linear_time(path: Path) -> None:
    before = signal.signal(signal.SIGVTALRM, stop)
    slow: list[str] = []
    try:
        for name, pattern, scans in patterns_of(path):
            for start, unit in inputs(pattern):
                if is_slow(pattern, start, unit, scans):
                    slow.append(f"{name} on {start!r}, {unit!r}: {pattern.pattern[:200]!r}")
                    break
    finally:
        signal.signal(signal.SIGVTALRM, before)
    assert not slow, "\n".join(slow)
