"""Jobs that read addresses: an S3 server on loopback (moto, a stand-in for S3 and not the real one)
and a plain HTTP server; without the libraries these tests are left out.
"""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard

from mind_clean.cli import app
from mind_core import MindError, remote
from mind_core.errors import UsageError
from mind_core.tasks.inputs import find_files

pytest.importorskip("s3fs")
moto_server = pytest.importorskip("moto.server")
boto3 = pytest.importorskip("boto3")

SECRET = "very-secret-words"
LINES = [b'{"id": "%d", "text": "%s  text"}\n' % (n, b"some " * (n % 7)) for n in range(400)]


@pytest.fixture(scope="module")
def server() -> Iterator[dict[str, str]]:
    """A server; what the environment says of it, as of any other S3."""
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    there = {"AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_ACCESS_KEY_ID": "testing",
             "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_DEFAULT_REGION": "us-east-1"}  # fmt: skip
    yield there
    server.stop()


@pytest.fixture
def s3(server: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """A client of the server, with files in a bucket."""
    for name, value in server.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3")
    client.create_bucket(Bucket="bucket")
    frames = b"".join(zstandard.compress(b"".join(LINES[at : at + 50])) for at in (0, 50, 100))
    client.put_object(Bucket="bucket", Key="in/a.jsonl", Body=b"".join(LINES))
    client.put_object(Bucket="bucket", Key="in/sub/b.jsonl.zst", Body=frames)
    client.put_object(Bucket="bucket", Key="in/README.md", Body=b"no records")
    return client


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "FIRST_PAUSE", 0.0)


def clean(*arguments: str) -> None:
    app([*arguments, "--step", "whitespace", "-q", "--task-size", "4K"], standalone_mode=False)


def tree(job: Path) -> dict[str, bytes]:
    return {str(path.relative_to(job)): path.read_bytes() for kind in ("output", "rejects")
            for path in sorted((job / kind).rglob("*.zst"))}  # fmt: skip


def test_a_bucket_is_read_as_a_folder_is(
    s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if every third read fails; nothing is fetched again for a job that is complete."""
    local = tmp_path / "in"
    (local / "sub").mkdir(parents=True)
    for name in ("a.jsonl", "sub/b.jsonl.zst"):
        body = s3.get_object(Bucket="bucket", Key=f"in/{name}")["Body"].read()
        (local / name).write_bytes(body)
    read, calls = remote.RemoteReader._read, 0

    def failing(self: remote.RemoteReader, size: int) -> bytes:
        nonlocal calls
        calls += 1
        if calls % 3 == 2:
            raise ConnectionError("reset by peer")
        return read(self, size)

    monkeypatch.setattr(remote.RemoteReader, "_read", failing)
    clean("s3://bucket/in", "--into", str(tmp_path / "job"), "-j", "2")
    clean(str(local), "--into", str(tmp_path / "right"))
    assert len(tree(tmp_path / "right")) > 4
    assert tree(tmp_path / "job") == tree(tmp_path / "right")
    assert SECRET not in (tmp_path / "job/plan.json").read_text()
    calls = 0
    clean("s3://bucket/in/*.jsonl", "s3://bucket/in/sub/b.jsonl.zst", "--into",
          str(tmp_path / "job"))  # fmt: skip
    assert not calls


def test_a_file_that_changes_or_stays_away_is_named(s3: Any, tmp_path: Path) -> None:
    s3.put_object(Bucket="bucket", Key="other/a.jsonl", Body=b"".join(LINES[:50]))
    job = ("s3://bucket/other/a.jsonl", "--into", str(tmp_path / "job"))
    clean(*job, "--plan-only")
    s3.put_object(Bucket="bucket", Key="other/a.jsonl", Body=b"".join(LINES[50:100]))
    with pytest.raises(MindError, match="holds another job") as error:
        clean(*job)
    assert "a.jsonl has changed" in str(error.value.cause)
    with pytest.raises(MindError, match="cannot read s3://bucket/none.jsonl") as error:
        clean("s3://bucket/none.jsonl", "--into", str(tmp_path / "x"))
    assert "FileNotFoundError" in str(error.value.cause)
    with pytest.raises(MindError, match="there is nothing at"):
        find_files(["s3://bucket/none/*"], None, "t")


@pytest.mark.parametrize(
    "address",
    ["https://user:Xyzzy@example.org/a.jsonl", "https://example.org/a.jsonl?X-Amz-Signature=1",
     "s3://bucket/../../a.jsonl", "s3://bucket/a//b.jsonl"],
)  # fmt: skip
def test_an_address_with_a_secret_or_without_a_plain_path_is_refused(address: str) -> None:
    with pytest.raises(UsageError) as error:
        find_files([address], None, "t")
    told = f"{error.value} {error.value.hint}"
    assert "Xyzzy" not in told and "Signature" not in told


@pytest.mark.usefixtures("s3")
def test_what_a_server_says_shows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    def echo(*_: object) -> bytes:
        raise OSError(f"bad signature for {SECRET}\nand more")

    monkeypatch.setattr(remote.RemoteReader, "_read", echo)
    with pytest.raises(MindError) as error, remote.open_remote("s3://bucket/in/a.jsonl") as file:
        file.read(1)
    assert SECRET not in str(error.value.cause) and "bad signature for" in str(error.value.cause)


def test_a_web_server(tmp_path: Path) -> None:
    """It answers no ranges, as Python's does not: then the file is read from its start."""
    (tmp_path / "a.jsonl").write_bytes(b"".join(LINES[:60]))

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    handler = functools.partial(Quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_address[1]}/a.jsonl"
        try:
            with remote.open_remote(address) as file:
                assert file.read() == b"".join(LINES[:60])
        finally:
            server.shutdown()
