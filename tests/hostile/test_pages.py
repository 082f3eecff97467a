"""Pages and pictures whose every word is an attempt to break out of them, opened in a browser."""

from __future__ import annotations

import copy
import http.server
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import orjson
import pytest

from mind_core.files import write_json, write_manifest
from mind_core.output import write_records
from mind_core.records import Record, annotate
from mind_core.summary import Summary

BROWSER = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chrome")
PAYLOADS = (
    "<script>fetch('URL/script')</script>",
    '"><img src=URL/img onerror="fetch(\'URL/onerror\')">',
    "'><svg onload=fetch('URL/onload')>",
    '<meta http-equiv=refresh content="0;url=URL/refresh">',
    "</title></style></textarea></script><iframe src=URL/iframe>",
    "<base href=URL/base/><link rel=stylesheet href=URL/link>",
    '" style="background:url(URL/style)" onmouseover="fetch(\'URL/over\')" x="',
    "<style>@import 'URL/import';</style>",
    "<form action=URL/form><input autofocus onfocus=this.form.submit()></form>",
    "{0.__class__}{}%s\x00\x1b]0;t\x07\u202e",
)
ACTIVE = {"img", "iframe", "base", "link", "form", "object", "embed", "video", "audio", "script"}
SUMMARY = {"tool": "mind-clean", "in": 10, "kept": 5, "rejected": {"density.low": 4},
           "bad": {"not_json": 1}}  # fmt: skip
ITEM = {
    "id": "piqa/1", "task": "piqa", "doc_id": 0, "target": 1, "picked": 1, "shots": 0,
    "answers": [[-4.5, False], [-3.5, False]], "filter": "none", "metrics": {"acc": 1.0},
    "question": "Where?", "choices": ["here", "there"], "prompt_hash": "0", "doc_hash": "1",
}  # fmt: skip
SCORES: dict[str, Any] = {
    "format": "mind-scores", "complete": True, "categories": {},
    "averages": {"Chinese": {"value": 0.5, "stderr": 0.1}},
    "headlines": {"piqa": {"metric": "acc", "value": 0.5, "stderr": 0.1, "average": "items"}},
    "n-samples": {"piqa": {"effective": 1, "original": 1}},
    "results": {"piqa": {"acc,none": 0.5, "acc_stderr,none": 0.1}},
    "model": {"step": 1, "named": "run", "fingerprint": "0"},
    "benchmarks": {"piqa": {
        "language": "en", "chance": 0.5, "bad_items": 2, "data": "shipped", "bad": [],
        "shots": {"asked": 2, "kept_mean": 1.0},
    }},
    "heldout": {"languages": {"zh": {
        "bits_per_byte": 2.0, "nats_per_token": 3.0, "documents": 3, "tokens": 9, "bytes": 27,
        "sources": {"web": {"bits_per_byte": 2.0, "nats_per_token": 3.0, "documents": 1,
                            "tokens": 3},
                    "law": {"bits_per_byte": 2.0, "nats_per_token": 3.0, "documents": 2,
                            "tokens": 6}},
    }}},
}  # fmt: skip
FREE = {"headlines", "n-samples", "results", "benchmarks", "averages", "languages", "sources",
        "rejected", "bad", "validation", "confusion"}  # fmt: skip
"""What holds entries by names that come from data."""


def spoilt(value: Any, payload: str, names: bool = False) -> Any:
    """Put a payload behind every string, and behind every key that is a name out of the data."""
    if isinstance(value, str):
        return value + payload
    if isinstance(value, list):
        return [spoilt(one, payload) for one in value]
    if isinstance(value, dict):
        return {
            (key + payload if names else key): spoilt(one, payload, key in FREE)
            for key, one in value.items()
        }
    return value


def scores_of(payload: str, lists: bool = True) -> dict[str, Any]:
    """Return scores with payloads; with `lists` false, metrics keep their names."""
    scores: dict[str, Any] = spoilt(SCORES, payload)
    scores["format"] = SCORES["format"]
    if not lists:
        for headline in scores["headlines"].values():
            headline["metric"] = "acc"
    for about in scores["benchmarks"].values():
        about["bad_items"] = payload  # a count that is none
    return scores


def write_scores(folder: Path, scores: dict[str, Any], item: Record) -> Path:
    folder.mkdir(parents=True)
    write_json(folder / "scores.json", scores)
    write_records(folder / "items.jsonl.zst", [item])
    write_manifest(folder, {"format": "mind-scores"})
    return folder


