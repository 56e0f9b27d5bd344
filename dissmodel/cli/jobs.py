"""``dissmodel jobs``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from dissmodel.cli import options
from dissmodel.cli.commands import App
from dissmodel.cli.session import consent, session

if TYPE_CHECKING:
    from dissmodel.client.jobs import Job

app = App(help="Look at the jobs of a server, and end them.\n\nExample: dissmodel jobs list")

JobId = Annotated[str, typer.Argument(metavar="ID", help="The job's id, or 4 or more characters of it.")]


def _job(job: str, server: str | None, *, yes: bool) -> Job:
    from dissmodel import api

    return api.connect(server, consent=consent(yes=yes)).job(job)


@app.command("list")
def list_(
    status: Annotated[
        Literal["pending", "running", "completed", "failed", "cancelled"] | None,
        typer.Option(help="Only jobs in this state."),
    ] = None,
    model: Annotated[str | None, typer.Option(metavar="NAME", help="Only jobs of this model.")] = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="How many, the newest first.")] = 100,
    server: options.Server = None,
    yes: options.YesClear = False,
    as_json: options.Json = False,
) -> None:
    """List the jobs of a server.

    Example: dissmodel jobs list --status running
    """
    from dissmodel import api
    from dissmodel.cli import render_jobs

    with session():
        there = api.connect(server, consent=consent(yes=yes))
        found = there.jobs(status=status, model=model, limit=limit)
    render_jobs.listed(found, as_json=as_json)


@app.command("show")
def show(
    job: JobId,
    server: options.Server = None,
    yes: options.YesClear = False,
    as_json: options.Json = False,
) -> None:
    """Show a job: how far it is, or how it ended.

    Example: dissmodel jobs show 1a2b3c4d
    """
    from dissmodel.cli import render_jobs

    with session():
        status = _job(job, server, yes=yes).status()
    render_jobs.shown(status, as_json=as_json)


@app.command("wait")
def wait(
    job: JobId,
    output: options.OutputHere = None,
    overwrite: options.Overwrite = False,
    timeout: options.Timeout = None,
    server: options.Server = None,
    yes: options.YesClear = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Wait for a job's end, and bring its result here, as `dissmodel run` leaves it and with its exit code.

    Example: dissmodel jobs wait 1a2b3c4d --output result.tif
    """
    from dissmodel.cli import render

    with session(quiet=quiet, verbose=verbose):
        made = _job(job, server, yes=yes).result(output, overwrite=overwrite, timeout=timeout)
    render.run(made, as_json=as_json, quiet=quiet)
    if made.record.differs:
        sys.exit(options.EXIT_DIFFERS)


@app.command("cancel")
def cancel(
    job: JobId,
    server: options.Server = None,
    yes: options.YesClear = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Let a job end.

    Example: dissmodel jobs cancel 1a2b3c4d
    """
    from dissmodel.cli import render

    with session(quiet=quiet):
        found = _job(job, server, yes=yes)
        found.cancel()
    render.tell({"job_id": found.id}, f"{found.id} is to end", as_json=as_json, quiet=quiet)


@app.command("log")
def log(
    job: JobId,
    server: options.Server = None,
    yes: options.YesClear = False,
    as_json: options.Json = False,
) -> None:
    """Print what a job's run has printed, as far as the server keeps it.

    Example: dissmodel jobs log 1a2b3c4d
    """
    from dissmodel.cli import render

    with session():
        lines = _job(job, server, yes=yes).log()
    render.tell({"lines": lines}, *lines, as_json=as_json, quiet=False)
