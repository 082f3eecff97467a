"""A judge that is asked in words: a server, or a local checkpoint."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from mind_core import Reason
from mind_core.errors import UsageError
from mind_domain.judges.trial import Groups, Trial, parse_ranking
from mind_domain.requests import Limits, Request, RequestLog, answer_all
from mind_domain.teachers import Decoding, Writer, open_writer

WORDING = {
    "zh": {
        "head": "你是评审。下面是一段对话和{n}个匿名回答，请比较这些回答的质量。",
        "rubric": "评价标准：{rubric}",
        "dialogue": "对话：",
        "reference": "参考答案：",
        "reply": "回答 {letter}：",
        "tail": "先简要说明理由，最后一行只写排名，从好到差，并列用等号，例如：排名：{example}",
        "ranking": "排名：",
    },
    "en": {
        "head": "You are a judge. Compare {n} anonymous replies to the conversation below.",
        "rubric": "What counts: {rubric}",
        "dialogue": "Conversation:",
        "reference": "Reference answer:",
        "reply": "Reply {letter}:",
        "tail": (
            "Give short reasons. On the last line write the ranking alone, the best first, ties "
            "with an equals sign, for example: Ranking: {example}"
        ),
        "ranking": "Ranking: ",
    },
}
SPEAKERS = {
    "zh": {"user": "用户", "assistant": "助手"},
    "en": {"user": "User", "assistant": "Assistant"},
}


def judge_prompt(trial: Trial) -> str:
    """Write what a judge in words is asked; it sees letters, no names."""
    words, speakers = WORDING[trial.language], SPEAKERS[trial.language]
    letters = trial.letters
    example = " > ".join(reversed(letters[:2])) + "".join(f" = {one}" for one in letters[2:])
    lines = [words["head"].format(n=len(letters))]
    if trial.rubric:
        lines.append(words["rubric"].format(rubric=trial.rubric))
    lines += ["", words["dialogue"]]
    lines += [
        f"{speakers.get(one['role'], one['role'])}: {one['content']}" for one in trial.messages
    ]
    if trial.reference:
        lines += ["", words["reference"], trial.reference]
    for letter, reply in zip(letters, trial.replies, strict=True):
        lines += ["", words["reply"].format(letter=letter), reply]
    lines += ["", words["tail"].format(example=example)]
    return "\n".join(lines)


@dataclass(frozen=True)
class ModelJudge:
    """Ask a model to rank the replies: http://host/v1#MODEL, or the folder of a checkpoint.

    Keys of servers come from the environment. With a temperature of 0 an attempt that could not be
    read is asked again with another seed.
    """

    model: str = ""
    max_tokens: int = 512
    temperature: float = 0.0
    log: RequestLog = field(default_factory=RequestLog, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.model:
            raise UsageError(
                "a judge needs a model", hint="--set endpoint.model=http://host/v1#MODEL"
            )
        if not self.model.startswith(("http://", "https://")) and not Path(self.model).exists():
            raise UsageError(f"there is no checkpoint {self.model}")

    @cached_property
    def writer(self) -> Writer:
        """The model, opened when it is needed."""
        return open_writer(self.model)

    @property
    def repeatable(self) -> bool:
        """A server may say something else when it is asked again; a greedy checkpoint does not."""
        return self.writer.parallel or self.temperature > 0.0

    def request(self, trial: Trial) -> Request:
        """Make the request of a trial."""
        decoding = Decoding(self.max_tokens, self.temperature, 1.0, 0)
        message = {"role": "user", "content": judge_prompt(trial)}
        # Repeats of one order are different requests, or they would be one verdict.
        return Request(self.writer.name, (message,), decoding, trial.repeat * 1000 + trial.attempt)

    def prepare(self, trials: list[Trial], log: RequestLog, limits: Limits) -> None:
        """Ask for the verdicts of many trials at once."""
        answer_all(map(self.request, trials), {self.writer.name: self.writer}, log, limits)

    def rank_from(self, trial: Trial, log: RequestLog) -> Groups | Reason:
        """Read the verdict of a trial that was prepared."""
        reply = log.answers[self.request(trial).key]
        if reply.finish == "content_filter":
            return Reason("filtered")
        return parse_ranking(reply.text, len(trial.names))

    def rank(self, trial: Trial) -> Groups | Reason:
        """Rank the replies of one trial."""
        self.prepare([trial], self.log, Limits(1))
        return self.rank_from(trial, self.log)
