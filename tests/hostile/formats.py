"""Files of each format: a sound one, and its reader, as the tools read it."""

from __future__ import annotations

import gzip
import io
import json
import random
import shutil
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from hostile_making import fit_index, fit_manifest
from mutating import Read, mutated

from mind_core.errors import MindError


@dataclass(frozen=True)
class Format:
    """A format: a sound folder or file of it, its reader, and what keeps its sums true."""

    sound: Path
    read: Read
    fit: Callable[[Path, str], None] | None = None
    """Make sums that a manifest holds fit a changed file: half of the mutations are so made."""

    def maker(self, work: Path, seed: int = 17) -> Callable[[int], Path]:
        """Return what writes a mutation by its number, each in the same place."""
        inside = sorted(path for path in self.sound.rglob("*") if path.is_file())
        names = [path.relative_to(self.sound).as_posix() for path in inside]
        place = work / self.sound.name
        if self.sound.is_dir():
            shutil.copytree(self.sound, place)

        def make(number: int) -> Path:
            chance = random.Random(seed * 1_000_003 + number)
            if not names:
                place.write_bytes(mutated(self.sound.read_bytes(), chance))
                return place
            name = chance.choice(names)
            for other in names:
                before = (self.sound / other).read_bytes()
                if (place / other).read_bytes() != before:
                    (place / other).write_bytes(before)
            (place / name).write_bytes(mutated((self.sound / name).read_bytes(), chance))
            if self.fit is not None and name != "manifest.json" and chance.random() < 0.7:
                self.fit(place, name)
            return place

        return make


def read_shards(folder: Path) -> None:
    from mind_tok.shards import ShardSet

    shards = ShardSet.open(folder)
    for number, shard in enumerate(shards.shards):
        for document in range(min(shard.documents, 20)):
            shards.document(number, document)


def read_checkpoint(folder: Path) -> None:
    from mind_train.checkpoint import load_checkpoint

    load_checkpoint(folder)


def read_index(folder: Path) -> None:
    from mind_core.recipe import load_recipe
    from mind_core.runner import StreamOptions
    from mind_dedup.config import make_plugins, plan
    from mind_dedup.pipeline import Job, deduplicate

    new = folder.parent / "new.jsonl"
    if not new.exists():
        new.write_text('{"id": "n", "text": "models need writing before they understand"}\n' * 3)
    options = StreamOptions((str(new),), folder.parent / "out.jsonl", quiet=True, level=0)
    deduplicate(
        plan(load_recipe("default", "mind_dedup"), make_plugins()), options, Job(against=[folder])
    )


def read_tokenizer(folder: Path) -> None:
    from mind_tok import load_tokenizer

    use(load_tokenizer(folder))


def read_tokenizer_file(path: Path) -> None:
    from mind_tok.convert import read_any

    use(read_any(path))


def use(tokenizer: object) -> None:
    from mind_tok import Tokenizer

    assert isinstance(tokenizer, Tokenizer)
    for text in ("", "春天 models need\n", "a\u0301\U0001f600"):
        tokenizer.decode(tokenizer.encode(text))
    tokenizer.vocabulary()


def read_scores(folder: Path) -> None:
    from mind_eval.report.comparison import write_runs

    write_runs([folder], folder.parent / "page.html", "title")


def read_task(path: Path) -> None:
    from mind_eval.prompts.spec import read_spec
    from mind_eval.prompts.task_files import check_task_data

    check_task_data(path)
    read_spec(path, "task")


def read_recipe(path: Path) -> None:
    from mind_clean.pipeline import make_plugins
    from mind_clean.steps import effective_recipe, make_steps

    plugins = make_plugins(())
    make_steps(plugins, effective_recipe(plugins, str(path)))


def read_benchmark_rules(folder: Path) -> None:
    from mind_eval.benchmarks.benchmark import benchmark_folder

    benchmark_folder(folder)().load(None)


def read_warc(path: Path) -> None:
    from mind_clean.batch_worker import CleanBatch
    from mind_clean.readers import batches_as

    batches = batches_as("warc", [str(path)])
    assert batches is not None
    work = CleanBatch(())
    for batch in batches:
        for error, _ in work(batch).bad:
            assert isinstance(error, MindError)


