"""read, label, split: from raw rows to labelled records on either side of a date."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mind_core import cli
from mind_core.runner import check_stream
from mind_core.stream_command import SharedOptions, stream_command
from mind_domain import options as domain_options
from mind_domain.options import load_plugins


def register(app: typer.Typer) -> None:
    """Add the verbs to the tool."""
    app.command(
        help=cli.help_text(
            "Bring raw rows of a domain's data sets into records: JSON lines, a JSON array or CSV.",
            [
                "mind-domain read tweets.jsonl.zst -o messages.jsonl.zst",
                "mind-domain read --time 发布时间 --ticker 代码 --text 正文 news.csv -o news.zst",
                "mind-domain read --domain law counsel.json.zst -o dialogues.jsonl.zst",
            ],
        ),
        epilog=cli.epilog("Keeps the order. Memory: one batch a worker; a JSON array whole."),
    )(read)
    app.command(
        help=cli.help_text(
            "Label dated texts; in finance by what the share did after the text was published.",
            [
                "mind-domain label --prices prices.csv news.jsonl.zst -o labelled.jsonl.zst",
                "mind-domain label --prices p.csv --horizon 5 --threshold 0.02 --rejects no.zst n",
                "mind-domain label --prices p.csv --quantiles 1/3,2/3 --fit-until 2015-09-01 n.zst",
                "mind-domain label --recipe finance-cn --prices a-shares.csv < news.zst > l.zst",
            ],
        ),
        epilog=cli.epilog(
            "Keeps the order. Memory: the prices, and 16 bytes for each record kept."
        ),
    )(label)
    app.command(
        help=cli.help_text(
            "Split labelled records by date into a folder: training is settled before test begins.",
            [
                "mind-domain split labelled.zst --date 2015-09-01 -o split/",
                "mind-domain split labelled.zst --fractions 0.8,0.1,0.1 --rejects no.zst -o split/",
                "mind-domain split l.zst --date 2022-07-01 --train-size 320000 --test-size 20000",
            ],
        ),
        epilog=cli.epilog("Keeps the order. Memory: all records, and 250 bytes of grams for each."),
    )(split)


@stream_command(
    "inputs domain time ticker text time_format midnight output rejects summary recipe "
    "assignments jobs level limit skip_bad quiet progress plugin",
    declared={"inputs": domain_options.RawInputs},
)
def read(
    shared: SharedOptions,
    domain: domain_options.DomainName = "finance",
    time: domain_options.TimeField = None,
    ticker: domain_options.TickerField = None,
    text: domain_options.TextField = None,
    time_format: domain_options.TimeFormat = None,
    midnight: domain_options.Midnight = None,
) -> None:
    """Read raw rows into records."""
    from mind_domain import pipeline

    given = {
        "time_field": time,
        "ticker_field": ticker,
        "text_field": text,
        "time_format": time_format,
        "midnight": midnight,
    }
    plugins = load_plugins(shared.plugin_files)
    effective = pipeline.recipe_for(plugins, domain, shared.recipe, given, shared.assignments)
    shared.require_input()
    pipeline.run_read(plugins, domain, effective, shared.stream)


@stream_command(
    "inputs _fields domain prices exchange horizon entry return_ benchmark classes threshold "
    "quantiles fit_until midnight closed_days strict output rejects summary recipe "
    "assignments print_recipe dry_run jobs level limit skip_bad quiet progress plugin",
)
def label(
    shared: SharedOptions,
    domain: domain_options.DomainName = "finance",
    prices: domain_options.Prices = None,
    exchange: domain_options.Exchange = None,
    horizon: domain_options.Horizon = None,
    entry: domain_options.Entry = None,
    return_: domain_options.Return = None,
    benchmark: domain_options.Benchmark = None,
    classes: domain_options.Classes = None,
    threshold: domain_options.Threshold = None,
    quantiles: domain_options.Quantiles = None,
    fit_until: domain_options.FitUntil = None,
    midnight: domain_options.Midnight = None,
    closed_days: domain_options.ClosedDays = None,
    strict: domain_options.Strict = None,
) -> None:
    """Label a stream of texts, or print the recipe."""
    from mind_domain import pipeline

    given: dict[str, Any] = {
        "prices": str(prices) if prices is not None else None,
        "exchange": exchange,
        "horizon": horizon,
        "entry": entry,
        "returns": return_,
        "benchmark": benchmark,
        "classes": classes,
        "quantiles": quantiles,
        "fit_until": fit_until,
        "midnight": midnight,
        "closed_days": closed_days,
        "strict": strict,
        **domain_options.parse_threshold(threshold),
    }
    plugins = load_plugins(shared.plugin_files)
    effective = pipeline.recipe_for(plugins, domain, shared.recipe, given, shared.assignments)
    if shared.print_recipe or shared.dry_run:
        made = pipeline.make_classifier(plugins, domain, effective)
        if shared.dry_run:
            check_stream(shared.stream)
        if shared.dry_run and isinstance(made, pipeline.Remarking) and prices is not None:
            made.remarks()
        cli.write_out(effective.to_toml())
        return
    shared.require_input()
    pipeline.run_label(plugins, domain, effective, shared.stream)


@stream_command(
    "output inputs _fields date validation_date fractions train_size test_size balance "
    "near_copies seed rejects summary level limit skip_bad quiet",
)
def split(
    shared: SharedOptions,
    output: Annotated[
        Path,
        typer.Option("-o", "--output", metavar="FOLDER", help="Write sides and manifest here."),
    ],
    date: domain_options.TestDate = None,
    validation_date: domain_options.ValidationDate = None,
    fractions: domain_options.Fractions = None,
    train_size: domain_options.TrainSize = 0,
    test_size: domain_options.TestSize = 0,
    balance: domain_options.Balance = True,
    near_copies: domain_options.NearCopies = 0.7,
) -> None:
    """Split labelled records into a folder of sides."""
    from datetime import date as day

    from mind_domain.split_files import Cuts, run_split
    from mind_domain.splitting import SplitRule

    cuts = Cuts(date, validation_date, fractions)
    rule = SplitRule(day.min, None, train_size, test_size, balance, near_copies, shared.seed)
    cuts.check()
    shared.require_input()
    run_split(cuts, rule, output, shared.stream)
