"""Eighty-six mistakes that people make, and how much the answer helps: 0 to 3 points each.

0: a traceback, silence, or success. 1: an error. 2: one that names what is wrong. 3: one that also
says what to do: it has the word that would have been right, or the command that helps.
"""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from mind_core import cli

# tool, what was typed, what the error has to name, what the hint has to have
TABLE = [
    ("mind-clean", "--stpe blocks {page}", "--stpe", "--step"),
    ("mind-clean", "--step runing_text {page}", "runing_text", "running_text"),
    ("mind-clean", "--step 正文 {page}", "正文", "blocks"),
    ("mind-clean", "--recipe mindlm {page}", "mindlm", "mindllm"),
    ("mind-clean", "--recipe no/recipe.toml {page}", "no/recipe.toml", "built-in"),
    ("mind-clean", "--set running_text.mim=3 {page}", "mim", "min"),
    ("mind-clean", "--set running_text.min=many {page}", "many", "800"),
    ("mind-clean", "--set runing_text.min=3 {page}", "runing_text", "running_text"),
    ("mind-clean", "--set min {page}", "min", "="),
    ("mind-clean", "--without runing_text {page}", "runing_text", "running_text"),
    ("mind-clean", "--from wark {page}", "wark", "warc"),
    ("mind-clean", "{folder}/pages.jsonl", "pages.jsonl", "page.jsonl"),
    ("mind-clean", "{folder}/nothing/at/all.zst", "all.zst", "check"),
    ("mind-clean", "https://example.org/a.jsonl.gz", "example.org", "curl"),
    ("mind-clean", "s3://bucket/key.zst", "s3://bucket", "aws s3 cp"),
    ("mind-clean", "{page} {page}", "page.jsonl", "twice"),
    ("mind-clean", "{page} -o {page}", "page.jsonl", "another name"),
    ("mind-clean", "{page} -o {folder}/no/where.zst", "no", "folder"),
    ("mind-clean", "{page} -o {folder}/a --rejects {folder}/a", "/a", "its own"),
    ("mind-clean", "{page} -j 5000", "5000", "-j"),
    ("mind-clean", "{page} -j many", "many", "auto"),
    ("mind-clean", "{page} -z 99", "99", "22"),
    ("mind-clean", "{page} --skip-bad some", "some", "all"),
    ("mind-clean", "{page} --limit -1", "-1", "0"),
    ("mind-clean", "{text}", "text.txt", "jq -R"),
    ("mind-clean", "{array}", "array.json", "jq"),
    ("mind-clean", "{gbk}", "gbk.jsonl", "iconv"),
    ("mind-clean", "{cut}", "cut.zst", "before"),
    ("mind-clean", "{empty}", "empty", "zstd < /dev/null"),
    ("mind-clean", "{zip}", "zip", "unzip"),
    ("mind-clean", "--from files {zip}", "in.zip", "epub"),
    ("mind-clean", "--from files {folder}/scan.pdf", "scan.pdf", "mind-document-pdf"),
    ("mind-clean", "--plugin {folder}/none.py {page}", "none.py", "--plugin"),
    ("mind-clean", "--field text {page}", "text", "text=content"),
    ("mind-clean", "--field text=body {csv}", "body", "content"),
    ("mind-clean", "--step quality {page}", "quality", "model"),
    ("mind-clean", "-o {folder}/x.csv.gz {page}", "x.csv.gz", "x.parquet"),
    ("mind-dedup", "--keep longst {page}", "longst", "longest"),
    ("mind-dedup", "--treshold 0.8 {page}", "--treshold", "--threshold"),
    ("mind-dedup", "--threshold 8 {page}", "8", "0"),
    ("mind-dedup", "--signature minhsh {page}", "minhsh", "minhash"),
    ("mind-dedup", "--text-field txt {page}", "txt", "text"),
    ("mind-dedup", "--memory lots {page}", "lots", "G"),
    ("mind-dedup", "list", "list", "--list"),
    ("mind-tok", "trian {page}", "trian", "train"),
    ("mind-tok", "train {page} -o {folder}/t --vocab-size ten", "ten", "plain number"),
    ("mind-tok", "encode {page} -t {folder}/tok", "tok", "mind-tok train"),
    ("mind-tok", "encode {page}", "--tokenizer", "-t"),
    ("mind-tok", "inspect {page} -t {folder}", "{folder}", "mind-tok train"),
    ("mind-tok", "plugin", "plugin", "--plugins"),
    ("mind-clean", "--recipe {toml} {page}", "line 3", "key = value"),
    ("mind-clean", "--recipe {yaml} {page}", "line 1", "key = value"),
    ("mind-clean", "--plugin {syntax} {page}", "line 4", "mend"),
    ("mind-clean", "--plugin {hook} {page}", "register_filter'", "register_filters"),
    ("mind-clean", "--plugin {lacks} {page}", "no_such_module", "pip install"),
    ("mind-clean", "{nothing}", "empty folder", "files"),
    ("mind-clean", "{books}", "no data set", "--from files"),
    ("mind-clean", "--min 5 {page}", "--min", "--set"),
    ("mind-clean", "--step blocks:keep=3 {page}", "blocks:keep=3", "--set blocks.keep=3"),
    ("mind-clean", "--step blocks,running_text {page}", "blocks,", "one name at a time"),
    ("mind-clean", "--report {folder}/r.pdf {page}", "r.pdf", "r.html"),
    ("mind-dedup", "--threshold 80% {page}", "80%", "0.8"),
    ("mind-dedup", "--threshold high {page}", "high", "0.5"),
    ("mind-dedup", "{page} {shards}", "without records", "-o"),
    ("mind-dedup", "{page} {tokenizer}", "without records", "-t"),
    ("mind-tok", "encode {page} -t {shards} -o {folder}/s", "mind-shards", "mind-tok train"),
    ("mind-tok", "train {page} -o {folder}/t --share zh:0.5", "zh:0.5", "zh=0.5"),
    ("mind-tok", "train {page} -o {folder}/t --kind bpee", "bpee", "bpe"),
    ("mind-train", "pretrain {shards} -o {folder}/r --steps 100", "--steps", "train.steps"),
    ("mind-train", "pretrain {shards} -o {folder}/r --set steps=100", "steps", "train.steps"),
    ("mind-train", "pretrain {shards} -o {folder}/r --set train.lr=1", "lr", "optimizer.lr"),
    ("mind-train", "plan --set train.batch_size=8", "batch_size", "train.batch"),
    ("mind-train", "plan --set model.preset=10M", "10M", "10m"),
    ("mind-train", "sample Once {shards}", "no model Once", "sample {shards}"),
    ("mind-train", "sample {shards} Once --temperature hot", "hot", "0.8"),
    ("mind-train", "export {shards}", "-o FOLDER", "not exist yet"),
    ("mind-train", "plot {shards} -o {folder}/x.png", "x.png", "x.svg"),
    ("mind-train", "pretrian {shards}", "pretrian", "pretrain"),
    ("mind-eval", "run {shards}", "--model", "http://"),
    ("mind-eval", "run --model {shards} --benchmark piqa,mmlu", "piqa,", "one name at a time"),
    ("mind-eval", "run --model {shards} --suite mindlm", "mindlm", "mindllm"),
    ("mind-sft-select", "select {page}", "reference", "--quantile"),
    ("mind-sft-select", "select --scored {page} --where ifd<1and", "ifd<1and", "for example"),
    ("mind-domain", "label --prices {folder}/prises.csv {page}", "prises.csv", "prices.csv"),
    ("mind-domain", "split {page} -o {folder}/sp --fractions 80,20", "sum to 1", "0.8,0.2"),
    ("mind-domain", "answer {page} --model run", "NAME=", "NAME=FOLDER"),
]


