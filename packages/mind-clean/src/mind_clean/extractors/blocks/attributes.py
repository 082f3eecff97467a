"""What the attributes of an element say: its names, its weight, and whether it is hidden."""

from __future__ import annotations

import re
from collections.abc import Mapping

from mind_clean.extractors.blocks.elements import APART as ELEMENTS_APART
from mind_clean.extractors.blocks.elements import ROLES_APART, words
from mind_clean.extractors.blocks.names import weight
from mind_clean.extractors.blocks.page import APART, CENTRAL

HIDDEN = '[hidden],[style*="display:none" i],[style*="display: none" i]'
"""The selector of what `is_hidden` finds."""
_NONE = re.compile(r"display:\s*none", re.IGNORECASE).search


def weigh(tag: str, attributes: Mapping[str, str | None]) -> tuple[str, int, bool]:
    """Return the names of an element, its weight, and whether it says that it is the main text."""
    if not attributes:
        return "", APART if tag in ELEMENTS_APART else CENTRAL * (tag in _CENTRAL), tag == "main"
    names = _names(tag, attributes)
    role = attributes.get("role")
    if tag in ELEMENTS_APART or role in ROLES_APART or attributes.get("aria-hidden") == "true":
        return names, APART, False
    is_main = tag == "main" or role == "main"
    if is_main or tag == "article" or role == "article" or _is_body(attributes):
        return names, CENTRAL, is_main
    weighed = weight(names) if names else 0
    return names, 0 if weighed < 0 and tag in _NAMED_BY_CHANCE else weighed, False


def _names(tag: str, attributes: Mapping[str, str | None]) -> str:
    """Return class and id; not the id of a section, which is made from its heading."""
    classes, identity = attributes.get("class") or "", attributes.get("id") or ""
    if (tag == "section" or "section" in classes) and not identity.isalpha():
        return classes
    return f"{classes} {identity}".strip()


_CENTRAL = frozenset(("main", "article"))
_NAMED_BY_CHANCE = words("blockquote dd dt figure center tr tbody thead tfoot body")


def _is_body(attributes: Mapping[str, str | None]) -> bool:
    return attributes.get("itemprop") == "articleBody"


def is_hidden(attributes: Mapping[str, str | None]) -> bool:
    """Tell whether an element says of itself that it is not to be seen."""
    if "hidden" in attributes:
        return True
    style = attributes.get("style")
    return bool(style and _NONE(style))
