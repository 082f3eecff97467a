"""What the site adds to the pages: the order of the menu, pages made from the code, outer links."""

from __future__ import annotations

import importlib
import posixpath
import re
from importlib import resources
from typing import Any

from mkdocs.structure.files import File
from site_reference import python_page

TOOLS = (
    "mind-clean", "mind-dedup", "mind-tok", "mind-train", "mind-sft-select", "mind-eval",
    "mind-domain",
)  # fmt: skip
LINK = re.compile(r"\[([^\]]*)\]\((?!https?://|mailto:|#)([^)\s#]+)(#[^)\s]*)?\)")
COG = re.compile(r"<!-- \[\[\[cog.*?\]\]\] -->\n|<!-- \[\[\[end\]\]\] -->\n?", re.DOTALL)
SHIM = re.compile(r'<script src="https://unpkg\.com/iframe-worker/shim"></script>')
FENCE = re.compile(r"(^```.*?^```$)", re.DOTALL | re.MULTILINE)

MENU: list[tuple[str, list[str]]] = [
    ("Start", ["index.md", "install.md", "quickstart.md", "inputs.md"]),
    ("Tools", ["tools/index.md", *(f"tools/{tool}.md" for tool in TOOLS)]),
    ("Reference", ["formats.md", "reference/options.md", "reference/recipes.md",
                   "reference/hooks.md", "reference/python.md", "glossary.md"]),
    ("Cookbook", ["cookbook/"]),
    ("Plugins", ["plugins/"]),
    ("Behind it", ["architecture.md", "decisions.md", "benchmarks.md", "benchmarks/"]),
    ("Guides", ["*"]),
    ("中文", ["*.zh.md"]),
]  # fmt: skip
"""Sections of the menu; "*" takes what no other section names."""


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that are made from the code, and the menu of all of them."""
    made = {
        "options": options_page(), "recipes": recipes_page(), "hooks": hooks_page(),
        "python": python_page(),
    }  # fmt: skip
    for name, text in made.items():
        files.append(File.generated(config, f"reference/{name}.md", content=text))
    pages = sorted(file.src_uri for file in files.documentation_pages())
    config["nav"] = menu(pages)
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Turn links that lead out of the docs into their words; leave code as it is."""
    known = {file.src_uri for file in files}
    folder = posixpath.dirname(page.file.src_uri)

    def inner(link: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(folder, link[2]))
        if path in known:
            return link[0]
        return link[1] if path in link[1] else f"{link[1]} (`{path.removeprefix('../')}`)"

    parts = FENCE.split(COG.sub("", markdown))
    return "".join(p if p.startswith("```") else LINK.sub(inner, p) for p in parts)


def on_post_page(output: str, page: Any, config: Any) -> str:
    """Let the search of a page from a disk work without a network: the theme would fetch this."""
    up = "../" * page.url.count("/")
    return SHIM.sub(f'<script src="{up}site_worker.js"></script>', output)


def menu(pages: list[str]) -> list[dict[str, Any]]:
    """Return the menu: each page once, in the section that names it."""
    left = [page for page in pages if not page.endswith(".zh.md")]
    chinese = [page for page in pages if page.endswith(".zh.md")]
    chinese.sort(key=lambda page: (page != "index.zh.md", page != "install.zh.md", page))
    found: dict[str, list[str]] = {}
    for title, wanted in MENU:
        for one in wanted:
            if one == "*.zh.md":
                taken = chinese
            elif one == "*":
                continue
            elif one.endswith("/"):
                taken = [page for page in left if page.startswith(one)]
            else:
                taken = [page for page in left if page == one]
            found.setdefault(title, []).extend(taken)
            left = [page for page in left if page not in taken]
    found["Guides"] = left
    order = ["Start", "Guides", *(title for title, _ in MENU if title not in ("Start", "Guides"))]
    return [{title: found[title]} for title in order if found.get(title)]


def options_page() -> str:
    """Return the shared options: which tools have each, and what it does."""
    from mind_core.command_tree import command_tree

    rows: dict[str, tuple[str, list[str]]] = {}
    for tool in TOOLS:
        for called, command in command_tree(tool):
            for parameter in command.params:
                if getattr(parameter, "help", None) and parameter.opts[0].startswith("-"):
                    name = ", ".join(sorted(parameter.opts, key=len))
                    entry = rows.setdefault(f"{name}\0{parameter.help}", (name, []))
                    entry[1].append(called)
    lines = ["# Options", "", "Every option of every tool, from the code.", "",
             "| option | what it does | of |", "|---|---|---|"]  # fmt: skip
    for key in sorted(rows, key=lambda key: key.lstrip("-").lower()):
        name, tools = rows[key]
        said = key.split("\0")[1].replace("|", "\\|").replace("\n", " ")
        lines.append(f"| `{name}` | {said} | {', '.join(tools)} |")
    return "\n".join(lines) + "\n"


def recipes_page() -> str:
    """Return the recipes that ship with the tools, as they are."""
    from mind_core.recipe import recipe_names

    lines = ["# Recipes", "", "Every recipe that ships, as its file stands.", ""]
    for tool in TOOLS:
        package = tool.replace("-", "_")
        for name in recipe_names(package):
            text = resources.files(package).joinpath("recipes", f"{name}.toml").read_text("utf-8")
            lines += [f"## {tool}: {name}", "", "```toml", text.rstrip(), "```", ""]
    return "\n".join(lines)


def hooks_page() -> str:
    """Return the hooks of every tool with what they say of themselves."""
    lines = ["# Hooks in the code", "", "What each may return: [hooks](../plugins/hooks.md).", "",
             "| tool | hook | what it adds |", "|---|---|---|"]  # fmt: skip
    for tool in TOOLS:
        hookspecs = importlib.import_module(f"{tool.replace('-', '_')}.hookspecs")
        for name in vars(hookspecs):
            if name.startswith("register_"):
                said = " ".join((getattr(hookspecs, name).__doc__ or "").split())
                lines.append(f"| {tool} | `{name}` | {said} |")
    return "\n".join(lines) + "\n"
