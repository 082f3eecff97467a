"""Drop a text that a model of fastText finds poor."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from mind_clean.quality.folder import SEGMENTS, one_line, read_folder
from mind_clean.quality.model_check import check_model
from mind_core import MindError, Reason, Record
from mind_core.text.languages import language_of


class _Model(NamedTuple):
    predict: Any
    label: str
    segment: str
    thresholds: dict[str, float]
    sample: int


@dataclass(frozen=True)
class Quality:
    """Drop a text that a fastText model (.bin, .ftz, or a folder of `quality train`) finds poor.

    The score is the probability of `label`. A folder of `mind-clean quality train` has label, way
    of cutting words and a threshold for each language; of another model they are to be given
    (DCLM's, say: `label = "__label__hq"`, `min_score = 0.018`). `sample` is how many characters
    are looked at; 0 is as many as it was trained on, else all.
    """

    model: str = ""
    label: str = ""
    min_score: float = 0.0
    segment: str = ""
    languages: tuple[str, ...] = ()
    sample: int = 0

    def __post_init__(self) -> None:
        """Refuse what is no model, no share, and options that are missing."""
        object.__setattr__(self, "languages", tuple(self.languages))
        if not self.model:
            raise ValueError("model is not given: a .bin of fastText, or a folder that was trained")
        if not 0 <= self.min_score <= 1:
            raise ValueError(f"min_score is {self.min_score}, not a share, 0 to 1")
        if self.segment and self.segment not in SEGMENTS:
            raise ValueError(f"segment is {self.segment!r}, not one of {', '.join(SEGMENTS)}")
        if not Path(self.model).is_dir() and not (self.label and self.min_score):
            raise ValueError("label and min_score are to be given: a .bin says nothing of them")

    def prepare(self) -> None:
        """Load the model before workers start."""
        self._loaded()

    def _loaded(self) -> _Model:
        return _load(self.model, self.label, self.segment)

    def __call__(self, record: Record) -> Reason | None:
        """Return "low_quality" with the score, or None."""
        language = language_of(record)
        if self.languages and language not in self.languages:
            return None
        model = self._loaded()
        threshold = self.min_score or model.thresholds.get(language, model.thresholds["all"])
        score = score_of(
            model.predict, record["text"], model.label, model.segment, self.sample or model.sample
        )
        return None if score >= threshold else Reason("low_quality", round(score, 4), threshold)


def score_of(predict: Any, text: str, label: str, segment: str, sample: int = 0) -> float:
    """Return the probability of a label, 0 to 1."""
    try:
        # -1 is all labels, as the one that is asked for may not be the most likely.
        labels, scores = predict(one_line(text, segment, sample), k=-1)
    except (RuntimeError, ValueError) as error:  # what fastText says of NaN
        raise MindError(
            "the model gives a text no probability", cause=error,
            hint="its weights are not finite or damaged: take another file",
        ) from None  # fmt: skip
    return next(
        (min(1.0, float(s)) for n, s in zip(labels, scores, strict=True) if n == label), 0.0
    )


@cache
def _load(path: str, label: str, segment: str) -> _Model:
    """Return a model with what the folder says where nothing was given."""
    thresholds: dict[str, float] = {"all": 0.5}
    sample = 0
    file = Path(path)
    if file.is_dir():
        trained = read_folder(file)
        file, label = trained.model, label or trained.label
        segment, thresholds = segment or trained.segment, trained.thresholds
        sample = trained.sample
    # Before the library reads it: it trusts the counts in a file and reads beyond its memory.
    check_model(file)
    import fasttext

    model = fasttext.load_model(str(file))
    # The library names its labels only with an answer.
    known = model.predict("x", k=-1)[0]
    if label not in known:
        raise ValueError(f"{path} has no label {label!r}, but {', '.join(sorted(known)[:10])}")
    return _Model(model.predict, label, segment or "none", thresholds, sample)
