"""QQ numbers and WeChat names: anything could be one, so both need their cue word."""

from __future__ import annotations

import re
from collections.abc import Iterator

_QQ_CUES = ("QQ", "qq")
_QQ = re.compile(
    r"(?<![A-Za-z0-9_])(?:QQ|qq|扣扣|企鹅号)"
    r"\s{0,2}(?:群号|群號|群|号码|號碼|号|號|账号|帐号|[Nn]umber|[Nn]o\.?|[Ii][Dd])?"
    r"\s{0,2}[:：为是]?\s{0,2}([1-9][0-9]{4,10})(?![0-9A-Za-z_@])(?!\.[0-9])"
)
_WECHAT_CUES = ("eChat", "echat", "eixin", "wxid_", "VX", "vx", "Vx", "WX", "wx")
_NAME = "[A-Za-z][A-Za-z0-9_-]{5,19}"
_WECHAT = re.compile(
    # A name after a colon or after 号; without either only names that no word looks like.
    rf"(?:微信|薇信|威信|[Ww]e[Cc]hat|[Ww]eixin)\s{{0,2}}"
    rf"(?:(?:号码|号|號|账号|[Ii][Dd])\s{{0,2}}[:：为是]?\s{{0,2}}({_NAME})"
    rf"|[:：]\s{{0,2}}({_NAME})"
    rf"|(?=[A-Za-z_-]{{0,19}}[0-9])({_NAME}))(?![0-9A-Za-z_@.-])"
    rf"|(?:加\s?[VvWw][Xx]?|(?<![A-Za-z0-9])[VvWw][Xx]|[Vv]信|微信?號)\s{{0,2}}(?:号|號)?[:：]\s{{0,2}}({_NAME})"
    rf"(?![0-9A-Za-z_@.-])"
    rf"|(?:[Vv]信\s{{0,2}}|加\s?[VvWw][Xx]\s{{1,2}})(?=[A-Za-z_-]{{0,19}}[0-9])({_NAME})"
    rf"(?![0-9A-Za-z_@.-])"
    r"|(?<![A-Za-z0-9_])(wxid_[a-z0-9]{10,20})(?![0-9A-Za-z_])"
)


def find_qq_numbers(text: str, low: int, high: int) -> Iterator[tuple[int, int]]:
    """Yield the spans of QQ numbers (5 to 11 digits), without their cue."""
    if _holds(text, _QQ_CUES, "扣鹅", ("扣扣", "企鹅号")):
        for match in _QQ.finditer(text, low, high):
            yield match.span(1)


def find_wechat_names(text: str, low: int, high: int) -> Iterator[tuple[int, int]]:
    """Yield the spans of WeChat names (a letter and 5 to 19 more characters), without their cue."""
    if _holds(
        text,
        _WECHAT_CUES,
        "信加",
        ("微信", "薇信", "威信", "v信", "V信", "加v", "加V", "加w", "加W"),
    ):
        for match in _WECHAT.finditer(text, low, high):
            # Each way of writing has a group of its own, and only the one that matched is set.
            yield match.span(match.lastindex or 0)


def _holds(text: str, cues: tuple[str, ...], rare: str, chinese: tuple[str, ...]) -> bool:
    """Say whether a cue stands in a text; a single character is looked for many times faster."""
    if not text.isascii() and any(character in text for character in rare):
        cues += chinese
    return any(cue in text for cue in cues)
