"""Our model as an lm-eval `LM`: for any lm-eval task, and for its own harness."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from lm_eval.api.model import TemplateLM
from lm_eval.utils import get_rolling_token_windows

from mind_eval.batching import ScoredSequence
from mind_eval.encoding import PromptEncoder
from mind_eval.finite import check_finite, is_finite
from mind_eval.generation import GenerationRequest, Generator, generation_plan
from mind_eval.models.chat_layouts import layout_for
from mind_eval.models.model import Model
from mind_eval.prompts.chat import SINGLE
from mind_eval.prompts.spec import NEW_TOKENS
from mind_eval.scoring import BATCH_TOKENS, TokenScores, score


class MindLM(TemplateLM):  # type: ignore[misc]  # lm-eval has no types
    """Answer lm-eval's three kinds of request, shared beginnings read once.

    `written` counts texts by task, `cut` those of them that the limit ended.
    """

    def __init__(
        self,
        model: Model,
        *,
        batch_tokens: int = BATCH_TOKENS,
        done: Callable[[int], None] | None = None,
    ) -> None:
        super().__init__()
        self.model, self.batch_tokens, self.done = model, batch_tokens, done
        self.encoder = PromptEncoder(model)
        self.written, self.cut = Counter[str](), Counter[str]()

    @property
    def eot_token_id(self) -> int:
        """Give the id of the end token."""
        return self.model.tokenizer.end_id

    @property
    def prefix_token_id(self) -> int:
        """Give the id of what stands for an empty context."""
        return self.model.start_id

    @property
    def max_length(self) -> int:
        """Give the longest input in tokens."""
        return self.model.context

    def apply_chat_template(
        self,
        chat_history: list[dict[str, str]],
        add_generation_prompt: bool = True,  # noqa: ARG002  (told by the last message)
    ) -> str:
        """Write messages as the model's conversations are; an answer begun is gone on with."""
        layout = layout_for(self.model, SINGLE)
        assert layout is not None
        return layout.begun(tuple((one["role"], one["content"]) for one in chat_history))

    @property
    def tokenizer_name(self) -> str:
        """Identify the tokenizer, for the caches of lm-eval."""
        return self.model.tokenizer.sha256

    def tok_encode(
        self, string: str, add_special_tokens: bool | None = None, **_: Any
    ) -> list[int]:
        """Encode text, with a first token if the tokenizer adds one and no other is wanted."""
        if add_special_tokens is False:
            return self.model.plain_ids(string)
        return list(self.encoder.encode(string))

    def tok_decode(self, tokens: Sequence[int]) -> str:
        """Decode token ids to text, as lm-eval asks for it."""
        return self.model.tokenizer.decode(list(tokens))

    def loglikelihood(self, requests: list[Any], **_: Any) -> list[Any]:
        """Score continuations: (log-probability in nats, whether greedy decoding writes it)."""
        answers: list[Any] = super().loglikelihood(requests, disable_tqdm=True)
        return answers

    def _loglikelihood_tokens(
        self, requests: list[tuple[tuple[str, str], list[int], list[int]]], **_: Any
    ) -> list[tuple[float, bool]]:
        windows = [
            self.encoder.windows(texts, context, continuation)
            for texts, context, continuation in requests
        ]
        answers = iter(self._score([window for parts in windows for window in parts]))
        found = []
        for parts in windows:
            scored = [next(answers) for _ in parts]
            found.append((sum(one.total for one in scored), all(one.greedy for one in scored)))
        return found

    def _score(self, sequences: list[ScoredSequence]) -> list[TokenScores]:
        answers = score(
            self.model.network, sequences, batch_tokens=self.batch_tokens, done=self.done
        )
        for one, answer in zip(sequences, answers, strict=True):
            if not is_finite(answer.total):
                text = self.tok_decode(one.tokens)
                check_finite(answer.total, f"the request {text[-60:]!r}", self.model.named)
        return answers

    def loglikelihood_rolling(self, requests: list[Any], **_: Any) -> list[float]:
        """Score whole texts in windows that overlap by one token, token for token as lm-eval does.

        It puts a first token before each text even if the tokenizer adds one as well; `--heldout`
        has exactly one.
        """
        sequences, owners = [], []
        for number, request in enumerate(requests):
            tokens = self.tok_encode(request.args[0])
            for read, predicted in get_rolling_token_windows(
                tokens, self.prefix_token_id, self.max_length, 1
            ):
                # Of what lm-eval wants predicted only the last token is not among those that are
                # read.
                sequences.append(ScoredSequence((*read, predicted[-1]), len(predicted)))
                owners.append(number)
        totals = [0.0] * len(requests)
        for owner, answer in zip(owners, self._score(sequences), strict=True):
            totals[owner] += answer.total
        return totals

    def generate_until(self, requests: list[Any], **_: Any) -> list[str]:
        """Write on after each context, greedily, up to a stop string, the end or the limit."""
        wanted = [self._wanted(request.args[0], dict(request.args[1])) for request in requests]
        answers, writer = [""] * len(wanted), Generator(self.model, self.batch_tokens)
        network = self.model.network
        for batch in generation_plan(
            wanted, self.batch_tokens, share=network.branches, packs=network.packs
        ):
            for index, text in writer.write(batch, wanted):
                answers[index] = str(text)
                task = str(getattr(requests[index], "task_name", None))
                self.written[task] += 1
                self.cut[task] += bool(text.cut)
            if self.done is not None:
                self.done(len(batch.members))
        return answers

    def _wanted(self, context: str, options: dict[str, Any]) -> GenerationRequest:
        until = options.get("until") or []
        stops = (until,) if isinstance(until, str) else tuple(stop for stop in until if stop)
        limit = int(options.get("max_gen_toks", NEW_TOKENS))
        return GenerationRequest(self.encoder.prompt(context, limit), stops, limit)
