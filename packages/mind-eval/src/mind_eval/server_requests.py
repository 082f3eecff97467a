"""Put items to a server, several at once; each answer is logged as it comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Protocol

from mind_core import MindError
from mind_eval.distributed import Ranks
from mind_eval.finite import check_finite
from mind_eval.models.endpoint import CHAT, Endpoint, UnansweredError
from mind_eval.prompts.builder import Instance
from mind_eval.prompts.spec import CUT, GENERATE_UNTIL, Spec
from mind_eval.response_cache import Answer, ResponseCache, answer_key

PATIENCE = 20
"""Failures of a server in a row, with `--keep-going`, after which its benchmark is set aside."""


class ServerRun(Protocol):
    """What the run that asks a server keeps: see `runner.RequestRunner`."""

    log: ResponseCache
    ranks: Ranks
    base: bytes
    done: Callable[[int], None]
    count: int
    reused: int
    keep_going: bool
    failures: dict[str, str]
    refusals: dict[str, str]
    in_a_row: int


@dataclass(frozen=True)
class Request:
    """What is asked once: under which key its answer is logged, for which item, and how."""

    key: str
    item: str
    ask: Callable[[], Answer]


def requests_of(server: Endpoint, spec: Spec, asked: Instance, base: bytes) -> list[Request]:
    """Make the requests of one item: one text to write, or the log-probability of each choice.

    Raises `MindError` for choices on a chat server, which gives none.
    """
    # Tokens are not known here: keys are made of the texts.
    item = f"task {spec.name}, item {asked.id}"
    if spec.kind == GENERATE_UNTIL:
        prompt, stops, limit = asked.prompts[0], list(spec.stops), spec.new_tokens
        key = answer_key(base, (), [prompt, stops, limit, CUT])
        return [Request(key, item, lambda: server.write(prompt, stops, limit, item))]
    if server.api == CHAT:
        raise MindError(
            f"task {spec.name} needs log-probabilities, which a chat server does not give",
            hint="--api completions with a server that echoes them (vLLM), or tasks in which the "
            "model writes: gsm8k, math, bbh, flores; --own asks for choices in text",
        )

    def scored(context: str, continuation: str) -> Callable[[], Answer]:
        def ask() -> Answer:
            nats, greedy = server.score(context, continuation, item)
            check_finite(nats, item, server.named)
            return nats, greedy

        return ask

    return [
        Request(answer_key(base, (), ["echo", *pair]), item, scored(*pair)) for pair in asked.pairs
    ]


def ask_all(engine: ServerRun, server: Endpoint, requests: Sequence[Request]) -> None:
    """Send the requests that the log has no answer to, at most `concurrency` at a time.

    With `keep_going` a failure is noted, until too many come in a row; else the first in order is
    raised, after those under way have come back.
    """
    # By key, so that one prompt that two items share is asked and paid for once.
    missing = {one.key: one for one in requests if engine.log.get(one.key) is None}
    engine.reused += len(requests) - len(missing)
    with ThreadPoolExecutor(max_workers=max(1, server.concurrency)) as pool:
        waiting = list(missing.values())
        running: dict[Future[Answer], Request] = {}
        try:
            while waiting or running:
                # Not all at once: what the pool already holds would still be sent after a failure.
                while waiting and len(running) < server.concurrency:
                    request = waiting.pop(0)
                    running[pool.submit(request.ask)] = request
                # The bound lets the progress line go on while a slow server answers nothing.
                done, _ = wait(running, return_when=FIRST_COMPLETED, timeout=1.0)
                for future in [one for one in running if one in done]:
                    _take_in(engine, running.pop(future), future)
                engine.done(engine.count)
        finally:
            for future, request in running.items():  # what came back is kept, whatever failed
                if future.exception() is None:
                    engine.log.add({request.key: future.result()})


def ask_server(
    engine: ServerRun, server: Endpoint, spec: Spec, chunk: Sequence[Instance]
) -> Iterator[tuple[Instance, list[list[str]]]]:
    """Ask a server the items of a chunk; yield each with the keys of its answers."""
    keyed = []
    mine: list[Request] = []
    for number, asked in enumerate(chunk):
        requests = requests_of(server, spec, asked, engine.base)
        keyed.append((asked, [[one.key] for one in requests]))
        # Every rank makes the keys of all items, so that the first finds the others' answers.
        if number % engine.ranks.world == engine.ranks.rank:
            mine += requests
    ask_all(engine, server, mine)
    yield from keyed


def _take_in(engine: ServerRun, request: Request, future: Future[Answer]) -> None:
    try:
        answer = future.result()
    # Before `MindError`, which it is too: the server is sound, so this does not count towards
    # `PATIENCE`.
    except UnansweredError as error:
        engine.in_a_row = 0
        engine.failures[request.key], engine.refusals[request.key] = error.message, error.kind
    except MindError as error:
        engine.in_a_row += 1
        if not engine.keep_going or engine.in_a_row > PATIENCE:
            raise
        engine.failures[request.key] = "; ".join(filter(None, (error.message, error.cause)))
    else:
        engine.in_a_row = 0
        engine.log.add({request.key: answer})
