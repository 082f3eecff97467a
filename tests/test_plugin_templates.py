"""Each hook has a template; it becomes a plugin of any name, and shipped ones are what it makes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from mind_core import cli, new_plugin
from mind_core.component import kind_of
from mind_core.errors import MindError, UsageError
from mind_core.listing import listed_plugins, not_installed
from mind_dedup.cli import app

ROOT = Path(__file__).parents[1]
PLUGINS = sorted((ROOT / "plugins").glob("mind-*"))
WITHOUT = {"backend": "mind-dedup-redis"}
"""Kinds without a template, with the shipped plugin to begin from: an index needs a server."""


def hooks() -> set[str]:
    """Name every hook of every tool, as its kind."""
    packages = [path.name.replace("-", "_") for path in (ROOT / "packages").iterdir()]
    names = [f"{name}.hookspecs" for name in packages if name != "mind_core"]
    found = [vars(import_module(name)) for name in [*names, "mind_core.chats.hookspecs"]]
    return {
        kind_of(word).replace(" ", "-")
        for one in found
        for word in one
        if word.startswith("register_")
    }


def test_every_hook_has_a_template() -> None:
    assert set(new_plugin.kinds()) | set(WITHOUT) == hooks()
    assert all((ROOT / "plugins" / name).is_dir() for name in WITHOUT.values())


def test_every_hook_has_a_shipped_plugin() -> None:
    """By the functions that the shipped plugins define."""
    shipped = set()
    for folder in PLUGINS:
        for path in folder.glob("src/*/__init__.py"):
            shipped |= set(re.findall(r"^def (register_\w+)\(", path.read_text("utf-8"), re.M))
    assert {kind_of(word).replace(" ", "-") for word in shipped} == hooks()


@pytest.mark.parametrize("kind", new_plugin.kinds())
def test_a_template_takes_any_name(kind: str, tmp_path: Path) -> None:
    files = new_plugin.plugin_files(kind, "my-own")
    for path, text in files.items():
        assert not re.search(r"@\w+@", path + text.replace("actions/checkout@v4", "")), path
        if path.endswith(".py"):
            compile(text, path, "exec")
    project = tomllib.loads(files["pyproject.toml"])["project"]
    assert project["name"] == f"mind-{kind}-my-own"
    assert "pytest" in project["optional-dependencies"]["test"][0]
    assert "pip install -e '.[test]'" in files[".github/workflows/test.yml"]
    (group,) = project["entry-points"]
    assert import_module(group) and project["dependencies"][0].startswith(group.replace("_", "-"))
    made = new_plugin.write_plugin(kind, "my-own", tmp_path / "own")
    assert {str(p.relative_to(made)) for p in made.rglob("*") if p.is_file()} == set(files)
    with pytest.raises(MindError, match="exists"):
        new_plugin.write_plugin(kind, "my-own", made)


@pytest.mark.parametrize("folder", [p for p in PLUGINS if (p / "src").is_dir()], ids=str)
def test_shipped_plugins_are_what_their_templates_make(folder: Path) -> None:
    for kind in new_plugin.kinds():
        name = folder.name.removeprefix(f"mind-{kind}-")
        head, _ = new_plugin._read(kind)
        if head["example"] == name:
            for path, text in new_plugin.plugin_files(kind, name).items():
                if not path.startswith(".") and path != "README.md":
                    assert (folder / path).read_text("utf-8") == text, path


def test_the_directory_lists_what_ships(capsys: pytest.CaptureFixture[str]) -> None:
    found = []
    for path in sorted((ROOT / "plugins").glob("mind-*/pyproject.toml")):
        project = tomllib.loads(path.read_text("utf-8"))["project"]
        (group,) = project["entry-points"]
        found.append((project["name"], group.replace("_", "-"), project["description"]))
    assert [tuple(one) for one in listed_plugins()] == found
    page = (ROOT / "docs" / "plugins" / "list.zh.md").read_text("utf-8")
    assert all(f"pip install {name}" in page for name, _, _ in found)
    with pytest.raises(SystemExit):
        cli.run(app, "mind-dedup", ["--plugins"])
    shown = capsys.readouterr().out
    assert "mind_core.new_plugin" in shown
    absent = {one.name for one in not_installed("mind-dedup")}
    assert absent <= set(shown.split()) and "mind-optimizer-lion" not in shown


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["filtr", "x"], 2, "filter"), (["filter", "Url Depth"], 2, "lower case"),
        ([], 2, "chat-reader"), (["--help"], 0, "Usage"),
    ],
)  # fmt: skip
def test_mistakes_are_named(
    arguments: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert new_plugin.main(arguments) == code
    assert words in capsys.readouterr().err


def test_names_are_checked() -> None:
    for name in ("", "Own", "a_b", "-a", "a--b", "../x"):
        with pytest.raises(UsageError):
            new_plugin.plugin_files("filter", name)


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_every_template_installs_and_passes_outside(tmp_path: Path) -> None:
    """Installed by pip into an environment of its own, in an empty folder, nothing of the checkout
    in the way; the tools and torch are taken from the environment that runs this."""
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    site = subprocess.run(
        [sys.executable, "-c", "import site; print(site.getsitepackages()[0])"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    own = next((tmp_path / "venv" / "lib").glob("python3*")) / "site-packages"
    (own / "tools.pth").write_text(f"import site; site.addsitedir({site!r})\n")
    made = [new_plugin.write_plugin(k, "my-own", tmp_path / k) for k in new_plugin.kinds()]
    install = [python, "-m", "pip", "install", "-q", "--no-cache-dir", "--no-deps"]
    install.append("--no-build-isolation")
    subprocess.run([*install, *map(str, made)], check=True)
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "MIND_PLUGINS")}
    for folder in made:
        (folder / "tests" / "conftest.py").unlink()  # what is installed is tested, not the folder
        done = subprocess.run(
            [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)],
            capture_output=True, text=True, cwd=folder, env=env, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
    listed = subprocess.run(
        [python, "-m", "mind_clean", "--plugins"], capture_output=True, text=True, env=env,
        check=True,
    )  # fmt: skip
    assert "my-own" in listed.stdout
