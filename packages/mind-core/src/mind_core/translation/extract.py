"""What can be translated: `python -m mind_core.translation.extract mind-clean` lists what is not.

Help texts come from the commands themselves, messages from the sources: the words and hints of
errors, with a placeholder for each value. With --po the list is entries to fill in.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from mind_core.command_tree import command_tree
from mind_core.translation.catalogue import PLACE, Catalogue
from mind_core.translation.help_formatter import COMMENT, paragraphs

ERRORS = ("MindError", "UsageError", "GateError", "Refusal")
LINES = {"log": 1, "run_with_progress": 1, "said": 0, "show": 0, "count": 1}
"""Functions that write a line for people, and which of their arguments is the line."""

LANGUAGE = "zh_CN"


def help_texts(command: Any) -> Iterator[str]:
    """Yield each text of a command's help: as paragraphs, examples' comments."""
    for text in (command.help, command.epilog):
        for as_it_stands, part in paragraphs(text or ""):
            if not as_it_stands:
                yield part
                continue
            for line in part.splitlines():
                if COMMENT in line:
                    yield line.partition(COMMENT)[2]
                elif not line.startswith(" "):
                    yield line
    for parameter in command.params:
        yield " ".join((getattr(parameter, "help", None) or "").split())
        yield getattr(parameter, "rich_help_panel", None) or ""


def messages(folder: Path) -> dict[str, str]:
    """Return what the sources of a folder say to people, with the places.

    That is the messages, causes and hints of errors, lines of `log`, and parts of the live line.
    Values are placeholders, named after the variable where they are one.
    """
    found: dict[str, str] = {}
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            for word in _spoken(node):
                text = template(word)
                if text and PLACE.sub("", text).strip():
                    found.setdefault(text, f"{path.relative_to(folder)}:{word.lineno}")
    return found


def _spoken(node: ast.AST) -> list[ast.expr]:
    """Return the arguments of a call that people read: of an error, of a line for them."""
    if not isinstance(node, ast.Call):
        return []
    called = getattr(node.func, "id", "") or getattr(node.func, "attr", "")
    if called in ERRORS:
        return node.args[:1] + [k.value for k in node.keywords if k.arg in ("hint", "cause")]
    at = LINES.get(called)
    return [] if at is None else node.args[at : at + 1]


def template(node: ast.expr) -> str:
    """Return a string of the source with placeholders for its values; empty if it is none."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if not isinstance(node, ast.JoinedStr):
        return ""
    parts: list[str] = []
    for number, part in enumerate(node.values):
        if isinstance(part, ast.Constant):
            parts.append(str(part.value))
        elif isinstance(part, ast.FormattedValue):
            names = {n.id for n in ast.walk(part.value) if isinstance(n, ast.Name)}
            name = next(iter(sorted(names)), "") if len(names) == 1 else ""
            name = name.lower().lstrip("_") if name.isidentifier() else ""
            # A value of several variables, or the second of one name, is called by its place:
            # value_a is the first part of the string.
            named = name.replace("_", "").isalpha() and f"{{{name}}}" not in parts
            parts.append(f"{{{name}}}" if named else f"{{value_{chr(97 + number)}}}")
    return "".join(parts)


def shape(text: str) -> str:
    """Return a message with its placeholders unnamed: what two of one shape have in common."""
    return PLACE.sub("{}", text)


def untranslated(package: str, texts: Iterable[str]) -> list[str]:
    """Return the texts without an entry in the catalogues of a package and of mind-core."""
    importlib.import_module(package)
    catalogue = Catalogue.of(LANGUAGE, ["mind_core", package])
    known = {shape(text) for text in (catalogue.entries if catalogue else ())}
    return [text for text in dict.fromkeys(texts) if text and shape(text) not in known]


def commands_of(tool: str) -> list[Any]:
    """Return the commands of a tool; none of a package that is no tool."""
    if importlib.util.find_spec(f"{tool.replace('-', '_')}.cli") is None or tool == "mind-core":
        return []
    return [command for _, command in command_tree(tool)]


def main() -> None:
    """Print what is not translated."""
    names = [name for name in sys.argv[1:] if name != "--po"]
    for name in names or ["mind-core"]:
        package = name.replace("-", "_")
        said = messages(Path(str(importlib.import_module(package).__file__)).parent)
        texts = [text for command in commands_of(name) for text in help_texts(command)]
        for text in untranslated(package, [*texts, *said]):
            place = said.get(text, "help")
            if "--po" in sys.argv:
                quoted = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
                sys.stdout.write(f'#: {place}\nmsgid "{quoted}"\nmsgstr ""\n\n')
            else:
                sys.stdout.write(f"{name}  {place}  {text}\n")


if __name__ == "__main__":
    main()
