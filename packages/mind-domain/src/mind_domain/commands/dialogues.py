"""bucket, answer, judge: consultations by length, replies of models, and who replied better."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mind_core import cli
from mind_core.stream_command import SharedOptions, stream_command
from mind_domain import options as domain_options
from mind_domain.commands.jobs import job_of
from mind_domain.options import load_plugins, require_log, require_one_of

LENGTHS = ("answer", "dialogue")


def register(app: typer.Typer) -> None:
    """Add the verbs to the tool."""
    app.command(
        help=cli.help_text(
            "Sort conversations by length in tokens, by each model's own tokenizer.",
            [
                "mind-domain bucket --tokenizer tok=tokenizer/ dialogues.zst -o buckets/",
                "mind-domain bucket --tokenizer a=tok1 --tokenizer b=tok2 --of dialogue d.zst -o b",
                "mind-domain bucket --edges 0-100,100-300 --tokenizer tok=tokenizer/ d.zst -o b/",
            ],
        ),
        epilog=cli.epilog("Keeps the order. Memory: all records."),
    )(bucket)
    app.command(
        help=cli.help_text(
            "Let several models reply to the last question of each conversation.",
            [
                "mind-domain answer --model a=run1/ --model b=run2/ dialogues.zst -o replies.zst",
                "mind-domain answer --model gpt=http://host/v1#gpt-4 --log log.jsonl d.zst -o r",
                "mind-domain answer --model a=run1/ --model b=run2/ questions/ --into replies/",
            ],
        ),
        epilog=cli.epilog(
            "Keeps the order. A key comes from MIND_API_KEY. Memory: the models, and all records."
        ),
    )(answer)
    app.command(
        help=cli.help_text(
            "Rank the replies to each question: by a model, a person, or rankings made elsewhere.",
            [
                "mind-domain judge --judge endpoint --set endpoint.model=http://host/v1#gpt-4 "
                "--log log.jsonl replies.zst -o verdicts.jsonl",
                "mind-domain judge --judge tsv --set tsv.file=sheet.tsv replies.zst -o verdicts",
                "mind-domain judge --judge nll --set nll.models=a=run1,b=run2 replies.zst "
                "| mind-domain elo",
            ],
        ),
        epilog=cli.epilog(
            "Keeps the order. A key comes from MIND_API_KEY. Memory: the judge, and all records."
        ),
    )(judge)


@stream_command(
    "output tokenizer inputs _fields of edges rejects summary seed level limit skip_bad json quiet",
)
def bucket(
    shared: SharedOptions,
    output: Annotated[
        Path,
        typer.Option("-o", "--output", metavar="FOLDER", help="Write buckets and manifest here."),
    ],
    tokenizer: Annotated[
        list[str],
        typer.Option(
            metavar="NAME=FOLDER",
            help="A tokenizer, or a model for its own; several give a table each.",
        ),
    ],
    of: Annotated[
        str, typer.Option(metavar="|".join(LENGTHS), help="The part whose tokens are counted.")
    ] = LENGTHS[0],
    edges: Annotated[
        str, typer.Option(metavar="LOW-HIGH,…", help="Buckets of LOW ≤ n < HIGH; they may overlap.")
    ] = "0-450,200-300,300-450",
) -> None:
    """Sort conversations into buckets."""
    require_one_of("--of", of, LENGTHS)
    from mind_domain.buckets import BucketRule, format_buckets, parse_edges, run_bucket

    rule = BucketRule(
        domain_options.parse_named(tokenizer, "--tokenizer"), parse_edges(edges), of, shared.seed
    )
    shared.require_input()
    manifest = run_bucket(rule, output, shared.stream)
    if shared.json:
        from mind_core.records import encode

        cli.write_out(encode(manifest).decode())
    elif not shared.stream.quiet:
        cli.write_out(format_buckets(manifest))


@stream_command(
    "model inputs _fields max_tokens temperature top_p log concurrency rate max_requests "
    "max_total_tokens output rejects summary jobs into from_list task_size engine address retries "
    "shard plan_only seed level limit skip_bad quiet progress",
)
def answer(
    shared: SharedOptions,
    model: Annotated[
        list[str], typer.Option(metavar="NAME=PLACE", help="A checkpoint, or http://host/v1#MODEL.")
    ],
    max_tokens: domain_options.MaxTokens = 512,
    temperature: domain_options.Temperature = 0.0,
    top_p: domain_options.TopP = 1.0,
    log: domain_options.Log = None,
    concurrency: domain_options.Concurrency = 4,
    rate: domain_options.Rate = 0,
    max_requests: domain_options.MaxRequests = 0,
    max_total_tokens: domain_options.MaxTotalTokens = 0,
) -> None:
    """Let models reply to conversations, for judges to rank."""
    models = [(name, str(place)) for name, place in domain_options.parse_places(model, "--model")]
    job = job_of(shared, log)
    if job is None:
        require_log([place for _, place in models], log)
        shared.require_input()
    from mind_domain.answering import run_answer
    from mind_domain.requests import Limits
    from mind_domain.teachers import Decoding

    limits = Limits(concurrency, rate, max_requests, max_total_tokens)
    decoding = Decoding(max_tokens, temperature, top_p, shared.seed)
    if job is None:
        run_answer(models, decoding, limits, log, shared.stream)
        return
    from mind_domain.job import asking_tasks, run_answer_job

    run_answer_job(asking_tasks(models, limits, shared.stream), decoding, job)


@stream_command(
    "judge inputs _fields domain repeats pairs tries language log concurrency rate "
    "max_requests max_total_tokens output rejects summary assignments seed level limit skip_bad "
    "quiet progress plugin",
)
def judge(
    shared: SharedOptions,
    judge: domain_options.JudgeName,
    domain: domain_options.DomainName = "law",
    repeats: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=1,
            help="Verdicts for each question, each with the replies in another order.",
        ),
    ] = 1,
    pairs: Annotated[
        bool, typer.Option("--pairs", help="Compare two replies at a time, in both orders.")
    ] = False,
    tries: Annotated[
        int, typer.Option(metavar="N", min=1, help="Tries for a verdict that cannot be read.")
    ] = 3,
    language: domain_options.Language = "auto",
    log: domain_options.Log = None,
    concurrency: domain_options.Concurrency = 4,
    rate: domain_options.Rate = 0,
    max_requests: domain_options.MaxRequests = 0,
    max_total_tokens: domain_options.MaxTotalTokens = 0,
) -> None:
    """Let a judge rank the replies of several models."""
    require_one_of("--language", language, domain_options.LANGUAGES)
    from mind_domain import pipeline
    from mind_domain.domain import DialogueDomain
    from mind_domain.judging import JudgeRule, run_judge
    from mind_domain.requests import Limits

    plugins = load_plugins(shared.plugin_files)
    made = pipeline.make_domain(plugins, domain, pipeline.recipe_for(plugins, domain, None, {}, []))
    words = (
        {name: made.rubric(name) for name in ("zh", "en")}
        if isinstance(made, DialogueDomain)
        else {}
    )
    ranks = pipeline.make_ranking_judge(plugins, judge, shared.assignments)
    require_log([str(getattr(ranks, "model", ""))], log)
    shared.require_input()
    rule = JudgeRule(repeats, pairs, tries, shared.seed, language, words)
    limits = Limits(concurrency, rate, max_requests, max_total_tokens)
    run_judge(ranks, judge, rule, limits, log, shared.stream)
