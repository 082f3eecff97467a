"""`reference`: three measurements, each with an interval that covers what it should."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mind_core import MindError, Record
from mind_core.chats import ChatFormat
from mind_core.errors import UsageError
from mind_core.files import write_manifest
from mind_core.records import encode
from mind_core.runner import StreamOptions
from mind_core.stream import read_records
from mind_sft_select.reference_measure import interval_of, measure_pool, measure_texts
from mind_sft_select.references import ALL, _from_scores, read_reference
from mind_sft_select.scorers.entropy import Entropy
from mind_sft_select.scoring.answer_model import AnswerModel, model_of
from mind_sft_select.scoring.run import ScoreOptions, run_scores
from mind_sft_select.scoring.templates import Answer, ConversationTemplate, EncodedChat
from mind_sft_select.selecting import _texts_of

TEXTS: list[Record] = [{"text": text} for text in (
    "水是很常见的。", "历史和地理。" * 30, "Tell me about the capital.", "About numbers. " * 9,
)]  # fmt: skip


@pytest.fixture(scope="module")
def scorer(model_folder: Path) -> AnswerModel:
    model = model_of(str(model_folder), "cpu")
    return AnswerModel(model, ConversationTemplate(model.tokenizer), "window")


def test_text_equals_the_scorers_own_entropy_and_chat_is_another_number(
    scorer: AnswerModel, model_folder: Path
) -> None:
    found = measure_texts(scorer, TEXTS)
    own = Entropy(model=str(model_folder)).own(TEXTS)
    for language in ("zh", "en", "all"):
        row = found["text"][language]
        assert row["value"] == pytest.approx(own[language], abs=1e-5)
        assert row["low"] <= row["value"] <= row["high"]
        assert found["chat"][language]["value"] != row["value"]
    assert found["text"]["zh"]["documents"] == 2 and found["text"]["all"]["documents"] == 4


def test_the_interval_is_over_documents_not_over_tokens() -> None:
    rng = np.random.default_rng(1)
    missed = 0
    for number in range(60):
        tokens = rng.integers(5, 200, 80).astype(float)
        nats = tokens * (5.0 + 0.5 * rng.standard_normal(80))
        row = interval_of(nats, tokens, number)
        missed += not row["low"] <= 5.0 <= row["high"]
    assert missed <= 8, "95 % intervals miss at most a few of 60"


def test_nats_that_are_no_numbers_are_an_error() -> None:
    with pytest.raises(MindError, match="nats of 1 texts are no finite numbers"):
        interval_of(np.array([1.0, np.nan]), np.array([1.0, 1.0]), 0)


def test_the_pool_is_the_median_of_scored_records(
    model_folder: Path, made_instructions: list[Record], tmp_path: Path
) -> None:
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_bytes(b"".join(map(encode, made_instructions)))
    stream = StreamOptions((str(source),), out, level=0, quiet=True, progress=False)
    run_scores(ScoreOptions(str(model_folder), "cpu"), ChatFormat(), stream)
    found = measure_pool(read_records([out]))
    values = [r["metadata"]["mind"]["sft-select"]["entropy"] for r in read_records([out])]
    assert found["all"]["value"] == pytest.approx(float(np.median(values)), abs=1e-5)
    assert found["zh"]["documents"] == found["en"]["documents"] == 12
    assert found["all"]["low"] < found["all"]["value"] < found["all"]["high"]


def test_a_reference_of_another_checkpoint_is_refused(
    scorer: AnswerModel, model_folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "r.json"
    made = {"format": "mind-sft-reference", "uses": "chat", "model": scorer.model.section(),
            **measure_texts(scorer, TEXTS)}  # fmt: skip
    path.write_text(json.dumps(made))
    values = read_reference(path, Entropy(model=str(model_folder)))
    assert values["zh"] == made["chat"]["zh"]["value"]
    path.write_text(json.dumps({**made, "model": {"fingerprint": "0" * 64}}))
    with pytest.raises(UsageError, match="another checkpoint"):
        read_reference(path, Entropy(model=str(model_folder)))
    path.write_text("{}")
    with pytest.raises(UsageError, match="is no reference"):
        read_reference(path)


class Measured:
    """A scorer whose numbers are nats per token of one checkpoint."""

    metric, fingerprint = "nats_per_token", "a" * 64


def test_a_reference_of_mind_eval_has_the_languages_that_it_measured(tmp_path: Path) -> None:
    manifest = {"format": "mind-scores", "model": {"fingerprint": "a" * 64}}
    write_manifest(tmp_path, manifest)
    held = {"languages": {"zh": {"nats_per_token": 3.5}, "en": {"bits_per_byte": 1.0}},
            "all": {"nats_per_token": 3.25}}  # fmt: skip
    for scores, found in (
        ({"heldout": held}, {"zh": 3.5, ALL: 3.25}),
        ({"heldout": {"all": {"nats_per_token": 0.0}}}, {}), ({"heldout": None}, {}), ({}, {}),
    ):  # fmt: skip
        (tmp_path / "scores.json").write_text(json.dumps(scores))
        assert _from_scores(tmp_path, Measured()) == found
    write_manifest(tmp_path, {**manifest, "model": {"fingerprint": "b" * 64}})
    with pytest.raises(UsageError, match="another checkpoint"):
        _from_scores(tmp_path, Measured())


@pytest.mark.parametrize(
    ("record", "texts"),
    [
        ({"question": "q", "instruction": "i", "text": "t"}, ["q"]), ({"prompt": "p"}, ["p"]),
        ({"question": 1, "text": "t"}, ["t"]), ({"answer": "a"}, []),
        ({"messages": [{"role": "user", "content": "u"}, {"role": "assistant", "content": "a"}],
          "text": "t"}, ["u"]),
    ],
)  # fmt: skip
def test_an_item_is_known_by_what_it_asks(record: Record, texts: list[str]) -> None:
    assert _texts_of(record) == texts


@pytest.mark.parametrize("wrong", [3, 4])
def test_a_text_that_is_none_is_named_by_its_number_behind_the_first_batch_too(
    scorer: AnswerModel, model_folder: Path, monkeypatch: pytest.MonkeyPatch, wrong: int
) -> None:
    monkeypatch.setattr("mind_sft_select.reference_measure.AT_ONCE", 2)
    monkeypatch.setattr("mind_sft_select.scorers.entropy.TEXTS_AT_ONCE", 2)
    rows = [{"text": "水"}] * (wrong - 1) + [{"id": "x"}]
    for measure in (
        lambda: measure_texts(scorer, rows), lambda: Entropy(model=str(model_folder)).own(rows)
    ):  # fmt: skip
        with pytest.raises(MindError, match=f"reference record {wrong}\\b"):
            measure()


def test_a_prompt_is_what_no_answer_and_no_end_of_one_is() -> None:
    chat = EncodedChat(list(range(20)), [Answer(3, 5, 9), Answer(9, 9, 0), Answer(12, 19, 30)])
    assert chat.prompt_tokens == 20 - 3 - 1 - 8
    assert EncodedChat([1, 2], []).prompt_tokens == 2
