"""`dissmodel ingest s3://...`: the index of a bucket, and lists from it."""

import json
from pathlib import Path

import pytest

from dissmodel.record import store

COUNT = 3


@pytest.fixture
def pushed(dissmodel, s3, model):
    """Three experiments in a bucket: return their ids."""
    Path("grid.tif").write_bytes(s3.data)
    for number in range(COUNT):
        words = ("run", model, "-i", "grid.tif", "-o", f"r{number}.bin", "-p", f"step={number}", "-q")
        assert 0 == dissmodel(*words).code
    records = [f"r{number}.record.json" for number in range(COUNT)]
    assert 0 == dissmodel("push", *records, "--to", s3.uri, "-q").code
    return [store.read(Path(name)).experiment_id for name in records]


def counts(said):
    return tuple(said.json[name] for name in ("records", "read", "gone"))


def test_only_what_is_new_is_fetched(dissmodel, s3, pushed, proxy):
    first = counts(dissmodel("ingest", s3.uri, "--json"))
    asked = len(proxy.requests)
    again = counts(dissmodel("ingest", s3.uri, "--json"))
    fetched = [line for line in proxy.requests[asked:] if "record.json" in line]
    s3.delete(s3.folder / "experiments" / pushed[0] / "record.json")
    then = counts(dissmodel("ingest", s3.uri, "--json"))

    assert [(3, 3, 0), (3, 0, 0), (2, 0, 1)] == [first, again, then]
    assert [] == fetched


@pytest.mark.fast_cases("words0", "words5")
@pytest.mark.parametrize(
    "words", [[], ["--json"], ["-p", "step=1"], ["--sort", "when"], ["--model", "othr"], ["--verify"]]
)
def test_a_list_with_the_index_is_the_list_without(dissmodel, s3, pushed, words):
    experiments = s3.folder / "experiments"
    changed = json.loads((experiments / pushed[0] / "record.json").read_text())
    s3.put(experiments / pushed[0] / "record.json", store.dumps(changed | {"model_name": "forged"}))
    s3.put(experiments / "another" / "record.json", (experiments / pushed[1] / "record.json").read_bytes())
    s3.put(s3.folder / "bad.record.json", b"{")

    for place in (s3.uri, f"{s3.uri}/experiments", f"{s3.uri}/experiments/another", s3.uri):
        plain, indexed = (dissmodel("record", "list", place, *words, *more) for more in ([], ["--index"]))

        assert (plain.code, plain.out, plain.err) == (indexed.code, indexed.out, indexed.err)


def test_a_bucket_that_is_missing_is_the_same_error(dissmodel, s3):
    plain, indexed = (
        dissmodel("record", "list", "s3://nowhere-at-all/x", *more) for more in ([], ["--index"])
    )

    assert (5, plain.err) == (indexed.code, indexed.err)
