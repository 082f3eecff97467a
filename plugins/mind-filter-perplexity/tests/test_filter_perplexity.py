"""The filter: what it measures, bounds by language, the same for any number of workers."""

from __future__ import annotations

import math
import os
from pathlib import Path

import orjson
import pytest
import torch
from mind_filter_perplexity import scoring, thresholds
from mind_filter_perplexity.cli import tune_command
from mind_filter_perplexity.perplexity import Perplexity
from mind_filter_perplexity.scoring import Surprise, open_model, surprise, windows

from mind_clean.cli import app
from mind_core import MindError, cli
from mind_core.errors import UsageError
from mind_core.output import write_records
from mind_core.stream import read_batches
from mind_tok.sentencepiece import Bpe
from mind_train import Checkpoint
from mind_train.checkpoint import save_checkpoint
from mind_train.models.mindllm import MindLLMConfig

ENGLISH = "the sea was calm and the old ship went home at night with all its men"
CHINESE = "海上风平浪静，老船在夜里带着所有的人回家去了"


def text_of(number: int, language: str) -> str:
    words = ENGLISH.split(" ") if language == "en" else list(CHINESE)
    turned = words[number % len(words) :] + words[: number % len(words)]
    return (" " if language == "en" else "").join(turned * (1 + number % 5))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of a few steps on two sentences, with a context of 16."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("model")
    tokenizer = Bpe().train([text_of(n, lang) for n in range(20) for lang in ("en", "zh")], 400)
    tokenizer.save(folder / "tokenizer")
    network = MindLLMConfig(
        vocab=tokenizer.vocab_size, dim=32, layers=1, heads=2, ffn_dim=64, context=16
    ).build()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2)
    ids = [[tokenizer.end_id, *tokenizer.encode(ENGLISH)][:12] for _ in range(2)]
    for _ in range(30):
        loss = torch.nn.functional.cross_entropy(
            network.logits(network(torch.tensor(ids)[:, :-1])).flatten(0, 1),
            torch.tensor(ids)[:, 1:].flatten(),
        )
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
    empty = {"x": torch.zeros(1)}
    save_checkpoint(folder / "run", 30, "mindllm", network, empty, {}, folder / "tokenizer")
    return folder / "run"


@pytest.fixture(scope="module")
def checkpoint(model: Path) -> Checkpoint:
    return open_model(str(model))


