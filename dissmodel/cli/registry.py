"""``dissmodel registry``: the models that others published."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from dissmodel.cli import options
from dissmodel.cli.commands import App
from dissmodel.cli.session import consent, session
from dissmodel.cli.values import parse_span
from dissmodel.errors import InvalidInput, UsageError

app = App(
    help="Fetch registries of models and look into them. All but sync works offline.\n\n"
    "Example: dissmodel registry list",
)


@app.command("sync")
def sync(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="One registry; without a name, all known registries.")
    ] = None,
    repo: Annotated[
        str | None, typer.Option(metavar="URL", help="Fetch it from this URL; a folder is read in place.")
    ] = None,
    branch: Annotated[
        str | None, typer.Option(metavar="BRANCH", help="Which branch; by default the remote's own.")
    ] = None,
    watch: Annotated[
        str | None, typer.Option(metavar="TIME", help="Sync again every 15m (s, m, h, d), until Ctrl-C.")
    ] = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Fetch or update registries, and print which models are new, changed or removed.

    By default the registry that registry.default or DISSMODEL_REGISTRY names, and all added registries.
    A token in the URL is used for this sync only and not stored.

    Example: dissmodel registry sync --repo registry
    """
    from dissmodel.cli import render_registry
    from dissmodel.registries import sources as registry

    request = registry.SyncRequest(name, repo, branch)
    if watch is None:
        with session(quiet=quiet):
            report = registry.sync(request)
        render_registry.sync_report(report, as_json=as_json, errors_only=quiet)
        if report.failures:
            sys.exit(next(iter(report.failures.values())).exit_code)
        return
    span = parse_span(watch)
    if span is None:
        raise UsageError(
            f"--watch: {watch!r} is not a time.", "Write a number and its unit, as in --watch 15m."
        )
    with session(quiet=quiet):
        for report in registry.watch(request, span.total_seconds()):
            render_registry.sync_report(report, as_json=as_json, errors_only=quiet)
            sys.stdout.flush()


@app.command("list")
def list_models(as_json: options.Json = False) -> None:
    """List the models of all registries, as of the last sync.

    Example: dissmodel registry list
    """
    from dissmodel.cli import render_registry
    from dissmodel.registries.models import list_registry_models

    render_registry.models(list_registry_models(), as_json=as_json)


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A model's name, or REGISTRY/NAME.")],
    as_json: options.Json = False,
) -> None:
    """Show the entry of a model in a registry: its package, its parameters, its source.

    Example: dissmodel registry show mine/flood
    """
    from dissmodel.cli import render_registry
    from dissmodel.registries.models import show_registry_model

    render_registry.model(show_registry_model(name), as_json=as_json)


@app.command("path")
def path(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="A registry; without a name, the only known.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Print the folder in which a registry's models/ is.

    Example: dissmodel registry path mine
    """
    from dissmodel.cli import render
    from dissmodel.registries.sources import registry_path

    folder = registry_path(name)
    if as_json:
        render.print_json({"path": folder})
    else:
        sys.stdout.write(f"{folder}\n")  # as it is, for a script


@app.command("add")
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name of the registry on this machine.")],
    url: Annotated[str, typer.Argument(metavar="URL", help="A git repository, or a folder.")],
    branch: Annotated[
        str | None, typer.Option(metavar="BRANCH", help="Which branch; by default the remote's own.")
    ] = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Write a registry into your settings; the next sync fetches it. A folder is read in place.

    Example: dissmodel registry add coast https://example.org/coast-models.git
    """
    from dissmodel.cli import render
    from dissmodel.registries.sources import add_registry

    added = add_registry(name, url, branch)
    document = {"name": added.name, "url": added.url, "branch": added.branch}
    lines = (f"added {added.name}: {added.url}", f"  Next: dissmodel registry sync {added.name}")
    render.tell(document, *lines, as_json=as_json, quiet=quiet)


@app.command("remove")
def remove(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name of the registry on this machine.")],
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Remove a registry from your settings, and its copy from this machine; your own folder stays.

    Example: dissmodel registry remove mine
    """
    from dissmodel.cli import render
    from dissmodel.registries.sources import remove_registry

    remove_registry(name)
    render.tell({"removed": name}, f"removed {name}", as_json=as_json, quiet=quiet)


@app.command("trust")
def trust(
    revoke: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="Withdraw consent to a package, a repository, or a line of this list."
        ),
    ] = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """List the packages and servers that you consented to, or withdraw consent.

    Packages that the setting trust names are installed without asking: dissmodel config show trust

    Example: dissmodel registry trust
    """
    from dissmodel.cli import render
    from dissmodel.registries import environments

    if revoke:
        gone = environments.revoke(tuple(revoke))
        lines = [f"revoked {one.what}" for one in gone]
        render.tell({"revoked": gone}, *lines, as_json=as_json, quiet=quiet)
        return
    patterns, approvals = environments.trusted()
    if as_json:
        render.print_json({"trust": patterns, "approved": approvals})
        return
    rows = [(pattern, "always", "settings") for pattern in patterns]
    rows += [(one.what, one.when, one.registry or "-") for one in approvals]
    if rows:
        render.print_table(("package or server", "since", "from"), rows)
    else:
        render.print_line("Nothing is trusted yet; a run that needs a package asks.")


@app.command("check")
def check(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A registry's folder, or one model's TOML.")],
    install: Annotated[
        bool, typer.Option("--install", help="Also install each package, and load and check its model.")
    ] = False,
    yes: options.Yes = False,
    allow_build: options.AllowBuild = False,
    offline: options.Offline = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Check a registry before others sync it: a line per finding, with file and line number.

    Exits with 3 if there is an error. Nothing is fetched, installed or imported unless --install is given.

    Example: dissmodel registry check registry
    """
    from dissmodel.cli import render_registry
    from dissmodel.registries.check import check_registry

    if install:
        from dissmodel.registries.trial import trial
        from dissmodel.watching import with_consent

        agreed = consent(yes=yes, allow_build=allow_build, offline=offline)
        with session(quiet=quiet):
            checked = with_consent(lambda given: check_registry(path, trial(given)), agreed)
    else:
        checked = check_registry(path)
    render_registry.check(checked, as_json=as_json, errors_only=quiet)
    if not checked.ok:
        sys.exit(InvalidInput.exit_code)
