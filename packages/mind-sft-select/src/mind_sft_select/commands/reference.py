"""mind-sft-select reference."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from mind_core import cli, options
from mind_core.errors import UsageError
from mind_sft_select.commands import shared

WHAT = (
    "Measure the model's own entropy three ways, by language, with intervals over documents: held-"
    "out text, the same text as the answer to a neutral question, the median of the records."
)
EXAMPLES = [
    "mind-sft-select reference --model run/ --text heldout.jsonl.zst -o reference.json",
    "mind-sft-select reference --model run/ --text held.zst --pool scored.zst --use chat -o r.json",
]
COST = "Memory: the model, one batch, and 16 bytes a document. The same bytes for the same seed."
Text = Annotated[
    Optional[list[Path]],  # noqa: UP045
    typer.Option("--text", metavar="FILE", help="Held-out texts; may be given several times."),
]
Pool = Annotated[
    Optional[list[Path]],  # noqa: UP045
    typer.Option("--pool", metavar="FILE", help="Records that `score` wrote, for their median."),
]
Use = Annotated[
    str, typer.Option("--use", metavar="text|chat|pool", help="The value that bands are set from.")
]


def reference(
    model: shared.Model = "",
    text: Text = None,
    pool: Pool = None,
    use: Use = "text",
    output: shared.NewFile = None,
    template: shared.TemplateName = "auto",
    long: shared.Long = "window",
    device: shared.Device = "auto",
    dtype: shared.Dtype = "float32",
    batch_tokens: shared.BatchTokens = 8192,
    seed: options.Seed = 0,
    json: options.Json = False,
) -> None:
    """Measure and write a reference."""
    from mind_core.files import as_json, write_json
    from mind_core.output import check_distinct
    from mind_core.stream import check_inputs, read_records
    from mind_sft_select.reference_measure import (
        FORMAT,
        KINDS,
        measure_pool,
        measure_texts,
        reference_lines,
    )
    from mind_sft_select.scoring.answer_model import check_choice, check_model
    from mind_sft_select.scoring.run import ScoreOptions, open_answer_model

    check_choice("--use", use, KINDS)
    check_distinct([model, *(text or []), *(pool or [])], output)
    check_model(model)
    if not text and not pool:
        raise UsageError("nothing to measure", hint="--text HELDOUT.jsonl.zst, --pool SCORED.zst")
    check_inputs([*(text or []), *(pool or [])])
    options_ = ScoreOptions(model, device, dtype, template, long, batch_tokens=batch_tokens)
    scorer = open_answer_model(options_)
    found = {
        "format": FORMAT,
        "uses": use,
        "model": scorer.model.section(),
        "template": scorer.template.name,
        "long": long,
        **(measure_texts(scorer, read_records(text), seed) if text else {}),
        **({"pool": measure_pool(read_records(pool))} if pool else {}),
    }
    if not found.get(use):
        raise UsageError(f"--use {use} was not measured", hint="give --text or --pool for it")
    if output is not None:
        write_json(output, found)
    cli.write_out(as_json(found).decode() if json else "\n".join(reference_lines(found)) + "\n")
