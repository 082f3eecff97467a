"""Folders that tools go on from, models of others, and indexes of archives, with their readers."""

from __future__ import annotations

import json
import logging
import random
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import orjson
from formats import Format, a_warc, read_index
from hostile_making import fit_index, fit_manifest
from input_formats import read_documents
from test_documents import page, pdf

from mind_core.errors import MindError
from mind_core.progress import Progress
from mind_core.stream import read_lines
from mind_core.testing import run_tool

TEXT = "models need much writing before they understand what they mean, number "


def make_folder_formats(sound: Path, work: Path) -> dict[str, Format]:
    """Return the formats; `sound` holds folders that the tools made."""
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    found: dict[str, Format] = {}
    for make in (_pdf, _cdx, _scores, _index, _dedup_job, _llama, _run, _store):
        found |= make(sound, work)
    return found


def _pdf(_: Path, work: Path) -> dict[str, Format]:
    try:
        import mind_document_pdf
    except ImportError:
        return {}
    assert mind_document_pdf
    (work / "a.pdf").write_bytes(pdf(*page()))
    return {"PDF": Format(work / "a.pdf", read_documents)}


def _cdx(_: Path, work: Path) -> dict[str, Format]:
    folder = work / "cdx"
    folder.mkdir()
    archive = a_warc()
    (folder / "a.warc").write_bytes(archive)
    lines = []
    for number, start in enumerate(_starts(archive, b"WARC/1.0")):
        told = {"url": "http://a.example/", "filename": "a.warc", "offset": str(start),
                "length": str(400 + number)}  # fmt: skip
        lines.append(f"example,a)/ 2024 {json.dumps(told)}\n")
    (folder / "a.cdxj").write_text("".join(lines))
    line = "example,a)/ 2024 http://a.example/ text/html 200 ABC - - {} 400 a.warc\n"
    plain = "".join(line.format(at) for at in _starts(archive, b"WARC/1.0"))
    (folder / "a.cdx").write_text(" CDX N b a m s k r M V S g\n" + plain)
    return {"CDX": Format(folder, read_cdx_folder)}


def _starts(data: bytes, mark: bytes) -> list[int]:
    places, at = [], data.find(mark)
    while at >= 0:
        places.append(at)
        at = data.find(mark, at + 1)
    return places


def read_cdx_folder(folder: Path) -> None:
    """Read the pages that both indexes name."""
    from mind_clean.batch_worker import CleanBatch
    from mind_clean.readers import batches_as

    work = CleanBatch(())
    for name in ("a.cdxj", "a.cdx"):
        batches = batches_as("cdx", [str(folder / name)])
        assert batches is not None
        for batch in batches:
            for error, _ in work(batch).bad:
                assert isinstance(error, MindError)


def _scores(_: Path, work: Path) -> dict[str, Format]:
    from mind_sft_select.scoring.scores_folder import ScoresFolder, key_of

    keys = [key_of([{"role": "user", "content": str(n)}]) for n in range(6)]
    identity = {"model": {"named": "run", "fingerprint": "f" * 64}, "shard_records": 3}
    folder = ScoresFolder(work / "sft-scores", identity)
    for shard in range(2):
        folder.write(shard, [
            {"key": key, "language": "en", "answer_bytes": 9, "turns": [[6.0, 2, 0.0, 1, 9]],
             "prompt_tokens": 5, "question_language": "en"}
            for key in keys[3 * shard : 3 * shard + 3]
        ])  # fmt: skip
    folder.finish({"languages": {}})
    for shard in range(2):  # as it is within: altered bytes of a frame are no rows
        path = folder.shard(shard)
        path.write_bytes(b"".join(batch.data for batch in read_lines(path)))
    return {"sft scores": Format(work / "sft-scores", partial(read_scored, identity=identity))}


def read_scored(folder: Path, identity: dict[str, Any]) -> None:
    """Go on with scores that a run before has made, as `mind-sft-select score --scores` does."""
    from types import SimpleNamespace

    from mind_core.runner import BatchResult
    from mind_sft_select.instructions import Instruction
    from mind_sft_select.score_stream import ScoreStep
    from mind_sft_select.scoring.scores_folder import ScoresFolder

    manifest = (folder / "manifest.json").read_bytes()
    model: Any = SimpleNamespace(model=SimpleNamespace(named="run", fingerprint="f" * 64))
    try:
        step = ScoreStep(model, ScoresFolder(folder, identity))
        for shard in range(2):
            given = [
                Instruction(f"in:{n}", {"id": n, "messages": [{"role": "user", "content": str(n)}]})
                for n in range(3 * shard, 3 * shard + 3)
            ]
            outcome = step(BatchResult(payload=given))
            assert len(outcome.kept) + len(outcome.bad) + sum(outcome.rejected.values()) == 3
        orjson.dumps(step.details())
    finally:
        (folder / "manifest.json").write_bytes(manifest)


