"""Look at benchmarks on the disk: what is there, whole or broken, and where to get the rest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mind_core import MindError
from mind_core.plugins import Plugins
from mind_eval.benchmarks.benchmark import Benchmark
from mind_eval.benchmarks.own_questions import NAME as OWN
from mind_eval.suites import HOOK, NO_SUITE, make_benchmarks, suite_recipe
from mind_eval.table import aligned


def examine(data_root: Path | None, suite: str | None, plugins: Plugins) -> list[dict[str, Any]]:
    """Look at every benchmark there is, or at those of a suite.

    State: whole, sample (the shipped one), partial (fewer items than published), flawed (some rows
    cannot be used), broken, missing.
    """
    if suite is None or suite == NO_SUITE:
        benchmarks = {
            name: plugins.make(HOOK, name, {})
            for name in sorted(plugins.components(HOOK))
            if name != OWN  # whose data are the user's
        }
    else:
        benchmarks = make_benchmarks(suite_recipe(suite, (), None, None), plugins)
    return [_look(name, benchmark, data_root) for name, benchmark in benchmarks.items()]


def doctor_table(found: Sequence[dict[str, Any]]) -> str:
    """Lay out what was found, then what to do about it."""
    rows = [["benchmark", "state", "where", "items"]]
    advice = []
    for one in found:
        rows.append([one["name"], one["state"], one["where"], f"{one['items']:,}"])
        if one["state"] != "whole":
            advice.append(f"{one['name']}: {one['why']}")
        if one["state"] in ("missing", "broken", "partial", "sample"):
            advice.append(f"  its authors publish it at {one['source']} ({one['licence']})")
    return aligned(rows, 1) + "".join(f"{line}\n" for line in ["", *advice] if advice)


def _look(name: str, benchmark: Benchmark, data_root: Path | None) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": name,
        "state": "whole",
        "where": "-",
        "items": 0,
        "why": "",
        "bad": [],
        "source": benchmark.rules["source"],
        "licence": benchmark.rules["licence"],
    }
    folder = benchmark.found(data_root)
    wanted = " or ".join(benchmark.folders) or "a folder of its own"
    place = "--data-root, which was not given" if data_root is None else str(data_root)
    # Before it is loaded, which would raise for this too, but as for a broken one.
    if folder is None and "shipped" not in benchmark.rules:
        return {**found, "state": "missing", "why": f"no folder {wanted} under {place}"}
    try:
        # All faults of a file are to be told, not the first.
        data = benchmark.load(data_root, keep_going=True)
    except MindError as error:
        why = error.message + (f" ({error.cause})" if error.cause else "")
        return {**found, "state": "broken", "where": str(folder), "why": why}
    found |= {"where": data.origin, "items": len(data.splits.get("test", []))}
    found["bad"] = [f"{at}: {reason}" for at, reason in data.bad]
    if data.bad:
        found |= {
            "state": "flawed",
            "why": f"{len(data.bad)} rows cannot be used: {found['bad'][0]}",
        }
    elif data.lacking:
        found |= {"state": "partial", "why": f"{data.lacking}: fetch it again"}
    elif folder is None and benchmark.folders:
        found |= {"state": "sample", "why": f"the shipped sample; the whole needs {wanted}"}
    return found
