"""Pools, conditions, quotas, baselines and clusters: each rule by itself, then the commands."""

from __future__ import annotations

import itertools
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mind_core import Record
from mind_core.chats import ChatFormat
from mind_core.errors import GateError, UsageError
from mind_core.records import encode
from mind_core.runner import StreamOptions
from mind_core.stream import read_records
from mind_core.testing import run_tool
from mind_sft_select.choosing import (
    BASELINES,
    SelectionRules,
    baseline,
    choose,
    parse_quota,
    stability,
)
from mind_sft_select.expressions import Condition
from mind_sft_select.pool import Pool, overlapping
from mind_sft_select.references import Reference
from mind_sft_select.scoring.run import ScoreOptions, run_scores
from mind_sft_select.selecting import Extras, select_scored
from mind_sft_select.strata import cluster_pool, exact_edges


def scored_record(
    number: int, entropy: float, tokens: int, language: str = "en", *, ifd: float = 0.9,
    source: str = "a", question: str | None = None, turns: int = 1,
) -> Record:  # fmt: skip
    nats = entropy * tokens
    sums = {
        "turns": [[nats / turns, tokens // turns - 1, 0.0, 1, 4 * tokens // turns]] * turns,
        "prompt_tokens": 5, "alone": [nats / ifd, tokens - turns, 0.0, turns, 4 * tokens],
    }  # fmt: skip
    question = f"question {number}" if question is None else question
    return {
        "id": number, "source": source,
        "messages": [{"role": "user", "content": question}, {"role": "assistant", "content": "x"}],
        "metadata": {"mind": {"sft-select": {"sums": sums, "language": language,
                                             "question_language": language, "model": "m"}}},
    }  # fmt: skip


def pool_of(records: list[Record], **more: Any) -> Pool:
    pool = Pool(**more)
    for record in records:
        pool.add(record)
    return pool


@pytest.fixture(scope="module")
def mixed() -> list[Record]:
    rng = random.Random(3)
    return [
        scored_record(n, rng.uniform(3, 8), 4 * rng.randint(2, 60), ("zh", "en")[n % 2],
                      ifd=rng.uniform(0.5, 1.2), source=f"s{n % 3}")
        for n in range(200)
    ]  # fmt: skip


NAMES = ("ifd", "tokens", "language", "entropy")


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("ifd<1 and tokens>=20", {"ifd": 0.5, "tokens": 20.0}, True),
        ("ifd<1 and tokens>=20", {"ifd": 0.5, "tokens": 19.0}, False),
        ("language == 'zh' or entropy*2 > 3+1", {"language": "en", "entropy": 2.1}, True),
        ("not (1 < entropy <= 2)", {"entropy": 2.0}, False),
        ("ifd < 1", {"ifd": float("nan")}, False),
        ("ifd / tokens > 1", {"ifd": 1.0, "tokens": 0.0}, False),
        ("-entropy < -1", {"entropy": 2.0}, True),
    ],
)
def test_conditions(text: str, values: dict[str, Any], expected: bool) -> None:
    assert Condition(text, NAMES)(values) is expected


@pytest.mark.parametrize(
    "text", ["ifd <", "__import__('os')", "ifdd < 1", "ifd.real < 1", "[1]", "ifd if 1 else 2",
             "ifd ** 9 ** 9", "(lambda: 1)()"],
)  # fmt: skip
def test_what_is_no_condition_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--where"):
        Condition(text, NAMES)


def test_a_word_is_not_compared_with_a_number() -> None:
    with pytest.raises(UsageError, match="a word with a number"):
        Condition("language < 3", NAMES)({"language": "zh"})


