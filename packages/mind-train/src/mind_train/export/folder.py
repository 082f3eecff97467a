"""`export` and `import`: a checkpoint to a Hugging Face folder, and such a folder to one."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from mind_core import MindError
from mind_core.errors import UsageError
from mind_core.files import atomic_folder, read_json, write_json
from mind_core.plugins import Plugins
from mind_core.progress import log
from mind_core.special_tokens import PAD
from mind_core.untrusted import as_written, check_links, copy_files
from mind_tok import Tokenizer, load_tokenizer
from mind_tok.to_huggingface import save_for_huggingface
from mind_tok.token_replacements import REPLACED
from mind_train.checkpoint import (
    MODEL,
    TOKENIZER,
    bare_model,
    find_checkpoint,
    read_config,
    write_checkpoint,
)
from mind_train.components import TOOL
from mind_train.export import gpt_neo, mindllm
from mind_train.export.card import model_card
from mind_train.export.extension import extended, read_table
from mind_train.export.huggingface import write_folder
from mind_train.huggingface.model import HuggingFaceConfig
from mind_train.models.language_model import LanguageModel
from mind_train.tensor_file import check_sizes

KINDS: dict[str, ModuleType] = {"gpt-neo": gpt_neo, "mindllm": mindllm}
TYPES = {"gpt_neo": "gpt-neo", "mindllm": "mindllm"}
CONFIG = "config.json"
TOKENIZER_CONFIG = "tokenizer_config.json"
INDEX = "model.safetensors.index.json"
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def export(model: Path, output: Path, plugins: Plugins, dtype: str = "float32") -> None:
    """Write a checkpoint as a folder that transformers loads: safetensors, in fp32 bit for bit.

    Raises MindError for an architecture without such a form, and for an unknown `dtype`.
    """
    if dtype not in DTYPES:
        raise UsageError(f"there is no --dtype {dtype!r}", hint=f"known: {', '.join(DTYPES)}")
    found, manifest = find_checkpoint(model)
    architecture, config = read_config(found, plugins)
    if isinstance(config, HuggingFaceConfig):
        with atomic_folder(output) as folder:
            write_folder(found, folder, config, DTYPES[dtype])
            _write_origin(folder, manifest)
        log(TOOL, f"{found} is exported to {output}")
        return
    if architecture not in KINDS:
        raise MindError(
            f"architecture {architecture!r} has no form in transformers",
            hint=f"exported can be {', '.join(KINDS)}",
        )
    kind = KINDS[architecture]
    tokenizer = load_tokenizer(found / TOKENIZER)
    special = {"bos_token_id": tokenizer.end_id, "eos_token_id": tokenizer.end_id}
    if PAD in tokenizer.special_ids:
        special["pad_token_id"] = tokenizer.special_ids[PAD]
    with atomic_folder(output) as folder:
        weights = {
            name: tensor.to(DTYPES[dtype])
            for name, tensor in kind.to_hugging_face(config, load_file(found / MODEL)).items()
        }
        save_file(weights, folder / MODEL, metadata={"format": "pt"})
        described = kind.describe(config) | special | {"torch_dtype": dtype}
        write_json(folder / CONFIG, described)
        write_json(folder / "generation_config.json", special)
        if architecture == "mindllm":
            source = mindllm.modelling_file()
            (folder / f"{mindllm.MODULE}.py").write_text(source, "utf-8")
        _write_tokenizer(tokenizer, folder, config.context)
        (folder / "README.md").write_text(model_card(architecture, dtype), "utf-8")
        copy_files(found / TOKENIZER, folder / TOKENIZER)
        _write_origin(folder, manifest)
    log(TOOL, f"{found} is exported to {output}")


def _write_origin(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Say which checkpoint a folder is."""
    write_json(
        folder / "mind_export.json",
        {"format": "mind-export", "version": 1, "fingerprint": manifest["fingerprint"]},
    )


def import_folder(
    folder: Path, tokenizer: Path, output: Path, table: Path | None, plugins: Plugins
) -> None:
    """Make a checkpoint of a Hugging Face folder; with more tokens than it has, extend it.

    The new checkpoint is step 0 of a run folder, from which `pretrain --from` and `sft` go on.
    """
    architecture, config, weights = _read_folder(folder)
    vocab = load_tokenizer(tokenizer).vocab_size
    if vocab > config.vocab:
        table = table or tokenizer / REPLACED
        pieces = read_table(table, config.vocab, vocab) if table.exists() else {}
        if not pieces:
            log(TOOL, f"no table of replaced tokens in {tokenizer}: new rows are the mean of all")
        config, weights = extended(config, weights, vocab, pieces)
    elif table is not None:
        raise MindError(
            f"the tokenizer has {vocab:,} tokens, the model {config.vocab:,}: nothing is new",
            hint="leave --replaces out",
        )
    model = bare_model(
        plugins.make("register_architectures", architecture, dataclasses.asdict(config))
    )
    _check(model, weights, folder)
    if output.exists() and any(output.iterdir()):
        raise MindError(f"{output} exists", hint="give a folder that does not exist yet")
    trainer = {"counters": {}, "state": {}, "inputs": {"imported": str(folder)}}
    write_checkpoint(output, 0, architecture, config, weights, {}, trainer, tokenizer)
    log(TOOL, f"{folder} is imported as {architecture}, {config.vocab:,} tokens, into {output}")


