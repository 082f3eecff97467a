"""Held-out text: exact sums, each token once, enough context, languages apart."""

from __future__ import annotations

import math
import statistics
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mind_core import MindError, Record
from mind_core.errors import BadRecord
from mind_eval.models.model import mind_model
from mind_eval.perplexity import measure, read_texts, windows
from mind_eval.significance import ratio_over_blocks

if TYPE_CHECKING:
    from mind_train import Checkpoint

TEXTS: list[Record] = [
    {"text": "水的沸点是一百度。", "source": "a"},
    {"text": "Water boils at a hundred degrees.", "source": "a"},
    {"text": "北京是中国的首都。", "source": "b"},
    {"text": "", "source": "b"},
]


@given(st.integers(2, 200), st.integers(1, 40), st.data())
def test_each_token_is_predicted_once_with_enough_before_it(
    size: int, context: int, data: st.DataObject
) -> None:
    overlap = data.draw(st.integers(1, context))
    predicted: list[int] = []
    made = list(windows(list(range(size)), context, overlap))
    for window, _ in made:
        assert len(window.input) <= context
        first = len(window.tokens) - window.scored
        assert predicted == [] or first >= overlap
        predicted += window.tokens[first:]
    assert predicted == list(range(1, size))
    assert [last for _, last in made] == [False] * (len(made) - 1) + [True]


def nats(checkpoint: Checkpoint, text: str) -> tuple[float, float, int]:
    end = checkpoint.tokenizer.end_id
    ids = [end, *checkpoint.tokenizer.encode(text), end]
    with torch.no_grad():
        logits = checkpoint.model.logits(checkpoint.model(torch.tensor([ids[:-1]])))[0].double()
    losses = [-float(row.log_softmax(-1)[i]) for row, i in zip(logits, ids[1:], strict=True)]
    return sum(losses), sum(losses[:-1]), len(losses)


def test_sums_equal_a_direct_computation(checkpoint: Checkpoint) -> None:
    held = measure(mind_model(checkpoint), TEXTS).as_dict()
    assert set(held["languages"]) == {"zh", "en", "und"}
    for language, texts in (("zh", [TEXTS[0], TEXTS[2]]), ("en", [TEXTS[1]])):
        parts = [nats(checkpoint, record["text"]) for record in texts]
        size = sum(len(record["text"].encode()) for record in texts)
        found = held["languages"][language]
        assert found["tokens"] == sum(part[2] for part in parts)
        assert found["bytes"] == size
        assert found["nats_per_token"] == pytest.approx(
            sum(part[0] for part in parts) / found["tokens"], rel=1e-5
        )
        assert found["bits_per_byte"] == pytest.approx(
            sum(part[1] for part in parts) / math.log(2) / size, rel=1e-5
        )
    assert set(held["languages"]["zh"]["sources"]) == {"a", "b"}
    assert held["languages"]["und"]["bits_per_byte"] is None, "an empty text has no bytes"
    assert held["all"]["documents"] == 4


@pytest.mark.parametrize("at_once", [16384, 7])
def test_tokens_in_the_top_are_those_of_a_direct_computation(
    checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    """Also where the vocabulary goes through the output layer in parts."""
    monkeypatch.setattr("mind_eval.output_layer.VOCABULARY_AT_ONCE", at_once)
    held = measure(mind_model(checkpoint), TEXTS, top=(1, 3, 200)).as_dict()
    assert "in_top" not in measure(mind_model(checkpoint), TEXTS).as_dict()["all"]
    end = checkpoint.tokenizer.end_id
    ranks = []
    for record in TEXTS:
        ids = [end, *checkpoint.tokenizer.encode(record["text"])]
        with torch.no_grad():
            logits = checkpoint.model.logits(checkpoint.model(torch.tensor([ids])))[0]
        ranks += [int((row > row[i]).sum()) for row, i in zip(logits, ids[1:], strict=False)]
    wanted = {str(k): sum(rank < k for rank in ranks) / len(ranks) for k in (1, 3, 200)}
    assert held["all"]["in_top"] == pytest.approx(wanted) and 0 < wanted["200"] < 1


def test_overlap_changes_what_is_read_but_not_what_is_counted(
    checkpoint: Checkpoint,
) -> None:
    records: list[Record] = [{"text": TEXTS[0]["text"] * 40}]
    little = measure(mind_model(checkpoint), records, overlap=1).as_dict()["all"]
    much = measure(mind_model(checkpoint), records, overlap=checkpoint.context).as_dict()["all"]
    assert little["tokens"] == much["tokens"]
    assert little["nats_per_token"] != much["nats_per_token"]


@pytest.mark.parametrize("overlap", [0, 97])
def test_an_overlap_outside_the_context_is_refused(checkpoint: Checkpoint, overlap: int) -> None:
    with pytest.raises(MindError, match="does not fit a context of 96"):
        measure(mind_model(checkpoint), TEXTS, overlap=overlap)


def test_no_text_is_an_error_and_a_record_without_text_is_named(checkpoint: Checkpoint) -> None:
    with pytest.raises(MindError, match="no record"):
        measure(mind_model(checkpoint), [])
    with pytest.raises(MindError, match="held-out record 2"):
        measure(mind_model(checkpoint), [TEXTS[0], {"html": "x"}])


@pytest.mark.parametrize("line", ['{"id":"x"}', "no json", "[1]"])
def test_a_bad_line_is_named_and_no_option_is_advised_that_is_not_there(
    line: str, tmp_path: Path
) -> None:
    path = tmp_path / "held.jsonl"
    path.write_text(f'{{"text":"a"}}\n\n{line}\n')
    with pytest.raises(BadRecord, match=r"held.jsonl:3: ") as error:
        list(read_texts([str(path)]))
    assert "mend the line" in str(error.value.hint) and "--skip-bad" not in str(error.value.hint)
    assert list(read_texts([str(path)], limit=1)) == [{"text": "a"}]


def test_held_out_figures_have_a_jackknifed_error(checkpoint: Checkpoint) -> None:
    texts = [{"text": f"{n * n} 只猫 and {n} dogs" * (1 + n % 3), "source": "a"} for n in range(40)]
    held = measure(mind_model(checkpoint), texts, top=(1, 200)).as_dict()["all"]
    blocks = [block for block in held["blocks"] if block[1]]
    count, nats, size = len(blocks), *map(math.fsum, zip(*blocks, strict=True))
    without = [(nats - n) / (size - s) / math.log(2) for n, s in blocks]
    mean = math.fsum(without) / count
    wanted = math.sqrt((count - 1) / count * math.fsum((one - mean) ** 2 for one in without))
    assert held["bits_per_byte_stderr"] == pytest.approx(wanted, rel=1e-9) and wanted > 0
    assert set(held["in_top_stderr"]) == {"1", "200"}
    assert all(0 <= error < 0.2 for error in held["in_top_stderr"].values())
    few = measure(mind_model(checkpoint), TEXTS, top=(1,)).as_dict()["all"]
    assert few["bits_per_byte_stderr"] is None and few["in_top_stderr"] == {"1": None}


def test_the_ratio_over_equal_blocks_is_the_mean() -> None:
    values = [float(n) for n in range(9)]
    ratio, error = ratio_over_blocks([(value, 1.0) for value in values])
    assert ratio == 4.0 and error == pytest.approx(statistics.stdev(values) / 3)
    assert ratio_over_blocks([(1.0, 2.0), (0.0, 0.0)]) == (0.5, None)
