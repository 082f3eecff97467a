"""Write what elements say into the text of a page, before it is cut into blocks and after."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from selectolax.lexbor import LexborHTMLParser

from mind_clean.extractors.content import signs
from mind_clean.extractors.content.signs import (
    ADDRESS,
    BOLD,
    CODE,
    EMPTY,
    FENCE,
    HASH,
    HEAD_ROW,
    INDENT,
    ITALIC,
    LINK,
    LINK_END,
    NUMBERED,
    ROW,
)

FORMATS = ("text", "markdown")
MATH = ("dollar", "backslash", "none")

_ANY = re.compile(f"[{signs.ALL}]")
_LEAD = b"\xef\xb7"
"""How all signs begin in UTF-8."""

_ITEM = re.compile(f"(?m)^(• )?({INDENT}*)({NUMBERED})?")
_EMPTY_LINE = re.compile(f"(?m)^(?:{EMPTY}(?: \\| )?)+(?:\n+|$)")
_FIRST_EMPTY = re.compile(f"(?m)^{EMPTY} \\| ")
_ROWS = re.compile(f"(?m)^([{ROW}{HEAD_ROW}])(.*)$")
_MARK_OF = {BOLD: "**", ITALIC: "*", CODE: "`"}
_MARKED = [re.compile(f"{sign}([^{sign}\n]*){sign}") for sign in _MARK_OF]
_DIGITS = str.maketrans({sign: str(digit) for digit, sign in enumerate(signs.DIGITS)})


@dataclass
class Rewriting:
    """Rewrite one page: its tree first, then the text that was made of it."""

    format: str = "text"
    math: str = "dollar"
    tables: str = "text"
    links: bool = True
    _named: list[str] = field(default_factory=list)

    def tree(self, tree: LexborHTMLParser) -> None:
        """Write into a parsed page what its elements say."""
        from mind_clean.extractors.content import code, lists, markdown, math, raised, tables

        if self.math != "none":
            math.write_formulas(tree, self.math)
        code.write_code(tree)
        raised.write_raised(tree)
        tables.write_tables(tree, "markdown" in (self.format, self.tables))
        if self.format == "markdown":
            self._named = markdown.write_marks(tree, self.links)
        lists.write_items(tree)
        lists.keep_listed_links(tree)

    def finish(self, data: bytes) -> str:
        """Return the text, which comes as UTF-8, with characters in the place of signs."""
        text = data.decode()
        # Looked for in the bytes: one search, where the set of signs would be tried at each
        # character.
        if _LEAD in data:
            text = self._without_signs(text)
        return _as_bullets(text) if self.format == "markdown" else text

    def _without_signs(self, text: str) -> str:
        text = _EMPTY_LINE.sub("", text)
        text = _ITEM.sub(_start_of_item, text)
        if ROW in text or HEAD_ROW in text:
            text = _ROWS.sub(_row, text)
        text = _FIRST_EMPTY.sub("| ", text).replace(f" {EMPTY} ", " ").replace(EMPTY, "")
        if self.format == "markdown":
            text = self._with_marks(text)
        return _ANY.sub("", text).strip("\n")

    def _with_marks(self, text: str) -> str:
        text = re.sub(f"(?m)^{HASH}+", lambda found: "#" * len(found[0]) + " ", text)
        for marked in _MARKED:
            text = marked.sub(_mark, text)
        text = text.replace(LINK, "[")
        text = re.sub(f"{LINK_END}{ADDRESS}([{signs.DIGITS[0]}-{signs.DIGITS[9]}]+)",
                      lambda found: f"]({self._name(found[1])})", text)  # fmt: skip
        fences = re.compile(f"\n*{FENCE}{ADDRESS}([{signs.DIGITS[0]}-{signs.DIGITS[9]}]+)\n")
        text = fences.sub(lambda found: f"\n\n```{self._name(found[1])}\n", text)
        return re.sub(f"\n*{FENCE}\n?", "\n```\n", text)

    def _name(self, digits: str) -> str:
        place = int(digits.translate(_DIGITS)[:9])
        return self._named[place] if place < len(self._named) else ""  # a sign of the page's own


def _start_of_item(found: re.Match[str]) -> str:
    bullet, levels, number = found.groups()
    return "  " * len(levels) + ("" if number else bullet or "")


def _row(found: re.Match[str]) -> str:
    """Return a row as Markdown, and below the first one the line that makes it a table."""
    cells = found[2].replace(EMPTY, "").split(" | ")
    line = f"| {' | '.join(cell.strip() for cell in cells)} |"
    return line + ("\n|" + " --- |" * len(cells) if found[1] == HEAD_ROW else "")


def _mark(found: re.Match[str]) -> str:
    """Return words with their marks, and the blanks at both ends outside of these."""
    text, around = found[1].strip(), _MARK_OF[found[0][0]]
    if not text:
        return found[1]
    before, _, after = found[1].partition(text)
    return f"{before}{around}{text}{around}{after}"


def _as_bullets(text: str) -> str:
    return re.sub(r"(?m)^( *)• ", r"\1- ", text)
