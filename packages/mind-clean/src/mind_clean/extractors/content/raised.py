"""Exponents and indices: `^` and `_`, as the step `markup` writes them."""

from __future__ import annotations

import re

from selectolax.lexbor import LexborHTMLParser, LexborNode

from mind_clean.extractors.content.signs import Replacing

_ORDINAL = re.compile(r"st|nd|rd|th|e|er|re|ère|ème|nde?|o|a|os|as|º|ª|tm|sm|mc|md|r|®|©|™|℠", re.I)
_REFERENCE = re.compile(r"\[.*|[*†‡§¶#]+|\(\d+\)|注\d*|.*[\]］〕]", re.DOTALL)
_NOTE = re.compile(r"reference|footnote|noteref|fn-|cite", re.I)
_SIMPLE = re.compile(r"[+\-−–±]?[\w.,′'∞∗*]+[+\-−–]?|[+\-−]")
_FRACTION = re.compile(r"\s*[⁄/∕]\s*")
_MAX_CHARACTERS = 40


def write_raised(tree: LexborHTMLParser) -> None:
    """Put `^` and `_` before what is raised and lowered, if it belongs to what is before it.

    Not at references, ordinals (1st) and trade marks, nor where nothing stands before it.
    """
    replacing = Replacing()
    for node in replacing.alive(tree.css("sup, sub")):
        text = " ".join((node.text(deep=True) or "").split())
        if not text or len(text) > _MAX_CHARACTERS or _is_reference(node, text):
            continue
        if node.tag == "sup" and _is_fraction(node, text, replacing):
            continue
        before = _text_before(node)
        if not (before[-1:].isalnum() or before[-1:] in tuple(")]}’'′″|°")):
            continue
        if node.tag == "sup" and _ORDINAL.fullmatch(text):
            continue
        mark = "^" if node.tag == "sup" else "_"
        replacing.replace(node, mark + (text if _SIMPLE.fullmatch(text) else f"{{{text}}}"))


def _is_reference(node: LexborNode, text: str) -> bool:
    said = " ".join(filter(None, (node.attributes.get("class"), node.attributes.get("id"))))
    linked = node.css_first("a") is not None or (node.parent is not None and node.parent.tag == "a")
    return bool(linked or _REFERENCE.fullmatch(text) or _NOTE.search(said))


def _is_fraction(node: LexborNode, above: str, replacing: Replacing) -> bool:
    """Write 1⁄2 for a raised and a lowered number with a slash between, after a blank."""
    slash = node.next
    below = slash.next if slash is not None and slash.tag in ("-text", "span") else None
    if below is None or below.tag != "sub" or slash is None:
        return False
    if not _FRACTION.fullmatch(slash.text(deep=True) or ""):
        return False
    # 2 and ½ would join to 21/2.
    whole = " " if _text_before(node)[-1:].isdigit() else ""
    replacing.replace(slash, "/")
    replacing.replace(below, (below.text(deep=True) or "").strip())
    replacing.replace(node, whole + above)
    return True


def _text_before(node: LexborNode) -> str:
    """Return the text right before an element, at least its last character."""
    # What is raised may begin an inline element: in x<b><sup>2</sup></b> the x stands before that.
    for _ in range(4):
        before = node.prev
        while before is not None and before.is_comment_node:
            before = before.prev
        if before is not None:
            if before.tag in ("br", "img"):
                return ""
            return before.text(deep=True) or ""
        parent = node.parent
        if parent is None or parent.tag not in ("b", "i", "em", "strong", "span", "var", "font"):
            return ""
        node = parent
    return ""
