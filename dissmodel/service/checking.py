"""What is wrong with a job that is not submitted yet: a process of its own, with limits, loads the model."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from dissmodel.errors import DissmodelError, StorageError
from dissmodel.experiment.naming import renamed
from dissmodel.running.others import given_inputs
from dissmodel.service import foreign, inputs
from dissmodel.service.documents import pairs_of
from dissmodel.service.models import Model
from dissmodel.service.schemas import NOT_INSTALLED, is_installed
from dissmodel.service.service import Service
from dissmodel.storage.uri import parse

_MOST_BYTES = 256 << 20  # that are fetched for it
_MAPS = ("band_map", "column_map", "class_map", "layer", "input_format", "resample", "output_suffix")


@dataclass(frozen=True)
class Findings:
    """Findings, as `dissmodel.executor.findings.Finding` has them, and what is wrong with each parameter."""

    findings: list[Mapping[str, str]] = field(default_factory=list)
    parameters: Mapping[str, list[str]] = field(default_factory=dict)
    model: str = ""

    @property
    def of_run(self) -> list[Mapping[str, str]]:
        """The findings without warnings for the author of the model."""
        return [one for one in self.findings if one["severity"] == "error" or one["subject"] != self.model]

    @property
    def ok(self) -> bool:
        """Whether nothing is an error."""
        is_wrong = any(one["severity"] == "error" for one in self.findings)
        return not is_wrong and not any(self.parameters.values())


def check(service: Service, fields: Mapping[str, Any], find: Callable[[], Model]) -> Findings:
    """Return what is wrong with a job; an input that would have to be fetched is left out if it is large.

    Arguments are as of `dissmodel.service.service.Service.run`, and so are the errors.
    """
    model = find()
    asked = service.asked(model, fields, {**model.given, **fields["parameters"]})
    told: list[Mapping[str, str]] = []
    if not is_installed(model):
        return Findings([_warning("package", NOT_INSTALLED)])
    with contextlib.ExitStack() as stack:
        names: dict[str, str] = {}
        pairs = list(_at_hand(service, asked, stack, names, told))
        given = {name: asked[name] for name in (*_MAPS, "parameters", "input_fields", "commit", "spec")}
        given |= {"name": model.name, "inputs": pairs, "memory": service.settings.memory}
        try:
            said = foreign.run("dissmodel.service.examine", given=json.dumps(given, default=str))
        except StorageError as error:
            if error.code not in {"process_failed", foreign.OUTPUT_TOO_LARGE}:
                raise
            what = "It could not be checked here: that failed, or took too long or too much memory."
            return Findings([*told, _warning("inputs", what)])
    found = json.loads(said)
    told += [{name: renamed(text, names) for name, text in one.items()} for one in found["findings"]]
    return Findings(told, found["parameters"], model.name)


def _at_hand(
    service: Service,
    asked: Mapping[str, Any],
    stack: contextlib.ExitStack,
    names: dict[str, str],
    told: list[Mapping[str, str]],
) -> Iterator[tuple[str, str]]:
    """Yield name and path of each input that can be looked at: all of them, or none."""
    pairs = [("", asked["input"]), *pairs_of(asked["inputs"])]
    _, _, others = given_inputs(pairs, None)
    places = [asked["input"], *(one.place for one in others)]
    bands = ["", *(next(iter(one.fields.values()), "") for one in others)]
    found = []
    for (name, _), place, band in zip(pairs, places, bands, strict=True):
        try:
            if not _is_near(service, place):
                what = "The inputs are looked at when the job runs: they are too large, or elsewhere."
                told.append(_warning("inputs", what))
                return
            here = stack.enter_context(inputs.fetched(place, service.settings))
        except DissmodelError as error:
            subject = place.rpartition("/")[2]
            said = {"subject": subject, "message": error.message, "hint": error.hint}
            told.append({"severity": "error", **said})
            return
        names |= {**here.names, str(here.path): place.rpartition("/")[2]}
        found.append((name, f"{here.path}{f':{band}' if band else ''}"))
    yield from found


def _warning(subject: str, message: str) -> Mapping[str, str]:
    return {"severity": "warning", "subject": subject, "message": message, "hint": ""}


def _is_near(service: Service, uri: str) -> bool:
    """Return whether an input is here, or small and in the place of inputs."""
    if parse(uri).path is not None:
        return True
    place = service.inputs
    stat = place.storage.stat(place.key(uri.removeprefix(place.uri))) if uri.startswith(place.uri) else None
    return stat is not None and stat.size <= _MOST_BYTES
