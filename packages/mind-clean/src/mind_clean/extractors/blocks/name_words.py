"""What the class and id of an element say about it.

The words are those that sites use for the parts of a page; the idea is Readability's (Arc90, 2009).
"""

from __future__ import annotations

import re

from mind_clean.extractors.blocks.element_words import words

BOILERPLATE_BY_NAME = -1
MAIN_BY_NAME = 1

_APART = words(
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
_MAIN = words(
    "article main content body post entry text story document chapter section page blog news"
)
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
_LONGEST = 4
_LONG = 500
_SPEAKS_OF_OTHERS = words("with has have no without and show hide toggle is")
"""Before a word for a part: the element has such a part, or has none (contentWithSidebar)."""


def weight(names: str) -> int:
    """Return APART, MAIN or 0 for the classes and the id of an element, with blanks between.

    A name of more than four words is a heading made into an id, or made by a program: it says
    nothing of its place ("sharing-with-a-single-developer").
    """
    found = 0
    for name in names[:_LONG].split():
        one = _known.get(name)
        if one is None:
            if len(_known) > _MOST:
                _known.clear()
            one = _known[name] = _weight_of(name)
        if one == BOILERPLATE_BY_NAME:
            return BOILERPLATE_BY_NAME
        found = one or found
    return found


_known: dict[str, int] = {}
_MOST = 50_000


def words_of(names: str) -> list[str]:
    """Return the words of names in small letters: "postBody-left" has post, body and left."""
    return [word.lower() for word in _WORD.findall(names)]


def _weight_of(name: str) -> int:
    parts = words_of(name)
    if not _APART.isdisjoint(parts) and _is_apart(parts):
        return BOILERPLATE_BY_NAME
    return 0 if _MAIN.isdisjoint(parts) else MAIN_BY_NAME


def _is_apart(parts: list[str]) -> bool:
    if len(parts) > _LONGEST:
        return False
    places = [place for place, word in enumerate(parts) if word in _APART]
    return any(not place or parts[place - 1] not in _SPEAKS_OF_OTHERS for place in places)
