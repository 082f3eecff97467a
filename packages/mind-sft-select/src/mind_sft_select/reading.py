"""Instructions of any layout → the same records with `messages`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mind_core.chats import ChatFormat, read_chat_batches
from mind_core.records import encode
from mind_core.runner import BatchResult, StreamOptions, run_stream
from mind_core.stream import Batch
from mind_core.summary import Summary
from mind_sft_select.instructions import InstructionParser

TOOL = "mind-sft-select"
LAYOUT = "layout."
CHANGES = ("template_residue", "unanswered_tail", "tool_turns_left_out")


@dataclass(frozen=True)
class InstructionReader:
    """Parse a batch, keep what can be trained on, reject the rest; runs in the workers."""

    parse: InstructionParser

    def __call__(self, batch: Batch) -> BatchResult:
        """Read one batch."""
        outcome = self.parse(batch)
        for given in outcome.payload:
            if given.reason is None:
                outcome.keep(encode(given.record))
            else:
                outcome.reject(given.record, TOOL, "read", given.reason, position=given.position)
        outcome.payload = None
        return outcome


def read_stream(layout: ChatFormat, options: StreamOptions) -> Summary:
    """Read a stream of instructions and return the summary; its line names the layouts taken, what
    was rejected and why, and what was changed.
    """

    def finish(summary: Summary) -> None:
        rejected = {k.rpartition(".")[2]: v for k, v in summary.rejected.items()}
        changed = {k: summary.details[k] for k in CHANGES if summary.details.get(k)}
        parts = [layouts_of(summary)]
        parts += [f"rejected {_counted(rejected)}"] if rejected else []
        parts += [_counted(changed)] if changed else []
        summary.note = "; ".join(part for part in parts if part)

    batches = read_chat_batches(options.inputs)
    return run_stream(
        Summary(TOOL),
        InstructionReader(InstructionParser(format=layout)),
        options,
        finish=finish,
        batches=batches,
    )


def layouts_of(summary: Summary) -> str:
    """Say which layouts were taken, most frequent first."""
    found = {k.removeprefix(LAYOUT): v for k, v in summary.details.items() if k.startswith(LAYOUT)}
    return _counted(found)


def _counted(found: Mapping[str, int]) -> str:
    ordered = sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))
    return ", ".join(f"{count:,} {name}" for name, count in ordered)
