"""The options of mind-dedup, beside those that all tools share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from mind_core.options import only_svg

# typer reads these at run time, so the annotations keep Optional and List spelled out for it.

SignatureName = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        "--signature",
        metavar="NAME",
        help="What makes candidates: minhash, exact, normalized, url, or a plugin's.",
    ),
]
Threshold = Annotated[
    Optional[float],  # noqa: UP045
    typer.Option(
        "--threshold",
        metavar="SHARE",
        help="Similarity from which on a text is a duplicate (recipe: 0.8).",
    ),
]
MeasureName = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        "--measure",
        metavar="NAME",
        help="jaccard, or containment: how much of a text lies in the one that stays.",
    ),
]
Unverified = Annotated[
    bool, typer.Option("--unverified", help="Let shared keys decide, and say so. For comparisons.")
]
TextField = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        "--text-field",
        metavar="FIELD",
        help="The field that is compared instead of text; a dotted name looks inside.",
    ),
]
Chat = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        "--chat",
        metavar="PART",
        help="Read instructions and conversations, and compare question, answer or both.",
    ),
]
Restore = Annotated[
    Optional[list[Path]],  # noqa: UP045
    typer.Option(
        "--restore",
        metavar="FILE",
        help="Rejects of the runs that made the input: what is like no record that stays now "
        "comes back.",
    ),
]
Keep = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        "--keep",
        metavar="POLICY",
        help="Which copy stays: first, longest, best, best:FIELD, newest, source:A,B, or a "
        "plugin's. All but first read the input twice.",
    ),
]
Scope = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        "--scope",
        metavar="UNIT",
        help="document, paragraph, line, or passage (50 tokens and more that repeat exactly): "
        "what is compared, and taken out of its text.",
    ),
]
MaxRemoved = Annotated[
    Optional[float],  # noqa: UP045
    typer.Option(
        "--max-removed",
        metavar="SHARE",
        help="Fail (exit 3) if a source would lose more than this (recipe: 0.6).",
    ),
]
MaxCluster = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option(
        "--max-cluster",
        metavar="N",
        help="Fail (exit 3) if a record would stand for more than N (recipe: 10000).",
    ),
]
Allow = Annotated[bool, typer.Option("--allow", help="Go on whatever the guard finds.")]
Clusters = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("--clusters", metavar="FILE", help="Write the clusters, a line for each member."),
]
Weights = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        "--weights",
        metavar="NAME",
        help="Note on kept records how often to take them, by cluster size: fineweb2.",
    ),
]
Report = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option(
        "--report",
        metavar="FILE",
        help="Write what each set (source, or file) holds: languages, turns, lengths, duplicates "
        "inside and between sets. JSON if it ends in .json, else tables.",
    ),
]
Benchmarks = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option(
        "--benchmark",
        metavar="FILE|DIR",
        help="With --report: count the records that hold items of these benchmark files.",
    ),
]
IndexFolder = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option(
        "--index",
        metavar="DIR",
        help="Compare with this index too, and add what stays to it when all is written.",
    ),
]
Merge = Annotated[
    Optional[list[Path]],  # noqa: UP045
    typer.Option(
        "--merge", metavar="DIR", help="Add the records of this index to --index, as they are."
    ),
]
Compact = Annotated[bool, typer.Option("--compact", help="Make the segments of --index one.")]
Against = Annotated[
    Optional[list[Path]],  # noqa: UP045
    typer.Option(
        "--against", metavar="DIR", help="Compare with this index too, and leave it as it is."
    ),
]
Compare = Annotated[
    str,
    typer.Option(
        "--compare",
        metavar="WHAT",
        help="self: records with each other; index: with the indexes only; both.",
    ),
]
Memory = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        "--memory",
        metavar="SIZE",
        help="Keep keys and shingles within this (2G), the rest on disk; reads the input twice.",
    ),
]
Backend = Annotated[
    str,
    typer.Option(
        "--backend",
        metavar="URL",
        help="Hold the index elsewhere: redis://HOST:PORT/DB?name=INDEX with the plugin "
        "mind-dedup-redis; a password comes from the environment.",
        show_default=False,
    ),
]
PlanFor = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option(
        "--plan",
        metavar="N",
        min=1,
        help="Print what is found at which similarity, and the memory for N records; exit.",
    ),
]
Plot = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option(
        "--plot", metavar="FILE.svg", callback=only_svg, help="With --plan: draw the curve as well."
    ),
]

Partitions = Annotated[
    int,
    typer.Option(
        "--partitions",
        metavar="N",
        min=1,
        help="With --into: parts that keys and groups of records are split into, a task each.",
    ),
]
