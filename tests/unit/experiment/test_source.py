"""An experiment is the same wherever it lies: in a folder, in a bundle, in a place."""

import tempfile

import pytest

from dissmodel.errors import Differs, DissmodelError, InvalidInput, StorageError
from dissmodel.experiment.files import clash
from dissmodel.experiment.layout import open_place
from dissmodel.experiment.source import open_source, placed
from dissmodel.experiment.verify import checks, verify
from dissmodel.progress import Silent
from dissmodel.record import Artifact, DataSource, ExperimentRecord, digest, store
from dissmodel.sharing.bundle import BundleRequest, bundle
from dissmodel.sharing.push import PushRequest, push
from dissmodel.storage.settings import StorageSettings

FILES = {"result.bin": b"result", "result.qml": b"<qgis/>", "maps/a.csv": b"a,b"}
HERE = StorageSettings()


@pytest.fixture
def record(tmp_path):
    """The record of a completed run with its files and its input, in a folder."""
    folder = tmp_path / "folder"
    for name, data in (FILES | {"grid.bin": b"grid"}).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    files = {
        "output" if name == "result.bin" else name: Artifact(
            path=name, size=len(data), sha256=digest.sha256_bytes(data)
        )
        for name, data in FILES.items()
    }
    path = folder / "result.record.json"
    store.write(
        ExperimentRecord(
            experiment_id="e1",
            model_name="mine",
            source=DataSource(uri="grid.bin", checksum=digest.sha256_bytes(b"grid"), size=4),
            files=files,
            artifacts={name: one.sha256 for name, one in files.items()},
            output_path="result.bin",
            status="completed",
        ),
        path,
    )
    return path


def in_folder(record, to):
    return open_source(record)


def in_bundle(record, to):
    made = bundle(BundleRequest(record=record, output=str(to / "e.zip")))
    return open_source(made.path)


def in_place(record, to):
    push(PushRequest((record,), str(to / "shared"), settings=HERE), Silent())
    return placed(open_place(str(to / "shared/experiments/e1"), HERE), "record.json")


KINDS = [in_folder, in_bundle, in_place]


@pytest.mark.parametrize("kind", KINDS)
def test_the_record_and_every_file_are_those_of_the_run(record, tmp_path, kind):
    with kind(record, tmp_path) as source:
        source.bring()
        contents = {name: one.intact().read_bytes() for name, one in source.files.items()}

        assert digest.record_digest(store.read_document(record)) == source.digest
        assert not source.is_changed
        assert {"output": b"result", "result.qml": b"<qgis/>", "maps/a.csv": b"a,b"} == contents
        assert [len(data) for data in FILES.values()] == [one.size for one in source.files.values()]


@pytest.mark.parametrize("kind", KINDS)
def test_every_file_is_checked_whether_it_was_brought_or_not(record, tmp_path, kind):
    for brought in (False, True):
        (tmp_path / str(brought)).mkdir()
        with kind(record, tmp_path / str(brought)) as source:
            source.bring_signed()
            if brought:
                source.bring()
            found = {one.name: one.verdict for one in checks(source, with_input=False)}

        assert dict.fromkeys(("record", "output", "result.qml", "maps/a.csv"), "ok") == found


@pytest.mark.parametrize("kind", [in_folder, in_bundle])
def test_the_input_is_found_where_the_record_says(record, tmp_path, kind):
    with kind(record, tmp_path) as source:
        place = source.given

    (found,) = (one for one in verify((place,)).checks if one.name == "input")

    assert "ok" == found.verdict


