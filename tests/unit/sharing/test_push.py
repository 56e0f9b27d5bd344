import hashlib
import threading
import time
from pathlib import Path

import pytest

from dissmodel.errors import Differs, StorageError
from dissmodel.experiment.layout import RECORD, Place, object_names, open_place, relocated
from dissmodel.experiment.source import placed
from dissmodel.progress import Silent
from dissmodel.record import Artifact, DataSource, ExperimentRecord, digest, store
from dissmodel.sharing.objects import send, state_of
from dissmodel.sharing.push import PushRequest, push
from dissmodel.sharing.pushable import File
from dissmodel.storage.base import Stat
from dissmodel.storage.settings import StorageSettings
from dissmodel.storage.transfer import Pool

HERE = StorageSettings()


class Counting(Silent):
    """What a pool told, call by call."""

    def __init__(self):
        self.phases, self.told = [], []

    def phase(self, name):
        self.phases.append(name)

    def transferred(self, done, total):
        self.told.append((done, total))


def made(folder, experiment_id="e1", output=b"output", **files):
    """A record and its files, as a run leaves them; other files by their name, dots for underscores."""
    folder.mkdir(parents=True, exist_ok=True)
    contents = {"result.bin": output} | {name.replace("_", "."): data for name, data in files.items()}
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    artifacts = {
        "output" if name == "result.bin" else name: Artifact(
            path=name, size=len(data), sha256=digest.sha256_bytes(data)
        )
        for name, data in contents.items()
    }
    record = ExperimentRecord(
        experiment_id=experiment_id,
        model_name="mine",
        source=DataSource(uri="grid.zip", checksum="ab" * 32),
        files=artifacts,
        artifacts={name: one.sha256 for name, one in artifacts.items()},
        output_path="result.bin",
        status="completed",
    )
    store.write(record, folder / "result.record.json")
    return folder / "result.record.json"


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        ({"output": "r.tif"}, {"output": "output.tif"}),
        ({"output": "a.v2.tif", "s": "a.v2.qml"}, {"output": "output.tif", "s": "output.qml"}),
        (
            {"output": "r.shp", "dbf": "r.dbf", "xml": "r.shp.xml"},
            {"output": "output.shp", "dbf": "output.dbf", "xml": "output.shp.xml"},
        ),
        (
            {"output": "v/x/r.md", "m": "v/m/1.png"},
            {"output": "output/x/r.md", "m": "output/m/1.png"},
        ),
        ({"output": "r.tif", "n": "r_map.png"}, {"output": "output.tif", "n": "r_map.png"}),
        ({"output": "r", "n": "r.d/x"}, {"output": "output", "n": "output.d/x"}),
        ({"output": "r.tif", "o": "output.tif"}, {"output": "output.tif", "o": "other/output.tif"}),
        ({"output": "r.tif", "o": "record.json"}, {"output": "output.tif", "o": "other/record.json"}),
        (
            {"output": "r.tif", "o": "r.record.json"},
            {"output": "output.tif", "o": "other/output.record.json"},
        ),
        ({"output": "r.tif", "o": "inputs/a"}, {"output": "output.tif", "o": "other/inputs/a"}),
        ({"output": "/far/away/r.tif", "n": "C:\\x\\a.txt"}, {"output": "output.tif", "n": "a.txt"}),
    ],
)
def test_what_an_object_is_called_does_not_depend_on_what_the_result_was(paths, expected):
    names = object_names(paths)

    assert expected == names
    assert names == object_names(names)  # what was pulled is pushed under the same names


def test_locations_are_outside_the_digest():
    document = {
        "experiment_id": "e1",
        "files": {"output": {"path": "r.tif", "size": 1}},
        "source": {"uri": "a", "checksum": "c"},
        "sources": [{"uri": "t.csv", "checksum": "d"}, {"uri": "u.csv", "checksum": "e"}],
        "output_path": "r.tif",
        "unknown": [1],
    }

    moved = relocated(
        document, {"output": "output.tif"}, output="s3://b/output.tif", sources=["s3://i/a", None, "s3://i/b"]
    )

    assert digest.record_digest(document) == digest.record_digest(moved)
    assert ["t.csv", "s3://i/b"] == [one["uri"] for one in moved["sources"]]
    assert ("s3://i/a", "output.tif") == (moved["source"]["uri"], moved["files"]["output"]["path"])
    assert "r.tif" == document["files"]["output"]["path"]


class Claiming:
    """A place with one object, of which it says something."""

    def __init__(self, content, **said):
        self.content, self.said, self.reads, self.puts = content, said, 0, []

    def stat(self, key):
        return None if self.content is None else Stat(key, len(self.content), **self.said)

    def get(self, key, path, *, limit, progress=None):
        self.reads += 1
        path.write_bytes(self.content)

    def put(self, path, key, *, sha256, media_type, only_new, progress):
        self.puts.append((key, sha256, only_new))


OURS, OTHER = b"ours", b"else"
SHA, MD5 = digest.sha256_bytes(OURS), hashlib.md5(OURS).hexdigest()


