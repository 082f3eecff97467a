"""The tool as its users run it: streams, rejects, marks, the guard, recipes and plugins."""

from __future__ import annotations

import itertools
import random
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import orjson
import pytest
import zstandard

from mind_core.errors import UsageError
from mind_core.output import write_records
from mind_core.records import Record, encode
from mind_core.stream import read_records
from mind_core.testing import ToolResult, run_tool
from mind_dedup.cli import app

POEM = "床前明月光，疑是地上霜。举头望明月，低头思故乡。" * 4
PAGE = "How to install the program: unpack the archive, read the notes, run the installer. " * 4


def records() -> list[Record]:
    """Return four texts, two of which come again, once altered."""
    texts = [
        POEM,
        PAGE,
        "第三篇讲的是另一件事情，与前面两篇毫无关系。",
        "A fourth, all different text.",
    ]
    texts += [POEM + "又及。", PAGE, "另外还有一篇完全不同的短文，不像任何一篇。"]
    return [
        {"id": f"doc-{n}", "text": text, "source": "a" if n < 4 else "b", "url": f"http://x/{n}"}
        for n, text in enumerate(texts)
    ]


def dedup(*arguments: str | Path, stdin: Any = b"", **more: Any) -> ToolResult:
    return run_tool("mind-dedup", arguments, stdin, **more)


def test_the_first_of_each_stays_byte_for_byte() -> None:
    lines = [b" " + encode(record).replace(b'","', b'" ,  "') for record in records()]
    result = dedup("-z", "0", stdin=b"".join(lines))
    assert result.code == 0, result.stderr
    assert result.stdout == b"".join(lines[:4] + lines[6:])
    assert result.stderr.startswith("mind-dedup: 7 in, 5 kept (71.4%), ")


def test_rejects_say_why_and_of_what(tmp_path: Path) -> None:
    rejects, summary = tmp_path / "rejects.jsonl.zst", tmp_path / "summary.json"
    dedup("--rejects", rejects, "--summary", summary, stdin=records())
    data = zstandard.ZstdDecompressor().decompressobj().decompress(rejects.read_bytes())
    near, exact = (orjson.loads(line) for line in data.splitlines())
    why = near.pop("metadata")["mind"]["rejected"]
    assert near == records()[4]
    similarity = why.pop("similarity")
    assert 0.8 <= similarity < 1
    assert why == {
        "tool": "mind-dedup",
        "step": "minhash",
        "reason": "near_duplicate",
        "duplicate_of": "doc-0",
        "duplicate_at": "stdin:1",
        "value": similarity,
        "threshold": 0.8,
    }
    why = exact["metadata"]["mind"]["rejected"]
    assert (why["reason"], why["duplicate_of"], why["similarity"]) == (
        "exact_duplicate",
        "doc-1",
        1.0,
    )
    told = orjson.loads(summary.read_bytes())
    assert told["in"] == 7 == told["kept"] + sum(told["rejected"].values())
    assert told["rejected"] == {"minhash.exact_duplicate": 1, "minhash.near_duplicate": 1}
    assert told["details"]["sources"] == {
        "a": {"in": 4, "duplicates": 0},
        "b": {"in": 3, "duplicates": 2},
    }
    assert told["details"]["scheme"] == "oph-nfkc-5gram-4"
    assert told["details"]["documents_with_duplicates"] == 2
    assert told["components"]["minhash"].startswith("mind-dedup==")
    assert told["recipe"]["signature"]["threshold"] == 0.8


def test_mark_keeps_all_and_says_of_what() -> None:
    result = dedup("--mark", stdin=records())
    assert len(result.records) == 7
    marked = [record for record in result.records if "metadata" in record]
    notes = [record["metadata"]["mind"]["dedup"] for record in marked]
    assert notes[:2] == [{"cluster_size": 2}, {"cluster_size": 2}]
    assert [note["duplicate_of"] for note in notes[2:]] == ["doc-0", "doc-1"]
    assert notes[3] == {
        "signature": "minhash",
        "reason": "exact_duplicate",
        "duplicate_of": "doc-1",
        "duplicate_at": "stdin:2",
        "similarity": 1.0,
        "cluster_size": 2,
    }


