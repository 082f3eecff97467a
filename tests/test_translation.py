"""Help and messages in Chinese: complete, equal in what they name, and only where asked for."""

from __future__ import annotations

import importlib
import os
import random
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from mind_core import MindError, cli
from mind_core.command_tree import command_tree
from mind_core.errors import did_you_mean
from mind_core.progress import Progress, log, speak
from mind_core.render.terminal import width
from mind_core.summary import counts_line
from mind_core.translation import users_catalogue
from mind_core.translation.catalogue import PLACE, Catalogue, _values, read_po, wanted_languages
from mind_core.translation.extract import help_texts, messages, untranslated
from mind_core.translation.help_formatter import wrap

TOOLS = (
    "mind-clean", "mind-dedup", "mind-tok", "mind-train", "mind-sft-select", "mind-eval",
    "mind-domain",
)  # fmt: skip
PACKAGES = tuple(name.replace("-", "_") for name in ("mind-core", *TOOLS))
NAMED = re.compile(r"\{[A-Za-z_]+\}")
FLAG = re.compile(r"--[a-z][a-z-]*|`[^`]+`|https?://[^\s,.，。；）)]+")


@pytest.fixture(autouse=True)
def _english_again() -> Iterator[None]:
    """Leave typer's formatter as it was."""
    context = typer.Context.__mro__[1]
    before = context.formatter_class  # type: ignore[attr-defined]
    yield
    context.formatter_class = before  # type: ignore[attr-defined]
    cli._say.clear()
    speak(None)


@pytest.fixture
def _chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LC_ALL", "LANGUAGE", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")


def entries(package: str) -> dict[str, str]:
    importlib.import_module(package)
    catalogue = Catalogue.of("zh_CN", [package])
    assert catalogue is not None, f"{package} has no catalogue"
    return catalogue.entries


@pytest.mark.parametrize("tool", TOOLS)
def test_all_help_of_a_tool_is_in_a_catalogue(tool: str) -> None:
    package = tool.replace("-", "_")
    texts = [text for _, command in command_tree(tool) for text in help_texts(command)]
    missing = untranslated(package, texts)
    assert not missing, f"no Chinese in {package}/locale/zh_CN.po for:\n" + "\n".join(missing)


@pytest.mark.parametrize("package", PACKAGES)
def test_both_languages_name_the_same(package: str) -> None:
    for english, chinese in entries(package).items():
        assert sorted(NAMED.findall(english)) == sorted(NAMED.findall(chinese)), english
        for flag in FLAG.findall(english):
            assert flag in chinese, (flag, english)
        for number in re.findall(r"\d[\d.,]*\d|\d", english):
            assert number in chinese, (number, english)


def test_every_entry_stands_for_something_in_the_sources() -> None:
    folders = [Path(str(importlib.import_module(name).__file__)).parent for name in PACKAGES]
    folders.append(Path(str(typer.__file__)).parent)
    said = "\n".join(file.read_text("utf-8") for one in folders for file in one.rglob("*.py"))
    whole = re.sub(r'"\s*\n\s*f?"', "", said).replace('\\"', '"')
    whole += "\n".join(os.strerror(number) for number in range(1, 40)) + "FileNotFoundError: [Errno"
    whole += "PermissionError: [Errno OSError: [Errno"
    helped = {text for tool in TOOLS for _, one in command_tree(tool) for text in help_texts(one)}
    for package in PACKAGES:
        for english in entries(package):
            pieces = [piece.strip(" .;:`[]()'?") for piece in PLACE.split(english)]
            # kinds of components are put into "there is no …"
            stale = [one for one in pieces if one.removeprefix("there is no ") not in whole]
            assert english in helped or not stale, f"{package}: {english!r}: {stale} is nowhere"


