"""Several walks over one stream: the later ones know what the earlier ones found."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

import pytest

from mind_core.errors import MindError
from mind_core.output import write_records
from mind_core.runner import BatchResult, Pass, StreamOptions, run_passes
from mind_core.spool import Spool
from mind_core.stream import Batch, read_records
from mind_core.summary import Summary


def counting(batch: Batch) -> BatchResult:
    """Keep what has a word; report the words."""
    outcome = BatchResult(payload=[])
    for _, line, record in outcome.records(batch):
        if not record["text"]:
            outcome.reject(record, "mind-probe", "counting", "empty")
            continue
        outcome.payload.append(record["text"])
        outcome.keep(line)
    return outcome


class Rare:
    """Keep what occurs once."""

    def __init__(self, counts: Counter[str]) -> None:
        self.counts = dict(counts)

    def __call__(self, batch: Batch) -> BatchResult:
        outcome = BatchResult()
        for position, line, record in outcome.records(batch):
            if self.counts[record["text"]] == 1:
                outcome.keep(line)
            else:
                outcome.reject(record, "mind-probe", "rare", "common", position=position)
        return outcome


@pytest.mark.parametrize("jobs", [1, 2])
def test_two_walks_and_one_account(tmp_path: Path, jobs: int) -> None:
    texts = ["a", "b", "", "a", "c", "", "b", "d"]
    write_records(tmp_path / "in.zst", [{"id": n, "text": t} for n, t in enumerate(texts)])
    counts: Counter[str] = Counter()

    def settle(outcome: BatchResult) -> BatchResult:
        counts.update(outcome.payload)
        return outcome

    options = StreamOptions(
        inputs=(str(tmp_path / "in.zst"),), output=tmp_path / "out.zst",
        rejects=tmp_path / "rejects.zst", jobs=jobs, quiet=True,
    )  # fmt: skip
    passes = [Pass(lambda: counting, settle, "counting"), Pass(lambda: Rare(counts))]
    summary = run_passes(Summary("mind-probe"), passes, options)
    assert [record["text"] for record in read_records([tmp_path / "out.zst"])] == ["c", "d"]
    assert (summary.records_in, summary.kept) == (8, 2)
    assert summary.rejected == {"counting.empty": 2, "rare.common": 4}
    positions = [
        r["metadata"]["mind"]["rejected"].get("position")
        for r in read_records([tmp_path / "rejects.zst"])
    ]
    assert positions == [None, None, *(f"after counting:{n}" for n in (1, 2, 3, 5))]


def test_a_spool_gives_back_what_it_took_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    lines = [b'{"n":%d,"pad":"%s"}\n' % (n, b"x" * 100) for n in range(30_000)]
    with Spool() as spool:
        for line in lines:
            spool.write_all([line])
        assert not list(tmp_path.iterdir()), "the file has no name"
        assert b"".join(batch.data for batch in spool.batches("again")) == b"".join(lines)
    with Spool() as spool:
        assert list(spool.batches("empty")) == []


def test_a_full_disk_is_told_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this system")
    full = open("/dev/full", "w+b", buffering=0)  # noqa: SIM115, PTH123
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: full)
    spool = Spool()
    with pytest.raises(MindError) as caught:
        for n in range(400):
            spool.write_all([b"%d " % n + bytes(str(n**2000), "ascii") * 3 + b"\n"])
        list(spool.batches("never"))
    assert "TMPDIR" in str(caught.value.hint)
