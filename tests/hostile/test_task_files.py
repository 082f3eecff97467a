"""Task files, templates and benchmark folders of others run nothing and read nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from mind_core.errors import MindError, UsageError

TASK = """task: sums
output_type: generate_until
dataset_path: csv
dataset_kwargs: {data_files: {test: rows.csv}}
test_split: test
doc_to_text: "{{question}}"
doc_to_target: "{{answer}}"
metric_list:
  - {metric: exact_match, aggregation: mean, higher_is_better: true}
"""
CHANGES = {
    "function": ('doc_to_text: "{{question}}"', "doc_to_text: !function code.f"),
    "module": ('doc_to_text: "{{question}}"', "process_docs: !function os.system"),
    "dataset": ("dataset_path: csv", "custom_dataset: !function code.f"),
    "dataset as text": ("dataset_path: csv", "dataset_path: csv\ncustom_dataset: code.f"),
    "class": ("task: sums", "task: sums\nclass: code.f"),
    "python": ("task: sums", "task: !!python/object/apply:os.system ['touch owned']"),
    "metric": ("metric: exact_match", "metric: ./code"),
    "metric of the hub": ("metric: exact_match,", "metric: exact_match, hf_evaluate: true,"),
    "include": ("task: sums", "include: more.yaml\ntask: sums"),
    "include outside": ("task: sums", "include: ../more.yaml\ntask: sums"),
    "data outside": ("rows.csv", "../rows.csv"),
    "data elsewhere": ("rows.csv", "/etc/hostname"),
    "data by a link": ("rows.csv", "link.csv"),
    "itself": ("task: sums", "include: sums.yaml\ntask: sums"),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A task, and what attacks on it are made of."""
    folder = tmp_path / "task"
    folder.mkdir()
    (folder / "rows.csv").write_text("question,answer\n1+1=,2\n")
    (folder / "code.py").write_text("open('owned', 'w')\ndef f(*a, **k): open('owned', 'w')\n")
    (folder / "more.yaml").write_text("process_docs: !function code.f\n")
    (folder / "link.csv").symlink_to(tmp_path / "rows.csv")
    (tmp_path / "rows.csv").write_text("question,answer\nsecret,2\n")
    (tmp_path / "more.yaml").write_text("repeats: 1\n")
    (folder / "sums.yaml").write_text(TASK)
    monkeypatch.chdir(folder)
    return folder


def load(path: Path, *, allow_code: bool = False) -> object:
    from mind_eval.prompts.sources import yaml_task

    return yaml_task(path, lambda *_: True, shots=0, seed=0, hub=False, allow_code=allow_code)


@pytest.mark.hostile("accept: a task that is data")
def test_a_task_that_is_data_is_read(folder: Path) -> None:
    assert load(folder / "sums.yaml")


@pytest.mark.hostile("code or foreign files in a task")
@pytest.mark.parametrize("change", CHANGES)
def test_a_task_runs_no_python(folder: Path, change: str) -> None:
    before, after = CHANGES[change]
    assert before in TASK
    (folder / "sums.yaml").write_text(TASK.replace(before, after, 1))
    with pytest.raises(MindError) as raised:
        load(folder / "sums.yaml")
    assert not (folder / "owned").exists()
    if change not in ("python", "itself"):
        assert isinstance(raised.value, UsageError)
        assert "--allow-task-code" in str(raised.value.hint)


@pytest.mark.hostile("accept: code that was allowed")
def test_allowed_code_is_run(folder: Path) -> None:
    before, after = CHANGES["function"]
    (folder / "sums.yaml").write_text(TASK.replace(before, after, 1))
    load(folder / "sums.yaml", allow_code=True)
    assert (folder / "owned").exists()


