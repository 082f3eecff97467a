"""Task files are data: what they name is beside them, and Python only where it was allowed.

lm-eval imports what `!function` names while it reads the YAML, from a file beside it or from any
module (`!function os.system` is one), and loads a metric that it does not know from a script.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]  # it has no types

from mind_core import MindError
from mind_core.errors import UsageError
from mind_core.untrusted import inside
from mind_core.whole_files import MAX_JSON_BYTES, read_whole
from mind_eval.prompts.bounded_yaml import DAMAGES, BoundedLoader

ALLOW = "--allow-task-code"
_DEEPEST = 10


class _DataOnly(BoundedLoader):
    """YAML as data."""


class _Code(Exception):
    """A function in a task file."""


def _refuse(_: Any, node: yaml.Node) -> None:
    raise _Code(f"line {node.start_mark.line + 1} names the function {node.value!r:.80}")


# Refused while it is read: lm-eval's own loader imports at this very point.
_DataOnly.add_constructor("!function", _refuse)


def check_task_data(path: Path) -> None:
    """Raise `UsageError` for a task file, or one that it includes, that brings Python with it.

    Raises it too for files outside of the task's folder, and for metrics that lm-eval would load
    from a script; `MindError` for what is no YAML.
    """
    _check(path, 0)


def _check(path: Path, depth: int) -> None:
    try:
        config = yaml.load(read_whole(path, MAX_JSON_BYTES), _DataOnly)
    except _Code as error:
        raise _code(path, str(error)) from None
    except (*DAMAGES, OSError) as error:
        raise MindError(
            f"{path} cannot be read as a task", cause=" ".join(str(error).split())[:300]
        ) from error
    if not isinstance(config, Mapping):
        raise MindError(f"{path} is not the YAML of a task")
    included = config.get("include", [])
    if depth > _DEEPEST:
        raise MindError(f"{path}: task files include each other")
    for name in included if isinstance(included, list) else [included]:
        _check(_beside(path, name), depth + 1)
    files = config.get("dataset_kwargs")
    named = files.get("data_files") if isinstance(files, Mapping) else None
    # A mapping of splits, a list, or a single name, as lm-eval takes them.
    for names in named.values() if isinstance(named, Mapping) else [named or []]:
        for name in names if isinstance(names, list) else [names]:
            _beside(path, name)
    # Included files were checked by now: this looks at the keys of this one.
    if "custom_dataset" in config or "class" in config:
        raise _code(path, "custom_dataset and class are Python")
    _check_metrics(path, config.get("metric_list") or [])


def _check_metrics(path: Path, listed: Any) -> None:
    import lm_eval.api.metrics  # noqa: F401  (it registers them)
    from lm_eval.api.registry import metric_registry

    for metric in listed if isinstance(listed, list) else [listed]:
        name = metric.get("metric") if isinstance(metric, Mapping) else metric
        script = isinstance(metric, Mapping) and metric.get("hf_evaluate")
        if script or not isinstance(name, str) or name not in metric_registry:
            raise _code(path, f"the metric {name!r:.80} is a script of the evaluate library")


def _beside(path: Path, name: object) -> Path:
    folder = path.parent.absolute()
    if isinstance(name, str) and Path(name).is_relative_to(folder):
        name = Path(name).relative_to(folder).as_posix()
    try:
        return inside(path.parent, name)
    except MindError as error:
        raise UsageError(
            f"{path} names a file that is not beside it: {name!r:.200}",
            cause=error.message,
            hint=f"put it beside the task file, or {ALLOW} if you trust the task",
        ) from None


def _code(path: Path, cause: str) -> UsageError:
    return UsageError(
        f"{path} brings Python, which is not run",
        cause=cause,
        hint=f"read what it names, and give {ALLOW} if you trust it",
    )
