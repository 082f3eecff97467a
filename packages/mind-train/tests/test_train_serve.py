"""The server, as clients meet it: a process of its own, asked over HTTP."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from mind_core.testing import ToolResult
from mind_tok.chat import encode_prompt
from mind_train import load_checkpoint
from mind_train.decoding import Rules, write_all

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")
KEY = "a key"


class Client:
    def __init__(self, address: str) -> None:
        self.address = address

    def ask(self, path: str, body: Any = None, key: str = KEY) -> tuple[int, bytes]:
        data = (
            None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        )
        head = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.address + path, data, head)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def get(self, path: str, body: Any = None) -> Any:
        status, data = self.ask(path, body)
        assert status == 200, data
        return json.loads(data)

    def events(self, path: str, body: Any) -> list[Any]:
        status, data = self.ask(path, body)
        assert status == 200 and data.endswith(b"data: [DONE]\n\n")
        return [json.loads(line[6:]) for line in data.split(b"\n\n")[:-2]]


@pytest.fixture(scope="module")
def client(trained: Path) -> Iterator[Client]:
    command = [sys.executable, "-m", "mind_train", "serve", str(trained), "--port", "0"]
    command += ["--name", "tiny", "--max-new", "64", "--batch", "4"]
    environment = {**os.environ, "MIND_SERVE_KEY": KEY, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    said = ""
    while "a page at" not in said:
        line = process.stderr.readline()
        assert line, said
        said += line
    assert KEY not in said and " on cpu with" in said
    found = re.search(r"tiny at (http://127\.0\.0\.1:\d+)/v1", said)
    assert found is not None
    yield Client(found[1])
    process.send_signal(signal.SIGINT)
    assert process.wait(60) in (0, 130)


def test_what_is_written_is_what_sample_writes(client: Client, trained: Path) -> None:
    checkpoint = load_checkpoint(trained)
    words = checkpoint.tokenizer
    prompts = ["Still waters", "学而", "Better"]
    rules = Rules(9, 0.0, 1.0, logprobs=2)
    ids = [[words.end_id, *words.encode(prompt)] for prompt in prompts]
    wanted = write_all(checkpoint.model, words, ids, [rules] * 3)
    asked = {"model": "tiny", "prompt": prompts, "max_tokens": 9, "temperature": 0, "logprobs": 2}
    found = client.get("/v1/completions", asked)
    assert [choice["text"] for choice in found["choices"]] == [one.text for one in wanted]
    assert [choice["index"] for choice in found["choices"]] == [0, 1, 2]
    assert found["object"] == "text_completion" and found["model"] == "tiny"
    read, new = sum(map(len, ids)), sum(len(one.ids) for one in wanted)
    assert found["usage"] == {
        "prompt_tokens": read, "completion_tokens": new, "total_tokens": read + new,
    }  # fmt: skip
    for choice, one in zip(found["choices"], wanted, strict=True):
        shares = choice["logprobs"]["token_logprobs"]
        assert shares == pytest.approx([share for _, share, _ in one.logprobs], abs=1e-4)
        assert choice["finish_reason"] == one.finish
    by_ids = client.get("/v1/completions", {**asked, "prompt": ids})
    assert [c["text"] for c in by_ids["choices"]] == [c["text"] for c in found["choices"]]


def test_a_prompt_is_echoed_with_its_log_probabilities(client: Client, trained: Path) -> None:
    """As `mind-eval` asks: nothing before the text, offsets in characters, several at once."""
    checkpoint = load_checkpoint(trained)
    words, model = checkpoint.tokenizer, checkpoint.model
    prompts = ["Still waters run deep", "学而时习之，𠮷不亦说乎？", "学而时习之，𠮷不亦说乎！"]
    asked = {"prompt": prompts, "max_tokens": 2, "temperature": 0, "logprobs": 3, "echo": True}
    found = client.get("/v1/completions", asked)["choices"]
    for prompt, choice in zip(prompts, found, strict=True):
        ids, told = words.encode(prompt), choice["logprobs"]
        scores = model.logits(model(torch.tensor([ids])))[0].log_softmax(-1)
        wanted = [float(scores[n, token]) for n, token in enumerate(ids[1:])]
        assert told["token_logprobs"][0] is None and choice["text"].startswith(prompt)
        assert told["token_logprobs"][1 : len(ids)] == pytest.approx(wanted, abs=1e-4)
        tops = [max(one.values()) for one in told["top_logprobs"][1:]]
        assert tops[: len(ids) - 1] == pytest.approx(scores[:-1].amax(-1).tolist(), abs=1e-4)
        starts = [len(words.decode(ids[:n]).rstrip("\ufffd")) for n in range(len(ids))]
        assert told["text_offset"][: len(ids)] == starts
        assert len(told["tokens"]) == len(told["text_offset"]) == len(told["top_logprobs"])
        assert len(told["tokens"]) in (len(ids) + 1, len(ids) + 2)
    bare = client.get("/v1/completions", {**asked, "logprobs": None})["choices"]
    assert [one["logprobs"] for one in bare] == [None] * 3
    status, data = client.ask("/v1/completions", {**asked, "stream": True})
    assert status == 400 and json.loads(data)["error"]["param"] == "echo"


@pytest.mark.parametrize("chat", [False, True])
def test_a_stream_is_the_whole_in_pieces(client: Client, chat: bool, trained: Path) -> None:
    path = "/v1/chat/completions" if chat else "/v1/completions"
    asked: dict[str, Any] = {"max_tokens": 20, "temperature": 1.2, "seed": 5, "n": 2}
    asked |= {"logprobs": True, "top_logprobs": 2} if chat else {"logprobs": 2}
    if chat:
        asked["messages"] = [{"role": "user", "content": "学而时习之？"}]
    else:
        asked["prompt"] = "Actions speak"
    whole = client.get(path, asked)
    events = client.events(path, {**asked, "stream": True})
    for number, choice in enumerate(whole["choices"]):
        mine = [e["choices"][0] for e in events if e["choices"][0]["index"] == number]
        pieces = [c["delta"]["content"] if chat else c["text"] for c in mine]
        text = choice["message"]["content"] if chat else choice["text"]
        assert "".join(pieces) == text
        assert [c["finish_reason"] for c in mine][-1] == choice["finish_reason"]
        assert all(c["finish_reason"] is None for c in mine[:-1])
        key = "content" if chat else "tokens"
        streamed = [x for c in mine for x in c["logprobs"][key]]
        assert streamed == choice["logprobs"][key]
    if chat:
        checkpoint = load_checkpoint(trained)
        ids = encode_prompt(checkpoint.tokenizer, asked["messages"])
        assert whole["usage"]["prompt_tokens"] == 2 * len(ids)


def test_stop_strings_and_seeds(client: Client) -> None:
    asked = {"prompt": "Still", "max_tokens": 40, "temperature": 1.5, "seed": 3}
    (plain,) = client.get("/v1/completions", asked)["choices"]
    assert plain == client.get("/v1/completions", asked)["choices"][0]
    middle = plain["text"][5:7]
    (cut,) = client.get("/v1/completions", {**asked, "stop": [middle]})["choices"]
    assert cut["text"] == plain["text"][: plain["text"].index(middle)]
    assert cut["finish_reason"] == "stop"


def test_many_clients_get_each_their_own(client: Client) -> None:
    prompts = ["Still", "Better late", "学而时习之", "All", "己所不欲", "Where there is"] * 2
    answers: dict[int, str] = {}

    def ask(number: int) -> None:
        asked = {"prompt": prompts[number], "max_tokens": 12, "temperature": 0}
        answers[number] = client.get("/v1/completions", asked)["choices"][0]["text"]

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(len(prompts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, prompt in enumerate(prompts):
        asked = {"prompt": prompt, "max_tokens": 12, "temperature": 0}
        assert answers[number] == client.get("/v1/completions", asked)["choices"][0]["text"]


@pytest.mark.parametrize(
    ("path", "body", "status", "word", "field"),
    [
        ("completions", b"{half", 400, "not JSON", None),
        ("completions", [1], 400, "no JSON object", None),
        ("completions", {"prompt": "a", "temperature": -1}, 400, "temperature", "temperature"),
        ("completions", b'{"prompt": "a", "temperature": NaN}', 400, "not JSON", None),
        ("completions", {"prompt": "a", "top_p": 0}, 400, "top_p", "top_p"),
        ("completions", {"prompt": "a", "max_tokens": 65}, 400, "from 1 to 64", "max_tokens"),
        ("completions", {"prompt": "a", "n": 65}, 400, "n is", "n"),
        ("completions", {"prompt": {"a": 1}}, 400, "prompt is", "prompt"),
        ("completions", {"prompt": [[1 << 30]]}, 400, "prompt is", "prompt"),
        ("completions", {"prompt": "moss " * 99}, 400, "context", "prompt"),
        ("completions", {"prompt": "a", "stop": [""]}, 400, "stop is", "stop"),
        ("completions", {"prompt": "a", "suffix": "b"}, 400, "not supported", "suffix"),
        ("completions", {"prompt": "a", "model": "gpt-4"}, 404, "only 'tiny'", "model"),
        ("chat/completions", {"messages": []}, 400, "messages", "messages"),
        ("chat/completions", {"messages": [{"role": "user"}]}, 400, "content", "messages"),
        ("chat/completions", {"messages": [{"role": "assistant", "content": "x"}]}, 400,
         "the user's", "messages"),
        ("completions", b" " * (1 << 21), 413, "larger", None),
    ],
)  # fmt: skip
def test_bad_requests(
    client: Client, path: str, body: Any, status: int, word: str, field: str | None
) -> None:
    got, data = client.ask(f"/v1/{path}", body)
    error = json.loads(data)["error"]
    assert got == status and word in error["message"] and error["param"] == field
    assert client.get("/health") == {"status": "ok"}


def test_the_key_and_the_page(client: Client) -> None:
    for key in ("", "wrong", KEY + "x"):
        for path, body in (("models", None), ("completions", {"prompt": "a"})):
            status, data = client.ask(f"/v1/{path}", body, key)
            assert status == 401 and json.loads(data)["error"]["code"] == "invalid_api_key"
    assert client.get("/v1/models")["data"][0]["id"] == "tiny"
    status, page = client.ask("/", key="")
    assert status == 200 and b"/v1/chat/completions" in page and KEY.encode() not in page
    assert not re.findall(rb"https?://", page)  # nothing is fetched from elsewhere


def test_other_machines_need_a_key(
    trained: Path, mind_train: Callable[..., ToolResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIND_SERVE_KEY", "")
    done = mind_train("serve", trained, "--host", "0.0.0.0")
    assert done.code == 2 and "there is no key" in done.stderr and "MIND_SERVE_KEY" in done.stderr


@pytest.mark.parametrize("key", ["a key", "clé", "密钥"])
def test_a_key_of_any_letters_opens(key: str) -> None:
    """As UTF-8, which most clients send, and as Latin-1, which Python's http.client does."""
    from starlette.requests import Request

    from mind_train.serving.app import Server

    server = Server(None, "tiny", key, 1, None)  # type: ignore[arg-type]

    def allowed(sent: bytes) -> bool:
        headers = [(b"authorization", b"Bearer " + sent)]
        return server._allowed(Request({"type": "http", "headers": headers}))

    assert allowed(key.encode())
    assert key == "密钥" or allowed(key.encode("latin-1"))
    assert not allowed(b"") and not allowed(key.encode()[:-1]) and not allowed(b"\xff\xfe")
