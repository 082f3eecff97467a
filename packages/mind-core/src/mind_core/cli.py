"""The manners of a command line: help, exit codes, errors, broken pipes, questions about itself."""

from __future__ import annotations

import os
import platform
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import typer
from typer.core import TyperGroup

from mind_core import options
from mind_core.component_calls import Interrupted
from mind_core.direct import full_disk_hint
from mind_core.errors import DONE, INTERRUPTED, USAGE, MindError, UsageError
from mind_core.listing import components, directory, installed
from mind_core.plugins import Plugins
from mind_core.progress import log, speak
from mind_core.render.terminal import printable
from mind_core.summary import version_of

if TYPE_CHECKING:
    from mind_core.translation.catalogue import Catalogue

# typer keeps click to itself; its public BadParameter is the way to the class above it.
_ClickUsageError: Any = typer.BadParameter.__mro__[1]
_ClickException: Any = typer.BadParameter.__mro__[2]

EXIT_CODES = (
    "Exit codes: 0 done, 1 failed, 2 called wrongly, 3 a required result was not reached, "
    "130 interrupted."
)
QUESTIONS = ("list", "plugins", "version", "help")
"""What a tool answers as an option, and people try as a command."""

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

MakePlugins = Callable[[Sequence[Path]], Plugins]


class WholeHelp(TyperGroup):
    """A tool with verbs, of which the help says the whole first sentence of each."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the verbs; typer alone would cut what they do at the end of the line."""
        for command in self.commands.values():
            # The first paragraph of the help, on one line.
            if command.short_help is None and command.help:
                command.short_help = " ".join(command.help.split("\n\n")[0].split())
        super().format_commands(ctx, formatter)


def new_app() -> typer.Typer:
    """Make the typer app of a tool: plain help, plain errors."""
    return typer.Typer(
        cls=WholeHelp,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings=CONTEXT,
        add_completion=True,
    )


def help_text(what: str, examples: Sequence[str]) -> str:
    """Return a command's help: what it does, then examples that can be copied."""
    return f"{what}\n\n\b\nExamples:\n" + "\n".join(f"  {example}" for example in examples)


def epilog(cost: str) -> str:
    """Return the end of a command's help: exit codes, memory and order."""
    return f"{EXIT_CODES}\n\n{cost}"


def add_global_options(
    app: typer.Typer,
    tool: str,
    make_plugins: MakePlugins | None,
    what: str,
    examples: Sequence[str],
) -> None:
    """Give a tool with verbs its own --version, --list and --plugins."""

    @app.callback(invoke_without_command=True, help=help_text(what, examples), epilog=EXIT_CODES)
    def front_door(
        context: typer.Context,
        version: options.Version = False,
        list_components: options.ListComponents = False,
        list_plugins: options.ListPlugins = False,
        plugin: options.PluginFiles = None,
        json: options.Json = False,
    ) -> None:
        if handle_info_options(
            tool, make_plugins, plugin or [], version, list_components, list_plugins, json
        ):
            raise typer.Exit(DONE)
        if context.invoked_subcommand is not None and plugin:
            raise UsageError(
                "--plugin stands before the verb",
                hint=f"{tool} {context.invoked_subcommand} --plugin {plugin[0]} …",
            )
        if context.invoked_subcommand is None:
            sys.stderr.write(context.get_help() + "\n")
            raise typer.Exit(USAGE)


def handle_info_options(
    tool: str,
    make_plugins: MakePlugins | None,
    files: Sequence[Path],
    version: bool,
    list_components: bool,
    list_plugins: bool,
    json: bool,
) -> bool:
    """Answer --version, --list and --plugins on stdout; return whether one of them was asked."""
    if version:
        write_out(
            f"{tool} {version_of(tool)} (mind-core {version_of('mind-core')}, "
            f"python {platform.python_version()})\n"
        )
    elif (list_components or list_plugins) and make_plugins is not None:
        plugins = make_plugins(files)
        plugins.load_installed()
        listed = components(plugins, json) if list_components else installed(plugins, json)
        write_out(listed if json or list_components else listed + directory(tool))
    else:
        return False
    return True


def require_input(inputs: Sequence[str] | None, context_help: Callable[[], str]) -> None:
    """Print help and exit 2 if nothing was given and stdin is a terminal."""
    if not inputs and sys.stdin.isatty():
        sys.stderr.write(context_help() + "\n")
        raise typer.Exit(USAGE)


