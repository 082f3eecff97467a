"""Man pages from the commands' help: `python -m mind_core.man_pages packages` writes them all.

Each tool has `man/TOOL.1` and one for each language of its catalogue, which its wheel puts where
`man` looks: share/man/man1, share/man/zh_CN/man1. With --check nothing is written, and a page that
is not what the help says is an error.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import typer

from mind_core.command_tree import command_tree
from mind_core.summary import version_of
from mind_core.translation.catalogue import Catalogue
from mind_core.translation.help_formatter import COMMENT, option_help, paragraphs

LANGUAGES = ("", "zh_CN")
"""English, and the languages of catalogues."""

Say = Callable[[str], str]


def man_page(tool: str, say: Say = str) -> str:
    """Return the page of a tool as roff for man(7): all verbs on one page."""
    (_, root), *verbs = list(command_tree(tool))
    what = next(text for as_it_stands, text in paragraphs(root.help) if not as_it_stands)
    lines = [
        f'.TH "{tool.upper()}" "1" "" "{tool} {version_of(tool)}" "mind-toolkit"',
        ".ad l",  # no spaces stretched: Chinese has few
        ".nh",
        f".SH {say('NAME')}",
        f"{_escaped(tool)} \\- {_escaped(say(what).rstrip('.。'))}",
        f".SH {say('SYNOPSIS')}",
        *_usage(tool, root, say),
        f".SH {say('DESCRIPTION')}",
        *_prose(root.help, say),
        f".SH {say('OPTIONS')}",
        *_options(tool, root, say),
    ]
    if verbs:
        lines.append(f".SH {say('COMMANDS')}")
    for called, verb in verbs:
        lines += [f'.SS "{_escaped(called)}"', *_usage(called, verb, say)]
        lines += [*_prose(verb.help, say), *_options(called, verb, say)]
        lines += _prose(_without(verb.epilog, root.epilog), say)
    lines += [f".SH {say('NOTES')}", *_prose(root.epilog, say)]
    return "\n".join(lines) + "\n"


def _without(epilog: str | None, shared: str | None) -> str:
    """Return the paragraphs of an epilog that another does not have."""
    known = [text for _, text in paragraphs(shared or "")]
    return "\n\n".join(text for _, text in paragraphs(epilog or "") if text not in known)


def _context(called: str, command: Any) -> Any:
    return typer.Context(command, info_name=called, **command.context_settings)


def _usage(called: str, command: Any, say: Say) -> Iterator[str]:
    pieces = " ".join(command.collect_usage_pieces(_context(called, command)))
    yield f".B {_escaped(called)}"
    yield _line(" ".join(map(say, pieces.split(" "))))


def _prose(text: str | None, say: Say) -> Iterator[str]:
    """Yield paragraphs; what follows "Examples:" as it stands."""
    for as_it_stands, part in paragraphs(text or ""):
        if not part:
            continue
        yield ".PP"
        if not as_it_stands:
            yield _line(say(part))
            continue
        yield ".nf"
        for line in part.splitlines():
            command, sign, comment = line.partition(COMMENT)
            yield _line(f"{command}{sign}{say(comment)}" if sign else say(line))
        yield ".fi"


def _options(called: str, command: Any, say: Say) -> Iterator[str]:
    context = _context(called, command)
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None:
            yield ".TP"
            yield f".B {_escaped(record[0])}"
            yield _line(option_help(record[1], say))


def _line(text: str) -> str:
    """Return a line that is text, whatever it begins with."""
    shown = _escaped(text)
    # roff takes a line that begins with a dot or a quote for a request; \& is nothing before it.
    return f"\\&{shown}" if shown[:1] in (".", "'") else shown


def _escaped(text: str) -> str:
    """Return text in which hyphens are those of options and backslashes stand for themselves."""
    return re.sub(r"[\\-]", lambda sign: "\\e" if sign[0] == "\\" else "\\-", text)


def pages(folder: Path) -> Iterator[tuple[Path, str]]:
    """Yield the pages of all tools below a folder of packages: path and text."""
    for package in sorted(folder.glob("mind-*")):
        tool, module = package.name, package.name.replace("-", "_")
        if not (package / "src" / module / "cli.py").is_file() or tool == "mind-core":
            continue
        for language in LANGUAGES:
            page = man_page(tool)
            if language:
                catalogue = Catalogue.of(language, ["mind_core", module])
                if catalogue is None:
                    continue
                page = man_page(tool, catalogue.exact)
            name = f"{tool}.{language}.1" if language else f"{tool}.1"
            yield package / "man" / name, page


def main() -> None:
    """Write or check the pages of the packages below a folder."""
    check = "--check" in sys.argv
    (folder,) = [argument for argument in sys.argv[1:] if argument != "--check"]
    stale = []
    for path, text in pages(Path(folder)):
        if check and (not path.is_file() or path.read_text("utf-8") != text):
            stale.append(str(path))
        elif not check:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, "utf-8")
    if stale:
        sys.exit(f"not what the help says: {', '.join(stale)}; `bin/test -s docs-update` mends it")


if __name__ == "__main__":
    main()
