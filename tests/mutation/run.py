"""Try the tests on wrong programs: `bin/test -s mutants [-- --package mind-core --count 20]`.

For each package a seeded choice of mutants (see operators.py) is run one after another against
the tests that reach the changed line, the quickest first, until one fails. Which tests reach a
line is found by one coverage run, processes that tests start included. Results go to
`.mutants/PACKAGE-HASH.jsonl`, a line each: {"mutant", "result": "noticed" | "survived" |
"equivalent" | "unreached", "test", "seconds"}; HASH is that of the package and its tests, so a
mutant is not tried again until one of them changes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from operators import Mutant, is_durable, mutants_of

ROOT = Path(__file__).parents[2]
WORK = ROOT / ".mutants"
PACKAGES = sorted(path.name for path in (ROOT / "packages").iterdir())
# Declarations of options and hooks are texts; the tests of help texts hold them.
LEFT_OUT = ("cli.py", "hookspecs.py", "__init__.py", "__main__.py")


def candidates(package: str) -> list[Mutant]:
    """Return all mutants of a package."""
    source = ROOT / "packages" / package / "src"
    return [
        mutant
        for path in sorted(source.rglob("*.py"))
        if path.name not in LEFT_OUT
        for mutant in mutants_of(path, path.relative_to(source).as_posix())
    ]


def chosen(package: str, count: int, seed: int) -> list[Mutant]:
    """Draw mutants: a quarter of what guards files and locks, the rest from anywhere."""
    every = candidates(package)
    draw = random.Random(f"{seed} {package}")
    durable = [mutant for mutant in every if is_durable(mutant)]
    first = draw.sample(durable, min(len(durable), count // 4))
    rest = [mutant for mutant in every if mutant not in first]
    return first + draw.sample(rest, min(len(rest), count - len(first)))


def state(package: str) -> str:
    """Return a hash of the package's sources and tests: what a result is true of."""
    digest = hashlib.sha256()
    for path in sorted((ROOT / "packages" / package).rglob("*.py")):
        digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def tests_by_line(package: str, tests: list[str]) -> dict[str, dict[int, list[str]]]:
    """Return file → line → the tests that reach it, quickest first, from one coverage run."""
    kept = WORK / f"{package}-{state(package)}.coverage.json"
    if not kept.exists():
        data, config = WORK / f"{package}.coverage", WORK / f"{package}.coveragerc"
        log = WORK / f"{package}.times.json"
        log.unlink(missing_ok=True)
        config.write_text(
            f"[run]\ndata_file = {data}\nsource_pkgs = {package.replace('-', '_')}\n"
            "parallel = true\npatch = subprocess\ncontext = ${PYTEST_CURRENT_TEST-}\n"
        )
        environment = {
            **os.environ, "OMP_NUM_THREADS": "1", "MIND_TEST_TIMES": str(log),
            "PYTHONPATH": str(Path(__file__).parent),
        }  # fmt: skip
        command = [sys.executable, "-m", "coverage", "run", f"--rcfile={config}", "-m", "pytest"]
        command += ["-q", "-p", "contexts", "-p", "no:cacheprovider", "--timeout=1200", *tests]
        subprocess.run(command, cwd=ROOT, check=False, env=environment)
        subprocess.run(
            [sys.executable, "-m", "coverage", "combine", f"--rcfile={config}"],
            check=True,
            cwd=ROOT,
        )
        kept.write_text(json.dumps(_reached(data, json.loads(log.read_text()))))
    found: dict[str, dict[str, list[str]]] = json.loads(kept.read_text())
    return {
        name: {int(line): names for line, names in lines.items()} for name, lines in found.items()
    }