@pytest.mark.hostile("a template that takes forever, or all memory")
@pytest.mark.parametrize(
    "text",
    [
        "{{ 'x' * 10**10 }}",
        "{{ question * 10**10 }}",
        "{{ question.ljust(10**10) }}",
        "{{ '%10000000000d' % 1 }}",
        "{% set ns = namespace(x='xx') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}"
        "{% endfor %}",
        "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
        "{% for i in range(9999) %}{{ question * 9999 }}{% endfor %}",
        "{{ ('a' * 40 ~ '!') | regex_replace('(a+)+$', '') }}",
        "{{ question * 17000000 }}",
    ],
)
def test_a_template_is_within_limits(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from jinja2.exceptions import SecurityError

    from mind_eval.prompts import templates

    monkeypatch.setattr(templates, "MAX_SECONDS", 0.3)
    with pytest.raises(SecurityError, match="the template"):
        templates.render(text, {"question": "?"})


FAULTY = {
    "divided by nothing": "{{ 1 / 0 }}",
    "a pattern that is none": "{{ 'a' | regex_replace('(', '') }}",
    "itself": "{% macro f(n) %}{{ f(n + 1) }}{% endmacro %}{{ f(0) }}",
    "brackets": "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "a file": "{% include '/etc/passwd' %}",
    "digits": "{{ (10 ** 6000) | string }}",
    "an attribute": "{{ ''.__class__ }}",
}


@pytest.mark.hostile("a template that takes forever, or all memory")
@pytest.mark.parametrize("template", FAULTY)
def test_a_template_that_fails_names_its_item(template: str) -> None:
    from mind_eval.prompts.builder import FAULTS
    from mind_eval.prompts.templates import render

    with pytest.raises(FAULTS):
        render(FAULTY[template], {})


@pytest.mark.hostile("a template that takes forever, or all memory")
@pytest.mark.parametrize("made", ["-" * 100_000 + "1", "1" + "+1" * 100_000, "[" * 9999, "['\0']"])
def test_choices_that_are_no_list_name_their_item(made: str) -> None:
    from mind_eval.prompts.templates import CHOICES, FAULTS, FieldTemplate

    with pytest.raises(FAULTS):
        FieldTemplate("{{ made }}", CHOICES, True)({"made": made})


@pytest.mark.hostile("code or foreign files in a task")
@pytest.mark.parametrize(
    "line",
    ["include: ../more.yaml", "include: /etc/hostname", "include: link.csv", "include: sums.yaml",
     "include: [a]", "metric_list: {metric: acc}", "metric_list: [acc]", "metric_list: [{}]"],
)  # fmt: skip
def test_a_benchmark_includes_what_lies_in_its_folder(folder: Path, line: str) -> None:
    from mind_eval.prompts.spec import read_spec

    plain = "task: sums\ndoc_to_text: a\ndoc_to_target: b\n"
    (folder / "sums.yaml").write_text(plain)
    assert read_spec(folder / "sums.yaml", "sums")
    (folder / "sums.yaml").write_text(plain + line + "\n")
    with pytest.raises(MindError):
        read_spec(folder / "sums.yaml", "sums")


READERS = ("os:system", "shutil:rmtree", ":f", "", "no.such:f", "a..b:f", "mind_eval.cli:main",
           "mind_eval.prompts.templates:import_module", "mind_eval.metrics.law:Path",
           "mind_eval.benchmarks.layouts.exams:read_text")  # fmt: skip


@pytest.mark.hostile("a reader of another package")
@pytest.mark.parametrize("reader", READERS)
def test_a_benchmark_names_no_reader_of_another_package(folder: Path, reader: str) -> None:
    from mind_eval.benchmarks.benchmark import imported

    with pytest.raises(UsageError):
        imported(reader, folder)


@pytest.mark.hostile("a key that is no text")
@pytest.mark.parametrize("key", ["1", "2026-11-30", "~", "true", ".nan", "[a]", "{a: b}", "1.5"])
def test_a_key_that_is_no_text_is_named(key: str, tmp_path: Path) -> None:
    from mind_eval.prompts.spec import read_spec

    (tmp_path / "sums.yaml").write_text(f"{key}: x\n{TASK}")
    with pytest.raises(MindError, match=r"sums\.yaml"):
        read_spec(tmp_path / "sums.yaml", "sums")
