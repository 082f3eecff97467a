"""Conformance: what others published, got again from their files; a difference exits 1."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mind_core import MindError
from mind_core.testing import run_tool
from mind_eval.conform.checks import Check, close, conform_table, equal
from mind_eval.conform.published import run_checks
from mind_eval.conform.wmt import wmt_checks

SHARED = Path(__file__).parents[4] / "shared" / "data"


def test_checks_say_ok_differs_or_no_data() -> None:
    checks = [
        equal("a", "1", "1", "s"), equal("b", "1", "2", "s"), equal("c", "1", None, "s"),
        close("d", 73.711, 73.709, "s", 0.005), close("e", 73.71, 73.72, "s", 0.005),
    ]  # fmt: skip
    assert [check.state for check in checks] == ["ok", "DIFFERS", "no data", "ok", "DIFFERS"]
    assert "5 checks: 2 ok, 2 DIFFERS, 1 no data" in conform_table(checks)


def test_without_data_the_headers_and_the_formulas_are_checked() -> None:
    states = {check.what: check.state for check in run_checks(None, None)}
    assert states["C-Eval, headers of 52 subjects"] == "ok"
    assert states["CMMLU, headers of 67 subjects"] == "ok"
    assert sum(state == "ok" for what, state in states.items() if what.startswith("MATH")) == 2
    assert states["BBH, 6,511 prompts"] == "no data"


def codex(root: Path, accuracy: float) -> Path:
    folder = root / "bbh-codex-cot"
    folder.mkdir(parents=True)
    outputs = [
        {"input": "?", "prediction": "So the answer is (A).\n\nQ: no", "target": "(A)"},
        {"input": "?", "prediction": "So the answer is (B).", "target": "(A)"},
    ]
    (folder / "snarks_few_shot.json").write_text(json.dumps({"canary": "", "outputs": outputs}))
    (folder / "snarks_few_shot_eval_metrics.jsonl").write_text(json.dumps({"accuracy": accuracy}))
    return root


@pytest.mark.parametrize(("accuracy", "state"), [(50.0, "ok"), (51.0, "DIFFERS")])
def test_published_accuracies_are_compared(tmp_path: Path, accuracy: float, state: str) -> None:
    done = run_tool("mind-eval", ["conform", "--external", codex(tmp_path, accuracy), "--json"])
    rows = {row["what"]: row for row in json.loads(done.stdout)}
    row = rows["BBH, Codex, snarks"]
    assert (row["got"], row["state"]) == ("50.00", state)
    assert done.code == 1, "the mean of one task is not the published mean"
    assert rows["BBH, Codex, mean of 1 tasks"]["state"] == "DIFFERS"


def test_an_external_that_is_no_folder_is_told(tmp_path: Path) -> None:
    done = run_tool("mind-eval", ["conform", "--external", tmp_path / "gone"])
    assert done.code == 2 and "is no folder" in done.stderr


def wmt(root: Path, written: str) -> Path:
    """Lay two systems out as the organisers do, scored by sacrebleu itself."""
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    wanted = ["今天天气很好，我们去公园散步。", "他买了三本书。\u2028", "The cat sleeps."]
    texts = {"zh": ["今天天气好，我们去公园。", "他买了两本书。", "The cat."], "en": ["a b"] * 3}
    rows = ["pair\tsystem\tid\tis_constrained\tmetric\tscore"]
    for place in ("scores", "txt/references", "txt/system-outputs"):
        (root / "wmt23" / place).mkdir(parents=True)
    for pair, lines in (("en-zh", texts["zh"]), ("zh-en", texts["en"]), ("en-ja", texts["en"])):
        target = pair[3:]
        bleu = BLEU(tokenize="zh" if target == "zh" else "13a").corpus_score(lines, [wanted]).score
        chrf = CHRF().corpus_score(lines, [wanted]).score
        for metric, value in (("bleu-refA", bleu), ("chrf-refA", chrf), ("bleu-all", 1.0)):
            rows.append(f"{pair}\tONLINE-B\t3\tFalse\t{metric}\t{value}")
            rows.append(f"{pair}\tnot-here\t3\tFalse\t{metric}\t{value}")
        for kind, name, text in (("references", "ref.refA", wanted),
                                 ("system-outputs", "hyp.ONLINE-B", lines)):  # fmt: skip
            path = root / "wmt23" / "txt" / kind / f"generaltest2023.{pair}.{name}.{target}"
            path.write_text("\n".join(text) + "\n", "utf-8")
    if written:
        (root / "wmt23/txt/system-outputs/generaltest2023.en-zh.hyp.ONLINE-B.zh").write_text(
            written
        )
    (root / "wmt23" / "scores" / "automatic-scores.tsv").write_text("\n".join(rows) + "\n")
    return root / "wmt23"


def test_published_translations_are_scored(tmp_path: Path) -> None:
    pytest.importorskip("sacrebleu")
    found = {check.what: check for check in wmt_checks(wmt(tmp_path / "same", ""))}
    assert [*found] == [f"WMT23 {pair}, ONLINE-B, {metric}" for pair in ("en-zh", "zh-en")
                        for metric in ("BLEU", "chrF")], "Japanese needs MeCab"  # fmt: skip
    assert {check.state for check in found.values()} == {"ok"}
    other = wmt_checks(wmt(tmp_path / "other", "今天\n他买\nThe dog\n"))
    assert [check.state for check in other] == ["DIFFERS", "DIFFERS", "ok", "ok"]
    with pytest.raises(MindError, match="has 2 lines"):
        wmt_checks(wmt(tmp_path / "short", "今天\n他买\n"))
    assert [check.state for check in wmt_checks(tmp_path / "none")] == ["no data"]
    table = tmp_path / "same" / "wmt23" / "scores" / "automatic-scores.tsv"
    table.write_text("pair\tsystem\nen-zh\tx\n")
    with pytest.raises(MindError, match=r"automatic-scores.tsv:2: not a row"):
        wmt_checks(tmp_path / "same" / "wmt23")


@pytest.mark.long
@pytest.mark.skipif(not SHARED.is_dir(), reason="the full benchmarks are not on this machine")
def test_every_claim_holds_on_the_authors_files() -> None:
    checks: list[Check] = run_checks(SHARED / "benchmarks", SHARED / "external")
    assert [check.what for check in checks if check.state != "ok"] in (
        [], ["WMT23, BLEU and chrF of its systems"]
    ), "WMT23's systems are on few machines"  # fmt: skip
    assert len(checks) >= 36
