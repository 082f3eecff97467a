"""Code as it is written: without a gutter of line numbers, a line for each element that is one."""

from __future__ import annotations

import re

from selectolax.lexbor import LexborHTMLParser, LexborNode

from mind_clean.extractors.blocks.element_rules import word_set
from mind_clean.extractors.content.signs import Replacing, element

_LISTINGS = "pre, td.blob-code, td.code, .syntaxhighlighter, .crayon-table"

_GUTTERS = (
    ".gutter, .linenos, .lineno, .linenodiv, .line-number, .line-numbers, .line-numbers-rows, "
    ".lnt, .hljs-ln-numbers, .blob-num, .rouge-gutter, .crayon-nums, .linenumber, .LineNumbers, "
    ".react-syntax-highlighter-line-number, .code-line-number, .lineNumber, .ln, .line_numbers, "
    ".codeLineNumber, .CodeMirror-linenumber"
)
_CELLS = "td.code, td.blob-code, td.rouge-code, td.hljs-ln-code, td.crayon-code, td.lntd pre"
_LINES = word_set("div li p tr ol ul table tbody")
_NUMBERS = re.compile(r"[\d\s.:|•]*")
_NUMBERED = re.compile(r"[ \t]*(\d+)(?:[.:|]?(?:[ \t]|$)|[.:|])(.*)", re.DOTALL)
_MIN_LINES = 3


def write_code(tree: LexborHTMLParser) -> None:
    """Put each listing into one <pre> with the lines that a reader sees."""
    if tree.css_first(_LISTINGS) is None:
        return
    replacing = Replacing()
    for gutter in replacing.alive(tree.css(_GUTTERS)):
        # A class such as `ln` may mean something else on another site: only numbers go.
        if _NUMBERS.fullmatch(gutter.text(deep=True) or ""):
            replacing.remove(gutter)
    replacing = Replacing()
    for cell in replacing.alive(tree.css(_CELLS)):
        table = _around(cell, "table")
        if table is not None and _around(table, "pre") is None:
            cells = table.css(_CELLS)
            whole = "\n".join(_text(one).strip("\n") for one in cells).replace("\u00a0", " ")
            replacing.replace(table, element("pre", whole))
    replacing = Replacing()
    for block in replacing.alive(tree.css("pre")):
        if _around(block, "pre") is not None:
            continue
        written = any(child.tag in _LINES for child in block.traverse() if child.tag != "pre")
        before = block.text(deep=True) or ""
        text = _text(block).strip("\n") if written else before
        text = _without_numbers(text).replace("\u00a0", " ")
        if text != before:
            replacing.replace(block, element("pre", text))


def _around(node: LexborNode, tag: str) -> LexborNode | None:
    parent = node.parent
    while parent is not None and parent.tag != tag:
        parent = parent.parent
    return parent


def _text(node: LexborNode) -> str:
    """Return the text of a listing, a line for each block element in it."""
    parts: list[str] = []
    _walk(node, parts, 0)
    return "".join(parts)


def _walk(node: LexborNode, parts: list[str], depth: int) -> None:
    children = list(node.iter(include_text=True))
    blocks = any(child.tag in _LINES for child in children)
    for child in children:
        if child.tag == "-text":
            text = child.text(deep=True) or ""
            # White space between the elements of lines is how the page was written, and no line.
            if not (blocks and not text.strip()):
                parts.append(text)
        elif child.tag == "br":
            parts.append("\n")
        # Far below the recursion limit of Python, and deeper than any highlighter nests.
        elif depth > 100:
            parts.append(child.text(deep=True) or "")
        else:
            line = child.tag in _LINES
            if line and parts and not "".join(parts[-1:]).endswith("\n"):
                parts.append("\n")
            before = len(parts)
            _walk(child, parts, depth + 1)
            ended = "".join(parts[before:]).endswith("\n")
            if line and not ended and child.tag in ("div", "li", "p", "tr"):
                parts.append("\n")


def _without_numbers(text: str) -> str:
    """Return a listing without numbers at the start of its lines that count up by one."""
    lines = text.strip("\n").split("\n")
    if len(lines) < _MIN_LINES:
        return text
    found = [_NUMBERED.fullmatch(line) for line in lines]
    numbers = [int(match[1][:9]) for match in found if match is not None]
    # All lines or none: a table of measurements begins its lines with numbers too, that do not
    # count up.
    if len(numbers) < len(lines) or numbers != list(range(numbers[0], numbers[0] + len(lines))):
        return text
    return "\n".join(match[2] for match in found if match is not None)
