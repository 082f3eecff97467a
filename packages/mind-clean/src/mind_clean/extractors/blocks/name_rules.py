"""What the attributes of an element say: its names, its weight, whether it is the main text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import islice

import numpy as np

from mind_clean.extractors.blocks.element_words import (
    BOILERPLATE_ELEMENTS,
    BOILERPLATE_ROLES,
    words,
)
from mind_clean.extractors.blocks.name_words import weight, words_of
from mind_clean.extractors.blocks.page import BOILERPLATE, MAIN, Rows
from mind_clean.extractors.blocks.text_features import Scores

_ATTRIBUTE = re.compile(r' (class|id|role|aria-hidden|itemprop)="([^"]*)"').findall
_KEPT = 500
"""Start tags longer than this, in bytes, are not remembered."""
_MOST = 20_000
_LONGEST_NAMES = 300
_HIGHEST = 120

_NAMED_BY_CHANCE = words("blockquote dd dt figure center tr tbody thead tfoot body")

_LOWEST = BOILERPLATE - 1  # so that no tag says 0
_MAIN_BIT, _NAME_SHIFT = 8, 4


def weigh(start_tags: Sequence[bytes]) -> Rows:
    """Return what start tags say, as the parser writes them, a row for each.

    The weight of the element, the number of its names (class and id; the same names have the same
    number on one page), and whether it says that it is the main text.
    """
    if len(_known) > _MOST or len(_numbers) > _MOST:
        _known.clear()
        _numbers.clear()
        _scored.clear()
    said = np.array([_known.get(tag) or _weigh(tag) for tag in start_tags], np.int64)
    weights = (said & (_MAIN_BIT - 1)) + _LOWEST
    return np.stack((weights, said >> _NAME_SHIFT, said & _MAIN_BIT > 0), 1)


_known: dict[bytes, int] = {}
"""What each start tag says in one number, so that the garbage collector has nothing to look at."""

_numbers: dict[str, int] = {}

_scored = bytearray()
"""The score of each names' number as an int8, as far as anybody has asked; 0 has none."""


def name_scores(table: Mapping[str, int]) -> Scores:
    """Return the score of each number of names, int8: what their words say by a table.

    Of more than three words that the table has, the three that say most count.
    """
    if not _scored:
        _scored.append(0)
    for names in islice(_numbers, len(_scored) - 1, None):
        words = set(words_of(names[:_LONGEST_NAMES]))
        scores = (table[word] for word in words if word in table)
        most = sorted(scores, key=lambda score: (abs(score), score))[-3:]
        _scored.append(max(-_HIGHEST, min(_HIGHEST, sum(most))) & 0xFF)
    return np.frombuffer(bytes(_scored), np.int8)


def _weigh(start_tag: bytes) -> int:
    source = start_tag.decode()
    tag = source[1 : source.index(" ")]
    found = dict(_ATTRIBUTE(source))
    if "&" in source:
        found = {name: _unescaped(value) for name, value in found.items()}
    weight, names, is_main = weighed_by(tag, found)
    number = _numbers.setdefault(names, len(_numbers) + 1) if names else 0
    weighed = number << _NAME_SHIFT | is_main * _MAIN_BIT | weight - _LOWEST
    if len(start_tag) <= _KEPT:
        _known[start_tag] = weighed
    return weighed


def weighed_by(tag: str, attributes: Mapping[str, str]) -> tuple[int, str, bool]:
    """Return the weight of an element, its names, and whether it says that it is the main text."""
    names = _names(tag, attributes)
    role = attributes.get("role")
    if (
        tag in BOILERPLATE_ELEMENTS
        or role in BOILERPLATE_ROLES
        or attributes.get("aria-hidden") == "true"
    ):
        return BOILERPLATE, names, False
    is_main = tag == "main" or role == "main"
    is_body = attributes.get("itemprop") == "articleBody"
    if is_main or tag == "article" or role == "article" or is_body:
        return MAIN, names, is_main
    weighed = weight(names) if names else 0
    return 0 if weighed < 0 and tag in _NAMED_BY_CHANCE else weighed, names, False


def _names(tag: str, attributes: Mapping[str, str]) -> str:
    """Return class and id; not the id of a section, which is made from its heading."""
    classes, identity = attributes.get("class", ""), attributes.get("id", "")
    if (tag == "section" or "section" in classes) and not identity.isalpha():
        return classes
    return f"{classes} {identity}".strip()


def _unescaped(value: str) -> str:
    for entity, character in _ENTITIES:
        value = value.replace(entity, character)
    return value


_ENTITIES = (
    ("&nbsp;", "\xa0"), ("&quot;", '"'), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"),
)  # fmt: skip
