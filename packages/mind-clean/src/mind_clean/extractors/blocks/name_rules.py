"""What the attributes of an element say: its names, its weight, whether it is the main text.

The words are those that sites use for the parts of a page in classes and ids; the idea is
Readability's (Arc90, 2009).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import islice

import numpy as np

from mind_clean.extractors.blocks.element_rules import (
    BOILERPLATE,
    BOILERPLATE_BY_NAME,
    BOILERPLATE_ELEMENTS,
    BOILERPLATE_ROLES,
    MAIN,
    word_set,
)
from mind_clean.extractors.blocks.page import Rows
from mind_clean.extractors.blocks.text_features import Scores

MAIN_BY_NAME = 1

_BOILERPLATE_WORDS = word_set(
    "nav navbar navi navigation navheader navfooter docnav menu sidebar sphinxsidebar sidenav "
    "breadcrumb breadcrumbs breadcrumbtrail crumbs pagination pager paginator toolbar toolbox "
    "toc masthead footer foot skip jump related relatedtopics recommend recommended "
    "recommendation recommendations trending mostread outbrain taboola promo promos promoted "
    "promotion share sharing sharebar social sociable follow bookmark bookmarks comment "
    "comments commentlist disqus respond reply replies ad ads advert adverts advertisement "
    "advertising sponsor sponsored sponsors newsletter newsletters subscribe subscription "
    "signup login signin rss cookie cookies consent gdpr popup modal overlay lightbox tooltip "
    "gallery galleries slideshow carousel slider byline tags tagcloud copyright printfriendly"
)
_MAIN_WORDS = word_set(
    "article main content body post entry text story document chapter section page blog news"
)
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
_MAX_NAME_WORDS = 4
_MAX_NAMES_LENGTH = 500
_MAX_KNOWN_NAMES = 50_000
_SPEAKS_OF_OTHERS = word_set("with has have no without and show hide toggle is")
"""Before a word for a part: the element has such a part, or has none (contentWithSidebar)."""


def weigh_names(names: str) -> int:
    """Return the weight of an element by its classes and id, with blanks between them.

    `BOILERPLATE_BY_NAME`, `MAIN_BY_NAME`, or 0 if they say nothing. A name of more than
    four words is a heading made into an id, or made by a program: it says nothing of its place
    ("sharing-with-a-single-developer").
    """
    found = 0
    for name in names[:_MAX_NAMES_LENGTH].split():
        one = _known_names.get(name)
        if one is None:
            # Names that programs make differ on each page; emptied now and then, the table stays
            # bounded.
            if len(_known_names) > _MAX_KNOWN_NAMES:
                _known_names.clear()
            one = _known_names[name] = _weigh_name(name)
        if one == BOILERPLATE_BY_NAME:
            return BOILERPLATE_BY_NAME
        found = one or found
    return found


_known_names: dict[str, int] = {}


def split_names(names: str) -> list[str]:
    """Return the words of names in small letters: "postBody-left" has post, body and left."""
    return [word.lower() for word in _WORD.findall(names)]


def _weigh_name(name: str) -> int:
    parts = split_names(name)
    if not _BOILERPLATE_WORDS.isdisjoint(parts) and _names_boilerplate(parts):
        return BOILERPLATE_BY_NAME
    return 0 if _MAIN_WORDS.isdisjoint(parts) else MAIN_BY_NAME


def _names_boilerplate(parts: list[str]) -> bool:
    if len(parts) > _MAX_NAME_WORDS:
        return False
    # "has-sidebar" is the column next to a sidebar; "sidebar" and "left-sidebar" are one.
    places = [place for place, word in enumerate(parts) if word in _BOILERPLATE_WORDS]
    return any(not place or parts[place - 1] not in _SPEAKS_OF_OTHERS for place in places)


_ATTRIBUTE = re.compile(r' (class|id|role|aria-hidden|itemprop)="([^"]*)"').findall
_MAX_TAG_BYTES = 500
"""Start tags longer than this, in bytes, are not remembered."""
_MAX_KNOWN_TAGS = 20_000
_MAX_SCORED_CHARACTERS = 300
_MAX_SCORE = 120

_NAMED_BY_CHANCE = word_set("blockquote dd dt figure center tr tbody thead tfoot body")

_WEIGHT_OFFSET = BOILERPLATE - 1  # so that no tag says 0
_MAIN_BIT, _NAME_SHIFT = 8, 4


def weigh_start_tags(start_tags: Sequence[bytes]) -> Rows:
    """Return what start tags say, as the parser writes them, a row for each.

    The weight of the element, the number of its names (class and id; the same names have the same
    number on one page), and whether it says that it is the main text.
    """
    if len(_known_tags) > _MAX_KNOWN_TAGS or len(_name_numbers) > _MAX_KNOWN_TAGS:
        # All three together: numbers of names are held in what is known of tags.
        _known_tags.clear()
        _name_numbers.clear()
        _name_scores.clear()
    weighed = np.array(
        [_known_tags.get(tag) or _weigh_start_tag(tag) for tag in start_tags], np.int64
    )
    weights = (weighed & (_MAIN_BIT - 1)) + _WEIGHT_OFFSET
    return np.stack((weights, weighed >> _NAME_SHIFT, weighed & _MAIN_BIT > 0), 1)


_known_tags: dict[bytes, int] = {}
"""What each start tag says in one number, so that the garbage collector has nothing to look at."""

_name_numbers: dict[str, int] = {}

_name_scores = bytearray()
"""The score of each names' number as an int8, as far as they were scored; 0 has none."""


