"""Build the prompts of a task: lm-eval's text, letter for letter, in microseconds.

A shot is rendered once, a block of shots joined once; an item's prompt depends on the item alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mind_core import MindError
from mind_eval.benchmarks.rows import Row
from mind_eval.prompts.chat import ChatLayout
from mind_eval.prompts.shots import Shots
from mind_eval.prompts.spec import LOGLIKELIHOOD, MULTIPLE_CHOICE, PromptNotes, Spec
from mind_eval.prompts.templates import FAULTS, render

Fits = Callable[[str, int], bool]


@dataclass(frozen=True)
class Instance:
    """An item as it is put to a model."""

    id: str
    number: int
    doc: Row
    prompts: tuple[str, ...]
    """The context; one for each choice where the choices stand in it (WinoGrande)."""
    continuations: tuple[str, ...]
    """What is scored after it; empty where the model is to write."""
    choices: tuple[str, ...]
    gold: Any
    shots: int
    tokens: tuple[int, ...] = ()
    """How many tokens were scored of each continuation; known once they were laid out."""

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Give context and continuation of each choice."""
        count = max(len(self.prompts), len(self.continuations))
        prompts = self.prompts if len(self.prompts) == count else self.prompts * count
        following = (
            self.continuations if len(self.continuations) == count else self.continuations * count
        )
        return list(zip(prompts, following, strict=True))


