"""sft, distil: from labelled records to conversations, with reasons of a teacher."""

from __future__ import annotations

from typing import Annotated

import typer

from mind_core import cli, options
from mind_core.runner import StreamOptions
from mind_domain import options as domain_options
from mind_domain.commands.shared import load_plugins, require_log, require_one_of


def register(app: typer.Typer) -> None:
    """Add the verbs to the tool."""
    app.command(
        help=cli.help_text(
            "Turn labelled records into chats: a question on the text, and the label's word.",
            [
                "mind-domain sft train.zst -o chats.zst",
                "mind-domain sft --language zh train.zst | mind-tok encode --chat …",
                "mind-domain sft --cot auxiliary rationales.zst -o chats.zst",
                "mind-domain sft -z 0 --limit 3 train.zst | jq .messages",
            ],
        ),
        epilog=cli.epilog("Keeps the order. Memory: one batch for each worker."),
    )(sft)
    app.command(
        help=cli.help_text(
            "Ask a teacher for reasons; keep those that lead to the label it is not told.",
            [
                "mind-domain distil --teacher http://host/v1#gpt-4 --log log.jsonl a.zst -o b.zst",
                "mind-domain distil --teacher run/ --rejects no.zst train.zst -o rationales.zst",
                "mind-domain distil --teacher http://host/v1#m --max-requests 1000 --rate 60 "
                "--log log.jsonl a.zst -o b.zst",
            ],
        ),
        epilog=cli.epilog("Keeps the order. A key comes from MIND_API_KEY. Memory: all records."),
    )(distil)


def sft(
    context: typer.Context,
    inputs: options.Inputs = None,
    _fields: options.Fields = None,
    domain: domain_options.DomainName = "finance",
    language: domain_options.Language = "auto",
    cot: domain_options.Cot = "none",
    random_labels: domain_options.RandomLabels = False,
    seed: options.Seed = 0,
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
    require_one_of("--cot", cot, domain_options.COT)
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
    pipeline.run_sft(
        plugins,
        domain,
        effective,
        language,
        stream,
        cot=cot,
        random_labels=random_labels,
        seed=seed,
    )


def distil(
    context: typer.Context,
    teacher: Annotated[
        str, typer.Option(metavar="PLACE", help="http://host/v1#MODEL, or a checkpoint's folder.")
    ],
    inputs: options.Inputs = None,
    _fields: options.Fields = None,
    domain: domain_options.DomainName = "finance",
    language: domain_options.Language = "auto",
    hint: Annotated[
        str, typer.Option(metavar="none|label", help="Whether the teacher is told the label.")
    ] = "none",
    max_tokens: domain_options.MaxTokens = 512,
    temperature: domain_options.Temperature = 0.0,
    log: domain_options.Log = None,
    concurrency: domain_options.Concurrency = 4,
    rate: domain_options.Rate = 0,
    max_requests: domain_options.MaxRequests = 0,
    max_total_tokens: domain_options.MaxTotalTokens = 0,
    output: options.Output = None,
    rejects: options.Rejects = None,
    summary: options.SummaryFile = None,
    recipe: options.RecipeName = None,
    set_: options.Set = None,
    seed: options.Seed = 0,
    level: options.Level = None,
    limit: options.Limit = None,
    skip_bad: options.SkipBad = "0",
    quiet: options.Quiet = False,
    progress: options.ShowProgress = None,
    plugin: options.PluginFiles = None,
) -> None:
    """Ask a teacher for reasons."""
    require_one_of("--hint", hint, ("none", "label"))
    require_one_of("--language", language, domain_options.LANGUAGES)
    require_log([teacher], log)
    from mind_domain import pipeline
    from mind_domain.distilling import DistilRule, run_distil
    from mind_domain.requests import Limits
    from mind_domain.teachers import Decoding

    plugins = load_plugins(plugin)
    effective = pipeline.recipe_for(plugins, domain, recipe, {}, set_ or [])
    made = pipeline.make_classifier(plugins, domain, effective)
    cli.require_input(inputs, context.get_help)
    stream = StreamOptions(
        tuple(inputs or ()),
        output,
        rejects,
        summary,
        level=level,
        limit=limit,
        skip_bad=options.parse_skip_bad(skip_bad),
        quiet=quiet,
        progress=progress,
    )
    rule = DistilRule(teacher, Decoding(max_tokens, temperature, 1.0, seed), language, hint)
    limits = Limits(concurrency, rate, max_requests, max_total_tokens)
    run_distil(made, rule, limits, log, stream)
