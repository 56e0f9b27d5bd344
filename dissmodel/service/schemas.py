"""The JSON Schemas of models' parameters: a process of its own loads the models, which are foreign code."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from dissmodel import environments
from dissmodel.config import load_settings
from dissmodel.service import foreign
from dissmodel.service.models import Model
from dissmodel.service.refusals import refused

NOT_INSTALLED = "Its package is not installed yet: a job installs it, if the setting trust names it."
_MOST = 1000
_PATHS = frozenset({"path", "file-path", "directory-path"})


class Schemas:
    """What models' parameters are, each looked up once."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()

    def of(self, model: Model) -> dict[str, Any] | None:
        """Return the JSON Schema of a model's parameters; None where that is not known.

        So it is where the model declares none, or its package is not installed or not trusted.
        """
        self.learn([model])
        return self._known.get(_key(model), {}).get("schema")

    def problem(self, model: Model) -> str | None:
        """Return why the parameters of a model that was looked up are not known, if something is wrong."""
        if not is_installed(model):
            return NOT_INSTALLED
        return self._known.get(_key(model), {}).get("problem")

    def summary(self, model: Model) -> str:
        """Return what a model is, as far as its class was loaded already; empty if not."""
        return str(self._known.get(_key(model), {}).get("summary", ""))

    def about(self, model: Model) -> Mapping[str, Any]:
        """Return what `dissmodel.service.describe` says of a model, empty where that is not known."""
        self.learn([model])
        return self._known.get(_key(model), {})

    def learn(self, models: Sequence[Model]) -> None:
        """Look up several models in one process.

        Raises
        ------
        StorageError
            If that fails.
        """
        with self._lock:
            wanted = [one for one in models if _key(one) not in self._known and is_installed(one)]
            if not wanted:
                return
            asked = [{"name": one.name, "spec": one.spec, "commit": one.commit} for one in wanted]
            said = foreign.run("dissmodel.service.describe", given=json.dumps(asked, default=str))
            if len(self._known) > _MOST:  # specs that clients sent
                self._known.clear()
            self._known.update(zip(map(_key, wanted), json.loads(said), strict=True))

    def refuse_paths(self, model: Model, parameters: Mapping[str, Any]) -> None:
        """Refuse values of parameters that are paths: they would be of the worker's machine.

        Raises
        ------
        UsageError
            With code ``"path_parameter"``.
        StorageError
            If it can't be found out which parameters are paths.
        """
        schema = (self.of(model) if parameters else None) or {}
        properties = schema.get("properties") or {}
        paths = [name for name, one in properties.items() if is_path(one, schema)]
        # Another name may be an alias of a path: the schema has none of them.
        wrong = [name for name in parameters if paths and (name in paths or name not in properties)]
        if wrong:
            others = ", ".join(name for name in properties if name not in paths)
            raise refused("path_parameter", f"{wrong[0][:80]}: this may be a path. No paths are: {others}.")


def _key(model: Model) -> str:
    """Return what parameters depend on: the model's class, and for a package also what is trusted."""
    about = model.spec.get("model", {})
    given = [about.get("class", model.name), about.get("executor_module"), about.get("package")]
    return json.dumps([*given, load_settings().trust if given[2] else ()], default=str)


def is_installed(model: Model) -> bool:
    """Return whether a model can be loaded now: it needs no package, or one that is installed."""
    package = str(model.spec.get("model", {}).get("package", "")).strip()
    return not package or package in set(environments.ready(load_settings().data_dir))


def is_path(schema: Any, whole: Mapping[str, Any]) -> bool:
    """Return whether a value may be a path, alone or in a list or a table."""
    text = json.dumps(schema)
    return any(f'"format": "{one}"' in text for one in _PATHS) or any(
        f'"#/$defs/{name}"' in text and is_path(one, {}) for name, one in whole.get("$defs", {}).items()
    )
