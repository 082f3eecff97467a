"""What the attributes of an element say: its names, its weight, whether it is the main text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from mind_clean.extractors.blocks.elements import APART as ELEMENTS_APART
from mind_clean.extractors.blocks.elements import ROLES_APART, words
from mind_clean.extractors.blocks.names import weight
from mind_clean.extractors.blocks.page import APART, CENTRAL

_ATTRIBUTE = re.compile(rb' (class|id|role|aria-hidden|itemprop)="([^"]*)"').findall
_KEPT = 500
"""Start tags longer than this, in bytes, are not remembered."""
_MOST = 20_000

_NAMED_BY_CHANCE = words("blockquote dd dt figure center tr tbody thead tfoot body")

Weighed = tuple[int, int, bool]
"""The weight of an element, the number of its names (class and id; the same names have the same
number on one page), and whether it says that it is the main text."""


def weigh(start_tags: Sequence[bytes]) -> list[Weighed]:
    """Return what start tags say, as the parser writes them."""
    if len(_known) > _MOST or len(_numbers) > _MOST:
        _known.clear()
        _numbers.clear()
    return [_known.get(tag) or _weigh(tag) for tag in start_tags]


_known: dict[bytes, Weighed] = {}
_numbers: dict[str, int] = {}


def _weigh(start_tag: bytes) -> Weighed:
    tag = start_tag[1 : start_tag.index(b" ")].decode()
    found = {name.decode(): _unescaped(value.decode()) for name, value in _ATTRIBUTE(start_tag)}
    weight, names, is_main = weighed_by(tag, found)
    weighed = weight, _numbers.setdefault(names, len(_numbers) + 1) if names else 0, is_main
    if len(start_tag) <= _KEPT:
        _known[start_tag] = weighed
    return weighed


def weighed_by(tag: str, attributes: Mapping[str, str]) -> tuple[int, str, bool]:
    """Return the weight of an element, its names, and whether it says that it is the main text."""
    names = _names(tag, attributes)
    role = attributes.get("role")
    if tag in ELEMENTS_APART or role in ROLES_APART or attributes.get("aria-hidden") == "true":
        return APART, names, False
    is_main = tag == "main" or role == "main"
    is_body = attributes.get("itemprop") == "articleBody"
    if is_main or tag == "article" or role == "article" or is_body:
        return CENTRAL, names, is_main
    weighed = weight(names) if names else 0
    return 0 if weighed < 0 and tag in _NAMED_BY_CHANCE else weighed, names, False


def _names(tag: str, attributes: Mapping[str, str]) -> str:
    """Return class and id; not the id of a section, which is made from its heading."""
    classes, identity = attributes.get("class", ""), attributes.get("id", "")
    if (tag == "section" or "section" in classes) and not identity.isalpha():
        return classes
    return f"{classes} {identity}".strip()


def _unescaped(value: str) -> str:
    if "&" not in value:
        return value
    for entity, character in _ENTITIES:
        value = value.replace(entity, character)
    return value


_ENTITIES = (
    ("&nbsp;", "\xa0"), ("&quot;", '"'), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"),
)  # fmt: skip
