"""The walk over a page's tree, node by node in plain Python: the oracle of the kernels."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from selectolax.lexbor import LexborHTMLParser
from slow_page import Page

from mind_clean.extractors.blocks.element_rules import (
    BOILERPLATE,
    CONTAINERS,
    HEADINGS,
    LEAVES,
    UNSEEN,
    plain_weight,
    word_set,
)
from mind_clean.extractors.blocks.name_rules import weigh_attributes
from mind_clean.extractors.bounds import bounded, encode_page
from mind_clean.extractors.wide_characters import WIDE
from mind_clean.extractors.xhtml import with_end_tags
from mind_clean.main_text import visible_characters

BREAK = "\ufdd0"
HIDDEN = '[hidden],[style*="display:none" i],[style*="display: none" i]'
_NONE = re.compile(r"display:\s*none", re.IGNORECASE).search


def is_hidden(attributes: dict[str, str | None]) -> bool:
    style = attributes.get("style")
    return "hidden" in attributes or bool(style and _NONE(style))


def _weigh(tag: str, attributes: dict[str, str | None]) -> tuple[int, str, bool]:
    if not attributes:
        return plain_weight(tag), "", tag == "main"
    return weigh_attributes(tag, {name: value or "" for name, value in attributes.items()})


_HARMLESS = 4000  # tags left open; nested so deep they cost lexbor 50 ms
_STRIPPED = sorted(word_set("script style noscript template svg select button iframe textarea"))
_LITTLE = 300  # characters
_MUCH = 0.5
_HEADING_ANCHORS = word_set("¶ # § 🔗  ∞ ⚓")
_TEXT, _UNSEEN, _INLINE, _SPAN, _LINK, _LEAF = range(-6, 0)
_CONTAINER = 0
_TEXT_ID = 2  # LXB_TAG__TEXT
_OTHER = (_INLINE, "")
_MEANING = {
    "br": _INLINE,
    "span": _SPAN,
    "a": _LINK,
    **dict.fromkeys(UNSEEN, _UNSEEN),
    **dict.fromkeys(LEAVES, _LEAF),
    **dict.fromkeys(CONTAINERS, _CONTAINER),
}
_HAN_UNITS = 0.85  # of three bytes: about two and a half Latin letters
_LINKED = 0.6


@cache
def _meanings() -> dict[int, tuple[int, str]]:
    """Return what each element means by lexbor's number of it, which is cheaper to ask for."""
    tree = LexborHTMLParser("")
    numbers = {tree.create_node(tag).tag_id: (what, tag) for tag, what in _MEANING.items()}
    comments = LexborHTMLParser("<body><!-- --></body>").body
    assert comments is not None and comments.child is not None
    return {**numbers, comments.child.tag_id: (_UNSEEN, ""), _TEXT_ID: (_TEXT, "")}


def read(html: str) -> Page:
    """Return the blocks of a page."""
    tree = LexborHTMLParser(bounded(with_end_tags(encode_page(html)), _HARMLESS))
    body = tree.body
    if body is None:
        return Page()
    tree.strip_tags(_STRIPPED)
    walker = _Walker(pass_over=True, any_hidden=tree.css_first(HIDDEN) is not None)
    walker.walk(body.child)
    by_name, passed = walker.passed_by_name, walker.passed_by_name + walker.passed
    seen = walker.page.characters - passed
    if passed and (seen < _LITTLE or by_name > _MUCH * (seen + by_name)):
        walker = _Walker(pass_over=False, any_hidden=False)
        walker.walk(body.child)
    return walker.page


