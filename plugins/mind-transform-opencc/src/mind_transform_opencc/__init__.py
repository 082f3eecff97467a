"""Convert between simplified and traditional Chinese with OpenCC."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from mind_clean import Transform, hookimpl, noted
from mind_core import Offers, Record
from mind_core.text.languages import language_of

CONFIGURATIONS = (
    "s2t", "t2s", "s2tw", "tw2s", "s2hk", "hk2s", "s2twp", "tw2sp", "t2tw", "tw2t", "t2hk", "hk2t",
)  # fmt: skip


@dataclass(frozen=True)
class OpenCC:
    """Convert Chinese: `t2s` to simplified, `s2t` to traditional, `s2twp` with Taiwan's words.

    MindLLM keeps traditional characters, so nothing converts unless a recipe asks. Texts in other
    languages stay as they are, Japanese ones (with kana) too. What was converted is noted as
    `metadata.mind.clean.converted`, and a noted script is brought up to date.
    """

    configuration: str = "t2s"

    def __post_init__(self) -> None:
        """Refuse a configuration that OpenCC does not have."""
        if self.configuration not in CONFIGURATIONS:
            raise ValueError(
                f"configuration is {self.configuration!r}, not one of {', '.join(CONFIGURATIONS)}"
            )

    def __call__(self, record: Record) -> Record:
        """Return the record with its text converted; the same record if that changes nothing."""
        text = record["text"]
        # By its scripts alone a Japanese text counts as Chinese, so kana are asked for as well.
        if text.isascii() or language_of(record) != "zh" or _has_kana(text):
            return record
        converted = _converter(self.configuration).convert(text)
        if converted == text:
            return record
        # t2s, tw2s, hk2s and tw2sp lead to simplified characters, all others to traditional ones.
        script = "Hans" if self.configuration.endswith(("2s", "2sp")) else "Hant"
        return noted({**record, "text": converted}, script=script, converted=self.configuration)


@hookimpl
def register_transforms() -> Offers[Transform]:
    """Offer the transform to mind-clean."""
    return {"opencc": OpenCC}


def _has_kana(text: str) -> bool:
    """Say whether a text is Japanese: more than one character in twenty is kana."""
    return 20 * sum("\u3041" <= character <= "\u30fa" for character in text) > len(text)


@cache
def _converter(configuration: str) -> Any:
    """Return OpenCC's converter, made once a process: it reads its dictionaries."""
    import opencc

    return opencc.OpenCC(configuration)
