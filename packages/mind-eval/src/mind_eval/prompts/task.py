"""An lm-eval task over rows in memory, with our shots and our care for the context."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import datasets  # type: ignore[import-untyped]  # it has no types
from lm_eval.api.samplers import ContextSampler
from lm_eval.api.task import ConfigurableTask

from mind_core import MindError
from mind_eval.benchmarks.rows import Row
from mind_eval.prompts.shots import FIRST, Doc, Shots
from mind_eval.prompts.spec import NEW_TOKENS, PromptNotes
from mind_eval.prompts.templates import FAULTS, render, sandbox_lm_eval, with_templates

# At import, before any task is made: lm-eval renders some fields by its own environment.
sandbox_lm_eval()


@contextmanager
def _named(task: str, item: str) -> Iterator[None]:
    """Name the item that does not fit its task's templates: a missing field, an odd answer."""
    try:
        yield
    except FAULTS as error:
        raise MindError(
            f"task {task}, {item}: it does not fit the task's templates",
            cause=error,
            hint="look at its fields beside doc_to_text, doc_to_target and doc_to_choice",
        ) from error


class _ChosenShots(ContextSampler):  # type: ignore[misc]  # lm-eval has no types
    """Hand lm-eval's prompt builder the shots that were chosen for the item."""

    chosen: Sequence[Doc] = ()

    def sample(self, n: int, **_: Any) -> Sequence[Doc]:
        return self.chosen[:n]


