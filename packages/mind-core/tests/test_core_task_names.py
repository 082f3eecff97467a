"""What tasks are called: no two of a job alike, whatever its files are called."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from mind_core.errors import UsageError
from mind_core.tasks.inputs import task_names


def named(parts: Mapping[str, int]) -> list[str]:
    return [name for each in task_names([*parts], [*parts.values()]) for name in each]


def test_names_that_would_be_one_stay_whole() -> None:
    names = ["a.jsonl", "a.jsonl.gz", "b/c.warc.gz", ".jsonl", "x.txt"]
    assert named(dict.fromkeys(names, 1)) == ["a.jsonl", "a.jsonl.gz", "b/c", ".jsonl", "x.txt"]


def test_a_whole_name_is_not_the_stem_of_a_third_file() -> None:
    three = ["c.jsonl.jsonl", "c.jsonl", "c.json"]
    assert named(dict.fromkeys(three, 1)) == three


def test_a_file_may_be_called_like_a_part_of_another() -> None:
    found = named({"a.jsonl": 2, "a.part-0000.jsonl": 1})
    assert found == ["a.jsonl.part-0000", "a.jsonl.part-0001", "a.part-0000.jsonl"]
    assert named({"x": 2, "x.part-0001": 1}) == ["x.part-00000", "x.part-00001", "x.part-0001"]


def test_two_files_of_one_name_are_refused() -> None:
    """Such as s3://b/a.jsonl beside /s3/b/a.jsonl."""
    with pytest.raises(UsageError, match=r"would be called s3/b/a\.jsonl"):
        task_names(["s3/b/a.jsonl"] * 2, [1, 1])
