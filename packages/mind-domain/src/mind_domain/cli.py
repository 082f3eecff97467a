"""The command line of mind-domain: from raw records to a rated domain model, one verb a step."""

from __future__ import annotations

from mind_core import cli
from mind_core.tasks.options import STATUS, status_command, status_help
from mind_domain.commands import dated_texts, dialogues, evaluation, prompts, ratings
from mind_domain.domain import TOOL
from mind_domain.options import load_plugins

app = cli.new_app()

cli.add_global_options(
    app,
    TOOL,
    load_plugins,
    "Adapt a small model to a domain, finance or law, from raw records to a rated model.",
    [
        "mind-domain label --prices prices.csv news.jsonl.zst -o labelled.jsonl.zst",
        "mind-domain split labelled.jsonl.zst --date 2015-09-01 -o split/",
        "mind-domain sft split/train.jsonl.zst | mind-tok encode --chat …",
        "mind-domain score --model run/ split/test.jsonl.zst",
        "mind-domain answer … | mind-domain judge … | mind-domain elo",
    ],
)
for module in (dated_texts, prompts, evaluation, dialogues, ratings):
    module.register(app)
app.command(name=STATUS, help=status_help(TOOL), epilog=cli.EXIT_CODES)(status_command)


def main() -> None:
    """Run the tool and exit."""
    cli.run(app, TOOL)
