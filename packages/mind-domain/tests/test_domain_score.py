"""Scoring a real checkpoint: likelihoods are the model's own, and what it learned is found."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from mind_core import MindError, Record
from mind_core.output import write_records
from mind_core.runner import StreamOptions
from mind_core.stream import read_records
from mind_core.testing import run_tool
from mind_domain.chat_format import build_chat
from mind_domain.domains.finance.finance import Finance
from mind_domain.evaluation import EvaluationOptions, run_score
from mind_domain.pipeline import make_plugins, recipe_for
from mind_domain.predict import Question, encode_answer, generate_answers, score_labels
from mind_domain.scoring import item_of
from mind_domain.table import format_scores
from mind_tok.chat import encode_chat
from mind_tok.sentencepiece import Bpe
from mind_train import Checkpoint, load_checkpoint, token_losses
from mind_train.checkpoint import save_checkpoint
from mind_train.models.mindllm import MindLLMConfig

TEXTS = {
    "rise": "earnings beat every estimate and the dividend grows",
    "flat": "the meeting takes place on tuesday as announced",
    "fall": "the plant burned down and the outlook is cut",
}


def labelled(number: int, label: str) -> Record:
    noted = {
        "label": label,
        "labels": ["rise", "flat", "fall"],
        "cluster": f"KO {number}",
        "ticker": "KO",
        "horizon": 1,
    }
    return {
        "id": f"r{number}",
        "text": f"{TEXTS[label]} , says source {number % 4}",
        "metadata": {"mind": {"domain": noted}},
    }


RECORDS = [labelled(n, ("rise", "flat", "fall")[n % 3]) for n in range(24)]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Train a tiny model on the questions until it knows the answers."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("model")
    chats = [build_chat(record, Finance(), "en", "record") for record in RECORDS]
    texts = [message["content"] for chat in chats for message in chat["messages"]]
    tokenizer = Bpe().train(texts, 420)
    tokenizer.save(folder / "tokenizer")
    config = MindLLMConfig(
        vocab=tokenizer.vocab_size, dim=48, layers=2, heads=2, ffn_dim=96, context=128
    )
    model = config.build()
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    encoded = [encode_chat(tokenizer, chat["messages"]) for chat in chats]
    longest = max(len(ids) for ids, _ in encoded)
    ids = torch.tensor([row + [0] * (longest - len(row)) for row, _ in encoded])
    mask = torch.tensor([row + [0] * (longest - len(row)) for _, row in encoded])[:, 1:].bool()
    for _ in range(60):
        logits = model.logits(model(ids[:, :-1]))
        loss = torch.nn.functional.cross_entropy(logits[mask], ids[:, 1:][mask])
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
    save_checkpoint(
        folder / "run", 60, "mindllm", model, {"x": torch.zeros(1)}, {}, folder / "tokenizer"
    )
    yield folder / "run"
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def checkpoint(run: Path) -> Checkpoint:
    return load_checkpoint(run)


def asks() -> list[Question]:
    return [item_of(record, Finance(), "en", "record").question for record in RECORDS]


def ignore(_: int) -> None:
    """Take a progress report."""


def test_likelihoods_are_sums_over_the_answer(checkpoint: Checkpoint) -> None:
    """Compare with the loss of one whole conversation at a time, without batches or padding."""
    for ask, heard in zip(asks(), score_labels(checkpoint, asks(), ignore), strict=True):
        assert heard.scores is not None
        for label, word in ask.words.items():
            answer = {"role": "assistant", "content": word}
            ids, mask = encode_chat(checkpoint.tokenizer, [*ask.messages, answer])
            losses = token_losses(checkpoint.model, torch.tensor([ids]))[0]
            wanted = -float(losses[torch.tensor(mask[1:]).bool()].sum())
            assert heard.scores[label] == pytest.approx(wanted, abs=1e-4)
        assert not heard.cut


def test_the_answer_ends_with_the_end_token(checkpoint: Checkpoint) -> None:
    ids, scored = encode_answer(checkpoint, asks()[0], "rise")
    assert ids[-1] == checkpoint.tokenizer.end_id
    assert checkpoint.tokenizer.decode(ids[-scored:]) == "rise"


def test_earlier_answers_are_not_scored(checkpoint: Checkpoint) -> None:
    turn = {"role": "assistant", "content": "a long earlier answer"}
    ask = Question(
        (*asks()[0].messages, turn, {"role": "user", "content": "and now?"}), {"rise": "rise"}
    )
    assert (
        encode_answer(checkpoint, ask, "rise")[1] == encode_answer(checkpoint, asks()[0], "rise")[1]
    )


def test_a_long_question_loses_its_beginning(checkpoint: Checkpoint) -> None:
    words = asks()[0].words
    tail = "the plant burned down"
    long, longer = (
        Question(({"role": "user", "content": f"{front * 300} {tail}"},), words)
        for front in ("a b ", "a b a b ")
    )
    one, other = score_labels(checkpoint, [long, longer], ignore)
    assert one.cut and other.cut
    assert one.scores == pytest.approx(other.scores)
    (text,) = generate_answers(checkpoint, [long], ignore)
    assert text.cut


def test_a_model_that_learned_scores_full(run: Path, tmp_path: Path) -> None:
    test, scores, predictions = tmp_path / "t.zst", tmp_path / "s.json", tmp_path / "p.zst"
    write_records(test, RECORDS)
    done = run_tool(
        "mind-domain",
        ["score", "--model", run, "--language", "en", test, "-o", scores,
         "--predictions", predictions],
    )  # fmt: skip
    assert done.code == 0, done.stderr
    found = json.loads(scores.read_text())
    assert found["metrics"]["accuracy"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert found["metrics"]["mcc"]["value"] == 1.0
    assert found["metrics"]["majority_accuracy"]["value"] == pytest.approx(1 / 3, abs=1e-6)
    assert found["judge"] == {"score": 1.0, "verdicts": {"right": 24}}
    assert found["components"].keys() == {"finance", "exact"}
    assert b"always the majority" in done.stdout
    rows = list(read_records([predictions]))
    assert [row["prediction"] for row in rows] == [row["label"] for row in rows]
    assert all(row["chances"][row["label"]] > 0.5 for row in rows)
    written_out = score(run, RECORDS, tmp_path, language="en", method="generate")
    assert written_out["metrics"] == found["metrics"]


def score(
    run: Path, records: list[Record], folder: Path, skip_bad: int = 0, **how: Any
) -> dict[str, Any]:
    """Score in this process: a start of torch costs seconds."""
    path = folder / "records.zst"
    write_records(path, records)
    plugins = make_plugins()
    recipe = recipe_for(plugins, "finance", None, {}, [])
    stream = StreamOptions((str(path),), skip_bad=skip_bad)
    return run_score(plugins, recipe, stream, EvaluationOptions(run, **how))


def test_labelled_records_and_chats_score_alike(run: Path, tmp_path: Path) -> None:
    """What `split` wrote and what `sft` made of it are the same questions."""
    chats = [build_chat(record, Finance(), "en", "record") for record in RECORDS]
    assert score(run, RECORDS, tmp_path, language="en") == score(run, chats, tmp_path)


def test_wrong_answers_and_other_languages_are_seen(run: Path, tmp_path: Path) -> None:
    """Of Chinese questions the model knows nothing; an English word is read all the same."""
    other = {"rise": "fall", "fall": "flat", "flat": "rise"}
    turned = []
    for record in RECORDS:
        noted = record["metadata"]["mind"]["domain"]
        changed = {**noted, "label": other[noted["label"]]}
        turned.append({**record, "metadata": {"mind": {"domain": changed}}})
    wrong = score(run, turned, tmp_path, language="en", method="generate")
    assert wrong["metrics"]["accuracy"]["value"] == 0.0
    assert wrong["judge"]["verdicts"] == {"wrong": 24}
    chinese = score(run, RECORDS, tmp_path, language="zh", method="generate")
    assert chinese["metrics"]["accuracy"]["value"] < 0.7
    assert chinese["metrics"]["unparsed"]["value"] < 0.5


def test_an_empty_input_and_a_missing_model_are_errors(run: Path, tmp_path: Path) -> None:
    with pytest.raises(MindError, match="no records"):
        score(run, [], tmp_path)
    with pytest.raises(MindError, match="no complete checkpoint"):
        score(tmp_path / "no", RECORDS, tmp_path)


def test_records_without_a_label_can_be_left_out_and_are_counted(run: Path, tmp_path: Path) -> None:
    records = [RECORDS[0], {"id": "x", "text": "no label here"}, *RECORDS[1:]]
    with pytest.raises(MindError, match=r"records.zst:2: ") as error:
        score(run, records, tmp_path, language="en")
    assert "no label" in str(error.value.cause)
    assert "`mind-domain label …` then `mind-domain split …`" in str(error.value.hint)
    found = score(run, records, tmp_path, skip_bad=1, language="en")
    assert (found["records"], found["bad"]) == (24, {"missing_field": 1})
    assert "1 bad records were left out" in format_scores(found)


@pytest.mark.parametrize("method", ["likelihood", "generate"])
def test_a_model_with_weights_that_are_no_numbers_gives_no_scores(
    run: Path, tmp_path: Path, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = load_checkpoint(run)
    with torch.no_grad():
        for parameter in checkpoint.model.parameters():
            parameter.view(-1)[0] = float("nan")
    # No file of such a model can be written; a run may still come to hold one.
    monkeypatch.setattr("mind_domain.evaluation.load_checkpoint", lambda _: checkpoint)
    with pytest.raises(MindError) as caught:
        score(run, RECORDS, tmp_path, language="en", method=method)
    assert "at step 60" in str(caught.value.cause)
    assert "nan" in caught.value.message or "not finite" in caught.value.message


@pytest.mark.parametrize("value", ["float('nan')", "float('inf')", "1.5", "-1"])
def test_a_judge_that_gives_no_share_is_named(value: str, run: Path, tmp_path: Path) -> None:
    plugin = tmp_path / "odd.py"
    plugin.write_text(
        "from mind_domain import Verdict, hookimpl\n"
        "class Odd:\n"
        '    """Give what is no score."""\n'
        "    def __call__(self, question, answer, reference):\n"
        f"        return Verdict({value}, 'odd')\n"
        "@hookimpl\n"
        "def register_judges():\n"
        "    return {'odd': Odd}\n"
    )
    path = tmp_path / "records.zst"
    write_records(path, RECORDS[:3])
    plugins = make_plugins([plugin])
    recipe = recipe_for(plugins, "finance", None, {}, [])
    with pytest.raises(MindError, match="item r0: the judge Odd gives a score of"):
        run_score(plugins, recipe, StreamOptions((str(path),)), EvaluationOptions(run, judge="odd"))


def test_baselines_and_other_models_stand_beside_a_score(run: Path, tmp_path: Path) -> None:
    write_records(tmp_path / "train.zst", RECORDS[:12])
    found = score(
        run, RECORDS[12:], tmp_path, language="en", train=tmp_path / "train.zst",
        versus=(("itself", run),), cluster="record",
    )  # fmt: skip
    assert set(found["versus"]) == {"majority", "share", "time", "bag_of_words", "itself"}
    assert found["versus"]["itself"]["difference"] == 0.0
    assert found["versus"]["majority"]["difference"] == pytest.approx(2 / 3, abs=1e-6)
    assert found["versus"]["majority"]["resolved"]
    assert not found["versus"]["itself"]["resolved"]
    assert found["resampled"] == {"cluster": "record", "block": 1}
    table = format_scores(found)
    assert "not decided; detectable" in table and "bag_of_words" in table


@pytest.mark.parametrize("calibrate", ["content-free", "train-prior"])
def test_calibration_takes_a_bias_off(run: Path, tmp_path: Path, calibrate: str) -> None:
    write_records(tmp_path / "train.zst", RECORDS[:21])
    found = score(
        run, RECORDS, tmp_path, language="en", calibrate=calibrate, train=tmp_path / "train.zst"
    )
    assert found["calibrate"] == calibrate
    # "N/A" is a text that this model has never seen, so that its own bias there says little.
    assert (
        found["metrics"]["accuracy"]["value"] > {"content-free": 0.5, "train-prior": 0.9}[calibrate]
    )
    with pytest.raises(MindError, match="needs the training records"):
        score(run, RECORDS, tmp_path, calibrate="train-prior")


def test_a_test_that_is_training_is_refused(run: Path, tmp_path: Path) -> None:
    write_records(tmp_path / "records.zst", RECORDS)
    with pytest.raises(MindError, match="is what the model was trained on"):
        score(run, RECORDS, tmp_path, language="en", train=tmp_path / "records.zst")


def test_sides_of_two_splits_are_refused(run: Path, tmp_path: Path) -> None:
    for name, day in (("a", "2015-01-01"), ("b", "2015-02-01")):
        (tmp_path / name).mkdir()
        write_records(tmp_path / name / "train.zst", RECORDS[:12])
        manifest = {"format": "mind-domain-split", "rule": {"date": day}}
        (tmp_path / name / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(MindError, match="are of different splits"):
        score(run, RECORDS[12:], tmp_path / "b", language="en", train=tmp_path / "a" / "train.zst")
