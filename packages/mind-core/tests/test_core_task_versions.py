"""What a job's bytes depend on: code and data of a package, and the extras that are there."""

from __future__ import annotations

from pathlib import Path

import pytest

from mind_core.tasks import versions


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a package that nothing has looked up yet."""
    folder = tmp_path / "mind_made"
    (folder / "lists").mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "lists" / "words.txt").write_text("one")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(versions, "_versions_of", versions._versions_of.__wrapped__)
    return folder


def version_of_made() -> str:
    return versions.versions_of(["mind-made"])["mind-made"]


def test_another_data_file_is_another_version(made: Path) -> None:
    found = {version_of_made()}
    (made / "lists" / "words.txt").write_text("two")
    found.add(version_of_made())
    (made / "lists" / "words.txt").rename(made / "lists" / "terms.txt")
    found.add(version_of_made())
    (made / "__init__.py").write_text("ONE = 1")
    found.add(version_of_made())
    assert len(found) == 4


def test_what_differs_between_machines_of_one_job_is_no_version(made: Path) -> None:
    before = version_of_made()
    for name in ("__pycache__/a.pyc", "locale/zh_CN.po", "native/loops.so", ".swp"):
        (made / name).parent.mkdir(exist_ok=True)
        (made / name).write_text("x")
    assert version_of_made() == before


def test_a_large_file_goes_by_its_size_and_ends(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(versions, "_WHOLE_BYTES", 20)
    monkeypatch.setattr(versions, "_END_BYTES", 4)

    def of(text: str) -> str:
        (made / "model.bin").write_text(text)
        return version_of_made()

    first = of("head" + "0" * 40 + "tail")
    assert first == of("head" + "1" * 40 + "tail")
    assert len({first, *map(of, ("HEAD" + "0" * 40 + "tail", "head" + "0" * 40 + "TAIL",
                                 "head" + "0" * 41 + "tail"))}) == 4  # fmt: skip


def test_extras_count_where_they_are_installed(made: Path) -> None:
    """Not those of tests, those of others' packages, nor what moves bytes only."""
    for name, needs in {
        "mind-made": ["fast-one; extra == 'fast'", "gone>=1; extra == 'fast'",
                      "pytest>=8; extra == 'test'", "ray; extra == 'ray'"],
        "fast-one": ["zstandard; extra == 'packed'", "orjson"],
        "ray": [],
    }.items():  # fmt: skip
        folder = made.parent / f"{name.replace('-', '_')}-2.0.dist-info"
        folder.mkdir()
        lines = ["Metadata-Version: 2.1", f"Name: {name}", "Version: 2.0"]
        lines += [f"Requires-Dist: {one}" for one in needs]
        (folder / "METADATA").write_text("\n".join(lines) + "\n")
    found = versions.versions_of(["mind-made"])
    assert set(found) == {"python", "machine", "mind-made", "fast-one", "orjson"}
    assert found["fast-one"] == "2.0" and found["mind-made"].startswith("2.0+")
