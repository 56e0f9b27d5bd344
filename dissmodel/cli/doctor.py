"""``dissmodel doctor``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from dissmodel.cli import options

if TYPE_CHECKING:
    from dissmodel.doctor.report import Diagnosis

EXIT_BROKEN = 1


def doctor(
    offline: Annotated[bool, typer.Option("--offline", help="Ask nothing of the network.")] = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Say what works on this machine and what doesn't, each with the command that mends it.

    Looks at Python, the libraries, the models, git, ssh-keygen, uv, your settings, registries and
    environments, the package indexes, the object store and the disks; changes nothing. Exits with 1 if there
    is an error.

    Example: dissmodel doctor
    """
    from dissmodel.doctor.report import DoctorRequest
    from dissmodel.doctor.report import doctor as look

    diagnosis = look(DoctorRequest(offline=offline))
    _render(diagnosis, as_json=as_json, errors_only=quiet)
    if not diagnosis.ok:
        sys.exit(EXIT_BROKEN)


def _render(diagnosis: Diagnosis, *, as_json: bool, errors_only: bool) -> None:
    import dataclasses
    from collections import Counter

    from dissmodel.cli.render import print_json, print_line, printable

    if as_json:
        findings = [dataclasses.asdict(finding) for finding in diagnosis.findings]
        print_json({"ok": diagnosis.ok, "findings": findings})
        return
    for finding in diagnosis.findings:
        if errors_only and finding.severity != "error":
            continue
        print_line(printable(f"{finding.severity:8} {finding.subject}: {finding.message}"))
        if finding.hint:
            print_line(printable(f"{'':8} {finding.hint}"))
    if not errors_only:
        counts = Counter(finding.severity for finding in diagnosis.findings)
        told = [f"{counts[kind]} {kind}{'s' * (counts[kind] != 1)}" for kind in ("error", "warning")]
        print_line(f"\n{', '.join(told)}")
