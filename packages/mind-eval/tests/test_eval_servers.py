"""Servers: chat, choices by echo and logprobs, keys, patience, several requests at once, resume."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import torch

from mind_core import MindError
from mind_core.testing import run_tool
from mind_eval.models import http_requests
from mind_eval.models.endpoint import Endpoint, UnansweredError
from mind_eval.results import read_items, read_scores

if TYPE_CHECKING:
    from mind_train import Checkpoint

ONE = {"OMP_NUM_THREADS": "1"}


class Server:
    """An HTTP server around a real small model: completions, echo with logprobs, chat."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        outer = self
        self.checkpoint = checkpoint
        self.asked, self.keys, self.busy = list[dict[str, Any]](), list[str | None](), 0
        self.now = self.most = 0
        self.pause, self.reply = 0.0, None
        self.retry_after = "0"
        self.lock = threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with outer.lock:
                    outer.asked.append(body)
                    outer.keys.append(self.headers.get("Authorization"))
                    outer.now += 1
                    outer.most = max(outer.most, outer.now)
                    turned_away = outer.busy > 0
                    outer.busy -= turned_away
                time.sleep(outer.pause)
                with outer.lock:
                    outer.now -= 1
                    answer = b"{}" if turned_away else json.dumps(outer.answer(body)).encode()
                self.send_response(429 if turned_away else 200)
                if turned_away:
                    self.send_header("Retry-After", outer.retry_after)
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.http.server_address[1]}/v1"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def answer(self, body: dict[str, Any]) -> Any:
        if self.reply is not None:
            return {"choices": [self.reply]}
        if "messages" in body:
            content = f"#### {len(body['messages'][0]['content'])}"
            return {"choices": [{"message": {"content": content}, "finish_reason": "stop"}]}
        if body.get("echo"):
            return {
                "choices": [{"text": body["prompt"], "logprobs": self.logprobs(body["prompt"])}]
            }
        return {"choices": [{"text": "#### 2", "finish_reason": "stop"}]}

    def logprobs(self, prompt: str) -> dict[str, Any]:
        """Lay log-probabilities out as OpenAI's completions do, with one generated token."""
        tokenizer, model = self.checkpoint.tokenizer, self.checkpoint.model
        ids = tokenizer.encode(prompt)
        with torch.no_grad():
            scores = model.logits(model(torch.tensor([ids])))[0].double().log_softmax(-1)
        nats = [None, *(float(scores[n, token]) for n, token in enumerate(ids[1:]))]
        tops = [None, *({"top": float(row.max())} for row in scores[:-1])]
        offsets = [len(tokenizer.decode(ids[:n])) for n in range(len(ids))]
        return {
            "text_offset": [*offsets, len(prompt)], "token_logprobs": [*nats, -0.5],
            "tokens": [*map(str, ids), "!"], "top_logprobs": [*tops, {"top": -0.5}],
        }  # fmt: skip