class RowsTask(ConfigurableTask):  # type: ignore[misc]  # lm-eval has no types
    """A task whose splits are given as rows; then nothing is fetched and no cache is written.

    Without `splits` lm-eval gets the data as the task says: from its cache, or from the hub.

    `fits` says whether a prompt with an answer fits the model's context, or with so many tokens as
    are to be written; shots are dropped from the end until it does.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        splits: Mapping[str, Any] | None,
        *,
        shots: int,
        fits: Callable[[str, int], bool],
        seed: int = 0,
        about: Mapping[str, Any] | None = None,
    ) -> None:
        self.about = dict(about or {})
        self._splits, self._fits = splits, fits
        config = with_templates({**config, "num_fewshot": shots})
        sampler = (config.get("fewshot_config") or {}).get("sampler", "default")
        if sampler not in (FIRST, "default"):
            raise MindError(
                f"task {config.get('task')}: sampler {sampler!r} is not known",
                hint=f"'default' or {FIRST!r}",
            )
        # lm-eval renders the first item while it makes a task.
        with _named(str(config.get("task")), "the first item"):
            super().__init__(config=config)
        self.notes = PromptNotes(asked=shots)
        pool = self._pool() if shots else []
        metadata = config.get("metadata") or {}
        self.shots = Shots(
            str(config["task"]),
            pool,
            sampler=sampler,
            within=metadata.get("shots_within"),
            seed=seed,
        )
        self.notes.order = self.shots.describe() if shots else ""
        # After lm-eval has made its own, which draws in the order of the items.
        self.sampler = _ChosenShots([])
        self._chat: dict[str, Any] = {}

    def download(self, *rest: Any, **more: Any) -> None:
        """Take the rows that were given as the data set, in memory."""
        if self._splits is None:
            super().download(*rest, **more)
            return
        self.dataset = {
            name: datasets.Dataset.from_list(list(rows)) if isinstance(rows, list) else rows
            for name, rows in self._splits.items()
        }

    @staticmethod
    def resolve_field(doc: Doc, field: str | None = None) -> str | None:
        """Resolve a description for an item, its template compiled once."""
        if not field:
            return None
        return str(doc[field]) if field in doc else render(field, doc)

    def build_all_requests(
        self,
        *,
        limit: int | None = None,
        samples: list[int] | None = None,
        rank: int = 0,
        world_size: int = 1,
        apply_chat_template: bool = False,
        fewshot_as_multiturn: bool = False,
        chat_template: Callable[..., str] | None = None,
        **_: Any,
    ) -> None:
        """Build the requests of every item; the prompt of an item depends on the item alone."""
        self._instances = []
        self._chat = {
            "apply_chat_template": apply_chat_template,
            "fewshot_as_multiturn": fewshot_as_multiturn,
            "chat_template": chat_template,
        }
        for number, doc in self.doc_iterator(
            rank=rank, limit=limit, samples=samples, world_size=world_size
        ):
            with _named(str(self.config.task), f"item {doc.get('id', number)}"):
                self._check_answer(doc, number)
                self._note_chance(doc)
                made = self.construct_requests(
                    doc=doc,
                    ctx=self.prompt_of(doc),
                    metadata=(self.config.task, number, self.config.repeats),
                    apply_chat_template=apply_chat_template,
                )
            self._instances += made if isinstance(made, list) else [made]

    def prompt_of(self, doc: Doc) -> str | list[str]:
        """Build an item's prompt with as many of its shots as fit, and note how many."""
        chosen = self.shots.choose(doc, self.notes.asked)
        answer, room = self._longest_answer(doc), 0
        if self.OUTPUT_TYPE == "generate_until":
            room = int((self.config.generation_kwargs or {}).get("max_gen_toks", NEW_TOKENS))
        for kept in range(len(chosen), -1, -1):
            self.sampler.chosen = chosen
            prompt: str | list[str] = self.fewshot_context(
                # A template that counts its examples has to see how many are left.
                doc={**doc, "shots": kept} if "shots" in doc else doc,
                num_fewshot=kept,
                gen_prefix=self.doc_to_prefix(doc),
                **self._chat,
            )
            longest = prompt if isinstance(prompt, str) else max(prompt, key=len)
            if self._fits(longest + answer, room):
                break
        else:
            self.notes.overlong.append(str(doc.get("id", "?")))
        self.notes.kept[kept] += 1
        return prompt

    def _longest_answer(self, doc: Doc) -> str:
        delimiter = str(self.config.target_delimiter)
        if self.OUTPUT_TYPE == "multiple_choice" and not self.multiple_input:
            return delimiter + str(max(self.doc_to_choice(doc), key=len))
        if self.OUTPUT_TYPE in ("multiple_choice", "loglikelihood"):
            return delimiter + str(self.doc_to_target(doc))
        return ""

    def _check_answer(self, doc: Doc, number: int) -> None:
        """Refuse an item whose answer is none of its choices: it would be scored as wrong."""
        if self.OUTPUT_TYPE != "multiple_choice" or self.multiple_input or self.multiple_target:
            return
        gold, choices = self.doc_to_target(doc), self.doc_to_choice(doc)
        if gold in choices or (isinstance(gold, int) and 0 <= gold < len(choices)):
            return
        raise MindError(
            f"task {self.config.task}, item {doc.get('id', number)}: the answer {gold!r} is none "
            f"of its {len(choices)} choices",
            hint="mend the data; an item without an answer cannot be scored",
        )

    def _note_chance(self, doc: Doc) -> None:
        """Note how often a guess is right: one choice, or any of several that are right."""
        if self.OUTPUT_TYPE != "multiple_choice":
            return
        # One right choice, unless the task lists several.
        gold = self.doc_to_target(doc) if self.multiple_target else [None]
        self.notes.chances.append(len(gold) / len(self.doc_to_choice(doc)))

    def _pool(self) -> list[Row]:
        """Find the split that shots come from, and say so; the tested item is never among them."""
        config = self.config
        if config.fewshot_split is not None:
            self.notes.pool = config.fewshot_split
            return [dict(row) for row in self.fewshot_docs()]
        for split, docs in (
            (config.training_split, self.training_docs),
            (config.validation_split, self.validation_docs),
        ):
            if split is not None:
                self.notes.pool = split
                return [dict(row) for row in docs()]
        listed = self.fewshot_cfg.samples
        if listed is not None:
            self.notes.pool = "listed in the task"
            return list(listed() if callable(listed) else listed)
        self.notes.pool = f"{config.test_split}, without the tested item"
        return [dict(row) for row in self.test_docs()]
