"""mind-sft-select select."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from mind_core import cli
from mind_core.runner import check_stream
from mind_core.stream_command import SharedOptions, stream_command
from mind_sft_select.commands import shared as sft_options

WHAT = (
    "Select the instructions that teach: measure the entropy of each answer under a checkpoint and "
    "keep the band above the model's own.\n\n"
    "Reads instructions of all usual layouts (Alpaca, ShareGPT, OpenAI, MOSS, BELLE …), as JSON "
    "Lines or JSON arrays; writes `messages`, with the scores under metadata.mind.sft-select."
)
EXAMPLES = [
    "mind-sft-select select --model run/ --reference heldout.zst in.zst -o few.zst",
    "mind-sft-select select --model run/ --quantile 0.25,0.75 --max 50000 in.zst > few.zst",
    "mind-sft-select select --model run/ --clusters 8 --mark in.zst --summary clusters.json",
    "mind-sft-select select --scored --reference r.json --max-tokens 100000 scored.zst -o few.zst",
    'mind-sft-select select --scored --quantile 0.5,1 --where "ifd<1 and tokens>=20" scored.zst',
]
COST = (
    "Memory: the model, one batch, and 20 to 40 bytes a record for the figures. Order: output is "
    "in input order and the same for every -j: workers parse, the model runs in this process. "
    "With --quantile, --max or --clusters the input is read twice; a pipe waits in a file."
)


# typer reads these at run time, so the annotations keep Optional spelled out for it.
ReferenceFile = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        "--reference",
        metavar="FILE|FOLDER",
        help="Held-out texts to measure the model's own entropy on, by language; or a scores "
        "folder of mind-eval that has them.",
    ),
]
ReferenceEntropy = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        "--reference-entropy",
        metavar="X|zh=X,en=X",
        help="The model's own entropy in nats per token, as measured before.",
    ),
]
BandOption = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        "--band",
        metavar="LOW,HIGH",
        help="Keep what lies this far above the reference (recipe: 1.0,1.5).",
    ),
]
Quantile = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        "--quantile", metavar="LOW,HIGH", help="Keep what lies between these shares of the gaps."
    ),
]
Scope = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        "--scope", metavar="answer|all", help="Tokens that count: the answers, or everything."
    ),
]
PerLanguage = Annotated[
    Optional[bool],  # noqa: UP045
    typer.Option(
        "--per-language/--no-per-language",
        help="A reference and quantiles for each language (recipe: yes).",
        show_default=False,
    ),
]
Max = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option("--max", metavar="N", min=1, help="Draw at most N of those that lie in the band."),
]
IsScored = Annotated[
    bool, typer.Option("--scored", help="Take the scores that `score` noted; no model is loaded.")
]
Where = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        "--where",
        metavar="CONDITION",
        help='With --scored: keep what meets it, for example "ifd<1 and tokens>=20".',
    ),
]
MaxTokens = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option(
        "--max-tokens", metavar="N", min=1, help="With --scored: at most N answer tokens."
    ),
]
Quota = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option(
        "--quota",
        metavar="KEY:VALUE=N",
        help="With --scored: at most N of a language, source or number of turns; * is each.",
    ),
]
Evaluation = Annotated[
    Optional[list[Path]],  # noqa: UP045
    typer.Option(
        "--evaluation",
        metavar="FILE|FOLDER",
        help="With --scored: drop questions that stand there (records, or scores of mind-eval).",
    ),
]
KeepDuplicates = Annotated[
    bool,
    typer.Option("--keep-duplicates", help="With --scored: keep copies of a question too."),
]
Unit = Annotated[
    str, typer.Option("--unit", metavar="nats|bits", help="With --scored: a token, or a byte.")
]
Baselines = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option(
        "--baselines",
        metavar="FOLDER",
        help="With --scored: write six other choices at the same answer tokens.",
    ),
]
ClusterCount = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option("--clusters", metavar="K", min=1, help="Note which of K clusters each is in."),
]


@stream_command(
    "inputs _fields output model reference reference_entropy band quantile scope per_language "
    "max_records clusters chat_format scored where max_tokens quota evaluation "
    "keep_duplicates unit baselines mark rejects summary seed device recipe assignments jobs "
    "level limit skip_bad dry_run print_recipe plugin progress quiet",
)
def select(
    shared: SharedOptions,
    model: sft_options.Model = "",
    reference: ReferenceFile = None,
    reference_entropy: ReferenceEntropy = None,
    band: BandOption = None,
    quantile: Quantile = None,
    scope: Scope = None,
    per_language: PerLanguage = None,
    max_records: Max = None,
    clusters: ClusterCount = None,
    chat_format: sft_options.Format = "auto",
    scored: IsScored = False,
    where: Where = None,
    max_tokens: MaxTokens = None,
    quota: Quota = None,
    evaluation: Evaluation = None,
    keep_duplicates: KeepDuplicates = False,
    unit: Unit = "nats",
    baselines: Baselines = None,
    device: sft_options.Device = "auto",
) -> None:
    """Select from a stream of instructions."""
    from mind_core.chats import ChatFormat
    from mind_sft_select.bands import parse_pair, refuse_options
    from mind_sft_select.config import effective_recipe, make_config
    from mind_sft_select.pipeline import make_plugins, run_selection

    flags: dict[str, Any] = {
        "band": parse_pair(band, "--band") if band is not None else None,
        "quantile": parse_pair(quantile, "--quantile") if quantile is not None else None,
        "scope": scope,
        "per_language": per_language,
        "max": max_records,
        "clusters": clusters,
    }
    if scored:
        refuse_options("does not go with --scored", {
            "--model": model, "--recipe": shared.recipe, "--clusters": clusters, "--scope": scope,
            "--set": shared.assignments,
        })  # fmt: skip
        from mind_sft_select.selecting import Extras, scored_rules, select_scored

        rules = scored_rules(flags, reference, reference_entropy, where, quota, max_tokens, unit,
                             keep_duplicates)  # fmt: skip
        extras = Extras(tuple(evaluation or ()), baselines, seed=shared.seed, mark=shared.mark)
        check_stream(shared.stream)
        if shared.dry_run:
            cli.write_out(f"select from scored records: {rules}\n")
        else:
            select_scored(rules, extras, shared.stream)
        return
    refuse_options("needs --scored, and records that `score` wrote", {"--where": where,
                   "--max-tokens": max_tokens, "--quota": quota, "--evaluation": evaluation,
                   "--keep-duplicates": keep_duplicates, "--baselines": baselines})  # fmt: skip
    effective = effective_recipe(shared.recipe, flags, shared.assignments)
    if shared.print_recipe:
        cli.write_out(effective.to_toml())
        return
    if not shared.dry_run:
        shared.require_input()
    plugins = make_plugins(shared.plugin_files)
    config = make_config(
        effective,
        plugins,
        model=model,
        device=device,
        mark=shared.mark,
        seed=shared.seed,
        reference_file=reference,
        reference_entropy=reference_entropy,
        dry_run=shared.dry_run,
        chat_format=ChatFormat(chat_format, tuple(map(str, shared.plugin_files))),
    )
    if shared.dry_run:
        check_stream(shared.stream)
        cli.write_out(effective.to_toml())
        return
    run_selection(config, effective, plugins, shared.stream)
