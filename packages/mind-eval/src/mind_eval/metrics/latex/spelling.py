"""Bring a LaTeX answer to one spelling: dressing, units and thousands go, structure stays."""

from __future__ import annotations

import re

_ENVIRONMENTS = r"(?:p|b|v|V|B|small)?matrix|array"
_SIZES = re.compile(
    r"\\(?:left|right|bigl?|bigr|Bigl?|Bigr|biggl?|biggr|displaystyle|textstyle)(?![a-zA-Z])"
)
_SPACES = re.compile(r"\\[!,;:> ]|\\q?quad(?![a-zA-Z])|~|\\(?:hspace|vspace)\{[^{}]*\}")
_FRACTIONS = re.compile(r"\\[dtc]frac(?![a-zA-Z])")
_TEXT = re.compile(
    r"\\(?:text|textbf|textit|textrm|mathrm|mathbf|mbox|operatorname)\s*\{([^{}]*)\}"
)
_THOUSANDS = re.compile(
    r"(?<![\d.])\d{1,3}(?:\{,\}|,\\!|\\,)\d{3}(?:(?:\{,\}|,\\!|\\,)\d{3})*(?!\d)"
)
_AND = re.compile(
    r"(?:,\s*+|(?<![\s,])\s*+)\\(?:text|mbox|textrm)\s*+\{\s*+(?:,\s*+)?(?:and|or)\s*+\}",
    re.IGNORECASE,
)
_UNIT = re.compile(
    r"(?<=[\d)}\]a-zA-Z!])\s*+\\(?:text|mbox|textrm|mathrm)\s*+\{([^{}]*)\}\s*+"
    r"(?:\^\s*+(?:\{\s*+)?[23]\s*+(?:\}\s*+)?)?$"
)
_LAST_UNIT = re.compile(
    r"(?<=\d)\s*+(cm|km|mm|m|ft|feet|inches|inch|in|miles|degrees?|dollars|cents|hours?|minutes|seconds|"
    r"square units|units|ways|students|percent|kg|g|mph)\.?\s*+(?:\^\s*+\{?[23]\}?\s*+)?$"
)
_SIGNS = {r"\\\$": "dollar", r"%": "percent", r"\\circ(?![a-zA-Z])|\\degree": "degree"}
_BOXED = re.compile(r"\\f?boxed\{(.*)\}", re.DOTALL)
_HOURS = re.compile(r"[ap]\.?m\.?", re.IGNORECASE)
_WORDS = {
    "≤": r"\le ", "≥": r"\ge ", "≠": r"\ne ", "∞": r"\infty ", "π": r"\pi ", "√": r"\sqrt ",
    "×": r"\times ", "÷": r"\div ", "·": r"\cdot ", "°": r"^\circ ", "∪": r"\cup ",
    "\u2212": "-", "\u2013": "-", "，": ",", "（": "(", "）": ")", "％": "%", "＝": "=",
}  # fmt: skip
_RENAMED = (
    (r"\leq", r"\le"), (r"\geq", r"\ge"), (r"\neq", r"\ne"), (r"\lbrace", r"\{"),
    (r"\rbrace", r"\}"), (r"\ast", r"\cdot"), (r"\lvert", "|"), (r"\rvert", "|"), (r"\vert", "|"),
    (r"\land", ","), (r"\lt", "<"), (r"\gt", ">"), (r"\colon", ":"),
)  # fmt: skip


def spell(text: str) -> tuple[str, str]:
    """Return an answer in one spelling, and the unit that was taken off it (lower case)."""
    text = text.strip()
    if found := _BOXED.fullmatch(text):
        text = found.group(1)
    for old, new in _WORDS.items():
        text = text.replace(old, new)
    sign = next((name for mark, name in _SIGNS.items() if re.search(mark, text)), "")
    text = text.replace("\\$", "").replace("$", "")
    text = re.sub(r"\\%|%", "", text)
    text = _AND.sub(",", text)
    text = _THOUSANDS.sub(lambda found: re.sub(r"\D", "", found.group()), text)
    text = _SIZES.sub("", text)
    text = _FRACTIONS.sub(r"\\frac", text)
    text = text.replace("\\\\[", "\\\\ [") if "\\begin" not in text else text
    rows = text.split("\\\\")  # the row break of a matrix is no space
    text = "\\\\".join(_SPACES.sub(" ", row) for row in rows)
    text = re.sub(r"\^\s*+(?:\{\s*+)?\\circ\s*+\}?|\\degree(?![a-zA-Z])", "", text)
    for old, new in _RENAMED:
        text = re.sub(re.escape(old) + r"(?![a-zA-Z])", new.replace("\\", r"\\"), text)
    text = re.sub(
        rf"\\(begin|end)\{{(?:{_ENVIRONMENTS})\}}(?:\{{[lcr|]*\}})?", r"\\\1{matrix}", text
    )
    text = text.strip().rstrip(".").strip()
    text, unit = _without_unit(text)
    text = _TEXT.sub(lambda found: found.group(1).strip(), text)
    text = re.sub(r"\s+", " ", text).strip().rstrip(".").strip()
    return text, unit or sign


def squeezed(text: str) -> str:
    """Return a spelling without spaces, braces around one character, or case of words."""
    text = re.sub(r"\s+", "", text)
    for _ in range(3):
        text = re.sub(r"(?<![a-zA-Z}])\{([^{}\\])\}", r"\1", text)
        text = re.sub(r"([\^_])\{([^{}])\}", r"\1\2", text)
    if re.fullmatch(r"\((?:[A-Z])\)", text):
        text = text[1]
    return text.lower() if re.fullmatch(r"[A-Za-z.,:' 0-9-]+", text) and len(text) > 1 else text


def _without_unit(text: str) -> tuple[str, str]:
    found = _UNIT.search(text)
    if found and _HOURS.fullmatch(found.group(1).strip()):
        return text, ""
    if found and re.search(r"\d|\\pi", text[: found.start()]):
        return text[: found.start()].strip(), _unit_name(found.group())
    found = _LAST_UNIT.search(text)
    if found and re.fullmatch(r"[\s\d.,/{}\\a-z()-]*", text[: found.start()]):
        return text[: found.start()].strip(), _unit_name(found.group())
    return text, ""


def _unit_name(text: str) -> str:
    inner = re.sub(r"\\(?:text|mbox|textrm|mathrm)", "", text)
    return re.sub(r"[\s{}.^]", "", inner).lower().rstrip("s")
