"""``dissmodel serve``."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

Role = Literal["reader", "submitter", "admin"]


def serve(
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Its port; 0 takes a free one.")] = 8000,
    workers: Annotated[int, typer.Option(min=0, max=1000, help="How many processes take jobs.")] = 1,
    open_: Annotated[
        bool, typer.Option("--open", help="Open the pages in a browser once the service is ready.")
    ] = False,
    new_key: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Make an API key, print it with its lines for service.keys, and end."
        ),
    ] = None,
    role: Annotated[Role, typer.Option(help="What the new key may do.")] = "submitter",
) -> None:
    """Serve many people: pages, an HTTP API, the sync of registries, and workers that run jobs.

    The pages are at /ui: dissmodel serve --open. Without keys only this machine may ask. Jobs and results are
    in service.place, by default a folder in the data folder. Ctrl-C or SIGTERM ends it; a job that runs has
    50 seconds to end, else it is run again later. The log is on standard error, one JSON object a line.

    Example: dissmodel serve --new-key ana --role submitter
    """
    try:
        from dissmodel.service.auth import new_key as made
        from dissmodel.service.logs import log_to
        from dissmodel.service.opening import open_when_ready
        from dissmodel.service.server import serve as run
        from dissmodel.service.settings import ServiceSettings
    except ImportError as error:
        from dissmodel.errors import MissingModule, extra_hint

        raise MissingModule(
            f"dissmodel serve needs {error.name}, which is not installed.", extra_hint(error)
        ) from error

    if new_key is not None:
        key, lines = made(new_key, role)
        typer.echo(f"The key, which is not shown again: {key}", err=True)
        typer.echo(lines, nl=False)
        return

    def ready(url: str) -> None:
        typer.echo(f"Serving on {url} (stop with Ctrl-C)", err=True)
        if open_:
            open_when_ready(url, lambda pages: typer.echo(f"Open {pages} in a browser", err=True))

    log_to()
    run(
        ServiceSettings.load(),
        host=host,
        port=port,
        workers=workers,
        ready=ready,
    )