def read_model(folder: Path) -> tuple[str, LanguageModel]:
    """Read a Hugging Face folder of one of our architectures: its name, and the model in fp32.

    Raises MindError for a folder that holds another, or a variant of one.
    """
    architecture, config, weights = _read_folder(folder)
    model = bare_model(config)
    _check(model, weights, folder)
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.copy_(weights[name])
    return architecture, model.eval()


def _read_folder(folder: Path) -> tuple[str, Any, dict[str, Tensor]]:
    """Read architecture, config and weights under our names."""
    check_links(folder)
    theirs = _read_config(folder)
    architecture = TYPES.get(str(theirs.get("model_type")), "")
    if architecture not in KINDS:
        raise MindError(
            f"{folder} holds a {theirs.get('model_type')!r}", hint=f"known are {', '.join(TYPES)}"
        )
    kind = KINDS[architecture]
    check_sizes(theirs, _weight_files(folder), folder / CONFIG)
    try:
        config = kind.read_config(theirs)
    except (KeyError, TypeError, ValueError) as error:
        raise MindError(
            f"{folder / CONFIG} does not describe a model", cause=repr(error),
            hint="it should be as transformers wrote it",
        ) from None  # fmt: skip
    return architecture, config, kind.from_hugging_face(config, _read_weights(folder))


def _write_tokenizer(tokenizer: Tokenizer, folder: Path, context: int) -> None:
    """Put tokenizer.json and its config beside the weights, if this kind has such a form."""
    partial = folder / "partial"
    try:
        save_for_huggingface(tokenizer, partial)
    except MindError as error:
        log(TOOL, f"no tokenizer.json: {error.message}")
        return
    for path in partial.iterdir():
        path.rename(folder / path.name)
    partial.rmdir()
    described = read_json(folder / TOKENIZER_CONFIG)
    write_json(folder / TOKENIZER_CONFIG, described | {"model_max_length": context})


def _check(model: torch.nn.Module, weights: Mapping[str, Tensor], folder: Path) -> None:
    wanted = dict(model.named_parameters())
    if wanted.keys() != weights.keys():
        odd = sorted(wanted.keys() ^ weights.keys())[0]
        raise MindError(f"{folder}: tensor {odd} is on one side only", hint="is it of this kind?")
    for name, p in wanted.items():
        if p.shape != weights[name].shape:
            raise MindError(
                f"{folder}: {name} has the shape {tuple(weights[name].shape)}, wanted is "
                f"{tuple(p.shape)}",
                hint="config.json and the weights do not belong together",
            )


def _read_config(folder: Path) -> dict[str, Any]:
    path = folder / CONFIG
    if not path.is_file():
        raise MindError(f"{folder} has no {CONFIG}", hint="give a folder that transformers wrote")
    try:
        found = read_json(path)
    except (ValueError, json.JSONDecodeError) as error:
        raise MindError(f"{path} is not JSON", cause=error, hint="fetch it again") from None
    if not isinstance(found, dict):
        raise MindError(f"{path} is no JSON object", hint="fetch it again")
    return found


def _read_weights(folder: Path) -> dict[str, Tensor]:
    """Read one file or several."""
    weights: dict[str, Tensor] = {}
    for file in _weight_files(folder):
        try:
            weights |= load_file(file)
        except (SafetensorError, OSError) as error:
            raise MindError(f"{file} is damaged", cause=error, hint="fetch it again") from None
    return weights


def _weight_files(folder: Path) -> list[Path]:
    """Name the files of weights; a pickle is refused."""
    files = [folder / MODEL]
    if (folder / INDEX).is_file():
        with as_written(folder / INDEX):
            names = sorted(set(read_json(folder / INDEX)["weight_map"].values()))
            files = [folder / Path(name).name for name in names]
    for file in files:
        if not file.is_file():
            pickled = any(folder.glob("pytorch_model*.bin"))
            raise MindError(
                f"{file} is missing",
                cause="the weights are a pickle, which could run anything" if pickled else None,
                hint="save it with safetensors: model.save_pretrained(folder)",
            )
    return files
