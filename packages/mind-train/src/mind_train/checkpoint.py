"""Checkpoints: whole or not at all, found by themselves, read without pickle.

``checkpoints/step-00000100/`` holds model.safetensors, config.json, optimizer.safetensors,
trainer.json, tokenizer/ and, written last, manifest.json with the size and SHA-256 of each file.
The folder is filled under a temporary name, synced and renamed.
"""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from mind_core import MindError
from mind_core.files import (
    MANIFEST,
    PARTIAL,
    atomic_folder,
    make_folder,
    read_json,
    read_manifest,
    sha256_file,
    sync_folder,
    write_json,
    write_manifest,
)
from mind_core.plugins import Plugins
from mind_core.progress import log
from mind_core.untrusted import as_written, check_named, copy_files, inside
from mind_train.components import TOOL, load_plugins
from mind_train.models.bare_model import bare_model
from mind_train.models.language_model import Config, LanguageModel
from mind_train.tensor_file import check_sizes, open_tensors, write_tensors
from mind_train.vector_math import settle_vector_functions

if TYPE_CHECKING:
    from mind_tok import Tokenizer

FORMAT = "mind-checkpoint"
ARCHITECTURES = "register_architectures"
FOLDER = "checkpoints"
MODEL = "model.safetensors"
CONFIG = "config.json"
STATE = "optimizer.safetensors"
TRAINER = "trainer.json"
EMA = "ema.safetensors"
TOKENIZER = "tokenizer"


@dataclass(frozen=True)
class Checkpoint:
    """A model as it was after a step; ``fingerprint`` is the SHA-256 of its weights file."""

    model: LanguageModel
    tokenizer: Tokenizer
    architecture: str
    config: Config
    context: int
    step: int
    fingerprint: str
    folder: Path


def load_checkpoint(
    folder: str | Path, device: str | torch.device = "cpu", plugins: Plugins | None = None
) -> Checkpoint:
    """Load a checkpoint, or the newest complete one of a run folder: eval mode, fp32.

    ``plugins`` may hold an architecture of a file. Raises MindError for none, or a damaged one.
    """
    from mind_tok import load_tokenizer

    settle_vector_functions()
    found, manifest = find_checkpoint(Path(folder))
    architecture, config = read_config(found, plugins)
    with as_written(found / CONFIG):
        model = bare_model(config)
    load_weights(model, found)
    with as_written(found / MANIFEST):
        step, fingerprint = int(manifest["step"]), str(manifest["files"][MODEL]["sha256"])
    return Checkpoint(
        model=model.eval().to(device),
        tokenizer=load_tokenizer(found / TOKENIZER),
        architecture=architecture,
        config=config,
        context=config.context,
        step=step,
        fingerprint=fingerprint,
        folder=found,
    )


def read_config(folder: Path, plugins: Plugins | None = None) -> tuple[str, Config]:
    """Read the architecture's name and its config from a checkpoint."""
    described = read_json(inside(folder, CONFIG))
    try:
        architecture, fields = described["architecture"], dict(described["config"])
        if not isinstance(architecture, str):
            raise TypeError(f"the architecture is {architecture!r:.80}")
    except (KeyError, TypeError, ValueError) as error:
        raise MindError(
            f"{folder / CONFIG} describes no model", cause=error, hint="it may be damaged"
        ) from None
    # Before anything is allotted: a damaged config may ask for terabytes.
    check_sizes(fields, [inside(folder, MODEL)], folder / CONFIG)
    plugins = plugins or load_plugins()
    if architecture not in plugins.components(ARCHITECTURES):
        plugins.load_installed()
    if architecture not in plugins.components(ARCHITECTURES):
        raise MindError(
            f"{folder} holds a {architecture!r}, an architecture that no plugin here offers",
            hint="`pip install` the plugin that it was trained with; one of a file goes with "
            "`mind-train … --plugin FILE.py`, and has to be installed for the other tools",
        )
    config: Config = plugins.make(ARCHITECTURES, str(architecture), fields)
    return architecture, config


def load_weights(model: LanguageModel, folder: Path) -> None:
    """Copy a checkpoint's weights into a model of the same shape."""
    wanted = dict(model.named_parameters())
    with torch.no_grad():
        for name, saved in load_tensors(folder, wanted):
            wanted[name].copy_(saved)


