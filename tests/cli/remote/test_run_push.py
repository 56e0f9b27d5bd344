"""``run --push``: what can't be pushed is kept, and what can't work is told before the run."""

from pathlib import Path

import pytest

from dissmodel.record import digest, store


@pytest.fixture
def ready(dissmodel, s3, model):
    """The command, the folder that is the bucket, its URI, and what begins a run."""
    Path("grid.bin").write_bytes(s3.data)
    return dissmodel, s3, ("run", model, "-i", "grid.bin", "-o", "r.bin", "--push")


def test_it_says_where_and_it_is_there(ready):
    dissmodel, s3, words = ready

    told = dissmodel(*words, "--to", s3.uri, "--json")
    shown = dissmodel(*words, "--to", s3.uri, "--overwrite")

    assert (0, 0) == (told.code, shown.code), told.out + shown.err
    uri = told.json["pushed"]["uri"]
    place = s3.folder / uri.removeprefix(f"{s3.uri}/")
    assert f"{s3.uri}/experiments/{told.json['record']['experiment_id']}/record.json" == uri
    assert {"output.bin", "output.txt", "record.json"} == {one.name for one in place.parent.iterdir()}
    assert store.read(place).record_digest == told.json["record"]["record_digest"]
    assert {"sent"} == {one["state"] for one in told.json["pushed"]["objects"]}
    assert "r.bin\nr.record.json\n" == shown.out


def test_the_default_bucket(ready):
    dissmodel, _, words = ready

    said = dissmodel(*words, "--json")

    assert said.json["pushed"]["uri"].startswith("s3://dissmodel-outputs/experiments/")


def test_what_can_not_be_pushed_is_kept(ready, proxy):
    """Each object is refused in turn."""
    dissmodel, s3, words = ready
    for number in (9, 12, 15):  # the three objects
        proxy.at(number, "status", status=403)

        said = dissmodel(*words, "--to", s3.uri, "--json", "--overwrite")
        proxy.heal()

        error = said.json["error"]
        assert (5, "storage_denied") == (said.code, error["code"])
        assert "r.record.json" == Path(error["record"]).name
        assert f'dissmodel push "{error["record"]}" --to "{s3.uri}"' in error["hint"]
        assert s3.data == Path("r.bin").read_bytes()
        assert 0 == dissmodel("push", "r.record.json", "--to", s3.uri).code


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (("--to", "s3://no-such-bucket"), 5, "there is no such bucket"),
        (("--to", "s3://A_B"), 5, "not a valid name of a bucket"),
        (("--to", "https://example.invalid/"), 2, "dissmodel only reads from a web server"),
        (("--to", "s3://data/a.record.json"), 2, "the name of a record"),
        (("--to", "s3://data/a", "--offline"), 2, "nothing is fetched"),
    ],
)
def test_what_can_not_work_is_told_before_the_run(ready, more, code, said):
    dissmodel, _, words = ready

    told = dissmodel(*words, *more)

    assert (code, "") == (told.code, told.out)
    assert said in told.err
    assert ["grid.bin"] == [path.name for path in Path().iterdir()]


def test_a_result_that_is_uploaded_is_not_pushed_too(ready):
    dissmodel, _, words = ready

    told = dissmodel(*("s3://data/a.bin" if word == "r.bin" else word for word in words))

    assert (2, "") == (told.code, told.out)
    assert "would upload it again" in told.err


def test_to_means_nothing_without_push(dissmodel, model):
    Path("grid.bin").write_bytes(b"grid")

    said = dissmodel("run", model, "-i", "grid.bin", "--to", "folder")

    assert 2 == said.code
    assert "--to is the destination of --push" in said.err


def test_into_a_folder_no_server_is_asked(ready):
    dissmodel, _, words = ready

    said = dissmodel(*words, "--to", "shared", "--offline")

    (record,) = Path("shared").rglob("record.json")
    assert 0 == said.code, said.err
    assert store.read(record).output_sha256 == digest.sha256_file(record.with_name("output.bin"))
