"""Pushing to an S3 server through a proxy that does what networks do: never half an experiment."""

import itertools
import os
import subprocess
import sys
import time

import pytest

from dissmodel.errors import Differs, DissmodelError
from dissmodel.progress import Silent
from dissmodel.record import Artifact, DataSource, ExperimentRecord, digest, store
from dissmodel.sharing.pull import PullRequest, pull
from dissmodel.sharing.push import PushRequest, push
from dissmodel.storage import testing_proxy as proxies
from dissmodel.storage.settings import Patience, StorageSettings
from support import servers
from support.cases import mostly_slow

ID = "ab12cd34" * 4
QUICK = StorageSettings(patience=Patience(connect_s=1, silence_s=1.0, retries=0))
FAULTS = {
    "cut": ("cut_request", {"byte": 10}),
    "corrupt": ("corrupt_request", {"byte": 7}),
    "lost": ("lose_response", {}),
    "short answer": ("cut_response", {"byte": 30}),
    "corrupt answer": ("corrupt_response", {"byte": 100}),
    "stall": ("stall", {}),
    "drip": ("drip", {"byte": 20}),
    "500": ("status", {"status": 500}),
    "503": ("status", {"status": 503}),
    "403": ("status", {"status": 403}),
}
EACH = mostly_slow([*FAULTS], "cut", "corrupt", "lost", "503")


@pytest.fixture(scope="module")
def rclone(tmp_path_factory):
    """A server, and the folder that its buckets are in."""
    folder = tmp_path_factory.mktemp("rclone")
    for bucket in ("results", "dissmodel-inputs"):  # it would not see them if they came later
        (folder / bucket).mkdir()
    with servers.rclone(folder) as server:
        yield server, folder


