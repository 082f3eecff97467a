"""The plugin reads medical rows, drops residue, and is found by the tool."""

from __future__ import annotations

from pathlib import Path

import pytest
from mind_domain_medical_zh import Medical

from mind_core import Reason
from mind_core.testing import run_tool
from mind_domain import DialogueDomain

PLUGIN = Path(__file__).parents[1] / "src" / "mind_domain_medical_zh" / "__init__.py"
ANSWER = "建议先到医院做超声检查，再由医生决定治疗方案。"
SHARED = Path(__file__).parents[4] / "shared" / "data" / "sft" / "zh" / "huatuo"


def test_it_is_a_domain_of_dialogues() -> None:
    domain = Medical()
    assert isinstance(domain, DialogueDomain)
    assert "就医" in domain.rubric("zh") and "doctor" in domain.rubric("en")
    assert len(PLUGIN.read_text("utf-8").splitlines()) < 100


def test_rows_become_conversations() -> None:
    found = Medical().read({"instruction": "肝癌怎么治？", "input": "", "output": ANSWER}, "x")
    assert not isinstance(found, Reason)
    assert [one["role"] for one in found["messages"]] == ["user", "assistant"]
    turns = " <user>: 发烧怎么办？ <bot>: 多喝水，注意休息。 <user>: 要吃药吗？"
    longer = Medical().read({"instruction": turns, "output": ANSWER}, "x")
    assert not isinstance(longer, Reason)
    assert len(longer["messages"]) == 4


@pytest.mark.parametrize(
    ("answer", "reason"),
    [("好。", "short_answer"), (f"{ANSWER}\n### Response: 好", "template_marks")],
)
def test_what_is_dropped(answer: str, reason: str) -> None:
    found = Medical().read({"instruction": "肝癌怎么治？", "output": answer}, "x")
    assert isinstance(found, Reason)
    assert str(found) in {reason, "template_residue"}


def test_the_tool_finds_it() -> None:
    rows = [{"instruction": f"问题{n}？", "output": ANSWER} for n in range(3)]
    done = run_tool("mind-domain", ["read", "--plugin", PLUGIN, "--domain", "medical_zh"], rows)
    assert done.code == 0, done.stderr
    assert [len(record["messages"]) for record in done.records] == [2, 2, 2]
    wrong = run_tool("mind-domain", ["label", "--plugin", PLUGIN, "--domain", "medical_zh"], rows)
    assert (wrong.code, "one of dialogues" in wrong.stderr) == (2, True)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data are not here")
def test_huatuo_as_it_ships(tmp_path: Path) -> None:
    files = [SHARED / "llama_data.json.zst", SHARED / "liver_cancer.json.zst"]
    done = run_tool(
        "mind-domain",
        ["read", "--plugin", PLUGIN, "--domain", "medical_zh", *files, "-o", tmp_path / "o"],
    )
    assert done.code == 0, done.stderr
    assert "9,658 in" in done.stderr
