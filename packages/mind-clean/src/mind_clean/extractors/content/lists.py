"""Lists: the numbers of ordered ones, the levels of nested ones."""

from __future__ import annotations

import re

from selectolax.lexbor import LexborHTMLParser, LexborNode

from mind_clean.extractors.blocks.element_rules import word_set
from mind_clean.extractors.content.signs import INDENT, NUMBERED, put_first
from mind_core.untrusted import whole_number

_LISTS = ("ol", "ul", "menu")
_INLINE = word_set(
    "-text a b i em strong span code q s u tt kbd samp var cite abbr mark small sub sup time font "
    "dfn ins del bdi bdo big label img br wbr"
)
_DEEPEST = 8
_LEAST_LEAD, _MIN_PARAGRAPHS = 6, 2
_TEASING = re.compile(
    "related|read (?:more|next|also)|you (?:may|might)|more (?:from|on|stories)|recommended|"
    "popular|share|follow us|categories|tags|archives|latest|相关|推荐|推薦|热门|熱門|更多|最新|"
    "延伸阅读|延伸閱讀|分享|标签|標籤|分类|猜你喜欢|友情链接",
    re.IGNORECASE,
)
_ROMAN = ((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"),
          (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))  # fmt: skip


def write_items(tree: LexborHTMLParser) -> None:
    """Put the number and the level of each item before its text.

    Items of an ordered list that are laid out as parts of a page (comments, cards) get no number.
    """
    # Numbers first: the signs of levels are put before them.
    for ordered in tree.css("ol"):
        _number(ordered)
    for item in tree.css("li"):
        level = _level(item)
        if level and (start := _start_of(item)) is not None:
            put_first(start, INDENT * min(level, _DEEPEST))


def keep_listed_links(tree: LexborHTMLParser) -> None:
    """Make texts of the links in a list that a paragraph of the text announces ("… these:").

    Elsewhere a list of links is a menu or a list of teasers, and goes.
    """
    for announced in tree.css("p + ul, p + ol"):
        lead = announced.prev
        while lead is not None and lead.tag != "p":
            lead = lead.prev
        said = " ".join((lead.text(deep=True) or "").split()) if lead is not None else ""
        if not (said.endswith((":", "：")) and len(said) >= _LEAST_LEAD) or _TEASING.search(said):
            continue
        parent = announced.parent
        siblings = parent.iter(include_text=False) if parent is not None else ()
        if sum(node.tag == "p" for node in siblings) >= _MIN_PARAGRAPHS:
            announced.unwrap_tags(["a"])


def _number(ordered: LexborNode) -> None:
    items = [child for child in ordered.iter(include_text=False) if child.tag == "li"]
    step = -1 if "reversed" in ordered.attributes else 1
    number = _integer(ordered, "start", len(items) if step < 0 else 1)
    kind = ordered.attributes.get("type") or "1"
    for item in items:
        number = _integer(item, "value", number)
        start = _start_of(item)
        if start is not None:
            put_first(start, f"{NUMBERED}{_written(number, kind)}. ")
        number += step


def _integer(node: LexborNode, name: str, default: int) -> int:
    said = (node.attributes.get(name) or "").strip()
    number = whole_number(said.removeprefix("-")) if len(said) < 9 else None
    if number is None:
        return default
    return -number if said.startswith("-") else number


def _start_of(item: LexborNode) -> LexborNode | None:
    """Return the element that the text of an item begins in: itself or its first paragraph."""
    for child in item.iter(include_text=True):
        if child.tag == "-text" and not (child.text(deep=True) or "").strip():
            continue
        if child.tag == "p":
            return child
        return item if child.tag in _INLINE else None
    return None


def _level(item: LexborNode) -> int:
    """Return how many items of lists are around an item."""
    level, parent = 0, item.parent
    while parent is not None and level < _DEEPEST:
        tag = parent.tag
        if tag == "li":
            level += 1
        elif tag not in _LISTS:
            break
        parent = parent.parent
    return level


def _written(number: int, kind: str) -> str:
    """Return a number as the type of the list wants it: 1, a, A, i, I."""
    if kind in ("a", "A") and number > 0:
        text = ""
        while number:
            # Letters count without a zero: z is 26 and aa 27.
            number, rest = divmod(number - 1, 26)
            text = chr(97 + rest) + text
    elif kind in ("i", "I") and 0 < number < 4000:
        text = ""
        for value, letters in _ROMAN:
            times, number = divmod(number, value)
            text += letters * times
    else:
        return str(number)
    return text.upper() if kind.isupper() else text
