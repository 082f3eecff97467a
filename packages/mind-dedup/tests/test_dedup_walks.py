"""Which copy stays, what is told of clusters, and that a bound on memory changes no answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from dedup_making import edited, han_text, run

from mind_core.errors import GateError, UsageError
from mind_core.records import Record
from mind_core.stream import read_records
from mind_dedup import sorted_runs as runs
from mind_dedup.clusters import weight_of
from mind_dedup.fingerprints import Fingerprints
from mind_dedup.keep.policies import Best, Newest, Source
from mind_dedup.sorted_runs import ChunkedDeduplicator, TieredIndex
from mind_dedup.store import RecordBlock, Store


def copies() -> list[Record]:
    """Return three versions of one text and two of another, and a text of its own."""
    one, other = han_text(1, 200), han_text(2, 200)
    return [
        {"id": "a", "text": one, "source": "web", "created": "2020-05-01", "score": 0.2},
        {"id": "b", "text": other, "source": "web", "created": "2023-01-01T00:00:00Z"},
        {"id": "c", "text": one + "又及此。", "source": "book", "created": "2019", "score": 0.9},
        {"id": "d", "text": han_text(3, 50), "source": "web"},
        {"id": "e", "text": one + "又", "source": "wiki", "created": "2024-02-02", "score": 0.5},
        {"id": "f", "text": other + "完", "source": "wiki", "created": "2021-01-01"},
    ]


@pytest.mark.parametrize(
    ("policy", "kept"),
    [
        ("first", "a b d"),
        ("longest", "c d f"),
        ("best:score", "b c d"),
        ("newest", "b d e"),
        ("source:book,wiki", "c d f"),
        ("source:web", "a b d"),
    ],
)
def test_keep_policies(policy: str, kept: str, tmp_path: Path) -> None:
    found = run(tmp_path, copies(), "--keep", policy, "--rejects", str(tmp_path / "gone.jsonl"))
    assert " ".join(record["id"] for record in found) == kept
    gone = list(read_records([tmp_path / "gone.jsonl"]))
    assert {record["id"] for record in gone} == set("abcdef") - set(kept.split())
    for record in gone:
        assert record["metadata"]["mind"]["rejected"]["duplicate_of"] in kept


def test_a_policy_from_the_recipe(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('[keep]\nuse = "source"\norder = ["wiki", "book"]\n')
    found = run(tmp_path, copies(), "--recipe", str(tmp_path / "mine.toml"))
    assert " ".join(record["id"] for record in found) == "d e f"


def test_scores_of_odd_values() -> None:
    assert Best("a.b")({"a": {"b": 3}}) == 3
    low = [{"a": 3}, {"a": {"b": "3"}}, {"a": {"b": True}}, {}, {"a": {"b": None}}]
    assert {Best("a.b")(record) for record in low} == {float("-inf")}
    assert Newest()({"created": "2020-01-01"}) == Newest()({"created": "2020-01-01T00:00:00+00:00"})
    assert Newest()({"created": "yesterday"}) == Newest()({}) == float("-inf")
    assert Source(["a", "b"])({"source": "a"}) > Source("a, b")({"source": "b"}) > 0
    assert Source("a")({}) == 0


def test_marks_clusters_and_weights(tmp_path: Path) -> None:
    table = tmp_path / "clusters.jsonl.zst"
    found = run(tmp_path, copies(), "--mark", "--clusters", str(table), "--weights", "fineweb2")
    notes = {r["id"]: r.get("metadata", {}).get("mind", {}).get("dedup") for r in found}
    assert notes["a"] == {"cluster_size": 3, "weight": 3}
    assert notes["d"] is None
    assert notes["e"]["duplicate_of"] == "a" and notes["e"]["cluster_size"] == 3
    rows = list(read_records([table]))
    assert [(row["cluster"], row["id"], row["size"], row["kept"]) for row in rows] == [
        ("a", "a", 3, True),
        ("a", "c", 3, False),
        ("a", "e", 3, False),
        ("b", "b", 2, True),
        ("b", "f", 2, False),
    ]
    assert rows[1]["similarity"] >= 0.8 and rows[1]["reason"] == "near_duplicate"
    assert rows[0]["similarity"] is None and rows[0]["text"] == copies()[0]["text"]


def test_the_weights_are_those_of_fineweb2() -> None:
    sizes = (1, 2, 3, 4, 5, 99, 100, 999, 1000, 10**6)
    assert [weight_of(size, "fineweb2") for size in sizes] == [1, 2, 3, 3, 5, 5, 8, 8, 1, 1]


@pytest.mark.parametrize("policy", ["first", "longest"])
def test_a_bound_on_memory_changes_nothing(
    policy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "_ROWS_AT_ONCE", 64)
    monkeypatch.setattr(runs, "_PIECE", 500)
    spilled: list[int] = []
    write = runs.SortedRuns.write
    monkeypatch.setattr(
        runs.SortedRuns, "write", lambda self, k, n: spilled.append(len(k)) or write(self, k, n)
    )
    records = edited(700)
    summary = tmp_path / "summary.json"
    arguments = ("--keep", policy, "--summary", str(summary))
    free = run(tmp_path, records, *arguments)
    wanted = orjson.loads(summary.read_bytes())["rejected"]
    assert not spilled
    bounded = run(tmp_path, records, *arguments, "--memory", "1M")
    assert len(spilled) > 5
    assert bounded == free
    assert orjson.loads(summary.read_bytes())["rejected"] == wanted
    assert len(records) / 2 < len(free) < len(records)


def test_two_walks_decide_as_one(tmp_path: Path) -> None:
    records = edited(300)
    once = run(tmp_path, records)
    marked = run(tmp_path, records, "--mark")
    unmarked = [r for r in marked if "duplicate_of" not in note(r)]
    assert [r["id"] for r in unmarked] == [r["id"] for r in once]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--keep", "longest"],
        ["--mark"],
        ["--scope", "paragraph"],
        ["--scope", "paragraph", "--memory", "1M"],
        ["--memory", "1M"],
    ],
    ids=" ".join,
)
def test_the_number_of_workers_changes_nothing(arguments: list[str], tmp_path: Path) -> None:
    records = edited(200)
    assert run(tmp_path, records, *arguments, "-j", "3") == run(tmp_path, records, *arguments)


def note(record: Record) -> dict[str, Any]:
    found: dict[str, Any] = record.get("metadata", {}).get("mind", {}).get("dedup", {})
    return found


def test_a_cluster_over_the_bound_stops_the_run(tmp_path: Path) -> None:
    text = han_text(1, 100)
    records = [{"id": f"n{i}", "text": text, "source": f"s{i}"} for i in range(30)]
    for more in ([], ["--keep", "longest"]):
        with pytest.raises(GateError) as error:
            run(tmp_path, records, "--max-cluster", "20", *more)
        said = "\n".join(error.value.lines("mind-dedup"))
        assert "1 cluster would have more than 20 records" in said
        assert "30 copies of n0, for example n" in said
    assert len(run(tmp_path, records, "--max-cluster", "30")) == 1
    assert len(run(tmp_path, records, "--max-cluster", "20", "--allow")) == 1


def test_containment_finds_a_part_of_a_whole(tmp_path: Path) -> None:
    whole = han_text(1, 300)
    records = [{"id": 1, "text": whole}, {"id": 2, "text": whole[:200]}]
    assert len(run(tmp_path, records)) == 2
    assert (
        len(run(tmp_path, records, "--measure", "containment", "--threshold", "0.9"))
        == 2 - int(True)
        or len(run(tmp_path, records, "--measure", "containment", "--threshold", "0.6")) == 1
    )


def test_unverified_warns_and_goes_by_keys_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = han_text(0, 300)
    records = [
        {"id": i, "text": base[:230] + han_text(100 + i, 70)} for i in range(60)
    ]  # similar to 0.6
    assert len(run(tmp_path, records)) == 60
    assert "warning" not in capsys.readouterr().err
    assert len(run(tmp_path, records, "--unverified")) < 50
    assert "warning: unverified" in capsys.readouterr().err


def test_records_and_keys_in_memory_stay_within_their_quarters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--memory` is shared by the store, the table of keys and a chunk: a quarter each."""
    memory, count = 4_000_000, 7000
    held: dict[str, list[int]] = {"store": [], "table": [], "chunk": []}
    put, spill, parts = Store.put, TieredIndex.spill, ChunkedDeduplicator.parts

    def noting_put(self: Store, block: RecordBlock) -> None:
        put(self, block)
        held["store"].append(self.bytes_held)

    def noting_spill(self: TieredIndex) -> None:
        spill(self)
        held["table"].append(self._table.bytes_held)

    def noting_parts(self: ChunkedDeduplicator, rows: Any, prints_of: Any) -> Any:
        def counted(part: tuple[int, ...]) -> Fingerprints:
            prints = prints_of(part)
            held["chunk"].append(prints.keys.nbytes + prints.sets.nbytes)
            return prints

        return parts(self, rows, counted)

    monkeypatch.setattr(Store, "put", noting_put)
    monkeypatch.setattr(TieredIndex, "spill", noting_spill)
    monkeypatch.setattr(ChunkedDeduplicator, "parts", noting_parts)
    records = [{"id": i, "text": han_text(i, 150)} for i in range(count)]
    arguments = ("--memory", str(memory))
    assert len(run(tmp_path, records, *arguments)) == len(records)
    everything = count * (150 * 4 + 20 * 8)
    assert everything > memory
    for name, most in held.items():
        assert 0 < max(most) <= memory // 4, name


@pytest.mark.parametrize("size", ["0", "0.2", "9" * 400, "1e3", "-1", "nan", "5X"])
def test_a_bound_on_memory_is_a_size(size: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no size"):
        run(tmp_path, edited(3), "--memory", size)


def test_the_smallest_bound_is_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A quarter of three bytes is none, which is not the same as no bound."""
    stores: list[int] = []
    made = Store.__post_init__

    def noting(self: Store) -> None:
        made(self)
        stores.append(self.memory)

    monkeypatch.setattr(Store, "__post_init__", noting)
    run(tmp_path, edited(3), "--memory", "3")
    assert max(stores) == 0
