"""Remove what all pages of a site say: menus, advertising, copyright lines (MindLLM §2, step 5).

The paper suspects phrases that are frequent within one site and spares certified sites; it gives no
numbers. Here a line is such a phrase if it stands on at least ten pages of its site and on at least
a tenth of them, holds four Chinese characters or three words, and is not indented, as code is.
Digits count as equal, so that 第 3 页 and 第 4 页 are one line.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mind_clean.notes import noted
from mind_clean.sites import is_of, site_of
from mind_core import Record
from mind_core.errors import MindError
from mind_core.languages import HAN

if TYPE_CHECKING:
    from mind_clean.key_counts import Keys, KeyTable

UNITS = ("line", "phrase")
SITES = ("url", "source")
_DIGITS = re.compile("[0-9０-９]+")
_BLANKS = (" ", "\t", "")
_PHRASE = re.compile(
    f"(?:[{HAN}][^{HAN}]*+){{4}}|(?<![^\\W\\d_])(?:[^\\W\\d_]{{2,}}+[\\W\\d_]++){{2}}[^\\W\\d_]{{2}}"
)
"""Four Chinese characters or three words: `else:` and `End Sub` stand on many pages, in code."""

_PHRASE_ENDS = re.compile("(?<=[。！？；…|｜])|(?<=[.!?;] )|(?<= [-–—·•»›>] )")
_BLANK_LINES = re.compile("\n{3,}")


@dataclass(frozen=True)
class SitePhrases:
    """Remove lines repeated across the pages of one site; note what share of the page that was.

    Takes two walks over the stream: the first counts, exactly, in at most `memory` (more goes to a
    temporary file), while the records wait on disk. `unit = "phrase"` also cuts at the ends of
    sentences and at | · ›. `spare` lists sites to leave alone. The share is noted as
    `metadata.mind.clean.site_share`, by which `site_phrase_share` can drop the page; with
    `remove = false` it is only noted.
    """

    min_pages: int = 10
    min_share: float = 0.1
    unit: str = "line"
    site: str = "url"
    spare: tuple[str, ...] = ()
    remove: bool = True
    memory: str = "512M"

    def __post_init__(self) -> None:
        """Refuse what means nothing."""
        from mind_clean.key_counts import bytes_of

        object.__setattr__(self, "spare", tuple(self.spare))
        if self.min_pages < 2:
            raise ValueError(f"min_pages is {self.min_pages}: one page repeats nothing")
        if not 0 <= self.min_share <= 1:
            raise ValueError(f"min_share is {self.min_share}, not a share, 0 to 1")
        if self.unit not in UNITS:
            raise ValueError(f"unit is {self.unit!r}, not one of {', '.join(UNITS)}")
        if self.site not in SITES:
            raise ValueError(f"site is {self.site!r}, not one of {', '.join(SITES)}")
        try:
            bytes_of(self.memory)
        except MindError as error:
            raise ValueError(str(error)) from None

    @property
    def least(self) -> int:
        """A phrase must stand on so many pages to be told about."""
        return self.min_pages

    def survey(self, record: Record) -> Keys:
        """Return the keys of the site and of each of its phrases on this page, once each."""
        import numpy as np

        site = self._site(record)
        if site is None:
            return np.zeros(0, np.uint64)
        keys = {key for _, key in self._pieces(record["text"], site) if key is not None}
        keys.add(_key(site, ""))
        return np.fromiter(sorted(keys), np.uint64, len(keys))

    def informed(self, known: KeyTable) -> Callable[..., Any]:
        """Return the transform that knows how often each phrase stands on its site."""
        return _Informed(self, known)

    def __call__(self, record: Record) -> Record:
        """Refuse: a phrase cannot be judged before all pages are known."""
        raise MindError(
            f"site_phrases has seen only record {record.get('id')!r}, not its whole site",
            hint="run it through mind-clean",
        )

    def _site(self, record: Record) -> str | None:
        site = site_of(record, self.site)
        return None if site is None or is_of(site, self.spare) else site

    def _pieces(self, text: str, site: str) -> list[tuple[str, int | None]]:
        """Return the lines or phrases of a text with their keys; joined they are the text."""
        pieces = _lines(text)
        if self.unit == "phrase":
            pieces = [part for piece in pieces for part in _PHRASE_ENDS.split(piece) if part]
        return [(piece, self._key_of(piece, site)) for piece in pieces]

    @staticmethod
    def _key_of(piece: str, site: str) -> int | None:
        if piece[:1] in _BLANKS or _PHRASE.search(piece) is None:
            return None
        return _key(site, _DIGITS.sub("0", "".join(piece.split()).casefold()))


@dataclass(frozen=True)
class _Informed:
    rule: SitePhrases
    known: KeyTable

    def __call__(self, record: Record) -> Record:
        """Return the record without the phrases of its site, and with their share noted."""
        import numpy as np

        site = self.rule._site(record)
        if site is None:
            return record
        text: str = record["text"]
        pieces = self.rule._pieces(text, site)
        keys = np.array([_key(site, ""), *(key or 0 for _, key in pieces)], np.uint64)
        pages, *counts = self.known.counts_of(keys).tolist()
        if not pages:
            return record  # the whole site has fewer pages than that
        enough = max(self.rule.min_pages, self.rule.min_share * pages)
        kept = [
            piece
            for (piece, key), count in zip(pieces, counts, strict=True)
            if key is None or count < enough
        ]
        if len(kept) == len(pieces):
            return record
        shorter = "".join(kept)
        share = round(1 - len("".join(shorter.split())) / len("".join(text.split())), 4)
        if not self.rule.remove:
            return noted(record, site_share=share)
        shorter = _BLANK_LINES.sub("\n\n", shorter).strip("\n")
        return noted({**record, "text": shorter}, site_share=share)


def _lines(text: str) -> list[str]:
    lines = text.split("\n")
    return [*(line + "\n" for line in lines[:-1]), lines[-1]]


def _key(site: str, phrase: str) -> int:
    import xxhash

    both = f"{site}\n{phrase}".encode("utf-8", "surrogatepass")
    return int(xxhash.xxh3_64_intdigest(both))
