"""The words of a page in the language that it is written in: English, or Chinese.

What a page says is written in its place in English, and looked up for Chinese in `words.toml`; a
word that has no entry stays as it is.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from importlib import resources

LANGUAGES = ("en", "zh")
_LANGUAGE: ContextVar[str] = ContextVar("language", default="en")


@lru_cache(maxsize=1)
def _words() -> dict[str, dict[str, str]]:
    text = resources.files(__package__).joinpath("words.toml").read_text("utf-8")
    words: dict[str, dict[str, str]] = tomllib.loads(text)
    return words


@contextmanager
def written_in(language: str) -> Iterator[None]:
    """Have everything within be said in a language."""
    token = _LANGUAGE.set(language)
    try:
        yield
    finally:
        _LANGUAGE.reset(token)


def language() -> str:
    """Return the language that is written in, as an HTML `lang`."""
    return _LANGUAGE.get()


def say(text: str) -> str:
    """Return a text, or a long one by its name, in the language that is written in."""
    words = _words()
    # English is looked up too: long texts are named ("lead.scores") instead of written out in code.
    return words[_LANGUAGE.get()].get(text) or words["en"].get(text, text)