class _Walker:
    """Where the walk is: the open container, the block being put together, links, <pre>."""

    __slots__ = (
        "any_hidden", "buffer", "container", "kind", "link", "links", "page", "pass_over", "passed",
        "passed_by_name", "pre",
    )  # fmt: skip

    def __init__(self, pass_over: bool, any_hidden: bool) -> None:
        self.pass_over = pass_over
        self.any_hidden = any_hidden
        self.passed = 0  # characters
        self.passed_by_name = 0
        self.page = Page()
        self.container = 0
        self.buffer: list[str] = []
        self.kind = "body"
        self.link = 0  # characters of links in the buffer
        self.links = 0  # open links
        self.pre = 0

    def walk(self, node: Any) -> None:
        """Visit a node, all after it and all inside."""
        stack: list[tuple[Any, int, str]] = []
        buffer, meanings = self.buffer, _meanings()
        while True:
            if node is None:
                if not stack:
                    break
                node, what, kind = stack.pop()
                if what != _INLINE:
                    self._leave(what, kind)
                continue
            meaning, tag = meanings.get(node.tag_id, _OTHER)
            if meaning == _TEXT:
                text = node.text_content
                if text and (buffer or self.pre or not text.isspace()):
                    buffer.append(text)
                    if self.links:
                        self.link += len(text.strip())
            elif meaning != _UNSEEN:
                child = node.child
                if child is not None:
                    what = meaning if meaning == _INLINE else self._enter(meaning, tag, node)
                    if what != _UNSEEN:
                        kind = self.kind
                        if what >= _LEAF:
                            self.kind = tag
                        if child.tag_id != _TEXT_ID or child.next is not None:
                            stack.append((node.next, what, kind))
                            node = child
                            continue
                        self._add(child.text_content)
                        if what != _INLINE:
                            self._leave(what, kind)
                elif tag == "br":
                    buffer.append(BREAK)
                elif meaning >= _LEAF and buffer:
                    self._flush()
            node = node.next
        self._flush()
        self.page.ends[0] = len(self.page.texts)

    def _add(self, text: str | None) -> None:
        if text and (self.buffer or self.pre or not text.isspace()):
            self.buffer.append(text)
            if self.links:
                self.link += len(text.strip())

    def _enter(self, meaning: int, tag: str, node: Any) -> int:
        """Open an element and return what it is: unseen if hidden, its number if a container."""
        if meaning == _LINK:
            return self._enter_link(node.attrs.get("href"), node)
        attributes = node.attributes
        if attributes and is_hidden(attributes):
            return _UNSEEN
        if meaning == _SPAN:
            return _INLINE
        if self.buffer:
            self._flush()
        if meaning == _LEAF and not (attributes and tag == "p"):
            self.pre += tag == "pre"
            return _LEAF
        weighed, names, is_main = _weigh(tag, attributes)
        if weighed < 0:
            if self.pass_over and not (self.any_hidden and node.css_first(HIDDEN)):
                self._pass(node, weighed)
                return _UNSEEN
        elif tag == "p":
            return _LEAF
        return self._open(tag, names, weighed, is_main)

    def _pass(self, node: Any, weighed: int) -> None:
        """Count the characters of an element that is set apart, and look no closer."""
        characters = visible_characters(node.text(separator=" "))
        self.page.characters += characters
        if weighed == BOILERPLATE:
            self.passed += characters
        else:
            self.passed_by_name += characters

    def _enter_link(self, href: str | None, node: Any) -> int:
        """Return what a link is: one inside the page, or none at all, is no link to count."""
        if not href or href.startswith("javascript"):
            return _INLINE
        if href[0] == "#":
            return _UNSEEN if node.text() in _HEADING_ANCHORS else _INLINE
        self.links += 1
        return _LINK

    def _open(self, tag: str, names: str, weighed: int, is_main: bool) -> int:
        page = self.page
        number = len(page.tags)
        page.tags.append(tag)
        page.parents.append(self.container)
        page.names.append(names)
        page.weights.append(weighed)
        page.starts.append(len(page.texts))
        page.ends.append(0)
        if is_main:
            page.mains.append(number)
        self.container = number
        return number

    def _leave(self, what: int, kind: str) -> None:
        if what == _LINK:
            self.links -= 1
            return
        if self.buffer:
            self._flush()
        page = self.page
        if what == _LEAF:
            self.pre -= self.kind == "pre"
        else:
            self.container = page.parents[what]
            if page.starts[what] < len(page.texts):
                page.ends[what] = len(page.texts)
                page.characters += page.tags[what] in ("li", "td", "th")
            elif what == len(page.tags) - 1:
                self._forget()
            else:
                page.ends[what] = page.starts[what]
        self.kind = kind

    def _forget(self) -> None:
        """Drop the last container: it holds nothing."""
        page = self.page
        if page.mains and page.mains[-1] == len(page.tags) - 1:
            page.mains.pop()
        for column in (page.tags, page.parents, page.names, page.weights, page.starts, page.ends):
            column.pop()

    def _flush(self) -> None:
        """Make what was collected a block of its own, if it holds any text."""
        source = "".join(self.buffer)
        self.buffer.clear()
        link, self.link = self.link, 0
        ascii_only = source.isascii()
        text = preformatted(source) if self.pre else joined(source, ascii_only)
        if not text:
            return
        page = self.page
        length = len(text)
        page.characters += length - text.count(" ") - text.count("\n")
        share = min(1.0, link / length) if link else 0.0
        units = length if text.isascii() else int(len(text.encode()) * _HAN_UNITS)
        page.texts.append(text)
        page.kinds.append(self.kind)
        page.homes.append(self.container)
        page.linked.append(share)
        page.units.append(units)
        page.linked_headings.append(share >= _LINKED and self.kind in HEADINGS)
        page.values.append(value_of(text, self.kind, units, share))


_IS_WIDE = re.compile(f"[{WIDE}]").match
_SENTENCE = re.compile(r"[,.;:!?](?:[\s\"'”’)]|$)|[，。；：！？、…]")
_LOOKED_AT = 2000
_LONG = 80
_SHORT = 25


def value_of(text: str, kind: str, units: int, share: float) -> float:
    """Return how much a block looks like running text: long, unlinked, with sentences."""
    if units < _SHORT or share > _LINKED:
        return 0.0
    unlinked = units * (1 - share)
    if kind in HEADINGS:
        return unlinked * 0.1
    if kind == "pre":
        return unlinked
    if _SENTENCE.search(text, 0, _LOOKED_AT) is None:
        return unlinked * 0.3
    return unlinked * (1.5 if units >= _LONG else 0.7)


def joined(source: str, ascii_only: bool) -> str:
    """Return running text: white space as one space, none where Chinese lines were broken."""
    if not ascii_only:
        if "\n" in source:
            source = _unbroken(source)
        if BREAK in source:
            lines = [" ".join(line.split()) for line in source.split(BREAK)]
            return _few_blank_lines("\n".join(lines))
    return " ".join(source.split())


def _unbroken(source: str) -> str:
    """Join lines: with nothing where Chinese was broken (CSS Text 3 §4.1.3), else with a space."""
    parts: list[str] = []
    last = ""
    for line in source.split("\n"):
        line = line.strip(" \t\r")
        if line:
            if last and not (_IS_WIDE(last) and _IS_WIDE(line)):
                parts.append(" ")
            parts.append(line)
            last = line[-1]
    return "".join(parts)


def preformatted(source: str) -> str:
    """Return code with its lines and indentation."""
    lines = [line.rstrip() for line in source.replace(BREAK, "\n").split("\n")]
    return "\n".join(lines).strip("\n") if any(lines) else ""


def _few_blank_lines(text: str) -> str:
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n")
