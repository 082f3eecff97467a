"""Pages are made of literal templates, whose fields are escaped: read from the sources."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from string import Formatter

import pytest

from mind_core.safe_html import POLICY, Safe, document, escaped, joined, markup, policy

ROOT = Path(__file__).parent.parent
SOURCES = sorted(ROOT.glob("packages/*/src/**/*.py")) + sorted(ROOT.glob("plugins/*/src/**/*.py"))
TAG = re.compile(
    r"(?<!\?P)</?(a|b|i|p|g|h\d|td|tr|th|div|span|svg|text|rect|path|line|circle|poly\w+|li|table|section|"
    r"blockquote|code|pre|details|summary|option|html|body)\b"
)
OWN_FIGURES_ALONE = {"safe_html.py"}
"""The frame of a page."""


def test_text_is_escaped_and_markup_is_not() -> None:
    cell = markup("<b>{}</b>", "\"<i>'&")
    assert cell == "<b>&quot;&lt;i&gt;&#x27;&amp;</b>" and isinstance(cell, Safe)
    assert markup("<p>{a}{b:.2f}{c:>3}</p>", a=cell, b=1.0, c="<") == f"<p>{cell}1.00  &lt;</p>"
    assert joined([cell, "<", 3], ", ") == f"{cell}, &lt;, 3"
    assert escaped("a\x00\x1b\ud800\n中") == "a\\u0000\\u001b\\ud800\n中"
    assert not isinstance(cell + "<", Safe) and not isinstance(f"{cell}", Safe), "mypy sees a str"
    with pytest.raises(AttributeError):
        markup("{a.value}", a="<")


def test_a_page_has_the_one_policy() -> None:
    page = document("<t>", "b{}", markup("<p>{}</p>", "<"))
    assert f'content="{POLICY}"' in page and "<title>&lt;t&gt;</title>" in page
    assert "script" not in page and "script-src 'sha256-" in document("", "", Safe(), script="1")
    assert policy("1", "connect-src 'self'").endswith("='; connect-src 'self'")


def faults(tree: ast.AST) -> list[str]:
    """Return what a source makes of markup that nobody can see to be safe."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            text = "".join(v.value for v in node.values if isinstance(v, ast.Constant))
            if len(node.values) > 1 and TAG.search(text):
                found.append(f"{node.lineno}: tags in an f-string")
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        if node.func.id == "Safe" and node.args:
            found.append(f"{node.lineno}: Safe is made by markup, joined and escaped alone")
        if node.func.id == "markup":
            template = node.args[0]
            if not isinstance(template, ast.Constant):
                found.append(f"{node.lineno}: a template is a literal")
                continue
            for before, name, _, _ in Formatter().parse(template.value):
                if name is not None and re.search(r"[.\[]", name):
                    found.append(f"{node.lineno}: a field reaches into its value")
                if name is not None and re.search(r"(?<![\"'])=$|(href|src)=[\"']$", before):
                    found.append(f"{node.lineno}: an attribute without quotes, or an address")
    return found


def test_the_sources_make_markup_of_literal_templates() -> None:
    wrong = {
        str(path.relative_to(ROOT)): found
        for path in SOURCES
        if path.name not in OWN_FIGURES_ALONE
        and (found := faults(ast.parse(path.read_text("utf-8"))))
    }
    assert not wrong


@pytest.mark.parametrize(
    "source",
    ["f'<td>{x}</td>'", "Safe(x)", "markup(x)", "markup('<a href=\"{}\">', x)",
     "markup('<i title={}>', x)", "markup('{a.b}', a=x)"],
)  # fmt: skip
def test_what_is_not_safe_is_found(source: str) -> None:
    assert faults(ast.parse(source))
