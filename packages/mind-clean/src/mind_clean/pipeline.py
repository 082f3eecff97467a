"""The steps of a recipe as passes over a stream: each record goes on until a step drops it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from mind_clean import builtins, hookspecs
from mind_clean.batch_worker import BatchStats, CleanBatch
from mind_clean.funnel import Funnel
from mind_clean.readers import READERS, batches_as
from mind_clean.steps import Step, make_steps
from mind_clean.two_pass import TwoPassComponent
from mind_core.component_calls import failure_to_start
from mind_core.errors import MindError
from mind_core.files import atomic_file
from mind_core.plugins import Plugins
from mind_core.progress import log
from mind_core.recipe import Recipe
from mind_core.record_limits import SECONDS
from mind_core.runner import BatchResult, Pass, StreamOptions, check_stream, run_passes
from mind_core.summary import Summary

if TYPE_CHECKING:
    from mind_clean.key_counts import FrequentKeys, Keys


def make_plugins(files: Sequence[Path] = ()) -> Plugins:
    """Return the plugins of this tool, with those of the given files."""
    return Plugins("mind_clean", hookspecs, builtins, files)


@dataclass(frozen=True)
class CleanOptions:
    """What a user may say about cleaning, besides the recipe and the shared options."""

    mark: bool = False
    keep_html: bool = False
    read_as: str = "records"
    archives: str = ""
    """Where the archives lie that an index names; beside it by default."""
    report: Path | None = None
    record_seconds: float = SECONDS


def run_clean(
    plugins: Plugins, recipe: Recipe, options: StreamOptions, clean: CleanOptions = CleanOptions()
) -> Summary:
    """Clean a stream by a recipe and return the summary of the run."""
    check_stream(options, clean.report)
    summary = Summary("mind-clean", recipe=recipe.values)
    cleaning = CleanPasses(make_steps(plugins, recipe), clean)
    summary.components = plugins.used()

    def finish(summary: Summary) -> None:
        summary.details["funnel"] = cleaning.funnel.rows()
        if clean.report is not None:
            from mind_clean.report import page

            with atomic_file(clean.report) as file:
                file.write(page(summary, cleaning.funnel, cleaning.names).encode())

    batches = batches_as(
        clean.read_as, options.inputs, plugins, clean.archives, clean.record_seconds
    )
    run_passes(summary, cleaning.passes(), options, finish, batches=batches)
    # An empty output looks like a success to a script; the reason tells a wrong recipe or language.
    if summary.records_in and not summary.kept:
        most = "".join(
            f"; most frequent: {reason}" for reason, _ in summary.rejected.most_common(1)
        )
        log("mind-clean", f"warning: no record is left{most}")
    return summary


@dataclass
class CleanPasses:
    """The passes over a stream that a list of steps takes, and what they have found so far.

    A two-pass step ends a pass: its keys are counted there, and the next pass begins with it.
    """

    steps: Sequence[Step]
    options: CleanOptions
    funnel: Funnel = field(default_factory=Funnel)

    @property
    def names(self) -> list[str]:
        """Return the names of the steps, in their order."""
        return [step.name for step in self.steps]

    @property
    def counted(self) -> list[int]:
        """Return the indices of the two-pass steps: each ends a pass."""
        return [n for n, step in enumerate(self.steps) if isinstance(step.call, TwoPassComponent)]

    def passes(self) -> list[Pass]:
        """Return the passes over the stream, in order."""
        counters = [StepKeyCounter.of(self.steps[place]) for place in self.counted]
        return [
            self.make_pass(number, before, counting)
            for number, (before, counting) in enumerate(
                # Pass n begins with the step whose keys pass n - 1 counted: the first has no
                # counts, the last counts nothing.
                zip([None, *counters], [*counters, None], strict=True)
            )
        ]

    def make_pass(
        self, number: int, before: CountSource | None, counting: StepKeyCounter | None
    ) -> Pass:
        """Return a pass, with the counts for its first step and the counter for the next one's."""
        counted = self.counted
        start, end = [0, *counted][number], [*counted, len(self.steps)][number]
        return self._pass(start, end, before, counting)

    def _pass(
        self, start: int, end: int, before: CountSource | None, counting: StepKeyCounter | None
    ) -> Pass:
        """Return the pass over the steps `start` to `end`, which counts keys for step `end`."""

        # Called once the pass before has ended, since only then the counts of its first step are
        # known.
        def work() -> CleanBatch:
            steps = list(self.steps[start:end])
            if before is not None:
                steps[0] = before.with_counts()
            for step in steps if counting is None else [*steps, counting.step]:
                step.prepare()
            return CleanBatch(
                tuple(steps),
                mark=self.options.mark,
                keep_html=self.options.keep_html,
                # Records of a later pass have our shape already.
                read=READERS[self.options.read_as] if start == 0 and before is None else None,
                counting=None if counting is None else counting.step,
                record_seconds=self.options.record_seconds,
            )

        def finalize(outcome: BatchResult) -> BatchResult:
            stats: BatchStats = outcome.payload
            # In the process that started the pass, batch by batch in the order of the input, so
            # that the sources that have a row of their own are the same for any number of workers.
            self.funnel.merge(stats.funnel)
            if counting is not None:
                counting.add(stats.keys)
            outcome.payload = None
            return outcome

        return Pass(work, finalize, name="" if counting is None else counting.step.name)


class CountSource(Protocol):
    """What knows the counts that a step of two passes wants."""

    def with_counts(self) -> Step:
        """Return the step, now that the counts are known."""


class StepKeyCounter:
    """Count the keys of a step of two passes."""

    def __init__(self, step: Step, component: TwoPassComponent) -> None:
        from mind_clean.key_counts import KeyCounter, bytes_of

        self.step = step
        self.component = component
        self.counter = KeyCounter(bytes_of(self.component.memory))

    @classmethod
    def of(cls, step: Step) -> StepKeyCounter:
        """Return what counts for a step of two passes."""
        assert isinstance(step.call, TwoPassComponent)
        return cls(step, step.call)

    def add(self, keys: Sequence[Keys]) -> None:
        """Count the keys of some records."""
        import numpy as np

        if keys:
            self.counter.add(np.concatenate(keys))

    def with_counts(self) -> Step:
        """Return the step, now that the counts are known."""
        return step_with_counts(self.step, self.counter.table(self.component.min_count))


def step_with_counts(step: Step, table: FrequentKeys) -> Step:
    """Return a step of two passes that knows its counts."""
    assert isinstance(step.call, TwoPassComponent)
    try:
        return replace(step, call=step.call.with_counts(table))
    except MindError:
        raise
    except BaseException as error:
        raise failure_to_start(str(step), error) from error
