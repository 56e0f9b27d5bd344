"""What is wrong with a spec's package: it is installed, and its model loaded and looked at."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dissmodel.consent import Consent
from dissmodel.errors import ConsentRequired, DissmodelError
from dissmodel.registries.check import Further, SpecFinding, TomlLines
from dissmodel.registry.spec import Spec
from dissmodel.running.model import ModelRequest, open_model, parameter_layers

_LOADING = {"model_unloadable", "model_crashed", "unknown_model"}


def trial(consent: Consent) -> Further:
    """Return what tries a spec, for `dissmodel.registries.check.check_registry`.

    Where the consent is not enough, the check ends with `ConsentRequired`.
    """

    def tried(spec: Spec) -> Iterator[SpecFinding]:
        lines = TomlLines(spec.path)
        request = ModelRequest(toml=spec.path, consent=consent)
        try:
            with open_model(request) as found:
                for finding in found.host.contract():
                    if finding.severity == "error":
                        yield lines.at(
                            "error", "class", f"{finding.subject}: {finding.message}", finding.hint
                        )
                checked = found.host.check(parameter_layers(spec, {}))
                for problem in checked.problems:
                    name = _named(problem.message, spec)
                    if name is not None:  # a value that the spec leaves to its user is no fault of it
                        own = name in spec.model.get("parameters", {})
                        table = "model.parameters" if own else "model"
                        see = request.see_parameters if problem in checked.values else ""
                        yield lines.at("error", name, problem.message, f"{problem.hint} {see}".strip(), table)
        except ConsentRequired:
            raise
        except DissmodelError as error:
            module = "executor_module" if "executor_module" in spec.model else "class"
            key = module if error.code in _LOADING else "package"
            yield lines.at("error", key, error.message, error.hint)

    return tried


def _named(message: str, spec: Spec) -> str | None:
    """Return which of the spec's parameters a message is about."""
    return next((name for name in spec.parameters if re.search(rf"\b{re.escape(name)}\b", message)), None)
