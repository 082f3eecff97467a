"""What users of other pipelines suffered from, and must not meet here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from mind_clean.pipeline import make_plugins
from mind_clean.steps import KINDS, effective_recipe, make_steps
from mind_core.output import write_records
from mind_core.testing import ToolResult, run_tool

DATA = Path(__file__).parents[3] / "tests" / "data" / "pages"
SENTENCE = "清明前后，杭州的茶农便上山采茶，一芽一叶的嫩芽最为珍贵，采下来当天就要摊晾。"


def clean(*arguments: str | Path, records: Any = b"", **options: Any) -> ToolResult:
    return run_tool("mind-clean", ["-z", "0", *arguments], records, **options)


def test_short_texts_neither_crash_nor_vanish(tmp_path: Path) -> None:
    """Elsewhere texts shorter than a shingle crashed, were merged, or were gone without a word."""
    texts = ["", " ", "短", "四个字吧", "a", "Hi!", "。", "\n", "13800138000", "😀", "\u200b"]
    records = [{"id": str(n), "text": text} for n, text in enumerate(texts)]
    done = clean("--summary", tmp_path / "s.json", "--rejects", tmp_path / "r", records=records)
    assert done.code == 0, done.stderr
    summary = orjson.loads((tmp_path / "s.json").read_bytes())
    assert summary["in"] == len(texts)
    assert summary["kept"] + sum(summary["rejected"].values()) == len(texts)
    assert summary["rejected"]["han_count.few_han"] == 2


def test_memory_does_not_grow_with_the_input(tmp_path: Path) -> None:
    """Elsewhere ordinary jobs ran out of memory: whole files were held."""
    program = (
        "import sys; from mind_clean.cli import app\n"
        "try: app(sys.argv[1:])\nexcept SystemExit: pass\n"
        "print(next(l for l in open('/proc/self/status') if l.startswith('VmHWM')).split()[1])"
    )
    if not Path("/proc/self/status").exists():
        pytest.skip("no /proc on this system")
    peaks = []
    for pages in (10_000, 50_000):
        records = ({"id": str(n), "text": f"{n}：{SENTENCE * 8}"} for n in range(pages))
        write_records(tmp_path / "in.zst", records, level=1)
        steps = [
            word for name in ("unicode", "emoji", "script", "pii") for word in ("--step", name)
        ]
        command = [sys.executable, "-c", program, "-q", *steps, "-o", tmp_path / f"{pages}.zst"]
        done = subprocess.run(
            [*command, tmp_path / "in.zst"], capture_output=True, check=True, text=True
        )
        peaks.append(int(done.stdout) / 1024)
    # 9 and 45 MB of text; a few MiB are what the allocator settles at.
    assert peaks[1] < peaks[0] + 6, peaks


@pytest.mark.parametrize(
    ("step", "not_needed"),
    [
        ("emoji", {"numpy", "numba", "resiliparse", "selectolax", "trafilatura", "ftfy"}),
        ("pii", {"numpy", "numba", "resiliparse", "selectolax", "ahocorasick_rs", "ftfy"}),
        ("text_density", {"numpy", "numba", "resiliparse", "selectolax", "ahocorasick_rs"}),
        ("script", {"numba", "resiliparse", "selectolax", "ahocorasick_rs", "ftfy"}),
    ],
)
def test_a_step_loads_what_it_needs_alone(step: str, not_needed: set[str]) -> None:
    """Elsewhere the start took seconds, since every operator's libraries were imported."""
    program = (
        "import sys; from mind_clean.cli import app\n"
        "try: app(['-q', '-z', '0', '--step', sys.argv[1]])\nexcept SystemExit: pass\n"
        "print(*{m.split('.')[0] for m in sys.modules}, file=sys.stderr)"
    )
    record = orjson.dumps({"id": "1", "text": f"{SENTENCE} 13800138000 😀"}) + b"\n"
    done = subprocess.run(
        [sys.executable, "-c", program, step], input=record, capture_output=True, check=True
    )
    loaded = set(done.stderr.decode().split())
    assert not loaded & not_needed, sorted(loaded & not_needed)


def test_extraction_gives_its_memory_back() -> None:
    """Elsewhere caches of the extractor grew until workers had to be replaced."""
    program = """
import resource, sys
from mind_core.stream import read_records
from mind_clean.pipeline import make_plugins
from mind_clean.steps import effective_recipe, make_steps
plugins = make_plugins()
extract = make_steps(plugins, effective_recipe(plugins))[0].call
pages = [r["html"] for r in read_records(sys.argv[1:], limit=60)]
def walk(times):
    for n in range(times):
        for page in pages:
            extract(page.replace("<p>", f"<p class=c{n}>"), f"https://site{n}.example/")
def size():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 2**20
walk(3)
before = size()
walk(12)
print(size() - before)
"""
    if not Path("/proc/self/statm").exists():
        pytest.skip("no /proc on this system")
    done = subprocess.run(
        [sys.executable, "-c", program, *sorted(map(str, DATA.glob("*.zst")))],
        capture_output=True, check=True, text=True,
    )  # fmt: skip
    assert float(done.stdout) < 8, f"{done.stdout} MiB more after 720 pages"


def test_the_same_bytes_whatever_the_hash_seed_and_the_cut(tmp_path: Path) -> None:
    """Elsewhere results depended on PYTHONHASHSEED and on the number of tasks."""
    source = sorted(DATA.glob("*.jsonl.zst"))[0]
    whole = clean("--limit", "60", source, environment={"PYTHONHASHSEED": "1"})
    again = clean("--limit", "60", "-j", "2", source, environment={"PYTHONHASHSEED": "77"})
    assert whole.code == 0, whole.stderr
    assert whole.stdout == again.stdout


def test_every_threshold_is_in_the_summary_and_can_be_fed_back(tmp_path: Path) -> None:
    """Elsewhere nobody could tell which thresholds a released corpus was made with."""
    source = sorted(DATA.glob("*.jsonl.zst"))[0]
    first = clean(
        "--limit", "40", "--set", "running_text.min=700", "--summary", tmp_path / "s.json", source
    )
    summary = orjson.loads((tmp_path / "s.json").read_bytes())
    plugins = make_plugins()
    steps = make_steps(plugins, effective_recipe(plugins))
    told = {next(step[k] for k in KINDS if k in step): step for step in summary["recipe"]["step"]}
    assert list(told) == [step.name for step in steps]
    assert told["running_text"]["min"] == 700
    for step in steps:
        component = plugins.find(f"register_{step.kind}s", step.name)
        for name, default in component.options().items():
            assert default is None or default is ... or name in told[step.name], (step.name, name)
    recipe = clean("--set", "running_text.min=700", "--print-recipe").stdout
    (tmp_path / "mine.toml").write_bytes(recipe)
    again = clean("--limit", "40", "--recipe", tmp_path / "mine.toml", source)
    assert again.stdout == first.stdout
