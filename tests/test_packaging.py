"""Each distribution stands alone, and all of them keep step."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import Any

import pytest
from hatchling.metadata.core import ProjectMetadata
from hatchling.metadata.utils import resolve_metadata_fields
from hatchling.plugin.manager import PluginManager
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PACKAGES = sorted((ROOT / "packages").iterdir())


def project(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))


def test_the_build_hook_is_the_same_everywhere() -> None:
    assert len({(folder / "hatch_build.py").read_bytes() for folder in PACKAGES}) == 1


def test_versions_keep_step() -> None:
    versions = {project(folder)["project"]["version"] for folder in [*PACKAGES, ROOT]}
    assert len(versions) == 1


@pytest.mark.parametrize("folder", PACKAGES, ids=lambda folder: folder.name)
def test_metadata(folder: Path) -> None:
    assert project(folder)["build-system"]["requires"] == ["hatchling"]
    table = project(folder)["project"]
    assert table["name"] == folder.name
    assert table["requires-python"] == ">=3.11"
    assert table["license"] == "Apache-2.0"
    if folder.name != "mind-core":
        module = folder.name.replace("-", "_")
        assert table["scripts"] == {folder.name: f"{module}.cli:main"}


@pytest.mark.parametrize("folder", [*PACKAGES, ROOT], ids=lambda folder: folder.name)
def test_a_package_can_be_published(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an index asks for is there, and links work where the README stands by itself."""
    table = project(folder)["project"]
    assert table["authors"] and table["keywords"]
    assert {f"Programming Language :: Python :: 3.{n}" for n in (11, 12, 13)} <= {
        *table["classifiers"]
    }
    assert (folder / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    monkeypatch.setenv("MIND_SIBLINGS", "name")
    monkeypatch.delenv("MIND_REPOSITORY", raising=False)
    found = metadata_of(folder)
    assert found["urls"] == {"Paper": "https://arxiv.org/abs/2310.15777"}
    assert not RELATIVE.search(found["readme"]["text"])
    assert "file://" not in json.dumps(found)
    repository = "https://example.org/a/mind-toolkit"
    monkeypatch.setenv("MIND_REPOSITORY", repository + "/")
    found = metadata_of(folder)
    assert found["urls"]["Repository"] == repository
    assert not RELATIVE.search(found["readme"]["text"])
    for path in re.findall(rf"{repository}/blob/v[\d.]+/([^)#\s]+)", found["readme"]["text"]):
        assert (ROOT / path).exists(), f"{folder.name} links to {path}"


RELATIVE = re.compile(r"\]\((?!https?://|#)")


def metadata_of(folder: Path) -> dict[str, Any]:
    """Return the metadata that a build of this folder has, as `hatchling metadata` prints it."""
    found = resolve_metadata_fields(ProjectMetadata(str(folder), PluginManager()))
    return {name: value for name, value in found.items() if value}


def requirements(folder: Path, siblings: str) -> list[str]:
    """Return the dependencies that a build of this folder declares."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MIND_SIBLINGS", siblings)
        found: list[str] = metadata_of(folder)["dependencies"]
    return found


@pytest.mark.parametrize("folder", [*PACKAGES, ROOT], ids=lambda folder: folder.name)
def test_siblings_come_from_the_checkout_and_by_name_in_a_release(folder: Path) -> None:
    local = [r for r in requirements(folder, "path") if r.startswith("mind-")]
    named = [r for r in requirements(folder, "name") if r.startswith("mind-")]
    assert all(r.split(" @ ")[1].startswith("file://") for r in local)
    assert all(" @ " not in r and "==" in r for r in named)
    assert len(local) == len(named)
    assert bool(local) == (folder.name != "mind-core")


def test_the_image_has_the_compiler_before_it_builds_what_needs_it() -> None:
    steps = (ROOT / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
    installed = next(n for n, step in enumerate(steps) if "install" in step and "mind_core" in step)
    everything = next(n for n, step in enumerate(steps) if "pip wheel" in step and "/* " in step)
    assert installed < everything


def test_the_meta_package_needs_all_eight() -> None:
    named = {r.split("==")[0] for r in requirements(ROOT, "name") if r.startswith("mind-")}
    assert named == {folder.name for folder in PACKAGES}


def test_the_constraints_satisfy_every_range() -> None:
    pins = {}
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            name, _, version = line.partition("==")
            pins[canonicalize_name(name)] = version
    for folder in PACKAGES:
        for text in requirements(folder, "name"):
            needed = Requirement(text)
            if needed.name.startswith("mind-"):
                continue
            version = pins.get(canonicalize_name(needed.name))
            assert version is not None, f"{folder.name} needs {needed.name}, which has no pin"
            assert needed.specifier.contains(version), f"{folder.name}: {text}, pinned {version}"


def declared(names: Iterable[str]) -> dict[str, Distribution]:
    """Return the installed distributions that some need, and those that these need."""
    found: dict[str, Distribution] = {}
    waiting = list(names)
    while waiting:
        needed = Requirement(waiting.pop())
        name = canonicalize_name(needed.name)
        if name in found or (needed.marker and not needed.marker.evaluate({"extra": ""})):
            continue
        found[name] = distribution(name)
        waiting += found[name].requires or []
    return found


def test_one_tool_installs_alone_with_what_it_declares(tmp_path: Path) -> None:
    """`pip install ./packages/mind-clean` where only what is declared is there, and no index."""
    folders = [ROOT / "packages" / name for name in ("mind-clean", "mind-core")]
    needed = {r for folder in folders for r in requirements(folder, "name")}
    build = {r for folder in folders for r in project(folder)["build-system"]["requires"]}
    there = declared(r for r in needed | build if not r.startswith("mind-"))
    assert {"numpy", "hatchling"} <= there.keys()  # numpy comes with the kernels
    assert there.keys().isdisjoint({"torch", "scikit-learn"})
    visible, environment = tmp_path / "visible", tmp_path / "venv"
    visible.mkdir()
    for one in there.values():
        for name in {file.parts[0] for file in one.files or []} - {"..", "__pycache__"}:
            (visible / name).symlink_to(str(one.locate_file(name)))
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    (site,) = environment.glob("lib/python3*/site-packages")
    (site / "visible.pth").write_text(f"{visible}\n")
    variables = {k: v for k, v in os.environ.items() if k not in {"MIND_SIBLINGS", "PYTHONPATH"}}
    variables["MIND_NATIVE"] = "0"  # compiling takes a minute, and has tests of its own
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--python", environment / "bin" / "python", "install", "-q",
         "--no-index", "--no-cache-dir", "--disable-pip-version-check", "--no-build-isolation",
         "--check-build-dependencies", "--no-compile", "./packages/mind-clean"],
        cwd=ROOT, env=variables, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert sorted(path.name.partition("-")[0] for path in site.glob("mind_*.dist-info")) == [
        "mind_clean", "mind_core",
    ]  # fmt: skip
    assert_cleans(environment, variables)


def assert_cleans(environment: Path, variables: dict[str, str]) -> None:
    """Run the tool of an environment on a record."""
    done = subprocess.run(
        [environment / "bin" / "mind-clean", "-z", "0", "--step", "whitespace"],
        input=b'{"id":"1","text":"hello"}\n', capture_output=True, check=False, env=variables,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["text"] == "hello"


@pytest.mark.long
def test_one_tool_installs_alone_with_plain_pip(tmp_path: Path) -> None:
    """`pip install ./packages/mind-clean` in an empty environment brings mind-core along."""
    environment = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    python = environment / "bin" / "python"
    variables = {k: v for k, v in os.environ.items() if k not in {"MIND_SIBLINGS", "PYTHONPATH"}}
    variables["MIND_NATIVE"] = "0"  # compiling takes a minute, and has tests of its own
    variables["PIP_NO_CACHE_DIR"] = "1"  # pip before 26.2 takes an old mind-core
    subprocess.run(
        [python, "-m", "pip", "install", "-q", "--disable-pip-version-check",
         "-c", ROOT / "constraints.txt", "./packages/mind-clean"],
        cwd=ROOT, env=variables, check=True, capture_output=True,
    )  # fmt: skip
    listed = subprocess.run(
        [python, "-m", "pip", "list", "--format=freeze", "--disable-pip-version-check"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert "mind-core==" in listed and "mind-clean==" in listed
    assert "torch" not in listed and "scikit-learn" not in listed  # numpy comes with the kernels
    assert_cleans(environment, variables)


def test_a_library_is_old_only_if_what_its_loops_are_made_of_has_changed() -> None:
    """A change of mind-core's errors or files once refused the libraries of every package."""
    import mind_clean.extractors.blocks.extract
    import mind_clean.text_stats.text_stats  # noqa: F401
    from mind_core.kernels.library import KERNELS
    from mind_core.kernels.sources import sources_of
    from mind_core.text.token_ngrams import token_ngrams

    found = sources_of([token_ngrams])  # type: ignore[list-item]
    assert found == {"mind_core/text/token_ngrams.py", "mind_core/kernels/packed.py"}
    every = sources_of([k for k in KERNELS.values() if k.package == "mind_clean"])
    assert {"mind_clean/extractors/blocks/element_rules.py", "mind_core/kernels/utf8.py"} <= every
    assert not {name for name in every if name.startswith("mind_core/") and name.count("/") == 1}
