"""Problems are raised for who needs the data, and collected for who wants to know them all."""

import warnings
from pathlib import Path

import pytest

from dissmodel.errors import DissmodelWarning, InvalidInput
from dissmodel.executor import ExecutorRegistry, ExperimentRecord, ModelExecutor
from dissmodel.executor.findings import RAISED, Collector, Finding, look_at_room


def look(problems):
    with problems.at():
        warnings.warn("old", DissmodelWarning, stacklevel=1)
        raise InvalidInput("no uso", "name it")
    problems.tell(InvalidInput("no alt"))


def test_a_collector_goes_on():
    collector = Collector("grid.tif")

    look(collector)
    look(collector)

    assert [
        Finding("error", "grid.tif", "no uso", "name it"),
        Finding("warning", "grid.tif", "old"),
        Finding("error", "grid.tif", "no alt"),
    ] == collector.findings
    assert collector.failed


def test_without_one_the_first_problem_is_raised():
    with pytest.warns(DissmodelWarning, match="old"), pytest.raises(InvalidInput, match="no uso"):
        look(RAISED)
    with pytest.raises(InvalidInput, match="no alt"):
        RAISED.tell(InvalidInput("no alt"))
    assert not RAISED.failed


def test_what_is_no_problem_of_the_data_passes_and_the_warnings_before_it_are_kept():
    collector = Collector("x")

    def broken():
        with collector.at():
            warnings.warn("first", DissmodelWarning, stacklevel=1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken()

    assert [Finding("warning", "x", "first")] == collector.findings


def test_a_finding_is_one_line_of_bounded_length():
    collector = Collector("x")

    collector.add("error", "a\nb" + "c" * 10_000)

    assert collector.findings[0].message.startswith("a bc")
    assert 2000 == len(collector.findings[0].message)


def test_room(tmp_path):
    collector = Collector("x")

    look_at_room(1, str(tmp_path / "not" / "yet" / "r.tif"), collector)
    look_at_room(10**18, str(tmp_path / "r.tif"), collector)
    look_at_room(1, None, collector)

    assert ["ok", "error", "ok"] == [finding.severity for finding in collector.findings]
    assert collector.findings[0].message.endswith(f"MB are free in {tmp_path}")
    assert "No room: the result takes at most 1,000,000,000,000.0 MB" in collector.findings[1].message
    assert collector.findings[2].message.endswith(f"MB are free in {Path.cwd()}")


@pytest.fixture
def executor(monkeypatch):
    monkeypatch.setattr(ExecutorRegistry, "_executors", {})

    class Deep(ModelExecutor):
        """Needs a depth."""

        name = "deep"

        def validate(self, record):
            if "depth" not in record.parameters:
                raise ValueError("no depth")

        load = run = save = None

    return type("Whole", (Deep,), dict.fromkeys(("load", "run", "save"), lambda *_: None))()


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("data.bin", b"some bytes", []),
        ("empty.tif", b"", ["error"]),
        ("text.tif", b"hello", ["error"]),
    ],
)
def test_an_executor_that_inspects_nothing_itself(executor, tmp_path, name, content, expected):
    path = tmp_path / name
    path.write_bytes(content)

    found = executor.inspect(ExperimentRecord(source={"uri": str(path)}))
    fine = executor.inspect(ExperimentRecord(source={"uri": str(path)}, parameters={"depth": 1}))

    assert Finding("error", str(path), "no depth") == found[0]
    assert expected == [finding.severity for finding in found[1:]]
    assert expected == [finding.severity for finding in fine]