@pytest.mark.parametrize("kind", KINDS)
def test_of_the_path_in_a_public_record_the_name_counts(record, tmp_path, kind):
    document = store.read_document(record)
    document["artifacts"] = {"output": document["files"]["output"]["sha256"], "profiling": "ab" * 32}
    for name in ("files", "schema_version", "record_digest"):
        del document[name]
    document["output_path"] = "C:\\runs\\result.bin"
    if kind is in_place:  # which files go there has to be said
        del document["artifacts"]["profiling"]
    record.write_bytes(store.dumps(document))

    with kind(record, tmp_path) as source:
        source.bring()
        output = source.files["output"]

        assert not source.is_changed
        assert (b"result", None) == (output.intact().read_bytes(), output.size)
        assert [None] * (kind is not in_place) == [
            one.path for name, one in source.files.items() if name != "output"
        ]


def changed(record, how):
    document = store.read_document(record)
    how(document)
    document["record_digest"] = digest.record_digest(document)
    record.write_bytes(store.dumps(document))


def planted(record, to, how):
    """A place whose record was changed after the push, with a digest that holds."""
    with in_place(record, to):
        pass
    changed(to / "shared/experiments/e1/record.json", how)
    return placed(open_place(str(to / "shared/experiments/e1"), HERE), "record.json")


@pytest.mark.parametrize(
    "path", ["../secret", "/etc/hostname", "s3://b/x", "record.json", "RECORD.JSON", "output.bin/x", ""]
)
def test_a_place_is_not_left_and_no_two_files_have_one_name(record, tmp_path, path):
    opened = planted(record, tmp_path, lambda one: one["files"]["result.qml"].update(path=path))

    with pytest.raises(StorageError) as raised, opened as source:
        source.bring()

    assert "artifact_path" == raised.value.code
    assert f"{tmp_path}/shared/experiments/e1/record.json" in raised.value.message
    assert tempfile.gettempdir() not in raised.value.message.replace(str(tmp_path), "")


def test_an_external_file_is_of_a_folder_alone(record, tmp_path):
    elsewhere = tmp_path / "elsewhere.qml"
    elsewhere.write_bytes(b"<qgis/>")

    def how(one):
        one["files"]["result.qml"].update(path=str(elsewhere), external=True)

    opened = planted(record, tmp_path, how)
    changed(record, how)

    with open_source(record) as source:
        assert elsewhere == source.files["result.qml"].path
    with pytest.raises(StorageError), opened as source:
        _ = source.files


def test_a_record_that_was_changed_is_not_brought(record, tmp_path):
    with in_place(record, tmp_path):
        pass
    path = tmp_path / "shared/experiments/e1/record.json"
    path.write_bytes(path.read_bytes().replace(b'"mine"', b'"yours"'))

    with placed(open_place(str(path), HERE), "record.json") as source:
        assert "yours" == source.record.model_name
        assert source.is_changed
        with pytest.raises(Differs, match="was changed"):
            source.bring()


def test_no_more_than_the_recorded_bytes_come(record, tmp_path):
    with in_place(record, tmp_path):
        pass
    (tmp_path / "shared/experiments/e1/output.bin").write_bytes(b"x" * 1000)

    with placed(open_place(str(tmp_path / "shared/experiments/e1"), HERE), "record.json") as source:
        (found,) = (one for one in checks(source, with_input=False) if one.name == "output")

    assert ("differs", "more than the 6 bytes that the record says") == (found.verdict, found.found)


@pytest.mark.parametrize("content", [b"", b"{", b"PK\x03\x04"])
def test_what_can_not_be_read_is_named_as_the_user_knows_it(tmp_path, content):
    path = tmp_path / "e.zip"
    path.write_bytes(content)

    with pytest.raises(DissmodelError) as raised, open_source(path) as source:
        _ = source.record

    assert isinstance(raised.value, InvalidInput)
    assert str(path) in raised.value.message


def test_names_clash_where_case_does_not_count():
    assert clash(["maps/a.tif", "b.tif"]) is None
    assert clash(["a.tif", "a.tif"]) == "a.tif"
    assert clash(["Ä.tif", "ä.TIF"]) == "ä.TIF"
    assert clash(["a/b.tif", "A"]) == "A"