@pytest.fixture(scope="module")
def long_folder(tokenizer_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a model whose context holds every prompt here, so that nothing is cut."""
    from mind_train.checkpoint import save_checkpoint
    from mind_train.models.mindllm import MindLLMConfig

    torch.manual_seed(0)
    config = MindLLMConfig(vocab=2400, dim=32, layers=2, heads=2, ffn_dim=64, context=1024)
    model = config.build()
    with torch.no_grad():
        for p in model.parameters():
            if p.ndim > 1:
                p.mul_(6.0)
    folder = tmp_path_factory.mktemp("long")
    save_checkpoint(folder, 1, "mindllm", model, {}, {}, tokenizer_folder)
    return folder


@pytest.fixture
def server(long_folder: Path) -> Iterator[Server]:
    from mind_train import load_checkpoint

    made = Server(load_checkpoint(long_folder))
    yield made
    made.http.shutdown()
    made.http.server_close()


@pytest.fixture(scope="module")
def served(long_folder: Path) -> Iterator[str]:
    """Serve the model as `mind-train serve` does, on a thread; give the address."""
    pytest.importorskip("starlette")
    uvicorn = pytest.importorskip("uvicorn")
    from mind_train import load_checkpoint
    from mind_train.serving.app import Server as MindServer
    from mind_train.serving.engine import GenerationEngine

    checkpoint = load_checkpoint(long_folder)
    engine = GenerationEngine(checkpoint, 8, 256)
    taken = socket.create_server(("127.0.0.1", 0))
    app = MindServer(checkpoint, "small", None, 512, engine).app()
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, args=([taken],), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
    server.should_exit = True
    thread.join(60)


def run(server: Server, output: Path, *more: Any) -> Any:
    return run_tool(
        "mind-eval",
        ["run", "--model", server.address, "--model-name", "small", "-o", output, *more],
        environment=ONE,
    )


@pytest.mark.parametrize(
    ("name", "form"),
    [("piqa", "cloze"), ("piqa", "letter"), ("mmlu", "letter"), ("gaokao", "cloze"),
     ("gaokao", "letter")],
)  # fmt: skip
def test_choices_over_a_server_are_the_folders(
    served: str, long_folder: Path, tmp_path: Path, name: str, form: str
) -> None:
    asked = ["--benchmark", name, "--form", form, "--shots", "0", "--limit", "8"]
    there = ["--model", served, "--model-name", "small", "--concurrency", "4"]
    done = run_tool("mind-eval", ["run", *there, *asked, "-o", tmp_path / "server"],
                    environment=ONE)  # fmt: skip
    assert done.code == 0, done.stderr
    local = run_tool("mind-eval", ["run", "--model", long_folder, *asked, "-o", tmp_path / "here"],
                     environment=ONE)  # fmt: skip
    assert local.code == 0, local.stderr
    sides = (read_items(tmp_path / "server"), read_items(tmp_path / "here"))
    for one, two in zip(*sides, strict=True):
        for ours, theirs in zip(one["answers"], two["answers"], strict=True):
            assert ours[0] == pytest.approx(theirs[0], abs=1e-3) and ours[1] == theirs[1]
    assert [one["metrics"] for one in sides[0]] == [one["metrics"] for one in sides[1]]


def gsm(root: Path, count: int) -> Path:
    (root / "gsm8k").mkdir(parents=True)
    rows = [json.dumps({"question": f"{n}+0?", "answer": f"#### {n}"}) + "\n" for n in range(count)]
    for split in ("train", "test"):
        (root / "gsm8k" / f"{split}.jsonl").write_text("".join(rows))
    return root


def test_chat_with_a_key_of_the_environment_several_at_once(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = gsm(tmp_path / "data", 24)
    asked = ["--benchmark", "gsm8k", "--data-root", root, "--shots", "0", "--api", "chat"]
    done = run(server, tmp_path / "no", *asked, "--api-key-env", "NO_SUCH_KEY")
    assert done.code == 2 and "no such variable" in done.stderr and not server.asked
    monkeypatch.setenv("MY_KEY", "secret-1")
    server.pause = 0.05
    done = run(server, tmp_path / "s", *asked, "--api-key-env", "MY_KEY", "--concurrency", "8")
    assert done.code == 0, done.stderr
    assert set(server.keys) == {"Bearer secret-1"} and len(server.asked) == 24
    assert 4 <= server.most <= 8, "as many at a time as were asked for"
    assert all(one["messages"][0]["role"] == "user" for one in server.asked)
    found = [item["id"] for item in read_items(tmp_path / "s")]
    assert found == [f"gsm8k/test-{n}" for n in range(24)], "in order, whoever answered first"
    texts = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"secret-1" not in texts and "secret-1" not in done.stderr
    assert read_scores(tmp_path / "s")["model"]["api"] == "chat"


def test_a_busy_server_is_waited_for_and_a_killed_run_goes_on(
    server: Server, tmp_path: Path
) -> None:
    root = gsm(tmp_path / "data", 6)
    asked = ["--benchmark", "gsm8k", "--data-root", root, "--shots", "0"]
    server.busy = 5
    done = run(server, tmp_path / "s", *asked)
    assert done.code == 0, done.stderr
    assert len(server.asked) == 11, "five were turned away, and asked again"
    lines = (tmp_path / "s.answers" / "rank-0.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "two.answers").mkdir()
    (tmp_path / "two.answers" / "rank-0.jsonl").write_bytes(b"".join(lines[:4]))
    done = run(server, tmp_path / "two", *asked)
    assert done.code == 0 and len(server.asked) == 13, "two of six were missing"
    assert read_scores(tmp_path / "two")["results"] == read_scores(tmp_path / "s")["results"]


@pytest.mark.parametrize(
    ("said", "waits"), [("7", [7.0]), ("soon", [0.5]), ("Mon, 01 Jan 2001 00:00:00 GMT", [0.0])]
)
def test_waiting_is_as_long_as_the_server_says(
    server: Server, monkeypatch: pytest.MonkeyPatch, said: str, waits: list[float]
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(http_requests, "time", SimpleNamespace(sleep=waited.append))
    server.busy, server.retry_after = 1, said
    Endpoint(server.address, "m").write("2+2=", (), 4, "item 7")
    assert waited == waits


@pytest.mark.parametrize(
    ("reply", "kind"),
    [({"message": {"content": None, "refusal": "I cannot"}}, "filtered"),
     ({"message": {"content": None}, "finish_reason": "length"}, "cut"),
     ({"message": {"content": None}, "finish_reason": "tool_calls"}, "tool_calls"),
     ({"message": {"content": "x"}, "finish_reason": "content_filter"}, "filtered")],
)  # fmt: skip
def test_chat_refusals_have_their_kind(server: Server, reply: Any, kind: str) -> None:
    server.reply = reply
    with pytest.raises(UnansweredError) as error:
        Endpoint(server.address, "m", api="chat").write("2+2=", (), 4, "item 7")
    assert error.value.kind == kind


@pytest.mark.parametrize(
    "logprobs",
    [None, {}, {"text_offset": [0, 5], "token_logprobs": [None, None]},
     {"text_offset": [0, 5], "token_logprobs": [None, "x"]}, {"text_offset": [0, 5]}, []],
)  # fmt: skip
def test_log_probabilities_that_are_none_are_named(server: Server, logprobs: Any) -> None:
    server.reply = {"text": "?", "logprobs": logprobs}
    with pytest.raises(MindError, match=r"item 7: .* gave no log-probabilities"):
        Endpoint(server.address, "m").score("Water", " boils", "item 7")


def test_a_redirection_is_not_followed(server: Server) -> None:
    class Elsewhere(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(302)
            self.send_header("Location", server.address + "/completions")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    endpoint = Endpoint(f"http://127.0.0.1:{http.server_address[1]}/v1", "m", key="secret")
    with pytest.raises(MindError, match="gave no answer"):
        endpoint.write("2+2=", (), 4, "item 7")
    assert server.asked == [] and "secret" not in repr(endpoint)
    http.shutdown()
    http.server_close()
