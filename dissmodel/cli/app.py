"""The command ``dissmodel``: its groups, and the one place where errors become exit codes."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
import traceback
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, NoReturn

import typer
from typer.core import TyperGroup

from dissmodel import __version__, gdal_settings
from dissmodel.cli import options
from dissmodel.cli.commands import App, LazyGroup
from dissmodel.cli.signals import received, stopping
from dissmodel.cli.streams import drop_unwritten, errors_in_a_line, prepare_streams, print_traceback
from dissmodel.errors import (
    ConsentRequired,
    DissmodelError,
    StorageError,
    UsageError,
    interruption_in,
    likely_numbers,
)
from dissmodel.inherited import current_folder, drop_backend, refuses_threads, spare_threads

EXIT_BUG = 70
EXIT_SIGINT = 130
_COMPLETE = "_DISSMODEL_COMPLETE"  # what a shell sets to ask for words


class ErrorBoundary(TyperGroup):
    """A group of commands in which every error becomes a message and an exit code."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Note, before anything can fail, how errors are to be printed."""
        ctx.meta["as_json"] = "--json" in args
        ctx.meta["debug"] = "--debug" in args
        try:
            return super().parse_args(ctx, [word for word in args if word != "--debug"])
        except KeyboardInterrupt as stopped:
            _end_interrupted(ctx, stopped)
        except Exception as error:
            told = _as_usage(error, ctx)
            if told is None:
                raise
            _end(ctx, told)

    def invoke(self, ctx: Any) -> Any:
        """Run the command and handle what it raises."""
        drop_backend()
        try:
            spare_threads()
            with errors_in_a_line(debug=ctx.meta["debug"]):
                return _flushed(super().invoke(ctx))
        except KeyboardInterrupt as stopped:
            _end_interrupted(ctx, stopped)
        except BrokenPipeError:  # whoever read our output has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)
        except Exception as error:
            # A library that is interrupted while it is imported may raise an error of its own.
            interruption = interruption_in(error) or received()
            if interruption is not None:
                _end_interrupted(ctx, interruption, error)
            usage = _as_usage(error, ctx)
            if usage is not None:
                _end(ctx, usage)
            if hasattr(error, "exit_code") and not isinstance(error, DissmodelError):
                raise  # the parser's own way to end
            if ctx.meta["debug"]:
                print_traceback(error)
            _end(ctx, _as_ours(error, ctx))


def _end(ctx: Any, told: DissmodelError) -> NoReturn:
    _tell(told, as_json=ctx.meta["as_json"])
    sys.exit(told.exit_code)


def _end_interrupted(ctx: Any, stopped: KeyboardInterrupt, error: BaseException | None = None) -> NoReturn:
    hint = " ".join(getattr(error or stopped, "__notes__", ()))
    told = DissmodelError(str(stopped) or "interrupted", hint, code="interrupted")
    told.record_path = getattr(error or stopped, "record_path", None)
    told.exit_code = getattr(stopped, "exit_code", EXIT_SIGINT)
    _end(ctx, told)


def _flushed(result: Any) -> Any:
    """Pass a result on once all is printed: a failure to print is an error now, not after the end."""
    sys.stdout.flush()
    return result


def _as_usage(error: Exception, ctx: Any) -> UsageError | None:
    """Return an error of the parser as a `UsageError`; None for other errors and for help."""
    if not hasattr(error, "format_message") or type(error).__name__ == "NoArgsIsHelpError":
        return None
    said = error.format_message().replace("Value error, ", "").strip()
    command = (getattr(error, "ctx", None) or ctx).command_path
    hint = f"{_number_meant(error, ctx.meta.get('given', {}))} See what it takes: {command} --help".strip()
    return UsageError(said if said.endswith((".", "?")) else f"{said}.", hint)


def _number_meant(error: Exception, given: Mapping[str, Any]) -> str:
    """Return a sentence with the number that was meant for an option; empty for other errors."""
    option = getattr(error, "param", None)
    text = given.get(getattr(option, "name", ""))
    if option is None or not isinstance(text, str) or not option.type.name.startswith(("float", "int")):
        return ""
    is_float = option.type.name.startswith("float")
    numbers = [
        one for one in likely_numbers(text) if one != text and (is_float or one.lstrip("-").isdecimal())
    ]
    meant = " or ".join(f"{max(option.opts, key=len)} {one}" for one in numbers)
    return f"Did you mean {meant}?" if meant else ""


