"""mind-sft-select cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mind_core.errors import UsageError
from mind_core.stream_command import SharedOptions, stream_command
from mind_sft_select.commands.shared import TOOL

WHAT = (
    "Cluster scored records by entropy within strata of language: K-Means as in the paper, its "
    "exact optimum, or quantiles; one file for each cluster, to tune on."
)
EXAMPLES = [
    "mind-sft-select cluster scored.jsonl.zst -k 10 --budget 20000 -o clusters/",
    "mind-sft-select cluster scored.jsonl.zst --by exact --strata language,length -o clusters/",
]
COST = (
    "Memory: the records. A cluster with fewer answer tokens than the budget is merged with its "
    "neighbour (--small merge) or named too_small: it is never tuned on less than the others."
)
Number = Annotated[
    int, typer.Option("-k", "--clusters", metavar="K", min=1, help="Clusters in each stratum.")
]
By = Annotated[
    str, typer.Option("--by", metavar="kmeans|exact|quantile", help="Method of clustering.")
]
Strata = Annotated[
    str,
    typer.Option(
        "--strata",
        metavar="NAME,…",
        help="Strata that are clustered apart: language, length (thirds), source.",
    ),
]
Budget = Annotated[
    int,
    typer.Option("--budget", metavar="N", min=0, help="Answer tokens that each will be cut to."),
]
Small = Annotated[
    str, typer.Option("--small", metavar="merge|mark", help="What to do with smaller clusters.")
]
Folder = Annotated[Path, typer.Option("-o", "--output", metavar="FOLDER", help="A new folder.")]


@stream_command("output inputs _fields number by strata budget small seed quiet")
def cluster(
    shared: SharedOptions,
    output: Folder,
    number: Number = 8,
    by: By = "kmeans",
    strata: Strata = "language",
    budget: Budget = 0,
    small: Small = "merge",
) -> None:
    """Write one file for each cluster, and what they are."""
    shared.require_input()
    from mind_core.progress import log
    from mind_sft_select.cluster_files import write_clusters

    names = [name for name in strata.split(",") if name]
    # The name of a stratum would repeat itself.
    if len(set(names)) != len(names):
        raise UsageError(f"--strata {strata!r} names one twice")
    lines = write_clusters(
        shared.stream.inputs or ["-"], output, number,
        by=by, strata=names, budget=budget, small=small, seed=shared.seed,
    )  # fmt: skip
    if not shared.stream.quiet:
        for line in lines:
            log(TOOL, line)
