"""The index in Redis: a real server, started here; skipped where there is none to start."""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from mind_core.errors import MindError
from mind_core.recipe import load_recipe
from mind_core.testing import run_tool
from mind_dedup.config import make_plugins, plan
from mind_dedup.fingerprints import Fingerprints

if TYPE_CHECKING:
    from mind_dedup_redis.redis_index import RedisIndex, RedisStore

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


def opened(url: str) -> AbstractContextManager[tuple[RedisStore, RedisIndex]]:
    """Open an index within this process, so that two runs can meet at one point."""
    from mind_dedup_redis.redis_index import open_redis

    return open_redis(url, plan(load_recipe("default", "mind_dedup"), make_plugins()))


def no_prints() -> Fingerprints:
    no_hashes, no_ends = np.zeros(0, np.uint64), np.zeros(0, np.int64)
    return Fingerprints(no_hashes, no_ends, np.zeros(0, np.uint32), no_ends, (), (), ())


def test_a_run_that_lost_its_lock_neither_writes_nor_frees_it(server: str) -> None:
    port = int(server.rpartition(":")[2])
    client = redis.Redis(port=port, db=4)
    lock, prints = "mind-dedup:mind-dedup:lock", no_prints()
    none = np.zeros(0, np.bool_)
    with opened(f"{server}/4") as (first, _):
        first.add(prints, none, none)
        client.delete(lock)  # as its end does
        with opened(f"{server}/4") as (second, _):
            held = client.get(lock)
            with pytest.raises(MindError, match="another run has taken over"):
                first.add(prints, none, none)
            assert client.get(lock) == held
            second.add(prints, none, none)
            client.set(lock, "a third run")
    assert client.get(lock) == b"a third run"
    assert client.lrange("mind-dedup:mind-dedup:runs", 0, -1) == []


def test_what_another_wrote_into_the_index_is_an_error(server: str, tmp_path: Path) -> None:
    client = redis.Redis(port=int(server.rpartition(":")[2]), db=5)
    url = f"{server}/5?name=x"
    run(tmp_path, edited(4), "--backend", url)
    key = next(name for name in client.keys("mind-dedup:x:k:*") if client.type(name) == b"set")
    wanted = np.array([int(key.rpartition(b":")[2], 16)], np.uint64)
    for part, value in (
        ("next", "many"), ("next", "9" * 30), ("next", "-5"), ("runs", "0"), ("runs", "a:b"),
        ("runs", "0:9:9"), ("r:0", b""), ("r:0", b"\xff" * 40), ("k:", "x"), ("k:", "1e9"),
    ):  # fmt: skip
        # datasketch's own list of its sets is a hash; nothing is read from it here.
        names = [
            name for name in client.keys(f"mind-dedup:x:{part}*") if client.type(name) != b"hash"
        ]
        saved = {name: client.dump(name) for name in names}
        for name in names:
            kind = client.type(name)
            client.delete(name)
            {b"set": client.sadd, b"list": client.rpush, b"string": client.set}[kind](name, value)
        with pytest.raises(MindError, match="is damaged"), opened(url) as (store, index):
            index.find(wanted)
            store.gather([0])
        for name, dump in saved.items():
            client.restore(name, 0, dump, replace=True)
    with opened(url) as (store, index):
        assert len(index.find(wanted)[1]) and len(store.id_of(0))