def test_a_record_without_id_is_named_by_its_position() -> None:
    result = dedup("--mark", stdin=[{"text": PAGE}, {"text": PAGE}, {"text": POEM, "id": 7}])
    note = result.records[1]["metadata"]["mind"]["dedup"]
    assert note["duplicate_of"] == "stdin:1"
    result = dedup("--mark", stdin=[{"text": PAGE, "id": 7}, {"text": PAGE, "id": 8}])
    assert result.records[1]["metadata"]["mind"]["dedup"]["duplicate_of"] == 7


@pytest.mark.parametrize("more", [(), ("--keep", "longest"), ("--memory", "1M")])
def test_where_ids_repeat_the_place_says_which_record_is_meant(
    more: tuple[str, ...], tmp_path: Path
) -> None:
    first = tmp_path / "first.jsonl"
    first.write_bytes(b"\n" + encode({"id": 1, "text": PAGE}) + b"\n")
    second = tmp_path / "second.jsonl"
    texts = [(1, POEM), (2, "别的一篇。"), (1, POEM), (3, PAGE), (4, POEM + "又及。")]
    second.write_bytes(b"\n".join(encode({"id": i, "text": t}) for i, t in texts))
    found = []
    for name in ("whole", "odd"):  # the last has a line that no loop reads
        rejects, summary = tmp_path / "rejects.jsonl", tmp_path / "summary.json"
        result = dedup(first, second, "--allow", "--rejects", rejects, "--summary", summary, *more)
        assert result.code == 0, result.stderr
        assert "2 of 6 records have an id" in result.stderr, name
        assert orjson.loads(summary.read_bytes())["details"]["repeated_ids"] == 2
        told = [r["metadata"]["mind"]["rejected"] for r in read_records([rejects])]
        found.append([(t["duplicate_of"], t["duplicate_at"]) for t in told])
        second.write_bytes(second.read_bytes().replace(b'{"id":2', b'{"n":[1.5e3],"id":2'))
    kept = (1, f"{second}:1") if "longest" not in more else (4, f"{second}:9")
    page = (3, (1, f"{first}:2"))
    assert found[0] == found[1]
    assert found[0] == (
        [kept, (1, f"{first}:2"), kept] if "longest" not in more else [kept, kept, page[1]]
    )