def _index(_: Path, work: Path) -> dict[str, Format]:
    texts = "".join(
        json.dumps({"id": n, "text": " ".join(random.Random(n).choices(TEXT.split(), k=300))})
        + "\n"
        for n in range(30)
    )
    options = ["-q", "--set", "index.sets=sketched", "--index", work / "sketched"]
    made = run_tool("mind-dedup", options, texts.encode())
    assert made.code == 0, made.stderr
    return {"sketched index": Format(work / "sketched", read_index, fit_index)}


def _dedup_job(_: Path, work: Path) -> dict[str, Format]:
    """A job of mind-dedup that was stopped before its last stage."""
    from mind_core.tasks.folder import TaskFolder

    texts = [json.dumps({"id": n, "text": TEXT * 5 + str(n % 9)}) for n in range(40)]
    for place in range(2):
        (work / f"in{place}.jsonl").write_text("\n".join(texts[place::2]) + "\n")
    with patch.object(TaskFolder, "tidy", lambda *_, **__: None):
        complete_dedup(work / "dedup-job", work)
    job = work / "dedup-job"
    notes = [(path, json.loads(path.read_bytes())) for path in sorted((job / "done").iterdir())]
    for path, told in notes:
        if told["stage"] == "apply":
            path.unlink()
            for name in told["files"]:
                (job / name).unlink()
    for name in ("manifest.json", "summary.json"):
        (job / name).unlink()
    shutil.rmtree(job / "attempts", ignore_errors=True)
    return {"dedup job": Format(job, partial(read_dedup_job, inputs=work))}


def complete_dedup(job: Path, inputs: Path) -> None:
    """Run a job, or what is left of it, in this process."""
    from mind_dedup.cli import app

    names = [str(inputs / f"in{place}.jsonl") for place in range(2)]
    app([*names, "--into", str(job), "--partitions", "2", "-j", "1", "--allow", "-q",
         "--retries", "0"], standalone_mode=False)  # fmt: skip


def read_dedup_job(job: Path, inputs: Path) -> None:
    """Complete a copy of it; the last stages are done anew."""
    copy = job.parent / "copied"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(job, copy)
    complete_dedup(copy, inputs)


def _llama(_: Path, work: Path) -> dict[str, Format]:
    """A folder as others ship theirs: weights in two files, an index of them, a tokenizer."""
    try:
        import mind_architecture_llama
    except ImportError:
        return {}
    import torch
    from mind_architecture_llama import form
    from mind_architecture_llama.config import LlamaConfig
    from safetensors.torch import save_file
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    assert mind_architecture_llama
    folder = work / "llama"
    folder.mkdir()
    words = Tokenizer(models.BPE())
    words.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=280, special_tokens=["<|endoftext|>"], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    words.train_from_iterator([TEXT] * 9, trainer)
    words.save(str(folder / "tokenizer.json"))
    told = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|endoftext|>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(told))
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab=words.get_vocab_size(), dim=16, layers=2, heads=2, ffn_dim=32, context=16, tied=False
    )
    theirs = form.to_hugging_face(config, dict(config.build().named_parameters()))
    parts = {f"model-0000{n}-of-00002.safetensors": sorted(theirs)[n::2] for n in (0, 1)}
    for name, tensors in parts.items():
        save_file({one: theirs[one].detach().clone() for one in tensors}, folder / name)
    placed = {one: name for name, tensors in parts.items() for one in tensors}
    index = {"metadata": {"total_size": 1}, "weight_map": placed}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "config.json").write_text(json.dumps(form.describe(config)))
    return {"Llama": Format(folder, read_llama)}


def read_llama(folder: Path) -> None:
    """Import it, and use what was made."""
    import torch

    from mind_train.checkpoint import load_checkpoint
    from mind_train.components import load_plugins
    from mind_train.export.folder import import_folder

    plugins = load_plugins()
    plugins.load_installed()
    made = folder.parent / "imported"
    shutil.rmtree(made, ignore_errors=True)
    import_folder(folder, None, made, None, plugins)
    found = load_checkpoint(made)
    ids = found.tokenizer.encode("春天 models need\n")[:8]
    with torch.no_grad():
        found.model(torch.tensor([[one % found.model.head.shape[0] for one in ids]]))


