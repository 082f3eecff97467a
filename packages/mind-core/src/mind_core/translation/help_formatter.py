"""The help of a command in another language, wrapped by the width of its characters."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import typer

from mind_core.render.terminal import width
from mind_core.translation.catalogue import Catalogue

# typer keeps click to itself; its public Context is the way to the class above it.
_Context: Any = typer.Context.__mro__[1]
_English: Any = _Context.formatter_class

COMMENT = "    # "
"""Between an example and what is said of it."""

_WIDE = "\u2e80"
"""The first of the characters beside which a line may break: radicals, and all Chinese after."""

_NOT_FIRST = "，。、；：？！）」』》〉】”’…"
_NOT_LAST = "（「『《〈【“‘"


def show_help_in(catalogue: Catalogue) -> None:
    """Let all commands of this process write their help by a catalogue."""

    class Translated(_TranslatedHelp):
        say = staticmethod(catalogue.exact)

    _Context.formatter_class = Translated


def paragraphs(text: str) -> Iterator[tuple[bool, str]]:
    """Yield the paragraphs of a command's help: is one shown as it stands, and its text."""
    for part in re.split(r"\n[ ]*\n", text.strip("\n")):
        as_it_stands = part.startswith("\b\n")
        yield as_it_stands, part[2:] if as_it_stands else " ".join(part.split())


def option_help(text: str, say: Callable[[str], str]) -> str:
    """Return the help of an option, and what typer adds to it: default, range, required."""
    said, _, extra = (
        text.removesuffix("]").rpartition("[") if text.endswith("]") else (text, "", "")
    )
    if not extra or (said and not said.endswith("  ")):
        return say(" ".join(text.split()))
    added = say("; ").join(_added(one, say) for one in extra.split("; "))
    return f"{say(' '.join(said.split()))}  [{added}]".strip()


def _added(text: str, say: Callable[[str], str]) -> str:
    name, sign, value = text.partition(": ")
    return say(f"{name}: {{value}}").replace("{value}", value) if sign else say(text)


class _TranslatedHelp(_English):  # type: ignore[misc]
    """Write what typer's own formatter does, each text by the catalogue."""

    say: Callable[[str], str]

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """Write the usage line."""
        said = " ".join(map(self.say, args.split(" ")))
        super().write_usage(prog, said, prefix or self.say("Usage: "))

    def write_heading(self, heading: str) -> None:
        """Write the heading of a section."""
        self.write(f"{'':>{self.current_indent}}{self.say(f'{heading}:')}\n")

    def write_text(self, text: str) -> None:
        """Write paragraphs; examples keep their lines."""
        indent = " " * self.current_indent
        parts = []
        for as_it_stands, part in paragraphs(text):
            if as_it_stands:
                lines = [self._example(line) for line in part.splitlines()]
            else:
                lines = wrap(self.say(part), self.width - self.current_indent)
            parts.append("\n".join(f"{indent}{line}".rstrip() for line in lines))
        self.write("\n\n".join(parts) + "\n")

    def write_dl(
        self, rows: Sequence[tuple[str, str]], col_max: int = 30, col_spacing: int = 2
    ) -> None:
        """Write options or verbs with what they do."""
        rows = list(rows)
        column = min(max(width(first) for first, _ in rows), col_max) + col_spacing
        for first, second in rows:
            lines = wrap(option_help(second, self.say), max(self.width - column - 2, 10))
            head = " " * self.current_indent + first
            fits = width(first) <= column - col_spacing
            self.write(head + (" " * (column - width(first)) if fits and lines else ""))
            rest = lines
            if fits and lines:
                self.write(lines[0])
                rest = lines[1:]
            self.write("\n")
            for line in rest:
                self.write(" " * (column + self.current_indent) + line + "\n")

    def _example(self, line: str) -> str:
        command, sign, comment = line.partition(COMMENT)
        return f"{command}{sign}{self.say(comment)}" if sign else self.say(line)


def wrap(text: str, columns: int) -> list[str]:
    """Return lines of at most so many columns; a Chinese character takes two.

    Lines break at spaces and between Chinese characters, but no line begins with a closing mark or
    ends with an opening one (GB/T 15834, JIS X 4051).
    """
    lines: list[str] = []
    line, held = "", ""
    for unit in _units(text):
        if unit == " ":
            # Blanks wait for what follows: at the end of a line they are dropped.
            held += " " if line else ""
        elif width(line + held + unit) > columns and line:
            lines.append(line)
            line, held = unit, ""
        else:
            line, held = line + held + unit, ""
    return [*lines, line] if line else lines


def _units(text: str) -> Iterator[str]:
    """Yield what is never broken: words, Chinese characters with the marks that stay at them."""
    for word in text.split(" "):
        unit = ""
        for character in word:
            # Latin letters and digits are held together, and break from Chinese on either side.
            beside = unit and max(character, unit[-1]) >= _WIDE
            if beside and character not in _NOT_FIRST and unit[-1] not in _NOT_LAST:
                yield unit
                unit = ""
            unit += character
        if unit:
            yield unit
        yield " "
