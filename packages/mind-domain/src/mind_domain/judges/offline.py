"""Judges without a model: equality with the reference, a sheet for a person, other rankings."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mind_core import MindError, Reason
from mind_core.errors import UsageError
from mind_core.files import atomic_file
from mind_core.stream import read_records
from mind_core.untrusted import as_written
from mind_core.whole_files import read_whole
from mind_domain.answers import normalize_answer
from mind_domain.domain import Verdict
from mind_domain.judges.trial import LETTERS, Groups, Trial, parse_ranking
from mind_domain.ratings.ballots import Ballot, read_ballot


@dataclass(frozen=True)
class Exact:
    """Give 1 for an answer whose last line is that of the reference, else 0."""

    def __call__(self, question: str, answer: str, reference: str) -> Verdict:  # noqa: ARG002 - part of a judge
        """Compare without case, width and surrounding marks."""
        given = normalize_answer(answer)
        if not given:
            return Verdict(0.0, "empty")
        same = given == normalize_answer(reference)
        return Verdict(1.0, "right") if same else Verdict(0.0, "wrong")


HEADER = ("question_id", "repeat", "ranking", "question", "reference")


def write_sheet(path: Path, trials: Sequence[Trial]) -> None:
    """Write a sheet with one row a trial and an empty column for the ranking.

    Columns: question_id, repeat, ranking, question, reference, then the replies A, B, …, and of
    pairs their number; tabs between them, line feeds inside a cell are kept by quotes, as
    spreadsheets write and read them.
    """
    most = max(len(trial.names) for trial in trials)
    text = io.StringIO(newline="")
    sheet = csv.writer(text, delimiter="\t", lineterminator="\n")
    paired = any(trial.pair for trial in trials)
    sheet.writerow([*HEADER, *LETTERS[:most], *(("pair",) if paired else ())])
    for trial in trials:
        asked = "\n".join(f"{one['role']}: {one['content']}" for one in trial.messages)
        cells = [trial.question_id, trial.repeat, "", asked, trial.reference or "", *trial.replies]
        if paired:
            # A number and no names: who wrote a reply is not shown.
            cells.append(trial.pair)
        sheet.writerow([_inert(str(cell)) for cell in cells])
    with atomic_file(path) as file:
        # With a byte order mark, without which Excel reads Chinese in the code page of the machine.
        file.write(text.getvalue().encode("utf-8-sig"))


def _inert(cell: str) -> str:
    """Keep a spreadsheet from taking a text for a formula."""
    return f"'{cell}" if cell[:1] in "=+-@" else cell


@dataclass(frozen=True)
class SheetJudge:
    """Take rankings from a TSV sheet that a person filled: "B > A = C" in the column `ranking`.

    If there is no such file, `mind-domain judge` writes it and stops.
    """

    file: str = ""

    def __post_init__(self) -> None:
        if not self.file:
            raise UsageError("which sheet?", hint="--set tsv.file=sheet.tsv")

    @property
    def repeatable(self) -> bool:
        """What a person wrote stays."""
        return False

    @cached_property
    def rows(self) -> dict[tuple[str, str, str], str]:
        """The ranking by question, repeat and number of the pair; "0" where there are none."""
        found: dict[tuple[str, str, str], str] = {}
        with as_written(self.file, "write the sheet as UTF-8, its cells separated by tabs"):
            text = read_whole(self.file).decode("utf-8-sig")
            for row in _sheet_rows(text):
                # The mark of `_inert`, which some programs keep when they save.
                question = str(row.get("question_id")).removeprefix("'")
                key = (question, str(row.get("repeat")), row.get("pair") or "0")
                if key in found:
                    raise MindError(f"{self.file}: question {key[0]}, repeat {key[1]} comes twice")
                found[key] = row.get("ranking") or ""
        return found

    def rank(self, trial: Trial) -> Groups | Reason:
        """Return what stands in the sheet."""
        text = self.rows.get((trial.question_id, str(trial.repeat), str(trial.pair)))
        if text is None:
            return Reason("not_in_sheet")
        return parse_ranking(text, len(trial.names)) if text.strip() else Reason("not_filled")


def _sheet_rows(text: str) -> Iterator[dict[str, str]]:
    try:
        yield from csv.DictReader(io.StringIO(text, newline=""), delimiter="\t")
    except csv.Error as error:
        raise ValueError(str(error)) from None


@dataclass(frozen=True)
class RankingsJudge:
    """Take rankings that were made elsewhere: a stream of verdicts, as `mind-domain elo` reads."""

    file: str = ""

    def __post_init__(self) -> None:
        if not Path(self.file).is_file():
            raise UsageError(f"no file of rankings {self.file!r}", hint="--set rankings.file=FILE")

    @property
    def repeatable(self) -> bool:
        """What was made elsewhere stays."""
        return False

    @cached_property
    def ballots(self) -> dict[str, list[tuple[tuple[str, ...], Ballot | Reason]]]:
        """The seats, if they are known, and verdicts by question, in the order of the file."""
        found: dict[str, list[tuple[tuple[str, ...], Ballot | Reason]]] = {}
        for number, record in enumerate(read_records([self.file]), 1):
            ballot = read_ballot(record, f"{self.file}:{number}")
            question = record.get("question_id", record.get("id"))
            # Also those of a verdict that failed: which pair it was about is not lost.
            seats = ballot.seats if isinstance(ballot, Ballot) else tuple(record.get("seats") or ())
            found.setdefault(str(question), []).append((seats, ballot))
        return found

    def rank(self, trial: Trial) -> Groups | Reason:
        """Return the verdict on a question; repeats take one after another.

        A pair takes the verdicts on its own two models in its own seats; of those without seats
        both ways round take one after the other.
        """
        ballots = self.ballots.get(trial.question_id, [])
        place = trial.repeat
        if trial.pair:
            ballots, place = self._of_pair(ballots, trial)
        # As many verdicts as the file has; another repeat has none.
        if place >= len(ballots):
            return Reason("no_ranking")
        ballot = ballots[place][1]
        if isinstance(ballot, Reason):
            return ballot
        seat = {name: n for n, name in enumerate(trial.names)}
        ranked = [name for group in ballot.groups for name in group]
        if strange := sorted(set(ranked) - set(seat)):
            return Reason("unknown_model", ", ".join(strange))
        # A model that was not ranked is not the last one.
        if len(ranked) < len(seat):
            return Reason("incomplete", ", ".join(sorted(set(seat) - set(ranked))))
        return tuple(tuple(seat[name] for name in group) for group in ballot.groups)

    @staticmethod
    def _of_pair(
        ballots: Sequence[tuple[tuple[str, ...], Ballot | Reason]], trial: Trial
    ) -> tuple[list[tuple[tuple[str, ...], Ballot | Reason]], int]:
        """Return the verdicts that a pair may take, and the place of its own among them."""
        if seated := [one for one in ballots if one[0] == trial.names]:
            return seated, trial.repeat
        loose = [
            one
            for one in ballots
            if not one[0]
            and isinstance(one[1], Ballot)
            and {name for group in one[1].groups for name in group} == set(trial.names)
        ]
        # Pairs are numbered both ways round in turn: odd ones come first.
        return loose, 2 * trial.repeat + (trial.pair + 1) % 2
