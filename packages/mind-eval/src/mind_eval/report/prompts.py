"""Prompts in full on the page: what items begin with in common stands there once.

An item's prompt shows its own part and links to the shared one; the page's script puts that in
front of it when the prompt is unfolded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import count

from mind_core.safe_html import Safe, joined, markup
from mind_eval.report.words import say
from mind_eval.shared_prefixes import common_length

MIN_SHARED = 400
"""Characters that prompts must begin with in common to share them."""

PAGE_CHARACTERS = 4_000_000
"""Of all prompts on a page; those of later items are only in their scores folders."""


class PagePrompts:
    """The prompts of one page: `found` has each run's texts by item."""

    def __init__(self, names: Sequence[str], found: Sequence[Mapping[str, Sequence[str]]]) -> None:
        self.names, self.found = names, found
        self.left, self.numbers = PAGE_CHARACTERS, count(1)
        self.shared: dict[str, tuple[int, int]] = {}
        """Of a text, how much of it is shared, and the number of that part."""

    def begin(self, keys: Sequence[str]) -> Safe:
        """Find what the prompts of these items begin with in common, and return it, folded."""
        texts = [text for run in self.found for key in keys for text in run.get(key, ())]
        self.shared, parts = {}, []
        for common, members in shared_parts(texts):
            number, self.left = next(self.numbers), self.left - len(common)
            self.shared |= {text: (len(common), number) for text in members}
            parts.append(
                markup(
                    '<details class="prompt" id="examples-{}"><summary>{}</summary>'
                    "<pre>{}</pre></details>",
                    number,
                    say("what {} prompts begin with").format(len(members)),
                    common,
                )
            )
        return joined(parts)

    def of_item(self, key: str) -> Safe:
        """Return an item's prompts, folded: one for runs that were asked the same."""
        asked: dict[tuple[str, ...], list[str]] = {}
        for name, run in zip(self.names, self.found, strict=True):
            if key in run:
                asked.setdefault(tuple(run[key]), []).append(name)
        shown = []
        for texts, runs in asked.items():
            named = f" ({', '.join(runs)})" if len(asked) > 1 else ""
            shown.append(
                markup(
                    '<details class="prompt"><summary>{}{}</summary>{}</details>',
                    say("prompt in full"),
                    named,
                    joined(map(self._text, texts)),
                )
            )
        return joined(shown)

    def _text(self, text: str) -> Safe:
        size, number = self.shared.get(text, (0, 0))
        own = text[size:]
        self.left -= len(own)
        if self.left < 0:
            return markup("<p>{}</p>", say("too much for this page: prompts.jsonl.zst has it"))
        if not size:
            return markup("<pre>{}</pre>", own)
        return markup(
            '<pre><a href="#examples-{}">{}</a>{}</pre>',
            number,
            say("{:,} characters as in other prompts ↓").format(size) + "\n",
            own,
        )


def shared_parts(texts: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield what texts begin with in common, up to the end of a line, and those texts."""
    group: list[str] = []
    shared = 0
    # Sorted, texts that begin alike stand together; the empty one closes the last group.
    for text in [*sorted(set(texts)), ""]:
        if group:
            both = common_length(group[0], text)
            # Other examples may begin alike too: no group gives up most of its part for one more.
            if both >= max(MIN_SHARED, shared // 2):
                group.append(text)
                shared = both
                continue
            whole_lines = group[0].rfind("\n", 0, shared) + 1
            if whole_lines >= MIN_SHARED:
                yield group[0][:whole_lines], group
        group, shared = [text], 0
