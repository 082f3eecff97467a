"""The site builds without a warning, and pages in two languages have the same commands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
TWINS = [
    page
    for page in sorted(DOCS.rglob("*.zh.md"))
    if page.with_name(page.name.replace(".zh.md", ".md")).exists()
]
SHORTER = {"training", "law"}
"""Pages of which the Chinese one leaves commands out; those that it has are in the other's text."""

LOCAL = (" --language zh", " --recipe finance-cn")
"""What a Chinese page adds for its readers."""

START = re.compile(r"(?:mind-[\w-]+|bin/\w+|pip|docker|zstdcat|source)(?= |$)")


def commands(page: Path) -> list[str]:
    """Return the commands of a page's blocks: what is called, with which options."""
    found = []
    for line in lines(page):
        words = [w for w in line.split() if w.startswith("-") or START.fullmatch(w)]
        found.append(" ".join(words))
    return found


def lines(page: Path) -> list[str]:
    """Return the commands as they stand there, without comments."""
    found = []
    for block in re.findall(r"```(?:sh|console)\n(.*?)```", page.read_text("utf-8"), re.DOTALL):
        for line in block.replace("\\\n", " ").split("\n"):
            line = re.sub(r"(^|\s)#.*", "", line).removeprefix("$ ").strip()
            if START.match(line):
                for local in LOCAL:
                    line = line.replace(local, "")
                found.append(" ".join(line.split()))
    return found


@pytest.mark.parametrize("page", TWINS, ids=lambda page: str(page.relative_to(DOCS)))
def test_both_languages_have_the_same_commands(page: Path) -> None:
    name = page.name.removesuffix(".zh.md")
    english, chinese = commands(page.with_name(f"{name}.md")), commands(page)
    if name in SHORTER:
        text = " ".join(page.with_name(f"{name}.md").read_text("utf-8").split())
        assert [line for line in lines(page) if line not in text] == []
    else:
        assert chinese == english


def test_commands_are_seen() -> None:
    assert len(commands(DOCS / "quickstart.md")) >= 5
    assert commands(DOCS / "inputs.zh.md")[1] == "mind-clean --from -o --skip-bad --rejects"


def test_the_site_builds_and_its_links_lead_somewhere(tmp_path: Path) -> None:
    """`--strict`: a link without a page, or a page without a link to it, is an error."""
    pytest.importorskip("mkdocs")
    pytest.importorskip("material")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", tmp_path / "site"],
        cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    site = tmp_path / "site"
    for name in ("index", "inputs.zh", "tools/mind-clean", "reference/options", "plugins/index"):
        page = (site / f"{name}.html").read_text("utf-8")
        loaded = re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=\"(https?://[^\"]+)", page)
        assert loaded == [], f"{name} needs a network"
    assert "text_density" in (site / "reference" / "recipes.html").read_text("utf-8")
    assert "register_documents" in (site / "reference" / "hooks.html").read_text("utf-8")
    assert "What a tracker is told of a run" in (site / "reference" / "python.html").read_text(
        "utf-8"
    )
    options = (site / "reference" / "options.html").read_text("utf-8")
    assert "--skip-bad" in options and "mind-clean quality train" in options
    assert 'id="组件可以做什么"' in (site / "plugins" / "hooks.zh.html").read_text("utf-8")