def many(count: int) -> list[Record]:
    """Return groups of four texts, some of which are the same or nearly so, over two templates."""
    texts = []
    for i in range(count):
        own = "".join(random.Random(i // 4).choices("天地玄黄宇宙洪荒日月盈昃辰宿列张", k=150))
        texts.append(f"{POEM if i % 8 < 4 else PAGE} {own} no. {i // 2} {'字' * (i % 4 * 10)}")
    return [{"id": i, "text": text} for i, text in enumerate(texts)]


def test_any_number_of_workers_and_any_cut_of_the_input(tmp_path: Path) -> None:
    whole = many(3000)
    assert sum(len(encode(record)) for record in whole) > 5 << 18  # more than one batch
    cuts = (0, 1, 1500, 1501, 3000)
    files = []
    for number, (begin, end) in enumerate(itertools.pairwise(cuts)):
        files.append(tmp_path / f"part-{number}.jsonl.zst")
        write_records(files[-1], whole[begin:end])
    write_records(tmp_path / "whole.jsonl", whole, level=0)
    arguments = ("--allow", "-q")
    wanted = dedup(*arguments, tmp_path / "whole.jsonl")
    assert wanted.code == 0 and 500 < len(wanted.records) < 2500
    for other in (
        dedup(*arguments, "-j", "1", *files),
        dedup(*arguments, "-j", "3", *files),
        dedup(*arguments, "-j", "3", stdin=b"".join(map(encode, whole))),
        dedup(*arguments, "-j", "2", *files),
    ):
        assert other.code == 0, other.stderr
        assert other.stdout == wanted.stdout
    again = dedup(*arguments, stdin=wanted.stdout)
    assert again.stdout == wanted.stdout


def copies(source: str, count: int) -> list[Record]:
    return [{"id": f"{source}-{i}", "text": PAGE + source, "source": source} for i in range(count)]


def test_the_guard_stops_the_run_before_the_output_has_its_name(tmp_path: Path) -> None:
    output, rejects, summary = tmp_path / "out", tmp_path / "rejects", tmp_path / "summary"
    stdin = copies("good", 99) + copies("bad-one", 120)
    arguments = ("-o", output, "--rejects", rejects, "--summary", summary)
    result = dedup(*arguments, stdin=stdin)
    assert result.code == 3
    assert "1 source would lose more than 60% of their records" in result.stderr
    assert "bad-one loses" in result.stderr and "bad-one-1 as good-0" in result.stderr
    assert "--allow" in result.stderr
    assert list(tmp_path.iterdir()) == []
    piped = dedup(stdin=stdin)
    with pytest.raises(zstandard.ZstdError):
        zstandard.ZstdDecompressor().decompress(piped.stdout, max_output_size=1 << 20)
    assert dedup(*arguments, "--allow", stdin=stdin).code == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "rejects", "summary"]
    assert dedup("--max-removed", "1", stdin=stdin).code == 0
    assert dedup("--mark", stdin=stdin).code == 0
    assert dedup("--set", "guard.min_documents=200", stdin=stdin).code == 0


@pytest.mark.parametrize(
    ("signature", "kept"), [("minhash", 5), ("exact", 6), ("normalized", 6), ("url", 7)]
)
def test_signatures_by_name(signature: str, kept: int) -> None:
    result = dedup("--signature", signature, stdin=records())
    assert len(result.records) == kept, result.stderr
    assert len(dedup("--set", f"signature.use={signature}", stdin=records()).records) == kept


def test_a_url_needs_no_text() -> None:
    pages = [
        {"id": 1, "html": "<p>", "url": "http://a/"},
        {"id": 2, "html": "", "url": "https://a"},
    ]
    assert [r["id"] for r in dedup("--signature", "url", stdin=pages).records] == [1]
    result = dedup(stdin=pages)
    assert result.code == 1 and "stdin:1: a field is missing" in result.stderr


def test_bad_records(tmp_path: Path) -> None:
    stdin = encode({"text": PAGE}) + b'{"text": 3}\nno json\n' + encode({"text": PAGE})
    result = dedup(stdin=stdin)
    assert result.code == 1
    assert "stdin:2: a field has the wrong type" in result.stderr or "stdin:3" in result.stderr
    rejects = tmp_path / "rejects.jsonl"
    result = dedup("--skip-bad", "2", "--rejects", rejects, stdin=stdin)
    assert result.code == 0 and len(result.records) == 1
    assert "4 in, 1 kept (25.0%), 2 bad" in result.stderr


def test_an_empty_stream_stays_one() -> None:
    empty = zstandard.ZstdCompressor().compress(b"")
    result = dedup("-z", "0", stdin=empty)
    assert (result.code, result.stdout) == (0, b"")
    assert dedup(stdin=b"").code == 1


def test_the_printed_recipe_can_be_fed_back(tmp_path: Path) -> None:
    printed = dedup("--print-recipe", "--threshold", "0.9", "--max-removed", "0.5")
    values = tomllib.loads(printed.stdout.decode())
    assert values["signature"] == {
        "use": "minhash",
        "threshold": 0.9,
        "slots": 256,
        "bands": 0,
        "symbols": True,
        "facts": True,
        "labels": 0.5,
    }
    assert values["guard"] == {"max_removed": 0.5, "min_documents": 100, "max_cluster": 10_000}
    assert values["keep"] == {"use": "first"}
    assert values["compare"] == {
        "measure": "jaccard",
        "verified": True,
        "text_field": "text",
        "chat": "",
    }
    path = tmp_path / "mine.toml"
    path.write_bytes(printed.stdout)
    assert dedup("--recipe", path, "--print-recipe").stdout == printed.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--signature", "minhsh"], "did you mean minhash"),
        (["--set", "signature.treshold=1"], "did you mean threshold?"),
        (["--set", "gard.max_removed=1"], "did you mean guard?"),
        (["--set", "guard.max_remove=1"], "did you mean max_removed?"),
        (["--set", "guard.max_removed=high"], "wants max_removed as a share"),
        (["--max-removed", "2"], "not a share between 0 and 1"),
        (["--threshold", "0"], "not above 0 and at most 1"),
        (["--signature", "exact", "--threshold", "0.9"], "has no option 'threshold'"),
        (["--set", "signature=3"], "is a table"),
        (["--set", "compare.verified=3"], "wants verified as true or false"),
        (["--measure", "cosine"], "none of jaccard, containment"),
        (["--keep", "longer"], "did you mean longest"),
        (["--keep", "source"], "wants the sources in their order"),
        (["--scope", "word"], "none of document, paragraph, line"),
        (["--scope", "line", "--weights", "fineweb2"], "counts copies of its lines"),
        (["--compare", "index"], "--compare index wants an index"),
        (["--memory", "much"], "'much' is no size"),
        (["--weights", "c4"], "known: fineweb2"),
        (["--max-cluster", "1"], "a cluster has two members"),
        (["--backend", "sqlite:x"], "takes a URL"),
        (["--backend", "sqlite://x"], "no backend 'sqlite'"),
        (["--set", "run.kernels=numba"], "there is no run.kernels any more"),
        (["--set", "signature.use=3"], "wanted is a name"),
        (["--signature", "url", "--plan", "5"], "--plan reckons for minhash"),
    ],
)
def test_wrong_calls_are_told_apart(arguments: list[str], says: str) -> None:
    with pytest.raises(UsageError) as error:
        app([*arguments, "-"], standalone_mode=False)
    assert says in "\n".join(error.value.lines("mind-dedup"))


