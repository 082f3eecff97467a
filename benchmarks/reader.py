"""Draw functions by a seed, to see whether a new reader can tell what they are from their words.

`python benchmarks/reader.py --seed 1` prints name, parameters and docstring of twelve public
functions and methods, without their modules; `--key` adds where each one stands. The reader writes
down package and purpose of each before looking at the key. `--missing` names public functions
whose docstring is shorter than four words.
"""

from __future__ import annotations

import argparse
import ast
import random
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent


class Described(NamedTuple):
    """A function as a reader sees it, and where it stands."""

    name: str
    parameters: str
    text: str
    place: str


def public_functions() -> list[Described]:
    """Return the public functions and methods of all packages, in the order of their files."""
    found = []
    for path in sorted((ROOT / "packages").glob("*/src/**/*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        for node in tree.body:
            inside = node.body if isinstance(node, ast.ClassDef) else [node]
            owner = f"{node.name}." if isinstance(node, ast.ClassDef) else ""
            for each in inside:
                if isinstance(each, ast.FunctionDef) and not each.name.startswith("_"):
                    found.append(
                        Described(
                            owner + each.name,
                            ast.unparse(each.args),
                            ast.get_docstring(each) or "",
                            f"{path.relative_to(ROOT)}:{each.lineno}",
                        )
                    )
    return found


def main() -> None:
    """Print the draw."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=12)
    parser.add_argument("--key", action="store_true", help="say where each one stands")
    parser.add_argument("--missing", action="store_true", help="name those with hardly a word")
    given = parser.parse_args()
    found = public_functions()
    if given.missing:
        for each in found:
            if len(each.text.split()) < 4:
                say(f"{each.place}: {each.name}: {each.text!r}")
        return
    for number, each in enumerate(random.Random(given.seed).sample(found, given.count), 1):
        say(f"{number}. {each.name}({each.parameters})")
        say("   " + each.text.replace("\n", "\n   "))
        if given.key:
            say(f"   [{each.place}]")


def say(text: str) -> None:
    """Print one line."""
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()
