"""How much a model may write: the limit, what it cuts, and gates on what was cut."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mind_core.errors import GateError, UsageError
from mind_eval.builtins import FOLDER
from mind_eval.encoding import PromptEncoder
from mind_eval.gates import check_gates, parse_gate
from mind_eval.generation import GenerationRequest, Generator, generation_plan
from mind_eval.models.endpoint import Endpoint
from mind_eval.models.model import Model, mind_model
from mind_eval.prompts.spec import read_spec, with_limit
from mind_eval.response_cache import ResponseCache, WrittenText, read_answers
from mind_eval.suites import limits_of, suite_recipe
from mind_eval.table import scores_table

if TYPE_CHECKING:
    from mind_train import Checkpoint

ROW = {"question": "{n} apples and 2 more?", "answer": "#### {n}"}


@pytest.fixture(scope="module")
def model(checkpoint: Checkpoint) -> Model:
    return mind_model(checkpoint)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "gsm8k"
    folder.mkdir()
    for split in ("train", "test"):
        rows = [{k: v.format(n=n) for k, v in ROW.items()} for n in range(3)]
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder.parent


@pytest.fixture(scope="module")
def ran(
    model_folder: Path, root: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Any], Path]:
    """Run GSM8K with a limit; return the scores and the answer log."""
    from mind_eval.cli import make_plugins
    from mind_eval.options import RunOptions
    from mind_eval.pipeline import run_scores

    log = tmp_path_factory.mktemp("scores") / "answers"
    asked = RunOptions(str(model_folder), data_root=root, answers=log, progress=False)
    recipe = suite_recipe(None, ["gsm8k"], 0, None, max_new_tokens=5)
    scores = run_scores(asked, recipe, make_plugins())
    assert scores is not None
    return scores, log


def write(model: Model, text: str, stops: tuple[str, ...], limit: int) -> WrittenText:
    one = [GenerationRequest(tuple(model.plain_ids(text)), stops, limit)]
    (batch,) = generation_plan(one, 8192, packs=True)
    return Generator(model).write(batch, one)[0][1]


def test_a_text_knows_whether_the_limit_ended_it(model: Model) -> None:
    long = write(model, "下列", (), 12)
    assert long.cut is True
    stop = long[4:6]
    assert write(model, "下列", (stop,), 12).cut is False, "a stop string ended it"
    count = next(n for n in range(1, 13) if stop in write(model, "下列", (), n))
    assert write(model, "下列", (stop,), count).cut is False, "by the last token that was allowed"
    full = write(model, "下列", (), 4096)
    assert full.cut is True, "the context ended it"


@pytest.mark.parametrize(
    ("packs", "tokens"), [(True, 8192), (True, 60), (False, 8192), (False, 60)]
)
def test_long_texts_are_written_in_stages(
    checkpoint: Checkpoint, packs: bool, tokens: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mind_train.generate import generate

    model = mind_model(checkpoint)
    model.network.packs = packs
    monkeypatch.setattr("mind_eval.generation.STAGE", 5)
    monkeypatch.setattr("mind_eval.generation.MIN_SAVED_GENERATING", 60)
    texts = [f"Question: how do I open jar number {n}?\nAnswer:" for n in range(5)]
    texts += ["下列", "Answer:", "下列说法正确的是"]
    wanted = [GenerationRequest(tuple(model.plain_ids(text)), (), 17 - n % 3)
              for n, text in enumerate(texts)]  # fmt: skip
    batches = generation_plan(wanted, tokens, packs=packs)
    begun: list[int] = []
    begin = model.network.begin

    def counted(prompts: Any, past: Any, room: int) -> Any:
        start = past.length if past is not None else 0
        held = len(prompts) * (room - start)
        assert len(prompts) == 1 or held <= tokens, "rows with their room"
        begun.append(len(prompts))
        return begin(prompts, past, room)

    monkeypatch.setattr(model.network, "begin", counted)
    writer, written = Generator(model, tokens), dict[int, str]()
    for batch in batches:
        written |= dict(writer.write(batch, wanted))
    for number, one in enumerate(wanted):
        alone = checkpoint.tokenizer.decode(generate(checkpoint, one.tokens, one.limit))
        assert written[number] == alone
    assert len(begun) > len(batches), "read again after each stage"


def test_a_limit_beyond_the_context_leaves_the_prompt_whole(model: Model) -> None:
    encoder = PromptEncoder(model)
    ids = tuple(model.plain_ids("下列说法正确的是"))
    assert encoder.prompt("下列说法正确的是", 1024) == ids, "not its last token alone"
    assert encoder.fits("下列说法正确的是", 1024)
    assert encoder.room(1024) == model.context // 4 and encoder.room(10) == 10
    long = "下列说法正确的是" * 40
    assert len(encoder.prompt(long, 1024)) == model.context - model.context // 4


def test_cut_texts_are_logged_and_older_logs_say_nothing_of_it(tmp_path: Path) -> None:
    log = ResponseCache(tmp_path)
    log.add({"a": WrittenText("x", True), "b": WrittenText("y", False), "c": (-1.0, True)})
    log.close()
    with (tmp_path / "rank-0.jsonl").open("a") as file:
        file.write('{"key":"d","text":"z"}\n')
    found = read_answers(tmp_path)
    cut = [getattr(found[key], "cut", "none") for key in "abcd"]
    assert cut == [True, False, "none", None]
    again = pickle.loads(pickle.dumps(found["a"]))  # between ranks
    assert again == "x" and again.cut is True


def test_a_run_tells_what_was_cut(ran: tuple[dict[str, Any], Path]) -> None:
    scores, log = ran
    results, about = scores["results"]["gsm8k"], scores["benchmarks"]["gsm8k"]
    texts = [answer for answer in read_answers(log).values() if isinstance(answer, WrittenText)]
    assert results["cut,none"] == sum(bool(text.cut) for text in texts) / 3 > 0
    assert about["max_new_tokens"] == 5 and scores["recipe"]["max_new_tokens"] == 5
    assert scores["configs"]["gsm8k"]["generation_kwargs"]["max_gen_toks"] == 5
    assert scores["higher_is_better"]["gsm8k"]["cut"] is False
    table = scores_table(scores)
    assert "of the texts were cut by the limit of 5 new tokens" in table
    assert [line.split()[4] for line in table.splitlines() if line.startswith("gsm8k ")] == [
        "exact_match", "exact_match_flexible", "unparsed", "cut",
    ]  # fmt: skip


def test_a_log_is_scored_again_with_what_was_cut(
    ran: tuple[dict[str, Any], Path], root: Path
) -> None:
    from mind_eval.cli import make_plugins
    from mind_eval.rescoring import score_log

    scores, log = ran
    again = score_log(log, root, make_plugins(), None)
    assert again["results"] == scores["results"] and again["benchmarks"] == scores["benchmarks"]


@pytest.mark.parametrize(
    ("gates", "why"),
    [
        (["bbh>=0"], "2.0% of the texts of bbh"),
        (["bbh.exact_match>=0"], "2.0% of the texts of bbh"),
        (["average.Reasoning>=0"], "2.0% of the texts of bbh"),
        (["bbh>=0", "bbh.cut<=0.05"], None),
        (["gsm8k>=0"], None),
        (["piqa>=0"], None),
    ],
)
def test_a_gate_does_not_hold_where_more_than_one_in_a_hundred_is_cut(
    gates: list[str], why: str | None
) -> None:
    scores = {
        "results": {"bbh": {"exact_match,none": 0.5, "cut,none": 0.02},
                    "gsm8k": {"exact_match,none": 0.5, "cut,none": 0.01},
                    "piqa": {"acc,none": 0.5}},
        "headlines": {name: {"value": 0.5} for name in ("bbh", "gsm8k", "piqa")},
        "averages": {"Reasoning": {"value": 0.5, "of": ["piqa", "bbh"]}},
    }  # fmt: skip
    parsed = [parse_gate(gate) for gate in gates]
    if why is None:
        check_gates(parsed, scores)
        return
    with pytest.raises(GateError, match="at most 1% may be") as caught:
        check_gates(parsed, scores)
    assert caught.value.message.startswith(why)


def test_the_limit_of_a_step_goes_before_the_suites_and_a_flag_before_both(tmp_path: Path) -> None:
    suite = tmp_path / "mine.toml"
    steps = '[[step]]\nbenchmark = "gsm8k"\nmax_new_tokens = 99\n[[step]]\nbenchmark = "bbh"\n'
    suite.write_text("max_new_tokens = 700\n" + steps)
    assert limits_of(suite_recipe(str(suite), (), None, None)) == {"gsm8k": 99, "bbh": 700}
    flagged = suite_recipe(str(suite), (), None, None, max_new_tokens=3)
    assert limits_of(flagged) == {"gsm8k": 3, "bbh": 3}
    suite.write_text(steps.replace("99", "'many'"))
    with pytest.raises(UsageError, match="is no number of tokens"):
        suite_recipe(str(suite), (), None, None)


def test_a_limit_where_nothing_is_written_is_refused(model_folder: Path) -> None:
    from mind_eval.cli import make_plugins
    from mind_eval.options import RunOptions
    from mind_eval.pipeline import describe_run

    recipe = suite_recipe(None, ["piqa"], 0, None, max_new_tokens=5)
    with pytest.raises(UsageError, match="the model writes in none"):
        describe_run(RunOptions(str(model_folder)), recipe, make_plugins())


@pytest.mark.parametrize(
    ("text", "finish", "cut"),
    [("so 7", "length", True), ("so 7", "stop", False), ("so 7\n\nQ: 8", "length", False)],
)
def test_a_server_says_whether_the_limit_ended_a_text(
    text: str, finish: str, cut: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = json.dumps({"choices": [{"text": text, "finish_reason": finish}]}).encode()
    monkeypatch.setattr("mind_eval.models.endpoint.post", lambda *_: answer)
    written = Endpoint("http://127.0.0.1:9/v1", "small").write("1+6=", ["\n\n"], 5, "item 0")
    assert written == "so 7" and written.cut is cut


@pytest.mark.parametrize(("name", "limit"), [("bbh", 1024), ("math", 1024), ("gsm8k", 512)])
def test_reasoning_has_room(name: str, limit: int) -> None:
    spec = read_spec(FOLDER / name / "written.yaml", name)
    assert with_limit(spec).new_tokens == limit and with_limit(spec, 7).new_tokens == 7
    assert "cut" in with_limit(spec).metrics


def test_an_lm_eval_task_takes_the_limit_and_tells_what_was_cut(
    model_folder: Path, tmp_path: Path
) -> None:
    pytest.importorskip("lm_eval")
    from mind_eval.cli import make_plugins
    from mind_eval.options import RunOptions
    from mind_eval.pipeline import run_scores

    (tmp_path / "rows.csv").write_text("question,answer\n1+1=,2\n2+2=,4\n")
    task = tmp_path / "sums.yaml"
    task.write_text(
        "task: sums\noutput_type: generate_until\ndataset_path: csv\n"
        "dataset_kwargs: {data_files: {test: rows.csv}}\ntest_split: test\n"
        'doc_to_text: "{{question}}"\ndoc_to_target: "{{answer}}"\n'
        "generation_kwargs: {until: [@@@], max_gen_toks: 40}\n".replace("@@@", '"@@@"')
    )
    asked = RunOptions(str(model_folder), tasks=(task,), max_new_tokens=2, progress=False)
    scores = run_scores(asked, suite_recipe("none", (), None, None), make_plugins())
    assert scores is not None
    assert scores["configs"]["sums"]["generation_kwargs"]["max_gen_toks"] == 2
    assert scores["results"]["sums"]["cut,none"] == 1.0
    assert "sums: 100.0% of the texts were cut" in scores_table(scores)
