"""One thread that writes: texts that wait and have prompts of one length are written together."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from mind_core import MindError
from mind_train.checkpoint import Checkpoint
from mind_train.decoding import Rules, Written, write_together


@dataclass
class Text:
    """A text to be written; ``seen`` gets each new piece, and at the end "" with ``finish`` set.

    ``seen`` is called on the engine's thread. Whoever does not want the rest sets ``gone``.
    """

    prompt: list[int]
    rules: Rules
    seen: Callable[[str, Written], None]
    gone: threading.Event = field(default_factory=threading.Event)


class Busy(MindError):
    """Report that too many texts are waiting."""


class GenerationEngine:
    """Write the texts of all clients, the longest waiting first."""

    def __init__(self, checkpoint: Checkpoint, batch: int, waiting: int) -> None:
        self.checkpoint, self.batch, self.waiting = checkpoint, batch, waiting
        self.texts: deque[Text] = deque()
        self.turn = threading.Condition()
        self.batches = 0
        # A daemon: the process ends though this thread waits for texts.
        threading.Thread(target=self._work, daemon=True, name="engine").start()

    def add(self, texts: list[Text]) -> None:
        """Let texts wait for their turn, all or none; raise Busy if too many wait already."""
        with self.turn:
            if len(self.texts) + len(texts) > self.waiting:
                raise Busy(f"{len(self.texts)} texts are waiting", hint="ask again later")
            self.texts.extend(texts)
            self.turn.notify()

    def _next(self) -> list[Text]:
        with self.turn:
            while not self.texts:
                self.turn.wait()
            # The longest waiting one decides the length, so no length can be passed over for ever.
            length = len(self.texts[0].prompt)
            same = [text for text in self.texts if len(text.prompt) == length][: self.batch]
            chosen = {id(text) for text in same}
            # By identity: two texts may be equal, and each is answered.
            self.texts = deque(text for text in self.texts if id(text) not in chosen)
        return same

    def _work(self) -> None:
        while True:
            texts = self._next()
            texts = [text for text in texts if not text.gone.is_set()]
            if not texts:
                continue
            self.batches += 1
            try:
                self._write(texts)
            except Exception as error:  # one request must not end the server
                words = error.message if isinstance(error, MindError) else repr(error)
                for text in texts:
                    text.seen("", Written(finish=f"error: {words}"))

    def _write(self, texts: list[Text]) -> None:
        def show(number: int, new: str, written: Written) -> bool:
            texts[number].seen(new, written)
            return not texts[number].gone.is_set()

        prompts, rules = [text.prompt for text in texts], [text.rules for text in texts]
        model, words = self.checkpoint.model, self.checkpoint.tokenizer
        write_together(model, words, prompts, rules, show)
