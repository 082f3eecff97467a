"""Signs in a rewritten tree: characters that no text holds (noncharacters of Unicode)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

EMPTY, INDENT, NUMBERED, ROW, HEAD_ROW = (chr(0xFDD0 + n) for n in range(5))
"""An empty cell; a level of a nested list; an item that has a number; a row of a table, the first
of which is its head."""

BOLD, ITALIC, CODE, HASH, LINK, LINK_END, FENCE, ADDRESS = (chr(0xFDD5 + n) for n in range(8))
"""Markdown: marks around words, one # of a heading, the text of a link, a line of a fence; what
follows `ADDRESS` in `DIGITS` is the place of an address in a list."""

DIGITS = [chr(0xFDE0 + n) for n in range(10)]
ALL = "".join(map(chr, range(0xFDD0, 0xFDF0)))


class Replacing:
    """Take elements out of a tree while walking a list of them.

    lexbor frees what is taken out with all that is in it; to look at that again is to read freed
    memory. So what was inside is remembered, and `alive` passes over it.
    """

    def __init__(self) -> None:
        self._gone: set[int] = set()

    def alive(self, nodes: Iterable[LexborNode]) -> Iterator[LexborNode]:
        """Yield those of a list of elements that are still in the tree when it is their turn."""
        for node in nodes:
            if node.mem_id not in self._gone and node.parent is not None:
                yield node

    def replace(self, node: LexborNode, value: str | LexborNode) -> None:
        """Put a text or an element in the place of an element."""
        self._forget(node)
        node.insert_before(value)
        node.decompose()

    def remove(self, node: LexborNode) -> None:
        """Take an element out."""
        self._forget(node)
        node.decompose()

    def _forget(self, node: LexborNode) -> None:
        self._gone.add(node.mem_id)
        self._gone.update(inner.mem_id for inner in node.css("*"))


def numbered(number: int) -> str:
    """Return a number in signs."""
    return "".join(DIGITS[int(digit)] for digit in str(number))


def element(tag: str, text: str) -> LexborNode:
    """Return a new element with a text."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    feed = "\n" if tag == "pre" else ""  # the parser takes the first line feed away
    # A parser drops a cell outside of a table.
    opened = "<table><tr>" * (tag == "td") + "<" + tag + ">"
    whole = opened + feed + escaped + "</" + tag + ">"
    made = LexborHTMLParser(whole).css_first(tag)
    assert made is not None
    return made


def put_first(node: LexborNode, text: str) -> None:
    """Put a text before all that an element holds."""
    first = node.first_child
    if first is None:
        node.insert_child(text)
    else:
        first.insert_before(text)


def classes_of(node: LexborNode) -> str:
    """Return the class of an element in small letters."""
    return (node.attributes.get("class") or "").lower()