def runs_page(folder: Path, payload: str, lists: bool) -> Path:
    """Write the page of two scores folders."""
    from mind_eval.report.comparison import write_runs

    runs = []
    for number in range(2):
        scores = copy.deepcopy(scores_of(payload, lists))
        scores["model"]["step"] = number
        item: Record = spoilt(ITEM, payload)
        if not lists:
            item["picked"] = payload
            item["target"] = payload
            item["choices"] = []
            item["answers"] = [payload]
        runs.append(write_scores(folder / f"run{number}" / "scores", scores, item))
    write_runs(runs, folder / "page.html", "title" + payload)
    return folder / "page.html"


def run_page(folder: Path, payload: str) -> Path:
    """Write the page of a run folder with everything in it."""
    from mind_eval.report.run_report import write_report

    run = folder / "run"
    write_scores(run / "scores", scores_of(payload, lists=False), spoilt(ITEM, payload))
    summary = spoilt(SUMMARY, payload)
    write_json(run / "01-clean.summary.json", summary)
    rejects: list[Record] = []
    for where in ("url", "id"):
        record: Record = {where: "page" + payload, "text": "text" + payload}
        annotate(record, "rejected", tool="mind-clean", step="density", reason="low" + payload,
                 value=payload, threshold=payload)  # fmt: skip
        rejects.append(record)
    write_records(run / "01-clean.rejects.jsonl.zst", rejects)
    (run / "model").mkdir()
    figures = {"nats_per_token": 5.5, "bits_per_byte": 2.25, "tokens": 10}
    lines = [{"step": n, "loss": 9.0 - n, "validation": {"web" + payload: figures},
              "languages": {"zh" + payload: figures}} for n in range(3)]  # fmt: skip
    (run / "model" / "metrics.jsonl").write_bytes(b"\n".join(map(orjson.dumps, lines)))
    row = {"language": "zh" + payload, "documents": 1, "bytes": 3, "tokens": 1,
           "bytes_per_token": 3.0, "tokens_per_character": 1.0, "coverage": 1.0}  # fmt: skip
    inspected = {
        "round_trip": {"documents": 1, "different": 0},
        "languages": [row], "vocabulary": {"longest": [{"text": "a" + payload}]},
        "tokenizer": {"vocab_size": 3, "component": "bpe" + payload},
    }  # fmt: skip
    write_json(run / "tokenizer.json", inspected)
    domain = {
        "metrics": {"mcc" + payload: {"value": 0.1, "low": 0.0, "high": 0.2}}, "records": 3,
        "confusion": {"up" + payload: {"up" + payload: 1}}, "method": "rule" + payload,
    }  # fmt: skip
    write_json(run / "domain.json", domain)
    write_records(run / "samples.jsonl", [{"prompt": payload, "text": payload * 2}], level=0)
    write_report(run, folder / "page.html", "title" + payload)
    return folder / "page.html"


def clean_page(folder: Path, payload: str) -> Path:
    """Write the page of mind-clean."""
    from mind_clean.funnel import KEPT, Funnel
    from mind_clean.report import page

    summary = Summary("mind-clean", records_in=2, kept=1)
    reason = "low" + payload
    summary.rejected.update({f"density{payload}.{reason}": 1})
    funnel = Funnel()
    record: Record = {"id": payload, "source": "web" + payload, "text": payload,
                      "metadata": {"language": payload}}  # fmt: skip
    funnel.add(record, KEPT)
    annotate(record, "rejected", reason=reason, value=payload, threshold=payload)
    funnel.add(record, "density" + payload, reason, orjson.dumps(record))
    folder.mkdir()
    (folder / "page.html").write_text(page(summary, funnel, ["density" + payload]), "utf-8")
    return folder / "page.html"


def pictures(folder: Path, payload: str) -> Path:
    """Write a page with the pictures that tools draw, as they are."""
    from mind_core.render.chart import Line
    from mind_core.render.pictures import Panel, line_picture
    from mind_domain.ratings.show import plot_ratings
    from mind_tok.table import as_svg

    row = {"language": "zh" + payload, "tokens_per_character": 1.5}
    report = {"models": [{"model": payload, "low": 1.0, "high": 3.0, "rating": 2.0}],
              "rule": {"model": payload}}  # fmt: skip
    drawn = [
        as_svg(["a" + payload], [{"languages": [row]}]),
        plot_ratings(report),
        line_picture(
            [Panel(payload, [Line(payload, [(0, 1.0), (1, 2.0)])], "x", payload)], payload
        ),
    ]
    folder.mkdir()
    (folder / "page.html").write_text("<!doctype html>" + "".join(drawn), "utf-8")
    return folder / "page.html"