def write_out(text: str) -> None:
    """Write text to stdout, where answers go; what would steer a terminal is shown as escapes."""
    sys.stdout.write(printable(text))


def run(app: typer.Typer, tool: str, arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a tool and exit with the code that tells how it went."""
    _stand_in_for_closed_streams()
    # Threads of torch that wait should sleep: where other work shares the cores, those that spin
    # take several times the CPU time of the work. It is read once, when torch is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    signal.signal(signal.SIGTERM, _interrupt)  # what `timeout` sends: clean up as after Ctrl-C
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else it is to be ignored
        signal.signal(signal.SIGINT, _interrupt)
    speak_users_language(tool)
    try:
        code = _run(app, tool, arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        code = DONE  # the reader has what it wanted: `| head`
    if code == DONE or not sys.stdout.closed:
        _detach_stdout()
    sys.exit(code)


def _run(app: typer.Typer, tool: str, arguments: Sequence[str] | None) -> int:
    try:
        # Not standalone: errors come here and are told in our own way, with our own codes.
        result = app(args=arguments, prog_name=tool, standalone_mode=False)
    except MindError as error:
        return _complain(error, tool)
    except BrokenPipeError:
        raise
    except SystemExit as error:
        # typer answers a reader that went away with exit 1, and wraps the streams.
        if not isinstance(error.__context__, BrokenPipeError):
            if _is_typers_own(error):
                raise
            return _complain(_ended_by_a_component(error), tool)
        # What follows writes to the streams themselves, past typer's wrappers.
        sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
        raise BrokenPipeError from None
    except (KeyboardInterrupt, typer.Abort):
        result = INTERRUPTED
    except _ClickUsageError as error:
        from mind_core.usage_hints import usage_hint

        message, hint = error.format_message(), usage_hint(error, tool)
        for name in QUESTIONS:
            if message in (f"No such command '{name}'.", f"No such command '{name[:-1]}'."):
                hint = f"`{tool} --{name}`"
        return _complain(UsageError(message, hint=hint), tool)
    except _ClickException as error:
        return _complain(MindError(error.format_message()), tool)
    except OSError as error:
        return _complain(
            MindError("the system refused", cause=error, hint=full_disk_hint(error)), tool
        )
    except Exception:
        sys.stderr.write(printable(traceback.format_exc()))
        return _complain(
            MindError("this should not happen", hint="please report it with the lines above"), tool
        )
    if result == INTERRUPTED:
        log(tool, _say[0]("interrupted") if _say else "interrupted")
    return result if isinstance(result, int) else DONE


def _is_typers_own(error: SystemExit) -> bool:
    """Return whether typer ended the program: after the questions about completion."""
    # The innermost frame is where `sys.exit` was called.
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    name = "" if frame is None else str(frame.tb_frame.f_globals.get("__name__"))
    return name.partition(".")[0] in ("typer", "click")


def _ended_by_a_component(error: SystemExit) -> MindError:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return MindError(
        f"{last.filename}:{last.lineno} ended the program",
        cause=f"sys.exit({error.code!r})",
        hint="a component or a library it uses must raise an exception instead",
    )


def _interrupt(*_: object) -> NoReturn:
    raise Interrupted


def _stand_in_for_closed_streams() -> None:
    """Put /dev/null where the caller closed a standard stream."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115, PTH123 - lives as long as we


def speak_users_language(tool: str) -> None:
    """Let help and errors of this process come in the language that the locale asks for."""
    _say.clear()
    speak(None)
    if all(os.environ.get(name, "C") in _ENGLISH for name in ("LC_ALL", "LC_MESSAGES", "LANG")):
        return  # so that no one pays for what he does not use
    from mind_core.translation import users_catalogue

    catalogue = users_catalogue(tool)
    if catalogue is not None:
        from mind_core.translation.help_formatter import show_help_in

        show_help_in(catalogue)
        _say.append(catalogue)
        speak(lambda text: catalogue.with_imported()(text))


_ENGLISH = ("", "C", "POSIX", "C.UTF-8", "en_US.UTF-8")
_say: list[Catalogue] = []
"""The catalogue of the locale's language, if there is one."""


def _complain(error: MindError, tool: str) -> int:
    lines = error.lines(tool, _say[0].with_imported() if _say else str)
    sys.stderr.write(printable("\n".join(lines)) + "\n")
    return error.code


def _detach_stdout() -> None:
    """Let the interpreter's last flush go nowhere, if the reader is gone."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        # The interpreter flushes once more when it ends, and would complain of the pipe on stderr.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
