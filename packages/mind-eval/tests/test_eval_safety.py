"""Data run no code: templates are rendered in a sandbox, a folder's own Python is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from jinja2.exceptions import SecurityError

from mind_core import MindError
from mind_core.testing import run_tool
from mind_eval.models.huggingface import load_folder
from mind_eval.prompts.templates import render

ESCAPES = (
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ cycler.__init__.__globals__.os.popen('touch owned').read() }}",
    "{{ lipsum.__globals__['os'].system('touch owned') }}",
    "{% for x in ().__class__.__base__.__subclasses__() %}{{ x }}{% endfor %}",
)


@pytest.mark.parametrize("text", ESCAPES)
def test_a_template_reaches_no_python(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SecurityError):
        render(text, {"question": "?"})
    from mind_eval.prompts import task  # noqa: F401  (it puts lm-eval into the sandbox)

    lm_eval = pytest.importorskip("lm_eval.utils")
    with pytest.raises(SecurityError):
        lm_eval.apply_template(text, {"question": "?"})
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("field", ["doc_to_text", "doc_to_target", "description"])
def test_a_task_file_runs_no_shell(model_folder: Path, tmp_path: Path, field: str) -> None:
    (tmp_path / "rows.csv").write_text("question,answer\n1+1=,2\n2+2=,4\n")
    evil = "{{ cycler.__init__.__globals__.os.popen('touch owned').read() }}"
    fields = {"description": "Sums", "doc_to_text": "{{question}}", "doc_to_target": "{{answer}}"}
    lines = "".join(f'{k}: "{evil if k == field else v}"\n' for k, v in fields.items())
    (tmp_path / "sums.yaml").write_text(
        "task: sums\noutput_type: generate_until\ndataset_path: csv\n"
        "dataset_kwargs: {data_files: {test: rows.csv}}\ntest_split: test\n"
        + lines
        + "generation_kwargs: {until: [x], max_gen_toks: 2}\n"
        "metric_list:\n  - {metric: exact_match, aggregation: mean, higher_is_better: true}\n"
    )
    done = run_tool(
        "mind-eval", ["run", "--model", model_folder, "--task", "./sums.yaml"], folder=tmp_path
    )
    assert done.code != 0 and not (tmp_path / "owned").exists()
    assert "Traceback" not in done.stderr and "unsafe" in done.stderr


def test_a_folder_that_brings_its_own_python_is_refused(
    gpt_neo_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(gpt_neo_folder, folder)
    (folder / "configuration_own.py").write_text(
        "from pathlib import Path\nPath('owned').touch()\n"
        "from transformers import PretrainedConfig\n\n\nclass Own(PretrainedConfig):\n"
        "    model_type = 'own'\n"
    )
    config = (folder / "config.json").read_text()
    config = config.replace('"model_type": "gpt_neo"', '"model_type": "own"')
    config = config.replace(
        "{", '{"auto_map": {"AutoConfig": "configuration_own.Own", '
        '"AutoModelForCausalLM": "configuration_own.Own"},', 1
    )  # fmt: skip
    (folder / "config.json").write_text(config)
    asked = ["run", "--model", folder, "--benchmark", "piqa"]
    done = run_tool("mind-eval", asked, b"y\ny\ny\n", folder=tmp_path)
    assert done.code == 1, done.stderr
    assert "brings Python of its own" in done.stderr and not (tmp_path / "owned").exists()
    with pytest.raises(MindError, match="which is not run"):
        load_folder(folder, "own", "cpu", torch.float32)
