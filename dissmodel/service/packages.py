"""The package of a job's model, installed before its process begins, if the setting ``trust`` names it."""

from __future__ import annotations

from pathlib import Path

from dissmodel import environments
from dissmodel.config import Settings
from dissmodel.environments import Requirement, Resolved, trust
from dissmodel.errors import ConsentRequired, UsageError
from dissmodel.progress import Reporter
from dissmodel.record import ExperimentRecord
from dissmodel.registry.spec import spec_of
from dissmodel.reproducing.recorded_model import recorded_package
from dissmodel.running.model import required_package
from dissmodel.service.documents import Request
from dissmodel.warn import keeping_warnings


def of_request(request: Request, settings: Settings, reporter: Reporter) -> Resolved | None:
    """Return the package of a spec once it is installed; None if the spec has none.

    Raises
    ------
    ConsentRequired
        If the setting ``trust`` does not name it; nothing was installed then, and no repository was asked.
    DissmodelError
        If it can't be installed.
    """
    if not request.spec:
        return None
    spec = spec_of(request.spec, Path(f"{request.model_name}.toml"))
    if not spec.package:
        return None
    wanted = required_package(spec, request.model_name, is_shared=True)
    return _installed(wanted, request.model_name, settings, reporter)


def of_record(path: Path, record: ExperimentRecord, settings: Settings, reporter: Reporter) -> None:
    """Install the package of a record's model, in the recorded version, if it has one; errors as above."""
    wanted = recorded_package(path, record)
    if wanted is not None:
        if wanted.kind == "path":
            raise UsageError(
                f"{record.model_name}: its package is a folder, {wanted.text}.",
                "Run the model from a spec whose package is name==version or git+https://host/org/repo@tag.",
                code="bad_package",
            )
        _installed(wanted, record.model_name, settings, reporter)


def _installed(wanted: Requirement, origin: str, settings: Settings, reporter: Reporter) -> Resolved:
    # Before an index or a repository is asked, as far as its version is known.
    asked = Resolved(
        "git" if wanted.kind == "git" else "index",
        wanted.name or "",
        wanted.exact,
        wanted.ref,
        wanted.url or "",
        wanted.text,
    )
    if wanted.kind == "git" or wanted.exact is not None:
        _refuse_untrusted(asked, origin, settings)
    reporter.phase("install")
    told: list[str] = []
    with keeping_warnings(told):
        resolved = environments.resolve(wanted, data_dir=settings.data_dir)
        _refuse_untrusted(resolved, origin, settings)
        found = environments.obtain(resolved, settings.data_dir, consent=lambda _one: None)
    for message in told:
        reporter.warn(message)
    return found.resolved


def _refuse_untrusted(resolved: Resolved, origin: str, settings: Settings) -> None:
    """Refuse what the setting does not name; what somebody agreed to on a terminal counts for them alone."""
    if any(trust.matches(pattern, resolved) for pattern in settings.trust):
        return
    pattern = f"git+{resolved.source}" if resolved.kind == "git" else resolved.name
    refused = ConsentRequired(
        f"{trust.describe(resolved, origin)} This runs its author's code, and jobs install only what the "
        "setting trust names.",
        f'An administrator may add it to the setting trust: "{pattern}"',
    )
    refused.what = pattern
    raise refused
