"""Put sections together into one self-contained HTML page: no script of data, no network."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources

from mind_core.safe_html import Safe, document, escaped, joined, markup
from mind_eval.report.words import language, say


@dataclass(frozen=True)
class Section:
    """Hold one part of the page: its anchor, its heading and its HTML."""

    anchor: str
    heading: str
    body: Safe
    lead: str = ""


@dataclass(frozen=True)
class Figure:
    """Hold one of the large numbers at the top of the page."""

    value: str
    label: str


def render(
    title: str, figures: Sequence[Figure], sections: Sequence[Section], script: str = ""
) -> str:
    """Return the page; `script` is the package's own."""
    tiles = joined(
        markup("<div class=tile><b>{}</b><span>{}</span></div>", f.value, f.label) for f in figures
    )
    links = joined(markup('<a href="#{}">{}</a>', s.anchor, s.heading) for s in sections)
    body = joined(
        markup(
            '<section id="{}"><h2>{}</h2>{}{}</section>',
            s.anchor,
            s.heading,
            markup("<p class=lead>{}</p>", s.lead) if s.lead else "",
            s.body,
        )
        for s in sections
    )
    page = markup(
        "<header><h1>{title}</h1><div class=tiles>{tiles}</div><nav>{links}</nav></header>"
        "<main>{body}</main>",
        title=title,
        tiles=tiles,
        links=links,
        body=body,
    )
    style = resources.files(__package__).joinpath("page.css").read_text("utf-8")
    written = "zh-CN" if language() == "zh" else "en"
    return document(title, style, page, language=written, script=script)


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, text_columns: int = 1) -> Safe:
    """Return a table of cells, text or markup; columns after `text_columns` are numbers."""
    names = [escaped(say(name)) for name in head]

    def kind(number: int) -> Safe:
        return markup("") if number < text_columns else markup(" class=n")

    heading = joined(markup("<th{}>{}</th>", kind(n), name) for n, name in enumerate(names))
    body = joined(
        markup("<tr>{}</tr>", joined(
            markup('<td{} data-label="{}">{}</td>', kind(n), names[n], cell)
            for n, cell in enumerate(row)
        ))
        for row in rows
    )  # fmt: skip
    return markup(
        "<div class=scroll><table><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>",
        heading,
        body,
    )


def number(value: float, digits: int = 3) -> str:
    """Return a number as people read it."""
    if isinstance(value, int) or (float(value).is_integer() and abs(value) >= 1000):
        return f"{int(value):,}"
    return f"{value:.{digits}f}"
