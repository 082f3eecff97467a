"""Entropy and length equal a plain computation; the reference is measured alike."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mind_core import Record
from mind_core.errors import UsageError
from mind_core.testing import run_tool
from mind_sft_select.scorers.entropy import Entropy, Length
from mind_sft_select.scoring.answer_model import model_of, windows
from mind_tok.chat import encode_chat

if TYPE_CHECKING:
    from mind_train import Checkpoint

TALK: Record = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "请介绍水。"},
        {"role": "assistant", "content": "水是很常见的。"},
        {"role": "user", "content": "And boiling water?"},
        {"role": "assistant", "content": "It is about boiling water."},
    ]
}
SHORT: Record = {
    "messages": [
        {"role": "user", "content": "1"},
        {"role": "assistant", "content": "numbers"},
    ]
}
LONG: Record = {
    "messages": [
        {"role": "user", "content": "地理"},
        {"role": "assistant", "content": "地理和历史。" * 80},
    ]
}


def losses(checkpoint: Checkpoint, ids: list[int]) -> list[float]:
    with torch.no_grad():
        logits = checkpoint.model.logits(checkpoint.model(torch.tensor([ids[:-1]])))[0].double()
    return [-float(row.log_softmax(-1)[i]) for row, i in zip(logits, ids[1:], strict=True)]


@pytest.mark.parametrize("scope", ["answer", "all"])
@pytest.mark.parametrize("batch_tokens", [1, 8192])
def test_entropy_equals_a_direct_computation(
    checkpoint: Checkpoint, model_folder: Path, scope: str, batch_tokens: int
) -> None:
    scorer = Entropy(model=str(model_folder), scope=scope, batch_tokens=batch_tokens)
    counter = Length(model=str(model_folder), scope=scope)
    for record, score, length in zip(
        [TALK, SHORT], scorer([TALK, SHORT]), counter([TALK, SHORT]), strict=True
    ):
        ids, mask = encode_chat(checkpoint.tokenizer, record["messages"])
        every = losses(checkpoint, [checkpoint.tokenizer.end_id, *ids])
        counted = [x for x, on in zip(every, mask, strict=True) if on or scope == "all"]
        assert score == pytest.approx(sum(counted) / len(counted), abs=1e-4)
        assert length == len(counted)


def test_a_pass_fits_the_cache_and_only_answers_reach_the_head(
    model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mind_eval import scoring

    passes: list[int] = []
    rows: list[int] = []
    model = model_of(str(model_folder), "cpu").network.model  # type: ignore[attr-defined]
    hook = model.register_forward_pre_hook(lambda _, args: passes.append(args[0].numel()))
    plain = scoring.score_targets

    def counted(head: Any, hidden: torch.Tensor, *more: Any) -> Any:
        rows.append(len(hidden))
        return plain(head, hidden, *more)

    monkeypatch.setattr(scoring, "score_targets", counted)
    many = [{"messages": [{"role": "user", "content": str(n)}, SHORT["messages"][1]]}
            for n in range(200)]  # fmt: skip
    Entropy(model=str(model_folder))(many)
    hook.remove()
    tokens = Length(model=str(model_folder))(many)
    assert max(passes) <= 1100 and len(passes) >= 2
    assert sum(rows) == sum(tokens), "prompts never reach the output layer"


def test_the_prompt_is_masked_but_read(model_folder: Path) -> None:
    other: Record = {"messages": [{**SHORT["messages"][0], "content": "2"}, SHORT["messages"][1]]}
    scorer, counter = Entropy(model=str(model_folder)), Length(model=str(model_folder))
    first, second = scorer([SHORT, other])
    assert first != second
    assert counter([SHORT]) == counter([other])


def test_what_is_too_long_is_not_scored_or_cut(checkpoint: Checkpoint, model_folder: Path) -> None:
    drop, cut = Entropy(model=str(model_folder)), Entropy(model=str(model_folder), long="cut")
    scores = drop([SHORT, LONG])
    assert scores[1] is None and scores[0] == pytest.approx(cut([SHORT])[0], abs=1e-5)
    ids, mask = encode_chat(checkpoint.tokenizer, LONG["messages"])
    most = checkpoint.context + 1
    kept = [checkpoint.tokenizer.end_id, *ids][:most]
    every = losses(checkpoint, kept)
    counted = [x for x, on in zip(every, mask, strict=False) if on]
    assert cut([LONG])[0] == pytest.approx(sum(counted) / len(counted), abs=1e-4)
    endless: Record = {
        "messages": [{"role": "user", "content": "地理" * 200}, SHORT["messages"][1]]
    }
    assert cut([endless])[0] is None, "no answer token within the context"


def test_own_entropy_is_the_mean_loss_of_held_out_texts(
    checkpoint: Checkpoint, model_folder: Path
) -> None:
    texts = ["水是很常见的。", "Tell me about the capital.", "历史和地理。"]
    own = Entropy(model=str(model_folder)).own([{"text": text} for text in texts])
    end = checkpoint.tokenizer.end_id
    parts = {text: losses(checkpoint, [end, *checkpoint.tokenizer.encode(text), end])
             for text in texts}  # fmt: skip
    chinese = parts[texts[0]] + parts[texts[2]]
    everything = chinese + parts[texts[1]]
    assert own == pytest.approx(
        {
            "zh": sum(chinese) / len(chinese),
            "en": sum(parts[texts[1]]) / len(parts[texts[1]]),
            "all": sum(everything) / len(everything),
        },
        abs=1e-4,
    )


def test_own_entropy_agrees_with_mind_eval(model_folder: Path) -> None:
    heldout = pytest.importorskip("mind_eval.perplexity")
    models = pytest.importorskip("mind_eval.models.model")
    records: list[Record] = [
        {"text": "水是很常见的。" * 40, "source": "a"},
        {"text": "It is about a poem. " * 3, "source": "b"},
    ]
    measured = heldout.measure(models.open_model(str(model_folder)), records).as_dict()["languages"]
    own = Entropy(model=str(model_folder)).own(records)
    for language in ("zh", "en"):
        assert own[language] == pytest.approx(measured[language]["nats_per_token"], rel=1e-5)


@given(st.integers(2, 150), st.integers(1, 30))
def test_windows_predict_each_token_once_with_enough_before_it(size: int, context: int) -> None:
    seen: list[int] = []
    for start, stop, first in windows(size, context):
        assert stop - start <= context + 1 and start < first < stop
        assert not seen or first - start >= context // 2
        seen += range(first, stop)
    assert seen == list(range(1, size))


def test_options_that_mean_nothing_are_refused() -> None:
    for wrong in ({"scope": "question"}, {"long": "wrap"}, {"batch_tokens": 0}):
        with pytest.raises(ValueError):
            Entropy(**wrong)
    with pytest.raises(UsageError, match="no model was named"):
        Entropy()([SHORT])


@pytest.fixture(scope="module")
def tuned_folder(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with the base's tokenizer and other weights."""
    from mind_train.checkpoint import load_checkpoint, save_checkpoint

    base = load_checkpoint(model_folder)
    with torch.no_grad():
        for p in base.model.parameters():
            p.mul_(1.1)
    folder = tmp_path_factory.mktemp("tuned")
    found = next(iter(model_folder.rglob("tokenizer.model"))).parent
    save_checkpoint(folder, 2, "mindllm", base.model, {}, {}, found)
    return folder


