"""The section of a page about one plan: what was run, what became of each claim, what it cost.

Markdown in English or Chinese, from the records and the trainer's metrics alone.
"""

from __future__ import annotations

import platform

import torch

from mind_core.errors import UsageError
from mind_core.safe_html import Safe
from mind_core.summary import version_of
from mind_train.components import TOOL
from mind_train.experiments.cell import Cell
from mind_train.experiments.effects import outcomes_of
from mind_train.experiments.outcomes import Outcome
from mind_train.experiments.results import Results, seed_spread
from mind_train.experiments.session import Session
from mind_train.experiments.views import left_out_lines
from mind_train.metrics import METRICS, read_metrics

WORDS = {
    "en": {
        "run": "{cells} of {all} cells finished: {arms} arms, seeds {seeds}, {sizes}, {tokens} "
        "tokens each; {total:,} tokens in {minutes:.1f} minutes of training on {threads} "
        "thread(s).",
        "head": "| claim | effect, bits/byte | interval | seeds | outcome |",
        "plan": "Plan `{plan}`, predictions `{predictions}`; spread over seeds {spread:.4f} "
        "bits/byte. mind-train {version}, torch {torch}, {machine}.",
        "left": "Left out, or to be known:",
        "none": "No cell is finished.",
    },
    "zh": {
        "run": "{all} 个单元完成 {cells} 个：{arms} 组，种子 {seeds}，{sizes}，每个 {tokens} "
        "词元；共 {total:,} 词元，{threads} 线程训练 {minutes:.1f} 分钟。",
        "head": "| 断言 | 效应（bits/byte） | 区间 | 种子 | 结论 |",
        "plan": "计划 `{plan}`，断言 `{predictions}`；种子间离散 {spread:.4f} bits/byte。"
        "mind-train {version}，torch {torch}，{machine}。",
        "left": "被排除的，以及须知：",
        "none": "没有完成的单元。",
    },
}
OUTCOMES = {
    "confirmed": "成立", "contradicted": "相反", "no difference of that size": "没有这么大的差异",
    "not decided": "未定", "not testable here": "此处无法检验",
}  # fmt: skip


def section(session: Session, language: str, figure: str = "") -> str:
    """Return the section of a plan; `figure` is the address of its picture, "" for none."""
    if language not in WORDS:
        raise UsageError(f"--language {language!r} is not known", hint="en or zh")
    words, plan = WORDS[language], session.plan
    done = {c.name: c for c in session.cells if session.store.is_finished(c)}
    lines = [f"### {plan.name}", ""]
    if not done:
        return "\n".join([*lines, words["none"], ""]) + "\n"
    results = session.results()
    sizes = "; ".join(
        sorted({f"{c.size}: {c.sizes['body']:,} + {_head(c):,}" for c in done.values()})
    )
    lines.append(
        words["run"].format(
            cells=len(done), all=len({c.name for c in session.cells}), arms=len(results.arms),
            seeds=", ".join(map(str, plan.seeds)), sizes=sizes,
            tokens=", ".join(f"{n:,}" for n in plan.tokens),
            total=sum(c.trained_tokens for c in done.values()),
            minutes=sum(seconds_of(session, c) for c in done.values()) / 60, threads=plan.threads,
        )
    )  # fmt: skip
    if figure:
        lines += ["", f"![{plan.name}]({figure})"]
    outcomes = outcomes_of(results)
    if outcomes:
        lines += ["", words["head"], "|---|---:|---|---:|---|"]
        lines += [_row(one, language) for one in outcomes]
    lines += ["", _about(session, results, words["plan"])]
    if left := left_out_lines(results):
        lines += ["", words["left"], "", *(f"* {line}" for line in left)]
    return "\n".join(lines) + "\n"


def _head(cell: Cell) -> int:
    return cell.sizes["body_and_head"] - cell.sizes["body"]


def _row(one: Outcome, language: str) -> str:
    effect = "–" if one.effect is None else f"{one.effect:+.4f}"
    interval = "–" if one.interval is None else f"{one.interval[0]:+.4f} … {one.interval[1]:+.4f}"
    outcome = OUTCOMES[one.outcome] if language == "zh" else one.outcome
    note = f" ({one.note})" if one.note else ""
    return f"| {one.claim} | {effect} | {interval} | {one.seeds or '–'} | {outcome}{note} |"


def _about(session: Session, results: Results, words: str) -> str:
    plan = session.plan
    return words.format(
        plan=plan.sha256[:12], predictions=plan.prediction_sha256[:12],
        spread=seed_spread(results), version=version_of(TOOL), torch=torch.__version__,
        machine=f"{platform.machine()}, Python {platform.python_version()}",
    )  # fmt: skip


def seconds_of(session: Session, cell: Cell) -> float:
    """Return the seconds that a cell's steps took, from the trainer's metrics."""
    seconds = [
        float(line["seconds"])
        for line in read_metrics(session.store.cell(cell) / "run" / METRICS)
        if "seconds" in line
    ]
    return seconds[-1] if seconds else 0.0


def figure_of(session: Session) -> Safe:
    """Return the picture of a plan by its kind."""
    from mind_train.experiments.figures import curves_figure, matrix_figure, mixtures_figure
    from mind_train.experiments.matrix import matrix_of

    if session.plan.kind == "sources":
        return matrix_figure(matrix_of(session.results(), session.prepared()))
    if session.plan.kind == "mixture":
        from mind_train.experiments.mixtures import measured_of

        return mixtures_figure(measured_of(session))
    return curves_figure(session.results(), f"{session.plan.name}: held-out loss, all sets")
