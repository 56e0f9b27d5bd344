"""The contract's tests, shipped with the contract."""

from __future__ import annotations

import inspect
import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path

from dissmodel.executor.config import RunContext, within
from dissmodel.executor.declared import wrong_declarations
from dissmodel.executor.findings import Finding
from dissmodel.executor.model_executor import ModelExecutor
from dissmodel.executor.runner import execute_lifecycle
from dissmodel.record import ExperimentRecord
from dissmodel.registry.classes import ExecutorRegistry

_LOG = logging.getLogger(__name__)
_ARGUMENTS = {"validate": 1, "load": 1, "run": 2, "save": 2}
_CONTRACT = "The contract: validate(record), load(record), run(data, record), save(result, record)."


class ExecutorTestHarness:
    """Check that a class keeps the executor contract, alone or on real data.

    Parameters
    ----------
    executor_cls : type[ModelExecutor]
        The class to check.

    Examples
    --------
    In a model package's own tests::

        def test_contract():
            assert ExecutorTestHarness(MyExecutor).run_contract_tests()
    """

    def __init__(self, executor_cls: type[ModelExecutor]) -> None:
        self.executor_cls = executor_cls

    def findings(self) -> tuple[Finding, ...]:
        """Check the class without running it."""
        return tuple(self._checks())

    def run_contract_tests(self) -> bool:
        """Check the class without running it; log what does not hold."""
        broken = [finding for finding in self.findings() if finding.severity == "error"]
        for finding in broken:
            _LOG.error("%s: %s", self.executor_cls, finding.message)
        return not broken

    def run_with_sample_data(self, record: ExperimentRecord | None = None) -> bool:
        """Run the real lifecycle on the record's input; its output goes where the record says, else nowhere.

        The record that ``save`` returns has to say ``completed``, and the digest of the output.

        Parameters
        ----------
        record : ExperimentRecord, optional
            With ``source.uri`` and parameters; without one only the contract is checked.
        """
        if record is None:
            return self.run_contract_tests()
        with tempfile.TemporaryDirectory() as folder:
            if record.output_path is None and self.executor_cls.output_suffix:
                record = record.model_copy(
                    update={"output_path": str(Path(folder) / f"output{self.executor_cls.output_suffix}")}
                )
            try:
                with within(RunContext(Path(folder))):
                    saved, _ = execute_lifecycle(self.executor_cls(), record)
            except KeyboardInterrupt:
                raise
            except BaseException:  # noqa: BLE001  (whatever a foreign executor raises is the finding)
                _LOG.exception("%s does not run", self.executor_cls)
                return False
        status = [] if saved.status == "completed" else ['status = "completed"']
        missing = status + ([] if saved.output_sha256 else ["output_sha256"])
        if missing:
            _LOG.error("%s: save did not set %s", self.executor_cls, " and ".join(missing))
        return not missing

    def _checks(self) -> Iterator[Finding]:
        cls = self.executor_cls
        is_executor = isinstance(cls, type) and issubclass(cls, ModelExecutor)
        yield self._finding("is a ModelExecutor", is_executor, f"{cls!r} does not inherit from it")
        if not is_executor:
            return
        name = getattr(cls, "name", None)
        plain = isinstance(name, str) and [name] == name.split()
        yield self._finding("has a name", plain, f"name is {name!r}, not text without spaces")
        abstract = sorted(getattr(cls, "__abstractmethods__", ()))
        yield self._finding("defines load, run and save", not abstract, f"{', '.join(abstract)} missing")
        registered = ExecutorRegistry._executors.get(str(name), cls)  # noqa: SLF001  (the published place)
        yield self._finding(
            "has a unique name", registered is cls, f"another class is registered as {name!r}"
        )
        for method, count in _ARGUMENTS.items():
            yield self._finding(
                f"{method} takes {count} argument{'s' * (count > 1)}",
                _takes(getattr(cls, method), count),
                f"its signature is {inspect.signature(getattr(cls, method))}",
            )
        wrong = [message for message, _ in wrong_declarations(cls)]
        yield self._finding(
            "declares its parameters, suffixes and legends in the class",
            not wrong,
            "; ".join(wrong),
        )
        yield from cls.code_findings()

    def _finding(self, check: str, ok: bool, why: str) -> Finding:  # noqa: FBT001  (the sentence reads in this order)
        subject = str(getattr(self.executor_cls, "name", self.executor_cls))
        if ok:
            return Finding("ok", subject, check)
        return Finding("error", subject, f"{check}: no, {why}", _CONTRACT)


def _takes(method: object, count: int) -> bool:
    signature = inspect.signature(method)  # type: ignore[arg-type]  # a method of the class
    try:
        signature.bind(*range(count + 1))  # and self
    except TypeError:
        return False
    return True