def test_a_band_is_above_the_reference_of_the_records_language() -> None:
    records = [scored_record(1, 5.0, 8, "zh"), scored_record(2, 5.0, 8, "en"),
               scored_record(3, 4.0, 8, "en"), scored_record(4, 5.0, 8, "fr")]  # fmt: skip
    rules = SelectionRules(band=(1.0, 1.5), reference=Reference({"zh": 3.75, "en": 4.5}))
    chosen = choose(pool_of(records), rules)
    assert chosen.reasons == [None, "below_band", "below_band", "no_reference"]
    assert chosen.gaps[0] == 1.25


def test_copies_conditions_and_evaluation_items_are_out_first(mixed: list[Record]) -> None:
    long = "Please answer: name the three primary colours of light, with an example for each!"
    records = [
        scored_record(1, 5.0, 8, question="What is water?"),
        scored_record(2, 5.0, 8, question="what is WATER"),
        scored_record(3, 5.0, 4, question="short"),
        scored_record(4, 5.0, 8, question=long),
    ]
    rules = SelectionRules(where=Condition("tokens >= 8", ("tokens",)))
    pool = pool_of(records, keep_questions=True)
    overlap = overlapping(pool, ["Name the three primary colours of light, with an example", "no"])
    assert choose(pool, rules, overlap).reasons == [None, "duplicate", "where", "in_evaluation"]
    kept = choose(pool, SelectionRules(keep_duplicates=True)).reasons
    assert kept == [None] * 4


def test_quotas_and_budgets_hold_and_do_not_depend_on_the_order(mixed: list[Record]) -> None:
    def kept(records: list[Record], **more: Any) -> set[int]:
        pool = pool_of(records)
        return {records[i]["id"] for i in choose(pool, SelectionRules(**more)).kept}

    quotas = dict(map(parse_quota, ["language:zh=10", "source:*=12"]))
    chosen = kept(mixed, quotas=quotas)
    languages = [n % 2 for n in chosen]
    assert languages.count(0) <= 10 and all(sum(n % 3 == s for n in chosen) <= 12 for s in range(3))
    assert len(chosen) == 36 or languages.count(0) == 10
    assert kept(mixed[::-1], quotas=quotas) == chosen
    tokens = pool_of(mixed).number("tokens")
    few = kept(mixed, max_tokens=1000)
    assert 900 < sum(tokens[n] for n in few) <= 1000
    assert len(kept(mixed, max_records=7)) == 7
    turned = [{**record, "id": n} for n, record in enumerate(mixed)]
    for text, reason in (("turns:1=5", "over_quota:turns:1"), ("turns:2=0", None)):
        reasons = choose(pool_of(turned), SelectionRules(quotas=dict([parse_quota(text)]))).reasons
        assert reasons.count(None) == (5 if reason else len(mixed)), text
    for text in ("language=3", "colour:red=3", "language:zh=x", "turns:1=" + "9" * 5000):
        with pytest.raises(UsageError, match="is no quota"):
            parse_quota(text)


@pytest.mark.parametrize("name", BASELINES)
def test_baselines_have_the_same_answer_tokens(mixed: list[Record], name: str) -> None:
    pool = pool_of(mixed)
    tokens, entropy, ifd = (pool.number(n) for n in ("tokens", "entropy", "ifd"))
    like = [i for i in range(200) if 5 <= entropy[i] <= 6]
    chosen = baseline(name, pool, range(200), like, seed=1)
    budget = tokens[like].sum()
    assert 0.97 * budget <= tokens[chosen].sum() <= budget
    if name == "lowest":
        assert entropy[chosen].mean() < np.quantile(entropy, 0.3)
    if name == "longest":
        assert tokens[chosen].min() >= np.quantile(tokens, 0.5)
    if name == "ifd-top":
        assert ifd[chosen].max() <= 1.0
    if name == "random-length":
        assert np.median(tokens[chosen]) == pytest.approx(np.median(tokens[like]), rel=0.2)
        assert chosen != baseline(name, pool, range(200), like, seed=2)