def score_names(table: Mapping[str, int]) -> Scores:
    """Return the score of each number of names, int8: what their words say by a table.

    Of more than three words that the table has, the three that say most count.
    """
    if not _name_scores:
        _name_scores.append(0)
    for names in islice(_name_numbers, len(_name_scores) - 1, None):
        words = set(split_names(names[:_MAX_SCORED_CHARACTERS]))
        scores = (table[word] for word in words if word in table)
        # By the score too, as the order of a set of words differs from process to process.
        strongest = sorted(scores, key=lambda score: (abs(score), score))[-3:]
        _name_scores.append(max(-_MAX_SCORE, min(_MAX_SCORE, sum(strongest))) & 0xFF)
    return np.frombuffer(bytes(_name_scores), np.int8)


def numbers_of_names(words: frozenset[str]) -> list[int]:
    """Return the numbers of the names that have one of the words."""
    return [
        number
        for names, number in _name_numbers.items()
        if not words.isdisjoint(split_names(names))
    ]


def _weigh_start_tag(start_tag: bytes) -> int:
    source = start_tag.decode()
    tag = source[1 : source.index(" ")]
    found = dict(_ATTRIBUTE(source))
    if "&" in source:
        found = {name: _unescape(value) for name, value in found.items()}
    weight, names, is_main = weigh_attributes(tag, found)
    number = _name_numbers.setdefault(names, len(_name_numbers) + 1) if names else 0
    weighed = number << _NAME_SHIFT | is_main * _MAIN_BIT | weight - _WEIGHT_OFFSET
    # Long tags are seldom met twice.
    if len(start_tag) <= _MAX_TAG_BYTES:
        _known_tags[start_tag] = weighed
    return weighed


def weigh_attributes(tag: str, attributes: Mapping[str, str]) -> tuple[int, str, bool]:
    """Return the weight of an element, its names, and whether it says that it is the main text."""
    names = _join_names(tag, attributes)
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
    weighed = weigh_names(names) if names else 0
    return 0 if weighed < 0 and tag in _NAMED_BY_CHANCE else weighed, names, False


def _join_names(tag: str, attributes: Mapping[str, str]) -> str:
    """Return class and id; not the id of a section, which is made from its heading."""
    classes, identity = attributes.get("class", ""), attributes.get("id", "")
    # Sphinx makes the id of a section from its heading: "sharing-with-a-friend" is no place for
    # sharing buttons.
    if (tag == "section" or "section" in classes) and not identity.isalpha():
        return classes
    return f"{classes} {identity}".strip()


def _unescape(value: str) -> str:
    for entity, character in _ENTITIES:
        value = value.replace(entity, character)
    return value


_ENTITIES = (
    ("&nbsp;", "\xa0"), ("&quot;", '"'), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"),
)  # fmt: skip
