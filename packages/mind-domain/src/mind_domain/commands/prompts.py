"""sft: from labelled records to conversations."""

from __future__ import annotations

import typer

from mind_core import cli, options
from mind_core.runner import StreamOptions
from mind_domain import options as domain_options
from mind_domain.commands.shared import load_plugins, require_one_of


def register(app: typer.Typer) -> None:
    """Add the verbs to the tool."""
    app.command(
        help=cli.help_text(
            "Turn labelled records into chats: a question on the text, and the label's word.",
            [
                "mind-domain sft train.zst -o chats.zst",
                "mind-domain sft --language zh train.zst | mind-tok encode --chat …",
                "mind-domain sft -z 0 --limit 3 train.zst | jq .messages",
            ],
        ),
        epilog=cli.epilog("Keeps the order. Memory: one batch for each worker."),
    )(sft)


def sft(
    context: typer.Context,
    inputs: options.Inputs = None,
    domain: domain_options.DomainName = "finance",
    language: domain_options.Language = "auto",
    output: options.Output = None,
    rejects: options.Rejects = None,
    summary: options.SummaryFile = None,
    recipe: options.RecipeName = None,
    set_: options.Set = None,
    jobs: options.Jobs = 1,
    level: options.Level = None,
    limit: options.Limit = None,
    skip_bad: options.SkipBad = "0",
    quiet: options.Quiet = False,
    progress: options.ShowProgress = None,
    plugin: options.PluginFiles = None,
) -> None:
    """Turn labelled records into chats."""
    from mind_domain import pipeline

    require_one_of("--language", language, domain_options.LANGUAGES)
    plugins = load_plugins(plugin)
    effective = pipeline.recipe_for(plugins, domain, recipe, {}, set_ or [])
    cli.require_input(inputs, context.get_help)
    stream = StreamOptions(
        tuple(inputs or ()),
        output,
        rejects,
        summary,
        jobs,
        level,
        limit,
        options.parse_skip_bad(skip_bad),
        quiet,
        progress,
    )
    pipeline.run_sft(plugins, domain, effective, language, stream)
