"""What each tool weighs when it is installed alone: its own files and those of all it needs.

`python benchmarks/weights.py` reckons it from what is installed in this environment, by what each
package declares and the files that pip has noted of it; `--here` adds up all of an environment.
"""

from __future__ import annotations

import re
import sys
from importlib import metadata
from pathlib import Path

TOOLS = ("mind-core", "mind-clean", "mind-dedup", "mind-tok", "mind-train", "mind-eval",
         "mind-sft-select", "mind-domain")  # fmt: skip
ROOT = Path(__file__).parent.parent


def needed(name: str, extras: frozenset[str] = frozenset()) -> set[str]:
    """Return the names of a package and of all that it needs, without extras nobody asked for."""
    from packaging.requirements import Requirement

    found: set[str] = set()
    waiting = [(_canonical(name), extras)]
    done: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        one = waiting.pop()
        if one in done:
            continue
        done.add(one)
        found.add(one[0])
        for text in metadata.requires(one[0]) or []:
            wanted = Requirement(text)
            environments = [{"extra": extra} for extra in one[1] or {""}]
            if wanted.marker is None or any(map(wanted.marker.evaluate, environments)):
                waiting.append((_canonical(wanted.name), frozenset(wanted.extras)))
    return found


def weight(name: str) -> int:
    """Return the bytes of a package's files, compiled ones too; of one of ours, of its sources."""
    source = ROOT / "packages" / name / "src"
    if source.is_dir():
        files = [path for path in source.rglob("*") if path.is_file()]
    else:
        noted = metadata.files(name) or []
        files = [Path(str(file.locate())) for file in noted]
    return sum(path.stat().st_size for path in files if path.is_file())


def megabytes(tool: str) -> float:
    """Return what a tool weighs with all that it needs, in MB of 10⁶ bytes."""
    return sum(map(weight, needed(tool))) / 1e6


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def main() -> None:
    """Print a line for each tool, or the sum of this environment."""
    if "--here" in sys.argv[1:]:
        folders = {Path(path) for path in sys.path if path.endswith("site-packages")}
        ours = [f for folder in folders for f in folder.rglob("*") if f.is_file()]
        skipped = re.compile(r"/(pip|setuptools|pkg_resources|_distutils_hack)[-/.]")
        sizes = [path.stat().st_size for path in ours if not skipped.search(str(path))]
        print(f"{sum(sizes) / 1e6:,.0f} MB")
        return
    for tool in TOOLS:
        print(f"{tool:16} {megabytes(tool):7,.0f} MB")


if __name__ == "__main__":
    main()