PAGES: dict[str, Callable[[Path, str], Path]] = {
    "runs": lambda folder, payload: runs_page(folder, payload, lists=False),
    "runs, words": lambda folder, payload: runs_page(folder, payload, lists=True),
    "run": run_page,
    "clean": clean_page,
    "pictures": pictures,
}


class Active(HTMLParser):
    """Collect what a page could do something with."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in ACTIVE or (tag == "meta" and "refresh" in (given.get("http-equiv") or "")):
            self.found.append(tag)
        for name, value in attrs:
            address = name in ("href", "src", "action") and not (value or "").startswith("#")
            if name.startswith("on") or address or (name == "style" and "(" in (value or "")):
                self.found.append(f"{tag} {name}")


class Listener(http.server.BaseHTTPRequestHandler):
    """Note that a page asked for something."""

    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(204)
        self.end_headers()

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture(scope="module")
def listening() -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []
    handler = type("Noting", (Listener,), {"asked": asked})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
        server.shutdown()


def own_scripts(page: str) -> int:
    """Count the page's own script, which its policy admits by hash."""
    return int("script-src 'sha256-" in page)


@pytest.mark.hostile("markup in the words of a page")
@pytest.mark.parametrize("kind", PAGES)
def test_words_of_a_page_are_text(tmp_path: Path, kind: str) -> None:
    page = PAGES[kind](tmp_path / "made", "".join(PAYLOADS)).read_text("utf-8")
    assert "&lt;script&gt;fetch" in page, "the words are there"
    assert Active(page).found == ["script"] * own_scripts(page)


def opened(address: str, work: Path) -> str:
    """Open a page in a browser without a window; return what it made of it."""
    assert BROWSER is not None
    command = [
        BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
        "--disable-background-networking", "--disable-component-update", "--no-first-run",
        f"--user-data-dir={work}", "--virtual-time-budget=3000", "--dump-dom", address,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, timeout=250, check=False)
    return done.stdout.decode("utf-8", "replace")


@pytest.mark.hostile("a page opened in Chromium")
@pytest.mark.long
@pytest.mark.skipif(BROWSER is None, reason="needs chromium")
@pytest.mark.parametrize("kind", PAGES)
def test_a_page_asks_for_nothing(
    tmp_path: Path, listening: tuple[str, list[str]], kind: str
) -> None:
    address, asked = listening
    asked.clear()
    payload = "".join(PAYLOADS).replace("URL", address)
    page = PAGES[kind](tmp_path / "made", payload)
    seen = opened(page.as_uri(), tmp_path / "browser")
    assert "&lt;script&gt;fetch" in seen, "it is the page that was opened"
    assert Active(seen).found == ["script"] * own_scripts(seen) and asked == []


@pytest.mark.hostile("accept: the browser of these tests reports what a page does")
@pytest.mark.long
@pytest.mark.skipif(BROWSER is None, reason="needs chromium")
def test_a_page_without_escapes_is_found(tmp_path: Path, listening: tuple[str, list[str]]) -> None:
    address, asked = listening
    asked.clear()
    (tmp_path / "page.html").write_text(PAYLOADS[1].replace("URL", address))
    seen = opened((tmp_path / "page.html").as_uri(), tmp_path / "browser")
    assert Active(seen).found and "/img" in asked


def served() -> tuple[bytes, str]:
    """Return the page of `mind-train serve` and its policy."""
    import asyncio

    from mind_train.serving.app import Server

    answer = asyncio.run(Server(None, "m", None, 1, None).page(None))  # type: ignore[arg-type]
    return bytes(answer.body), answer.headers["content-security-policy"]


@pytest.mark.hostile("the page of a server")
def test_the_page_of_a_server_has_a_policy() -> None:
    page, policy = served()
    assert policy.startswith("default-src 'none'; ") and "form-action 'none'" in policy
    assert "script-src 'sha256-" in policy and "frame-ancestors 'none'" in policy
    assert b"innerHTML" not in page and b"onclick=" not in page


@pytest.mark.hostile("the page of a server")
@pytest.mark.long
@pytest.mark.skipif(BROWSER is None, reason="needs chromium")
def test_the_page_of_a_server_runs_its_own_script_alone(tmp_path: Path) -> None:
    page, policy = served()
    page = page.replace(b"<h1", b"<script>fetch('/foreign')</script><h1")
    asked: list[str] = []

    class Serving(Listener):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Security-Policy", policy)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(page if self.path == "/" else b"{}")

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Serving) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        opened(f"http://127.0.0.1:{server.server_address[1]}/", tmp_path)
        server.shutdown()
    assert "/v1/models" in asked and "/foreign" not in asked
