"""Lines → instructions: records with `messages` whose turns are in order, or the reason why not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from mind_core import Reason, Record
from mind_core.chats import ChatFormat, Conversation, check_turns
from mind_core.errors import BadRecord
from mind_core.records import annotate
from mind_core.runner import BatchResult
from mind_core.stream import Batch

NOTES = "sft-select"


@dataclass(frozen=True)
class Instruction:
    """A record with `messages`, its position, and why it cannot be scored, if it cannot."""

    position: str
    record: Record
    reason: Reason | None = None


@dataclass(frozen=True)
class InstructionParser:
    """Turn lines into instructions; runs in the workers.

    `names` has what to call an input that is read from a copy.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    format: ChatFormat = field(default_factory=ChatFormat)

    def __call__(self, batch: Batch) -> BatchResult:
        """Parse one batch; what is no instruction is bad."""
        batch = replace(batch, name=self.names.get(batch.name, batch.name))
        outcome = BatchResult(payload=[])
        for position, line, record in outcome.records(batch):
            try:
                found = self.format.records(record, position)
            except BadRecord as error:
                outcome.bad.append((error, line))
                continue
            # One row may hold several conversations: all of them count as read.
            outcome.records_in += len(found) - 1
            outcome.payload += [_instruction(outcome, position, *one) for one in found]
        return outcome


def _instruction(
    outcome: BatchResult, position: str, record: Record, found: Conversation
) -> Instruction:
    """Check the turns of a conversation, and count what was removed, left out and cut."""
    outcome.details[f"layout.{found.layout}"] += 1
    if found.removed:
        outcome.details["template_residue"] += 1
    if found.left_out:
        outcome.details["tool_turns_left_out"] += found.left_out
    if found.reason is not None:
        return Instruction(position, record, found.reason)
    checked = check_turns(found.messages)
    record["messages"] = checked.messages
    if checked.cut:
        annotate(record, NOTES, unanswered_tail=checked.cut)
        outcome.details["unanswered_tail"] += 1
    return Instruction(position, record, checked.reason)


def batches_of_lines(batches: Iterator[Batch], lines: int) -> Iterator[Batch]:
    """Cut and join batches so that each has a number of records, the last one of an input fewer."""
    rows: list[bytes] = []
    count, first = 0, Batch("", 1, b"")
    for batch in batches:
        if rows and (batch.name != first.name or type(batch) is not type(first)):
            yield replace(first, data=b"\n".join(rows) + b"\n")
            rows, count = [], 0
        for number, line in batch.lines():
            if not rows:
                first = replace(batch, first_line=number, data=b"")
            # Blank lines stay, so that positions are true.
            rows += [b""] * (number - first.first_line - len(rows)) + [line]
            count += 1
            if count >= lines:
                yield replace(first, data=b"\n".join(rows) + b"\n")
                rows, count = [], 0
    if rows:
        yield replace(first, data=b"\n".join(rows) + b"\n")
