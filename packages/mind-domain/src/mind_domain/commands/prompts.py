"""sft, distil: from labelled records to conversations, with reasons of a teacher."""

from __future__ import annotations

from typing import Annotated

import typer

from mind_core import cli
from mind_core.stream_command import SharedOptions, stream_command
from mind_domain import options as domain_options
from mind_domain.commands.jobs import job_of
from mind_domain.options import load_plugins, require_log, require_one_of


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
                "mind-domain distil --teacher run/ train/ --into rationales/   # it goes on",
            ],
        ),
        epilog=cli.epilog("Keeps the order. A key comes from MIND_API_KEY. Memory: all records."),
    )(distil)


@stream_command(
    "inputs _fields domain language cot random_labels seed output rejects summary recipe "
    "assignments jobs level limit skip_bad quiet progress plugin",
)
def sft(
    shared: SharedOptions,
    domain: domain_options.DomainName = "finance",
    language: domain_options.Language = "auto",
    cot: domain_options.Cot = "none",
    random_labels: domain_options.RandomLabels = False,
) -> None:
    """Turn labelled records into chats."""
    from mind_domain import pipeline

    require_one_of("--language", language, domain_options.LANGUAGES)
    require_one_of("--cot", cot, domain_options.COT)
    plugins = load_plugins(shared.plugin_files)
    effective = pipeline.recipe_for(plugins, domain, shared.recipe, {}, shared.assignments)
    shared.require_input()
    pipeline.run_sft(
        plugins,
        domain,
        effective,
        language,
        shared.stream,
        cot=cot,
        random_labels=random_labels,
        seed=shared.seed,
    )


@stream_command(
    "teacher inputs _fields domain language hint max_tokens temperature log concurrency rate "
    "max_requests max_total_tokens output rejects summary recipe assignments jobs into from_list "
    "task_size engine address retries shard plan_only seed level limit skip_bad quiet progress "
    "plugin",
)
def distil(
    shared: SharedOptions,
    teacher: Annotated[
        str, typer.Option(metavar="PLACE", help="http://host/v1#MODEL, or a checkpoint's folder.")
    ],
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
) -> None:
    """Ask a teacher for reasons."""
    require_one_of("--hint", hint, ("none", "label"))
    require_one_of("--language", language, domain_options.LANGUAGES)
    job = job_of(shared, log)
    if job is None:
        require_log([teacher], log)
    from mind_domain import pipeline
    from mind_domain.distilling import DistilRule, run_distil
    from mind_domain.requests import Limits
    from mind_domain.teachers import Decoding

    plugins = load_plugins(shared.plugin_files)
    effective = pipeline.recipe_for(plugins, domain, shared.recipe, {}, shared.assignments)
    made = pipeline.make_classifier(plugins, domain, effective)
    if job is None:
        shared.require_input()
    rule = DistilRule(teacher, Decoding(max_tokens, temperature, 1.0, shared.seed), language, hint)
    limits = Limits(concurrency, rate, max_requests, max_total_tokens)
    if job is None:
        run_distil(made, rule, limits, log, shared.stream)
        return
    from mind_domain.job import asking_tasks, run_distil_job

    asking = asking_tasks([("teacher", teacher)], limits, shared.stream)
    run_distil_job(asking, made, effective.values, rule, plugins, job)
