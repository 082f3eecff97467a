"""Whether two LaTeX answers say the same: structure first, then values; never by rounding.

Kinds are kept apart: a pair is no interval with other brackets, a list no number, an equation no
expression, but for `x = 5` and `5`. Lists and sets have no order, tuples and matrices have.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from mind_eval.metrics.latex.numbers import NotEvaluable, Number
from mind_eval.metrics.latex.spelling import spell, squeezed
from mind_eval.metrics.latex.values import evaluate

POINTS = 2
LONGEST = 1000
"""Characters of an answer that is looked into; what is longer is compared as it stands."""

_RELATION = re.compile(r"\\(?:le|ge|ne|in|equiv|approx)(?![a-zA-Z])|[=<>]")
_FLIPPED = {"<": ">", ">": "<", r"\le": r"\ge", r"\ge": r"\le"}
_MATRIX = re.compile(r"\\begin\{matrix\}(.*)\\end\{matrix\}", re.DOTALL)
_GROUPED = re.compile(r"[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?")
_BASED = re.compile(r"(-?[\dA-F.]+)_\{?(\d+)\}?")
_NAME = re.compile(r"\\?[a-zA-Z]+(?:_\{?\w\}?)?(?:\([a-z]\))?'?")
_PAIRS = {"(": ")", "[": "]", "{": "}"}


def same(one: str, two: str) -> bool:
    """Tell whether two answers are the same."""
    if max(len(one), len(two)) > LONGEST:
        return one.strip() == two.strip()
    (a, unit_a), (b, unit_b) = spell(one), spell(two)
    # A unit on one side alone says nothing: many references leave it out.
    if unit_a and unit_b and unit_a != unit_b:
        return False
    return _same(a, b)


def _same(a: str, b: str, depth: int = 0) -> bool:
    if squeezed(a) == squeezed(b):
        return bool(squeezed(a))
    # A bound for answers that nest without end.
    if depth > 8 or not a.strip() or not b.strip():
        return False
    # Each rule answers, or gives None where it does not know this kind. The order goes from what
    # those after it would misread: a union has brackets, an interval a comma.
    for rule in (_matrices, _based, _grouped, _signs, _unions, _relations, _bracketed, _lists):
        found = rule(a, b, depth)
        if found is not None:
            return found
    return _values(a, b)


def _matrices(a: str, b: str, depth: int) -> bool | None:
    found = [_MATRIX.fullmatch(text.strip()) for text in (a, b)]
    if found == [None, None]:
        return None
    if None in found:
        return False
    rows = [[_top(r, "&") for r in re.split(r"\\\\", one[1]) if r.strip()] for one in found if one]
    # As many rows, and as many cells in each.
    if [list(map(len, r)) for r in rows[:1]] != [list(map(len, r)) for r in rows[1:]]:
        return False
    cells = [[cell for row in one for cell in row] for one in rows]
    return all(_same(x, y, depth + 1) for x, y in zip(*cells, strict=True))


def _based(a: str, b: str, depth: int) -> bool | None:  # noqa: ARG001
    """Compare numerals in a base as they are written: 11_2 is not 3."""
    found = [_BASED.fullmatch(re.sub(r"\s", "", text)) for text in (a, b)]
    if found == [None, None]:
        return None
    one, two = found
    return bool(one and two and one.groups() == two.groups())


def _grouped(a: str, b: str, depth: int) -> bool | None:
    """Take 58,500 for a number as well as for a list."""
    plain = [x.replace(",", "") if _GROUPED.fullmatch(x.strip().lstrip("-")) else x for x in (a, b)]
    if plain == [a, b]:
        return None
    # 58,500 may be the numbers 58 and 500.
    return True if _same(plain[0], plain[1], depth + 1) else _lists(a, b, depth)


def _signs(a: str, b: str, depth: int) -> bool | None:
    """Take `1 \\pm 2` for the list of both values."""
    if "\\pm" not in a and "\\pm" not in b:
        return None
    lists = []
    for text in (a, b):
        # Two signs may go together or each its own way: four values or two.
        if text.count("\\pm") > 1 or "\\mp" in text:
            return False
        both = [text.replace("\\pm", sign) for sign in ("+", "-")] if "\\pm" in text else [text]
        lists.append(", ".join(re.sub(r"^(\s*+(?:\w++\s*+=\s*+)?)\+", r"\1", one) for one in both))
    return _same(lists[0], lists[1], depth + 1)


def _unions(a: str, b: str, depth: int) -> bool | None:
    if "\\cup" not in a and "\\cup" not in b:
        return None
    sides = [_top(_without_membership(text), "\\cup") for text in (a, b)]
    return _matched(sides[0], sides[1], depth)


def _relations(a: str, b: str, depth: int) -> bool | None:
    sides = [_chain(text) for text in (a, b)]
    counts = [len(parts) for parts, _ in sides]
    if counts == [1, 1]:
        return None
    # One side is a relation, the other none.
    if 1 in counts:  # x = 5 beside 5, x in [1, 2] beside [1, 2]
        parts, signs = max(sides, key=lambda side: len(side[0]))
        alone = min(sides, key=lambda side: len(side[0]))[0][0]
        named = len(parts) == 2 and signs[0] in ("=", r"\in")
        if named and _NAME.fullmatch(parts[0].strip()) and "," not in parts[0]:
            return _same(parts[1], alone, depth + 1)
        return _lists(a, b, depth) if "," in a and "," in b else False
    return _same_chains(sides[0], sides[1], depth) or (
        "," in a and "," in b and bool(_lists(a, b, depth))
    )


def _same_chains(
    one: tuple[list[str], list[str]], two: tuple[list[str], list[str]], depth: int
) -> bool:
    # As written, and read from the right: 1 < x is x > 1.
    for parts, signs in (two, (two[0][::-1], [_FLIPPED.get(s, s) for s in two[1][::-1]])):
        if one[1] == signs and all(
            _same(x, y, depth + 1) for x, y in zip(one[0], parts, strict=True)
        ):
            return True
    return one[1] == two[1] == ["="] and _same_equations(one[0], two[0])


def _same_equations(one: Sequence[str], two: Sequence[str]) -> bool:
    """Tell whether two equations differ by a constant factor: 2x = 4y and x = 2y."""
    if any("," in side for side in (*one, *two)):
        return False
    # Both sides' differences at some points: equal ratios everywhere mean one equation.
    ratios = []
    try:
        for point in range(POINTS + 1):
            a, b = (_difference(sides, point) for sides in (one, two))
            # A difference of 0 has no ratio.
            if a.im or b.im or not a.re or not b.re:
                return False
            ratios.append(Number(a.re / b.re, near=a.near or b.near))
    except NotEvaluable:
        return False
    return all(ratio.is_close(ratios[0]) for ratio in ratios[1:])


def _difference(sides: Sequence[str], point: int) -> Number:
    a, b = (evaluate(side, point) for side in sides)
    return Number(a.re - b.re, a.im - b.im, a.near or b.near)


def _bracketed(a: str, b: str, depth: int) -> bool | None:
    """Compare tuples and intervals (in order, same brackets) and sets (in any order)."""
    sides = [_brackets(text) for text in (a, b)]
    if None in sides and not any(side and len(side[1]) > 1 for side in sides):
        return None
    one, two = sides
    if one is None or two is None:
        return False
    # One part in brackets, such as (3): brackets of arithmetic, not of a tuple.
    if len(one[1]) == len(two[1]) == 1 and one[0] != "\\{\\}":
        return None
    if one[0] != two[0] or len(one[1]) != len(two[1]):
        return False
    if one[0] == "\\{\\}":
        return _matched(one[1], two[1], depth)
    return all(_same(x, y, depth + 1) for x, y in zip(one[1], two[1], strict=True))


def _lists(a: str, b: str, depth: int) -> bool | None:
    sides = [_top(text, ",") for text in (a, b)]
    if len(sides[0]) == len(sides[1]) == 1:
        return None
    return _matched(sides[0], sides[1], depth)


def _matched(one: Sequence[str], two: Sequence[str], depth: int) -> bool:
    """Tell whether each part of one has a part of its own in the other."""
    # Each part is compared with each, so long lists would take their square.
    if len(one) != len(two) or len(one) > 24:
        return False
    left = list(two)
    for part in one:
        found = next((place for place, x in enumerate(left) if _same(part, x, depth + 1)), None)
        if found is None:
            return False
        # Taken: 1, 1 and 1, 2 are different lists.
        left.pop(found)
    return True


def _values(a: str, b: str) -> bool:
    if "\\infty" in a or "\\infty" in b:
        spelt = [re.sub(r"\s|\+(?=\\infty)", "", text) for text in (a, b)]
        return spelt[0] == spelt[1]
    if re.fullmatch(r"[A-Za-z]{2}[A-Za-z\s.]*", a) or re.fullmatch(r"[A-Za-z]{2}[A-Za-z\s.]*", b):
        return False  # words, or products of variables that are spelt alike already
    # Names with capital letters on one side alone: these are not the same names.
    if bool(re.search(r"[A-Z]", a)) != bool(re.search(r"[A-Z]", b)):
        return False
    try:
        # Two expressions that differ agree at all of these points only by an unlikely chance.
        return all(evaluate(a, p).is_close(evaluate(b, p)) for p in range(POINTS))
    except NotEvaluable:
        return False


def _chain(text: str) -> tuple[list[str], list[str]]:
    """Cut a text at its relations outside brackets: parts and relations."""
    signs = [found for found in _RELATION.finditer(text) if _depth(text, found.start()) == 0]
    parts, start = [], 0
    for found in signs:
        parts.append(text[start : found.start()])
        start = found.end()
    return [*parts, text[start:]], [found.group() for found in signs]


def _without_membership(text: str) -> str:
    return re.sub(r"^\s*[a-zA-Z]\s*\\in(?![a-zA-Z])", "", text)


def _brackets(text: str) -> tuple[str, list[str]] | None:
    """Return the brackets around a whole text, and its parts; None if it has none."""
    text = text.strip()
    if text.startswith("\\{") and text.endswith("\\}"):
        return "\\{\\}", _top(text[2:-2], ",")
    if len(text) < 2 or text[0] not in "([" or text[-1] not in ")]":
        return None
    inner = text[1:-1]
    # (1) + (2) begins and ends with brackets that are not one pair.
    if any(_depth(inner, place) < 0 for place in range(len(inner) + 1)):
        return None
    return text[0] + text[-1], _top(inner, ",")


def _depth(text: str, end: int) -> int:
    depth = 0
    for character in text[:end]:
        depth += (character in "([{") - (character in ")]}")
    return depth


def _top(text: str, separator: str) -> list[str]:
    """Cut a text at a separator outside brackets."""
    parts, depth, start, place = [], 0, 0, 0
    while place < len(text):
        character = text[place]
        depth += (character in "([{") - (character in ")]}")
        if depth == 0 and text.startswith(separator, place):
            parts.append(text[start:place])
            place += len(separator)
            start = place
            continue
        place += 1
    return [*parts, text[start:]]
