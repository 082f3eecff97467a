"""Buckets by length, of each tokenizer, whole and at equal tokens."""

import json
from pathlib import Path

from mind_core.output import write_records
from mind_core.stream import read_records
from mind_core.testing import run_tool
from mind_tok import load_tokenizer
from mind_tok.chat import encode_chat


def test_buckets_by_each_tokenizer(models: dict[str, Path], tmp_path: Path) -> None:
    tokenizer = models["good"].parent / "tokenizer"
    rows = [
        {"id": f"d{n}", "messages": [{"role": "user", "content": "why?"},
                                     {"role": "assistant", "content": "the plant " * (n % 20 + 1)}]}
        for n in range(100)
    ]  # fmt: skip
    write_records(tmp_path / "d.zst", rows)
    arguments = ["bucket", "--tokenizer", f"tok={tokenizer}", "--edges", "0-20,20-40", "d.zst"]
    done = run_tool("mind-domain", [*arguments, "-o", "b", "--json"], folder=tmp_path)
    assert done.code == 0, done.stderr
    manifest = json.loads(done.stdout)
    own = run_tool(
        "mind-domain", ["bucket", "--tokenizer", f"tok={models['good']}", "--edges", "0-20,20-40",
                        "d.zst", "-o", "own", "--json"], folder=tmp_path,
    )  # fmt: skip
    assert (own.code, json.loads(own.stdout or b"{}")) == (0, manifest), own.stderr
    assert manifest == json.loads((tmp_path / "b" / "manifest.json").read_text())
    tok = load_tokenizer(tokenizer)
    lengths = {row["id"]: sum(encode_chat(tok, row["messages"])[1]) for row in rows}
    part = manifest["tokenizers"]["tok"]
    least = min(entry["all"]["tokens"] for entry in part["buckets"].values())
    for name, entry in part["buckets"].items():
        low, high = map(int, name.split("-"))
        held = list(read_records([tmp_path / "b" / entry["all"]["file"]]))
        assert {one["id"] for one in held} == {k for k, n in lengths.items() if low <= n < high}
        assert entry["all"]["tokens"] == sum(lengths[one["id"]] for one in held)
        assert all(
            one["metadata"]["mind"]["bucket"]["tokens"] == lengths[one["id"]] for one in held
        )
        equal = sum(
            lengths[one["id"]] for one in read_records([tmp_path / "b" / entry["equal"]["file"]])
        )
        assert least - high < equal <= least
    assert part["outside"] == sum(n >= 40 for n in lengths.values())
    empty = run_tool(
        "mind-domain", [*arguments[:4], "9000-9001", "d.zst", "-o", "c"], folder=tmp_path
    )
    assert (empty.code, "no conversation is in bucket 9000-9001" in empty.stderr) == (1, True)
    assert not (tmp_path / "c").exists()
