"""Put sections together into one self-contained HTML page: no script, no network."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from importlib import resources

from mind_eval.report.words import language, say

CONTENT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


@dataclass(frozen=True)
class Section:
    """Hold one part of the page: its anchor, its heading and its HTML."""

    anchor: str
    heading: str
    body: str
    lead: str = ""


@dataclass(frozen=True)
class Figure:
    """Hold one of the large numbers at the top of the page."""

    value: str
    label: str


def render(
    title: str, figures: Sequence[Figure], sections: Sequence[Section], script: str = ""
) -> str:
    """Return the page. Section bodies are HTML already, everything else is escaped here.

    A script is the package's own; the page's policy admits it by its hash, and no other.
    """
    policy = CONTENT_POLICY
    if script:
        hashed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        policy += f"; script-src 'sha256-{hashed}'"
    style = resources.files(__package__).joinpath("page.css").read_text("utf-8")
    tiles = "".join(
        f"<div class=tile><b>{escape(f.value)}</b><span>{escape(f.label)}</span></div>"
        for f in figures
    )
    links = "".join(f'<a href="#{s.anchor}">{escape(s.heading)}</a>' for s in sections)
    body = "".join(
        f'<section id="{s.anchor}"><h2>{escape(s.heading)}</h2>'
        + (f"<p class=lead>{escape(s.lead)}</p>" if s.lead else "")
        + s.body
        + "</section>"
        for s in sections
    )
    return (
        "<!doctype html>\n"
        f'<html lang="{"zh-CN" if language() == "zh" else "en"}"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}</style></head><body>"
        f"<header><h1>{escape(title)}</h1><div class=tiles>{tiles}</div><nav>{links}</nav></header>"
        f"<main>{body}</main>"
        + (f"<script>{script}</script>" if script else "")
        + "</body></html>\n"
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, text_columns: int = 1) -> str:
    """Return a table of HTML cells; columns after the first `text_columns` are numbers."""

    names = [escape(say(name)) for name in head]

    def cells(row: Sequence[str], tag: str) -> str:
        made = ""
        for number, cell in enumerate(row):
            kind = "" if number < text_columns else " class=n"
            label = f' data-label="{names[number]}"' if tag == "td" else ""
            made += f"<{tag}{kind}{label}>{cell}</{tag}>"
        return made

    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
    heading = cells(names, "th")
    return (
        f"<div class=scroll><table><thead><tr>{heading}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


def number(value: float, digits: int = 3) -> str:
    """Return a number as people read it."""
    if isinstance(value, int) or (float(value).is_integer() and abs(value) >= 1000):
        return f"{int(value):,}"
    return f"{value:.{digits}f}"
