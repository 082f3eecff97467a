"""Marks of Markdown (CommonMark, tables as GitHub writes them), as signs around what they mark."""

from __future__ import annotations

import re

from selectolax.lexbor import LexborHTMLParser, LexborNode

from mind_clean.extractors.content.signs import (
    ADDRESS,
    BOLD,
    CODE,
    FENCE,
    HASH,
    ITALIC,
    LINK,
    LINK_END,
    classes_of,
    numbered,
    put_first,
)

_MARKS = (("b, strong", BOLD), ("i, em", ITALIC), ("code, kbd, samp, tt", CODE))
_LANGUAGE = re.compile(
    r"\b(?:language|lang|brush:|highlight-source|highlight)[-: ]\s*([\w+#-]{1,20})"
)
_WEB = ("http://", "https://", "mailto:", "/", "#", ".")
_LONGEST_ADDRESS = 2000
_FAR = 40


def write_marks(tree: LexborHTMLParser, links: bool) -> list[str]:
    """Put signs around headings, emphasis, code and links; return what their numbers stand for."""
    named: list[str] = []
    for level in range(1, 7):
        for heading in tree.css(f"h{level}"):
            if _has_text(heading):
                put_first(heading, HASH * level)
    for block in tree.css("pre"):
        if _has_text(block):
            named.append(_language_of(block))
            put_first(block, f"\n{FENCE}{ADDRESS}{numbered(len(named) - 1)}\n")
            block.insert_child(f"\n{FENCE}\n")
    for selector, sign in _MARKS:
        for node in tree.css(selector):
            # Emphasis inside a heading or code would show as asterisks there.
            if _has_text(node) and not _inside(node, ("pre", "h1", "h2", "h3", "h4", "h5", "h6")):
                put_first(node, sign)
                node.insert_child(sign)
    for link in tree.css("a[href]") if links else ():
        address = (link.attributes.get("href") or "").strip()
        fits = address.lower().startswith(_WEB) and len(address) <= _LONGEST_ADDRESS
        # A link around whole blocks cannot be written as [text](address).
        if fits and _has_text(link) and link.css_first("p, div, h1, h2, h3, h4, li, table") is None:
            # A blank or a bracket would end the address in Markdown.
            named.append(address.replace(" ", "%20").replace("(", "%28").replace(")", "%29"))
            put_first(link, LINK)
            link.insert_child(f"{LINK_END}{ADDRESS}{numbered(len(named) - 1)}")
    return named


def _has_text(node: LexborNode) -> bool:
    return bool((node.text(deep=True) or "").strip())


def _inside(node: LexborNode, tags: tuple[str, ...]) -> bool:
    parent = node.parent
    for _ in range(_FAR):
        if parent is None:
            return False
        if parent.tag in tags:
            return True
        parent = parent.parent
    return False


def _language_of(block: LexborNode) -> str:
    """Return the language that a listing, what is in it or what is around it names."""
    inner = block.css_first("code[class]")
    around = block.parent
    for node in (block, inner, around, around.parent if around is not None else None):
        found = _LANGUAGE.search(classes_of(node)) if node is not None else None
        if found is not None:
            return found[1]
    return ""
