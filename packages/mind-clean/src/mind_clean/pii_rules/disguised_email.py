"""Addresses that are written so that programs do not find them: name[at]host, name#host（#换@）."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mind_clean.deferred import compile_once

_LOCAL = r"(?<![A-Za-z0-9._%+\-])[A-Za-z0-9][A-Za-z0-9._%+\-]{0,63}"
_AT = (
    r"\s?(?:\[\s?(?:at|@)\s?\]|\(\s?(?:at|@)\s?\)|（\s?(?:at|@)\s?）|【\s?(?:at|@)\s?】|\{at\})\s?"
)
_DOT = r"(?:\.|\s?(?:\[dot\]|\(dot\)|（dot）|【dot】|\[点\]|（点）)\s?)"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])?"
_HOST = rf"(?:{_LABEL}{_DOT}){{1,4}}[A-Za-z]{{2,12}}(?![A-Za-z0-9_-])"
_WITH_AT = rf"{_LOCAL}{_AT}{_HOST}"
_SWAPPED = (
    rf"{_LOCAL}([#＃*&$])(?:{_LABEL}\.){{1,4}}[A-Za-z]{{2,12}}"
    r"(?=[^\n]{0,12}?\1\s?(?:换|換|改|替换|替換|代替)(?:为|為|成)?\s?@)"
)
_CHINESE_HOST = (
    r"(?<![A-Za-z0-9._%+\-])[A-Za-z0-9][A-Za-z0-9._%+\-]{0,63}@(?:[A-Za-z0-9\u4e00-\u9fff-]{1,30}\.){1,4}"
    r"(?:中国|中國|公司|网络|網絡|香港|台湾|台灣|网址|商标|在线|中文网)"
)
_SIGNS = (
    "at]",
    "at)",
    "at）",
    "at】",
    "at}",
    "AT]",
    "AT)",
    "[@]",
    "(@)",
    "at ]",
    "at )",
    "AT）",
    "AT】",
)


def find_disguised(text: str, low: int, high: int) -> Iterator[tuple[int, int]]:
    """Yield the spans of disguised addresses, and of those of hosts in Chinese."""
    if any(sign in text for sign in _SIGNS):
        for match in compile_once(_WITH_AT, re.IGNORECASE).finditer(text, low, high):
            yield match.span()
    # The other two hold Chinese: 换 … @ behind a swapped sign, and a Chinese host behind an @.
    if text.isascii() or "@" not in text:
        return
    for pattern in (_SWAPPED, _CHINESE_HOST):
        for match in compile_once(pattern).finditer(text, low, high):
            yield match.span()
