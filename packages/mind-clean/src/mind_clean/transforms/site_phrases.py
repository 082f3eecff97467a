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
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from mind_clean.annotations import annotated
from mind_clean.sites import is_of, site_of
from mind_core import Record
from mind_core.errors import MindError

if TYPE_CHECKING:
    from mind_clean.key_counts import FrequentKeys, Keys
    from mind_core.kernels.packed import Offsets

UNITS = ("line", "phrase")
SITES = ("url", "source")
_PHRASE_ENDS = re.compile("(?<=[。！？；…|｜])|(?<=[.!?;] )|(?<= [-–—·•»›>] )")
_BLANK_LINES = re.compile("\n{3,}")


@dataclass(frozen=True)
class SitePhrases:
    """Remove lines repeated across the pages of one site; note what share of the page that was.

    Takes two passes over the stream: the first counts, exactly, in at most `memory` (more goes to a
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
    def min_count(self) -> int:
        """A phrase must stand on so many pages to be in the counts."""
        return self.min_pages

    def prepare(self) -> None:
        """Load the search, compiled, before workers start."""
        from mind_clean.transforms.line_hashes import site_keys

        site_keys("", "")

    def collect_keys(self, record: Record) -> Keys:
        """Return the keys of the site and of each of its phrases on this page, once each."""
        import numpy as np

        from mind_clean.transforms.line_hashes import site_keys

        site = self._site(record)
        if site is None:
            return np.zeros(0, np.uint64)
        keys, _ = site_keys(site, record["text"], self._ends(record["text"]))
        # A set, as a line that stands twice on a page is still on one page; 0 is no phrase.
        return np.array([*{*keys.tolist()} - {0}], np.uint64)

    def with_counts(self, known: FrequentKeys) -> Callable[..., Any]:
        """Return the transform that knows how often each phrase stands on its site."""
        return _SitePhraseRemover(self, known)

    def __call__(self, record: Record) -> Record:
        """Refuse: a phrase cannot be judged before all pages are known."""
        raise MindError(
            f"site_phrases has seen only record {record.get('id')!r}, not its whole site",
            hint="run it through mind-clean",
        )

    def _site(self, record: Record) -> str | None:
        site = site_of(record, self.site)
        return None if site is None or is_of(site, self.spare) else site

    def _ends(self, text: str) -> Offsets | None:
        """Return where the phrases of a text end, None if these are its lines."""
        if self.unit == "line":
            return None
        import numpy as np

        lengths = [len(part) for line in _lines(text) for part in _PHRASE_ENDS.split(line)]
        return np.cumsum(lengths, dtype=np.int64)


@dataclass(frozen=True)
class _SitePhraseRemover:
    rule: SitePhrases
    known: FrequentKeys

    def __call__(self, record: Record) -> Record:
        """Return the record without the phrases of its site, and with their share noted."""
        from mind_clean.transforms.line_hashes import site_keys

        site = self.rule._site(record)
        if site is None:
            return record
        # Most sites of a crawl have few pages: then the text need not be read.
        pages = int(self.known.counts_of(site_keys(site, "")[0])[0])
        if not pages:
            return record
        text: str = record["text"]
        keys, ends = site_keys(site, text, self.rule._ends(text))
        # The first key is that of the site, whose count is its pages. A piece that is no phrase has
        # key 0, which was never counted.
        gone = self.known.counts_of(keys[1:]) >= max(
            self.rule.min_pages, self.rule.min_share * pages
        )
        if not gone.any():
            return record
        kept = [
            text[start:end]
            for (start, end), goes in zip(pairwise([0, *ends.tolist()]), gone.tolist(), strict=True)
            if not goes
        ]
        shorter = "".join(kept)
        share = round(1 - len("".join(shorter.split())) / len("".join(text.split())), 4)
        if not self.rule.remove:
            return annotated(record, site_share=share)
        # What stood between two paragraphs leaves the blank lines on both its sides.
        shorter = _BLANK_LINES.sub("\n\n", shorter).strip("\n")
        return annotated({**record, "text": shorter}, site_share=share)


def _lines(text: str) -> list[str]:
    lines = text.split("\n")
    return [*(line + "\n" for line in lines[:-1]), lines[-1]]
