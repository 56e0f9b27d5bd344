"""The command ``dissmodel``: its groups, and the one place where errors become exit codes."""

from __future__ import annotations

import codecs
import json
import os
import sys
import tempfile
import traceback
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from dissmodel.cli import record, run, show
from dissmodel.errors import DissmodelError

EXIT_BUG = 70
EXIT_SIGINT = 130


class ErrorBoundary(TyperGroup):
    """A group of commands in which no error leaves a traceback."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Note, before anything can fail, how errors are to be told."""
        ctx.meta["as_json"] = "--json" in args
        ctx.meta["debug"] = "--debug" in args
        return super().parse_args(ctx, [word for word in args if word != "--debug"])

    def invoke(self, ctx: Any) -> Any:
        """Run the command; turn what it raises into a message and an exit code."""
        try:
            return super().invoke(ctx)
        except DissmodelError as error:
            if ctx.meta["debug"]:
                traceback.print_exc()
            _tell(error, as_json=ctx.meta["as_json"])
            sys.exit(error.exit_code)
        except KeyboardInterrupt:
            _tell(DissmodelError("interrupted", code="interrupted"), as_json=ctx.meta["as_json"])
            sys.exit(EXIT_SIGINT)
        except BrokenPipeError:  # whoever read our output has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)
        except Exception as error:
            if ctx.meta["as_json"] and hasattr(error, "format_message"):  # a usage error of the parser
                _tell(DissmodelError(error.format_message(), code="usage"), as_json=True)
                sys.exit(getattr(error, "exit_code", 2))
            if ctx.meta["debug"] or hasattr(error, "exit_code"):  # or the parser's own way to end
                raise
            _tell(_as_bug(error), as_json=ctx.meta["as_json"])
            sys.exit(EXIT_BUG)


def _tell(error: DissmodelError, *, as_json: bool) -> None:
    from dissmodel.record.redact import redact

    message, hint = redact(error.message), redact(error.hint)
    record_path = str(error.record_path) if error.record_path is not None else None
    if as_json:
        told = {"code": error.code, "message": message, "hint": hint}
        if record_path is not None:
            told["record"] = record_path
        sys.stdout.write(json.dumps({"schema_version": 1, "error": told}, ensure_ascii=False) + "\n")
        return
    lines = [f"error: {message}"]
    lines += [f"  {hint}"] if hint else []
    lines += [f"  record: {record_path}"] if record_path is not None else []
    sys.stderr.write("\n".join(lines) + "\n")


def _as_bug(error: Exception) -> DissmodelError:
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
        from importlib.metadata import version

        typer.echo(f"dissmodel {version('dissmodel')}")
        raise typer.Exit


app = typer.Typer(
    name="dissmodel",
    cls=ErrorBoundary,
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
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Declare what goes before a command."""


app.command("run")(run.run)
app.command("show")(show.show)
app.add_typer(record.app, name="record")


def main() -> None:
    """Run the command line."""
    codecs.register_error("dissmodel", _spell_out)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="dissmodel")
    app()
