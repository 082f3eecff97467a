"""Instruction records of every layout become conversations, and nothing is lost on the way."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from mind_core.chats import ChatFormat, check_turns, read_chat_batches
from mind_core.chats.residue import clean_answer, clean_question
from mind_core.chats.turn_lists import listed_turns
from mind_core.errors import BadRecord, UsageError
from mind_core.records import decode

SHARED = Path(__file__).parents[4] / "shared" / "data" / "sft"
FORMAT = ChatFormat()

GOLDEN = {
    # file: (layout, conversations, messages of the sound ones, reasons, cut, residue, left out)
    "en/alpaca-first-12k.jsonl.zst": ("alpaca", 12345, 24672, {"no_answer": 9}, 0, 0, 0),
    "en/alpaca-gpt4-en-demo/alpaca_en_demo.json.zst": ("alpaca", 999, 1998, {}, 0, 1, 0),
    "en/dolly-hhrlhf/dolly_hhrlhf_train_small.jsonl.zst":
        ("prompt-response", 1000, 2000, {}, 0, 1000, 0),
    "en/self-instruct-seed/seed_tasks.jsonl.zst": ("self-instruct", 175, 350, {}, 0, 0, 0),
    "en/self-instruct-user-oriented/user_oriented_instructions.jsonl.zst":
        ("self-instruct", 252, 504, {}, 0, 0, 0),
    "zh/alpaca-gpt4-zh-demo/alpaca_zh_demo.json.zst": ("alpaca", 1000, 2000, {}, 0, 1, 0),
    "zh/belle/eval_set.json.zst":
        ("question-answer", 1000, 1260, {"no_answer": 369, "role_order": 1}, 0, 0, 0),
    "zh/belle/zh_seed_tasks.json.zst": ("self-instruct", 175, 350, {}, 0, 0, 0),
    "zh/disc-finllm/computing_part.json.zst": ("alpaca", 100, 200, {}, 0, 0, 0),
    "zh/disc-finllm/consulting_part.json.zst": ("alpaca", 100, 314, {}, 0, 0, 0),
    "zh/disc-finllm/retrieval_part.json.zst": ("alpaca", 100, 200, {}, 0, 0, 0),
    "zh/disc-finllm/task_part.json.zst": ("alpaca", 100, 200, {}, 0, 0, 0),
    "zh/huatuo/liver_cancer.json.zst": ("alpaca", 1000, 4620, {}, 0, 0, 0),
    "zh/huatuo/llama_data.json.zst": ("alpaca", 8658, 17316, {}, 0, 0, 0),
    "zh/lawyer-llama/fakao_gpt4.json.zst": ("input-output", 1000, 2000, {}, 0, 0, 0),
    "zh/lawyer-llama/judical_examination.json.zst": ("turns", 2000, 4000, {}, 0, 0, 0),
    "zh/lawyer-llama/legal_advice.json.zst": ("turns", 5000, 10000, {}, 0, 0, 0),
    "zh/lawyer-llama/legal_counsel_multi_turn_with_article_v2.json.zst":
        ("query", 476, 2042, {"role_order": 10}, 1, 0, 0),
    "zh/lawyer-llama/legal_counsel_with_article_v2.json.zst": ("query", 1000, 2000, {}, 0, 0, 0),
    "zh/lawyer-llama/zixun_gpt4.json.zst": ("query", 1000, 2000, {}, 0, 0, 0),
    "zh/moss-samples.jsonl.zst": ("moss", 1100, 9522, {}, 0, 1, 907),
    "zh/tigerbot-medical/medical_qa_6000.jsonl.zst": ("alpaca", 6000, 12000, {}, 0, 6000, 0),
}  # fmt: skip


def read(path: Path) -> tuple[str, int, int, dict[str, int], int, int, int]:
    layouts: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    for batch in read_chat_batches([path]):
        for number, line in batch.lines():
            for record, found in FORMAT.records(decode(line, batch.position(number))):
                layouts[found.layout] += 1
                checked = check_turns(found.messages)
                reason = found.reason or checked.reason
                reasons.update([str(reason)] if reason else [])
                counts["messages"] += 0 if reason else len(checked.messages)
                counts["cut"] += checked.cut > 0 and not reason
                counts["residue"] += found.removed > 0
                counts["left_out"] += found.left_out
                assert record["messages"] == found.messages
    (layout,) = layouts
    return (layout, layouts.total(), counts["messages"], dict(reasons), counts["cut"],
            counts["residue"], counts["left_out"])  # fmt: skip


@pytest.mark.skipif(not SHARED.is_dir(), reason="the instruction sets are not here")
@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_every_instruction_set_reads_with_its_counts(name: str) -> None:
    assert read(SHARED / name) == GOLDEN[name]


@pytest.mark.skipif(not SHARED.is_dir(), reason="the instruction sets are not here")
def test_the_golden_table_names_every_file() -> None:
    found = {str(path.relative_to(SHARED)) for path in SHARED.rglob("*.zst")}
    assert found == set(GOLDEN)


Q, A = {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}
Q2, A2 = {"role": "user", "content": "q2"}, {"role": "assistant", "content": "a2"}
S = {"role": "system", "content": "s"}


@pytest.mark.parametrize(
    ("layout", "record", "messages"),
    [
        ("messages", {"messages": [S, Q, A]}, [S, Q, A]),
        ("messages", {"messages": [{"role": "developer", "content": "s"}, Q, A]}, [S, Q, A]),
        ("messages", {"messages": [{"role": "user", "content": [
            {"type": "text", "text": "q"}, {"type": "input_text", "text": "2"}]}, A2]}, [Q2, A2]),
        ("sharegpt", {"conversations": [{"from": "human", "value": "q"},
                                        {"from": "gpt", "value": "a"}], "system": "s"}, [S, Q, A]),
        ("sharegpt", {"conversation": [{"human": "q", "assistant": "a"},
                                       {"human": "q2", "assistant": "a2"}]}, [Q, A, Q2, A2]),
        ("sharegpt", {"conversations": [{"question": "q", "answer": "a"}]}, [Q, A]),
        ("sharegpt", {"data": ["q", "a", "q2", "a2"]}, [Q, A, Q2, A2]),
        ("moss", {"meta_instruction": "s", "chat": {
            "turn_10": {"Human": "<|Human|>: q2<eoh>\n", "MOSS": "<|MOSS|>: a2<eom>\n"},
            "turn_2": {"Human": "<|Human|>: q<eoh>\n", "MOSS": "<|MOSS|>: a<eom>\n"}}},
         [S, Q, A, Q2, A2]),
        ("turns", {"turns": [{"instruction": "q", "input": "", "output": "a"}]}, [Q, A]),
        ("self-instruct", {"instruction": "q", "instances": [{"input": "", "output": "a"}]},
         [Q, A]),
        ("alpaca", {"instruction": "q", "input": None, "output": "a"}, [Q, A]),
        ("alpaca", {"instruction": "q", "input": "2", "output": "a"},
         [{"role": "user", "content": "q\n2"}, A]),
        ("alpaca", {"instruction": "q", "context": "2", "response": "a"},
         [{"role": "user", "content": "q\n2"}, A]),
        ("alpaca", {"instruction": "q2", "output": "a2", "system": "s", "history": [["q", "a"]]},
         [S, Q, A, Q2, A2]),
        ("alpaca", {"instruction": " <user>: q <bot>: a <user>: q2", "output": "a2"},
         [Q, A, Q2, A2]),
        ("alpaca", {"instruction": "Human: q\nAssistant: a\nHuman: q2\nAssistant: ",
                    "output": "a2"}, [Q, A, Q2, A2]),
        ("query", {"query": "q", "response": "a", "laws": ["l"]}, [Q, A]),
        ("query", {"query": "q", "history": ["[客户] q", "[律师] a", "[客户] q2", "[律师] a2"]},
         [Q, A, Q2, A2]),
        ("query", {"query": "q2", "response": "a2", "history": [["q", "a"]]}, [Q, A, Q2, A2]),
        ("prompt-response", {"prompt": "q", "completion": "a"}, [Q, A]),
        ("prompt-response", {"prompt": [S, Q], "completion": [A]}, [S, Q, A]),
        ("prompt-response", {"prompt": [Q], "chosen": [Q, A], "rejected": [Q, A2]}, [Q, A]),
        ("question-answer", {"question": "q", "std_answer": "a", "class": "qa"}, [Q, A]),
        ("input-output", {"input": "q", "target": "a", "kind": "k"}, [Q, A]),
        ("inline", {"text": "<human>: q\n<bot>: a\n<human>: q2\n<bot>: a2"}, [Q, A, Q2, A2]),
        ("inline", {"text": "### Human: q\n### Assistant: a"}, [Q, A]),
        ("inline", {"plain_text": "[Human]: q<eoh> [MOSS]: a<eoa>", "meta_instruction": "s"},
         [S, Q, A]),
    ],
)  # fmt: skip
def test_each_layout_is_recognised(
    layout: str, record: dict[str, Any], messages: list[dict[str, str]]
) -> None:
    (found,) = FORMAT.conversations(record)
    assert (found.layout, found.messages, found.reason) == (layout, messages, None)
    (by_name,) = ChatFormat(layout).conversations(record)
    assert by_name.messages == messages


def test_fields_that_were_read_go_and_others_stay() -> None:
    record = {"id": 3, "query": "q", "laws": ["l"], "response": "a", "metadata": {"k": 1}}
    ((made, _),) = FORMAT.records(record)
    assert made == {"id": 3, "laws": ["l"], "metadata": {"k": 1}, "messages": [Q, A]}


def test_several_instances_are_several_records() -> None:
    instances = [{"input": "", "output": "a"}, {"input": "2", "output": "a2"}]
    record = {"id": "t", "instruction": "q", "instances": instances}
    made = FORMAT.records(record)
    assert [r["id"] for r, _ in made] == ["t-1", "t-2"]
    assert made[1][0]["messages"][0]["content"] == "q\n2"


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ({"role": "tool", "content": "1"}, "tool_calls"),
        ({"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}, "tool_calls"),
        ({"role": "assistant", "content": None}, "null_content"),
        ({"role": "assistant", "content": [{"type": "image_url"}]}, "content_part"),
        ({"role": "narrator", "content": "x"}, "unknown_role"),
        ({"role": "assistant", "content": "x", "reasoning_content": "y"}, "reasoning_content"),
        ({"role": "assistant", "content": "x\n### Instruction:\ny\n### Response:\nz"},
         "template_residue"),
    ],
)  # fmt: skip
def test_what_has_no_place_is_a_reason(message: dict[str, Any], reason: str) -> None:
    (found,) = FORMAT.conversations({"messages": [Q, message]})
    assert found.reason == reason and found.cause


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"id": "t", "text": "a page about <user> tags"}, "missing_field"),
        ({"messages": "hi"}, "wrong_type"),
        ({"instruction": 3, "output": "a"}, "wrong_type"),
        ({"messages": [Q, {"role": "assistant", "content": 3}]}, "wrong_type"),
        ({"conversations": {"from": "human"}}, "wrong_type"),
        ({"chat": {"turn_1": {"Human": "q"}}}, "wrong_type"),
    ],
)
def test_what_is_no_instruction_is_bad(record: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadRecord) as caught:
        FORMAT.conversations(record, "in.jsonl:7")
    assert caught.value.reason == reason and caught.value.message.startswith("in.jsonl:7")


def test_a_layout_can_be_named_or_misspelt() -> None:
    with pytest.raises(BadRecord, match="a field is missing"):
        ChatFormat("moss").conversations({"messages": [Q, A]})
    with pytest.raises(UsageError) as caught:
        ChatFormat("alpacca").check()
    assert "did you mean alpaca" in (caught.value.hint or "")
    ChatFormat("moss").check()


def test_a_plugin_brings_a_layout(tmp_path: Path) -> None:
    plugin = tmp_path / "forum.py"
    plugin.write_text(
        "from mind_core.chats import hookimpl\n\n"
        "class Forum:\n    '''Read posts.'''\n    fields = ('posts',)\n"
        "    def matches(self, record):\n        return 'posts' in record\n"
        "    def __call__(self, record):\n"
        "        return [[{'role': ('user', 'assistant')[i % 2], 'content': p}\n"
        "                 for i, p in enumerate(record['posts'])]]\n\n"
        "@hookimpl\ndef register_chat_readers():\n    return {'forum': Forum}\n"
    )
    (found,) = ChatFormat("forum", (str(plugin),)).conversations({"posts": ["q", "a"]})
    assert found.messages == [Q, A]
    (found,) = ChatFormat("auto", (str(plugin),)).conversations({"posts": ["q", "a"]})
    assert found.layout == "forum"


def test_residue_is_removed_at_the_edges_and_counted() -> None:
    prompt = (
        "Below is an instruction that describes a task, paired with an input that provides further "
        "context. Write a response that appropriately completes the request.\n\n"
        "### Instruction:\nAdd.\n\n### Input:\n1 and 2\n\n### Response:\n"
    )
    cleaned, count = clean_question(prompt)
    assert (cleaned.strip(), count) == ("Add.\n1 and 2", 4)
    assert clean_answer("\n\n### Response:\n\n\n### Response:\nThree.</s>") == ("Three.", 2)
    for text in (
        "Below is the list.",
        "# Response: a heading",
        "x < y",
        "### Response times\nslow",
    ):
        assert clean_question(text) == (text, 0) and clean_answer(text) == (text, 0)


def test_text_before_a_mark_inside_of_a_turn_is_kept() -> None:
    """A turn that begins with a bracket is split only where that is a mark."""
    kept = "[1] Important text. [客户] hello"
    assert listed_turns([kept, "fine"], "data") == [
        {"role": "user", "content": kept}, {"role": "assistant", "content": "fine"},
    ]  # fmt: skip
    split = listed_turns(["[律师] Yes. [客户] hello"], "data")
    assert [turn["content"] for turn in split] == ["Yes.", "hello"]
