"""Benchmark files of every kind: which are read, and which of their texts are."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path

import pytest

from mind_core.errors import MindError, UsageError
from mind_core.text.benchmark_files import benchmark_files, read_texts


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


ROWS = '{"q": "one", "n": 1}\n\n{"q": "two", "options": ["a", "b"], "q2": {"q": "three"}}\n'
FILES: dict[str, tuple[str | bytes, list[str]]] = {
    "a.csv": ('q,r\n一,2\n"3, 4",5\n', ["q", "r", "一", "2", "3, 4", "5"]),
    "a.tsv": ("q\tr\n1,2\t3\n", ["q", "r", "1,2", "3"]),
    "a.tsv.gz": (gzip.compress(b"q\tr\n1,2\t3\n"), ["q", "r", "1,2", "3"]),
    "a.jsonl": (ROWS, ["one", "two", "a", "b", "three"]),
    "a.ndjson": ("\ufeff" + ROWS, ["one", "two", "a", "b", "three"]),
    "a.json": ('[{"q": "one"},\n {"q": ["two"]}]', ["one", "two"]),
    "lines.json": (ROWS, ["one", "two", "a", "b", "three"]),
    "a.txt": ("one\ntwo\n\n\n\nthree", ["one\ntwo", "three"]),
    "rows.txt": (ROWS, ["one", "two", "a", "b", "three"]),
    "braces.txt": ("{x} is a set\n\n[y] too", ["{x} is a set", "[y] too"]),
    "a.jsonl.txt": ("{x}", ["{x}"]),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_has_the_texts_of_its_kind(tmp_path: Path, name: str) -> None:
    content, texts = FILES[name]
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert list(read_texts(path)) == texts


def test_only_the_named_fields_are_read(tmp_path: Path) -> None:
    for name, content, texts in (
        ("a.jsonl", ROWS, ["one", "two", "three"]),
        ("a.json", '{"q": ["x", {"r": "y"}], "r": "z"}', ["x", "y"]),
        ("a.csv", "r,q\n1,2\n3\n4,5\n", ["2", "5"]),
        ("a.tsv", "q\tr\n1,2\t3\n", ["1,2"]),
        ("b.csv", "", []),
    ):
        (tmp_path / name).write_text(content)
        assert list(read_texts(tmp_path / name, ["q"])) == texts, name


def test_zip_files_are_read_two_deep(tmp_path: Path) -> None:
    inner = zipped({"b.txt": b"b", "README.txt": b"about", "c.png": b"c"})
    path = tmp_path / "a.zip"
    path.write_bytes(zipped({"x/a.csv.gz": gzip.compress(b"1,2"), "y.zip": inner}))
    assert list(read_texts(path)) == ["1", "2", "b"]
    path.write_bytes(zipped({"y.zip": zipped({"z.zip": inner})}))
    with pytest.raises(MindError, match=r"a\.zip:y\.zip:z\.zip becomes too large"):
        list(read_texts(path))


def test_what_cannot_be_read_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"q": "one"}\n{"q"\n')
    with pytest.raises(UsageError, match=r"a\.jsonl:2: not JSON"):
        list(read_texts(path))
    path.write_bytes("一\n二\n三".encode()[:-1])
    with pytest.raises(UsageError, match=r"a\.jsonl:3: not valid UTF-8"):
        list(read_texts(path))


def test_folders_give_their_benchmark_files(tmp_path: Path) -> None:
    kept = ["a.csv", "b/c.jsonl.zst", "b/d.TXT.gz"]
    for name in [*kept, "LICENSE.txt", "b/readme.json", "e.png", "f.gz"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    wanted = [tmp_path / name for name in kept]
    assert benchmark_files([str(tmp_path), str(wanted[0])]) == wanted
    assert benchmark_files([str(tmp_path / "e.png")]) == [tmp_path / "e.png"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="holds no benchmark file"):
        benchmark_files([str(tmp_path / "empty")])
    with pytest.raises(UsageError, match="no benchmark file or folder"):
        benchmark_files([str(tmp_path / "nowhere")])