def load_tensors(folder: Path, wanted: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """Yield a checkpoint's weights one by one, in the order of parameters of the same shapes."""
    with open_tensors(folder / MODEL) as file:
        if odd := sorted(wanted.keys() ^ set(file.keys())):
            raise MindError(
                f"{folder} holds another architecture: tensor {odd[0]} is on one side only",
                hint="check which checkpoint was meant",
            )
        for name, p in wanted.items():
            saved = file.get_tensor(name)
            if saved.shape != p.shape:
                raise MindError(
                    f"{folder / MODEL} does not fit the model",
                    cause=f"{name} is {list(saved.shape)}, the config says {list(p.shape)}",
                    hint="it may be damaged",
                )
            yield name, saved


def save_checkpoint(
    run: Path,
    step: int,
    architecture: str,
    model: LanguageModel,
    state: dict[str, Tensor],
    trainer: dict[str, Any],
    tokenizer: Path,
) -> None:
    """Write a checkpoint of a model that is whole on this process."""
    weights = dict(model.named_parameters())
    write_checkpoint(run, step, architecture, model.config, weights, state, trainer, tokenizer)


def write_checkpoint(
    run: Path,
    step: int,
    architecture: str,
    config: Config,
    weights: Mapping[str, Tensor],
    state: Mapping[str, Tensor],
    trainer: dict[str, Any],
    tokenizer: Path,
    writes: bool = True,
    ema: Mapping[str, Tensor] | None = None,
) -> None:
    """Write one checkpoint atomically.

    ``state`` is the optimizer's and the random generators' tensors, ``trainer`` the rest as JSON,
    ``ema`` a moving average of the weights where the run keeps one. Of sharded tensors every rank
    calls this, and all but the one that ``writes`` only give theirs.
    """
    # Other ranks: gathering a sharded tensor needs all of them, writing it one.
    if not writes:
        for tensors in (weights, state, ema or {}):
            write_tensors(None, tensors)
        return
    target = run / FOLDER / f"step-{step:08d}"
    # Whatever has this name was found damaged before training came here again.
    shutil.rmtree(target, ignore_errors=True)
    make_folder(target.parent)
    with atomic_folder(target) as folder:
        write_tensors(folder / MODEL, weights)
        write_tensors(folder / STATE, state)
        if ema:
            write_tensors(folder / EMA, ema)
        fields = dataclasses.asdict(config)  # type: ignore[call-overload]
        write_json(folder / CONFIG, {"architecture": architecture, "config": fields})
        write_json(folder / TRAINER, trainer)
        copy_files(tokenizer, folder / TOKENIZER)
        files = {}
        for path in sorted(folder.rglob("*")):
            _sync(path)
            if path.is_dir():
                continue
            name = path.relative_to(folder).as_posix()
            files[name] = {"size": path.stat().st_size, "sha256": sha256_file(path)}
        write_manifest(
            folder,
            {
                "format": FORMAT,
                "version": 1,
                "step": step,
                "architecture": architecture,
                "parameters": sum(w.numel() for w in weights.values()),
                "fingerprint": files[MODEL]["sha256"],
                "torch": torch.__version__,
                "files": files,
            },
        )


def checkpoints(run: Path) -> list[Path]:
    """List a run's checkpoint folders, newest first, sound or not."""
    # Steps have eight digits in the name, so that the order of names is that of steps.
    return sorted((run / FOLDER).glob("step-*"), reverse=True)


def find_checkpoint(folder: Path) -> tuple[Path, dict[str, Any]]:
    """Find the newest sound checkpoint of a run folder, or check the one that was given.

    A damaged one is named on stderr and the one before it taken.
    """
    # A run folder has a manifest too, when it is complete; it also has a folder of checkpoints.
    if (folder / MANIFEST).exists() and not (folder / FOLDER).is_dir():
        return folder, verify(folder)
    for candidate, manifest in sound_checkpoints(folder):
        return candidate, manifest
    raise MindError(
        f"{folder} holds no complete checkpoint",
        cause="no folder" if not folder.exists() else f"nothing sound under {folder / FOLDER}",
        hint=f"an address begins so: http://{folder}"
        if re.match(r"[\w.-]+:\d+(/|$)", str(folder))
        else "give the run folder of `mind-train pretrain`, or one of its checkpoints",
    )


def sound_checkpoints(run: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield a run's checkpoints that are whole, newest first; name the others on stderr."""
    for candidate in checkpoints(run):
        try:
            manifest = verify(candidate)
        except MindError as error:
            log(TOOL, f"warning: passing over a damaged checkpoint: {error.message}")
            continue
        yield candidate, manifest


def verify(folder: Path) -> dict[str, Any]:
    """Check the size and the SHA-256 of each file; give the manifest, or raise MindError."""
    manifest = read_manifest(folder, format=FORMAT)
    needed = (MODEL, CONFIG, STATE, TRAINER, EMA, f"{TOKENIZER}/")
    check_named(folder, manifest.get("files", {}), needed=needed)
    for name in (MODEL, CONFIG):
        if name not in manifest["files"]:
            raise MindError(f"{folder}: its manifest names no {name}", hint="it may be damaged")
    return manifest


def keep_newest(run: Path, keep: int, every: int = 0) -> None:
    """Remove all but the newest checkpoints, and what a killed save left behind; 0 keeps all.

    Those whose step is a multiple of ``every`` stay too.
    """
    for leftover in (run / FOLDER).glob(f".step-*{PARTIAL}"):
        shutil.rmtree(leftover, ignore_errors=True)
    for old in checkpoints(run)[keep:] if keep else []:
        if every and int(old.name.removeprefix("step-")) % every == 0:
            continue
        # The manifest goes first: a folder half removed is no checkpoint.
        (old / MANIFEST).unlink(missing_ok=True)
        sync_folder(old)
        shutil.rmtree(old, ignore_errors=True)


def _sync(path: Path) -> None:
    """Have a file or a folder on the disk, not only on its way."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
