"""From what the registry actions return to lines or JSON. All texts may be other people's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dissmodel.cli.render import (
    as_dict,
    count,
    error_document,
    print_error,
    print_json,
    print_line,
    print_table,
    print_warnings,
    short_path,
    value_text,
)

if TYPE_CHECKING:
    from dissmodel.registries.check import RegistryCheck, SpecFinding
    from dissmodel.registries.models import RegistryModel, RegistryModels, RegistryModelView
    from dissmodel.registries.sources import SyncReport
    from dissmodel.registry.sync import Outcome

_MOST_NAMES = 20
_SHORT = 12


def sync_report(report: SyncReport, *, as_json: bool, errors_only: bool) -> None:
    """Print which models came, changed and went; and on standard error what could not be fetched."""
    if as_json:
        print_json(
            {
                "ok": not report.failures,
                "registries": [_outcome_document(outcome) for outcome in report.outcomes],
                "failures": [
                    {"registry": name, **error_document(error)} for name, error in report.failures.items()
                ],
            }
        )
        return
    for outcome in report.outcomes if not errors_only else ():
        _outcome(outcome)
    for name, error in report.failures.items():
        print_error(error, f"{name}: ")


def models(found: RegistryModels, *, as_json: bool) -> None:
    """Print a line per model, and on standard error the registries that gave none."""
    if as_json:
        print_json(as_dict(found))
        return
    is_grouped = any(row.group for row in found.models)
    rows = [
        (
            f"{row.registry}/{row.name}",
            *((row.group or "-",) if is_grouped else ()),
            row.substrate or "-",
            row.package or "-",
            ("yes" if row.installed else "no") if row.usable else "broken",
            " ".join(filter(None, (_what(row) if row.usable else "", row.problem))),
        )
        for row in found.models
    ]
    group = ("group",) if is_grouped else ()
    print_table(("model", *group, "substrate", "package", "installed", "what it is"), rows)
    print_warnings(found.problems)


def model(view: RegistryModelView, *, as_json: bool) -> None:
    """Print what a registry says about a model."""
    if as_json:
        from dissmodel.record.plain import plain

        print_json(plain({**as_dict(view), "row": None, **as_dict(view.row)}))
        return
    row = view.row
    print_line(f"{row.registry}/{row.name}: {_what(row)}".rstrip(": "))
    facts = [
        ("from", view.url),
        ("commit", view.commit or "none"),
        ("file", short_path(str(view.path))),
        ("executor", str(view.spec.get("class") or view.spec.get("name") or row.name)),
        ("package", row.package or "none: it comes with dissmodel or is installed"),
        ("module", str(view.spec.get("executor_module", ""))),
        ("group", row.group),
        ("substrate", row.substrate),
        ("dissmodel", str(view.spec.get("dissmodel", ""))),
        ("installed", "yes" if row.installed else "no"),
        ("mind", row.problem),
    ]
    for name, value in facts:
        if value:
            print_line(f"  {name:10} {value}")
    if view.parameters:
        print_line("")
        print_line("Parameters")
    for name, value in view.parameters.items():
        print_line(f"  {name} = {value_text(value)}")


def check(checked: RegistryCheck, *, as_json: bool, errors_only: bool) -> None:
    """Print a line per finding, and below it what to do about it."""
    if as_json:
        print_json({"ok": checked.ok, "files": checked.files, "findings": checked.findings})
        return
    shown = [one for one in checked.findings if not errors_only or one.severity == "error"]
    for finding in shown:
        print_line(f"{_place(finding)}: {finding.severity}: {finding.message}")
        if finding.hint:
            print_line(f"  {finding.hint}")
    if not errors_only:
        errors = sum(finding.severity == "error" for finding in checked.findings)
        counts = {"model": checked.files, "error": errors, "warning": len(checked.findings) - errors}
        print_line(", ".join(count(number, what) for what, number in counts.items()))


def _what(row: RegistryModel) -> str:
    return ": ".join(filter(None, (row.title, row.description)))


def _outcome(outcome: Outcome) -> None:
    before, after = outcome.before, outcome.after
    old = before.commit if before is not None else None
    models = count(len(after.models), "model")
    commits = (after.commit or "a folder")[:_SHORT]
    if old != after.commit:
        commits = f"{(old or 'none')[:_SHORT]} → {commits}"
    print_line(f"{outcome.registry}: {commits}, {models}  ({outcome.url})")
    said = {"added": outcome.added, "changed": outcome.changed, "removed": outcome.removed}
    for what, names in said.items():
        if names:
            more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
            print_line(f"  {what:8} {', '.join(names[:_MOST_NAMES])}{more}")
    for file, why in after.refused.items():
        print_line(f"  {'refused':8} {file}: {why}")
    if not any(said.values()):
        print_line("  nothing new")


def _outcome_document(outcome: Outcome) -> dict[str, Any]:
    return {
        "registry": outcome.registry,
        "url": outcome.url,
        "branch": outcome.after.branch,
        "old_commit": outcome.before.commit if outcome.before is not None else None,
        "commit": outcome.after.commit,
        "models": len(outcome.after.models),
        "added": outcome.added,
        "changed": outcome.changed,
        "removed": outcome.removed,
        "refused": outcome.after.refused,
    }


def _place(finding: SpecFinding) -> str:
    line = f":{finding.line}" if finding.line is not None else ""
    return f"{short_path(finding.path)}{line}"
