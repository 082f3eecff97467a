"""mind-train serve."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from mind_core import options
from mind_train.commands import shared

WHAT = "Serve a model: OpenAI's completions and chat over HTTP, and a page to talk to it."
EXAMPLES = [
    "mind-train serve chat/",
    "mind-train serve run/ --port 9000 --device cpu",
    "MIND_SERVE_KEY=secret mind-train serve chat/ --host 0.0.0.0",
]
COST = (
    "Needs the extra: pip install 'mind-train[serve]'. Without MIND_SERVE_KEY only this machine "
    "is served. Texts that wait and have prompts of one length are written together."
)


def serve(
    context: typer.Context,
    model: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Argument(metavar="MODEL", help="A run folder or a checkpoint.", show_default=False),
    ] = None,
    host: Annotated[str, typer.Option(metavar="NAME", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(metavar="N", min=0, max=65535, help="Port to listen on; 0 takes a free one."),
    ] = 8000,
    name: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            "--name", metavar="NAME", help="What clients call the model. Default: its folder."
        ),
    ] = None,
    batch: Annotated[
        int, typer.Option(metavar="N", min=1, help="Texts written at once, at most.")
    ] = 8,
    waiting: Annotated[
        int, typer.Option(metavar="N", min=1, help="Texts that may wait, at most.")
    ] = 256,
    max_new: Annotated[
        int, typer.Option(metavar="N", min=1, help="Tokens of a text, at most.")
    ] = 2048,
    device: Annotated[
        str, typer.Option(metavar="NAME", help="auto, cpu, cuda or cuda:1; auto takes a GPU.")
    ] = "auto",
    plugin: options.PluginFiles = None,
) -> None:
    """Read the options, then serve until interrupted."""
    folder = shared.required(context, model, "MODEL, a run folder or a checkpoint")
    from mind_train.serve import serve as run

    plugins = shared.plugins_of(plugin)
    run(folder, host, port, name, batch, waiting, max_new, device, plugins)
