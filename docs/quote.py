"""What the docs quote from the tools: help texts and component tables, inserted by cog."""

from __future__ import annotations

import importlib
import os
import runpy
import sys
import tempfile
import traceback
from importlib import resources
from typing import NoReturn

import cog
import orjson

os.environ.update(COLUMNS="100", NO_COLOR="1", MIND_PLUGINS="", LC_ALL="C.UTF-8")


def run(tool: str, *arguments: str) -> str:
    """Return what a tool prints; in a fork, as sixty processes would import the same each time."""
    module = tool.replace("-", "_")
    importlib.import_module(f"{module}.cli")
    with tempfile.TemporaryFile() as printed:
        child = os.fork()
        if child == 0:
            _become(module, arguments, printed.fileno())
        _, status = os.waitpid(child, 0)
        if status:
            raise RuntimeError(f"{tool} {' '.join(arguments)}: exit code {status >> 8}")
        printed.seek(0)
        return printed.read().decode()


def _become(module: str, arguments: tuple[str, ...], stdout: int) -> NoReturn:
    """Run a module as the program and end."""
    code: object = 1
    try:
        os.dup2(stdout, 1)
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.argv = [module, *arguments]
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code if isinstance(code, int) else 1)


def help_of(tool: str, *verbs: str) -> None:
    """Write the help of a tool, or of one of its verbs, as a block."""
    text = run(tool, *verbs, "--help").strip()
    cog.out(f"```text\n$ {' '.join([tool, *verbs])} --help\n{text}\n```\n")


def example_in(module: str) -> None:
    """Write the block of code that a module's docstring has."""
    text = importlib.import_module(module).__doc__ or ""
    cog.out("```" + text.split("```")[1] + "```\n")


def components_of(tool: str) -> None:
    """Write the components of a tool as a table."""
    rows = orjson.loads(run(tool, "--list", "--json"))
    cog.out("| name | kind | what it does | options and defaults |\n|---|---|---|---|\n")
    for row in rows:
        options = ", ".join(
            f"`{name}` = {value!r}" if value is not None else f"`{name}`"
            for name, value in row.get("options", {}).items()
        )
        cog.out(f"| `{row['name']}` | {row['kind']} | {row['summary']} | {options or '–'} |\n")


def recipes_of(tool: str) -> None:
    """Write the recipes that ship with a tool, each with the comment that it opens with."""
    from mind_core.recipe import recipe_names

    package = tool.replace("-", "_")
    folder = resources.files(package).joinpath("recipes")
    for name in recipe_names(package):
        text = folder.joinpath(f"{name}.toml").read_text("utf-8")
        comment = []
        for line in text.splitlines():
            if not line.startswith("#"):
                break
            comment.append(line.lstrip("# ").strip())
        cog.out(f"* `{name}`: {' '.join(comment)}\n")


def recipe_of(tool: str, *arguments: str) -> None:
    """Write what `--print-recipe` prints."""
    cog.out(f"```toml\n{run(tool, *arguments, '--print-recipe').strip()}\n```\n")


def template_of(kind: str) -> None:
    """Write the code of a hook's template under its example's name, its test, and its use."""
    from mind_core.new_plugin import _read, plugin_files

    head, _ = _read(kind)
    for path, text in plugin_files(kind, head["example"]).items():
        kinds = {".py": "python", ".toml": "toml", ".yaml": "yaml", ".jsonl": "json"}
        shown = path.startswith("src/") or path.startswith("tests/test_")
        if shown and (language := kinds.get("." + path.rpartition(".")[2])):
            cog.out(f"`{path}`\n\n```{language}\n{text}```\n\n")


def plugins_here() -> None:
    """Write the shipped plugins as a table, with the line that installs each."""
    import tomllib
    from pathlib import Path

    folder = Path(__file__).parents[1] / "plugins"
    cog.out("| plugin | for | what it is | install |\n|---|---|---|---|\n")
    for path in sorted(folder.glob("mind-*/pyproject.toml")):
        project = tomllib.loads(path.read_text("utf-8"))["project"]
        name, (group,) = project["name"], project["entry-points"]
        cog.out(
            f"| `{name}` | `{group.replace('_', '-')}` | {project['description']} "
            f"| `pip install {name}` |\n"
        )