@pytest.mark.parametrize(
    ("environment", "languages"),
    [
        ({}, []),
        ({"LANG": "C"}, []),
        ({"LANG": "en_US.UTF-8"}, []),
        ({"LANG": "zh_CN.UTF-8"}, ["zh_CN", "zh"]),
        ({"LANG": "zh_CN.GB18030@x"}, ["zh_CN", "zh"]),
        ({"LANG": "zh_TW.UTF-8"}, ["zh_TW", "zh"]),
        ({"LANG": "zh"}, ["zh_CN", "zh"]),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C.UTF-8"}, []),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "zh_CN.UTF-8"}, ["zh_CN", "zh"]),
        ({"LC_MESSAGES": "zh_CN.UTF-8", "LC_ALL": "de_DE.UTF-8"}, ["de_DE", "de"]),
        ({"LC_ALL": "", "LANG": "zh_CN.UTF-8"}, ["zh_CN", "zh"]),
        ({"LANGUAGE": "zh_CN", "LANG": "C"}, []),
        ({"LANGUAGE": "zh_CN:de", "LANG": "fr_FR.UTF-8"}, ["zh_CN", "zh", "de"]),
        ({"LANGUAGE": "en:zh_CN", "LANG": "zh_CN.UTF-8"}, []),
        ({"LANG": "../../etc/passwd"}, []),
    ],
)
def test_the_locale_is_read_as_gettext_does(
    environment: dict[str, str], languages: list[str]
) -> None:
    assert wanted_languages(environment) == languages


def test_a_po_file_is_read_with_its_escapes_and_without_fuzzy_entries() -> None:
    text = (
        'msgid ""\nmsgstr "head"\n\n#: a.py:1\nmsgid "one \\"two\\""\nmsgstr "一"\n'
        '"\\n二"\n\n#, fuzzy\nmsgid "old"\nmsgstr "旧"\n\nmsgid "open"\nmsgstr ""\n'
    )
    assert read_po(text) == {'one "two"': "一\n二"}


