"""The door of mind-dedup: options → recipe → pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from mind_core import cli, options
from mind_core.errors import UsageError
from mind_core.flow import StreamOptions
from mind_core.recipe import Recipe, load_recipe, merged

if TYPE_CHECKING:
    from mind_core.plugins import Plugins
    from mind_dedup.pipeline import Plan

TOOL = "mind-dedup"
WHAT = (
    "Remove duplicates from a stream of texts and keep the first of each.\n\n"
    "MinHash proposes what may be near-duplicates; a record goes only if its exact similarity "
    "with one that stays reaches the threshold. Lines that stay are passed on as they came."
)
EXAMPLES = (
    "mind-dedup clean.jsonl.zst -o distinct.jsonl.zst --rejects duplicates.jsonl.zst",
    "mind-clean pages.jsonl.zst | mind-dedup -j 4 --threshold 0.9 > distinct.jsonl.zst",
    "mind-dedup --signature url --mark pages.jsonl.zst | zstdcat | jq .metadata.mind.dedup",
)
COST = (
    "Memory: all of what is kept, 350 bytes a record and 4 for each of its shingles "
    "(--plan N reckons). Order: output is in input order and the same for every -j."
)

SignatureName = Annotated[
    Optional[str],  # noqa: UP045 - typer reads this at run time
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
MaxRemoved = Annotated[
    Optional[float],  # noqa: UP045
    typer.Option(
        "--max-removed",
        metavar="SHARE",
        help="Fail (exit 3) if a source would lose more than this (recipe: 0.6).",
    ),
]
Allow = Annotated[bool, typer.Option("--allow", help="Go on whatever share a source loses.")]
PlanFor = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option(
        "--plan",
        metavar="N",
        min=1,
        help="Print what is found at which similarity, and the memory for N records; exit.",
    ),
]

app = cli.new_app()


def make_plugins(files: Sequence[Path] = ()) -> Plugins:
    """Return the plugins of this tool; numpy is imported here, not for --version."""
    from mind_dedup import pipeline

    return pipeline.make_plugins(files)


@app.command(help=cli.help_text(WHAT, EXAMPLES), epilog=cli.epilog(COST))
def dedup(
    context: typer.Context,
    inputs: options.Inputs = None,
    output: options.Output = None,
    signature: SignatureName = None,
    threshold: Threshold = None,
    max_removed: MaxRemoved = None,
    allow: Allow = False,
    mark: options.Mark = False,
    rejects: options.Rejects = None,
    summary: options.SummaryFile = None,
    jobs: options.Jobs = 1,
    level: options.Level = None,
    limit: options.Limit = None,
    skip_bad: options.SkipBad = "0",
    recipe: options.RecipeName = "default",
    assignments: options.Set = None,
    plugin: options.PluginFiles = None,
    plan_for: PlanFor = None,
    dry_run: options.DryRun = False,
    print_recipe: options.PrintRecipe = False,
    list_components: options.ListComponents = False,
    list_plugins: options.ListPlugins = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
    progress: options.ShowProgress = None,
    version: options.Version = False,
) -> None:
    if cli.answer_questions(
        TOOL, make_plugins, plugin or [], version, list_components, list_plugins, json
    ):
        return
    from mind_core.stream import check_inputs
    from mind_dedup import pipeline

    stream = StreamOptions(
        inputs=tuple(inputs or ()),
        output=output,
        rejects=rejects,
        summary=summary,
        jobs=jobs,
        level=level,
        limit=limit,
        skip_bad=options.parse_skip_bad(skip_bad),
        quiet=quiet,
        progress=progress,
    )
    effective = _effective(recipe or "default", signature, threshold, max_removed, assignments)
    plan = pipeline.plan(effective, make_plugins(plugin or []), allow)
    if print_recipe:
        cli.write_out(plan.recipe.to_toml())
    elif plan_for is not None:
        cli.write_out(_planned(plan, plan_for))
    elif dry_run:
        check_inputs(stream.inputs)
        cli.write_out(pipeline.describe(plan))
    else:
        cli.require_input(inputs, context.get_help)
        pipeline.deduplicate(plan, stream, mark)


def _effective(
    name: str,
    signature: str | None,
    threshold: float | None,
    max_removed: float | None,
    assignments: list[str] | None,
) -> Recipe:
    """Return the recipe with the flags merged in: --set before the flags of their own."""
    recipe = load_recipe(name, "mind_dedup")
    used = _used(recipe)
    for assignment in assignments or []:
        recipe.set(assignment)
        if _used(recipe) not in (used, None):
            # Another signature has other options.
            used = _used(recipe)
            recipe.values["signature"] = {"use": used}
    if signature not in (None, used):
        recipe.values["signature"] = {}
    flags: dict[str, dict[str, Any]] = {
        "signature": {"use": signature, "threshold": threshold},
        "guard": {"max_removed": max_removed},
    }
    # A table of the recipe that is none is left for the check, which says so.
    given = {name: t for name, t in flags.items() if any(v is not None for v in t.values())}
    return merged(recipe, given)


def _used(recipe: Recipe) -> Any:
    table = recipe.values.get("signature")
    return table.get("use") if isinstance(table, dict) else None


def _planned(plan: Plan, documents: int) -> str:
    from mind_dedup.plan import render
    from mind_dedup.signatures.minhash import MinHash

    if not isinstance(plan.signature, MinHash):
        raise UsageError(
            f"--plan reckons for minhash; a record of signature {plan.name!r} takes "
            "about 60 bytes and its id"
        )
    return render(plan.signature, documents)


def main() -> None:
    """Run mind-dedup."""
    cli.run(app, TOOL)