def _reached(data: Path, seconds: dict[str, float]) -> dict[str, dict[int, list[str]]]:
    from coverage import CoverageData

    coverage = CoverageData(str(data))
    coverage.read()
    found: dict[str, dict[int, list[str]]] = {}
    for name in coverage.measured_files():
        shown = Path(name).as_posix().partition("/src/")[2]
        lines = found.setdefault(shown, {})
        for line, contexts in coverage.contexts_by_lineno(name).items():
            tests = {context.partition("|")[2] or context for context in contexts}
            names = {test.rpartition(" (")[0] if test.endswith(")") else test for test in tests}
            lines[line] = sorted(names & seconds.keys(), key=lambda test: (seconds[test], test))
    return found


def try_mutant(mutant: Mutant, package: str, tests: list[str], limit: float) -> dict[str, object]:
    """Run the tests on the changed package; say which one noticed."""
    shadow = WORK / "src" / package
    shutil.rmtree(shadow, ignore_errors=True)
    shutil.copytree(
        ROOT / "packages" / package / "src", shadow, ignore=shutil.ignore_patterns("__pycache__")
    )
    changed = shadow / mutant.path
    changed.write_bytes(mutant.apply(changed.read_bytes()))
    started, result = time.monotonic(), {"mutant": mutant.name, "package": package}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "-p", "no:cacheprovider"]
    environment = {**os.environ, "PYTHONPATH": str(shadow), "OMP_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            [*command, "--timeout=120", *tests], cwd=ROOT, env=environment, check=False,
            capture_output=True, text=True, timeout=limit,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        # An endless loop is noticed by the limit of a test, not by this one.
        return {**result, "result": "survived", "test": "", "seconds": round(limit), "cut": True}
    lines = [line for line in done.stdout.splitlines() if line.startswith(("FAILED ", "ERROR "))]
    noticed = done.returncode != 0
    return {
        **result, "result": "noticed" if noticed else "survived",
        "test": lines[0].split(" - ")[0] if lines else "",
        "seconds": round(time.monotonic() - started),
    }  # fmt: skip


def equivalents() -> dict[str, str]:
    """Return mutants that change nothing that can be seen, with the reason."""
    lines = (Path(__file__).parent / "equivalent.jsonl").read_text("utf-8").splitlines()
    return {found["mutant"]: found["reason"] for found in map(json.loads, lines)}


def run(package: str, count: int, seed: int, limit: float) -> Iterator[dict[str, object]]:
    """Yield a result for each mutant of a package that has none yet."""
    WORK.mkdir(exist_ok=True)
    results = WORK / f"{package}-{state(package)}.jsonl"
    known = {}
    if results.exists():
        known = {line["mutant"]: line for line in map(json.loads, results.read_text().splitlines())}
    tests = [f"packages/{package}/tests", "tests/test_cases.py", "tests/test_pipes.py"]
    reached = tests_by_line(package, tests)
    no_difference = equivalents()
    for mutant in chosen(package, count, seed):
        if mutant.name in known:
            yield known[mutant.name]
            continue
        names = reached.get(mutant.path, {}).get(mutant.line, [])
        result: dict[str, object] = {"mutant": mutant.name, "package": package, "test": ""}
        if mutant.name in no_difference:
            result |= {"result": "equivalent", "reason": no_difference[mutant.name]}
        elif not names:
            result["result"] = "unreached"
        else:
            result = try_mutant(mutant, package, names, limit)
        with results.open("a", encoding="utf-8") as file:
            file.write(json.dumps(result, ensure_ascii=False) + "\n")
        yield result


def main() -> None:
    """Run the packages and print what was noticed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--package", action="append", choices=PACKAGES, help="default: all")
    parser.add_argument("--count", type=int, default=20, help="mutants of each package")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=600, help="limit for one mutant")
    options = parser.parse_args()
    for package in options.package or PACKAGES:
        results = []
        for result in run(package, options.count, options.seed, options.seconds):
            results.append(result)
            print(f"{result['result']:10} {result['mutant']}  {result['test']}", flush=True)
        counted = [line for line in results if line["result"] != "equivalent"]
        noticed = sum(line["result"] == "noticed" for line in counted)
        print(f"{package}: {noticed} of {len(counted)} noticed\n")


if __name__ == "__main__":
    main()
