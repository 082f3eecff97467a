"""The docs are true: every option, hook, component, recipe and exit code is in them."""

from __future__ import annotations

import functools
import importlib
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
TOOLS = sorted(p.name for p in (ROOT / "packages").iterdir() if p.name != "mind-core")
PACKAGE_PAGES = [*(ROOT / "packages").glob("*/README.md"), *(ROOT / "plugins").glob("*/README.md")]
PAGES = [*sorted(DOCS.rglob("*.md")), *sorted(ROOT.glob("*.md")), *sorted(PACKAGE_PAGES)]


@functools.cache
def printed(tool: str, *arguments: str) -> str:
    command = [sys.executable, "-m", tool.replace("-", "_"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def verbs(tool: str) -> list[str]:
    _, _, commands = printed(tool, "--help").partition("\nCommands:\n")
    return re.findall(r"^  (\S+)", commands.split("\n\n")[0], re.MULTILINE)


@pytest.mark.parametrize("tool", TOOLS)
def test_every_option_is_documented(tool: str) -> None:
    page = (DOCS / "tools" / f"{tool}.md").read_text("utf-8")
    for verb in [[], *([v] for v in verbs(tool))]:
        for option in re.findall(
            r"^\s+(?:-\w, )?(--[a-z-]+)", printed(tool, *verb, "--help"), re.M
        ):
            assert option in page, f"docs/tools/{tool}.md says nothing of {' '.join(verb)} {option}"


@pytest.mark.parametrize("tool", TOOLS)
def test_every_component_is_documented(tool: str) -> None:
    page = (DOCS / "tools" / f"{tool}.md").read_text("utf-8")
    rows = json.loads(printed(tool, "--list", "--json"))
    assert rows
    for row in rows:
        if row["plugin"] == tool:
            assert f"`{row['name']}`" in page, f"docs/tools/{tool}.md has no {row['name']}"
            assert row.get("summary"), f"{tool}: {row['name']} has no docstring"


@pytest.mark.parametrize("tool", TOOLS)
def test_every_hook_is_documented_and_used(tool: str) -> None:
    module = tool.replace("-", "_")
    hookspecs = importlib.import_module(f"{module}.hookspecs")
    page = (DOCS / "plugins" / "hooks.md").read_text("utf-8")
    hooks = [name for name in vars(hookspecs) if name.startswith("register_")]
    kinds = {row["kind"] for row in json.loads(printed(tool, "--list", "--json"))}
    assert hooks
    assert len(kinds) == len(hooks), f"{tool}: a hook without a component that uses it"
    for hook in hooks:
        assert f"`{hook}`" in page, f"docs/plugins/hooks.md has no {hook}"
        assert (getattr(hookspecs, hook).__doc__ or "").strip()


@pytest.mark.parametrize("tool", TOOLS)
def test_every_recipe_is_documented(tool: str) -> None:
    from mind_core.recipe import recipe_names

    page = (DOCS / "tools" / f"{tool}.md").read_text("utf-8")
    for name in recipe_names(tool.replace("-", "_")):
        assert f"`{name}`" in page, f"docs/tools/{tool}.md has no recipe {name}"


def test_exit_codes_are_in_the_docs() -> None:
    from mind_core import errors

    page = (DOCS / "tools" / "index.md").read_text("utf-8")
    for code in (errors.DONE, errors.FAILED, errors.USAGE, errors.GATE, errors.INTERRUPTED):
        assert f"| {code} |" in page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_in_the_docs_have_the_options_they_use(page: Path) -> None:
    text = page.read_text("utf-8").replace("\\\n", " ")
    tools = "|".join(TOOLS)
    for call in re.finditer(rf"(?<![/\w-])({tools})( [^|;`&─\n]+)", text):
        tool, rest = call.groups()
        verb = [word for word in rest.split()[:1] if word in verbs(tool)]
        if rest.split()[:2] == ["quality", "train"]:
            verb = rest.split()[:2]
        known = printed(tool, *verb, "--help")
        for option in re.findall(r"(?<!\S)(--?[a-z][a-z-]*)", rest):
            assert re.search(rf"(?<![\w-]){option}(?![\w-])", known), f"{tool} {verb} {option}"


def test_the_chain_of_the_readme_runs(
    tmp_path: Path, data: Path, tool_path: Callable[[str], str]
) -> None:
    """The commands as they stand there, on fewer pages and steps."""
    blocks = [
        next(b for b in re.findall(r"```sh\n(.*?)```", (ROOT / name).read_text("utf-8"), re.DOTALL)
             if "mind-clean" in b)
        for name in ("README.md", "README.zh.md")
    ]  # fmt: skip
    assert blocks[0] == blocks[1]
    chain = blocks[0].split("zstdcat")[0]
    chain = chain.replace("tests/data/pages/*.jsonl.zst", f"{data}/pages/[dp]*.jsonl.zst")
    chain = chain.replace("--vocab-size 6000", "--vocab-size 2000")
    chain = chain.replace("--recipe tiny-cpu", "--recipe tiny-cpu --set train.steps=4")
    chain = chain.replace("mind-eval run", "mind-eval run --limit 2")
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", chain],
        cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "PATH": tool_path("heavy")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "runs" / "scores" / "scores.json").exists()
    # What the chain leaves in a checkout is nothing that git would show.
    ignored = {line.strip("/") for line in (ROOT / ".gitignore").read_text().splitlines()}
    assert {path.name for path in tmp_path.iterdir()} <= ignored


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
        if not target.startswith(("http://", "https://", "mailto:")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_readmes_show_the_two_commands_and_every_tool() -> None:
    for name in ("README.md", "README.zh.md"):
        text = (ROOT / name).read_text("utf-8")
        for wanted in ("bin/quickstart", "bin/test", *TOOLS):
            assert wanted in text, f"{name} says nothing of {wanted}"


def test_the_example_plugin_of_the_docs_works(tmp_path: Path) -> None:
    """The first filter of docs/plugins/index.md and its test, as they stand there."""
    blocks = {}
    for page in ("index", "testing"):
        text = (DOCS / "plugins" / f"{page}.md").read_text("utf-8")
        blocks[page] = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (tmp_path / "shouting.py").write_text(blocks["index"][0])
    (tmp_path / "test_shouting.py").write_text(blocks["testing"][0])
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_shouting.py"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "2 passed" in done.stdout, done.stdout


def code_blocks(page: Path) -> list[tuple[int, str, str]]:
    """Return line, language and text of each block of code on a page."""
    text = page.read_text("utf-8")
    found = re.finditer(r"^```(\w+)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return [(text[: block.start()].count("\n") + 1, block[1], block[2]) for block in found]


def what_is_wrong(language: str, text: str) -> str:
    """Return why a block is not of its language; JSON may be one value, or a line each."""
    try:
        if language == "python":
            compile(text, "block", "exec")
        elif language == "toml":
            tomllib.loads(text)
        elif language == "json":
            [json.loads(row) for row in ([text] if text[:2] == "{\n" else text.splitlines())]
        elif language == "yaml":
            list(yaml.safe_load_all(text))
        elif language in ("sh", "bash"):
            done = subprocess.run(
                ["bash", "-n"], input=text, capture_output=True, text=True, check=False
            )
            return done.stderr
        elif language not in ("text", "console"):
            return "a language that no test reads"
    except (SyntaxError, ValueError, yaml.YAMLError) as error:
        return str(error)
    return ""


def test_every_block_of_code_is_of_its_language() -> None:
    """Also those that nothing runs: they can be pasted as they stand."""
    wrong = [
        f"{page.relative_to(ROOT)}:{line}: {why}"
        for page in PAGES
        for line, language, text in code_blocks(page)
        if (why := what_is_wrong(language, text))
    ]
    assert not wrong, "\n".join(wrong)
    assert what_is_wrong("python", "def f(:") and what_is_wrong("toml", "a = ")
    assert what_is_wrong("sh", "for x in; do") and what_is_wrong("rust", "fn")
