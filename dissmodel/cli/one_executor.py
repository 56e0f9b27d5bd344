"""``run``, ``validate`` and ``show`` for one executor, as `dissmodel.executor.cli.run_cli` opens them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dissmodel import gdal_settings
from dissmodel.cli import options
from dissmodel.cli.app import ErrorBoundary
from dissmodel.cli.commands import App
from dissmodel.cli.signals import stopping
from dissmodel.cli.streams import prepare_streams
from dissmodel.cli.values import parse_names, parse_parameters

if TYPE_CHECKING:
    from dissmodel.executor import ModelExecutor

MODEL_TOML = Path("model.toml")
EXIT_BROKEN = 1

PreserveName = Annotated[
    bool, typer.Option("--preserve-output-name", help="Write to --output as given, without the run's id.")
]


def open_on(executor: type[ModelExecutor], args: Sequence[str] | None) -> None:
    """Run one command; return only where a ``run`` or a ``show`` succeeded."""
    words = sys.argv[1:] if args is None else list(args)
    app = App(
        cls=ErrorBoundary,
        pretty_exceptions_enable=False,
        add_completion=False,
        context_settings={"help_option_names": ["--help", "-h"]},
        help=f"Run {executor.name}: {executor.summary()}".rstrip(": "),
    )
    app.callback()(_root)
    commands = _Commands(executor, words)
    app.command("run")(commands.run)
    app.command("validate")(commands.validate)
    app.command("show")(commands.show)
    prepare_streams()
    gdal_settings.ignore()
    try:
        with stopping(ends=False):  # a script may go on
            app(words, prog_name=Path(sys.argv[0]).name)
    except SystemExit as ended:
        # Scripts go on after a run; those that validate expect to be ended.
        if ended.code or words[:1] not in (["run"], ["show"]) or {"--help", "-h"} & set(words):
            raise


def _root(debug: options.Debug = False) -> None:
    """Declare what goes before a command."""


class _Commands:
    """The commands, which know their executor."""

    def __init__(self, executor: type[ModelExecutor], words: Sequence[str]) -> None:
        self._executor = executor
        self._words = words

    def run(
        self,
        input_: options.Input,
        output: options.Output = None,
        param: options.Params = None,
        toml: options.Toml = None,
        band_map: options.BandMap = None,
        column_map: options.ColumnMap = None,
        class_map: options.ClassMap = None,
        format_: options.InputFormat = "auto",
        preserve_name: PreserveName = False,
        overwrite: options.Overwrite = False,
        as_json: options.Json = False,
        quiet: options.Quiet = False,
        verbose: options.Verbose = False,
    ) -> None:
        """Run the model; write the result, its record and a table of times."""
        from uuid import uuid4

        from dissmodel.cli import render
        from dissmodel.progress import current
        from dissmodel.running.run import RunRequest
        from dissmodel.running.run import run as run_model
        from dissmodel.watching import command_reporter

        experiment_id = uuid4().hex
        request = RunRequest(
            model=None,
            executor=self._executor,
            experiment_id=experiment_id,
            input=input_,
            output=output if preserve_name else self._output(output, experiment_id),
            parameters=parse_parameters(param or ()),
            toml=_toml(toml),
            band_map=parse_names(band_map or (), "--band-map"),
            column_map=parse_names(column_map or (), "--column-map"),
            class_map=parse_names(class_map or (), "--class-map"),
            format=format_,
            overwrite=overwrite,
            command=(sys.argv[0], *self._words),
            as_public=True,
        )
        with command_reporter(quiet=quiet, verbose=verbose):
            result = run_model(request, current())
        if not quiet or as_json:
            render.run_of_package(result, as_json=as_json)
        for line in result.record.logs if not (as_json or quiet) else ():  # as the public package prints it
            render.print_line(f"  {line}")
        if result.record.differs:
            sys.exit(options.EXIT_DIFFERS)

    def validate(
        self,
        input_: options.Inputs = None,
        param: options.Params = None,
        toml: options.Toml = None,
        band_map: options.BandMap = None,
        column_map: options.ColumnMap = None,
        class_map: options.ClassMap = None,
        format_: options.InputFormat = "auto",
        as_json: options.Json = False,
    ) -> None:
        """Check that the class keeps the executor contract; with --input, also that it runs on it.

        Exits with 1 if it does not.
        """
        from dissmodel.cli import render
        from dissmodel.running.validate import ValidateRequest
        from dissmodel.running.validate import validate as look

        request = ValidateRequest(
            model=None,
            executor=self._executor,
            inputs=tuple(input_ or ()),
            parameters=parse_parameters(param or ()),
            toml=_toml(toml),
            band_map=parse_names(band_map or (), "--band-map"),
            column_map=parse_names(column_map or (), "--column-map"),
            class_map=parse_names(class_map or (), "--class-map"),
            format=format_,
            trial=True,
        )
        validation = look(request)
        render.findings(validation, as_json=as_json)
        if not validation.ok:
            sys.exit(EXIT_BROKEN)

    def show(
        self, toml: options.Toml = None, param: options.Params = None, as_json: options.Json = False
    ) -> None:
        """Show the parameters as a run would resolve them."""
        from dissmodel.cli import render
        from dissmodel.running.model import ModelRequest
        from dissmodel.running.show import show_model

        request = ModelRequest(
            toml=_toml(toml), parameters=parse_parameters(param or ()), executor=self._executor
        )
        render.model_view(show_model(request), as_json=as_json)

    def _output(self, output: str | None, experiment_id: str) -> str | None:
        """Return where the result goes, with the start of the id in its name."""
        if output is None or "://" in output:
            return output
        from dissmodel.running.profiling import SHORT_ID

        short = experiment_id[:SHORT_ID]
        path = Path(output)
        if output.endswith(("/", "\\")) or path.is_dir():
            return str(path / f"{self._executor.name}_{short}{self._executor.output_suffix or '.tif'}")
        return output if short in path.name else str(path.with_name(f"{path.stem}_{short}{path.suffix}"))


def _toml(given: Path | None) -> Path | None:
    if given is not None or not MODEL_TOML.is_file():
        return given
    sys.stderr.write(f"reading ./{MODEL_TOML}\n")
    return MODEL_TOML