def test_the_plan_shows_the_curve_and_the_memory() -> None:
    result = dedup("--plan", "1000000")
    text = result.stdout.decode()
    assert "32 bands of 8 rows" in text and "99.720%" in text and "GB" in text
    assert "42 bands of 6 rows" in dedup("--plan", "1000", "--threshold", "0.7").stdout.decode()


def test_the_plot_is_a_picture_of_the_curve(tmp_path: Path) -> None:
    picture = tmp_path / "curve.svg"
    dedup("--plan", "1000", "--plot", picture)
    root = ElementTree.fromstring(picture.read_text("utf-8"))
    (curve,) = root.iter("{http://www.w3.org/2000/svg}polyline")
    heights = [float(point.split(",")[1]) for point in curve.get("points", "").split()]
    assert len(heights) == 201 and heights == sorted(heights, reverse=True)
    assert "32 bands of 8 rows" in picture.read_text("utf-8")


def test_dry_run_and_list() -> None:
    missing = dedup("-n", "missing.zst")
    assert missing.code == 1 and "missing.zst" in missing.stderr
    result = dedup("-n")
    assert "exact Jaccard similarity of at least 0.8" in result.stdout.decode()
    assert "off (--allow)" in dedup("-n", "--allow", "--signature", "url").stdout.decode()
    names = {
        row["name"]
        for row in orjson.loads(dedup("--list", "--json", environment={"MIND_PLUGINS": ""}).stdout)
    }
    signatures = {"exact", "minhash", "normalized", "url"}
    assert names == signatures | {"first", "longest", "best", "newest", "source"}


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\nfrom mind_dedup.cli import app\n"
        "try:\n    app(['--help'], standalone_mode=False)\nfinally:\n"
        "    print(sorted({'numpy', 'datasketch', 'xxhash', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Exit codes:" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_run_does_not_load_datasketch() -> None:
    code = "import sys, mind_dedup.pipeline\nprint('datasketch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
