"""Remove what is left of HTML, CSS and scripts in a text, and leave code and mathematics alone.

A text shows markup for one of two reasons: somebody forgot to take it off, or it speaks about
markup. So nothing is touched in indented or fenced lines, in lines that speak of tags or entities
or show a character beside its entity, and in a text that holds a whole page; tags stay in a text
that speaks of HTML; and a tag must look forgotten: it has its partner in the line, or an attribute,
or stands for a line break.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

from mind_clean.annotations import with_text
from mind_core import Record

_INLINE = "a|abbr|b|big|code|em|font|i|ins|nobr|s|small|span|strike|strong|tt|u"
_BLOCK = (
    "blockquote|center|dd|div|dl|dt|fieldset|form|h[1-6]|iframe|li|noscript|object|ol|p|pre|section"
    "|table|tbody|td|tfoot|th|thead|tr|ul"
)
_VOID = "br|hr|img|wbr|input"
_TAG = re.compile(
    rf"<(?P<end>/?)(?P<name>{_INLINE}|{_BLOCK}|{_VOID}|sub|sup)"
    rf"(?P<attributes>\s[^<>]{{0,500}})?\s?/?>",
    re.IGNORECASE,
)
_ATTRIBUTE = re.compile(r"\s[a-z][a-z-]*\s?=\s?(?:[\"'][^\"']*[\"']|[\w#%./:-]+)", re.IGNORECASE)
_IS_BLOCK = re.compile(f"(?:{_BLOCK}|br|hr)$", re.IGNORECASE)
_IS_BREAK = re.compile("(?:br|hr|wbr)$", re.IGNORECASE)

_ENTITY = re.compile("&(?:[A-Za-z]{2,8}[0-9]{0,2}|#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6});")
_TOPIC = re.compile(
    r"\b(?:html|xml|xhtml|css|svg|markup|tags?|elements?|entit(?:y|ies)|escap\w*|attributes?|sgml"
    r"|docbook|markdown)\b|标签|標籤|元素|实体|實體|转义|轉義|标记|標記|属性|屬性",
    re.IGNORECASE,
)
# Begins with a set of characters, so that the search leaps from one of them to the next.
_WHOLE_PAGE = re.compile(
    r"[<&](?:(?<=<)(?:!doctype|html[\s>]|body[\s>]|\?xml)|(?<=&)lt;(?:html|body))", re.IGNORECASE
)
_ABOUT_HTML = re.compile(
    r"\b(?:X?HTML5?|XML|SGML|CSS|DocBook|JavaScript|Javascript|javascript)\b|超文本|网页设计"
)
_MAYBE_ABOUT_HTML = ("ML", "CSS", "DocBook", "avaScript", "avascript", "超文本", "网页设计")
_CODE = re.compile(r"    |\t|[ \t]*(?:```|~~~|>>> |\$ |# )")
_FENCE = re.compile(r"[ \t]*(?:```|~~~)")
_CODE_INSIDE = re.compile(
    r"[`{}\\]|==|=>|->|::|\(\)|\);|&&|\|\||[\"'][^\"'\n]{0,40}[<&][^\"'\n]{0,40}[\"']"
)

_BLOCKS = tuple(
    (re.compile(opening, re.IGNORECASE), re.compile(closing, re.IGNORECASE))
    for opening, closing in (("<script", "</script>"), ("<style", "</style>"), ("<!--", "-->"))
)
# Characters: a longer block has lost its own end, and what closes it is another's.
_LONGEST_BLOCK = 50_000
# Characters: enough to tell whether the line of a tag is code; a line may be as long as its text.
_LOOK_BACK = 200
_CSS = re.compile(
    r"[ \t]*[.#@a-z][\w .#,:>@()-]{0,200}\{"
    r"\s{0,4}(?:[a-z-]{2,40}\s?:[^{};]{1,200};\s{0,4}){0,40}"
    r"(?:[a-z-]{2,40}\s?:[^{};]{1,200})?\}[ \t]*",
    re.IGNORECASE,
)
_CSS_PROPERTY = re.compile(
    r"(?:color|font(?:-\w+)?|margin(?:-\w+)?|padding(?:-\w+)?|display|width|height|background(?:-\w+)?"
    r"|border(?:-\w+)?|float|position|text-\w+|line-height|z-index|overflow)\s?:",
    re.IGNORECASE,
)
_SCRIPT_WORDS = {
    "_": ("_hmt =", "_hmt.push", "_gaq.push", "_bd_share_config", "BAIDU_CLB", "cnzz_"),
    "(": (
        "gtag(", "ga('create", "ga('send", "document.write(", "$(document).ready(",
        "document.createElement('script", 'document.createElement("script',
    ),
    "]": ("//]]>",),
    "<": ("<![CDATA[",),
    "g": ("adsbygoogle", "googletag."),
    "L": ("window.dataLayer",),
}  # fmt: skip
"""What counters of visits, advertising and share buttons leave in a line, by a character of it:
one character is found, or missed, ten times as fast as a word."""

_ROUNDS = 4


@dataclass(frozen=True)
class Markup:
    """Remove left-over tags, entities, styles and scripts; spare code, mathematics, manuals."""

    def __call__(self, record: Record) -> Record:
        """Return the record with the markup of its text removed."""
        return with_text(record, without_markup(record["text"]))


def without_markup(text: str) -> str:
    """Return the text without left-over markup."""
    scripts = _holds_script(text)
    if not (
        scripts or "<" in text or ("&" in text and ";" in text) or ("{" in text and "}" in text)
    ):
        return text
    if _WHOLE_PAGE.search(text):
        return text
    maybe = any(word in text for word in _MAYBE_ABOUT_HTML)
    about_html = maybe and _ABOUT_HTML.search(text) is not None
    for _ in range(_ROUNDS):  # &amp;lt;br&amp;gt; was escaped twice
        before = text
        if not about_html:
            text = _without_blocks(text)
        text = _without_lines(text, scripts, about_html)
        if text == before:
            break
    return text


def _holds_script(text: str) -> bool:
    return any(
        sign in text and any(word in text for word in words)
        for sign, words in _SCRIPT_WORDS.items()
    )


def _without_blocks(text: str) -> str:
    """Remove scripts, styles and comments with all that is inside them, outside code."""
    for opening, closing in _BLOCKS:
        parts: list[str] = []
        last = 0
        found = opening.search(text)
        while found is not None:
            end = closing.search(text, found.end())
            # No such end further on either, so the rest need not be searched for each opening tag.
            if end is None:
                break
            near = max(last, found.start() - _LOOK_BACK)
            line = text.rfind("\n", near, found.start()) + 1 or near
            if end.end() - found.start() <= _LONGEST_BLOCK and not _is_code(
                text[line : found.end()]
            ):
                parts.append(text[last : found.start()])
                last = end.end()
            found = opening.search(text, end.end())
        text = "".join(parts) + text[last:]
    return text


def _without_lines(text: str, scripts: bool, about_html: bool) -> str:
    lines = []
    fenced = False
    for line in text.split("\n"):
        if _FENCE.match(line):
            fenced = not fenced
        elif not fenced and not line.startswith(("    ", "\t")):
            if not about_html and _is_remains(line, scripts):
                continue
            line = _without_tags(line, about_html)
        lines.append(line)
    return "\n".join(lines)


def _is_remains(line: str, scripts: bool) -> bool:
    """Say whether a line is a rule of a style sheet or a call of a counter of visits."""
    if scripts and _holds_script(line):
        return True
    if "{" not in line or len(line) > _LONGEST_BLOCK:
        return False
    return bool(_CSS.fullmatch(line) and _CSS_PROPERTY.search(line))


def _is_code(line: str) -> bool:
    return bool(_CODE.match(line) or _TOPIC.search(line))


def _without_tags(line: str, about_html: bool) -> str:
    """Return one line without forgotten tags and with its entities as characters."""
    if not ("<" in line or "&" in line) or _is_code(line) or _CODE_INSIDE.search(line):
        return line
    if not about_html and "<" in line:
        tags = list(_TAG.finditer(line))
        if tags and _look_forgotten(tags):
            line = _TAG.sub(_instead, line)
    if "&" not in line:
        return line
    # A line that shows "<" as well as "&lt;" speaks about entities and keeps them.
    characters = {_character(entity) for entity in _ENTITY.finditer(line)}
    bare = _ENTITY.sub("", line)
    shown = any(character in bare for character in "&<>" if character in characters)
    return line if shown else _ENTITY.sub(_character, line)


def _look_forgotten(tags: list[re.Match[str]]) -> bool:
    opened = {tag["name"].lower() for tag in tags if not tag["end"]}
    for tag in tags:
        name = tag["name"].lower()
        if _IS_BREAK.match(name) or (tag["end"] and name in opened):
            return True
        if tag["attributes"] and _ATTRIBUTE.match(tag["attributes"]):
            return True
    return False


def _instead(tag: re.Match[str]) -> str:
    """Return what stands for a tag: a line break for a block, ^ and _ for raised and lowered."""
    name = tag["name"].lower()
    if name in ("sup", "sub"):
        return "" if tag["end"] else "^" if name == "sup" else "_"
    return "\n" if _IS_BLOCK.match(name) else ""


def _character(entity: re.Match[str]) -> str:
    """Return the character of an entity; a blank for a no-break space; what is none stays."""
    return html.unescape(entity[0]).replace("\u00a0", " ")
