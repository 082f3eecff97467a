"""Tasks in which the model writes: extraction, translation, servers."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import mind_eval.models.http_requests as http_module
from mind_core import MindError
from mind_core.errors import UsageError
from mind_core.testing import run_tool
from mind_eval import generation
from mind_eval.generation import GenerationRequest, Generator, generation_plan
from mind_eval.metrics.extract import EXTRACTORS, last_boxed
from mind_eval.metrics.translation import corpus_scores
from mind_eval.models.endpoint import Endpoint, UnansweredError
from mind_eval.models.model import mind_model
from mind_eval.results import read_items, read_scores
from mind_eval.suites import suite_recipe

if TYPE_CHECKING:
    from mind_train import Checkpoint

GSM = "Natalia has {n} apples and buys 2 more. How many has she?"


@pytest.mark.parametrize(
    ("extractor", "text", "found"),
    [
        ("number_marked", "He has 3.\n#### 1,234.50", "1234.5"),
        ("number_marked", "the answer is 3", None),
        ("number_last", "so $1,200 and 7.", "7"),
        ("number_last", "none", None),
        ("stated", "So the answer is (B).", "(B)"),
        ("stated", "So the answer is ] ] ].\nQ:", "] ] ]"),
        ("stated", "I do not know", None),
        ("formula", r"thus $\boxed{\dfrac{1}{2}}$.", r"\dfrac{1}{2}"),
        ("formula", r"Final Answer: The final answer is $x=5$. I hope it is correct.", "x=5"),
        ("formula", "no idea", None),
        ("whole", "  yes \n", "yes"),
        ("whole", " ", None),
    ],
)
def test_answers_are_found_or_counted_as_unparsed(
    extractor: str, text: str, found: str | None
) -> None:
    assert EXTRACTORS[extractor](text) == found


def test_the_last_boxed_formula_is_found_with_its_braces() -> None:
    assert last_boxed(r"\boxed{a} then \boxed{\frac{1}{2}}") == r"\frac{1}{2}"
    assert last_boxed(r"\boxed{never ends") is None
    assert EXTRACTORS["formula"](r"\boxed{$5$}") == "5"


def test_spbleu_is_sacrebleus_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the same model in the place where sacrebleu keeps that of Flores-101."""
    pytest.importorskip("sacrebleu")
    import sentencepiece
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.tokenizers import tokenizer_spm

    wanted = ["今天天气很好。", "猫在睡觉。", "the cat sleeps", "模型需要很多文字。"]
    written = ["今天天气好。", "狗在睡觉。", "a cat sleeps", "模型需要文字。"]
    (tmp_path / "text").write_text("\n".join(wanted * 9), "utf-8")
    (tmp_path / "models").mkdir()
    name = "sacrebleu_tokenizer_spm"
    sentencepiece.SentencePieceTrainer.train(
        input=str(tmp_path / "text"), model_prefix=str(tmp_path / "models" / name), vocab_size=45,
        minloglevel=2, hard_vocab_limit=False,
    )  # fmt: skip
    monkeypatch.setattr(tokenizer_spm, "SACREBLEU_DIR", str(tmp_path))
    file = str(tmp_path / "models" / f"{name}.model")
    ours = corpus_scores(written, wanted, "zh", file)["spbleu"]
    theirs = BLEU(tokenize="flores101").corpus_score(written, [wanted])
    assert ours["value"] == pytest.approx(theirs.score, abs=1e-9) and 0 < theirs.score < 100
    assert "tok:spm-" in ours["signature"] and "spbleu" not in corpus_scores(written, wanted, "zh")
    recipe = suite_recipe(None, ["flores"], None, None, spm=file)
    assert recipe.values["spm"] == file
    with pytest.raises(UsageError, match="no SentencePiece model"):
        suite_recipe(None, ["flores"], None, None, spm=str(tmp_path / "text"))


def test_chinese_targets_are_segmented() -> None:
    pytest.importorskip("sacrebleu")
    wanted = ["今天天气很好，我们去公园散步。", "他买了三本书。"] * 4
    written = ["今天天气好，我们去公园散步。", "他买了三本旧书。"] * 4
    scores = corpus_scores(written, wanted, "zh-Hant")
    assert "tok:zh" in scores["bleu"]["signature"]
    assert scores["bleu"]["value"] > 50 and scores["bleu"]["error"] > 0
    assert "tok:13a" in corpus_scores(["a cat"], ["a cat sat"], "en")["bleu"]["signature"]
    same = corpus_scores(wanted, wanted, "zh")
    assert same["bleu"]["value"] == pytest.approx(100) == same["chrf"]["value"]
    naive = corpus_scores(written, wanted, "en")["bleu"]["value"]
    assert naive < 30 < scores["bleu"]["value"], "the default tokenizer sees one word a sentence"


