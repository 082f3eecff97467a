"""Inputs beside streams, with their readers: tables, books, jobs, quality, experiments."""

from __future__ import annotations

import hashlib
import io
import json
import random
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
from formats import Format, read_stream

from mind_core.errors import MindError
from mind_core.testing import run_tool

CONTAINER = '<container><rootfiles><rootfile full-path="o/p.opf"/></rootfiles></container>'
PACKAGE = (
    '<package xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata><dc:title>T</dc:title></metadata>'
    '<manifest><item id="a" href="a.xhtml" media-type="application/xhtml+xml"/></manifest>'
    '<spine><itemref idref="a"/></spine></package>'
)
PLAN = """\
name = "p"
kind = "scaling"
shards = ["s"]
tokens = [1000, 2000]
seeds = [0, 1]
[recipe]
architecture = "gpt-neo"
[size.small]
model = { dim = 64 }
[[prediction]]
claim = "c"
measure = "m"
smallest_effect = 0.1
seeds = 2
"""


def make_input_formats(work: Path) -> dict[str, Format]:
    """Return the formats; those of tables are left out without pyarrow."""
    makers = (_tables, _texts, _book, _job, _documents, _quality, _experiments)
    found: dict[str, Format] = {}
    for make in makers:
        found |= make(work)
    return found


def _tables(work: Path) -> dict[str, Format]:
    try:
        import pyarrow as arrow
        from pyarrow import ipc, parquet
    except ImportError:
        return {}
    rows = arrow.table(
        {"id": [str(n) for n in range(50)], "text": ["some text 中文"] * 50,
         "n": list(range(50)), "metadata": [{"a": [1, 2]}] * 50}
    )  # fmt: skip
    parquet.write_table(rows, work / "rows.parquet", compression="zstd")
    packed = ipc.IpcWriteOptions(compression="zstd")
    with ipc.new_file(str(work / "a.arrow"), rows.schema, options=packed) as file:
        file.write(rows)
    with ipc.new_stream(str(work / "b.arrow"), rows.schema) as stream:
        stream.write(rows)
    return {
        "Parquet rows": Format(work / "rows.parquet", read_stream),
        "Arrow": Format(work / "a.arrow", read_stream),
        "Arrow stream": Format(work / "b.arrow", read_stream),
    }


def _texts(work: Path) -> dict[str, Format]:
    rows = "".join(f'{n},"a ""text"" {n}\nmore","{{""a"":1}}"\n' for n in range(20))
    (work / "a.csv").write_text("id,text,metadata\n" + rows)
    wet = b""
    for number in range(3):
        text = f"text {number}\n中文\n".encode()
        wet += (
            b"WARC/1.0\r\nWARC-Type: conversion\r\nWARC-Record-ID: <urn:uuid:%d>\r\n"
            b"WARC-Target-URI: http://a.example/\r\nContent-Type: text/plain\r\n"
            b"Content-Length: %d\r\n\r\n%s\r\n\r\n" % (number, len(text), text)
        )
    (work / "a.warc.wet").write_bytes(wet)
    return {
        "CSV": Format(work / "a.csv", read_stream),
        "WET": Format(work / "a.warc.wet", read_stream),
    }


def _book(work: Path) -> dict[str, Format]:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("META-INF/container.xml", CONTAINER)
        archive.writestr("o/p.opf", PACKAGE)
        archive.writestr("o/a.xhtml", "<html><body><p>Hi there</p></body></html>")
    (work / "a.epub").write_bytes(packed.getvalue())
    return {"EPUB": Format(work / "a.epub", read_documents)}


def read_documents(path: Path) -> None:
    """Read a document as mind-clean does; what is damaged is a bad record."""
    from mind_clean.batch_worker import CleanBatch
    from mind_clean.documents.files import file_batches, files_in
    from mind_clean.pipeline import make_plugins

    plugins = make_plugins(())
    for batch in file_batches(plugins, files_in(plugins, [str(path)])):
        for error, _ in CleanBatch(())(batch).bad:
            assert isinstance(error, MindError)


def _job(work: Path) -> dict[str, Format]:
    (work / "in.jsonl").write_text('{"id": "a", "text": "hello there"}\n' * 5)
    options = ["--step", "pii", work / "in.jsonl", "--into", work / "job", "-q"]
    made = run_tool("mind-clean", options)
    assert made.code == 0, made.stderr
    (work / "job" / "failed").mkdir()
    told = {"task": 0, "name": "n", "attempts": 1, "host": "h", "message": "m", "cause": "c"}
    (work / "job" / "failed" / "000000.json").write_text(json.dumps(told))
    return {"job": Format(work / "job", read_job, fit_job)}


