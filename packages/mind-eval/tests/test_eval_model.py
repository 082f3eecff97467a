"""The lm-eval side of the model: lm-eval's token-level meaning, call by call."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import torch

from mind_core import MindError

if TYPE_CHECKING:
    from mind_eval.lm import MindLM
    from mind_train import Checkpoint


def ask(*arguments: Any) -> Any:
    return SimpleNamespace(args=arguments)


@pytest.fixture(scope="module")
def lm(checkpoint: Checkpoint) -> MindLM:
    from mind_eval.lm import MindLM
    from mind_eval.models.model import mind_model

    return MindLM(mind_model(checkpoint))


def plain(
    checkpoint: Checkpoint, context: list[int], continuation: list[int]
) -> tuple[float, bool]:
    """Score as HFLM does: cut from the left to the window, log-softmax of everything, in fp32."""
    whole = (context + continuation)[-(checkpoint.context + 1) :]
    with torch.no_grad():
        logits = checkpoint.model.logits(checkpoint.model(torch.tensor([whole[:-1]])))[0]
    logits = logits.float().log_softmax(-1)[-len(continuation) :]
    total = logits.gather(1, torch.tensor(continuation)[:, None]).sum()
    return float(total), bool((logits.argmax(-1) == torch.tensor(continuation)).all())


@pytest.mark.parametrize(
    ("context", "continuation"),
    [
        ("Question: How do I open a jar?\nAnswer:", " Turn the lid."),
        ("下列说法正确的是\n答案：", "光合作用"),
        ("Trailing spaces move  ", "here"),
        ("很长的上下文。" * 60, "结尾"),
        ("x", "y"),
    ],
)
def test_loglikelihood_equals_a_plain_computation(
    lm: MindLM, checkpoint: Checkpoint, context: str, continuation: str
) -> None:
    encode = checkpoint.tokenizer.encode
    stripped = context.rstrip()
    whole = encode(context + continuation)
    before = encode(stripped)
    expected = plain(checkpoint, before, whole[len(before) :])
    total, greedy = lm.loglikelihood([ask(context, continuation)])[0]
    assert total == pytest.approx(expected[0], abs=1e-4)
    assert greedy == expected[1]


def test_an_empty_context_is_an_end_token(lm: MindLM, checkpoint: Checkpoint) -> None:
    ids = checkpoint.tokenizer.encode("地理")
    expected = plain(checkpoint, [checkpoint.tokenizer.end_id], ids)
    assert lm.loglikelihood([ask("", "地理")])[0][0] == pytest.approx(expected[0], abs=1e-4)


def test_a_merge_over_the_boundary_moves_it_and_is_counted(checkpoint: Checkpoint) -> None:
    from mind_eval.lm import MindLM
    from mind_eval.models.model import mind_model

    encode = checkpoint.tokenizer.encode
    texts = ("下列", "的是", "the", "ing", "water", "温度", "Question", "地区")
    found = next(
        (t[:cut], t[cut:]) for t in texts for cut in range(1, len(t))
        if len(encode(t)) <= len(encode(t[:cut]))
    )  # fmt: skip
    lm = MindLM(mind_model(checkpoint))
    whole = encode("".join(found))
    expected = plain(checkpoint, whole[:-1] or [checkpoint.tokenizer.end_id], whole[-1:])
    assert lm.loglikelihood([ask(*found)])[0][0] == pytest.approx(expected[0], abs=1e-4)
    assert lm.encoder.merged == 1


def test_what_is_cut_is_counted_and_an_empty_answer_refused(checkpoint: Checkpoint) -> None:
    from mind_eval.lm import MindLM
    from mind_eval.models.model import mind_model

    lm = MindLM(mind_model(checkpoint))
    lm.loglikelihood([ask("字" * 300, "A")])
    assert (lm.encoder.cut, lm.encoder.windowed) == (1, 0)
    with pytest.raises(MindError, match="an empty answer"):
        lm.loglikelihood([ask("Question:", "")])


def test_an_answer_longer_than_the_context_is_scored_in_windows(checkpoint: Checkpoint) -> None:
    from mind_eval.lm import MindLM
    from mind_eval.models.model import mind_model

    lm = MindLM(mind_model(checkpoint))
    answer = " 1 2 3" * 60
    total, greedy = lm.loglikelihood([ask("Question:", answer)])[0]
    encode, context = checkpoint.tokenizer.encode, checkpoint.context
    whole, before = encode("Question:" + answer), len(encode("Question:"))
    assert len(whole) - before > context and lm.encoder.windowed == 1
    expected, done = 0.0, before
    while done < len(whole):
        stop = min(len(whole), done + context + 1 - context // 2)
        read = whole[max(0, stop - 1 - context) : stop - 1]
        with torch.no_grad():
            logits = checkpoint.model.logits(checkpoint.model(torch.tensor([read])))[0]
        for back in range(stop - done):
            expected += float(logits.log_softmax(-1)[-1 - back, whole[stop - 1 - back]])
        done = stop
    assert total == pytest.approx(expected, rel=1e-5)
    assert greedy is False


def test_rolling_predicts_every_token_once(lm: MindLM, checkpoint: Checkpoint) -> None:
    text = "".join(f"第{n}题的正确答案是温度。" for n in range(40))
    ids = checkpoint.tokenizer.encode(text)
    assert len(ids) > 2 * checkpoint.context
    context, end = checkpoint.context, checkpoint.tokenizer.end_id
    expected, done = 0.0, 0
    while done < len(ids):  # lm-eval's windows: full ones first, the last one filled from the left
        stop = min(done + context, len(ids))
        read = [end, *ids][max(0, stop - context) : stop] if done else [end, *ids][:stop]
        with torch.no_grad():
            logits = checkpoint.model.logits(checkpoint.model(torch.tensor([read])))[0]
        for back in range(stop - done):
            expected += float(logits.log_softmax(-1)[-1 - back, ids[stop - 1 - back]])
        done = stop
    assert lm.loglikelihood_rolling([ask(text)])[0] == pytest.approx(expected, rel=1e-5)
    short = lm.loglikelihood_rolling([ask("水")])[0]
    assert short == pytest.approx(plain(checkpoint, [end], checkpoint.tokenizer.encode("水"))[0])


def test_generation_is_greedy_and_ends_at_a_stop_string(lm: MindLM, checkpoint: Checkpoint) -> None:
    from mind_train.generate import generate

    prompt = checkpoint.tokenizer.encode("下列")
    written = checkpoint.tokenizer.decode(generate(checkpoint, prompt, 24))
    options = {"until": [], "max_gen_toks": 24}
    assert lm.generate_until([ask("下列", options)]) == [written]
    stop = written[3:5]
    cut = lm.generate_until([ask("下列", {"until": ["\u0001", stop], "max_gen_toks": 24})])[0]
    assert cut == written[: written.find(stop)]
    assert len(cut) < len(written)
