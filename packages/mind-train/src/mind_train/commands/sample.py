"""mind-train sample."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from mind_core import cli, options
from mind_core.errors import UsageError
from mind_train.commands import shared

WHAT = "Write text with a model: continue prompts, or answer them with --chat."
EXAMPLES = [
    'mind-train sample run/ "The sea" "北京"',
    'mind-train sample chat/ --chat "Who was Confucius?" --temperature 0.7 --top-p 0.9',
    "mind-train sample run/ --count 3 --max-new 50 --json",
    "mind-train sample run/ --prompts prompts.txt --stop 。 --top-k 50 --json",
    "mind-train sample chat/ --chat < questions.txt",
]
COST = (
    "Samples come in the order of the prompts; sample i is drawn with seed + i. To a terminal text "
    "appears as it is written; with --json prompts of one length are written together. With --chat "
    "and no prompt, each line of stdin is a turn of one conversation."
)


def sample(
    context: typer.Context,
    model: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Argument(metavar="MODEL", help="A run folder or a checkpoint.", show_default=False),
    ] = None,
    prompts: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Argument(
            metavar="[PROMPT]...", help="Prompts; none starts a new document.", show_default=False
        ),
    ] = None,
    chat: Annotated[bool, typer.Option("--chat", help="Prompts are a user's questions.")] = False,
    max_new: Annotated[int, typer.Option(metavar="N", min=1, help="New tokens, at most.")] = 128,
    temperature: Annotated[
        float, typer.Option(metavar="X", help="Sampling temperature; 0 takes the likeliest token.")
    ] = 0.8,
    top_p: Annotated[
        float,
        typer.Option(
            metavar="X",
            help="Sample from the likeliest tokens that hold this share of the probability.",
        ),
    ] = 0.95,
    top_k: Annotated[
        int,
        typer.Option(metavar="N", min=0, help="Sample from the N likeliest tokens; 0 from all."),
    ] = 0,
    repetition: Annotated[
        float,
        typer.Option(
            metavar="X",
            help="Repetition penalty; above 1 tokens that were written become less likely.",
        ),
    ] = 1.0,
    stop: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option("--stop", metavar="TEXT", help="Stop before this string; repeatable."),
    ] = None,
    prompts_file: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            "--prompts", metavar="FILE", help="A prompt a line, or objects with one; - is stdin."
        ),
    ] = None,
    count: Annotated[int, typer.Option(metavar="N", min=1, help="Samples of each prompt.")] = 1,
    seed: options.Seed = 0,
    device: Annotated[
        str, typer.Option(metavar="NAME", help="auto, cpu, cuda or cuda:1; auto takes a GPU.")
    ] = "auto",
    plugin: options.PluginFiles = None,
    json: options.Json = False,
) -> None:
    """Read the options, then write samples or hold a conversation."""
    folder = shared.required(context, model, "MODEL, a run folder or a checkpoint")
    if not folder.exists() and (models := [one for one in prompts or [] if Path(one).is_dir()]):
        raise UsageError(
            f"there is no model {folder}",
            hint=f'the model stands first: {context.command_path} {models[0]} "{folder}"',
        )
    from mind_core.progress import log
    from mind_core.records import encode
    from mind_train import sample as sampling

    how = sampling.Sampling(
        max_new, temperature, top_p, seed, chat, top_k, repetition, tuple(stop or ())
    )
    if prompts_file is not None:
        prompts = [*(prompts or []), *sampling.read_prompts(prompts_file)]
    plugins = shared.plugins_of(plugin)
    if chat and not prompts:
        sampling.converse(folder, how, plugins, cli.write_out, device=device)
        return
    show = None if json else cli.write_out
    blank = []
    for record in sampling.sample(folder, prompts or [""], how, count, plugins, show, device):
        if json:
            cli.write_out(encode(record).decode())
        if not record["text"].strip():
            blank.append(record)
    if blank:
        log(shared.TOOL, sampling.about_blank(blank, how))
