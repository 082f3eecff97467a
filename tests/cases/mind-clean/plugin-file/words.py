from dataclasses import dataclass

from mind_clean import hookimpl


@dataclass(frozen=True)
class LongWords:
    """Drop a text by the length of its words."""

    max: float = 12.0

    def __call__(self, record):
        words = record["text"].split()
        return "long_words" if sum(map(len, words)) / len(words) > self.max else None


@hookimpl
def register_filters():
    return {"long_words": LongWords}
