"""The door of mind-domain: from raw records to a rated domain model, one verb a step."""

from __future__ import annotations

from mind_core import cli
from mind_domain.commands import dated_texts, evaluation, prompts, ratings
from mind_domain.commands.shared import load_plugins
from mind_domain.domain import TOOL

app = cli.new_app()

cli.add_global_options(
    app,
    TOOL,
    load_plugins,
    "Adapt a small model to a domain: label texts, split them by date, build chats, score.",
    [
        "mind-domain label --prices prices.csv news.jsonl.zst -o labelled.jsonl.zst",
        "mind-domain split labelled.jsonl.zst --date 2015-09-01 -o split/",
        "mind-domain sft split/train.jsonl.zst | mind-tok encode --chat …",
        "mind-domain score --model run/ split/test.jsonl.zst",
    ],
)
for module in (dated_texts, prompts, evaluation, ratings):
    module.register(app)


def main() -> None:
    """Run the tool and exit."""
    cli.run(app, TOOL)