class Builder:
    """Build prompts for the items of one task."""

    def __init__(
        self, spec: Spec, splits: Mapping[str, Sequence[Row]], *, shots: int, seed: int = 0
    ) -> None:
        self.spec, self.splits = spec, splits
        self.notes = PromptNotes(asked=shots)
        rows = splits.get(spec.test_split)
        if rows is None:
            raise MindError(f"task {spec.name}: the data have no split {spec.test_split!r}")
        self.rows = rows
        pool: Sequence[Row] = ()
        if shots:
            pool = splits.get(spec.pool or "", ()) or rows
            self.notes.pool = (
                spec.pool
                if spec.pool and splits.get(spec.pool)
                else f"{spec.test_split}, without the tested item"
            )
        self.shots = Shots(
            spec.name, pool, sampler=spec.sampler, within=spec.metadata.get("shots_within"),
            seed=seed,
        )  # fmt: skip
        self.notes.order = self.shots.describe() if shots else ""
        self.spread = False
        self.chat: ChatLayout | None = None
        self.numbered = "shots" in spec.text.text
        self._rendered: dict[int, tuple[str, str]] = {}
        self._blocks: dict[tuple[int, ...], str] = {}

    def build(
        self,
        fits: Fits | None = None,
        limit: int | None = None,
        aside: Callable[[tuple[str, str]], None] | None = None,
    ) -> Iterator[Instance]:
        """Build the items in order, each with as many of its shots as fit.

        Raises `MindError` that names an item which does not fit the task's templates; `aside` takes
        such items instead, as (where, why).
        """
        # One after another: prompts of a whole benchmark would be many times its data.
        for number in chosen(len(self.rows), limit, self.spread):
            doc = self.rows[number]
            name = str(doc.get("id", number))
            try:
                try:
                    yield self._item(name, number, doc, fits)
                except FAULTS as error:
                    raise MindError(
                        f"task {self.spec.name}, item {name}: it does not fit the task's templates",
                        cause=error,
                        hint="look at its fields beside doc_to_text, doc_to_target, doc_to_choice",
                    ) from error
            except MindError as error:
                if aside is None:
                    raise
                aside((f"item {name}", "; ".join(filter(None, (error.message, error.cause)))))

    def _item(self, name: str, number: int, doc: Row, fits: Fits | None) -> Instance:
        spec, gold = self.spec, self.spec.target(doc)
        text, choices = self._text(doc, self.notes.asked), self._choices(doc)
        if spec.kind == MULTIPLE_CHOICE:
            self._check(name, text, gold, choices)
            self.notes.chances.append(1 / len(choices))
        endings, continuations = self._ends(text, gold, choices)
        head = render(spec.description, doc) if spec.description else ""
        chosen = self.shots.choose(doc, self.notes.asked) if self.notes.asked else []
        # From the last example down; none at all is tried too, and is kept even if it does not fit.
        for kept in range(len(chosen), -1, -1):
            # The text says how many examples stand before it, so it changes with each that goes.
            if self.numbered:
                endings, continuations = self._ends(self._text(doc, kept), gold, choices)
            # The longest in characters is taken for the longest in tokens: one encoding for all
            # choices.
            longest = self._prompt(head, chosen[:kept], max(endings, key=len))
            if fits is None or fits(longest + max(continuations, key=len, default=""), spec.room):
                break
        else:
            self.notes.overlong.append(name)
        self.notes.kept[kept] += 1
        prompts = tuple(self._prompt(head, chosen[:kept], ending) for ending in endings)
        return Instance(name, number, doc, prompts, continuations, choices, gold, kept)

    def _prompt(self, head: str, chosen: Sequence[Row], ending: str) -> str:
        """Put description, examples and question together, as one text or as a conversation."""
        if self.chat is None:
            return head + self._block(chosen) + ending
        examples = [self._example(doc) for doc in chosen]
        return self.chat.prompt(head, examples, ending, self.spec.delimiter, self.spec.separator)

    def _text(self, doc: Row, shots: int) -> Any:
        """Render an item's text; a template may number it by the shots before it."""
        return self.spec.text({**doc, "shots": shots} if self.numbered else doc)

    def _ends(
        self, text: Any, gold: Any, choices: tuple[str, ...]
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Give how the prompt ends, and what is scored after it."""
        between = self.spec.delimiter if self.chat is None else ""
        if self.spec.kind == MULTIPLE_CHOICE and isinstance(
            text, int
        ):  # the choices stand in the prompt
            return choices, (between + str(gold),)
        if self.spec.kind == MULTIPLE_CHOICE:
            return (str(text),), tuple(between + choice for choice in choices)
        if self.spec.kind == LOGLIKELIHOOD:  # lm-eval puts no delimiter before these
            return (str(text),), (str(gold),)
        return (str(text),), ()

    def _choices(self, doc: Row) -> tuple[str, ...]:
        choice = self.spec.choice
        if choice is None:
            return ()
        return tuple(map(str, choice if isinstance(choice, list) else choice(doc)))

    def _check(self, name: str, text: Any, gold: Any, choices: tuple[str, ...]) -> None:
        """Refuse an item whose answer is none of its choices: it would be scored as wrong."""
        index = text if isinstance(text, int) else gold
        if index in choices or (isinstance(index, int) and 0 <= index < len(choices)):
            return
        if index is None:
            return  # a test set whose answers are kept back
        raise MindError(
            f"task {self.spec.name}, item {name}: the answer {index!r} is none of its "
            f"{len(choices)} choices",
            hint="mend the data; an item without an answer cannot be scored",
        )

    def _block(self, chosen: Sequence[Row]) -> str:
        # By identity: rows of the pool live as long as the builder, and hashing texts would take
        # longer.
        key = tuple(map(id, chosen))
        if key not in self._blocks:
            if len(self._blocks) > 4096:  # shots drawn for each item make no block twice
                self._blocks.clear()
            self._blocks[key] = "".join(
                f"{text}{self.spec.delimiter}{target}{self.spec.separator}"
                for text, target in map(self._example, chosen)
            )
        return self._blocks[key]

    def _example(self, doc: Row) -> tuple[str, str]:
        """Render an example's question and answer, once."""
        if id(doc) not in self._rendered:
            text, target = self.spec.text(doc), self.spec.shot_target(doc)
            choices = self._choices(doc)
            # The choices stand in the prompt: the text is the place of the right one.
            if isinstance(text, int):
                text = choices[text]
            elif isinstance(target, int) and choices:
                target = choices[target]
            self._rendered[id(doc)] = str(text), str(target)
        return self._rendered[id(doc)]


def chosen(size: int, limit: int | None, spread: bool) -> Sequence[int]:
    """Choose the first `limit` of `size` items, or as many at even distances: all subjects then."""
    if limit is None or limit >= size or not spread:
        return range(size)[:limit]
    return [place * size // limit for place in range(limit)]
