"""mind-train export and import."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from mind_core import options
from mind_core.errors import UsageError
from mind_train.commands import shared

EXPORT_WHAT = "Write a checkpoint as a Hugging Face folder: config.json and model.safetensors."
EXPORT_EXAMPLES = [
    "mind-train export run/ -o hf/",
    "mind-train export run/checkpoints/step-00000200 -o hf/",
    "mind-train export chat/ -o hf-chat/ --dtype bfloat16",
]
EXPORT_COST = (
    "A gpt-neo loads with AutoModelForCausalLM, a mindllm with trust_remote_code=True, through the "
    "modelling file beside its weights; `generate`, the chat template, PEFT and TRL work. Weights "
    "are the checkpoint's, bit for bit in float32."
)
IMPORT_WHAT = "Make a checkpoint of a GPT-Neo or mindllm Hugging Face folder."
IMPORT_EXAMPLES = [
    "mind-train import gpt-neo/ -t tokenizer/ -o start/",
    "mind-train import gpt-neo/ -t extended/ --replaces table.jsonl -o start/",
    "mind-train import hf/ -t tokenizer/ -o start/",
]
IMPORT_COST = (
    "Only safetensors are read, never a pickle. With more tokens than the model has, new rows are "
    "the mean of the pieces they replace, and old scores stay what they were."
)

Output = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("-o", "--output", metavar="FOLDER", help="A folder that does not exist yet."),
]


def export(
    context: typer.Context,
    model: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Argument(metavar="MODEL", help="A run folder or a checkpoint.", show_default=False),
    ] = None,
    output: Output = None,
    dtype: Annotated[
        str, typer.Option("--dtype", metavar="TYPE", help="float32, bfloat16 or float16.")
    ] = "float32",
    plugin: options.PluginFiles = None,
) -> None:
    """Read the options, then export."""
    folder = shared.required(context, model, "MODEL, a run folder or a checkpoint")
    target = shared.required(context, output, "-o FOLDER")
    _refuse_gguf(target)
    _refuse_existing(target)
    from mind_train.export.folder import export as write

    write(folder, target, shared.plugins_of(plugin), dtype)


def import_(
    context: typer.Context,
    folder: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Argument(metavar="FOLDER", help="As transformers saves it.", show_default=False),
    ] = None,
    tokenizer: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            "-t",
            "--tokenizer",
            metavar="FOLDER",
            help="The tokenizer. Default: the folder's own.",
        ),
    ] = None,
    output: Output = None,
    replaces: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            "--replaces",
            metavar="FILE",
            help="What new tokens replace. Default: as the tokenizer's folder says.",
        ),
    ] = None,
    plugin: options.PluginFiles = None,
) -> None:
    """Read the options, then import."""
    source = shared.required(context, folder, "FOLDER, as transformers saves a model")
    target = shared.required(context, output, "-o FOLDER")
    _refuse_existing(target)
    from mind_train.export.folder import import_folder

    import_folder(source, tokenizer, target, replaces, shared.plugins_of(plugin))


def _refuse_gguf(target: Path) -> None:
    """Say why there is no GGUF, for a file that asks for one."""
    if target.suffix.lower() == ".gguf":
        raise UsageError(
            f"{target}: neither gpt-neo nor mindllm can be written as GGUF",
            cause="llama.cpp knows no such model: windows in every other layer beside learned "
            "positions (gpt-neo), norms behind residuals that are scaled (mindllm)",
            hint="give a folder: transformers reads it, and `mind-train serve` answers over HTTP; "
            "folders of other architectures are converted by llama.cpp itself, if it knows them",
        )


def _refuse_existing(target: Path) -> None:
    if target.exists():
        raise UsageError(f"{target} exists", hint="give a folder that does not exist yet")
