"""Models asked in a conversation: layout, templates, control tokens, servers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mind_core import MindError
from mind_core.errors import UsageError
from mind_core.special_tokens import ASSISTANT, USER
from mind_eval.benchmarks.benchmark import benchmark_folder
from mind_eval.builtins import FOLDER
from mind_eval.encoding import PromptEncoder
from mind_eval.models.chat_formats import template_of
from mind_eval.models.chat_layouts import layout_for
from mind_eval.models.endpoint import Endpoint
from mind_eval.models.model import Model, mind_model
from mind_eval.prompts.builder import Builder
from mind_eval.prompts.chat import ChatLayout, ChatPrompt, Messages
from mind_eval.prompts.spec import in_paragraphs, read_spec
from mind_eval.suites import suite_recipe

if TYPE_CHECKING:
    from mind_train import Checkpoint

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
NO_SYSTEM = (
    "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'system' %}"
    "{{ raise_exception('no system') }}{% endif %}[{{ m['role'] }}] {{ m['content'] }}\n"
    "{% endfor %}[assistant] "
)
ASKED: Messages = (("system", "Sums."), ("user", "1+1="), ("assistant", "2"), ("user", "1+2="))


def chatml(messages: Messages) -> str:
    turns = "".join(f"<|im_start|>{role}\n{text}<|im_end|>\n" for role, text in messages)
    return f"{turns}<|im_start|>assistant\n"


@pytest.fixture(scope="module")
def model(checkpoint: Checkpoint) -> Model:
    return mind_model(checkpoint)


def writing_root(folder: Path) -> Path:
    made = folder / "gsm8k"
    made.mkdir()
    for split in ("train", "test"):
        rows = [{"question": f"{n} and 2?", "answer": f"sum\n#### {n + 2}"} for n in range(3)]
        (made / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    made = folder / "winogrande"
    made.mkdir()
    for name in ("dev.jsonl", "train_xl.jsonl"):
        rows = [
            {"qID": f"{name}{n}", "sentence": f"Ann thanked Bo as _ had {n} keys.",
             "option1": "Ann", "option2": "Bo", "answer": "2"} for n in range(4)
        ]  # fmt: skip
        (made / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@pytest.mark.parametrize("layout", ["turns", "single"])
@pytest.mark.parametrize(
    ("name", "form"),
    [("mmlu", "letter"), ("gaokao", "letter"), ("piqa", "cloze"), ("winogrande", "cloze"),
     ("gsm8k", "written")],
)  # fmt: skip
def test_texts_are_those_that_lm_eval_makes(
    name: str, form: str, layout: str, tmp_path: Path
) -> None:
    pytest.importorskip("lm_eval")
    from mind_eval.prompts.sources import benchmark_task

    def theirs(history: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
        assert add_generation_prompt
        return chatml(tuple((one["role"], one["content"]) for one in history))

    benchmark = benchmark_folder(FOLDER / name)(form=form, shots=2)
    root = None if "shipped" in benchmark.rules else writing_root(tmp_path)
    task = benchmark_task(name, benchmark, lambda *_: True, data_root=root, seed=0)
    multiturn = layout == "turns"
    task.build_all_requests(
        limit=3, apply_chat_template=True, fewshot_as_multiturn=multiturn, chat_template=theirs
    )
    wanted = [request.args for request in task.instances]
    builder = Builder(read_spec(benchmark.yaml, name), benchmark.load(root).splits, shots=2)
    builder.chat = ChatLayout(layout, chatml)
    items = list(builder.build(limit=3))
    got: list[tuple[str, Any]] = [
        pair
        for one in items
        for pair in (one.pairs if one.continuations else [(one.prompts[0], None)])
    ]
    assert len(got) == len(wanted) and [str(pair[0]) for pair in got] == [w[0] for w in wanted]
    if form != "written":
        assert [pair[1] for pair in got] == [w[1] for w in wanted]
    assert got[0][0].count("<|im_start|>assistant") == (3 if multiturn else 1)


def test_a_mind_train_model_reads_its_own_turns(model: Model, checkpoint: Checkpoint) -> None:
    from mind_tok.chat import encode_chat, encode_prompt

    layout = layout_for(model, "turns")
    assert layout is not None
    prompt = layout.begun((("user", f"what is {ASSISTANT}?"),))
    encoder, tokenizer = PromptEncoder(model), checkpoint.tokenizer
    wanted = encode_prompt(tokenizer, [{"role": "user", "content": f"what is {ASSISTANT}?"}])
    assert encoder.prompt(prompt, 4) == tuple(wanted)
    assert wanted.count(tokenizer.special_id(ASSISTANT)) == 1, "no text can spell it"
    start, answer = encoder.pair(prompt, "an answer")
    ids, _ = encode_chat(
        tokenizer,
        [{"role": "user", "content": f"what is {ASSISTANT}?"},
         {"role": "assistant", "content": "an answer"}],
    )  # fmt: skip
    assert [*start, *answer, tokenizer.end_id] == ids, "as it was fine-tuned"
    assert str(prompt) == f"{USER}\nwhat is {ASSISTANT}?\n{ASSISTANT}\n"


def test_what_a_system_message_says_is_never_lost(model: Model, gpt_neo_folder: Path) -> None:
    transformers = pytest.importorskip("transformers")
    tokenizer = transformers.AutoTokenizer.from_pretrained(gpt_neo_folder)
    assert template_of(tokenizer) is None
    tokenizer.chat_template = CHATML
    chat = template_of(tokenizer)
    assert chat is not None and chat.render(ASKED) == chatml(ASKED)
    tokenizer.chat_template = NO_SYSTEM
    chat = template_of(tokenizer)
    assert chat is not None
    text = chat.render(ASKED)
    assert text == "<eos>[user] Sums.\n1+1=\n[assistant] 2\n[user] 1+2=\n[assistant] "
    assert model.chat is not None
    assert model.chat.render(ASKED).startswith(f"{USER}\nSums.\n1+1=\n{ASSISTANT}\n2")


@pytest.mark.parametrize(
    "template",
    ["{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
     "{{ messages[9]['content']['x'] }}", "{{ raise_exception('never') }}",
     "{{ ''.__class__.__mro__ }}"],
)  # fmt: skip
def test_a_template_of_somebody_else_is_held_within_limits(
    template: str, gpt_neo_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    transformers = pytest.importorskip("transformers")
    monkeypatch.setattr("mind_eval.prompts.templates.MAX_SECONDS", 0.3)
    tokenizer = transformers.AutoTokenizer.from_pretrained(gpt_neo_folder)
    tokenizer.chat_template = template
    chat = template_of(tokenizer)
    assert chat is not None
    with pytest.raises(MindError, match="chat template does not write"):
        chat.render(ASKED)


def test_a_template_that_begins_with_the_first_token_gets_no_second(gpt_neo_folder: Path) -> None:
    transformers = pytest.importorskip("transformers")
    from mind_eval.models.huggingface import FolderTokenizer

    tokenizer = transformers.AutoTokenizer.from_pretrained(gpt_neo_folder)
    tokenizer.chat_template = NO_SYSTEM
    chat = template_of(tokenizer)
    assert chat is not None
    text = chat.render((("user", "hi"),))
    assert FolderTokenizer(tokenizer, gpt_neo_folder).encode(text).count(0) == 1


@pytest.fixture(scope="module")
def ran(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    from mind_eval.cli import make_plugins
    from mind_eval.options import RunOptions
    from mind_eval.pipeline import run_scores
    from mind_eval.rescoring import score_log

    found: dict[str, Any] = {}
    base = tmp_path_factory.mktemp("chat")
    for chat in ("turns", "single", None):
        log = base / str(chat)
        asked = RunOptions(str(model_folder), limit=3, answers=log, progress=False)
        recipe = suite_recipe(None, ["piqa"], 1, "cloze", chat=chat)
        found[str(chat)] = run_scores(asked, recipe, make_plugins())
        found[f"{chat} again"] = score_log(log, None, make_plugins(), None)
    return found


def test_a_run_tells_that_it_was_a_conversation(ran: dict[str, Any]) -> None:
    assert ran["turns"]["chat_template"].startswith(USER) and ran["turns"]["fewshot_as_multiturn"]
    assert not ran["single"]["fewshot_as_multiturn"] and ran["single"]["chat_template"]
    assert ran["None"]["chat_template"] is None and ran["turns"]["recipe"]["chat"] == "turns"
    for name in ("turns", "single", "None"):
        again = ran[f"{name} again"]
        for key in ("results", "benchmarks", "chat_template", "fewshot_as_multiturn"):
            assert again[key] == ran[name][key], (name, key)


def test_a_model_without_a_template_is_not_asked_as_if_it_had_one(
    model: Model, gpt_neo_folder: Path
) -> None:
    from dataclasses import replace

    with pytest.raises(UsageError, match="has no chat template"):
        layout_for(replace(model, chat=None), "turns")
    with pytest.raises(UsageError, match="would have to apply its template"):
        layout_for(Endpoint("http://127.0.0.1:9/v1", "small"), "turns")
    with pytest.raises(UsageError, match="there is no --chat 'both'"):
        suite_recipe(None, ["piqa"], None, None, chat="both")
    assert layout_for(model, None) is None


def test_a_chat_server_gets_the_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    bodies = []

    def post(_: str, data: bytes, *rest: Any) -> bytes:
        bodies.append(json.loads(data))
        return b'{"choices": [{"message": {"content": "3"}, "finish_reason": "stop"}]}'

    monkeypatch.setattr("mind_eval.models.endpoint.post", post)
    server = Endpoint("http://127.0.0.1:9/v1", "small", api="chat")
    layout = layout_for(server, "turns")
    assert layout is not None
    assert server.write(layout.begun(ASKED), [], 5, "item 0") == "3"
    assert [(m["role"], m["content"]) for m in bodies[0]["messages"]] == list(ASKED)


def test_a_blank_line_ends_no_text_of_a_conversation() -> None:
    bbh = read_spec(FOLDER / "bbh" / "written.yaml", "bbh")
    assert bbh.stops == ("Q:", "\n\n") and in_paragraphs(bbh).stops == ("Q:",)
    flores = read_spec(FOLDER / "flores" / "written.yaml", "flores")
    assert in_paragraphs(flores).stops == ("\n",)


def test_an_answer_that_was_begun_is_gone_on_with() -> None:
    layout = ChatLayout("single", chatml)
    prompt = layout.begun((*ASKED, ("assistant", "It is")))
    assert prompt.messages == ASKED and prompt.tail == "It is"
    more = prompt + " three"
    assert isinstance(more, ChatPrompt) and str(more) == chatml(ASKED) + "It is three"
    assert more.tail == "It is three"


def test_what_is_written_is_what_lm_evals_hf_model_writes(
    gpt_neo_folder: Path, tmp_path: Path
) -> None:
    pytest.importorskip("lm_eval")
    from lm_eval.evaluator import evaluate
    from lm_eval.models.huggingface import HFLM

    from mind_eval.cli import make_plugins
    from mind_eval.models.model import open_model
    from mind_eval.options import RunOptions
    from mind_eval.pipeline import run_scores
    from mind_eval.prompts.sources import benchmark_task
    from mind_eval.results import read_items

    folder, root = tmp_path / "model", tmp_path / "data"
    shutil.copytree(gpt_neo_folder, folder)
    config = json.loads((folder / "tokenizer_config.json").read_text())
    template = "{{ bos_token }}" + CHATML  # a first token of its own
    (folder / "tokenizer_config.json").write_text(json.dumps({**config, "chat_template": template}))
    root.mkdir()
    writing_root(root)
    model = open_model(str(folder))
    benchmark = benchmark_folder(FOLDER / "gsm8k")(shots=2)
    theirs = HFLM(pretrained=str(folder), device="cpu", batch_size=1, dtype="float32")
    for layout in ("turns", "single"):
        asked = RunOptions(str(folder), data_root=root, output=tmp_path / layout, progress=False)
        recipe = suite_recipe(None, ["gsm8k"], 2, None, max_new_tokens=24, chat=layout)
        run_scores(asked, recipe, make_plugins())
        ours = [item["answers"][0] for item in read_items(tmp_path / layout)]
        task = benchmark_task("gsm8k", benchmark, PromptEncoder(model).fits, data_root=root, seed=0)
        task.set_config("generation_kwargs", {"max_gen_toks": 24}, update=True)
        found = evaluate(
            theirs, {"tasks": {"gsm8k": task}}, bootstrap_iters=0, apply_chat_template=True,
            fewshot_as_multiturn=layout == "turns",
        )  # fmt: skip
        assert found is not None
        assert ours == [sample["resps"][0][0] for sample in found["samples"]["gsm8k"]]
        assert all(ours)
