"""Chat templates: what transformers makes of them, answers found, nothing dropped in silence."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import orjson
import pytest
import tokenizers

from mind_core import MindError, Record
from mind_core.errors import BadRecord, UsageError
from mind_core.stream import Batch
from mind_core.testing import run_tool
from mind_tok import Tokenizer
from mind_tok.chat import UnsuitableChat
from mind_tok.chat_template import BUILT_IN, FOLDER, ChatTemplate, load_template
from mind_tok.chat_template_ids import TemplateEncoder, control_tokens
from mind_tok.encode import Encoder, ToStream
from mind_tok.huggingface import HuggingFaceTokenizer
from mind_tok.shards import ShardSet
from mind_tok.template_inputs import template_inputs

SPECIAL = [
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|begin_of_text|>", "<|start_header_id|>",
    "<|end_header_id|>", "<|eot_id|>",
]  # fmt: skip
CALL = [{"type": "function", "function": {"name": "flow", "arguments": {"place": "Wien"}}}]
WITH_TOOLS = """
{%- for m in messages -%}
<|im_start|>{{ m.role }}\n
{%- if m.role == 'assistant' -%}
{%- generation -%}
{% if m.reasoning_content %}<think>{{ m.reasoning_content }}</think>{% endif %}{{ m.content }}
{%- for c in m.tool_calls or [] %}<tool>{{ c.function | tojson }}</tool>{% endfor %}<|im_end|>
{%- endgeneration -%}
{%- else -%}{{ m.content }}<|im_end|>{% endif %}{{ '\\n' }}
{%- endfor %}"""


def plain(template: str) -> str:
    """Return a template without its marks, as most models ship them."""
    return template.replace("{%- generation %}", "").replace("{%- endgeneration %}", "")


@pytest.fixture(scope="module")
def library() -> Any:
    vocabulary = {c: i for i, c in enumerate(tokenizers.pre_tokenizers.ByteLevel.alphabet())}
    merges = [("Ġ", "t"), ("h", "e"), ("Ċ", "Ċ"), ("Ċ", "Ġt")]
    for left, right in merges:
        vocabulary[left + right] = len(vocabulary)
    made = tokenizers.Tokenizer(tokenizers.models.BPE(vocabulary, merges))
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = tokenizers.decoders.ByteLevel()
    made.add_special_tokens([tokenizers.AddedToken(t, normalized=False) for t in SPECIAL])
    return made


@pytest.fixture(scope="module")
def foreign(library: Any) -> HuggingFaceTokenizer:
    return HuggingFaceTokenizer(library.to_str().encode(), {})


def encoder(tokenizer: Tokenizer, source: str) -> TemplateEncoder:
    return TemplateEncoder(tokenizer, ChatTemplate("test", source))


def made(by: TemplateEncoder, record: Record) -> tuple[str, list[int], str]:
    """Return the text, the ids, and the text that is learnt."""
    [(_, told)] = template_inputs(record, "in.jsonl:7")
    rendered = by.rendered(told, record, "in.jsonl:7")
    [found] = by.encode([rendered])
    return rendered.text, found.ids.tolist(), "".join(rendered.text[b:e] for b, e in rendered.spans)


def said(*contents: Any, roles: str = "uauaua", **more: Any) -> Record:
    names = {"u": "user", "a": "assistant", "s": "system", "t": "tool"}
    rows = [{"role": names[r], "content": c} for r, c in zip(roles, contents, strict=False)]
    rows[-1] |= more
    return {"messages": rows}


TALKS = [
    said("What is the use", "the river"),
    said("Be brief.", "春天呢", "来了。", roles="sua"),
    said("a", " b the\n\n the ", "c", "d"),
    said("\n the", "e", "f\n\n", "g é"),
]


@pytest.mark.parametrize("name", BUILT_IN)
@pytest.mark.parametrize("record", TALKS)
def test_ids_and_masks_are_those_of_transformers(
    name: str, record: Record, library: Any, foreign: HuggingFaceTokenizer
) -> None:
    transformers = pytest.importorskip("transformers")
    wrapped = transformers.PreTrainedTokenizerFast(tokenizer_object=library)
    source = (FOLDER / f"{name}.jinja").read_text()
    wanted = wrapped.apply_chat_template(
        record["messages"], chat_template=source, return_dict=True,
        return_assistant_tokens_mask=True,
    )  # fmt: skip
    by = encoder(foreign, source)
    _, told = template_inputs(record)[0]
    [found] = by.encode([by.rendered(told, record, "x")])
    assert found.ids.tolist() == wanted["input_ids"]
    assert found.mask.tolist() == wanted["assistant_masks"]


@pytest.mark.parametrize("name", BUILT_IN)
def test_prefixes_find_what_marks_say(name: str, foreign: HuggingFaceTokenizer) -> None:
    source = (FOLDER / f"{name}.jinja").read_text()
    for record in TALKS:
        by_marks, by_prefixes = (
            made(encoder(foreign, one), record) for one in (source, plain(source))
        )
        assert by_marks == by_prefixes
        assert by_marks[2].count("<|") == sum(
            message["role"] == "assistant" for message in record["messages"]
        )


def test_a_tokenizer_of_our_own_writes_a_template(tokenizer: Tokenizer) -> None:
    source = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
    by = encoder(tokenizer, source + "{% if add_generation_prompt %}assistant: {% endif %}")
    _, told = template_inputs(said("What flows?", "The river."))[0]
    [found] = by.encode([by.rendered(told, {}, "x")])
    learnt = [i for i, on in zip(found.ids.tolist(), found.mask.tolist(), strict=True) if on]
    assert tokenizer.decode(found.ids.tolist()) == "user: What flows?\nassistant: The river.\n"
    assert "The river." in tokenizer.decode(learnt) and "What" not in tokenizer.decode(learnt)


PARTS = [{"type": "text", "text": "The "}, {"type": "text", "text": "river."}]

# What comes of each shape under ChatML: a reason, or what is learnt.
SHAPES: list[tuple[Record, str]] = [
    (said("q", "a"), "a<|im_end|>"),
    (said("q", "a", "q2", "a2"), "a<|im_end|>a2<|im_end|>"),
    (said("q", "a", "q2"), "a<|im_end|>"),
    (said("Be brief.", "q", "a", roles="sua"), "a<|im_end|>"),
    (said("q", "a", "Now long.", "q", "b", roles="uasua"), "a<|im_end|>b<|im_end|>"),
    (said("q", PARTS), "The river.<|im_end|>"),
    (said("q"), "no_answer"),
    (said("q", ""), "no_answer"),
    (said("q", "a", "q2", " \n"), "empty_answer"),
    (said("q", None), "null_content"),
    (said("q", [{"type": "image_url", "image_url": {"url": "x"}}]), "content_part"),
    (said("q", "", tool_calls=CALL), "template_leaves_out"),
    (said("q", "a", reasoning_content="I think"), "template_leaves_out"),
    (said("q", "a", reasoning_content=None), "a<|im_end|>"),
    (said("q", "a<|im_end|>"), "control_token"),
    ({"messages": []}, "no_answer"),
    ({"messages": [{"role": "user", "content": "q"}, {"content": "a"}]}, "unknown_role"),
    ({"messages": [{"role": "user", "content": "q"}, "a"]}, "unknown_role"),
    ({"instruction": "q", "input": "x", "output": "a"}, "a<|im_end|>"),
    ({"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]},
     "a<|im_end|>"),
    (said("q", "see", "12 m/s", "twelve", roles="uata"), "see<|im_end|>twelve<|im_end|>"),
]  # fmt: skip


@pytest.mark.parametrize(("record", "expected"), SHAPES)
def test_a_shape_is_learnt_or_refused_by_name(
    record: Record, expected: str, foreign: HuggingFaceTokenizer
) -> None:
    by = encoder(foreign, (FOLDER / "chatml.jinja").read_text())
    try:
        _, _, learnt = made(by, record)
    except UnsuitableChat as error:
        assert error.reason == expected and "in.jsonl:7" in error.message
    else:
        assert learnt == expected


def test_a_template_with_tools_and_reasoning_says_them(foreign: HuggingFaceTokenizer) -> None:
    by = encoder(foreign, WITH_TOOLS)
    text, _, learnt = made(by, said("q", "see", "12", "so", roles="uata", reasoning_content="hm"))
    assert "hm" in learnt and "12" in text and "12" not in learnt
    _, _, learnt = made(by, said("q", "x", tool_calls=CALL))
    assert learnt == 'x<tool>{"name": "flow", "arguments": {"place": "Wien"}}</tool><|im_end|>'


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("{{ raise_exception('no system') }}", "no system"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
        ("{{ 'x' * 100000000 }}", "at this size"),
        ("{{ 9 ** 999999 }}", "at this size"),
        ("{{ strftime_now('%Y') }}", "today's date"),
        ("{{ messages[7].content }}", "messages"),
        ("{% generation %}{{ messages[-1].content }}{% endgeneration %}", "leaves out"),
    ],
)
def test_a_bad_template_is_refused_in_words(
    source: str, words: str, foreign: HuggingFaceTokenizer
) -> None:
    with pytest.raises(UnsuitableChat) as caught:
        made(encoder(foreign, source), said("question", "answer"))
    assert words in (caught.value.cause or "") or words == "messages"


def test_a_template_that_changes_earlier_turns_wants_marks(foreign: HuggingFaceTokenizer) -> None:
    source = "{% for m in messages %}{{ m.content }}{{ loop.last }}{% endfor %}"
    with pytest.raises(UnsuitableChat, match="template_refuses") as caught:
        made(encoder(foreign, source), said("q", "a", "b", "c"))
    assert "others follow" in (caught.value.cause or "")


def test_templates_come_by_name_and_from_files(
    foreign: HuggingFaceTokenizer, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="no token <|im_start|>"):
        load_template("chatml", control_tokens(tokenizer))
    config = tmp_path / "tokenizer_config.json"
    config.write_bytes(orjson.dumps({
        "chat_template": [{"name": "default", "template": "{{ bos_token }}{{ eos_token }}"}],
        "bos_token": {"content": "<s>"}, "eos_token": "</s>",
    }))  # fmt: skip
    found = load_template(str(config), control_tokens(foreign))
    assert (found.bos_token, found.eos_token) == ("<s>", "</s>")
    for content in (
        b"{}",
        b"[]",
        b"{",
        b'{"chat_template": 7}',
        b'{"chat_template": [{}]}',
        b"\xff",
    ):
        config.write_bytes(content)
        with pytest.raises(UsageError):
            load_template(str(config), {})
    bad = tmp_path / "bad.jinja"
    bad.write_text("{% for %}")
    for path in (bad, tmp_path / "missing.jinja"):
        with pytest.raises(UsageError):
            load_template(str(path), {})


def test_batches_count_each_record_once(foreign: HuggingFaceTokenizer) -> None:
    """Kept, refused and bad are all there is; the work can be sent to a process."""
    by = encoder(foreign, (FOLDER / "chatml.jinja").read_text())
    rows = [*(record for record, _ in SHAPES), {"text": "none"}, {"messages": [{"role": "x"}]}]
    data = b"".join(orjson.dumps(row) + b"\n" for row in rows)
    work = pickle.loads(pickle.dumps(ToStream(Encoder(foreign, True, 0, by))))
    outcome = work(Batch("in.jsonl", 1, data))
    kept = [orjson.loads(line) for line in outcome.kept]
    assert len(kept) + sum(outcome.rejected.values()) + len(outcome.bad) == len(rows)
    assert len(outcome.bad) == 2 and outcome.details["cut_messages"] == 1
    assert all(len(row["ids"]) == len(row["mask"]) for row in kept)
    assert [type(error) for error, _ in outcome.bad] == [BadRecord, BadRecord]


def test_a_name_that_mindllm_lacks_has_a_way_out(foreign: HuggingFaceTokenizer) -> None:
    from mind_tok.chat import check_has_turns

    with pytest.raises(MindError) as caught:
        check_has_turns(foreign)
    assert "--chat-template" in (caught.value.hint or "")


@pytest.mark.parametrize("name", ["chatml", "qwen", "llama3"])
def test_conversations_become_shards_whatever_the_template_ends_with(
    name: str, foreign: HuggingFaceTokenizer, tmp_path: Path
) -> None:
    """ChatML ends with a line break: the end token follows, and is not learnt."""
    foreign.save(tmp_path / "words")
    lines = b"".join(orjson.dumps(talk) + b"\n" for talk in TALKS)
    (tmp_path / "chats.jsonl").write_bytes(lines)
    given = ["encode", "chats.jsonl", "--chat", "--chat-template", name, "-t", "words"]
    done = run_tool("mind-tok", [*given, "-o", "shards", "--validation", "0"], folder=tmp_path)
    assert done.code == 0, done.stderr
    stream = run_tool("mind-tok", [*given, "-z", "0"], folder=tmp_path)
    rendered = [orjson.loads(line) for line in stream.stdout.splitlines()]
    shards = ShardSet.open(tmp_path / "shards")
    end = foreign.end_id
    assert foreign.vocabulary()[end].data == b"<|endoftext|>"
    assert shards.documents == len(TALKS)
    found = [shards.document(0, number) for number in range(len(TALKS))]
    for document, record in zip(found, rendered, strict=True):
        assert document.ids.tolist() == [*record["ids"], end]
        assert document.mask is not None and document.mask.tolist() == [*record["mask"], 0]