def read_job(folder: Path) -> None:
    """Look at a job, take its outputs, and complete it anew; raise the first error of these."""
    from mind_core.files import read_json
    from mind_core.tasks.folder import TaskFolder
    from mind_core.tasks.inputs import find_files
    from mind_core.tasks.merge import merge, missing_files
    from mind_core.tasks.plan import read_plan
    from mind_core.tasks.status import status_of

    job = TaskFolder(folder)
    errors: list[MindError] = []

    def attempt(step: Callable[[], object]) -> None:
        try:
            step()
        except MindError as error:
            errors.append(error)

    def complete() -> None:
        (folder / "summary.json").unlink(missing_ok=True)
        merge(job, read_plan(job.plan), lambda _: {}, lambda _: None)

    manifest = job.manifest.read_bytes()
    attempt(lambda: status_of(job).lines())
    attempt(lambda: find_files([str(folder)], None, "t"))
    attempt(lambda: missing_files(job, job.manifest, read_json(job.manifest)))
    job.manifest.unlink()
    attempt(lambda: status_of(job).lines())
    attempt(lambda: job.attempts_at(0))
    attempt(complete)
    job.manifest.write_bytes(manifest)
    (folder / "summary.json").touch()  # there, to be put right by the next mutation
    if errors:
        raise errors[0]


def fit_job(folder: Path, name: str) -> None:
    """Make a changed plan's name true again, there and where it is told."""
    if name != "plan.json":
        return
    with suppress(ValueError, LookupError, TypeError, AttributeError):
        values = orjson.loads((folder / name).read_bytes())
        values.pop("job")
        named = json.loads(json.dumps(values))
        for one in named["inputs"]:
            del one["path"], one["mtime_ns"]
        job = hashlib.sha256(orjson.dumps(named, option=orjson.OPT_SORT_KEYS)).hexdigest()
        for other, told in ((name, values), ("manifest.json", None), ("done/000000.json", None)):
            rest: Any = told or orjson.loads((folder / other).read_bytes())
            (folder / other).write_text(json.dumps({**rest, "job": job}))


def _documents(work: Path) -> dict[str, Format]:
    import numpy as np

    from mind_tok.document_batch import DocumentBatch, Group
    from mind_tok.document_file import read_documents as read
    from mind_tok.document_file import write_documents
    from mind_tok.encode import EncodedDocuments

    ends, sizes, groups = np.array([5, 9, 20]), np.array([5, 5, 5]), np.array([0, 1, 0])
    names = (Group("a", "b"), Group("c", "d"))
    block = DocumentBatch(np.arange(20, dtype="u2"), ends, sizes, groups, names)
    with (work / "left.documents").open("wb") as file:
        for _ in range(2):
            write_documents(file, EncodedDocuments(block, np.array([1, 2, 3], "u8")))
    return {"documents": Format(work / "left.documents", lambda path: list(read(path)))}


def _quality(work: Path) -> dict[str, Format]:
    import numpy as np

    from mind_clean.filters.quality import score_of
    from mind_clean.quality.model_check import check_model
    from mind_clean.quality.model_file import LABELS, write_model

    def read(path: Path) -> None:
        """Check a model, and let fastText read what has passed: its library trusts a file."""
        check_model(path)
        try:
            import fasttext
        except ImportError:
            return
        for text in ("a b c", "春 江" * 40):
            score_of(fasttext.load_model(str(path)).predict, text, LABELS[0], "none")

    with (work / "model.bin").open("wb") as file:
        weights = np.ones(8 + 100, "float32")
        write_model(file, [(word, 3) for word in "abcdefgh"], weights, 100)
    return {"quality": Format(work / "model.bin", read)}


def _experiments(work: Path) -> dict[str, Format]:
    from mind_train.experiments.plan_file import read_plan
    from mind_train.experiments.regmix import TARGET, regmix_scores
    from mind_train.experiments.run_table import table_rows

    (work / "plan.toml").write_text(PLAN)
    runs = "".join(f"{10**6 + n},{10**8 * n},{4 - n / 10},r{n}\n" for n in range(1, 16))
    (work / "runs.csv").write_text("size,tokens,loss,name\n" + runs)
    folder, chance = work / "regmix", random.Random(1)
    folder.mkdir()
    for split in ("train", "test"):
        rows = [[chance.random() for _ in range(3)] for _ in range(40)]
        mixtures = "".join(f"{n}," + ",".join(map(str, row)) + "\n" for n, row in enumerate(rows))
        losses = "".join(f"{n},{sum(row) + 1}\n" for n, row in enumerate(rows))
        (folder / f"{split}_mixture_1m.csv").write_text("index,a,b,c\n" + mixtures)
        (folder / f"{split}_pile_loss_1m.csv").write_text(f"index,{TARGET}\n" + losses)
    return {
        "plan": Format(work / "plan.toml", read_plan),
        "runs": Format(work / "runs.csv", lambda path: list(table_rows(path))),
        "RegMix": Format(folder, lambda path: regmix_scores(path, (16,))),
    }