def test_differential_entropy_is_a_difference_of_two(
    model_folder: Path, tuned_folder: Path, tmp_path: Path
) -> None:
    from mind_sft_select.scorers.differential import Differential

    records = [SHORT, TALK]
    found = Differential(model=str(model_folder), tuned=str(tuned_folder))(records)
    base = Entropy(model=str(model_folder))(records)
    tuned = Entropy(model=str(tuned_folder))(records)
    assert found == [b - a for a, b in zip(base, tuned, strict=True) if a and b]
    assert all(value != 0 for value in found)
    with pytest.raises(UsageError, match="tuned model"):
        Differential(model=str(model_folder))


def test_the_recipe_of_differential_entropy_keeps_the_lowest(
    model_folder: Path, tuned_folder: Path, made_instructions: list[Record]
) -> None:
    asked = ["select", "--recipe", "differential", "--model", model_folder, "-q", "-z", "0",
             "--set", f"differential.tuned={tuned_folder}"]  # fmt: skip
    kept = run_tool("mind-sft-select", asked, made_instructions)
    marked = run_tool("mind-sft-select", [*asked, "--mark"], made_instructions)
    assert kept.code == 0 == marked.code, kept.stderr + marked.stderr
    assert 0 < len(kept.records) < len(marked.records) == len(made_instructions)
