"""Replies of several models to the same questions, one record a question."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from mind_core import MindError, Reason, Record
from mind_core.errors import BadRecord
from mind_core.output import check_distinct, write_records
from mind_core.progress import Progress, log
from mind_core.records import encode
from mind_core.runner import StreamOptions
from mind_domain.domain import TOOL
from mind_domain.reading import WholeSummary, read_all
from mind_domain.requests import Limits, Request, answer_all, open_log
from mind_domain.teachers import Decoding, Reply, Writer, open_writer
from mind_tok.chat import messages_of


@dataclass(frozen=True)
class Dialogue:
    """A conversation up to its last question, and the answer that stood behind it."""

    key: str
    messages: tuple[dict[str, str], ...]
    reference: str | None


def read_question(record: Record, position: str) -> Dialogue:
    """Read a conversation; what stands behind the last question is the reference.

    Raises `BadRecord` for a record without an id or a question.
    """
    messages = messages_of(record, position)
    # The last question: earlier answers stay, as context that all models see alike.
    last = max((n for n, one in enumerate(messages) if one["role"] == "user"), default=-1)
    key = record.get("question_id", record.get("id"))
    if last < 0 or key is None:
        cause = "no question in it" if key is not None else "no id in it"
        raise BadRecord("missing_field", position, encode(record), cause=cause)
    behind = [one["content"] for one in messages[last + 1 :] if one["role"] == "assistant"]
    return Dialogue(str(key), tuple(messages[: last + 1]), behind[0] if behind else None)


def read_questions(options: StreamOptions) -> tuple[list[Dialogue], WholeSummary]:
    """Read all conversations; two with one id are refused."""
    dialogues, read = read_all(read_question, options)
    if not dialogues:
        raise MindError("there is nothing to answer: the input has no conversations")
    require_distinct([one.key for one in dialogues])
    return dialogues, read


def require_distinct(keys: Sequence[str]) -> None:
    """Refuse questions that share an id: verdicts on them could not be told apart."""
    double = [key for key, count in Counter(keys).items() if count > 1]
    if double:
        raise MindError(
            f"{len(double)} ids come twice, as {double[0]!r}", hint="give each question its own id"
        )


def run_answer(
    models: Sequence[tuple[str, str]],
    decoding: Decoding,
    limits: Limits,
    log_file: Path | None,
    options: StreamOptions,
) -> WholeSummary:
    """Let every model answer every question; the output is written when all replies are in.

    A reply that a server held back, or cut before its first word, is no reply: it is counted
    (`filtered`, `cut`) and left out, and so is the question, because rankings need all of them. A
    model that says nothing of its own accord has replied; that is counted as `empty`.
    """
    check_distinct(options.inputs, options.output, options.rejects, options.summary, log_file)
    dialogues, summary = read_questions(options)
    writers = {name: open_writer(place) for name, place in models}
    with Progress(TOOL, options.progress) as progress:
        replied, counts = ask_models(
            dialogues, writers, decoding, limits, log_file, lambda n: progress.count(n, "replies")
        )
    kept: list[Record] = []
    refused: Counter[str] = Counter()
    for one, replies in zip(dialogues, replied, strict=True):
        record = answered(one, replies, writers, decoding)
        if missing := refusals(replies):
            refused.update(missing.values())
            summary.reject(record, "answer", first_refusal(missing))
            continue
        kept.append(record)
        counts.update(counted(replies))
    summary.seed = decoding.seed
    summary.details |= {
        "asked": counts["asked"],
        "in_log": counts["kept"],
        "cut": counts["cut"],
        "empty": counts["empty"],
        "no_reply": dict(sorted(refused.items())),
    }
    with summary.beside(options):
        write_records(options.output, kept, level=options.level)
    if not options.quiet:
        log(TOOL, _sentence(len(dialogues), len(kept), counts, refused))
    return summary


def ask_models(
    dialogues: Sequence[Dialogue],
    writers: Mapping[str, Writer],
    decoding: Decoding,
    limits: Limits,
    log_file: Path | None,
    done: Callable[[int], None] | None = None,
) -> tuple[list[dict[str, Reply]], Counter[str]]:
    """Return each model's reply to each question, by the model's name, and what was asked."""
    requests = {
        (one.key, name): Request(writer.name, one.messages, decoding)
        for one in dialogues
        for name, writer in writers.items()
    }
    # By what a model is, not by what the user calls it: one under two names is asked once.
    known = {writer.name: writer for writer in writers.values()}
    with open_log(log_file) as answers:
        counts = answer_all(requests.values(), known, answers, limits, done)
        found = {key: answers.answers[request.key] for key, request in requests.items()}
    return [{name: found[one.key, name] for name in writers} for one in dialogues], counts


def answered(
    one: Dialogue, replies: Mapping[str, Reply], writers: Mapping[str, Writer], decoding: Decoding
) -> Record:
    """Return the record of a question with what each model replied."""
    return {
        "question_id": one.key,
        "messages": list(one.messages),
        "reference": one.reference,
        "replies": {name: reply.text for name, reply in replies.items()},
        "finish": {name: reply.finish for name, reply in replies.items()},
        "writers": {name: writer.name for name, writer in writers.items()},
        "decoding": asdict(decoding),
    }


def refusals(replies: Mapping[str, Reply]) -> dict[str, str]:
    """Return why replies are none, of the models whose replies are none."""
    reasons = {name: _refusal(reply.finish, reply.text) for name, reply in replies.items()}
    return {name: reason for name, reason in reasons.items() if reason}


def first_refusal(missing: Mapping[str, str]) -> Reason:
    """Return the reason for which a question is left out, with the model."""
    name, reason = next(iter(missing.items()))
    return Reason(reason, name)


def counted(replies: Mapping[str, Reply]) -> dict[str, int]:
    """Count the replies that are empty, and those that were cut."""
    return {
        "empty": sum(not reply.text.strip() for reply in replies.values()),
        "cut": sum(reply.finish == "length" for reply in replies.values()),
    }


def _refusal(finish: str, text: str) -> str:
    if finish == "content_filter":
        return "filtered"
    return "cut" if finish == "length" and not text.strip() else ""


def _sentence(total: int, kept: int, counts: Counter[str], refused: Counter[str]) -> str:
    sentence = f"{total:,} questions, {kept:,} answered by all; {counts['asked']:,} replies asked"
    if counts["kept"]:
        sentence += f", {counts['kept']:,} were in the log"
    if counts["cut"]:
        sentence += f"; {counts['cut']:,} cut at the token limit"
    if counts["empty"]:
        sentence += f"; {counts['empty']:,} are empty"
    for reason, number in sorted(refused.items()):
        sentence += f"; {number:,} {reason}"
    return sentence
