"""What of a model's own copy of the record goes into the record of its run."""

from pathlib import Path

import pytest

from dissmodel.executor import ModelExecutor
from dissmodel.progress import Silent
from dissmodel.record import ExperimentRecord
from dissmodel.running.account import OF_THE_MODEL
from dissmodel.running.run import RunRequest, run

# What the run itself observes. A new field of the schema belongs here, or to the fields that a model may set.
OF_THE_RUN = {
    "experiment_id",
    "created_at",
    "model_name",
    "model_commit",
    "code_version",
    "resolved_spec",
    "source",
    "input_format",
    "column_map",
    "cog",
    "about",
    "class_map",
    "band_map",
    "parameters",
    "output_path",
    "artifacts",
    "status",
    "logs",
    "schema_version",
    "finished_at",
    "parameter_origin",
    "seed",
    "thread_limit",
    "code",
    "runtime",
    "command",
    "files",
    "peak_memory_bytes",
    "cpu_seconds",
    "error",
    "replacing",
    "reproduces",
    "reproduction",
    "derived_from",
    "sources",
    "sweep",
    "until",
    "not_kept",
    "record_digest",
}
# These are of the moment, or of what the model may add to.
OF_THE_MOMENT = {"experiment_id", "created_at", "finished_at", "peak_memory_bytes", "cpu_seconds", "logs"}

FORGED = {
    "experiment_id": "f" * 32,
    "model_name": "another",
    "model_commit": "forged",
    "code_version": "9.9.9",
    "resolved_spec": {"model": {"name": "another"}},
    "input_format": "vector",
    "column_map": {"a": "b"},
    "class_map": {"a": "b"},
    "about": {"title": "mine"},
    "band_map": {"a": "b"},
    "parameters": {"forged": 1},
    "status": "tainted",
    "schema_version": 0,
    "parameter_origin": {"forged": "default"},
    "seed": 99,
    "thread_limit": 99,
    "code": {"package": "forged", "version": "9"},
    "command": ["dissmodel", "run", "forged"],
    "files": {"output": {"path": "r.bin", "size": 1, "sha256": "f" * 64}},
    "error": {"phase": "run", "type": "Forged", "message": "forged"},
    "replacing": {"scratch": "forged", "old": {}, "new": {}},
    "reproduces": "f" * 32,
    "reproduction": {"verdict": "identical"},
    "derived_from": "f" * 32,
    "sources": [{"uri": "forged.csv", "name": "forged"}],
    "record_digest": f"sha256:{'f' * 64}",
    "until": "forged >= 1",
    "not_kept": True,
    "cog": True,
    "source": {"uri": "forged.tif", "checksum": "f" * 64},
}


class Forger(ModelExecutor):
    """Adds to its input, and writes what `forged` has into its record."""

    name = "forger"
    forged = ExperimentRecord()
    names = ()

    def load(self, record):
        return Path(record.source.uri).read_bytes()

    def run(self, data, record):
        return data + b"!"

    def save(self, result, record):
        Path(record.output_path).write_bytes(result)
        for name in self.names:
            setattr(record, name, getattr(self.forged, name))
        record.metrics["mine"] = 1
        record.period = ("2000", "2001")
        return record


@pytest.fixture
def record_of(tmp_path, monkeypatch):
    """Run the model, which forges some fields of its record, and return the record."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.bin").write_bytes(b"some bytes")

    def record_of(*names):
        monkeypatch.setattr(Forger, "forged", ExperimentRecord.model_validate(FORGED))
        monkeypatch.setattr(Forger, "names", names)
        request = RunRequest(
            executor=Forger,
            input="data.bin",
            output="r.bin",
            seed=5,
            threads=1,
            overwrite=True,
            command=("dissmodel", "run"),
        )
        return run(request, Silent()).record

    return record_of


def test_every_field_of_the_schema_is_the_model_s_or_the_run_s():
    fields = set(ExperimentRecord.model_fields)

    assert fields == OF_THE_MODEL | OF_THE_RUN
    assert not OF_THE_MODEL & OF_THE_RUN


@pytest.mark.slow
def test_what_the_run_observed_is_not_the_model_s(record_of):
    kept = OF_THE_RUN - OF_THE_MOMENT - {"record_digest"}
    honest = record_of().model_dump(include=kept)
    for name, value in FORGED.items():
        forged = record_of(name)

        assert value != getattr(forged, name), name
        assert honest == forged.model_dump(include=kept), name


def test_what_is_the_model_s_is_kept(record_of):
    record = record_of()

    assert (1, ("2000", "2001")) == (record.metrics["mine"], record.period)
    assert (5, 1) == (record.seed, record.thread_limit)
