"""The tool as a stream: three layouts in, messages out, every record accounted for."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mind_core import Record
from mind_core.errors import BadRecord, UsageError
from mind_core.files import write_manifest
from mind_core.records import encode
from mind_core.runner import StreamOptions
from mind_core.stream import read_records
from mind_core.summary import Summary
from mind_core.testing import run_tool

if TYPE_CHECKING:
    from mind_train import Checkpoint

HEAVY = ("torch", "sklearn", "numpy", "sentencepiece", "rich", "mind_train", "mind_tok")


@pytest.fixture(scope="module")
def source(made_instructions: list[Record], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("in") / "in.jsonl"
    silent: Record = {"id": "silent", "instruction": "Say nothing", "input": "", "output": " "}
    endless: Record = {"id": "endless", "instruction": "x", "input": "", "output": "水。" * 300}
    path.write_bytes(b"".join(encode(record) for record in [*made_instructions, silent, endless]))
    return path


def select(
    model: Path, options: StreamOptions, *, reference: str | None = None, mark: bool = False,
    seed: int = 0, file: str | None = None, **flags: Any
) -> Summary:  # fmt: skip
    from mind_sft_select.config import effective_recipe, make_config
    from mind_sft_select.pipeline import make_plugins, run_selection

    recipe = effective_recipe(None, flags, [])
    plugins = make_plugins()
    config = make_config(recipe, plugins, model=str(model), device="cpu", mark=mark, seed=seed,
                     reference_file=file, reference_entropy=reference)  # fmt: skip
    return run_selection(config, recipe, plugins, replace(options, quiet=True, progress=False))


@pytest.fixture(scope="module")
def marked(model_folder: Path, source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("marked")
    options = StreamOptions((str(source),), folder / "out.jsonl.zst", summary=folder / "s.json")
    select(model_folder, options, reference="zh=5,en=6", mark=True, clusters=3)
    return folder


def notes(record: Record) -> dict[str, Any]:
    found: dict[str, Any] = record["metadata"]["mind"]["sft-select"]
    return found


def test_marking_notes_scores_on_every_record(marked: Path) -> None:
    records = list(read_records([marked / "out.jsonl.zst"]))
    assert [r["id"] for r in records] == [f"r{n}" for n in range(24)] + ["silent", "endless"]
    for record in records[:24]:
        found = notes(record)
        assert set(record) == {"id", "messages", "source", "metadata"}
        assert [m["role"] for m in record["messages"]] == ["user", "assistant"]
        assert found["language"] == ("zh" if int(record["id"][1:]) % 8 < 4 else "en")
        assert found["reference"] == {"zh": 5, "en": 6}[found["language"]]
        assert found["gap"] == pytest.approx(found["entropy"] - found["reference"], abs=1e-6)
        assert found["tokens"] > 3 and found["cluster"] in (0, 1, 2)
        inside = 1.0 <= found["gap"] <= 1.5
        assert ("marks" in found) != inside
    assert notes(records[24])["marks"] == [{"step": "entropy", "reason": "no_answer"}]
    assert notes(records[25])["marks"] == [{"step": "entropy", "reason": "too_long"}]
    assert notes(records[25])["entropy"] is None and notes(records[25])["gap"] is None


def test_the_summary_accounts_for_all_and_describes_the_clusters(marked: Path) -> None:
    summary = json.loads((marked / "s.json").read_bytes())
    assert summary["in"] == summary["kept"] == 26
    details = summary["details"]
    assert sum(row["records"] for row in details["clusters"]) == 24
    assert details["languages"]["zh"]["scored"] == details["languages"]["en"]["scored"] == 12
    assert details["reference"] == {"zh": 5, "en": 6}
    assert -1 <= details["rank_correlation_with_tokens"] <= 1
    assert details["model"]["context"] == 96
    assert summary["components"] == {
        "entropy": "mind-sft-select==0.1.0", "length": "mind-sft-select==0.1.0",
    }  # fmt: skip


@pytest.mark.parametrize("per_language", [True, False])
def test_a_band_keeps_what_lies_in_it_and_rejects_the_rest_with_the_reason(
    model_folder: Path, source: Path, marked: Path, tmp_path: Path, per_language: bool
) -> None:
    scored = {r["id"]: notes(r) for r in read_records([marked / "out.jsonl.zst"])}
    own = {"zh": 5.0, "en": 6.0} if per_language else {"zh": 5.5, "en": 5.5}
    gaps = {k: n["entropy"] - own[n["language"]] for k, n in scored.items() if n["entropy"]}
    low, high = sorted(gaps.values())[6], sorted(gaps.values())[15]
    band = (low - 1e-5, high + 1e-5)
    options = StreamOptions((str(source),), tmp_path / "out", tmp_path / "rejects")
    summary = select(model_folder, options, band=band, per_language=per_language,
                     reference="zh=5,en=6" if per_language else "5.5")  # fmt: skip
    kept = {record["id"] for record in read_records([tmp_path / "out"])}
    assert kept == {key for key, gap in gaps.items() if band[0] <= gap <= band[1]}
    assert summary.kept == 10
    assert summary.rejected == {
        "entropy.below_band": 6, "entropy.above_band": 8,
        "entropy.no_answer": 1, "entropy.too_long": 1,
    }  # fmt: skip
    for record in read_records([tmp_path / "rejects"]):
        why = record["metadata"]["mind"]["rejected"]
        assert why["tool"] == "mind-sft-select"
        if why["reason"] == "below_band":
            assert why["value"] < why["threshold"] == pytest.approx(band[0])


def test_a_quantile_takes_the_middle_of_each_language(
    model_folder: Path, source: Path, marked: Path, tmp_path: Path
) -> None:
    options = StreamOptions((str(source),), tmp_path / "out")
    select(model_folder, options, quantile=(0.25, 0.75))
    kept = list(read_records([tmp_path / "out"]))
    everything = [notes(r) for r in read_records([marked / "out.jsonl.zst"])][:24]
    for language in ("zh", "en"):
        scores = sorted(n["entropy"] for n in everything if n["language"] == language)
        mine = sorted(notes(r)["entropy"] for r in kept if notes(r)["language"] == language)
        assert mine == scores[3:9]
        assert "gap" not in notes(kept[0]), "without a reference there is no gap"


def test_max_draws_by_seed_and_content_not_by_place(
    model_folder: Path, source: Path, tmp_path: Path
) -> None:
    def drawn(path: Path, seed: int) -> set[str]:
        options = StreamOptions((str(path),), tmp_path / "out")
        summary = select(model_folder, options, quantile=(0.0, 1.0), max=5, seed=seed)
        assert summary.rejected["entropy.over_max"] == 19
        return {record["id"] for record in read_records([tmp_path / "out"])}

    first = drawn(source, 0)
    assert len(first) == 5
    turned = tmp_path / "turned.jsonl"
    turned.write_bytes(b"".join(line + b"\n" for line in source.read_bytes().split(b"\n")[-2::-1]))
    assert drawn(turned, 0) == first != drawn(source, 1)


def test_the_reference_is_measured_on_held_out_text(
    model_folder: Path, source: Path, tmp_path: Path
) -> None:
    (tmp_path / "held.jsonl").write_text('{"text":"水是很常见的。"}\n{"text":"About numbers."}\n')
    options = StreamOptions((str(source),), tmp_path / "out")
    summary = select(model_folder, options, file=str(tmp_path / "held.jsonl"), mark=True)
    own = summary.details["reference"]
    assert set(own) == {"all", "en", "zh"}
    record = next(iter(read_records([tmp_path / "out"])))
    assert notes(record)["reference"] == own["zh"]


def test_the_reference_can_come_from_scores_of_the_same_checkpoint(
    model_folder: Path, source: Path, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    scores = {"heldout": {"languages": {"zh": {"nats_per_token": 5.25}, "en": {}},
                          "all": {"nats_per_token": 5.5}}}  # fmt: skip
    (tmp_path / "scores.json").write_text(json.dumps(scores))
    manifest = {"format": "mind-scores", "model": {"fingerprint": checkpoint.fingerprint}}
    write_manifest(tmp_path, manifest)
    options = StreamOptions((str(source),), tmp_path / "out")
    summary = select(model_folder, options, file=str(tmp_path), mark=True)
    assert summary.details["reference"] == {"zh": 5.25, "all": 5.5}
    (tmp_path / "manifest.json").unlink()
    write_manifest(tmp_path, {**manifest, "model": {"fingerprint": "0" * 64}})
    with pytest.raises(UsageError, match="another checkpoint"):
        select(model_folder, options, file=str(tmp_path), mark=True)


def test_a_language_without_a_reference_is_rejected_as_such(
    model_folder: Path, source: Path, tmp_path: Path
) -> None:
    options = StreamOptions((str(source),), tmp_path / "out")
    summary = select(model_folder, options, reference="zh=5", band=(-50.0, 50.0))
    assert summary.rejected["entropy.no_reference"] == 12
    assert summary.kept == 12


def test_a_band_without_a_reference_is_refused(model_folder: Path, source: Path) -> None:
    with pytest.raises(UsageError, match="none was given"):
        select(model_folder, StreamOptions((str(source),)))


@pytest.mark.parametrize("flags", [{}, {"quantile": (0.0, 1.0)}])
def test_what_is_no_instruction_is_bad(
    model_folder: Path, source: Path, tmp_path: Path, flags: dict[str, Any]
) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_bytes(b'{"id":"t","text":"a page"}\n{"messages":"hi"}\n' + source.read_bytes())
    options = StreamOptions((str(path),), tmp_path / "out", tmp_path / "rejects")
    reference = None if flags else "5"
    with pytest.raises(BadRecord, match=r"bad.jsonl:1: a field is missing"):
        select(model_folder, options, reference=reference, **flags)
    assert not (tmp_path / "out").exists()
    summary = select(model_folder, replace(options, skip_bad=2), reference=reference, **flags)
    assert summary.bad == {"missing_field": 1, "wrong_type": 1}
    assert summary.records_in == 28
    limited = replace(options, skip_bad=2, limit=5)
    assert select(model_folder, limited, reference=reference, **flags).records_in == 5


def test_the_command_gives_the_same_bytes_for_any_j_from_stdin_and_from_a_file(
    model_folder: Path, source: Path
) -> None:
    arguments: list[str | Path] = ["--model", model_folder, "--quantile", "0.2,0.8", "-z", "0"]
    environment = {"OMP_NUM_THREADS": "1"}
    whole = run_tool("mind-sft-select", [*arguments, source], environment=environment)
    assert whole.code == 0, whole.stderr
    assert "26 in, 12 kept" in whole.stderr
    piped = run_tool("mind-sft-select", [*arguments, "-j", "2", "-"], source.read_bytes(),
                     environment=environment)  # fmt: skip
    assert piped.stdout == whole.stdout


def test_an_empty_band_says_where_the_gaps_lie(
    model_folder: Path, source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = StreamOptions((str(source),), tmp_path / "out")
    select(model_folder, options, reference="-100")
    assert "no record lies in the band; gaps run from 1" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["--list"], ["--print-recipe"]])
def test_quick_answers_import_nothing_heavy(arguments: list[str]) -> None:
    program = (
        "import sys\nfrom mind_sft_select.cli import main\n"
        f"sys.argv = ['mind-sft-select', *{arguments!r}]\n"
        "try:\n    main()\nexcept SystemExit as end:\n    code = end.code\n"
        f"loaded = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "assert not loaded, loaded\nassert not code, code\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_a_plugin_scorer_decides(model_folder: Path, source: Path, tmp_path: Path) -> None:
    plugin = tmp_path / "turns.py"
    plugin.write_text(
        "from mind_sft_select import hookimpl\n\n"
        "def turns():\n    '''Count turns.'''\n"
        "    return lambda records: [float(len(r['messages'])) for r in records]\n\n"
        "@hookimpl\ndef register_scorers():\n    return {'turns': turns}\n"
    )
    recipe = tmp_path / "turns.toml"
    recipe.write_text('band = [0.0, 0.0]\n[[step]]\nscorer = "turns"\n')
    done = run_tool(
        "mind-sft-select",
        ["--plugin", plugin, "--recipe", recipe, "--reference-entropy", "2", source],
        environment={"OMP_NUM_THREADS": "1"},
    )
    assert done.code == 0, done.stderr
    assert len(done.records) == 25
    assert notes(done.records[0]) == {"turns": 2, "language": "zh", "reference": 2.0, "gap": 0.0}
