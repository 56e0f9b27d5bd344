"""The command ``dissmodel``: its groups, and the one place where errors become exit codes."""

from __future__ import annotations

import codecs
import contextlib
import gc
import os
import re
import sys
import traceback
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import typer
from typer.core import TyperGroup

from dissmodel import __version__, gdal_settings
from dissmodel.cli import options
from dissmodel.cli.lazy import LazyGroup
from dissmodel.cli.once import App
from dissmodel.cli.signals import stopping
from dissmodel.errors import DissmodelError, StorageError, UsageError, likely_numbers

EXIT_BUG = 70
EXIT_SIGINT = 130
_NO_NUMBER = re.compile(r": '(.*)' is not a valid (float|int)")


class ErrorBoundary(TyperGroup):
    """A group of commands in which no error leaves a traceback."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Note, before anything can fail, how errors are to be told."""
        ctx.meta["as_json"] = "--json" in args
        ctx.meta["debug"] = "--debug" in args
        try:
            return super().parse_args(ctx, [word for word in args if word != "--debug"])
        except Exception as error:
            told = _as_usage(error, ctx)
            if told is None:
                raise
            _tell(told, as_json=ctx.meta["as_json"])
            sys.exit(told.exit_code)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; turn what it raises into a message and an exit code."""
        try:
            return _flushed(super().invoke(ctx))
        except DissmodelError as error:
            if ctx.meta["debug"]:
                traceback.print_exc()
            _tell(error, as_json=ctx.meta["as_json"])
            sys.exit(error.exit_code)
        except KeyboardInterrupt as stopped:
            told = DissmodelError(str(stopped) or "interrupted", code="interrupted")
            told.record_path = getattr(stopped, "record_path", None)
            _tell(told, as_json=ctx.meta["as_json"])
            sys.exit(getattr(stopped, "exit_code", EXIT_SIGINT))
        except BrokenPipeError:  # whoever read our output has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)
        except OSError as error:  # those of files are told by name, deeper down
            if ctx.meta["debug"]:
                raise
            with contextlib.suppress(OSError):  # nothing of what stands in the stream can go there
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            why = StorageError(f"What was to be printed can't be written: {error.strerror or error}.")
            _tell(why, as_json=False)
            sys.exit(why.exit_code)
        except Exception as error:
            usage = _as_usage(error, ctx)
            if usage is not None:
                _tell(usage, as_json=ctx.meta["as_json"])
                sys.exit(usage.exit_code)
            if ctx.meta["debug"] or hasattr(error, "exit_code"):  # or the parser's own way to end
                raise
            _tell(_as_bug(error), as_json=ctx.meta["as_json"])
            sys.exit(EXIT_BUG)


def _flushed(result: Any) -> Any:
    """Pass a result on once all is printed: what can't be is told now, not after the end."""
    sys.stdout.flush()
    return result


def _as_usage(error: Exception, ctx: Any) -> UsageError | None:
    """Return an error of the parser as one of ours; None if it is another, or the wish to see the help."""
    if not hasattr(error, "format_message") or type(error).__name__ == "NoArgsIsHelpError":
        return None
    said = error.format_message().replace("Value error, ", "").strip()
    command = (getattr(error, "ctx", None) or ctx).command_path
    hint = f"{_number_meant(error, said)} See what it takes: {command} --help".strip()
    return UsageError(said if said.endswith((".", "?")) else f"{said}.", hint)


def _number_meant(error: Exception, said: str) -> str:
    """Return a sentence with the number that was meant for an option; empty for other errors."""
    wrong = _NO_NUMBER.search(said)
    names = getattr(getattr(error, "param", None), "opts", None)
    if wrong is None or not names:
        return ""
    numbers = [one for one in likely_numbers(wrong[1]) if wrong[2] == "float" or one.lstrip("-").isdecimal()]
    said = " or ".join(f"{max(names, key=len)} {one}" for one in numbers)
    return f"Did you mean {said}?" if said else ""


def _tell(error: DissmodelError, *, as_json: bool) -> None:
    import json

    from dissmodel.cli.render import cut, printable
    from dissmodel.record.redact import redact

    message, hint = redact(error.message), redact(error.hint)
    record_path = str(error.record_path) if error.record_path is not None else None
    if as_json:
        told = {"code": error.code, "message": message, "hint": hint}
        if record_path is not None:
            told["record"] = record_path
        # In ASCII, for how a terminal spells out other letters is no JSON.
        sys.stdout.write(json.dumps({"schema_version": 1, "error": told}) + "\n")
        return
    lines = [f"error: {message}"]
    lines += [f"  {hint}"] if hint else []
    lines += [f"  record: {record_path}"] if record_path is not None else []
    # Names in a message may come from a file of anyone's.
    sys.stderr.write("".join(printable(cut(line)) + "\n" for line in lines))


def _as_bug(error: Exception) -> DissmodelError:
    import tempfile

    from dissmodel.record.redact import redact

    with tempfile.NamedTemporaryFile(
        "w", prefix="dissmodel-", suffix=".log", delete=False, encoding="utf-8"
    ) as log:
        log.write(redact("".join(traceback.format_exception(error))))
    return DissmodelError(
        f"This is a bug in dissmodel: {type(error).__name__}: {error}",
        f"Please report it with this file: {log.name}",
        code="bug",
    )


_ASCII = {
    "…": "...",
    "→": "->",
    "≥": ">=",
    "≤": "<=",
    "×": "x",
    "—": "-",
    "–": "-",
    "·": "|",
    "✓": "ok",
    "φ": "phi",
}


def _spell_out(error: UnicodeError) -> tuple[str, int]:
    """Write in ASCII what a terminal can't show; the letters of a path as escapes."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    rest = error.object[error.start : error.end]
    plain = "".join(_ASCII.get(one) or one.encode("ascii", "backslashreplace").decode() for one in rest)
    return plain, error.end


def _version(value: bool) -> None:
    if value:
        typer.echo(f"dissmodel {__version__}")
        raise typer.Exit


class Root(ErrorBoundary, LazyGroup):
    """The command itself."""

    places: ClassVar[Mapping[str, str]] = {
        "run": "dissmodel.cli.run:run",
        "validate": "dissmodel.cli.validate:validate",
        "show": "dissmodel.cli.show:show",
        "reproduce": "dissmodel.cli.reproduce:reproduce",
        "compare": "dissmodel.cli.compare:compare",
        "init": "dissmodel.cli.init:init",
        "push": "dissmodel.cli.push:push",
        "pull": "dissmodel.cli.pull:pull",
        "doctor": "dissmodel.cli.doctor:doctor",
        "record": "dissmodel.cli.record:app",
        "registry": "dissmodel.cli.registry:app",
        "config": "dissmodel.cli.config:app",
        "env": "dissmodel.cli.env:app",
    }


app = App(
    name="dissmodel",
    cls=Root,
    no_args_is_help=True,
    rich_markup_mode=None,
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


def prepare_streams() -> None:
    """Make standard output and error spell out what their encoding lacks."""
    codecs.register_error("dissmodel", _spell_out)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="dissmodel")


def _let_go_of_log() -> None:
    """Drop what a full disk keeps in the stream; Python would end with 120 for it, come what may."""
    if sys.stderr is None or sys.stderr.closed:  # a model may have closed it
        return
    try:
        sys.stderr.flush()
    except OSError:
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def main() -> None:
    """Run the command line."""
    prepare_streams()
    gdal_settings.ignore()
    try:
        with stopping():
            app()
    finally:
        _let_go_of_log()
        gc.freeze()  # what is left goes with the process; looking through it first takes long
