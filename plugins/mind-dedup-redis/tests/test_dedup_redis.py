"""The index in Redis: a real server, started here; skipped where there is none to start."""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mind_core.testing import run_tool

redis = pytest.importorskip("redis")
PLUGIN = Path(__file__).parents[1] / "src" / "mind_dedup_redis" / "__init__.py"


def edited(count: int) -> list[dict[str, str]]:
    """Make texts, and an edited copy of every second one."""
    chance = random.Random(0)
    words = [f"w{number}" for number in range(3000)]
    texts = [" ".join(chance.choices(words, k=80)) for _ in range(count)]
    texts += [text.rsplit(" ", 2)[0] + " changed end" for text in texts[::2]]
    return [{"id": str(number), "text": text} for number, text in enumerate(texts)]


def run(folder: Path, records: list[dict[str, str]], *arguments: str) -> list[str]:
    """Run the tool; give the ids that stay. Raises AssertionError with what it said."""
    path = os.pathsep.join((str(PLUGIN.parents[1]), os.environ.get("PYTHONPATH", "")))
    given = ["--plugin", str(PLUGIN), *arguments] if "--backend" in arguments else arguments
    done = run_tool(
        "mind-dedup",
        ["-q", *given],
        records,
        folder=folder,
        environment={"PYTHONPATH": path, "MIND_PLUGINS": "none"},
    )
    assert done.code == 0, done.stderr
    return [str(record["id"]) for record in done.records]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("no redis-server here (Debian: apt-get install redis-server)")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("redis")
    process = subprocess.Popen(
        [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)],
        stdout=subprocess.DEVNULL,
    )
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            break
        except OSError:
            time.sleep(0.05)
    yield f"redis://127.0.0.1:{port}"
    process.terminate()
    process.wait(10)


def test_the_same_stays_as_in_memory(server: str, tmp_path: Path) -> None:
    records = edited(150)
    whole = run(tmp_path, records)
    url = f"{server}/0?name=one"
    found = run(tmp_path, records[:150], "--backend", url)
    found += run(tmp_path, records[150:], "--backend", url)
    assert found == whole
    assert run(tmp_path, records, "--backend", url, "--allow") == []
    assert run(tmp_path, records, "--backend", f"{server}/0?name=another") == whole


def test_policies_and_exact_signatures(server: str, tmp_path: Path) -> None:
    records = edited(60)
    for number, arguments in enumerate((("--keep", "longest"), ("--signature", "exact"))):
        url = f"{server}/1?name=n{number}"
        assert run(tmp_path, records, *arguments, "--backend", url) == run(
            tmp_path, records, *arguments
        )


def test_what_a_killed_run_left_does_not_count(server: str, tmp_path: Path) -> None:
    records = edited(40)
    url = f"{server}/2"
    run(tmp_path, records, "--backend", url)
    client = redis.Redis(port=int(server.rpartition(":")[2]), db=2)
    client.delete("mind-dedup:mind-dedup:runs")  # what commit writes, last of all
    assert run(tmp_path, records, "--backend", url) == run(tmp_path, records)
    assert run(tmp_path, records, "--backend", url, "--allow") == []


def test_foreign_busy_or_absent(server: str, tmp_path: Path) -> None:
    records = edited(5)
    url = f"{server}/3?name=x"
    run(tmp_path, records, "--backend", url)
    with pytest.raises(AssertionError, match="keys of scheme"):
        run(tmp_path, records, "--backend", url, "--threshold", "0.6")
    port = int(server.rpartition(":")[2])
    redis.Redis(port=port, db=3).set("mind-dedup:x:lock", "me")
    with pytest.raises(AssertionError, match="being extended by another run"):
        run(tmp_path, records, "--backend", url)
    with pytest.raises(AssertionError, match="no Redis answers"):
        run(tmp_path, records, "--backend", "redis://127.0.0.1:1")
