"""A job from its request to its outcome, by a real worker."""

from dissmodel.experiment.index import search
from dissmodel.experiment.ingest import default_index
from dissmodel.record.digest import record_digest, sha256_bytes


def test_a_job_completes(house):
    job = house.submit(parameters={"pause": 0.3})

    assert 0 == house.drain(), house.shown()
    outcome, record = house.truth.outcome(job), house.record(job)
    assert ("completed", None) == (outcome.status, outcome.error)
    assert record_digest(record) == record["record_digest"] == outcome.record_digest
    assert (job, "completed", "echo") == (record["experiment_id"], record["status"], record["model_name"])
    assert sha256_bytes(b"some bytes") == record["files"]["output"]["sha256"]
    assert {"pause": "request", "do": "default", "note": "default"} == record["parameter_origin"]
    assert [] == record["command"]
    assert {"the model says hello", "and a library complains"} <= set(outcome.log)
    assert not house.queue.view([job])[job].is_waiting
    assert [job] == [row.experiment_id for row in search(default_index()).rows]
    assert [] == list((house.settings.data_dir / "scratch").iterdir())
