"""Write a plugin of any hook as a repository of its own: code that runs, its tests, its CI.

`python -m mind_core.new_plugin KIND NAME` fills in the template of a hook; without arguments it
lists the kinds.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path

from mind_core.errors import MindError, UsageError, did_you_mean
from mind_core.files import atomic_folder

FOLDER = "plugin_templates"
COMMON = "common"
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_SECTION = re.compile(r"^=== (\S+)\n", re.MULTILINE)
_FIELD = re.compile(r"@([A-Za-z]+)@")
MORE = {"mind-train": ', "torch>=2.5"'}
USAGE = """\
Usage: python -m mind_core.new_plugin KIND NAME [FOLDER]

  Write a plugin as a repository of its own, in FOLDER or mind-KIND-NAME.

  python -m mind_core.new_plugin filter url-depth

Kinds:
"""


def kinds() -> list[str]:
    """Return the kinds of plugins that have a template."""
    names = [path.name for path in resources.files("mind_core").joinpath(FOLDER).iterdir()]
    found = [name.removesuffix(".txt") for name in names if name.endswith(".txt")]
    return sorted(name for name in found if name != COMMON)


def plugin_files(kind: str, name: str) -> dict[str, str]:
    """Return the files of a new plugin by their paths.

    `name` is in lower case, words joined by hyphens. Raises `UsageError` for another, and for a
    kind that has no template.
    """
    if kind not in kinds():
        raise UsageError(
            f"there is no kind {kind!r}",
            hint=did_you_mean(kind, kinds()) or "kinds: " + ", ".join(kinds()),
        )
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is no name for a plugin",
            hint="lower case, words joined by hyphens: url-depth",
        )
    head, sections = _read(kind)
    _, common = _read(COMMON)
    project = f"mind-{kind}-{name}"
    fields = {
        "project": project,
        "package": project.replace("-", "_"),
        "module": project.removeprefix("mind-").replace("-", "_"),
        "entry": name,
        "name": name.replace("-", "_"),
        "Class": "".join(word.capitalize() for word in name.split("-")),
        "tool": head["tool"],
        "group": head["tool"].replace("-", "_"),
        "summary": head["summary"],
        "usage": head["usage"],
        "more": MORE.get(head["tool"], ""),
    }
    # Usage and summary of a template name other fields.
    fields |= {name: _filled(text, fields) for name, text in fields.items()}
    return {
        _filled(path, fields): _filled(text, fields) for path, text in (common | sections).items()
    }


def write_plugin(kind: str, name: str, folder: Path | None = None) -> Path:
    """Write a new plugin, whole or not at all; return its folder.

    Raises `MindError` if the folder exists.
    """
    files = plugin_files(kind, name)
    target = folder or Path(f"mind-{kind}-{name}")
    if target.exists():
        raise MindError(f"{target} exists", hint="give a folder that does not exist yet")
    with atomic_folder(target) as partial:
        for path, text in files.items():
            (partial / path).parent.mkdir(parents=True, exist_ok=True)
            (partial / path).write_text(text, "utf-8")
    return target


def _read(kind: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return the head of a template, `key = value`, and its sections by path."""
    text = resources.files("mind_core").joinpath(FOLDER, f"{kind}.txt").read_text("utf-8")
    head, *parts = _SECTION.split(text)
    pairs = [line.partition(" = ") for line in head.splitlines() if line]
    return {key: value for key, _, value in pairs}, dict(zip(parts[::2], parts[1::2], strict=True))


def _filled(text: str, fields: Mapping[str, str]) -> str:
    """Put each field in the place of its name between two signs: @name@."""
    return _FIELD.sub(lambda found: fields[found[1]], text)


def main(arguments: Sequence[str]) -> int:
    """Write a plugin as the command line asks; return the exit code."""
    if len(arguments) not in (2, 3) or arguments[0].startswith("-"):
        sys.stderr.write(USAGE + "".join(f"  {kind}\n" for kind in kinds()))
        return 0 if arguments in (["--help"], ["-h"]) else 2
    try:
        made = write_plugin(arguments[0], arguments[1], *map(Path, arguments[2:]))
    except MindError as error:
        sys.stderr.write(f"new_plugin: error: {error.message}\n  hint: {error.hint}\n")
        return 2 if isinstance(error, UsageError) else 1
    sys.stdout.write(f"cd {made} && pip install -e '.[test]' && pytest\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