def read_benchmark(path: Path) -> None:
    from mind_core.text.benchmark_files import read_texts

    sum(map(len, read_texts(path)))


def read_prices(path: Path) -> None:
    from mind_domain.domains.finance.price_rows import read_price_rows

    for _ in read_price_rows(path):
        pass


def read_stream(path: Path) -> None:
    from mind_core.stream import read_records

    for _ in read_records([path]):
        pass


def a_warc() -> bytes:
    """Make an archive of three responses."""
    out = b"WARC/1.0\r\nWARC-Type: warcinfo\r\nContent-Length: 2\r\n\r\nhi\r\n\r\n"
    for number in range(3):
        page = gzip.compress(b"<p>text</p>" * 50) if number else b"<p>text</p>"
        coding = b"Content-Encoding: gzip\r\n" if number else b""
        body = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n" + coding + b"\r\n" + page
        out += (
            b"WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:uuid:%d>\r\n"
            b"WARC-Target-URI: http://a.example/\r\nContent-Type: application/http\r\n"
            b"Content-Length: %d\r\n\r\n" % (number, len(body))
        ) + body + b"\r\n\r\n"  # fmt: skip
    return out


def a_zip() -> bytes:
    """Make an archive of benchmark files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("test.jsonl", '{"question": "1+1?", "answer": "2"}\n' * 30)
        archive.writestr("test.csv", "question,answer\n1+1?,2\n")
        archive.writestr("more/dev.json", '[{"question": "2+2?"}]')
    return buffer.getvalue()


def make_formats(sound: Path, work: Path) -> dict[str, Format]:
    """Return every format; `sound` holds folders that the tools made."""
    import zstandard

    import mind_clean
    from mind_eval.benchmarks.benchmark import RULES

    work.mkdir()
    (work / "page.warc").write_bytes(a_warc())
    (work / "page.warc.gz").write_bytes(gzip.compress(a_warc()))
    (work / "bench.zip").write_bytes(a_zip())
    lines = b"".join(b'{"id":"%d","text":"\\u4e2d text"}\n' % n for n in range(40))
    (work / "lines.jsonl.zst").write_bytes(zstandard.compress(lines))
    (work / "lines.jsonl.gz").write_bytes(gzip.compress(lines))
    (work / "lines.jsonl").write_bytes(lines)
    (work / "task.yaml").write_bytes(task := _task())
    recipes = Path(mind_clean.__file__).parent / "recipes"
    shutil.copy(recipes / "mindllm.toml", work / "recipe.toml")
    bench = work / "bench"
    bench.mkdir()
    (bench / "cloze.yaml").write_bytes(task)
    (bench / "test.jsonl").write_text('{"question": "1+1?", "answer": "2", "id": "a"}\n')
    (bench / RULES).write_text(
        'summary = "s"\nlanguage = "en"\nlicence = "MIT"\nsource = "https://a.example"\nshots = 0\n'
        'form = "cloze"\n[forms]\ncloze = "cloze.yaml"\n[shipped]\ntest = "test.jsonl"\n'
    )
    found = {
        "shards": Format(sound / "shards", read_shards),
        "checkpoint": Format(sound / "checkpoint", read_checkpoint, fit_manifest),
        "index": Format(sound / "index", read_index, fit_index),
        "tokenizer": Format(sound / "tokenizer", read_tokenizer),
        "tokenizer.model": Format(sound / "tokenizer" / "tokenizer.model", read_tokenizer_file),
        "tokenizer.json": Format(_tokenizer_json(sound, work), read_tokenizer_file),
        "vocab.json": Format(_pair(work), read_tokenizer_file),
        "scores.json": Format(_scores(work), read_scores),
        "YAML": Format(work / "task.yaml", read_task),
        "TOML": Format(work / "recipe.toml", read_recipe),
        "benchmark": Format(bench, read_benchmark_rules),
        "WARC": Format(work / "page.warc", read_warc),
        "WARC.gz": Format(work / "page.warc.gz", read_warc),
        "zip": Format(work / "bench.zip", read_benchmark),
        "JSONL": Format(work / "lines.jsonl", read_stream),
        "JSONL.zst": Format(work / "lines.jsonl.zst", read_stream),
        "JSONL.gz": Format(work / "lines.jsonl.gz", read_stream),
    }
    for name, folder in _token_files(work).items():
        take = partial(read_token_files, tokenizer_file=work / "tokenizer.json")
        found[name] = Format(folder, take)
    if (prices := _prices(work)) is not None:
        found["Parquet"] = Format(prices, read_prices)
    return found


def _task() -> bytes:
    return (
        b"task: sums\noutput_type: multiple_choice\ntest_split: test\n"
        b'doc_to_text: "{{question}}"\ndoc_to_target: 0\ndoc_to_choice: ["{{answer}}", "3"]\n'
        b"metric_list:\n  - {metric: acc, aggregation: mean, higher_is_better: true}\n"
        b"metadata: {version: 1.0}\n"
    )


def _tokenizer_json(sound: Path, work: Path) -> Path:
    """Train a byte-level tokenizer with the library, as others would."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=["<|endoftext|>"], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    made.train_from_iterator(["models need much writing before they understand"] * 9, trainer)
    made.save(str(work / "tokenizer.json"))
    assert sound
    return work / "tokenizer.json"


