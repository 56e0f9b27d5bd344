"""The contract, the one lifecycle, and the names that packages import."""

import logging

import pytest

from dissmodel import progress
from dissmodel.executor import ExecutorRegistry, ExperimentRecord, ModelExecutor, execute_lifecycle
from dissmodel.executor.config import RunContext, settings, within
from dissmodel.executor.schemas import InlineJobRequest, JobRequest
from dissmodel.executor.testing import ExecutorTestHarness
from dissmodel.executor.utils import default_output_uri


@pytest.fixture(autouse=True)
def registry_as_before(monkeypatch):
    monkeypatch.setattr(ExecutorRegistry, "_executors", dict(ExecutorRegistry._executors))


@pytest.fixture
def executor():
    class Doubles(ModelExecutor):
        """Doubles a number.

        More about it.
        """

        name = "doubles"

        def load(self, record):
            return record.parameters["x"]

        def run(self, data, record):
            return 2 * data

        def save(self, result, record):
            record.metrics = {"result": result}
            record.output_sha256 = "ab" * 32
            record.status = "completed"
            return record

    return Doubles


def test_a_named_class_registers_itself(executor):
    assert ExecutorRegistry.get("doubles") is executor
    assert "doubles" in ExecutorRegistry.list()
    with pytest.raises(KeyError, match=r"Executor 'nobody' not registered\. Available: .*doubles"):
        ExecutorRegistry.get("nobody")


def test_the_lifecycle_runs_in_order_and_times_each_phase(executor):
    phases = []

    class Ear(progress.Silent):
        def phase(self, name):
            phases.append(name)

    with progress.reporting(Ear()):
        record, timings = execute_lifecycle(executor(), ExperimentRecord(parameters={"x": 21}))

    assert ["validate", "load", "run", "save"] == phases
    assert record.metrics["result"] == 42
    assert {f"time_{name}_sec" for name in (*phases, "total")} == set(timings)
    assert timings.items() <= record.metrics.items()
    assert all(value == round(value, 3) for value in timings.values())


def test_an_error_passes_unchanged_and_the_phases_that_began_are_timed(executor):
    record = ExperimentRecord()

    with pytest.raises(KeyError, match="x"):
        execute_lifecycle(executor(), record)

    assert {"time_validate_sec", "time_load_sec", "time_total_sec"} == set(record.metrics)


def test_save_has_to_return_the_record(executor):
    executor.save = lambda self, result, record: None

    with pytest.raises(TypeError, match="returned NoneType"):
        execute_lifecycle(executor(), ExperimentRecord(parameters={"x": 1}))


def test_the_summary_is_the_first_line_of_the_classs_own_docstring(executor):
    assert executor.summary() == "Doubles a number."
    assert type("Silent", (executor,), {"name": "silent"}).summary() == ""


def test_sha256_takes_bytes_and_paths(tmp_path):
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, appendix B.1
    (tmp_path / "abc").write_bytes(b"abc")

    assert known == ModelExecutor._sha256(b"abc") == ModelExecutor._sha256(tmp_path / "abc")


def test_the_default_output_lies_under_the_base_of_the_moment(tmp_path):
    assert settings.default_output_base == "./outputs"
    assert default_output_uri("1a", "tif") == "./outputs/1a/output.tif"
    with within(RunContext(tmp_path)):
        assert default_output_uri("1a", ".gpkg") == f"{tmp_path}/1a/output.gpkg"


def test_a_job_request_has_a_flat_and_a_nested_form():
    flat = JobRequest(
        model_name="m", input_dataset="a.tif", parameters={"x": 1}, package="p==1", source_type="local"
    )
    nested = JobRequest(
        model={"class": "m", "package": "p==1", "parameters": {"x": 1}},
        source={"type": "local", "uri": "a.tif"},
    )

    assert flat == nested
    assert ("auto", "normal") == (flat.input_format, flat.priority)
    assert InlineJobRequest(input_dataset="a", model_spec_toml="[model]").parameters == {}


def test_the_harness_passes_what_keeps_the_contract(executor):
    harness = ExecutorTestHarness(executor)

    assert harness.run_contract_tests()
    assert harness.run_with_sample_data(ExperimentRecord(parameters={"x": 1}))


def test_the_harness_runs_the_real_lifecycle_and_says_what_it_raised(executor, caplog):
    with caplog.at_level(logging.ERROR):
        ran = ExecutorTestHarness(executor).run_with_sample_data(ExperimentRecord())

    assert not ran
    assert "KeyError: 'x'" in caplog.text


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"name": 3}, "has a name"),
        ({"name": "two words"}, "has a name"),
        ({"load": lambda self: 1}, "load takes 1 argument"),
        ({"run": lambda self, data: 1}, "run takes 2 arguments"),
        ({"Parameters": dict}, "declares its parameters, suffixes and legends in the class"),
        ({"Parameters": property(dict)}, "declares its parameters, suffixes and legends in the class"),
        ({"output_suffixes": ".tif"}, "declares its parameters, suffixes and legends in the class"),
    ],
)
def test_the_harness_names_what_breaks_the_contract(executor, changes, check, caplog):
    broken = type("Broken", (executor,), {"name": "broken", **changes})

    found = [one for one in ExecutorTestHarness(broken).findings() if one.severity == "error"]

    assert any(one.message.startswith(f"{check}: no, ") for one in found)
    assert all("validate(record)" in one.hint for one in found)
    assert not ExecutorTestHarness(broken).run_contract_tests()
    assert check in caplog.text


def test_the_harness_names_missing_methods():
    half = type("Half", (ModelExecutor,), {"name": "half", "load": lambda self, record: 1})

    broken = [one.message for one in ExecutorTestHarness(half).findings() if one.severity == "error"]

    assert ["defines load, run and save: no, run, save missing"] == broken
    assert not ExecutorTestHarness(dict).run_contract_tests()