@pytest.mark.parametrize("packs", [True, False])
def test_batches_write_what_single_prompts_write(
    checkpoint: Checkpoint, packs: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mind_train.generate import generate

    model = mind_model(checkpoint)
    model.network.packs = packs
    monkeypatch.setattr(generation, "MIN_SAVED_GENERATING", 60)  # so that these share a prefix
    texts = [f"Question: how do I open jar number {n}?\nAnswer:" for n in range(9)]
    texts += ["下列", "Answer:", "下列说法正确的是"]
    wanted = [GenerationRequest(tuple(checkpoint.tokenizer.encode(text)), (), 12) for text in texts]
    batches = generation_plan(wanted, 8192, packs=packs)
    assert sorted(i for batch in batches for i in batch.members) == list(range(len(texts)))
    assert max(len(batch.members) for batch in batches) > 1 and any(b.prefix for b in batches)
    writer, written = Generator(model), {}
    for batch in batches:
        written |= dict(writer.write(batch, wanted))
    for number, one in enumerate(wanted):
        alone = checkpoint.tokenizer.decode(generate(checkpoint, one.tokens, 12))
        assert written[number] == alone


def test_a_batch_of_several_lengths_holds_its_budget() -> None:
    sizes = (90, 10, 11, 12, 13, 40, 41, 200)
    wanted = [
        GenerationRequest(tuple(range(n, n + size)), ("\n",), 20) for n, size in enumerate(sizes)
    ]
    several = [b.members for b in generation_plan(wanted, 130, packs=True)]
    assert several == [(1, 2, 3), (4, 5), (6,), (0,), (7,)], "three of at most 12 + 20 tokens …"
    alike = [b.members for b in generation_plan(wanted, 1000)]
    assert all(len(one) == 1 for one in alike) and len(alike) == len(sizes)


def test_few_prompts_share_what_all_of_them_begin_with() -> None:
    shots = tuple(range(100, 600))
    wanted = [GenerationRequest((*shots, *range(n, n + 40)), ("\n",), 20) for n in range(4)]
    (batch,) = generation_plan(wanted, 8192, packs=True)
    assert len(batch.prefix) == 496 and batch.members == (0, 1, 2, 3)
    assert all(not one.prefix for one in generation_plan(wanted, 8192, share=False, packs=True))
    short = [GenerationRequest(one.tokens[:500], ("\n",), 20) for one in wanted]
    assert len(generation_plan(short, 8192, packs=True)[0].prefix) == 496, "equal prompts"
    apart = [GenerationRequest(tuple(range(n, n + 40)), ("\n",), 20) for n in range(4)]
    assert not generation_plan(apart, 8192, packs=True)[0].prefix


def gsm_root(root: Path) -> Path:
    folder = root / "gsm8k"
    folder.mkdir(parents=True)
    for split, count in (("train", 6), ("test", 5)):
        rows = [
            {"question": GSM.format(n=n), "answer": f"{n}+2={n + 2}\n#### {n + 2}"}
            for n in range(count)
        ]
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return root


def reply(text: str | None, finish: str) -> str:
    return json.dumps({"choices": [{"text": text, "finish_reason": finish}]})


class Server:
    """A real HTTP server around a real small model, which can be told to misbehave."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        outer = self
        self.manner, self.asked = "well", list[dict[str, Any]]()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.asked.append(body)
                if outer.manner == "silent":
                    time.sleep(1.0)
                text = outer.write(checkpoint, body)
                answer = {
                    "well": json.dumps({"choices": [{"text": text}]}),
                    "silent": "{}",
                    "rubbish": "<html>Bad Gateway</html>",
                    "empty": json.dumps({"choices": []}),
                    "number": json.dumps({"choices": [{"text": 7}]}),
                    "unknown": '{"error":{"message":"there is no model small"}}',
                    "cut": '{"choices":',
                    "half": '{"choices": [{"te',
                    "filtered": reply(text, "content_filter"),
                    "null": reply(None, "stop"),
                    "used up": reply(" \n", "length"),
                    "null, used up": reply(None, "length"),
                    "tool": reply("", "tool_calls"),
                    "one filtered": reply(
                        text, "content_filter" if "1 apples" in body["prompt"] else "stop"
                    ),
                    "not http": "\x00 rubbish",
                }[outer.manner]
                if outer.manner != "not http":
                    self.send_response(404 if outer.manner == "unknown" else 200)
                    if outer.manner == "cut":
                        self.send_header("Content-Length", "5000")
                    self.end_headers()
                self.wfile.write(answer.encode())

            def log_message(self, *_: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.http.server_address[1]}/v1"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    @staticmethod
    def write(checkpoint: Checkpoint, body: dict[str, Any]) -> str:
        from mind_train.generate import generate

        ids = checkpoint.tokenizer.encode(body["prompt"])[-60:]
        return checkpoint.tokenizer.decode(generate(checkpoint, ids, 8))


@pytest.fixture
def server(checkpoint: Checkpoint) -> Iterator[Server]:
    made = Server(checkpoint)
    yield made
    made.http.shutdown()
    made.http.server_close()


def test_a_server_is_asked_over_http(server: Server, tmp_path: Path) -> None:
    root = gsm_root(tmp_path / "data")
    arguments = ["run", "--model", server.address, "--model-name", "small", "--benchmark", "gsm8k",
                 "--data-root", root, "--shots", "1"]  # fmt: skip
    done = run_tool("mind-eval", [*arguments, "-o", tmp_path / "scores"])
    assert done.code == 0, done.stderr
    assert len(server.asked) == 5
    assert {one["model"] for one in server.asked} == {"small"}
    assert all(one["temperature"] == 0 and "Question:" in one["stop"] for one in server.asked)
    scores, items = read_scores(tmp_path / "scores"), read_items(tmp_path / "scores")
    assert scores["results"]["gsm8k"]["sample_len"] == 5
    unparsed = sum("####" not in item["answers"][0] for item in items) / 5
    assert scores["results"]["gsm8k"]["unparsed,none"] == pytest.approx(unparsed)
    done = run_tool("mind-eval", [*arguments, "-o", tmp_path / "again", "--answers",
                                  tmp_path / "scores.answers"])  # fmt: skip
    assert done.code == 0 and len(server.asked) == 5, "answers that are there are not asked again"
    done = run_tool("mind-eval", [*arguments[:5], "--benchmark", "piqa", "--api", "chat"])
    assert done.code == 1 and "needs log-probabilities" in done.stderr


@pytest.mark.parametrize(
    "manner", ["silent", "rubbish", "empty", "number", "unknown", "cut", "not http", "half"]
)
def test_a_server_that_fails_is_named_with_the_item(
    server: Server, manner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_module, "PAUSE", 0.01)
    server.manner = manner
    with pytest.raises(MindError, match="task gsm8k, item 7: http://127") as error:
        patience = 0.3 if manner == "silent" else 60.0
        endpoint = Endpoint(server.address, "small", timeout=patience)
        endpoint.write("2+2=", (), 4, "task gsm8k, item 7")
    assert error.value.message
    assert len(server.asked) == (3 if manner in ("silent", "cut", "not http") else 1)
    if manner == "unknown":
        assert "there is no model small" in str(error.value.cause), "its own words are passed on"


def test_a_run_over_a_failing_server_ends_with_1_and_no_scores(
    server: Server, tmp_path: Path
) -> None:
    server.manner = "rubbish"
    root = gsm_root(tmp_path / "data")
    arguments = ["run", "--model", server.address, "--model-name", "s", "--benchmark", "gsm8k",
                 "--data-root", root, "-o", tmp_path / "scores"]  # fmt: skip
    done = run_tool("mind-eval", arguments)
    assert done.code == 1 and "item test-0" in done.stderr and "<html>" in done.stderr
    assert not (tmp_path / "scores").exists()
    done = run_tool("mind-eval", [*arguments, "--keep-going"])
    assert done.code == 1 and "5 items of gsm8k" in done.stderr
    about = read_scores(tmp_path / "scores")["benchmarks"]["gsm8k"]
    assert about["bad_items"] == 5 and "item test-0" in about["bad"][0]


@pytest.mark.parametrize(
    ("manner", "kind"),
    [("filtered", "filtered"), ("null", "filtered"), ("used up", "cut"), ("null, used up", "cut"),
     ("tool", "tool_calls")],
)  # fmt: skip
def test_a_reply_that_is_no_answer_has_its_kind(server: Server, manner: str, kind: str) -> None:
    server.manner = manner
    endpoint = Endpoint(server.address, "small")
    with pytest.raises(UnansweredError, match="task gsm8k, item 7") as error:
        endpoint.write("2+2=", (), 4, "task gsm8k, item 7")
    assert error.value.kind == kind and len(server.asked) == 1


def test_refusals_are_counted_named_and_never_scored(server: Server, tmp_path: Path) -> None:
    server.manner = "one filtered"
    root = gsm_root(tmp_path / "data")
    arguments = ["run", "--model", server.address, "--model-name", "s", "--benchmark", "gsm8k",
                 "--data-root", root, "--shots", "0", "-o", tmp_path / "scores"]  # fmt: skip
    done = run_tool("mind-eval", arguments)
    assert done.code == 1, "an item is missing from the score"
    assert "1 items of gsm8k" in done.stderr
    assert "gsm8k: 1 items filtered by the server, not scored" in done.stdout.decode()
    scores, items = read_scores(tmp_path / "scores"), read_items(tmp_path / "scores")
    about = scores["benchmarks"]["gsm8k"]
    assert about["refused"] == {"filtered": 1} and about["bad_items"] == 1
    assert "item test-1: " in about["bad"][0] and "content filter" in about["bad"][0]
    assert [item["id"] for item in items] == [f"gsm8k/test-{n}" for n in (0, 2, 3, 4)]
    assert scores["results"]["gsm8k"]["sample_len"] == 4
    done = run_tool("mind-eval", ["score", tmp_path / "scores.answers", "-o", tmp_path / "again"])
    assert done.code == 1, "measured again, it is missing still"
    assert read_scores(tmp_path / "again")["benchmarks"] == scores["benchmarks"]


def flores_root(root: Path) -> Path:
    for split in ("dev", "devtest"):
        (root / "flores200" / split).mkdir(parents=True)
        for language, text in (("eng_Latn", "water"), ("zho_Hans", "水"), ("zho_Hant", "水")):
            path = root / "flores200" / split / f"{language}.{split}"
            path.write_text("".join(f"{text} {n} {split}\n" for n in range(4)))
    return root


def test_lm_eval_runs_our_written_tasks_with_our_metrics(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    from lm_eval.evaluator import evaluate

    from mind_eval.benchmarks.benchmark import benchmark_folder
    from mind_eval.builtins import FOLDER
    from mind_eval.distributed import Ranks
    from mind_eval.evaluation import open_benchmark, run_benchmark
    from mind_eval.lm import MindLM
    from mind_eval.prompts.sources import benchmark_task
    from mind_eval.response_cache import ResponseCache
    from mind_eval.results import EvalResults
    from mind_eval.runner import RequestRunner

    root = flores_root(gsm_root(tmp_path))
    model, outcome = mind_model(checkpoint), EvalResults()
    engine = RequestRunner(model, ResponseCache(None), Ranks(), 4096)
    prepared = []
    for name in ("gsm8k", "flores"):
        benchmark = benchmark_folder(FOLDER / name)(shots=1)
        run_benchmark(open_benchmark(name, benchmark, root, 0, False), engine, outcome, None, False)
        prepared.append(
            benchmark_task(name, benchmark, engine.encoder.fits, data_root=root, seed=0)
        )
    found = evaluate(
        MindLM(model), {"tasks": {one.config.task: one for one in prepared}}, bootstrap_iters=0
    )
    assert found is not None
    for name, metrics in (
        ("gsm8k", ("exact_match", "exact_match_flexible", "unparsed")),
        ("flores", ("bleu", "chrf", "unparsed")),
    ):
        texts = {sample["doc_id"]: sample["resps"][0][0] for sample in found["samples"][name]}
        ours = [record for record in outcome.records if record["task"] == name]
        assert {record["doc_id"]: record["answers"][0] for record in ours} == texts
        for metric in metrics:
            theirs = found["results"][name][f"{metric},none"]
            assert theirs == pytest.approx(outcome.results[name][f"{metric},none"])
