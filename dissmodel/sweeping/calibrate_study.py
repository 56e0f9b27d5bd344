"""The trials of a calibration: what Optuna proposes, from the trials before, and what came of it."""

from __future__ import annotations

import contextlib
import json
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, get_args

from dissmodel.errors import MissingModule, UsageError, extra_hint
from dissmodel.printable import cut
from dissmodel.record.digest import sha256_bytes
from dissmodel.sweeping.calibrate_metrics import Direction
from dissmodel.sweeping.values import Bounds, Varied

Sampler = Literal["tpe", "random"]
SAMPLERS: tuple[Sampler, ...] = get_args(Sampler)

GENERATION = 8
"""So many trials are proposed at once, from the trials before them, whatever the number of workers."""

_NAME = "calibration"
_ASKED = "asked"
_SEED_DIGITS = 8
_KINDS = (bool, int, float, str)
_SHOWN = 60


@dataclass(frozen=True)
class Trial:
    """A trial: its number from 0, its values, and the metric, None if it failed; `ended` is False before."""

    number: int
    values: Mapping[str, Any]
    metric: float | None
    ended: bool


class Study:
    """The trials in a file; what is added is on the disk when a method returns.

    Each generation is proposed from the trials before it alone, and each trial of it by a sampler with a seed
    of its own. So it makes no difference in which order trials end, nor whether the study was stopped.
    """

    def __init__(
        self, path: Path, direction: Direction, sampler: Sampler, seed: int, space: Mapping[str, Varied]
    ) -> None:
        self._optuna = load_optuna()
        self._direction, self._sampler, self._seed = direction, sampler, seed
        self._space = {name: self._distribution(name, one) for name, one in space.items()}
        _mend(path)
        with _quiet(self._optuna):
            backend = self._optuna.storages.journal.JournalFileBackend(str(path), lock_obj=_Held())
            self._study = self._optuna.create_study(
                storage=self._optuna.storages.JournalStorage(backend),
                study_name=_NAME,
                direction=direction,
                load_if_exists=True,
            )

    def agree(self, asked: Mapping[str, str]) -> None:
        """Note what was asked for; refuse another question than that of the trials in the file.

        Raises
        ------
        UsageError
            With what differs.
        """
        was = self._study.user_attrs.get(_ASKED)
        if was is None:
            self._study.set_user_attr(_ASKED, dict(asked))
            return
        differs = [name for name in {**was, **asked} if was.get(name) != asked.get(name)]
        if differs:
            pairs = [[cut(str(one.get(name)), _SHOWN) for one in (was, asked)] for name in differs]
            said = "; ".join(
                f"{name}: {old}, now {new}" for name, (old, new) in zip(differs, pairs, strict=True)
            )
            raise UsageError(
                f"The folder has the calibration of another question. {said}.",
                "Give another folder, or what was given before.",
                code="other_plan",
            )

    def trials(self) -> list[Trial]:
        """Return all trials, in the order of their numbers."""
        return [
            Trial(one.number, one.params, one.value, one.state.is_finished())
            for one in self._study.get_trials(deepcopy=False)
        ]

    def propose(self, most: int) -> list[Trial]:
        """Return the trials that have not ended, else a new generation, up to `most` trials in all."""
        before = self.trials()
        open_trials = [one for one in before if not one.ended]
        if open_trials or len(before) >= most:
            return open_trials
        first = len(before) - len(before) % GENERATION
        state, make = self._optuna.trial.TrialState, self._optuna.trial.create_trial
        with _quiet(self._optuna):
            known = self._optuna.create_study(direction=self._direction)
            known.add_trials(self._study.get_trials(deepcopy=False)[:first])
            for number in range(first, min(first + GENERATION, most)):
                if number < len(before):
                    known.add_trial(make(state=state.FAIL))
                    continue
                known.sampler = self._sampler_of(number)
                asked = known.ask(self._space)
                known.tell(asked, state=state.FAIL)  # the others of the generation learn nothing of it
                made = make(state=state.RUNNING, params=asked.params, distributions=self._space)
                self._study.add_trial(made)
        return [one for one in self.trials() if not one.ended]

    def tell(self, trial: Trial, metric: float | None) -> None:
        """Note the metric of a trial; None: it failed."""
        state = self._optuna.trial.TrialState
        with _quiet(self._optuna):
            if metric is None:
                self._study.tell(trial.number, state=state.FAIL)
            else:
                self._study.tell(trial.number, metric)

    def _sampler_of(self, number: int) -> Any:
        text = json.dumps([self._seed, number]).encode()
        seed = int(sha256_bytes(text)[:_SEED_DIGITS], 16)
        kinds = {"tpe": self._optuna.samplers.TPESampler, "random": self._optuna.samplers.RandomSampler}
        return kinds[self._sampler](seed=seed)

    def _distribution(self, name: str, given: Varied) -> Any:
        made = self._optuna.distributions
        if not isinstance(given, Bounds):
            if not all(isinstance(one, _KINDS) for one in given):
                raise UsageError(
                    f"{name}: a calibration varies numbers, texts and booleans.", f"--vary {name}=LOW:HIGH"
                )
            return made.CategoricalDistribution(given)
        if isinstance(given.low, int) and isinstance(given.high, int):
            step = 1 if given.log else int(given.step or 1)
            return made.IntDistribution(given.low, given.high, log=given.log, step=step)
        step_of = None if given.log else given.step
        return made.FloatDistribution(given.low, given.high, log=given.log, step=step_of)


def load_optuna() -> ModuleType:
    """Return Optuna.

    Raises
    ------
    MissingModule
        If it is not installed.
    """
    try:
        import optuna  # noqa: PLC0415  (an extra)
    except ImportError as error:
        raise MissingModule("A calibration needs Optuna.", extra_hint(error)) from error
    found: ModuleType = optuna
    return found


class _Held:
    """A lock that does nothing: the folder has one, and Optuna's would outlive a process that is killed."""

    def acquire(self) -> bool:
        """Take it."""
        return True

    def release(self) -> None:
        """Let it go."""


def _mend(path: Path) -> None:
    """Remove the line that a killed process wrote in part: what follows it could not be read."""
    if path.exists():
        data = path.read_bytes()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            with path.open("r+b") as stream:
                stream.truncate(whole)


@contextlib.contextmanager
def _quiet(optuna: ModuleType) -> Iterator[None]:
    """Let Optuna neither log each trial nor warn of what is experimental in it."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(before)