def _run(sound: Path, work: Path) -> dict[str, Format]:
    """A run of two steps that was stopped after the first."""
    run = work / "stopped"
    resume(run, sound / "shards")
    (run / "manifest.json").unlink()
    shutil.rmtree(run / "checkpoints" / "step-00000002")
    return {"run": Format(run, partial(read_run, shards=sound / "shards"), fit_run)}


def resume(run: Path, shards: Path) -> None:
    """Train a run to its end, from where it stands."""
    from mind_train.components import load_plugins
    from mind_train.config import effective_recipe
    from mind_train.pipeline import prepare_pretrain, train

    changes = [
        "model={architecture='gpt-neo', dim=16, layers=2, heads=2, ffn_dim=32, context=16}",
        "train.steps=2", "train.epochs=0.0", "train.batch=2", "train.sequence=16",
        "train.save_every=1", "train.keep=0", "train.device='cpu'", "train.evaluate_tokens=0",
        "data.max_epochs=0.0",
    ]  # fmt: skip
    plugins = load_plugins()
    job = prepare_pretrain(effective_recipe("tiny-cpu", changes, 0), plugins, [shards], run=run)
    train(job, run, Progress(None), quiet=True)


def read_run(run: Path, shards: Path) -> None:
    """Go on with a copy of it."""
    copy = run.parent / "gone-on"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(run, copy)
    resume(copy, shards)


def fit_run(run: Path, name: str) -> None:
    """Make the checkpoint's manifest say of a changed file what it is."""
    inside = "checkpoints/step-00000001/"
    if name.startswith(inside) and not name.endswith("manifest.json"):
        fit_manifest(run / inside, name.removeprefix(inside))


def _store(_: Path, work: Path) -> dict[str, Format]:
    """A store of experiments: four cells that are finished, one that failed."""
    from experiment_plans import PLUGINS, values_of, write_corpus

    from mind_train.experiments.prepared_data import prepare
    from mind_train.experiments.session import Session
    from mind_train.experiments.store import DOCUMENTS, FAILED, RECORDS

    write_corpus(work / "corpus")
    claim = {"claim": "the sea is learned best", "measure": "bits_per_byte", "of": "sea",
             "smallest_effect": 0.1, "seeds": 2}  # fmt: skip
    write_toml(work / "corpus" / "PLAN.toml", values_of(prediction=[claim]))
    open_session: Callable[[Path], Session] = partial(
        Session.open, work / "corpus" / "PLAN.toml", plugins=PLUGINS
    )
    session = open_session(store=work / "store")  # type: ignore[call-arg]
    session.store.register(session.plan, session.shards.fingerprint)
    prepare(session.cells[0].preparation, session.plan.shard_folders(), session.store.folder)
    chance = random.Random(1)
    for number, cell in enumerate(session.cells):
        folder = session.store.cell(cell)
        folder.mkdir(parents=True)
        if number == len(session.cells) - 1:
            (folder / FAILED).write_text(json.dumps({"cause": "the loss is not finite"}))
            continue
        documents = [
            {"source": source, "document": n, "bytes": 300, "nats": 500 + chance.random()}
            for source in ("sums/en", "sea/en", "tea/zh") for n in range(4)
        ]  # fmt: skip
        records = [
            {"experiment": "try", "arm": cell.arm, "seed": cell.seed, "documents": documents_of,
             "source": source, "step": step, "tokens": 128 * step,
             "bits_per_byte": 5 - step / 4 + chance.random()}
            for source in ("sums/en", "sea/en", "tea/zh")
            for documents_of, steps in (("some", (0, 2, 4)), ("all", (4,)))
            for step in steps
        ]  # fmt: skip
        session.store.write_lines(folder / DOCUMENTS, documents)
        session.store.write_lines(folder / RECORDS, records)
    return {"experiments": Format(work / "store", partial(read_store, session=open_session))}


def write_toml(path: Path, values: dict[str, Any]) -> None:
    import tomli_w

    path.write_text(tomli_w.dumps(values))


def read_store(folder: Path, session: Callable[..., Any]) -> None:
    """Make all that is made of a store; raise the first error of these."""
    from mind_train.experiments import views
    from mind_train.experiments.effects import outcomes_of
    from mind_train.experiments.page import figure_of, section

    found = session(store=folder)
    errors: list[MindError] = []
    for make in (
        lambda: views.status_text(found.plan, found.cells, found.store),
        lambda: views.arms_text(found.results()),
        lambda: views.measures_text(found.results()),
        lambda: views.runs_csv(found.plan, found.cells, found.store),
        lambda: views.outcomes_text(found.plan, outcomes_of(found.results())),
        lambda: section(found, "zh"),
        lambda: figure_of(found),
    ):
        try:
            make()
        except MindError as error:
            errors.append(error)
    if errors:
        raise errors[0]
