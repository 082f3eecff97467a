"""The options of `mind-eval`, one annotation each. Imports nothing heavy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

# typer reads these at run time, so the annotations keep Optional spelled out for it.
Model = Annotated[
    str,
    typer.Option(
        "--model",
        metavar="FOLDER|URL",
        help="A mind-train run or checkpoint, a Hugging Face folder, or the address of a server "
        "that speaks OpenAI's protocol (http://host/v1).",
    ),
]
ModelName = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        "--model-name", metavar="NAME", help="The model on the server.", show_default=False
    ),
]
Timeout = Annotated[
    float,
    typer.Option("--timeout", metavar="SECONDS", min=0.1, help="Wait this long for the server."),
]
Api = Annotated[
    str,
    typer.Option(
        "--api",
        metavar="completions|chat",
        help="How the server is asked; chat for tasks in which the model writes.",
    ),
]
ApiKeyEnv = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        "--api-key-env",
        metavar="NAME",
        help="The environment variable that holds the server's key; it is taken from nowhere else.",
    ),
]
Concurrency = Annotated[
    int,
    typer.Option(
        "--concurrency", metavar="N", min=1, max=256, help="Requests to the server at a time."
    ),
]
Suite = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        "--suite",
        metavar="NAME|FILE",
        help="Benchmarks with their options, from a TOML recipe: mindllm is all of the paper's, "
        "mindllm-ci a small one; 'none' runs none. Default: mindllm-ci.",
        show_default=False,
    ),
]
Benchmarks = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option("--benchmark", metavar="NAME", help="A benchmark instead of a suite; repeatable."),
]
Own = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option(
        "--own",
        metavar="FILE.jsonl",
        help="Questions of your own: a JSON object a line with question, answer (one or a list) "
        "and, where there are some, choices.",
    ),
]
Tasks = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option(
        "--task", metavar="FILE.yaml|NAME", help="An lm-eval task: a file, or the name of one of "
        "lm-eval's own tasks, groups or tags, whose data must be cached or fetched; repeatable.",
    ),
]  # fmt: skip
Hub = Annotated[
    bool,
    typer.Option("--hub", help="Let lm-eval fetch the data sets of --task from the hub."),
]
AllowTaskCode = Annotated[
    bool,
    typer.Option(
        "--allow-task-code",
        help="Run the Python that a --task file names (!function), and read files outside of its "
        "folder: with your rights.",
    ),
]
ShotCount = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option(
        "--shots", metavar="N", min=0, help="Examples before each question; those that do not fit "
        "the context are dropped, and counted.", show_default=False,
    ),
]  # fmt: skip
Form = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        "--form",
        metavar="letter|cloze",
        help="Answer with the letter, or with the text of the choice. Small base models need "
        "cloze. Tasks in which the model writes have one form only.",
        show_default=False,
    ),
]
MaxNewTokens = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option(
        "--max-new-tokens",
        metavar="N",
        min=1,
        help="The most tokens that the model writes for an item, instead of the task's own (BBH "
        "and MATH 1024, GSM8K 512); what is stopped by it counts under 'cut'.",
        show_default=False,
    ),
]
Chat = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        "--chat",
        metavar="turns|single",
        help="Ask in a conversation, by the model's chat template: examples as turns of their own, "
        "or with the question in a single message. Default: plain text.",
        show_default=False,
    ),
]
Math = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        "--math",
        metavar="exact|sympy|verify",
        help="How formulas are compared: by our own rules (exact, the default), by sympy, or by "
        "math-verify; the last two need 'mind-eval[math]'.",
        show_default=False,
    ),
]
Spm = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        "--spm",
        metavar="FILE",
        help="spBLEU beside BLEU: count the pieces of this SentencePiece model; Flores' is the one "
        "that `sacrebleu --tokenize flores200` keeps in ~/.sacrebleu/models.",
        show_default=False,
    ),
]
Metrics = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        "--metrics",
        metavar="standard|small",
        help="small: also bits per byte of the right answer, its share of the choices' probability "
        "and its margin, which tell models of 2M to 500M apart where accuracy is at chance; of "
        "held-out text, how many tokens are among the 1, 5 and 10 likeliest.",
        show_default=False,
    ),
]
HeldOut = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option("--heldout", metavar="FILE", help="Records with text to measure; repeatable."),
]
Overlap = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option(
        "--overlap",
        metavar="N",
        min=1,
        help="Tokens that a window of held-out text reads again. Default: half of the context.",
        show_default=False,
    ),
]
DataRoot = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option(
        "--data-root",
        metavar="FOLDER",
        envvar="MIND_DATA_ROOT",
        show_envvar=False,
        help="Full benchmarks as their authors lay them out, here or one folder below; without "
        "it, the shipped samples.",
    ),
]
External = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option(
        "--external",
        metavar="FOLDER",
        help="What others published: bbh-codex-cot/ (outputs and accuracies), "
        "lawbench-predictions/ (outputs of models, SCORES.md), wmt23/ (its repository of systems).",
    ),
]
Require = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option(
        "--require",
        metavar="METRIC>=X",
        help="Exit 3 unless it holds: cmmlu>=0.27, piqa.acc>=0.5, average.Chinese>=0.25, "
        "heldout.zh.bits_per_byte<=3.5; repeatable.",
    ),
]
Output = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("-o", "--output", metavar="FOLDER", help="Write scores.json and the items here."),
]
Answers = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option(
        "--answers",
        metavar="FOLDER",
        help="The log of answers, from which a run goes on after a kill. "
        "Default: the output's name with .answers.",
        show_default=False,
    ),
]
KeepGoing = Annotated[
    bool,
    typer.Option(
        "--keep-going",
        help="Set rows and benchmarks aside that cannot be used, name and count them, finish the "
        "rest, and exit 1.",
    ),
]
Explain = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option(
        "--explain", metavar="N", min=0, help="Print the prompt of item N of each benchmark, "
        "as text and in tokens, and exit.", show_default=False,
    ),
]  # fmt: skip
Contamination = Annotated[
    Optional[list[Path]],  # noqa: UP045
    typer.Option(
        "--contamination",
        metavar="STREAM|SHARDS",
        help="Training text or token shards: score clean and dirty items apart; repeatable.",
    ),
]
BatchTokens = Annotated[
    int,
    typer.Option("--batch-tokens", metavar="N", min=1, help="Tokens in one batch, with padding."),
]
Device = Annotated[
    str,
    typer.Option(
        "--device", metavar="NAME", help="auto (a GPU where there is one), cpu or cuda:1."
    ),
]
Dtype = Annotated[
    str, typer.Option("--dtype", metavar="TYPE", help="float32, bfloat16 or float16.")
]
Limit = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option(
        "--limit", metavar="N", min=1, help="Only the first N items of each task and the first N "
        "held-out records.",
    ),
]  # fmt: skip
Spread = Annotated[
    bool,
    typer.Option(
        "--spread", help="With --limit: N items at even distances, so that all subjects have some."
    ),
]
Before = Annotated[
    Path, typer.Argument(metavar="BEFORE", help="The scores folder of the first checkpoint.")
]
After = Annotated[
    Path, typer.Argument(metavar="AFTER", help="The scores folder of the checkpoint after it.")
]
Runs = Annotated[
    list[Path], typer.Argument(metavar="FOLDER FOLDER...", help="Scores folders; the first is A.")
]
AnswerFolder = Annotated[Path, typer.Argument(metavar="FOLDER", help="An answer log of a run.")]
ReportFolders = Annotated[
    list[Path],
    typer.Argument(
        metavar="FOLDER...",
        help="A run folder with NAME.summary.json, NAME.rejects.jsonl.zst, training runs and "
        "scores; or several scores folders, to see them side by side.",
    ),
]
