"""`export` and `import`: a checkpoint to a Hugging Face folder, and such a folder to one."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
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
from mind_tok.bytelevel_file import REPLACED
from mind_tok.to_huggingface import save_for_huggingface
from mind_train.checkpoint import (
    MODEL,
    TOKENIZER,
    find_checkpoint,
    read_config,
    write_checkpoint,
)
from mind_train.components import TOOL
from mind_train.export import gpt_neo, mindllm
from mind_train.export.card import model_card, plain_card
from mind_train.export.extension import extended, read_table
from mind_train.export.foreign_tokenizer import read_foreign, texts_of
from mind_train.export.forms import Form, find_form, form_of
from mind_train.export.huggingface import write_folder
from mind_train.huggingface.model import HuggingFaceConfig
from mind_train.models.bare_model import bare_model
from mind_train.models.language_model import LanguageModel
from mind_train.tensor_file import check_sizes

TYPES = (*gpt_neo.MODEL_TYPES, *mindllm.MODEL_TYPES)
CONFIG = "config.json"
TOKENIZER_CONFIG = "tokenizer_config.json"
README = "README.md"
INDEX = "model.safetensors.index.json"
MAX_NAME = 255  # bytes that a file system takes
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def export(model: Path, output: Path, plugins: Plugins, dtype: str = "float32") -> None:
    """Write a checkpoint as a folder that transformers loads: safetensors, in fp32 bit for bit.

    An architecture without such a form is written as it is: its options, and its parameters under
    their names. Raises UsageError for an unknown `dtype`.
    """
    if dtype not in DTYPES:
        # Before the checkpoint is read and hashed, which takes a while.
        raise UsageError(f"there is no --dtype {dtype!r}", hint=f"known: {', '.join(DTYPES)}")
    found, manifest = find_checkpoint(model)
    architecture, config = read_config(found, plugins)
    if isinstance(config, HuggingFaceConfig):
        with atomic_folder(output) as folder:
            write_folder(found, folder, config, DTYPES[dtype])
            _write_origin(folder, manifest)
        log(TOOL, f"{found} is exported to {output}")
        return
    tokenizer = load_tokenizer(found / TOKENIZER)
    form = form_of(config)
    with atomic_folder(output) as folder:
        if form is None:
            _write_plain(folder, found, architecture, config, dtype)
            _write_tokenizer(tokenizer, folder, config.context)
        else:
            _write_form(folder, found, form, config, dtype, tokenizer)
        # `_write_plain` has written a card of its own.
        if not (folder / README).exists():
            card = model_card(architecture, dtype, "auto_map" in read_json(folder / CONFIG))
            (folder / README).write_text(card, "utf-8")
        copy_files(found / TOKENIZER, folder / TOKENIZER)
        _write_origin(folder, manifest)
    log(TOOL, f"{found} is exported to {output}")


def _write_form(
    folder: Path, found: Path, form: Form, config: Any, dtype: str, tokenizer: Tokenizer
) -> None:
    """Write a checkpoint in the form that its architecture has in transformers."""
    # One token ends a document and stands before the next, so it is both.
    special = {"bos_token_id": tokenizer.end_id, "eos_token_id": tokenizer.end_id}
    if PAD in tokenizer.special_ids:
        special["pad_token_id"] = tokenizer.special_ids[PAD]
    weights = form.to_hugging_face(config, load_file(found / MODEL))
    weights = {name: tensor.to(DTYPES[dtype]) for name, tensor in weights.items()}
    # "format": transformers refuses a safetensors file without it.
    save_file(weights, folder / MODEL, metadata={"format": "pt"})
    described = special | form.describe(config) | {"torch_dtype": dtype}
    write_json(folder / CONFIG, described)
    write_json(folder / "generation_config.json", special)
    _write_tokenizer(tokenizer, folder, config.context)
    texts = getattr(form, "texts", None)
    for name, text in (texts(config) if texts is not None else {}).items():
        (folder / name).write_text(text, "utf-8")


def _write_plain(folder: Path, found: Path, architecture: str, config: Any, dtype: str) -> None:
    """Write the weights of an architecture that transformers does not know, under its names."""
    tensors = {name: t.to(DTYPES[dtype]) for name, t in load_file(found / MODEL).items()}
    save_file(tensors, folder / MODEL, metadata={"format": "pt"})
    fields = {"architecture": architecture, "config": dataclasses.asdict(config)}
    write_json(folder / CONFIG, fields | {"torch_dtype": dtype})
    (folder / README).write_text(plain_card(architecture, dtype, type(config)), "utf-8")


def _write_origin(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Say which checkpoint a folder is."""
    write_json(
        folder / "mind_export.json",
        {"format": "mind-export", "version": 1, "fingerprint": manifest["fingerprint"]},
    )