def _scores(work: Path) -> Path:
    from test_pages import ITEM, SCORES, write_scores

    scores = json.loads(json.dumps(SCORES))
    return write_scores(work / "scores", scores, dict(ITEM))


def read_token_files(folder: Path, tokenizer_file: Path) -> None:
    """Take over token files, with a tokenizer of 300 entries."""
    from mind_tok.convert import read_any
    from mind_tok.foreign_shards import reader_of, take_over

    [source] = [path for path in sorted(folder.iterdir()) if reader_of(path) is not None]
    tokenizer = read_any(tokenizer_file)
    shutil.rmtree(folder.parent / "out", ignore_errors=True)
    take_over(source, tokenizer, folder.parent / "out", add_end=True)


def _token_files(work: Path) -> dict[str, Path]:
    """Write the same tokens as others do."""
    import numpy as np

    from mind_tok.emit.megatron import MAGIC, VERSION

    tokens, lengths = np.arange(40, dtype="<u2") + 20, np.array([10, 20, 10])
    ends = lengths.cumsum()
    folders = {name: work / name.lower() for name in ("Megatron", "datatrove", "OLMo")}
    for folder in folders.values():
        folder.mkdir()
    megatron, datatrove, olmo = folders.values()
    tokens.tofile(megatron / "a.bin")
    (megatron / "a.idx").write_bytes(
        MAGIC + struct.pack("<QBQQ", VERSION, 8, 3, 4) + lengths.astype("<i4").tobytes()
        + ((ends - lengths) * 2).astype("<i8").tobytes() + np.arange(4, dtype="<i8").tobytes()
    )  # fmt: skip
    tokens.tofile(datatrove / "a.ds")
    ends.astype("<u8").tofile(datatrove / "a.ds.index")
    tokens.tofile(olmo / "a.npy")
    rows = "".join(f"{end - n},{end},{n},b,0\n" for end, n in zip(ends, lengths, strict=True))
    (olmo / "a.csv.gz").write_bytes(gzip.compress(rows.encode()))
    return folders


def _pair(work: Path) -> Path:
    """Write a tokenizer in GPT-2's form."""
    model = json.loads((work / "tokenizer.json").read_text())["model"]
    (work / "pair").mkdir()
    (work / "pair" / "vocab.json").write_text(json.dumps(model["vocab"]))
    merges = [one if isinstance(one, str) else " ".join(one) for one in model["merges"]]
    (work / "pair" / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")
    return work / "pair"


def _prices(work: Path) -> Path | None:
    try:
        import pyarrow as arrow
        from pyarrow import parquet
    except ImportError:
        return None
    rows = {
        "date": [f"2024-01-{n:02}" for n in range(2, 30)], "ticker": ["600000"] * 28,
        "open": [9.0 + n for n in range(28)], "close": [10.0 + n for n in range(28)],
    }  # fmt: skip
    parquet.write_table(arrow.table(rows), work / "prices.parquet")
    return work / "prices.parquet"