@pytest.fixture
def proxy(rclone, monkeypatch, tmp_path):
    """A proxy before the server; the environment names it, and the buckets are empty."""
    server, _ = rclone
    for name in list(os.environ):
        if name.startswith(("AWS_", "MINIO_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    found = proxies.Proxy(server.port)
    monkeypatch.setenv("DISSMODEL_CONFIG", str(tmp_path / "config.toml"))
    for name, value in server.environ(MINIO_ENDPOINT=found.endpoint).items():
        monkeypatch.setenv(name, value)
    yield found
    found.close()


@pytest.fixture
def buckets(rclone, tmp_path):
    """A function that returns an empty place for results: its URI, and the folder of its experiments."""
    _, folder = rclone
    numbers = itertools.count()

    def make():
        prefix = f"{tmp_path.name} of me/{next(numbers)}"
        return f"s3://results/{prefix}", folder / "results" / prefix / "experiments"

    return make


def made(folder, experiment_id=ID, size=70_000):
    folder.mkdir(parents=True, exist_ok=True)
    contents = {"result.bin": bytes(range(250)) * (size // 250), "result.qml": b"style"}
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    grid = folder.name.encode() * 100
    (folder / "grid.zip").write_bytes(grid)
    artifacts = {
        {"result.bin": "output"}.get(name, name): Artifact(
            path=name, size=len(data), sha256=digest.sha256_bytes(data)
        )
        for name, data in contents.items()
    }
    record = ExperimentRecord(
        experiment_id=experiment_id,
        model_name="mine",
        source=DataSource(uri="grid.zip", checksum=digest.sha256_bytes(grid), size=len(grid)),
        files=artifacts,
        artifacts={name: one.sha256 for name, one in artifacts.items()},
        output_path="result.bin",
        status="completed",
    )
    store.write(record, folder / "result.record.json")
    return folder / "result.record.json"


def state(folder):
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


def is_whole(place, experiment_id=ID):
    """Tell whether an experiment is there, once it has a record; it must be whole then."""
    record_path = place / experiment_id / "record.json"
    if not record_path.exists():
        return False
    record = store.read(record_path)
    assert record.record_digest == digest.record_digest(store.read_document(record_path))
    for artifact in record.files.values():
        assert artifact.sha256 == digest.sha256_file(record_path.parent / artifact.path)
    return True


@pytest.mark.fast_cases("503")
@pytest.mark.parametrize("fault", EACH)
def test_after_a_fault_anywhere_it_is_whole_or_has_no_record(proxy, buckets, tmp_path, fault):
    kind, more = FAULTS[fault]
    to, _ = buckets()
    begun = len(proxy.requests)
    push(PushRequest((made(tmp_path / f"{fault} 0"),), to, with_input=True, settings=QUICK), Silent())
    requests, failed = len(proxy.requests) - begun, 0

    for number in range(1, requests + 1):
        path = made(tmp_path / f"{fault} {number}")  # with an input of its own
        before = state(path.parent)
        to, place = buckets()
        proxy.at(number, kind, **more)
        try:
            push(PushRequest((path,), to, with_input=True, settings=QUICK), Silent())
        except DissmodelError:
            failed += 1
            is_whole(place)
        else:
            assert is_whole(place)
        proxy.heal()

        push(PushRequest((path,), to, with_input=True, settings=QUICK), Silent())

        assert is_whole(place), number
        assert before == state(path.parent)
    assert failed or kind.startswith(("corrupt", "short"))


def test_a_server_that_goes_down_in_the_middle_leaves_no_record(proxy, buckets, tmp_path):
    path = made(tmp_path / "mine")
    for number in range(1, 9):
        to, place = buckets()
        for later in range(number, number + 20):
            proxy.at(later, "status", status=503)
        with pytest.raises(DissmodelError):
            push(PushRequest((path,), to, settings=QUICK), Silent())
        assert not is_whole(place)
        proxy.heal()

        pushed = push(PushRequest((path,), to, settings=QUICK), Silent())

        assert is_whole(place)
        assert "record.json" == pushed.experiments[0].objects[-1].uri.rpartition("/")[2]


@pytest.mark.slow
@pytest.mark.parametrize("size", mostly_slow([70_000, 20_000_000], 70_000))
def test_a_push_that_is_killed_leaves_no_record_and_goes_on(proxy, buckets, tmp_path, size):
    path = made(tmp_path / "mine", size=size)
    before = state(path.parent)
    proxy.delay_s = 0.05
    for number in (3, 7, 10):
        to, place = buckets()
        begun = len(proxy.requests)
        words = [sys.executable, "-m", "dissmodel", "push", str(path), "--to", to]
        with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            until = time.monotonic() + 60
            while (
                len(proxy.requests) - begun < number and time.monotonic() < until and process.poll() is None
            ):
                time.sleep(0.002)
            process.kill()
        is_whole(place)
        assert before == state(path.parent)
        settings = StorageSettings(patience=Patience(silence_s=20))

        push(PushRequest((path,), to, settings=settings), Silent())

        assert is_whole(place)


def test_a_second_push_sends_nothing(proxy, buckets, tmp_path):
    path = made(tmp_path / "mine")
    to, _ = buckets()
    push(PushRequest((path,), to, with_input=True, settings=QUICK), Silent())
    begun = len(proxy.requests)

    again = push(PushRequest((path,), to, with_input=True, settings=QUICK), Silent())

    assert {"GET", "HEAD"} == {request.partition(" ")[0] for request in proxy.requests[begun:]}
    assert {"there"} == {one.state for one in again.experiments[0].objects}


def test_other_content_under_an_id_is_refused(proxy, buckets, tmp_path):
    first, second = made(tmp_path / "one"), made(tmp_path / "two", size=1000)
    to, place = buckets()
    push(PushRequest((first,), to, settings=QUICK), Silent())
    before = state(place / ID)

    with pytest.raises(Differs) as refused:
        push(PushRequest((second,), to, settings=QUICK), Silent())

    assert "experiment_exists" == refused.value.code
    assert before == state(place / ID)


@pytest.mark.slow
def test_many_go_in_parallel_and_come_back(proxy, buckets, tmp_path):
    paths = tuple(made(tmp_path / str(number), f"e{number:031}", 500) for number in range(40))
    to, place = buckets()
    proxy.delay_s = 0.02
    settings = StorageSettings(patience=Patience(silence_s=20))

    pushed = push(PushRequest(paths, to, with_input=True, settings=settings), Silent())
    pulled = pull(PullRequest(to, tmp_path / "here", with_input=True, settings=settings), Silent())

    assert (40, {}, ()) == (len(pushed.experiments), dict(pushed.failures), pushed.untried)
    assert (40, {}) == (len(pulled.experiments), dict(pulled.failures))
    for number, path in enumerate(paths):
        assert is_whole(place, f"e{number:031}")
        here = tmp_path / "here" / f"e{number:031}"
        assert path.with_name("result.bin").read_bytes() == (here / "output.bin").read_bytes()
        assert path.with_name("grid.zip").read_bytes() == (here / "inputs" / "grid.zip").read_bytes()


def test_an_input_of_several_is_sent_once(proxy, buckets, tmp_path):
    paths = tuple(made(tmp_path / str(number) / "one grid", f"d{number:031}", 500) for number in range(8))
    to, _ = buckets()
    proxy.delay_s = 0.05  # each looks before the first has sent it
    settings = StorageSettings(patience=Patience(silence_s=20))

    pushed = push(PushRequest(paths, to, with_input=True, settings=settings), Silent())

    states = sorted(one.objects[0].state for one in pushed.experiments)
    assert ["sent"] + ["there"] * 7 == states
    assert 1 == sum("PUT /dissmodel-inputs/" in request for request in proxy.requests)


@pytest.mark.fast_cases("corrupt")
@pytest.mark.parametrize("fault", EACH)
def test_a_pull_with_a_fault_leaves_nothing_wrong_and_goes_on(proxy, buckets, tmp_path, fault):
    kind, more = FAULTS[fault]
    path = made(tmp_path / f"pulled-{fault}")
    to, _ = buckets()
    push(PushRequest((path,), to, with_input=True, settings=QUICK), Silent())
    begun = len(proxy.requests)
    request = PullRequest(
        f"{to}/experiments/{ID}/record.json", tmp_path / "clean", with_input=True, settings=QUICK
    )
    pull(request, Silent())
    requests = len(proxy.requests) - begun

    for number in range(1, requests + 1):
        here = tmp_path / str(number)
        request = PullRequest(f"{to}/experiments/{ID}/record.json", here, with_input=True, settings=QUICK)
        proxy.at(number, kind, **more)
        try:
            pull(request, Silent())
        except DissmodelError:
            assert not (here / ID).exists()
        proxy.heal()

        (one,) = pull(request, Silent()).experiments

        for name, artifact in store.read(one.record).files.items():
            assert artifact.sha256 == digest.sha256_file(one.files[name])
        assert path.with_name("grid.zip").read_bytes() == one.files["input"].read_bytes()
        assert [ID] == [found.name for found in here.iterdir()]


def test_a_down_server_is_told(dissmodel, proxy, tmp_path, monkeypatch):
    path = made(tmp_path / "mine")
    monkeypatch.setenv("MINIO_ENDPOINT", "http://127.0.0.1:1")

    said = dissmodel("push", path, "--json")

    assert (5, "storage_unreachable") == (said.code, said.json["error"]["code"])


def test_no_secret_is_told(dissmodel, proxy, tmp_path, monkeypatch):
    path = made(tmp_path / "mine")
    secret = "planted-and-wrong-0123456789"
    monkeypatch.setenv("MINIO_SECRET_KEY", secret)

    for words in (("push", path), ("push", path, "--json"), ("pull", ID), ("push", path, "--dry-run")):
        said = dissmodel(*words)
        assert 5 == said.code
        assert secret not in said.out + said.err