def _as_ours(error: Exception, ctx: Any) -> DissmodelError:
    """Return an error as a `DissmodelError`: what the system refused, what can't be printed, or a bug."""
    if isinstance(error, DissmodelError):
        return error
    if isinstance(error, BlockingIOError) or refuses_threads(error):
        return StorageError(
            "The system refuses to start another process or thread.",
            "End other programs, or allow more (ulimit -u), then try again.",
            code="no_processes",
        )
    if isinstance(error, FileNotFoundError) and current_folder() is None:
        return UsageError(
            "The current folder is gone: it was removed, or its disk was taken away.",
            "Go to a folder that exists (cd FOLDER), or give whole paths.",
            code="no_current_folder",
        )
    if isinstance(error, OSError):  # errors of files were raised with their name, deeper down
        with contextlib.suppress(OSError):  # nothing of what stands in the stream can go there
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        ctx.meta["as_json"] = False
        return StorageError(f"The output can't be printed: {error.strerror or error}.")
    return _as_bug(error)


def _tell(error: DissmodelError, *, as_json: bool) -> None:
    from dissmodel.cli.render import error_document, print_error, print_json

    if isinstance(error, ConsentRequired):
        error.hint = f"Give consent with --yes. {error.hint}".rstrip()
    if as_json:
        record = {} if error.record_path is None else {"record": error.record_path}
        print_json({"error": {**error_document(error), **record}})
    else:
        print_error(error)


def _as_bug(error: Exception) -> DissmodelError:
    import tempfile

    from dissmodel.record.redact import redact

    hint = "Please report it with the output of the same command with --debug."
    with (
        contextlib.suppress(OSError),  # there may be no folder to write to
        tempfile.NamedTemporaryFile(
            "w", prefix="dissmodel-", suffix=".log", delete=False, encoding="utf-8", errors="backslashreplace"
        ) as log,
    ):
        log.write(redact("".join(traceback.format_exception(error))))
        hint = f"Please report it with this file: {log.name}"
    bug = DissmodelError(f"This is a bug in dissmodel: {type(error).__name__}: {error}", hint, code="bug")
    bug.exit_code = EXIT_BUG
    return bug


def _version(value: bool) -> None:
    if value:
        typer.echo(f"dissmodel {__version__}")
        raise typer.Exit


class Root(ErrorBoundary, LazyGroup):
    """The command itself; a command of two words is told from a command with an argument by its name."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Join the words of a command that has two."""
        words = [word for word in args if word != "--debug"]
        if " ".join(words[:2]) in self.commands:
            args = [" ".join(words[:2]), *words[2:], *(["--debug"] if len(words) < len(args) else [])]
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """Return what a shell may offer; the second word of a command is offered where it stands."""
        return [item for item in super().shell_complete(ctx, incomplete) if " " not in str(item.value)]

    def _main_shell_completion(self, ctx_args: Any, prog_name: str, _variable: str | None = None) -> None:
        """Answer a shell's question, if there is one."""
        if os.environ.get(_COMPLETE):
            from dissmodel.cli import completion

            completion.put_scripts()
            completion.put_answers()
            super()._main_shell_completion(ctx_args, prog_name, _COMPLETE)

    places: ClassVar[Mapping[str, str]] = {
        "run": "dissmodel.cli.run:run",
        "validate": "dissmodel.cli.validate:validate",
        "show": "dissmodel.cli.show:show",
        "reproduce": "dissmodel.cli.reproduce:reproduce",
        "compare": "dissmodel.cli.compare:compare",
        "report": "dissmodel.cli.report:report",
        "sweep": "dissmodel.cli.sweep:sweep",
        "sweep status": "dissmodel.cli.sweep:status",
        "sweep summary": "dissmodel.cli.sweep_summary:summary",
        "calibrate": "dissmodel.cli.calibrate:calibrate",
        "init": "dissmodel.cli.init:init",
        "push": "dissmodel.cli.sharing:push",
        "pull": "dissmodel.cli.sharing:pull",
        "submit": "dissmodel.cli.submit:submit",
        "serve": "dissmodel.cli.serve:serve",
        "worker": "dissmodel.cli.worker:worker",
        "ingest": "dissmodel.cli.ingest:ingest",
        "doctor": "dissmodel.cli.doctor:doctor",
        "jobs": "dissmodel.cli.jobs:app",
        "record": "dissmodel.cli.record:app",
        "registry": "dissmodel.cli.registry:app",
        "config": "dissmodel.cli.config:app",
        "env": "dissmodel.cli.env:app",
        "lucc": "dissmodel.cli.lucc:app",
    }


app = App(
    name="dissmodel",
    cls=Root,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
    help="Run a spatial model and leave the proof beside the result.\n\n"
    "Example: dissmodel run coastal_raster --input grid.zip --output result.tif",
)


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: options.Debug = False,
) -> None:
    """Declare what goes before a command."""


def main() -> None:
    """Run the command line."""
    prepare_streams()
    gdal_settings.ignore()
    if sys.argv[1:] and sys.argv[1].startswith(("--show-completion", "--install-completion")):
        from dissmodel.cli import completion

        completion.put_scripts()
    try:
        with stopping():
            app()
    finally:
        drop_unwritten()
        gc.freeze()  # what is left goes with the process; looking through it first takes long
