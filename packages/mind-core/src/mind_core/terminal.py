"""Show text from elsewhere on a terminal: what would steer the terminal is shown as an escape."""

from __future__ import annotations

import re

_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]"
)
"""C0 without tab and line feed, DEL, C1, and what turns the direction of the text around it."""


def printable(text: str) -> str:
    """Return a text in which every control character is shown as an escape, such as `\\x1b`.

    Tabs and line feeds stay: tables and tracebacks are made of them. An id or a file name with a
    line feed can still begin a line of its own; `printable_line` shows that one too.
    """
    return _CONTROL.sub(_escape, text)


def printable_line(text: str) -> str:
    """Return a text for one line: tabs and line feeds are shown as escapes too."""
    return printable(text).replace("\n", "\\n").replace("\t", "\\t")


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    # JSON and TOML know the second form, and hold none of the first: they escape C0 themselves.
    return f"\\x{code:02x}" if code < 0x20 else f"\\u{code:04x}"