def test_the_stability_table_is_one_for_the_choice_itself(mixed: list[Record]) -> None:
    pool = pool_of(mixed)
    rules = SelectionRules(band=(0.0, 1.0), reference=Reference({"all": 5.0}))
    rows = stability(pool, choose(pool, rules), rules)
    assert rows[0]["jaccard"] == 1.0 and len(rows) == 4
    assert all(0 <= float(str(row["jaccard"])) <= 1 for row in rows)
    # Ends cost nothing here and a token has four bytes: bits a byte rank as nats a token do.
    assert rows[2]["jaccard"] == rows[3]["jaccard"] == 1.0
    assert 0.5 < float(str(rows[1]["jaccard"])) < 1.0


@given(st.lists(st.integers(0, 30), min_size=4, max_size=9), st.integers(2, 3))
def test_exact_clusters_are_the_best_of_all_cuts(numbers: list[int], count: int) -> None:
    values = np.array(numbers, dtype=float)
    if len(set(numbers)) < count:
        return
    ordered = np.sort(np.unique(values))

    def cost(edges: tuple[float, ...]) -> float:
        labels = np.searchsorted(edges, values, side="right")
        return sum(((values[labels == g] - values[labels == g].mean()) ** 2).sum()
                   for g in set(labels.tolist()))  # fmt: skip

    best = min(cost(edges) for edges in itertools.combinations(ordered[1:], count - 1))
    assert cost(tuple(exact_edges(values, count))) == pytest.approx(best, abs=1e-9)


def test_kmeans_is_near_the_exact_optimum_and_strata_stay_apart(mixed: list[Record]) -> None:
    pool = pool_of(mixed)
    entropy = pool.number("entropy")

    def inertia(by: str) -> float:
        found = cluster_pool(pool, 5, by=by)
        assert sorted(i for c in found for i in c.members) == list(range(200))
        for c in found:
            assert {pool.words["language"][i] for i in c.members} == {c.stratum}
        return sum(((entropy[c.members] - entropy[c.members].mean()) ** 2).sum() for c in found)

    exact = inertia("exact")
    assert exact <= inertia("kmeans") <= 1.02 * exact
    assert exact <= inertia("quantile")
    sizes = [len(c.members) for c in cluster_pool(pool, 5, by="quantile")]
    assert max(sizes) - min(sizes) <= 1


def test_a_cluster_under_the_budget_is_merged_or_named(mixed: list[Record]) -> None:
    pool = pool_of(mixed)
    budget = 5000
    merged = cluster_pool(pool, 8, budget=budget)
    assert all(c.tokens >= budget and not c.is_too_small for c in merged)
    assert sum(len(c.members) for c in merged) == 200
    marked = cluster_pool(pool, 8, budget=budget, small="mark")
    assert len(marked) == 16 and all(c.is_too_small == (c.tokens < budget) for c in marked)
    assert any(c.is_too_small for c in marked)
    lengths = cluster_pool(pool, 2, strata=("language", "length"))
    assert {c.stratum for c in lengths} == {f"{a}/{b}" for a in ("en", "zh")
                                            for b in ("short", "middle", "long")}  # fmt: skip


