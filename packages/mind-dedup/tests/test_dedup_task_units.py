"""Jobs that take lines and paragraphs out of texts, and jobs that write the table of clusters."""

from __future__ import annotations

import json
import random
from itertools import pairwise
from pathlib import Path

import pytest
from dedup_jobs import clusters, compare, content, tool, written
from dedup_making import han_text

from mind_core.errors import GateError
from mind_core.records import Record


def of_lines(seed: int) -> list[Record]:
    """Return texts of lines and paragraphs that come again, some with a letter changed."""
    chance = random.Random(seed)
    known = [han_text(seed * 100 + number, chance.choice([5, 12, 40])) for number in range(60)]
    made = []
    for number in range(150):
        lines = [
            chance.choice(known) if chance.random() < 0.4 else han_text(9000 + number * 9 + n, 20)
            for n in range(chance.choice([0, 1, 3, 6]))
        ]
        lines = [line[:-1] + "新" if chance.random() < 0.1 else line for line in lines]
        text = "".join(line + chance.choice(["\n", "\n\n"]) for line in lines) or "短"
        made.append({"id": number, "source": f"s{number % 3}", "text": text})
    return [{"id": "none", "text": "x"}, *made]


@pytest.mark.parametrize(
    "options",
    [
        ("--scope", "line"),
        ("--scope", "paragraph"),
        ("--scope", "line", "--mark"),
        ("--scope", "line", "--keep", "longest"),
        ("--scope", "line", "--set", "scope.keep_first=false", "--set", "scope.min_copies=3"),
        ("--scope", "line", "--set", "scope.keep_headings=true", "--signature", "exact"),
    ],
    ids=" ".join,
)
def test_units_go_as_in_one_process(
    options: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names = written(tmp_path, of_lines(1), 3, 1)
    (tmp_path / "bad.jsonl").write_bytes(b'none\n{"text": 1}\n\n{"text": "a"}')
    cut = ("--task-size", "5K", "--partitions", "3")
    assert compare([*names, "bad.jsonl"], "job", (*options, "--skip-bad", "2"), cut) > 10


@pytest.mark.parametrize(
    "options", [(), ("--mark",), ("--text-field", "source"), ("--against", "seen")], ids=" ".join
)
def test_the_table_of_clusters_is_that_of_one_process(
    options: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    records = clusters(4, 60)
    lines = "".join(json.dumps(record) + "\n" for record in records[::3])
    (tmp_path / "seen.made").write_text(lines)
    tool("seen.made", "--allow", "--index", "seen", "-o", "seen.jsonl")
    names = written(tmp_path, records, 3, 4)
    given = (*names, "--allow", *options, "--clusters")
    tool(*given, "one.jsonl", "-o", "kept.jsonl")
    cut = ("--into", "job", "--task-size", "20K", "--partitions", "4")
    tool(*given, "all.jsonl.zst", *cut)
    assert content([Path("all.jsonl.zst")]) == content([Path("one.jsonl")])
    assert content(sorted(Path("job/clusters").iterdir())) == content([Path("one.jsonl")])
    assert content([Path("one.jsonl")]).count(b"\n") > 60
    tool(*given, "again.jsonl", *cut)  # a complete job
    assert content([Path("again.jsonl")]) == content([Path("one.jsonl")])


def test_other_policies_give_the_same_clusters_by_the_place_of_what_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names = written(tmp_path, clusters(4, 60), 3, 4)
    given = (*names, "--allow", "--keep", "longest", "--clusters")
    tool(*given, "one.jsonl", "-o", "kept.jsonl")
    tool(*given, "all.jsonl", "--into", "job", "--task-size", "20K", "--partitions", "4")
    one, found = (content([Path(name)]).splitlines() for name in ("one.jsonl", "all.jsonl"))
    assert sorted(one) == sorted(found)
    places = [json.loads(line)["cluster_at"] for line in found]
    # Each cluster in one piece.
    assert len(set(places)) == 1 + sum(a != b for a, b in pairwise(places))


def test_the_guard_counts_all_large_clusters_and_none_of_what_is_marked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [{"id": f"{n}-{copy}", "text": han_text(n, 60)} for n in range(8) for copy in range(4)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    given = ("a.jsonl", "--max-removed", "1", "--max-cluster", "3")
    for way in (("-o", "x"), ("--into", "job")):
        with pytest.raises(GateError, match="8 clusters would have more than 3 records"):
            tool(*given, *way)
        tool(*given, *way[:1], way[1] + "-marked", "--mark")
