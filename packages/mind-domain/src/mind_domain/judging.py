"""The run of `judge`: replies in shuffled seats, verdicts out, what could not be read counted."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

from mind_core import MindError, Reason, Record
from mind_core.errors import BadRecord, UsageError
from mind_core.output import check_distinct, write_records
from mind_core.progress import Progress, log
from mind_core.records import encode
from mind_core.runner import StreamOptions
from mind_core.text.languages import language_of_text
from mind_domain.answering import read_question, require_distinct
from mind_domain.domain import TOOL
from mind_domain.judges.model import ModelJudge
from mind_domain.judges.nll import NllJudge
from mind_domain.judges.offline import SheetJudge, write_sheet
from mind_domain.judges.trial import LETTERS, Groups, RankingJudge, Trial
from mind_domain.reading import WholeSummary, read_all
from mind_domain.requests import Limits, open_log


@dataclass(frozen=True)
class JudgeRule:
    """Say how replies are shown: how often, all at once or in pairs, in which words."""

    repeats: int = 1
    pairs: bool = False
    tries: int = 3
    seed: int = 0
    language: str = "auto"
    rubric: Mapping[str, str] | None = None


@dataclass(frozen=True)
class AnsweredQuestion:
    """A question with the replies of all models."""

    key: str
    messages: tuple[dict[str, str], ...]
    reference: str | None
    replies: Mapping[str, str]


def read_replies(record: Record, position: str) -> AnsweredQuestion:
    """Read what `mind-domain answer` wrote; raise `BadRecord` for anything else."""
    replies, messages = record.get("replies"), record.get("messages")
    key = record.get("question_id")
    whole = isinstance(replies, dict) and all(isinstance(text, str) for text in replies.values())
    if key is None or not whole or not isinstance(messages, list) or len(replies or {}) < 2:
        raise BadRecord(
            "missing_field",
            position,
            encode(record),
            cause="question_id, messages, and replies of two models or more",
        )
    reference = record.get("reference")
    return AnsweredQuestion(
        str(key),
        tuple(messages),
        reference if isinstance(reference, str) else None,
        # By name: seats are drawn from this order, so it must not depend on the file's.
        dict(sorted((replies or {}).items())),
    )


def read_references(models: Iterable[str]) -> Callable[[Record, str], AnsweredQuestion]:
    """Return a reader for a judge of references: replies may be there, conversations will do."""
    names = sorted(models)

    def read(record: Record, position: str) -> AnsweredQuestion:
        if "replies" in record:
            return read_replies(record, position)
        asked = read_question(record, position)
        return AnsweredQuestion(
            asked.key, asked.messages, asked.reference, dict.fromkeys(names, "")
        )

    return read


def make_trials(answered: Sequence[AnsweredQuestion], rule: JudgeRule) -> list[Trial]:
    """Lay out all trials: seats drawn for each question and repeat, or each pair in both seats."""
    trials = []
    for one in answered:
        names = list(one.replies)
        asked = one.messages[-1]["content"] if one.messages else ""
        language = rule.language
        if language == "auto":
            language = "zh" if language_of_text(asked) == "zh" else "en"
        rubric = (rule.rubric or {}).get(language, "")
        for repeat in range(rule.repeats):
            seatings: list[tuple[str, ...]]
            if rule.pairs:
                # Each pair both ways round, for the same reason as below.
                seatings = [
                    seats for pair in combinations(names, 2) for seats in (pair, pair[::-1])
                ]
            else:
                # The seat moves a judge, so every question draws its own; with repeats it evens
                # out.
                seats = names.copy()
                _chooser(rule.seed, one.key, repeat).shuffle(seats)
                seatings = [tuple(seats)]
            trials += [
                Trial(
                    one.key,
                    repeat,
                    one.messages,
                    one.reference,
                    tuple(seats),
                    tuple(one.replies[name] for name in seats),
                    rubric,
                    language,
                    pair=number if rule.pairs else 0,
                )
                for number, seats in enumerate(seatings, 1)
            ]
    return trials


def _chooser(seed: int, key: str, repeat: int) -> random.Random:
    digest = hashlib.sha256(f"{seed}:{key}:{repeat}".encode("utf-8", "surrogatepass")).digest()
    # By question and repeat: another question more or less does not move the seats of the others.
    return random.Random(int.from_bytes(digest[:8], "big"))


def run_judge(
    judge: RankingJudge,
    name: str,
    rule: JudgeRule,
    limits: Limits,
    log_file: Path | None,
    options: StreamOptions,
) -> WholeSummary:
    """Rank the replies to every question; verdicts go out in the order of the questions.

    A verdict that cannot be read is asked for again, `tries` times in all, if that may help; then
    the trial is written with its reason under `failed`, which `elo` counts and leaves out.
    """
    check_distinct(options.inputs, options.output, options.rejects, options.summary, log_file)
    reader = read_references(judge.folders) if isinstance(judge, NllJudge) else read_replies
    answered, summary = read_all(reader, options)
    _require_equal(answered)
    trials = make_trials(answered, rule)
    if isinstance(judge, SheetJudge) and not Path(judge.file).exists():
        write_sheet(Path(judge.file), trials)
        log(TOOL, f"{judge.file}: {len(trials):,} rows; fill the column `ranking`, then run again")
        return summary
    verdicts = _verdicts(judge, trials, rule, limits, log_file, options)
    failed: Counter[str] = Counter()
    records = []
    for trial, verdict in zip(trials, verdicts, strict=True):
        record = _verdict_record(trial, verdict, name)
        if isinstance(judge, NllJudge) and not isinstance(verdict, Reason):
            record["bits_per_byte"] = judge.measured(trial)
        records.append(record)
        if isinstance(verdict, Reason):
            failed[str(verdict)] += 1
    summary.seed, summary.recipe = rule.seed, {"judge": name, "repeats": rule.repeats}
    summary.details |= {"trials": len(trials), "failed": dict(sorted(failed.items()))}
    with summary.beside(options):
        write_records(options.output, records, level=options.level)
    if not options.quiet:
        lost = "".join(f"; {count:,} {reason}" for reason, count in sorted(failed.items()))
        log(TOOL, f"{len(trials):,} verdicts on {len(answered):,} questions{lost}")
    return summary


def _verdicts(
    judge: RankingJudge,
    trials: Sequence[Trial],
    rule: JudgeRule,
    limits: Limits,
    log_file: Path | None,
    options: StreamOptions,
) -> list[Groups | Reason]:
    with open_log(log_file) as answers, Progress(TOOL, options.progress) as progress:
        if isinstance(judge, NllJudge):
            judge.prepare_all(list(trials))
        found: list[Groups | Reason] = [Reason("unparsed")] * len(trials)
        open_trials = dict(enumerate(trials))
        for attempt in range(rule.tries):
            # Only those without a verdict yet; the attempt makes another request of the same words.
            asked = {n: replace(trial, attempt=attempt) for n, trial in open_trials.items()}
            if isinstance(judge, ModelJudge):
                judge.prepare(list(asked.values()), answers, limits)
            for n, trial in asked.items():
                model = isinstance(judge, ModelJudge)
                found[n] = judge.rank_from(trial, answers) if model else judge.rank(trial)  # type: ignore[attr-defined]
                progress.count(len(trials) - len(open_trials), "verdicts")
            open_trials = {n: trials[n] for n in asked if isinstance(found[n], Reason)}
            # A judge that says the same again need not be asked again.
            if not open_trials or not judge.repeatable:
                break
    return found


def _verdict_record(trial: Trial, verdict: Groups | Reason, judge: str) -> Record:
    record: Record = {
        "question_id": trial.question_id,
        "repeat": trial.repeat,
        "judge": judge,
        "seats": list(trial.names),
        "lengths": {
            name: len(reply) for name, reply in zip(trial.names, trial.replies, strict=True)
        },
    }
    if isinstance(verdict, Reason):
        return {**record, "failed": str(verdict), "value": verdict.value}
    # A plugin may have forgotten a seat, or named one twice: that would pass for a verdict.
    seats = sorted(seat for group in verdict for seat in group)
    if seats != list(range(len(trial.names))):
        raise MindError(
            f"question {trial.question_id}: the judge {judge} ranks seats {seats}",
            hint=f"each of the {len(trial.names)} seats once; this is a fault of its plugin",
        )
    return {**record, "ranking": [[trial.names[seat] for seat in group] for group in verdict]}


def _require_equal(answered: Sequence[AnsweredQuestion]) -> None:
    """Refuse replies that are of other models on some questions than on others."""
    if not answered:
        raise MindError(
            "there is nothing to judge: the input has no replies",
            hint="`mind-domain answer` collects them, and drops a question with a reply that was "
            "cut (--max-tokens); `--judge nll` takes conversations without replies",
        )
    require_distinct([one.key for one in answered])
    models = set(answered[0].replies)
    if len(models) > len(LETTERS):
        raise UsageError(f"{len(models)} models", hint=f"{len(LETTERS)} at most; use --pairs")
    for one in answered:
        if set(one.replies) != models:
            raise MindError(
                f"question {one.key} has replies of {', '.join(one.replies)}",
                cause=f"the first question has those of {', '.join(sorted(models))}",
                hint="all models answer the same questions: run `mind-domain answer` with all",
            )
