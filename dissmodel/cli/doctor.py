"""``dissmodel doctor``."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from dissmodel.cli import options

if TYPE_CHECKING:
    from dissmodel.doctor.report import Diagnosis

EXIT_BROKEN = 1


def doctor(
    offline: Annotated[bool, typer.Option("--offline", help="Send no request to the network.")] = False,
    server: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Check a service instead: whether it answers and is ready."),
    ] = None,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Check what works on this machine and what doesn't, with the command that fixes each problem.

    Checks Python, the libraries, the models, git, ssh-keygen, uv, your settings, registries and
    environments, the package indexes, the object store and the disks; changes nothing. Exits with 1 if there
    is an error.

    Example: dissmodel doctor
    """
    from dissmodel.doctor.report import DoctorRequest
    from dissmodel.doctor.report import doctor as look

    diagnosis = look(DoctorRequest(offline=offline, server=server))
    _render(diagnosis, as_json=as_json, errors_only=quiet)
    if not diagnosis.ok:
        sys.exit(EXIT_BROKEN)


def _render(diagnosis: Diagnosis, *, as_json: bool, errors_only: bool) -> None:
    from dissmodel.cli import render

    render.findings(diagnosis, as_json=as_json, errors_only=errors_only)
    if not (as_json or errors_only):
        counts = Counter(finding.severity for finding in diagnosis.findings)
        render.print_line("")
        render.print_line(", ".join(render.count(counts[kind], kind) for kind in ("error", "warning")))
