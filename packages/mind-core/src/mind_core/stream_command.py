"""`stream_command`: the shared options of a command over a stream, declared in one place."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from inspect import Parameter
from pathlib import Path
from typing import Any

import typer

from mind_core import options
from mind_core.cli import MakePlugins, handle_info_options, require_input
from mind_core.files import note_source
from mind_core.record_limits import SECONDS
from mind_core.runner import StreamOptions
from mind_core.tasks import options as job_options
from mind_core.tasks.options import TaskOptions

Command = Callable[..., None]

_DECLARED: dict[str, tuple[Any, Any]] = {
    "inputs": (options.Inputs, None),
    "_fields": (options.Fields, None),
    "output": (options.Output, None),
    "rejects": (options.Rejects, None),
    "summary": (options.SummaryFile, None),
    "jobs": (options.Jobs, 1),
    "level": (options.Level, None),
    "limit": (options.Limit, None),
    "skip_bad": (options.SkipBad, "0"),
    "quiet": (options.Quiet, False),
    "progress": (options.ShowProgress, None),
    "recipe": (options.RecipeName, None),
    "assignments": (options.Set, None),
    "plugin": (options.PluginFiles, None),
    "seed": (options.Seed, 0),
    "mark": (options.Mark, False),
    "record_seconds": (options.RecordSeconds, SECONDS),
    "dry_run": (options.DryRun, False),
    "print_recipe": (options.PrintRecipe, False),
    "json": (options.Json, False),
    "list_components": (options.ListComponents, False),
    "list_plugins": (options.ListPlugins, False),
    "version": (options.Version, False),
    "into": (job_options.Into, None),
    "from_list": (job_options.FromList, None),
    "task_size": (job_options.TaskSize, job_options.TASK_SIZE),
    "engine": (job_options.Engine, "local"),
    "address": (job_options.Address, None),
    "retries": (job_options.Retries, job_options.RETRIES),
    "shard": (job_options.Shard, None),
    "plan_only": (job_options.PlanOnly, False),
}
"""The shared options: what typer reads of each, and its default."""

_STREAM = ("output", "rejects", "summary", "jobs", "level", "limit", "quiet", "progress")
_JOB = ("into", "from_list", "task_size", "engine", "address", "retries", "shard", "plan_only")
_NOT_IN_JOBS = ("output", "rejects", "summary", "limit")
_READ = frozenset({
    "--against", "--bad", "--benchmark", "--from-list", "--good", "--index", "--merge", "--model",
    "--pool", "--prices", "--reference", "--restore", "--scores", "--text", "--tokenizer",
})  # fmt: skip
"""Options whose files, and files of folders, are read beside the inputs."""

_OTHERS = ("recipe", "seed", "mark", "record_seconds", "dry_run", "print_recipe", "json")


@dataclass(frozen=True)
class SharedOptions:
    """What a user said by the shared options; those that a command lacks have their defaults."""

    context: typer.Context
    stream: StreamOptions
    recipe: str | None = None
    assignments: Sequence[str] = ()
    plugin_files: Sequence[Path] = ()
    seed: int = 0
    mark: bool = False
    record_seconds: float = SECONDS
    dry_run: bool = False
    print_recipe: bool = False
    json: bool = False
    job_values: Mapping[str, Any] = field(default_factory=dict)
    """The options of jobs by their names in `mind_core.tasks.options`."""

    def require_input(self) -> None:
        """Print the help and exit 2 if no file was given and stdin is a terminal."""
        require_input(self.stream.inputs, self.context.get_help)

    def job(self, **refused: object) -> TaskOptions | None:
        """Return the options of the job that --into asks for, or none.

        Raises `UsageError` for options that a job has no use for, those ``refused`` among them,
        and for those of jobs where there is no job.
        """
        values, stream = self.job_values, self.stream
        if values["into"] is None:
            names = ("from_list", "address", "shard", "plan_only")
            job_options.refuse_without_into(**{name: values[name] for name in names})
            return None
        of_stream = {name: getattr(stream, name) for name in _NOT_IN_JOBS}
        job_options.refuse_with_into(**{**of_stream, **refused})
        return job_options.task_options(values["into"], stream, values)


def stream_command(
    order: str,
    *,
    questions: tuple[str, MakePlugins] | None = None,
    defaults: Mapping[str, Any] | None = None,
    declared: Mapping[str, Any] | None = None,
) -> Callable[[Command], Command]:
    """Give a command its shared options, and hand it what they say as one `SharedOptions`.

    ``order`` names all options as --help lists them: the shared ones and the command's own.
    ``defaults`` and ``declared`` replace the default or the declaration of shared ones. A tool
    without verbs gives its name and `make_plugins` as ``questions``: --version, --list and
    --plugins are answered, and the command is not called.
    """
    known = {
        name: ((declared or {}).get(name, annotation), (defaults or {}).get(name, default))
        for name, (annotation, default) in _DECLARED.items()
    }

    def make(context: typer.Context, given: Mapping[str, Any]) -> SharedOptions | None:
        if questions is not None and handle_info_options(
            *questions, given.get("plugin") or (),
            *(given[name] for name in ("version", "list_components", "list_plugins", "json")),
        ):  # fmt: skip
            return None
        return _shared_options(context, given)

    return declare_options(order.split(), known, make)


def _shared_options(context: typer.Context, given: Mapping[str, Any]) -> SharedOptions:
    stream = StreamOptions(
        inputs=tuple(given.get("inputs") or ()),
        skip_bad=options.parse_skip_bad(given.get("skip_bad", "0")),
        **{name: given[name] for name in _STREAM if name in given},
    )
    return SharedOptions(
        context,
        stream,
        assignments=given.get("assignments") or (),
        plugin_files=given.get("plugin") or (),
        job_values={name: given[name] for name in _JOB if name in given},
        **{name: given[name] for name in _OTHERS if name in given},
    )


def declare_options(
    order: Sequence[str],
    known: Mapping[str, tuple[Any, Any]],
    make: Callable[[typer.Context, Mapping[str, Any]], object | None],
) -> Callable[[Command], Command]:
    """Return a decorator that adds options of ``known`` to those that a command declares.

    ``known`` gives what typer reads of an option, and its default; ``order`` is that of --help.
    The command's first parameter is what ``make`` gives for their values; at None it is not
    called. An option of a known name that the command declares is the command's own. Raises
    `ValueError` if ``order`` names an option that is nobody's, or leaves one of the command's out.
    """

    def decorate(command: Command) -> Command:
        # The first parameter is what `make` gives; annotations are evaluated, as typer reads them.
        _, *declared = inspect.signature(command, eval_str=True).parameters.values()
        own = {each.name: each.replace(kind=Parameter.KEYWORD_ONLY) for each in declared}
        shared = {name: _keyword(name, *known[name]) for name in order if name in known}
        parameters = {**shared, **own}
        # Told when the module is imported, so that no option can be lost from --help in silence.
        if parameters.keys() != set(order):
            odd = ", ".join(sorted(parameters.keys() ^ set(order)))
            raise ValueError(f"{command.__qualname__}: the order of options is wrong about {odd}")

        @functools.wraps(command)
        def with_options(context: typer.Context, **given: Any) -> None:
            _note_read(context)
            of_command = {name: given.pop(name) for name in own}
            made = make(context, given)
            if made is not None:
                command(made, **of_command)

        context = Parameter("context", Parameter.KEYWORD_ONLY, annotation=typer.Context)
        signature = inspect.Signature([context, *(parameters[name] for name in order)])
        with_options.__signature__ = signature  # type: ignore[attr-defined]
        with_options.__annotations__ = {}  # typer reads the signature
        return with_options

    return decorate


def _note_read(context: typer.Context) -> None:
    """Note what options name to be read, so that no output takes its place."""
    # os.path's functions: a value may be longer than a name can be, at which those of Path fail.
    is_file, is_there = os.path.isfile, os.path.exists
    for parameter in context.command.params:
        value = context.params.get(parameter.name or "")
        values = [str(one) for one in (value if isinstance(value, (list, tuple)) else [value])]
        if not _READ.isdisjoint(parameter.opts):
            # Some have a name before the file: `--model a=run/`.
            found = [part for one in values for part in (one, one.partition("=")[2])]
        elif "--set" in parameter.opts:  # of components that read a file of their own
            found = [part for one in values if is_file(part := one.partition("=")[2])]
        else:
            continue
        for path in filter(None, found):
            if is_there(path):
                note_source(path)


def _keyword(name: str, annotation: Any, default: Any) -> Parameter:
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