@pytest.mark.parametrize(
    ("content", "said", "expected", "reads"),
    [
        (None, {}, "missing", 0),
        (OURS, {"sha256": SHA}, "there", 0),
        (OURS, {"sha256": SHA, "etag": MD5}, "there", 0),
        (OURS, {"sha256": SHA, "etag": f"{MD5}-3"}, "there", 0),
        (OURS, {"sha256": SHA, "etag": "ab" * 16}, "there", 1),
        (OURS, {}, "there", 1),
        (OTHER, {"sha256": SHA, "etag": "ab" * 16}, "damaged", 1),
        (b"our", {"sha256": SHA}, "damaged", 0),
        (OTHER, {}, "object_exists", 1),
        (b"other", {}, "object_exists", 0),
        (OURS, {"sha256": "ab" * 32}, "object_exists", 0),
    ],
)
def test_what_is_there_is_judged_by_what_it_says_and_read_where_that_leaves_a_doubt(
    tmp_path, content, said, expected, reads
):
    path = tmp_path / "ours"
    path.write_bytes(OURS)
    file, storage = File(path, "ours", len(OURS), SHA, "text/plain"), Claiming(content, **said)
    place = Place(storage, "a/", "s3://b/a/")
    if expected == "object_exists":
        with pytest.raises(Differs) as refused:
            state_of(place, file)
        assert expected == refused.value.code
    else:
        found = state_of(place, file)
        send(place, file, found, print)

        assert expected == found
        assert [("a/ours", SHA, expected == "missing")] == storage.puts
    assert reads == storage.reads


def test_a_pool_keeps_the_order_and_the_errors():
    def work(number):
        if number == 2:
            raise StorageError("two")
        return number * 10

    found = Pool(Silent()).each(work, [1, 2, 3])

    assert [10, "two", 30] == [one if isinstance(one, int) else one.message for one in found]


def test_a_place_that_does_not_work_is_not_asked_for_each():
    tried = []

    def work(number):
        tried.append(number)
        raise StorageError("no", code="storage_unreachable")

    found = Pool(Silent()).each(work, list(range(1000)))

    assert len(tried) < 100
    assert found.count(None) == 1000 - len(tried)


def test_a_pool_works_at_several_at_once():
    barrier = threading.Barrier(8, timeout=10)

    assert 8 == len(set(Pool(Silent()).each(lambda _: barrier.wait(), range(8))))


def test_bytes_count_once_and_end_at_the_total():
    reporter = Counting()
    pool = Pool(reporter)
    pool.expect("push", 100)
    with pool.moving(60) as progress:
        progress(50)
        progress(50)  # tried again
    with pool.moving(40):
        pass

    assert ["push"] == reporter.phases
    assert [(0, 100), (50, 100), (60, 100), (60, 100), (100, 100)] == reporter.told


def test_who_is_interrupted_does_not_wait_for_long_transfers():
    pool, begun, ended = Pool(Silent()), threading.Event(), []

    def long(number):
        if number == 0:
            begun.wait(10)
            raise KeyboardInterrupt
        with pool.moving(10**9) as progress:
            for _ in range(10_000):
                progress(1)
                begun.set()
                time.sleep(0.01)
        ended.append(number)

    with pytest.raises(KeyboardInterrupt):
        pool.each(long, [0, 1, 2])

    assert [] == ended


def test_a_push_is_told_in_bytes(tmp_path):
    paths = tuple(
        made(tmp_path / str(number), f"e{number}", b"x" * 1000, note_txt=b"n" * 10) for number in range(3)
    )
    reporter = Counting()

    push(PushRequest(paths, str(tmp_path / "to"), settings=HERE), reporter)

    assert ["verify", "push"] == reporter.phases
    assert (3030, 3030) == reporter.told[-1]


@pytest.mark.parametrize("seed", range(4))
def test_two_pushes_at_once_end_in_one_whole_experiment(tmp_path, seed):
    path = made(tmp_path / "a", output=b"x" * 200_000, one_txt=b"1", two_txt=b"2")
    request = PushRequest((path,), str(tmp_path / "to"), settings=HERE)
    barrier, outcomes = threading.Barrier(4, timeout=10), []

    def one():
        barrier.wait()
        outcomes.append(push(request, Silent()))

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 4 == len(outcomes)
    place = open_place(str(tmp_path / "to/experiments/e1"), HERE)
    with placed(place, RECORD) as there:
        for artifact in there.record.files.values():
            assert artifact.sha256 == digest.sha256_file(Path(place.uri) / artifact.path)
    assert {RECORD, "output.bin", "one.txt", "two.txt"} == {path.name for path in Path(place.uri).iterdir()}


@pytest.mark.parametrize("seed", range(8))
def test_who_pushes_the_input_at_the_same_time_has_it_noted(tmp_path, seed):
    path = made(tmp_path / "a")
    (tmp_path / "a" / "grid.zip").write_bytes(b"grid")
    document = store.read_document(path)
    document["source"]["checksum"] = digest.sha256_bytes(b"grid")
    store.write(document, path)
    barrier, outcomes = threading.Barrier(4, timeout=10), []

    def one(with_input):
        barrier.wait()
        outcomes.append(push(PushRequest((path,), str(tmp_path / "to"), with_input, settings=HERE), Silent()))

    threads = [threading.Thread(target=one, args=(number % 2 == seed % 2,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 4 == len(outcomes)
    assert "/inputs/" in store.read(tmp_path / "to/experiments/e1" / RECORD).source.uri


def test_two_of_one_id_at_once_leave_one_of_them_whole(tmp_path):
    paths = [made(tmp_path / str(number), output=bytes([number]) * 100_000) for number in range(4)]
    barrier, refused, done = threading.Barrier(4, timeout=10), [], []

    def one(path):
        barrier.wait()
        try:
            done.append(push(PushRequest((path,), str(tmp_path / "to"), settings=HERE), Silent()))
        except Differs as error:
            refused.append(error)

    threads = [threading.Thread(target=one, args=(path,)) for path in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (1, 3) == (len(done), len(refused))
    record = store.read(tmp_path / "to/experiments/e1" / RECORD)
    assert record.output_sha256 == digest.sha256_file(tmp_path / "to/experiments/e1/output.bin")
