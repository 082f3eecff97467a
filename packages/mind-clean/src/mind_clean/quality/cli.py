"""`mind-clean quality train`: from good and bad texts to a model for the filter `quality`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Optional

import typer

from mind_core import options
from mind_core.cli import EXIT_CODES, help_text, new_app, write_out
from mind_core.errors import MindError, UsageError

TOOL = "mind-clean"
QUALITY = "quality"
WHAT = (
    "Train a model that tells good texts from bad ones, for the filter `quality`.\n\n"
    "Three fifths of the texts are trained on, a fifth tunes the thresholds of each language, and "
    "on the last fifth the figures are measured, which the folder and its report.html hold."
)
EXAMPLES = (
    "mind-clean quality train --good textbooks.jsonl.zst --bad crawl.jsonl.zst -o quality/",
    "mind-clean quality train --good good/ --bad bad/ --keep 0.95 -o quality/",
    "mind-clean --step quality --set quality.model=quality/ text.jsonl.zst -o better.jsonl.zst",
)
COST = (
    "Memory: about twenty times the texts, all of which are held; a hundred thousand pages take "
    "minutes. Order: texts are dealt by their hash, so the same texts give the same model."
)
_ROW = ("language", "good", "bad", "threshold", "good kept", "bad dropped", "AUC")


def quality_app() -> typer.Typer:
    """Return the app of `mind-clean quality`."""
    app = new_app()
    app.callback()(_front_door)
    app.command("train", help=help_text(WHAT, EXAMPLES), epilog=f"{EXIT_CODES}\n\n{COST}")(train)
    return app


def _front_door() -> None:
    """Make models of quality."""


def train(
    good: Annotated[
        list[str],
        typer.Option("--good", metavar="FILE|FOLDER", help="Texts to keep; repeat it for more."),
    ],
    bad: Annotated[
        list[str],
        typer.Option("--bad", metavar="FILE|FOLDER", help="Texts to drop; repeat it for more."),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FOLDER", help="The folder to make.")
    ],
    keep: Annotated[
        Optional[float],  # noqa: UP045 - typer reads this at run time
        typer.Option(
            "--keep",
            metavar="SHARE",
            help="Which share of good texts is to stay. Default: where good kept and bad dropped "
            "are largest together.",
        ),
    ] = None,
    sample: Annotated[
        int,
        typer.Option("--sample", metavar="N", min=0, help="Characters of a text; 0 is all."),
    ] = 2000,
    _fields: options.Fields = None,
) -> None:
    """Train a model for the filter `quality`, and write its folder and report."""
    from mind_clean.quality import training
    from mind_clean.quality.folder import FORMAT, MODEL, REPORT
    from mind_clean.quality.model_file import LABELS, write_model
    from mind_clean.quality.report import page, shown
    from mind_core.files import atomic_folder, check_folder, sha256_file, write_manifest
    from mind_core.render.terminal import align_columns
    from mind_core.summary import version_of

    if keep is not None and not 0 < keep < 1:
        raise UsageError(f"--keep {keep} is no share", hint="0.95, say")
    # Before all texts are read, as is the folder that cannot be made.
    _need_sklearn()
    check_folder(output)
    parts, again = training.deal(_texts(good), _texts(bad), sample)
    trained = training.train(parts, keep)
    rows = training.metric_rows(trained)
    with atomic_folder(output) as folder:
        with (folder / MODEL).open("wb") as file:
            write_model(file, trained.counts, trained.weights, training.BUCKET)
        (folder / REPORT).write_text(page(rows, trained.scores), "utf-8")
        write_manifest(folder, {
            "format": FORMAT, "version": 1, "made_by": f"{TOOL} {version_of(TOOL)}",
            "label": LABELS[0], "segment": training.SEGMENT, "sample": sample,
            "thresholds": trained.thresholds, "figures": rows, "left_out": again,
            "texts": {name: len(texts.good) for name, texts in sorted(parts.items())},
            "regularization": trained.regularization, "sha256": sha256_file(folder / MODEL),
        })  # fmt: skip
    table = [list(_ROW), *([shown(cell) for cell in row.values()] for row in rows)]
    lines = align_columns(table, [False, *(True for _ in _ROW[1:])])
    write_out("\n".join([*lines, f"{again} texts left out: empty, or seen before", ""]))


def _need_sklearn() -> None:
    try:
        import sklearn  # noqa: F401
    except ImportError as error:
        raise MindError(
            "training needs scikit-learn", cause=error, hint="pip install 'mind-clean[quality]'"
        ) from None


def _texts(inputs: Sequence[str]) -> Iterator[str]:
    """Yield the texts of records, or of the documents in a folder."""
    from mind_clean.documents.files import file_batches, files_in
    from mind_clean.pipeline import make_plugins
    from mind_core.records import decode, text_of
    from mind_core.stream import read_batches

    for item in inputs:
        path = Path(item)
        # A folder of texts is read as documents, one of records by the reader of streams.
        if path.is_dir() and any(path.rglob("*.txt")):
            plugins = make_plugins()
            batches = file_batches(plugins, files_in(plugins, [item]))
        else:
            batches = read_batches([item])
        for batch in batches:
            for number, line in batch.lines():
                position = batch.position(number)
                yield text_of(decode(line, position), position)