PLUGIN = b"from mind_clean import hookimpl\n\n@hookimpl\ndef register_filters():\n    return {}\n"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("mistakes")
    contents = {
        "page": ("page.jsonl", b'{"id":"1","text":"hello"}\n'),
        "text": ("text.txt", b"Once upon a time\n"),
        "array": ("array.json", b'[\n{"id":"1","text":"x"}\n]\n'),
        "gbk": ("gbk.jsonl", '{"id":"1","text":"中国人民银行今天发布公告"}\n'.encode("gbk")),
        "cut": ("cut.zst", b"\x28\xb5\x2f\xfd\x24\x05"),
        "empty": ("empty", b""),
        "zip": ("in.zip", b"PK\x03\x04" + bytes(30)),
        "csv": ("in.csv", b"id,content\n1,x\n"),
        "pdf": ("scan.pdf", b"%PDF-1.7\n"),
        "toml": ("tabs.toml", b'[[step]]\n\tfilter = "quality"\n\tmin 3\n'),
        "yaml": ("recipe.yaml", b"step:\n  - filter: quality\n"),
        "syntax": ("syntax.py", PLUGIN.replace(b"():", b"()")),
        "hook": ("hook.py", PLUGIN.replace(b"filters", b"filter")),
        "lacks": ("lacks.py", b"import no_such_module\n"),
        "prices": ("prices.csv", b"ticker,date,open,close\n"),
        "shards": ("shards/manifest.json", b'{"format":"mind-shards"}'),
        "tokenizer": ("toks/manifest.json", b'{"format":"mind-tokenizer"}'),
        "books": ("books/one.txt", b"Once upon a time\n"),
    }
    for made in ("shards", "toks", "books", "nothing"):
        (folder / made).mkdir()
    for name, data in contents.values():
        (folder / name).write_bytes(data)
    paths = {key: folder / name for key, (name, _) in contents.items()}
    for key in ("shards", "tokenizer", "books"):
        paths[key] = paths[key].parent
    return {"folder": str(folder), "nothing": str(folder / "nothing")} | {
        key: str(path) for key, path in paths.items()
    }


def points(code: int, stderr: str, names: str, helps: str) -> int:
    """Return how much an answer helps; a number is right in `helps` where it is a bound."""
    if code == 0 or "Traceback" in stderr or "rror" not in stderr:
        return 0
    return 1 + (names in stderr) + (names in stderr and helps in stderr)


def test_mistakes_get_answers_that_help(
    files: dict[str, str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MIND_PLUGINS", "none")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(Path(files["folder"]))
    assert len(TABLE) == 86
    scores: dict[str, int] = {}
    for tool, typed, names, helps in TABLE:
        app = importlib.import_module(f"{tool.replace('-', '_')}.cli").app
        arguments = [word.format(**files) for word in typed.split()]
        code = cli._run(app, tool, arguments)  # `run` ends the process, and takes its stdout along
        said = capfd.readouterr().err
        scores[f"{tool} {typed}\n{said}"] = points(
            code, said, names.format(**files), helps.format(**files)
        )
    poor = "\n".join(f"{score}: {what}" for what, score in scores.items() if score < 3)
    mean = sum(scores.values()) / len(scores)
    assert mean >= 2.8 and min(scores.values()) > 0, f"mean {mean:.2f}\n{poor}"