@pytest.fixture(scope="module")
def scored(
    model_folder: Path, made_instructions: list[Record], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("scored")
    (folder / "in.jsonl").write_bytes(b"".join(map(encode, made_instructions)))
    stream = StreamOptions((str(folder / "in.jsonl"),), folder / "scored.jsonl", level=0,
                           quiet=True, progress=False)  # fmt: skip
    wanted = ScoreOptions(str(model_folder), "cpu", unconditional=True, plain=True)
    run_scores(wanted, ChatFormat(), stream)
    return folder / "scored.jsonl"


def test_a_selection_from_scores_accounts_for_all_and_writes_baselines(
    scored: Path, tmp_path: Path
) -> None:
    options = StreamOptions((str(scored),), tmp_path / "out.jsonl", tmp_path / "no.jsonl",
                            level=0, quiet=True, progress=False)  # fmt: skip
    rules = SelectionRules(quantile=(0.25, 0.75), keep_duplicates=True)
    extras = Extras(baselines=tmp_path / "baselines", baseline_seeds=2)
    summary = select_scored(rules, extras, options)
    assert summary.kept + summary.rejected.total() == summary.records_in == 24
    assert summary.kept == 12 and summary.rejected["select.below_band"] == 6
    details = summary.details
    assert details["languages"]["zh"]["kept"] == details["languages"]["en"]["kept"] == 6
    kept = list(read_records([tmp_path / "out.jsonl"]))
    tokens = sum(r["metadata"]["mind"]["sft-select"]["tokens"] for r in kept)
    assert details["answer_tokens"] == tokens
    assert {row["choice"] for row in details["stability"]} >= {
        "nats/token · no template · with end · as scored"
    }
    manifest = json.loads((tmp_path / "baselines" / "manifest.json").read_bytes())
    assert manifest["selection_answer_tokens"] == tokens
    assert set(manifest["answer_tokens"]) == {
        "random-seed0", "random-seed1", "random-length-seed0", "random-length-seed1", "longest",
        "lowest", "highest", "ifd-top",
    }  # fmt: skip
    for name, spent in manifest["answer_tokens"].items():
        found = read_records([tmp_path / "baselines" / f"{name}.jsonl.zst"])
        assert sum(r["metadata"]["mind"]["sft-select"]["tokens"] for r in found) == spent <= tokens


def test_scores_of_two_models_or_none_are_refused(scored: Path, tmp_path: Path) -> None:
    options = StreamOptions((str(tmp_path / "in.jsonl"),), tmp_path / "out", quiet=True)
    lines = scored.read_bytes().splitlines(keepends=True)
    record = json.loads(lines[0])
    record["metadata"]["mind"]["sft-select"]["model"] = "other"
    (tmp_path / "in.jsonl").write_bytes(encode(record) + b"".join(lines[1:]))
    with pytest.raises(UsageError, match="under several models"):
        select_scored(SelectionRules(), Extras(), options)
    (tmp_path / "in.jsonl").write_bytes(encode({"messages": record["messages"]}))
    with pytest.raises(UsageError, match="no record has scores"):
        select_scored(SelectionRules(), Extras(), options)
    same = [scored_record(n, 5.0, 8) for n in range(5)]
    (tmp_path / "in.jsonl").write_bytes(b"".join(map(encode, same)))
    with pytest.raises(GateError, match="all 5 nats scores"):
        select_scored(SelectionRules(quantile=(0.25, 0.75)), Extras(), options)
    assert not (tmp_path / "out").exists()


def test_the_commands_select_and_cluster_from_scores(scored: Path, tmp_path: Path) -> None:
    done = run_tool("mind-sft-select", ["select", "--scored", "--reference-entropy", "5", "--band",
                                        "-99,99", "--where", "language == 'zh'", "--max", "3",
                                        "-z", "0", scored])  # fmt: skip
    assert done.code == 0, done.stderr
    assert len(done.records) == 3
    done = run_tool("mind-sft-select", ["cluster", scored, "-k", "3", "-o", tmp_path / "clusters"])
    assert done.code == 0, done.stderr
    rows = json.loads((tmp_path / "clusters" / "clusters.json").read_bytes())
    assert len(rows) == 6 and sum(row["records"] for row in rows) == 24
    files = sorted((tmp_path / "clusters").glob("cluster-*.jsonl.zst"))
    assert [len(list(read_records([f]))) for f in files] == [row["records"] for row in rows]
    assert (tmp_path / "clusters" / "histogram.svg").read_text().startswith("<svg")
    for bad in (["--where", "tokens>1", "--model", "x"], ["--scored", "--model", "x"]):
        assert run_tool("mind-sft-select", ["select", *bad, scored]).code == 2