@pytest.mark.usefixtures("_chinese")
def test_help_is_chinese_where_the_locale_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    app = importlib.import_module("mind_clean.cli").app
    cli.speak_users_language("mind-clean")
    assert cli._run(app, "mind-clean", ["--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("用法：mind-clean [选项] [FILE]...")
    assert "  --limit N                   只读前 N 条记录。  [x>=0]\n" in shown
    assert "选项：\n" in shown and "[默认：10.0；x>=0.0]" in shown
    prose = [line for line in shown.splitlines() if not line.startswith("    ")]
    assert max(map(width, prose)) <= 80
    assert not [line for line in prose if line.strip().startswith(tuple("，。、；："))]


@pytest.mark.parametrize("locale", ["C", "zh_CN.UTF-8"])
def test_errors_are_said_in_the_users_language(
    locale: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LC_ALL", locale)
    monkeypatch.setenv("MIND_PLUGINS", "none")
    app = importlib.import_module("mind_clean.cli").app
    cli.speak_users_language("mind-clean")
    assert cli._run(app, "mind-clean", ["--step", "runing_text"]) == 2
    assert cli._run(app, "mind-clean", ["pages.jsonl.zst"]) == 1
    assert cli._run(app, "mind-clean", ["--limit", "x"]) == 2
    said = capsys.readouterr().err
    english = [
        "mind-clean: error: there is no step 'runing_text'",
        "  hint: did you mean running_text?; `mind-clean --list` shows all",
        "  cause: there is no such file, or it may not be read",
        "mind-clean: error: Invalid value for '--limit': 'x' is not a valid int range.",
    ]
    translated = [
        "mind-clean: 错误：没有步骤 'runing_text'",
        "  提示：是不是 running_text？ `mind-clean --list` 列出全部",
        "  原因：没有这个文件，或无权读取",
        "mind-clean: 错误：'--limit' 的值无效：'x' 不是有效的 int range。",
    ]
    for line in english if locale == "C" else translated:
        assert line in said


@pytest.mark.usefixtures("_chinese")
def test_what_a_message_says_of_a_run_is_kept() -> None:
    catalogue = users_catalogue("mind-clean")
    assert catalogue is not None
    error = MindError("recipe my {recipe}: unknown key lang", hint=did_you_mean("ab", ["abc"]))
    assert error.lines("mind-clean", catalogue) == [
        "mind-clean: 错误：配方 my {recipe}：未知的键 lang",
        "  提示：是不是 abc？",
    ]
    assert catalogue("a plugin's own words: 7") == "a plugin's own words: 7"


@pytest.mark.usefixtures("_chinese")
def test_the_live_line_and_the_counts_are_chinese(capsys: pytest.CaptureFixture[str]) -> None:
    cli.speak_users_language("mind-dedup")
    with Progress("mind-dedup", True) as shown:
        shown.started -= 10
        shown.count(2000, share=0.5)
    log("mind-dedup", counts_line(2000, 1500, 3, 8.3))
    log("mind-dedup", "warning: unverified, so texts go that only resemble others (--unverified)")
    log("mind-dedup", "ends with a word in")
    assert capsys.readouterr().err.splitlines() == [
        "mind-dedup: 2,000 条记录，200/s，50%，剩余 10 s",
        "mind-dedup: 读入 2,000，保留 1,500 (75.0%)，坏记录 3，8.3 s",
        "mind-dedup: 警告：未经核验，只是相像的文本也会去除（--unverified）",
        "mind-dedup: ends with a word in",
    ]


@pytest.mark.usefixtures("_chinese")
def test_a_terminal_without_the_characters_gets_english(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with (tmp_path / "out").open("w", encoding="ascii") as ascii_only:
        monkeypatch.setattr("sys.stderr", ascii_only)
        assert users_catalogue("mind-clean") is None


def test_lines_break_between_characters_and_keep_marks() -> None:
    assert wrap("一二三，四五", 6) == ["一二", "三，四", "五"]
    assert wrap("一（二）三", 4) == ["一", "（二）", "三"]
    assert wrap("用 --into DIR 来写", 8) == ["用", "--into", "DIR 来写"]


def test_messages_are_found_in_sources(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(
        'raise MindError(f"no {path.name} in {1 + 1}", hint="give " "another")\n', "utf-8"
    )
    assert list(messages(tmp_path)) == ["no {path} in {value_d}", "give another"]


def test_placeholders_are_found_as_a_lazy_pattern_finds_them() -> None:
    rng = random.Random(3)
    for _ in range(4000):
        literals = ["".join(rng.choices("ab ", k=rng.randint(0, 2))) for _ in range(4)]
        key = "{x}".join(literals[:2]) + "{y}" + literals[2] + "{z}" + literals[3]
        text = "".join(rng.choices("ab ", k=rng.randint(0, 12)))
        match = re.fullmatch("(.+?)".join(map(re.escape, literals)), text, re.DOTALL)
        wanted = (
            None if match is None else dict(zip(("{x}", "{y}", "{z}"), match.groups(), strict=True))
        )
        assert _values(key, literals, text) == wanted, (key, text)


def test_a_long_text_is_looked_up_at_once() -> None:
    catalogue = Catalogue({"{w} a {x} b {y} c {z} d": "{w}{x}{y}{z}"}, "zh")
    text = "- c -" + " a " * 2000 + " b " * 2000 + "- d"
    started = time.process_time()
    assert catalogue(text) == text
    assert time.process_time() - started < 1


def test_nearly_all_messages_are_in_a_catalogue() -> None:
    """What has no entry is English: internal faults, words that are names in both languages."""
    left, of = 0, 0
    for package in PACKAGES:
        said = messages(Path(str(importlib.import_module(package).__file__)).parent)
        left, of = left + len(untranslated(package, said)), of + len(said)
    assert left <= 0.05 * of, f"{left} of {of}: python -m mind_core.translation.extract TOOL"
