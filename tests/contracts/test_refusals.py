"""What a server refuses: one message that names endpoint and object, and the exit code of storage."""

import datetime as dt
import hashlib
import socket

import pytest

from dissmodel.errors import DissmodelError, StorageError, UsageError
from dissmodel.record.digest import sha256_file
from dissmodel.storage.credentials import find
from dissmodel.storage.place import open_storage
from dissmodel.storage.s3 import S3Storage
from dissmodel.storage.settings import Patience, StorageSettings
from support import servers

QUICK = Patience(connect_s=1, silence_s=1, backoff_s=0.05)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"hello")
    return path


@pytest.fixture
def calls(file, tmp_path):
    """Every call of a storage, each of which has to fail."""

    def all_of(storage, key="folder/a.tif"):
        yield lambda: storage.stat(key)
        yield lambda: storage.get(key, tmp_path / "copy", limit=100)
        yield lambda: storage.put(file, key, sha256=sha256_file(file))
        yield lambda: storage.put(file, key, sha256=sha256_file(file), only_new=True)
        yield lambda: list(storage.list("folder/"))

    return all_of


def storage_of(server, bucket="no-such-bucket", **environ):
    return S3Storage(find(StorageSettings(), server.environ(**environ)), bucket, QUICK)


def refusal(call):
    with pytest.raises(DissmodelError) as caught:
        call()

    assert caught.value.message.isprintable()
    assert caught.value.hint
    return caught.value


CASES = {
    "wrong secret": ({"MINIO_SECRET_KEY": "wr0ng-and-planted"}, "storage_denied", "secret key does not fit"),
    "unknown key": ({"MINIO_ACCESS_KEY": "nobody-planted"}, "storage_denied", "does not know the access key"),
    "missing bucket": ({}, "storage_missing", "no such bucket"),
}


@pytest.mark.parametrize("case", CASES)
def test_who_and_where(rclone, calls, case):
    environ, code, why = CASES[case]
    storage = storage_of(rclone, **environ)
    for call in calls(storage):
        error = refusal(call)

        assert (code, 5) == (error.code, error.exit_code)
        assert why in error.message
        assert "s3://no-such-bucket/folder/" in error.message
        assert rclone.endpoint in error.message
        assert "planted" not in error.message + error.hint


def test_a_missing_bucket_elsewhere(moto, calls):
    for call in calls(storage_of(moto)):
        assert refusal(call).code == "storage_missing"


def test_no_right_to_write(moto, open_bucket, file, tmp_path):
    own = open_bucket(moto)
    own.put(file, "a", sha256=sha256_file(file))
    access, secret = servers.reader_of(moto)
    try:
        name = own.shown.partition(" ")[0].removeprefix("s3://")
        storage = storage_of(moto, name, MINIO_ACCESS_KEY=access, MINIO_SECRET_KEY=secret)
        assert storage.get("a", tmp_path / "copy", limit=100).size == 5
        errors = [
            refusal(lambda: storage.put(file, "b", sha256=sha256_file(file))),
            refusal(lambda: storage.delete("a")),
        ]
        wrong = storage_of(moto, name, MINIO_SECRET_KEY="wr0ng")
        errors.append(refusal(lambda: wrong.stat("a")))
    finally:
        servers.demand_rights(moto, 10**9)

    assert {("storage_denied", 5)} == {(error.code, error.exit_code) for error in errors}
    assert "no right" in errors[0].message
    assert "MINIO_ACCESS_KEY" in errors[0].hint
    assert "secret key does not fit" in errors[2].message


def test_a_clock_that_is_wrong(rclone, open_bucket, monkeypatch):
    storage = open_bucket(rclone)
    now = dt.datetime.now(dt.UTC)
    monkeypatch.setattr("minio.time.utcnow", lambda: now - dt.timedelta(hours=2))

    error = refusal(lambda: storage.stat("a"))

    assert error.code == "storage_denied"
    assert "clock" in error.message


def test_a_certificate_that_is_not_trusted(rclone_tls, calls):
    for call in calls(storage_of(rclone_tls.server)):
        error = refusal(call)

        assert error.code == "storage_unreachable"
        assert "not trusted" in error.message
        assert "SSL_CERT_FILE" in error.hint


def test_an_authority_that_is_not_there(rclone_tls, monkeypatch, tmp_path):
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "absent.pem"))

    with pytest.raises(UsageError, match="absent"):
        storage_of(rclone_tls.server)