def import_folder(
    folder: Path, tokenizer: Path | None, output: Path, table: Path | None, plugins: Plugins
) -> None:
    """Make a checkpoint of a Hugging Face folder; with more tokens than it has, extend it.

    The new checkpoint is step 0 of a run folder, from which `pretrain --from` and `sft` go on.
    Without ``tokenizer`` the folder's own travels with it.
    """
    # Weights under our names, in fp32: what the form makes of theirs.
    architecture, form, config, weights = _read_folder(folder, plugins)
    with ExitStack() as stack:
        if tokenizer is None:
            tokenizer = Path(stack.enter_context(TemporaryDirectory())) / TOKENIZER
            read_foreign(folder).save(tokenizer)
            if hasattr(form, "with_texts"):
                config = form.with_texts(config, texts_of(folder))
        _import(folder, architecture, config, weights, tokenizer, output, table, plugins)


def _import(
    folder: Path,
    architecture: str,
    config: Any,
    weights: dict[str, Tensor],
    tokenizer: Path,
    output: Path,
    table: Path | None,
    plugins: Plugins,
) -> None:
    vocab = load_tokenizer(tokenizer).vocab_size
    if vocab > config.vocab:
        table = table or tokenizer / REPLACED
        # What a new token was cut into before: its row is made of the rows of those pieces.
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
    # Step 0, without any state of an optimizer: the first step begins its moments anew.
    write_checkpoint(output, 0, architecture, config, weights, {}, trainer, tokenizer)
    log(TOOL, f"{folder} is imported as {architecture}, {config.vocab:,} tokens, into {output}")


def read_model(folder: Path) -> tuple[str, LanguageModel]:
    """Read a Hugging Face folder of one of our architectures: its name, and the model in fp32.

    Raises MindError for a folder that holds another, or a variant of one.
    """
    architecture, _, config, weights = _read_folder(folder, None)
    model = bare_model(config)
    _check(model, weights, folder)
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.copy_(weights[name])
    return architecture, model.eval()


def _read_folder(folder: Path, plugins: Plugins | None) -> tuple[str, Form, Any, dict[str, Tensor]]:
    """Read architecture, form, config and weights under our names."""
    check_links(folder)
    theirs = _read_config(folder)
    architecture, form = find_form(str(theirs.get("model_type")), plugins)
    # From the headers alone, before anything is loaded.
    check_sizes(theirs, _weight_files(folder), folder / CONFIG)
    try:
        config = form.read_config(theirs)
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise MindError(
            f"{folder / CONFIG} does not describe a model", cause=repr(error),
            hint="it should be as transformers wrote it",
        ) from None  # fmt: skip
    weights = _read_weights(folder)
    with as_written(folder / CONFIG, "it should be as transformers wrote it"):
        return architecture, form, config, form.from_hugging_face(config, weights)


def _write_tokenizer(tokenizer: Tokenizer, folder: Path, context: int) -> None:
    """Put tokenizer.json and its config beside the weights, if this kind has such a form."""
    # save_for_huggingface wants a folder of its own, so its files are moved up afterwards.
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
            # The name alone: an index may not lead out of its folder.
            files = [folder / Path(name).name for name in names]
            if too_long := [name for name in names if len(Path(name).name.encode()) > MAX_NAME]:
                raise ValueError(f"it names a file {too_long[0]!r:.80}")
    for file in files:
        if not file.is_file():
            pickled = any(folder.glob("pytorch_model*.bin"))
            raise MindError(
                f"{file} is missing",
                cause="the weights are a pickle, which could run anything" if pickled else None,
                hint="save it with safetensors: model.save_pretrained(folder)",
            )
    return files
