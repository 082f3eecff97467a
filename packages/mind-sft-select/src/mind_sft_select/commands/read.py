"""mind-sft-select read."""

from __future__ import annotations

from mind_core import cli
from mind_core.runner import check_stream
from mind_core.stream_command import SharedOptions, stream_command
from mind_sft_select.commands import shared as sft_options

WHAT = (
    "Read instructions of any layout and pass them on as `messages`: JSON Lines or JSON arrays of "
    "Alpaca, ShareGPT, OpenAI, MOSS, BELLE, self-instruct, lawyer-llama and others."
)
EXAMPLES = [
    "mind-sft-select read alpaca.json moss.jsonl.zst -o messages.jsonl.zst",
    "mind-sft-select read --format sharegpt chats.json --rejects no.jsonl.zst > messages.zst",
    "mind-sft-select read belle.json | mind-dedup --recipe … | mind-tok encode --chat …",
]
COST = (
    "Memory: a few batches of 1 MiB for each worker; arrays are streamed. Order: input order, the "
    "same bytes for any -j. Template residue is removed and counted, questions after the last "
    "answer are cut and counted, what cannot be trained on is rejected with its reason."
)


@stream_command(
    "inputs _fields output chat_format rejects summary jobs level limit skip_bad dry_run "
    "plugin progress quiet",
)
def read(
    shared: SharedOptions,
    chat_format: sft_options.Format = "auto",
) -> None:
    """Read instructions and pass them on."""
    shared.require_input()
    from mind_core.chats import ChatFormat
    from mind_sft_select.reading import read_stream

    layout = ChatFormat(chat_format, tuple(map(str, shared.plugin_files)))
    layout.check()
    if shared.dry_run:
        check_stream(shared.stream)
        cli.write_out(f"read layouts: {', '.join(layout.readers)}\n")
        return
    read_stream(layout, shared.stream)