def test_tls_where_there_is_none_and_the_other_way_round(rclone, rclone_tls):
    plain = storage_of(rclone, MINIO_ENDPOINT=rclone.endpoint.replace("http:", "https:"))
    secure = storage_of(
        rclone_tls.server, MINIO_ENDPOINT=rclone_tls.server.endpoint.replace("https:", "http:")
    )

    assert "MINIO_SECURE=false" in refusal(lambda: plain.stat("a")).hint
    assert refusal(lambda: secure.stat("a")).exit_code == 5


@pytest.mark.parametrize(
    "bucket", ["ab", "Upper", "a_b", "a..b", "-ab", "ab-", "1.2.3.4", "x" * 64, "xn--a", "ção"]
)
def test_illegal_buckets(rclone, bucket):
    error = refusal(lambda: open_storage(f"s3://{bucket}/key", StorageSettings(), environ=rclone.environ()))

    assert ("storage_bucket", 5) == (error.code, error.exit_code)
    assert rclone.endpoint in error.message


@pytest.mark.parametrize("key", ["a/../b", "../b", "a\nb", "k" * 2000, "/a", "\x7f"])
def test_illegal_keys(rclone, key):
    error = refusal(lambda: open_storage(f"s3://bucket/{key}", StorageSettings(), environ=rclone.environ()))

    assert ("storage_key", 5) == (error.code, error.exit_code)
    assert rclone.endpoint in error.message


def test_a_server_that_is_down(calls):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    storage = S3Storage(find(StorageSettings(), closed(port)), "bucket", Patience())
    for call in calls(storage):
        error = refusal(call)

        assert error.code == "storage_unreachable"
        assert f"127.0.0.1:{port}" in error.message


@pytest.mark.slow
def test_a_server_that_drops_what_knocks(calls):
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:  # they fill the queue, and nobody accepts
            one.settimeout(0)
            one.connect_ex(full.getsockname())
        storage = S3Storage(find(StorageSettings(), closed(full.getsockname()[1])), "bucket", Patience())
        error = refusal(lambda: storage.stat("a"))
        for one in waiting:
            one.close()

    assert error.code == "storage_unreachable"


@pytest.mark.slow
def test_a_server_that_never_answers(rclone, proxy_of, open_bucket, calls):
    proxy = proxy_of(rclone)
    storage = open_bucket(rclone, endpoint=proxy.endpoint, patience=QUICK)
    proxy.always("stall")
    for call in calls(storage):
        error = refusal(call)

        assert error.code == "storage_unreachable"
        assert "for 1 s" in error.message


@pytest.mark.fast_cases("503")
@pytest.mark.parametrize("status", [403, 500, 503])
def test_a_server_that_refuses_all(rclone, proxy_of, open_bucket, calls, status):
    proxy = proxy_of(rclone)
    storage = open_bucket(rclone, endpoint=proxy.endpoint)
    proxy.always("status", status=status)
    for call in calls(storage):
        error = refusal(call)

        assert (error.code, error.exit_code) == ("storage_denied" if status == 403 else "storage", 5)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: 9\r\n\r\n<html>\x1b[1",
        b"HTTP/1.1 404 Not Found\r\nContent-Type: application/xml\r\nContent-Length: 5\r\n\r\n<Erro",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"",
    ],
)
def test_what_is_no_s3_server(calls, answer):
    with servers.Talking(answer) as server:
        storage = S3Storage(find(StorageSettings(), server.environ()), "bucket", QUICK)
        for call in list(calls(storage))[1:]:
            error = refusal(call)

            assert (error.code.partition("_")[0], error.exit_code) == ("storage", 5)


def test_nobody_in_particular(rclone, calls):
    access = find(StorageSettings(endpoint=rclone.endpoint, anonymous=True, region="us-east-1"), {})
    for call in calls(S3Storage(access, "bucket", QUICK)):
        assert refusal(call).exit_code == 5


def test_a_redirect_is_not_followed_with_what_is_put(file):
    """Nor is anything sent to where it points."""
    with servers.Talking(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as other:
        head = f"HTTP/1.1 307 Temporary Redirect\r\nLocation: {other.endpoint}/x\r\nContent-Length: 0\r\n\r\n"
        with servers.Talking(head.encode()) as server:
            storage = S3Storage(find(StorageSettings(), server.environ()), "bucket", QUICK)
            with pytest.raises(StorageError, match="another address"):
                storage.put(file, "a", sha256=hashlib.sha256(b"hello").hexdigest())

    assert other.heard == []


def closed(port):
    return servers.Server(f"http://127.0.0.1:{port}", port).environ()
