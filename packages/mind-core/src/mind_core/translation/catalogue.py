"""Catalogues of gettext, read as they are written (.po), so that no build can forget one."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path

PLACE = re.compile(r"\{[a-z_]+\}")
"""A placeholder: what a message says of this run."""

_SAME = {"zh": "zh_CN", "zh_SG": "zh_CN", "zh_Hans": "zh_CN"}
"""Locales that are written as another one is."""


def wanted_languages(environment: Mapping[str, str]) -> list[str]:
    """Return the languages that the locale asks for, the best first; none for English.

    LC_ALL goes before LC_MESSAGES, and that before LANG; LANGUAGE lists several, and is ignored
    where the locale is C or not set (GNU gettext, "Locale Environment Variables", "The LANGUAGE
    variable"). A language is tried with its country and without.
    """
    names = ("LC_ALL", "LC_MESSAGES", "LANG")
    locale = next((environment[name] for name in names if environment.get(name)), "C")
    if _bare(locale) in ("C", "POSIX"):
        return []
    found: list[str] = []
    for one in (environment.get("LANGUAGE") or locale).split(":"):
        name = _bare(one)
        language = name.partition("_")[0]
        if language in ("en", "C", "POSIX"):
            break
        found += [_SAME.get(name, name), language]
    return [name for name in dict.fromkeys(found) if re.fullmatch(r"[A-Za-z_]+", name)]


def _bare(locale: str) -> str:
    """Return a locale without its encoding and variant."""
    return locale.partition(".")[0].partition("@")[0]


def read_po(text: str) -> dict[str, str]:
    """Return what stands for what in a .po file; fuzzy and empty entries are none."""
    found: dict[str, str] = {}
    english, translated, target, fuzzy = "", "", "", False
    # The entry that is added closes the last one of the file, as each closes the one before.
    for line in [*text.splitlines(), 'msgid "end"']:
        if line.startswith("msgid "):
            if english and translated and target != "fuzzy":
                found[_plain(english)] = _plain(translated)
            english, translated, target = line[7:-1], "", "fuzzy" if fuzzy else "msgid"
            fuzzy = False
        elif line.startswith("msgstr "):
            translated, target = line[8:-1], target if target == "fuzzy" else "msgstr"
        elif line.startswith('"') and target == "msgid":
            english += line[1:-1]
        elif line.startswith('"'):
            translated += line[1:-1]
        elif line.startswith("#,") and "fuzzy" in line:
            fuzzy = True
    return found


def _plain(string: str) -> str:
    """Return what a string of the file stands for."""
    if "\\" not in string:
        return string
    # First: in `\\n` the n stands for itself, behind a backslash.
    parts = string.split("\\\\")
    return "\\".join(p.replace('\\"', '"').replace("\\n", "\n").replace("\\t", "\t") for p in parts)


def catalogue_file(package: str, language: str) -> Path | None:
    """Return the file of a package's catalogue, or None."""
    module = sys.modules.get(package)
    folder = getattr(module, "__file__", None)
    if folder is None:
        return None
    path = Path(folder).parent / "locale" / f"{language}.po"
    return path if path.is_file() else None


class Catalogue:
    """What is shown for an English text; the text itself where there is nothing."""

    def __init__(self, entries: Mapping[str, str], language: str) -> None:
        self.entries = dict(entries)
        self.language = language
        self._imported: list[str] = []
        self._latest: Catalogue | None = None

    @cached_property
    def _patterns(self) -> list[tuple[str, list[str]]]:
        """Messages with placeholders and what is between these, the longest first."""
        found = [(key, PLACE.split(key)) for key in self.entries if "{" in key]
        several = [one for one in found if len(one[1]) > 1]
        # Messages with more words of their own first, so that none is taken for a more general one.
        return sorted(several, key=lambda one: -sum(map(len, one[1])))

    def exact(self, text: str) -> str:
        """Return what is shown for a text that is an entry as it stands, else the text."""
        return self.entries.get(text, text)

    @classmethod
    def of(cls, language: str, packages: Iterable[str]) -> Catalogue | None:
        """Return the catalogue of packages that are imported, or None if they have none."""
        files = [catalogue_file(package, language) for package in packages]
        if not any(files):
            return None
        entries: dict[str, str] = {}
        for file in files:
            if file is not None:
                entries |= read_po(file.read_text("utf-8"))
        return cls(entries, language)

    def with_imported(self) -> Catalogue:
        """Return the catalogue of all packages that are imported by now: errors come from any."""
        packages = sorted(name for name in sys.modules if re.fullmatch("mind_[a-z_]+", name))
        if packages != self._imported:
            self._imported, self._latest = packages, Catalogue.of(self.language, packages)
        return self._latest or self

    def __call__(self, text: str, depth: int = 2) -> str:
        """Return what is shown for a text, as it stands or by a message with placeholders.

        Messages are made in English, with what they say of this run, and cross processes so. Here
        the message is found that a text was made of; the most particular one goes first. What a
        placeholder stands for may be a message itself, a hint within a hint.
        """
        found = self.entries.get(text)
        if found is not None or depth == 0:
            return found or text
        for key, literals in self._patterns:
            values = _values(key, literals, text)
            if values is not None:
                shown = {name: self(value, depth - 1) for name, value in values.items()}
                return PLACE.sub(lambda place: shown[place[0]], self.entries[key])  # noqa: B023
        return text


def _values(key: str, literals: list[str], text: str) -> dict[str, str] | None:
    """Return what the placeholders of a message stand for in a text that is made of it."""
    first, *middle, last = literals
    if not text.startswith(first) or not text.endswith(last):
        return None
    # What "(.+?)" between the literals would find; a pattern of many tries them over and over.
    values, start = [], len(first)
    for literal in middle:
        # A placeholder stands for one character at least.
        end = text.find(literal, start + 1)
        if end < 0:
            return None
        values.append(text[start:end])
        start = end + len(literal)
    if (end := len(text) - len(last)) <= start:
        return None
    return dict(zip(PLACE.findall(key), [*values, text[start:end]], strict=True))
