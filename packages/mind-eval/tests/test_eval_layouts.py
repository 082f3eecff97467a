"""Authors' files as they lie: every layout, compressed, zipped, flawed; doctor; --keep-going."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from mind_core import MindError
from mind_core.testing import run_tool
from mind_eval.benchmarks.benchmark import Benchmark, Data, benchmark_folder, read_rules
from mind_eval.benchmarks.layouts.exams import subject_names
from mind_eval.benchmarks.rows import index_of
from mind_eval.builtins import FOLDER, NAMES
from mind_eval.results import read_scores

ONE = {"OMP_NUM_THREADS": "1"}
FULL = Path(__file__).parents[4] / "shared" / "data"
EXAM = (
    "id,question,A,B,C,D,answer\n0,天空是什么颜色？,蓝,绿,红,黄,A\n1,雪是什么颜色？,黑,白,红,黄,B\n"
)


def load(name: str, root: Path, keep_going: bool = False) -> Data:
    data: Data = benchmark_folder(FOLDER / name)().load(root, keep_going)
    return data


def write(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def ceval_zip(root: Path) -> Path:
    (root / "ceval").mkdir(parents=True)
    with zipfile.ZipFile(root / "ceval" / "ceval.zip", "w") as file:
        for split in ("dev", "val"):
            file.writestr(f"{split}/law_{split}.csv", EXAM)
        unlabelled = "\n".join(line.rsplit(",", 1)[0] for line in EXAM.splitlines()) + "\n"
        file.writestr("test/law_test.csv", unlabelled)
    return root


def test_a_zip_is_read_as_it_lies(tmp_path: Path) -> None:
    root = ceval_zip(tmp_path)
    rows = load("ceval", root).splits["test"]
    assert [(row["subject"], row["answer"], row["choices"][1]) for row in rows] == [
        ("law", 0, "绿"), ("law", 1, "白"),
    ]  # fmt: skip
    assert [row["answer"] for row in load("ceval_test", root).splits["test"]] == [None, None]
    data = (root / "ceval" / "ceval.zip").read_bytes()
    write(root / "ceval" / "ceval.zip", data[: len(data) // 2])
    with pytest.raises(MindError, match="not a whole zip"):
        load("ceval", root)


def test_exams_in_chinese_are_asked_in_the_words_of_their_authors(tmp_path: Path) -> None:
    from mind_eval.evaluation import open_benchmark

    head = "id,question,A,B,C,D,answer\r\n"
    row = '{n},"问 {n}\r\n① ",甲, 乙,丙,丁 ,{a}\r\n'
    for split, rows in (("dev", "AB"), ("val", "C")):
        lines = [row.format(n=n, a=a) for n, a in enumerate(rows)]
        write(tmp_path / "ceval" / split / f"law_{split}.csv", head + "".join(lines))
    write(tmp_path / "cmmlu" / "dev" / "agronomy.csv", ",Question,A,B,C,D,Answer\n0,问,1,2,3,4,B\n")
    write(
        tmp_path / "cmmlu" / "test" / "agronomy.csv", ",Question,A,B,C,D,Answer\n0,问题,5,6,7,8,A\n"
    )
    block = "问 {n}\r\n① \nA. 甲\nB.  乙\nC. 丙\nD. 丁 \n答案："
    wanted = {
        "ceval": "以下是中国关于法学考试的单项选择题，请选出其中的正确答案。\n\n"
        + block.format(n=0) + "A\n\n" + block.format(n=1) + "B\n\n" + block.format(n=0),
        "cmmlu": "以下是关于农学的单项选择题，请直接给出正确答案的选项。\n\n"
        "题目：问\nA. 1\nB. 2\nC. 3\nD. 4\n答案是：B\n\n"
        "题目：问题\nA. 5\nB. 6\nC. 7\nD. 8\n答案是：",
    }  # fmt: skip
    for name, text in wanted.items():
        benchmark = benchmark_folder(FOLDER / name)(shots=2, form="letter")
        (asked,) = open_benchmark(name, benchmark, tmp_path, 0, False).builder.build()
        assert asked.prompts == (text,), name
        assert asked.doc["choices"] == [option.strip() for option in asked.doc["options"]]


def test_all_subjects_have_a_name_and_a_category() -> None:
    names = subject_names()
    assert {exam: len(found) for exam, found in names.items()} == {"ceval": 52, "cmmlu": 67}
    for exam, sizes in (("ceval", [20, 10, 11, 11, 8]), ("cmmlu", [17, 13, 22, 15, 15])):
        categories = read_rules(FOLDER / exam)["categories"]
        assert [len(members) for members in categories.values()] == sizes
        assert set(names[exam]) == set().union(*categories.values())


def test_rows_of_wrong_types_are_named_and_letters_are_read_as_people_write_them(
    tmp_path: Path,
) -> None:
    good = {"question": "q", "answer": "x #### 1"}
    for row in ({"question": "q", "answer": 7}, {"question": ["q"], "answer": "#### 1"},
                {"question": "q", "answer": {"a": 1}}, {"answer": "#### 1"}):  # fmt: skip
        for split in ("train", "test"):
            write(tmp_path / "gsm8k" / f"{split}.jsonl", f"{json.dumps(good)}\n{json.dumps(row)}\n")
        with pytest.raises(MindError, match=r"test\.jsonl:2: field '(question|answer)' is"):
            load("gsm8k", tmp_path)
    write(tmp_path / "bbh" / "cot-prompts" / "sums.txt", "-----\nAdd.\n\nQ: 1\nA: 2\n")
    write(tmp_path / "bbh" / "bbh" / "._sums.json", b"\x00\x05\x16\x07")
    write(tmp_path / "bbh" / "bbh" / "sums.json", json.dumps({"examples": [{"input": 3}]}))
    with pytest.raises(MindError, match="example 1: field 'input' is no text"):
        load("bbh", tmp_path)
    write(tmp_path / "bbh" / "bbh" / "sums.json", json.dumps({"examples": ["no object"]}))
    with pytest.raises(MindError, match="not laid out as the authors of bbh do"):
        load("bbh", tmp_path)
    for spelt in ("B", "Ｂ", "b", "B.", " (B) ", "Ｂ．", "b、"):
        assert index_of(spelt) == 1, spelt
    assert index_of("E") is index_of("AB") is index_of(2) is index_of("") is None


def test_mmlu_is_read_with_and_without_a_header(tmp_path: Path) -> None:
    write(
        tmp_path / "mmlu" / "data" / "dev" / "law_dev.csv", 'Q?,1,2,3,4,C\r\n"A, B",1,2,3,4,A\r\n'
    )
    write(tmp_path / "mmlu" / "data" / "test" / "law_test.csv",
          "question,choice0,choice1,choice2,choice3,answer\nQ,a,b,c,d,3\n")  # fmt: skip
    splits = load("mmlu", tmp_path).splits
    assert [row["answer"] for row in splits["dev"]] == [2, 0], "Windows line ends, letters"
    assert splits["dev"][1]["question"] == "A, B" and splits["test"][0]["answer"] == 3


def test_hellaswag_comes_as_json_or_as_lines(tmp_path: Path) -> None:
    row = {"activity_label": "Ski", "ctx_a": "A man.", "ctx_b": "he", "label": 2,
           "endings": ["a", "b [title] c", "c", "d"]}  # fmt: skip
    write(tmp_path / "hellaswag" / "hellaswag_val.jsonl", json.dumps(row) + "\n")
    found = load("hellaswag", tmp_path).splits["test"][0]
    assert found["question"] == "Ski: A man. He" and found["choices"][1] == "b. c"
    (tmp_path / "hellaswag" / "hellaswag_val.jsonl").unlink()
    lines = "Ski: A man. he\n2\na\nb\nc\nd\n"
    packed = tmp_path / "hellaswag" / "hellaswag_val_full.txt.gz"
    packed.write_bytes(gzip.compress((lines * 2).encode()))
    assert [one["answer"] for one in load("hellaswag", tmp_path).splits["test"]] == [2, 2]
    packed.write_bytes(gzip.compress((lines + "Ski: cut\n").encode()))
    with pytest.raises(MindError, match="no multiple of six"):
        load("hellaswag", tmp_path)


def test_logiqa_comes_as_blocks_too(tmp_path: Path) -> None:
    block = "\nb\nIt rains.\nWhat follows?\nA.Sun\nB.Wet\nC.Snow\nD.Wind\n"
    for name in ("Test.txt", "Eval.txt"):
        write(tmp_path / "logiqa" / name, block * 2)
    rows = load("logiqa", tmp_path).splits["test"]
    assert [(row["answer"], row["choices"][1]) for row in rows] == [(1, "Wet")] * 2
    write(tmp_path / "logiqa" / "Test.txt", block + "\nb\nIt")
    with pytest.raises(MindError, match="Test.txt:9: the last item is cut short"):
        load("logiqa", tmp_path)


def test_mathqa_options_come_in_two_spellings(tmp_path: Path) -> None:
    rows = [
        {"Problem": "1+1", "options": "a ) 1 , b ) 2 , c ) 1 , 000 , d ) 4 , e ) none",
         "correct": "b"},
        {"problem": "1+1", "options": "['a ) 1', 'b ) 2', 'c ) 3', 'd ) 4', 'e ) 5']",
         "correct": "e"},
        {"problem": "1+1", "options": "a ) 1 , b ) 2", "correct": "b"},
    ]  # fmt: skip
    write(tmp_path / "mathqa" / "test.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    data = load("mathqa", tmp_path, keep_going=True)
    found = data.splits["test"]
    assert found[0]["choices"] == ["1", "2", "1 , 000", "4", "none"]
    assert found[1]["answer"] == 4
    assert data.bad == [(f"{tmp_path}/mathqa/test.jsonl:3", "2 options instead of 5")]


def test_bbh_flores_and_math_are_taken_apart(tmp_path: Path) -> None:
    write(tmp_path / "bbh" / "bbh" / "sums.json",
          json.dumps({"canary": "c", "examples": [{"input": "1+1", "target": "2"}]}))  # fmt: skip
    write(tmp_path / "bbh" / "cot-prompts" / "sums.txt",
          "canary\n-----\nAdd.\n\nQ: 2+2\nA: Let's think step by step.\nSo the answer is 4.\n\n"
          "Q: 3+3\nA: So the answer is 6.\n")  # fmt: skip
    splits = load("bbh", tmp_path).splits
    assert [shot["question"] for shot in splits["cot"]] == ["2+2", "3+3"]
    assert [shot["reasoning"] for shot in splits["cot"]] == [
        "So the answer is 4.", "So the answer is 6."
    ]  # fmt: skip
    assert [shot["start"] for shot in splits["cot"]] == ["Let's think step by step.\n", ""]
    assert splits["test"][0]["header"] == "Add."
    for split in ("dev", "devtest"):
        for language in ("eng", "zho_simpl", "zho_trad"):
            write(tmp_path / "flores101" / split / f"{language}.{split}", f"{language} a\nb\n")
    flores = load("flores", tmp_path).splits["test"]
    assert len(flores) == 8
    assert {row["target_language"] for row in flores} == {"en", "zh-Hans", "zh-Hant"}
    write(tmp_path / "flores101" / "dev" / "eng.dev", "one line\n")
    with pytest.raises(MindError, match="different numbers of lines"):
        load("flores", tmp_path)
    solution = {"problem": "p", "solution": r"so \boxed{3}", "type": "Algebra"}
    write(tmp_path / "math" / "test.jsonl", json.dumps(solution) + "\n")
    math = load("math", tmp_path).splits
    assert math["test"][0]["answer"] == "3" and len(math["minerva"]) == 4


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("2,q,蓝,绿,红,黄,E\n", "the answer 'E' is none of A, B, C, D"),
        ("2,q,蓝,绿,红,A\n", "6 columns instead of 7"),
        ("2,q,蓝,绿,,黄,A\n", "field 'C' is missing or empty"),
        ("2,,蓝,绿,红,黄,A\n", "field 'question' is missing or empty"),
        ("2,q,蓝,绿,红,黄,\n", "field 'answer' is missing or empty"),
        ("2,q,蓝,绿,红,黄,紫,A\n", "8 columns instead of 7"),
    ],
)
def test_a_flawed_row_is_named_and_never_scored(tmp_path: Path, row: str, reason: str) -> None:
    write(tmp_path / "ceval" / "dev" / "law_dev.csv", EXAM)
    path = write(tmp_path / "ceval" / "val" / "law_val.csv", EXAM + row)
    with pytest.raises(MindError, match=f"law_val.csv:4: {reason}"):
        load("ceval", tmp_path)
    data = load("ceval", tmp_path, keep_going=True)
    assert data.bad == [(f"{path}:4", reason)]
    assert len(data.splits["test"]) == 2


def test_files_that_cannot_be_read_name_file_and_line(tmp_path: Path) -> None:
    write(tmp_path / "ceval" / "dev" / "law_dev.csv", EXAM)
    write(tmp_path / "ceval" / "val" / "law_val.csv", EXAM.encode("gbk"))
    with pytest.raises(MindError, match=r"law_val.csv:2: not UTF-8"):
        load("ceval", tmp_path)
    write(tmp_path / "ceval" / "val" / "law_val.csv", EXAM.encode("utf-8-sig"))
    assert len(load("ceval", tmp_path).splits["test"]) == 2, "a byte order mark is no character"
    write(tmp_path / "ceval" / "val" / "law_val.csv", EXAM + '2,"never closed,a,b,c,d,A\n')
    with pytest.raises(MindError, match=r"law_val.csv:\d+: not CSV"):
        load("ceval", tmp_path)
    (tmp_path / "ceval" / "val" / "law_val.csv").unlink()
    with pytest.raises(MindError, match="has no"):
        load("ceval", tmp_path)
    import zstandard

    packed = zstandard.compress(b'{"question":"q","answer":"#### 1"}\n' * 2000)
    write(tmp_path / "gsm8k" / "test.jsonl.zst", packed[: len(packed) // 2])
    write(tmp_path / "gsm8k" / "train.jsonl", "<!doctype html>\n")
    with pytest.raises(MindError, match="inside a zstd frame") as error:
        load("gsm8k", tmp_path)
    assert "fetch it again" in str(error.value.hint) and "tool before" not in str(error.value.hint)
    (tmp_path / "gsm8k" / "test.jsonl.zst").unlink()
    write(tmp_path / "gsm8k" / "test.jsonl", "<!doctype html>\n")
    with pytest.raises(MindError, match=r"test.jsonl is a page of HTML") as error:
        load("gsm8k", tmp_path)
    assert "fetch it again" in str(error.value.hint)


def test_half_a_download_is_told(model_folder: Path, tmp_path: Path) -> None:
    rows = "question,A,B,C,D,answer\nq,1,2,3,4,A\n"
    for name in ("test/law_test", "dev/law_dev", "test/art_test", "dev/art_dev"):
        write(tmp_path / "mmlu" / f"{name}.csv", rows.partition("\n")[2])
    data = load("mmlu", tmp_path)
    assert data.lacking == "2 of the 14,042 items that its authors publish"
    given = ["--data-root", tmp_path, "--benchmark", "mmlu"]
    done = run_tool("mind-eval", ["run", "--model", model_folder, *given, "-o", tmp_path / "s"])
    assert done.code == 0 and b"mmlu: 2 of the 14,042 items" in done.stdout
    assert read_scores(tmp_path / "s")["benchmarks"]["mmlu"]["lacking"] == data.lacking
    found = json.loads(run_tool("mind-eval", ["doctor", *given[:2], "--json"]).stdout)
    assert next(one for one in found if one["name"] == "mmlu")["state"] == "partial"
    assert load("piqa", tmp_path).lacking is None, "a sample is told otherwise"
    for name in ("dev/art_dev", "test/law_test"):
        file = tmp_path / "mmlu" / f"{name}.csv"
        text = file.read_bytes()
        file.unlink()
        with pytest.raises(MindError, match=f"{name}.csv is missing") as error:
            load("mmlu", tmp_path)
        assert "1 of the subjects" in str(error.value.cause)
        write(file, text)


def test_keep_going_finishes_the_rest_and_exits_1(model_folder: Path, tmp_path: Path) -> None:
    write(tmp_path / "root" / "ceval" / "dev" / "law_dev.csv", EXAM)
    write(tmp_path / "root" / "ceval" / "val" / "law_val.csv", EXAM + "2,q,蓝,绿,红,黄,Z\n")
    (tmp_path / "root" / "cmmlu").mkdir()
    arguments = ["run", "--model", model_folder, "--data-root", tmp_path / "root", "--shots", "1",
                 "--benchmark", "ceval", "--benchmark", "cmmlu", "--benchmark", "piqa", "--limit",
                 "3", "-o", tmp_path / "scores"]  # fmt: skip
    done = run_tool("mind-eval", arguments, environment=ONE)
    assert done.code == 1 and "law_val.csv:4: the answer 'Z'" in done.stderr
    assert not (tmp_path / "scores").exists()
    done = run_tool("mind-eval", [*arguments, "--keep-going"], environment=ONE)
    assert done.code == 1
    assert "1 items of ceval, benchmark cmmlu" in done.stderr, done.stderr
    scores = read_scores(tmp_path / "scores")
    assert set(scores["results"]) == {"ceval", "piqa"} and scores["complete"] is False
    assert scores["results"]["ceval"]["sample_len"] == 2, "the flawed row is not scored as wrong"
    assert scores["benchmarks"]["ceval"]["bad_items"] == 1
    assert "cmmlu" in scores["failed"]


def test_a_submission_has_an_answer_for_every_question(model_folder: Path, tmp_path: Path) -> None:
    done = run_tool(
        "mind-eval",
        ["run", "--model", model_folder, "--data-root", ceval_zip(tmp_path / "root"),
         "--benchmark", "ceval_test", "--shots", "1", "-o", tmp_path / "scores"],
        environment=ONE,
    )  # fmt: skip
    assert done.code == 0, done.stderr
    answers = json.loads((tmp_path / "scores" / "submission-ceval_test.json").read_text())
    assert b"ceval_test: 2 answers" in done.stdout and b"submission-ceval_test.json" in done.stdout
    assert set(answers) == {"law"} and set(answers["law"]) == {"0", "1"}
    assert set(answers["law"].values()) <= set("ABCD")
    assert "ceval_test" not in read_scores(tmp_path / "scores")["results"]


def test_doctor_says_what_is_there_and_where_to_get_the_rest(tmp_path: Path) -> None:
    write(tmp_path / "sub" / "ceval" / "dev" / "law_dev.csv", EXAM)
    write(tmp_path / "sub" / "ceval" / "val" / "law_val.csv", EXAM + "2,q,a,b,c,d,Z\n")
    (tmp_path / "cmmlu").mkdir()
    done = run_tool("mind-eval", ["doctor", "--data-root", tmp_path, "--json"])
    assert done.code == 1
    found: dict[str, Any] = {one["name"]: one for one in json.loads(done.stdout)}
    assert set(found) == set(NAMES)
    assert found["ceval"]["state"] == "flawed" and "law_val.csv:4" in found["ceval"]["why"]
    assert found["cmmlu"]["state"] == "broken"
    assert found["gsm8k"]["state"] == "missing" and found["piqa"]["state"] == "sample"
    done = run_tool("mind-eval", ["doctor", "--data-root", tmp_path / "gone"])
    assert done.code == 2 and "gone is no folder" in done.stderr
    table = run_tool("mind-eval", ["doctor", "--data-root", tmp_path]).stdout.decode()
    assert found["gsm8k"]["source"] in table


@pytest.mark.parametrize("question", [["doctor"], ["--list"], ["run", "--help"]])
def test_small_questions_import_neither_torch_nor_lm_eval(question: list[str]) -> None:
    program = (
        f"import sys\nsys.argv = ['mind-eval', *{question!r}]\nfrom mind_eval.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print(*{name.split('.')[0] for name in sys.modules}, file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert not {"torch", "lm_eval", "datasets", "transformers"} & set(done.stderr.split())


@pytest.mark.skipif(not FULL.is_dir(), reason="the full benchmarks are not on this machine")
def test_every_benchmark_of_the_paper_is_read_whole() -> None:
    sizes = {
        "agieval": 2852, "agieval_math": 1118, "arithmetic": 20_000, "bbh": 6511, "ceval": 1346,
        "ceval_test": 12_342,
        "cmmlu": 11_582, "flores": 4048, "gsm8k": 1319, "hellaswag": 10_042, "logiqa": 1572,
        "logiqa_zh": 1593, "math": 5000, "mathqa": 1000, "mmlu": 14_042, "piqa": 1838,
        "pubmedqa": 500, "winogrande": 1267,
    }  # fmt: skip
    for name, size in sizes.items():
        data = load(name, FULL, keep_going=True)
        assert len(data.splits["test"]) == size, name
        assert len(data.bad) == (5 if name == "logiqa_zh" else 0), name
        assert bool(data.lacking) is (name == "mathqa"), "a sample of its 2,985 is here"


def test_explain_says_what_ends_an_answer() -> None:
    from mind_eval.explain import what_ends

    assert what_ends(()) == "the model's own end"
    assert what_ends(("\n", "Q:")) == "'\\n' or 'Q:' or the model's own end"


def test_explain_prints_the_tokens_of_an_item(model_folder: Path, tmp_path: Path) -> None:
    root = ceval_zip(tmp_path)
    done = run_tool(
        "mind-eval",
        ["run", "--model", model_folder, "--data-root", root, "--benchmark", "ceval", "--shots",
         "1", "--explain", "1"],
        environment=ONE,
    )  # fmt: skip
    text = done.stdout.decode()
    assert done.code == 0, done.stderr
    assert text.startswith("ceval, item law-val-1: ") and "answer 3: 'D'" in text
    assert text.count("scored (1)") == 4


def test_a_tokenizer_that_does_not_fit_is_refused(
    model_folder: Path, tmp_path: Path, texts: list[str]
) -> None:
    from mind_core.files import read_json, sha256_file, write_json
    from mind_eval.models.model import open_model
    from mind_tok.loading import make_plugins
    from mind_tok.tokenizer import HOOK

    shutil.copytree(model_folder, tmp_path / "model")
    folder = next((tmp_path / "model").rglob("model.safetensors")).parent
    shutil.rmtree(folder / "tokenizer")
    make_plugins().make(HOOK, "bpe").train(texts, 2500).save(folder / "tokenizer")
    manifest = read_json(folder / "manifest.json")
    manifest["files"] = {
        str(path.relative_to(folder)): {
            "size": path.stat().st_size, "sha256": sha256_file(path)
        }
        for path in sorted(folder.rglob("*")) if path.is_file() and path != folder / "manifest.json"
    }  # fmt: skip
    write_json(folder / "manifest.json", manifest)
    with pytest.raises(MindError, match="the tokenizer does not fit the checkpoint"):
        open_model(str(folder))


EXAMPLES = {
    "math": ("What is $1+1$?", "$2$", "What is $2+2$?", "4"),
    "gaokao-mathcloze": ("求 $1+1$", "$2$", "求 $2+2$", "$4$"),
}
AUTHORS = {
    "math": "Here are the answers for the problems in the exam.\nProblem 1.   What is $1+1$?\n"
    "The answer is therefore 2\n\nProblem 2.   What is $2+2$?\nThe answer is therefore",
    "gaokao-mathcloze": "以下是考试中各个问题的答案。\n问题 1.   求 $1+1$\n答案是 2\n\n"
    "问题 2.   求 $2+2$\n答案是",
}


def test_agievals_formulas_are_asked_as_its_authors_do(tmp_path: Path) -> None:
    """The prompt of `convert_few_shot` without explanations, up to where answers begin."""
    from mind_eval.metrics.items import written_metrics
    from mind_eval.prompts.builder import Builder
    from mind_eval.prompts.spec import spec_of

    folder = tmp_path / "agieval"
    heads, cells = ",".join(EXAMPLES), []
    for name, (shot, answer, question, gold) in EXAMPLES.items():
        row = {"question": question, "answer": gold, "passage": None, "options": None}
        write(folder / "v1" / f"{name}.jsonl", json.dumps(row) + "\n")
        cells.append(repr({"question": shot, "answer": answer}))
    quoted = ",".join('"' + cell.replace('"', '""') + '"' for cell in cells)
    write(folder / "few_shot_prompts.csv", f"{heads}\n{quoted}\nwhy,why\n")
    benchmark = Benchmark(FOLDER / "agieval_math", shots=1, form="written")
    spec = spec_of(benchmark, "agieval_math")
    builder = Builder(spec, benchmark.load(tmp_path, False).splits, shots=1, seed=0)
    asked = {str(one.doc["subject"]): one for one in builder.build(None)}
    for name, wanted in AUTHORS.items():
        assert asked[name].prompts[0] == wanted
        for text, right in ((" 4", 1), (" $4$.", 1), ("\\\\boxed{4}", 1), (" 5", 0)):
            found = written_metrics(spec, asked[name].gold, text.replace("\\\\", "\\"), ())[0]
            assert found["exact_match"] == right, (name, text)


def test_agievals_judicial_questions_want_all_right_letters(tmp_path: Path) -> None:
    """Prompts of `convert_few_shot`, answers as `parse_qa_multiple_answer` finds them."""
    from mind_eval.prompts.builder import Builder
    from mind_eval.prompts.spec import spec_of

    folder, options = tmp_path / "agieval", ["(A)甲", "(B)乙", "(C)丙"]
    row = {"passage": None, "question": "谁有权?", "options": options, "label": ["A", "C", "。"]}
    shot = {**row, "question": "谁无权?", "label": ["B"]}
    none = {**row, "label": []}
    for name in ("jec-qa-kd", "jec-qa-ca"):
        lines = [json.dumps(one) + "\n" for one in (row, none)]
        write(folder / "v1" / f"{name}.jsonl", "".join(lines))
    cell = '"' + repr(shot).replace('"', '""') + '"'
    write(folder / "few_shot_prompts.csv", f"jec-qa-kd,jec-qa-ca\n{cell},{cell}\nwhy,why\n")
    benchmark = Benchmark(FOLDER / "agieval_jec", shots=1, form="written")
    spec = spec_of(benchmark, "agieval_jec")
    builder = Builder(spec, benchmark.load(tmp_path, True).splits, shots=1, seed=0)
    first, second = list(builder.build(None))[:2]
    assert first.prompts[0] == (
        "以下是考试中各个问题的答案。\n问题 1.    谁无权?\n从以下选项中选择:    (A)甲 (B)乙 (C)丙\n"
        "答案是 ['B']\n\n问题 2.    谁有权?\n从以下选项中选择:    (A)甲 (B)乙 (C)丙\n答案是"
    )
    assert spec.scorer is not None
    for text, score in ((" ['A', 'C']", 1), ("(C)(A)", 1), ("A", 0), ("ABC", 0), ("甲", 0)):
        found = spec.scorer(first.doc, text)
        assert found == {"score": score, "abstained": float(text == "甲")}, text
    assert spec.scorer(second.doc, "都不对")["score"] == 1, "as the authors compare empty sets"
    (folder / "v1" / "jec-qa-kd.jsonl").write_text(json.dumps({**row, "label": ["D"]}) + "\n")
    with pytest.raises(MindError, match=r"jec-qa-kd.jsonl:1: field 'label' is \['D'\]"):
        benchmark.load(tmp_path, False)
