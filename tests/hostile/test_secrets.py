"""A canary is the key: it is looked for in every byte that is written, and in command lines."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mind_core.errors import MindError, UsageError
from mind_core.servers import check_address, redact, refuse_secret
from mind_core.testing import run_tool

CANARY = 'sk-canary/7"f3a9\\2c1e-5d'
FORMS = (CANARY, json.dumps(CANARY)[1:-1], "sk-canary%2F7%22f3a9%5C2c1e-5d", "7%22f3a9", '7"f3a9')


class Repeating(http.server.BaseHTTPRequestHandler):
    """Repeat the key wherever an answer has a place for it; the path says where."""

    heard: list[str]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        key = self.headers.get("Authorization", "").removeprefix("Bearer ")
        self.heard.append(key)
        kind = self.path.split("/")[1]
        choice = {"text": "a", "message": {"content": "a"}, "finish_reason": "stop"}
        if kind == "text":
            choice = {"text": key, "message": {"content": key}, "finish_reason": "stop"}
        elif kind == "finish":
            choice["finish_reason"] = key
        code = {"refused": 401, "busy": 503, "moved": 307}.get(kind, 200)
        self.send_response(code, f"no: {key}" if code != 200 else None)
        self.send_header("Retry-After", "0")
        if code == 307:
            self.send_header("Location", f"/text/{key}")
        body = json.dumps({"choices": [choice], "error": key} if kind != "junk" else [key]).encode()
        body = key.encode() + b"{" if kind == "broken" else body
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture(scope="module")
def repeating() -> Iterator[tuple[str, list[str]]]:
    heard: list[str] = []
    handler = type("Hearing", (Repeating,), {"heard": heard})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", heard
        server.shutdown()


def told(error: BaseException) -> str:
    """Return all that a person sees of an error."""
    return "\n".join(error.lines("tool")) if isinstance(error, MindError) else repr(error)


def without_canary(text: str) -> bool:
    return not any(form in text for form in FORMS)


KINDS = ("refused", "busy", "moved", "text", "junk", "broken", "finish")


@pytest.mark.hostile("a key in an error or an answer")
@pytest.mark.parametrize("kind", KINDS)
def test_no_error_or_answer_shows_the_key(
    repeating: tuple[str, list[str]], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mind_domain.teachers import Decoding, open_writer
    from mind_eval.models import http_requests
    from mind_eval.models.endpoint import Endpoint

    monkeypatch.setattr(http_requests, "PAUSE", 0.0)
    monkeypatch.setenv("MIND_API_KEY", CANARY)
    address, heard = repeating
    heard.clear()
    writer = open_writer(f"{address}/{kind}#m", lambda _: None)
    server = Endpoint(f"{address}/{kind}", "m", 5.0, "chat", key=CANARY)
    assert without_canary(repr(writer) + repr(server) + writer.name + server.named)
    with pytest.raises(MindError) as first:
        writer.write([{"role": "user", "content": "?"}], Decoding())
    with pytest.raises(MindError) as second:
        server.write("?", [], 5, "item")
    assert without_canary(told(first.value)) and without_canary(told(second.value))
    assert set(heard) == {CANARY}, "it was sent, and to this server alone"
    assert len(heard) >= 2


@pytest.mark.hostile("a key on the command line")
@pytest.mark.parametrize(
    "address",
    [f"http://user:{CANARY[:9]}@127.0.0.1:1/v1", "http://sk-canary@127.0.0.1:1/v1",
     "http://127.0.0.1:1/v1?api_key=sk-canary", "http://[sk-canary/v1",
     "redis://:sk-canary@127.0.0.1:1/0?name=a", "redis://127.0.0.1:1/0?password=sk-canary"],
)  # fmt: skip
def test_an_address_with_a_secret_is_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(UsageError) as raised:
        check_address(address, "set VARIABLE")
    assert "sk-canary" not in told(raised.value)
    assert check_address("redis://127.0.0.1:1/0?name=keys", "") and check_address("http://a/v1", "")


def test_a_key_is_hidden_in_all_its_forms() -> None:
    for form in FORMS[:3]:
        assert redact(f"a {form} b", None, "", CANARY) == "a *** b"
    assert refuse_secret(b"EMPTY", "it", "EMPTY") == b"EMPTY"
    with pytest.raises(MindError):
        refuse_secret(CANARY.encode(), "it", CANARY)


def bytes_below(folder: Path) -> str:
    """Return names and contents of all files of a folder, decompressed where they are zstd."""
    import io

    import zstandard

    found = ""
    for path in folder.rglob("*"):
        data = path.read_bytes() if path.is_file() else b""
        if data.startswith(b"\x28\xb5\x2f\xfd"):
            data += zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data)).read()
        found += path.name + data.decode("utf-8", "replace")
    return found


@pytest.mark.hostile("a key in what a run writes")
@pytest.mark.parametrize("kind", ["good", "text", "refused"])
def test_a_run_writes_no_key(repeating: tuple[str, list[str]], tmp_path: Path, kind: str) -> None:
    address, heard = repeating
    heard.clear()
    question = b'{"id": "1", "messages": [{"role": "user", "content": "?"}]}\n'
    given = ["answer", "--model", f"a={address}/{kind}#m", "--log", tmp_path / "log", "-o",
             tmp_path / "out.zst"]  # fmt: skip
    done = run_tool("mind-domain", given, question, environment={"MIND_API_KEY": CANARY})
    assert (done.code == 0) == (kind == "good"), done.stderr
    assert heard, done.stderr
    assert without_canary(done.stderr + done.stdout.decode() + bytes_below(tmp_path))


@pytest.mark.hostile("a key in what a run writes")
@pytest.mark.long
@pytest.mark.parametrize("kind", ["good", "text", "refused"])
def test_an_evaluation_writes_no_key(
    repeating: tuple[str, list[str]], tmp_path: Path, kind: str
) -> None:
    """Watch the process list as well while it runs."""
    address, heard = repeating
    heard.clear()
    (tmp_path / "data" / "gsm8k").mkdir(parents=True)
    row = json.dumps({"question": "1+1?", "answer": "It is #### 2"}) + "\n"
    for split in ("train", "test"):
        (tmp_path / "data" / "gsm8k" / f"{split}.jsonl").write_text(row * 2)
    given = ["run", "--model", f"{address}/{kind}", "--model-name", "m", "--api", "chat",
             "--api-key-env", "CANARY", "--data-root", str(tmp_path / "data"),
             "--benchmark", "gsm8k", "--shots", "0", "--limit", "2",
             "--keep-going", "-o", str(tmp_path / "scores")]  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "mind_eval", *given], stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, env={**os.environ, "CANARY": CANARY},
    )  # fmt: skip
    seen = Path(f"/proc/{process.pid}/cmdline").read_bytes().decode()
    out, err = process.communicate(timeout=250)
    assert heard, err.decode()
    assert without_canary(seen + out.decode() + err.decode() + bytes_below(tmp_path))


@pytest.mark.hostile("a key on the command line")
@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("mind-clean", ["http://h/x?api_key=sk-canary"]),
        ("mind-dedup", ["https://user:sk-canary@h/x.jsonl"]),
        ("mind-clean", ["-", "-o", "s3://a:sk-canary@bucket/x"]),
        ("mind-eval", ["run", "--model", "http://h/v1", "--model-name", "m", "--api-key-env",
                       "sk-canary"]),
    ],
)  # fmt: skip
def test_an_error_does_not_repeat_what_was_given_as_a_key(tool: str, arguments: list[str]) -> None:
    done = run_tool(tool, arguments, b"")
    assert done.code in (1, 2) and "error" in done.stderr
    assert "sk-canary" not in done.stderr