@pytest.mark.parametrize("size", [1, 2, 16, 17, 18, 25, 40, 100])
@pytest.mark.parametrize("context", [1, 2, 3, 16])
def test_each_token_is_predicted_once(size: int, context: int) -> None:
    predicted: list[int] = []
    lengths = set()
    for begin, end, first in windows(size, context):
        assert 0 <= begin < first < end <= size and end - begin <= context + 1
        assert begin == 0 or first - begin >= min(max(1, context // 2), context)
        predicted += range(first, end)
        lengths.add(end - begin)
    assert predicted == list(range(1, size)) and len(lengths) <= 1


def test_the_nats_are_those_of_mind_eval(checkpoint: Checkpoint, model: Path) -> None:
    pytest.importorskip("mind_eval")
    from mind_eval.models.model import open_model as open_for_eval
    from mind_eval.perplexity import measure

    # The end of the document, which they read too, has a last window for itself.
    text = text_of(4, "en")
    while (len(checkpoint.tokenizer.encode(text)) - 16) % 9:
        text += " night"
    found = surprise(checkpoint, text)
    assert found is not None and found.tokens > 3 * checkpoint.context
    theirs = measure(open_for_eval(str(model)), [{"id": "1", "text": text}])
    (sums,) = theirs.groups.values()
    assert found.nats == pytest.approx(sums.text_nats, rel=1e-5)
    assert found.bytes == sums.bytes


def test_values_of_both_measures() -> None:
    one = Surprise(nats=math.log(8) * 10, tokens=10, bytes=15)
    assert one.value("perplexity") == pytest.approx(8)
    assert one.value("bits_per_byte") == pytest.approx(2)


def test_what_goes_through_the_model_together_changes_little(
    checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = text_of(4, "en") * 3
    together = surprise(checkpoint, text)
    monkeypatch.setattr(scoring, "BATCH_TOKENS", 1)
    alone = surprise(checkpoint, text)
    assert together is not None and alone is not None
    assert together.nats == pytest.approx(alone.nats, rel=1e-5)
    assert surprise(checkpoint, "") is None


def test_bounds_by_language(model: Path, checkpoint: Checkpoint) -> None:
    english, chinese = ({"id": "1", "text": text_of(0, lang)} for lang in ("en", "zh"))
    values = {}
    for record in (english, chinese):
        found = surprise(checkpoint, record["text"])
        assert found is not None
        values[record["text"]] = found.value("perplexity")
    low, high = values[english["text"]], values[chinese["text"]]
    assert low < high  # it has only learned the English sentence
    one = Perplexity(model=str(model), max=(low + high) / 2)
    assert one(english) is None
    reason = one(chinese)
    assert reason is not None and reason == "too_surprising"
    assert reason.value == round(high, 4)
    assert Perplexity(model=str(model), max={"en": 1.0})(chinese) is None
    assert Perplexity(model=str(model), max={"zh": 1.0, "all": 1e9})(english) is None
    assert Perplexity(model=str(model), min={"en": low + 1})(english) == "too_predictable"
    assert Perplexity(model=str(model), max={"zh": 1.0})({"id": "2", "text": " "}) is None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "model is not given"),
        ({"model": "m"}, "bounds are to be given"),
        ({"model": "m", "max": 5, "thresholds": "t"}, "bounds are to be given"),
        ({"model": "m", "max": 0}, "above 0"),
        ({"model": "m", "max": {"zh": math.nan}}, "above 0"),
        ({"model": "m", "max": "60"}, "above 0"),
        ({"model": "m", "max": 5, "measure": "nats"}, "not one of"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Perplexity(**options)  # type: ignore[arg-type]


def test_a_loss_that_is_not_finite_is_an_error(checkpoint: Checkpoint) -> None:
    weight = checkpoint.model.embedding.weight
    kept = weight.detach().clone()
    with torch.no_grad():
        weight[5] = math.nan
    try:
        with pytest.raises(MindError, match="gives a text a loss of nan"):
            surprise(checkpoint, ENGLISH)
    finally:
        with torch.no_grad():
            weight.copy_(kept)


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Good texts are those that the model has seen; bad ones are turned around."""
    folder = tmp_path_factory.mktemp("texts")
    good = [{"id": f"g{n}", "text": f"{ENGLISH} {n}"} for n in range(120)]
    bad = [{"id": f"b{n}", "text": f"{ENGLISH[::-1]} {n}"} for n in range(120)]
    write_records(folder / "good.jsonl", good, level=0)
    write_records(folder / "bad.jsonl", bad, level=0)
    return folder


def test_bounds_are_tuned_on_one_half_and_measured_on_the_other(
    model: Path, texts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = [str(texts / "good.jsonl")], [str(texts / "bad.jsonl")]
    tune_command(str(model), good, tmp_path / "bounds", bad)
    copy = tmp_path / "copy.jsonl"
    copy.write_bytes((texts / "good.jsonl").read_bytes())
    tune_command(str(model), [*good, str(copy)], tmp_path / "again", bad)
    first, again = (
        orjson.loads((tmp_path / name / "manifest.json").read_bytes())
        for name in ("bounds", "again")
    )
    assert again["left_out"] == 120 and again["max"] == first["max"]
    (everything, english) = first["figures"]
    assert everything["language"] == "all" and english["language"] == "en"
    assert english["good_kept"] > 0.9 and english["bad_dropped"] > 0.9
    assert 80 < english["good"] + english["bad"] < 160  # the other half
    assert "good kept" in capsys.readouterr().out
    one = Perplexity(model=str(model), thresholds=str(tmp_path / "bounds"))
    assert one({"id": "1", "text": ENGLISH}) is None
    assert one({"id": "2", "text": ENGLISH[::-1]}) == "too_surprising"
    with pytest.raises(MindError, match="another checkpoint"):
        thresholds.read_thresholds(str(tmp_path / "bounds"), "f" * 64)
    with pytest.raises(UsageError, match="without bad texts"):
        tune_command(str(model), good, tmp_path / "none")
    tune_command(str(model), good, tmp_path / "kept", keep=0.5)
    kept = orjson.loads((tmp_path / "kept" / "manifest.json").read_bytes())["figures"][0]
    assert 0.3 < kept["good_kept"] < 0.7 and kept["bad"] == 0


def decompress(path: Path) -> bytes:
    return b"".join(
        line + b"\n" for batch in read_batches([str(path)]) for _, line in batch.lines()
    )


@pytest.mark.fresh_process
def test_any_number_of_workers_writes_the_same(model: Path, texts: Path, tmp_path: Path) -> None:
    import subprocess
    import sys

    bound = "--set=perplexity.max={en = 60, zh = 1}"
    written = []
    for jobs in (1, 2):
        out, rejects = tmp_path / f"{jobs}.jsonl", tmp_path / f"{jobs}.rejects.jsonl.zst"
        subprocess.run(
            [sys.executable, "-m", "mind_clean", "--step", "perplexity", bound,
             f"--set=perplexity.model={model}", "-j", str(jobs), "-q", "-z", "0", "-o", str(out),
             "--rejects", str(rejects), str(texts / "good.jsonl"), str(texts / "bad.jsonl")],
            check=True, timeout=300, env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        written.append(out.read_bytes() + decompress(rejects))
    assert written[0] == written[1]
    assert written[0].count(b"\n") == 240 and b'"too_surprising"' in written[0]


def test_a_folder_that_is_no_model_is_an_error(
    texts: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--step", "perplexity", f"--set=perplexity.model={tmp_path}",
                 "--set=perplexity.max=5", str(texts / "good.jsonl")]  # fmt: skip
    assert cli._run(app, "mind-clean", arguments) == 1
    assert str(tmp_path) in capfd.readouterr().err
