"""Pages of HTML and SVG in which data is text: what is markup has a type of its own, `Safe`.

`markup` fills a literal template; what is filled in is escaped unless it is `Safe` already. A test
reads the sources: templates are literals, and `Safe` is made here alone. `document` is the frame of
every page, with the one policy that lets a browser load nothing.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from html import escape

POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'"
"""What a browser may do with a page: show it, with the styles in it, and nothing else."""

_UNSHOWN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
"""What stands in no XML, is no UTF-8, or is seen by nobody."""


class Safe(str):
    """Markup: HTML or SVG that was made from templates, with all data in it escaped."""

    __slots__ = ()


def escaped(value: object) -> Safe:
    """Return markup as it is, and anything else as text that a browser shows and does not read."""
    if isinstance(value, Safe):
        return value
    return Safe(escape(_UNSHOWN.sub(lambda m: f"\\u{ord(m[0]):04x}", str(value))))


def markup(template: str, /, *values: object, **named: object) -> Safe:
    """Fill the fields of a literal template, as `str.format` does, with escaped values.

    Attributes are quoted in templates, so that a value cannot end one.
    """
    fields = {name: _Field(value) for name, value in named.items()}
    return Safe(template.format(*map(_Field, values), **fields))


def joined(parts: Iterable[object], between: str = "") -> Safe:
    """Return parts one after another, each escaped unless it is markup."""
    return Safe(escaped(between).join(map(escaped, parts)))


def document(title: str, style: str, body: Safe, *, language: str = "en", script: str = "") -> str:
    """Return a page of its own. Style and script are the package's; data belongs into the body.

    A script is admitted by its hash, and no other is.
    """
    return (
        f'<!doctype html>\n<html lang="{escape(language)}"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy(script)}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escaped(title)}</title><style>{style}</style></head><body>{body}"
        + (f"<script>{script}</script>" if script else "")
        + "</body></html>\n"
    )


def policy(script: str = "", more: str = "") -> str:
    """Return the policy of a page that has one script of its own, and what it may do besides."""
    parts = [POLICY]
    if script:
        hashed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        # By its hash: a script that somebody gets into the page has another one.
        parts.append(f"script-src 'sha256-{hashed}'")
    return "; ".join([*parts, *([more] if more else [])])


class _Field:
    """A value in a template."""

    __slots__ = ("__value",)

    def __init__(self, value: object) -> None:
        self.__value = value

    def __format__(self, spec: str) -> str:
        # The form is applied to the value, and what comes of it is escaped: a form cannot make
        # markup.
        return escaped(format(self.__value, spec) if spec else self.__value)
