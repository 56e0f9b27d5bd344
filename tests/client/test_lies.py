"""A server that is away, is none of ours, or lies: each is told by a code, and leaves nothing behind."""

import socket
from pathlib import Path

import pytest

import dissmodel
from dissmodel.client.server import MOST_BYTES
from dissmodel.errors import DissmodelError
from support import servers
from support.fake_service import JOB, RESULT, as_json, fake, job, problem, record

HTML = (200, {"Content-Type": "text/html"}, b"<html>Please log in</html>")


def endless(handler):
    """An answer that has no end."""
    handler.send_response(200)
    handler.end_headers()
    for _ in range(MOST_BYTES // (1 << 20) + 8):
        handler.wfile.write(b" " * (1 << 20))


def cut(handler):
    """A file of which only a part comes."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(RESULT)))
    handler.end_headers()
    handler.wfile.write(RESULT[:2])
    handler.close_connection = True


def changed(**words):
    return {**record(), **words}


def named(path):
    """The record of a result whose only file has this name."""
    return record(files={"output": {**record()["files"]["output"], "path": path}})


LIES = [
    # rubbish
    ("upload", HTML, "server_answer", 5),
    ("submit", HTML, "server_answer", 5),
    ("submit", b"null", "server_answer", 5),
    ("submit", b"[" * 10_000, "server_answer", 5),
    ("submit", as_json({**job(), "job_id": "../../etc"}), "server_answer", 5),
    ("submit", (404, {}, b"<html>"), "server_answer", 5),
    ("job", HTML, "server_answer", 5),
    ("job", as_json(job(job_id="0" * 32)), "server_answer", 5),
    ("job", as_json(job(status="lost")), "server_answer", 5),
    ("record", HTML, "not_a_record", 5),
    ("link", as_json({"url": "file:///etc/passwd"}), "server_answer", 5),
    # too much
    ("submit", endless, "server_answer_too_large", 5),
    ("record", endless, "server_answer_too_large", 5),
    ("file", (200, {}, RESULT + b"!"), "object_too_large", 4),
    # redirects
    ("submit", (307, {"Location": "https://user:pw@evil.example/x"}, b""), "server_redirected", 5),
    ("job", (302, {}, b""), "server_redirected", 5),
    ("job", (302, {"Location": "http://[x/"}, b""), "server_redirected", 5),
    # lies
    ("upload", as_json({"uri": "x", "checksum": "0" * 64}), "upload_differs", 4),
    ("record", as_json(changed(model_name="other")), "record_changed", 4),
    ("record", as_json(changed(experiment_id="0" * 32)), "experiment_id", 4),
    ("record", as_json(record(status="failed")), "not_completed", 3),
    ("record", as_json(record(source={**record()["source"], "checksum": "0" * 64})), "other_input", 4),
    ("record", as_json(record(files={}, artifacts={})), "no_output", 4),
    ("record", as_json(named("../../etc/passwd")), "artifact_path", 5),
    ("record", as_json(named("/etc/passwd")), "artifact_path", 5),
    ("file", (200, {}, b"RESULT"), "storage_differs", 4),
    ("file", cut, "storage", 5),
    ("link", as_json({"url": "http://[::1"}), "server_answer", 5),
    ("link", as_json({"url": "http://127.0.0.1:99999/a"}), "storage", 5),
    ("link", problem(404, "object_missing"), "object_missing", 4),
    # it refuses, or fails
    ("submit", problem(403, "wrong_key"), "wrong_key", 2),
    ("submit", problem(401, "no_key"), "no_key", 2),
    ("submit", problem(422, "<script>"), "server_answer", 5),
    ("submit", problem(422, "invalid", [{"loc": ["body", "seed"], "msg": "bad"}]), "invalid", 2),
    ("submit", problem(503, "storage_unreachable"), "storage_unreachable", 5),
    ("submit", (500, {}, b"<html>"), "server_failed", 5),
]  # fmt: skip


@pytest.mark.parametrize(
    ("what", "answer", "code", "exit_code"),
    LIES,
    ids=[f"{one[0]}-{one[2]}-{n}" for n, one in enumerate(LIES)],
)
def test_it_is_told_by_its_code_and_nothing_is_left(what, answer, code, exit_code, here, monkeypatch):
    monkeypatch.setenv("DISSMODEL_API_KEY", "planted-KEY-0123456789")
    answer = (200, {}, answer) if isinstance(answer, bytes) else answer
    with fake(**{what: answer}) as server, pytest.raises(DissmodelError) as raised:
        patient(server.url).run("flood", input="grid.tif", output="r.bin")

    error = raised.value
    assert (code, exit_code) == (error.code, error.exit_code), error
    assert ["grid.tif"] == [path.name for path in here.iterdir()]
    assert "planted" not in f"{error} {error.hint} {error.__notes__}"
    assert "pw@" not in str(error)
    assert code not in {"wrong_key", "no_key"} or "DISSMODEL_API_KEY" in error.hint


def patient(url):
    """A client that tries nothing twice."""
    from dissmodel.client.jobs import Client
    from dissmodel.client.keys import find_key
    from dissmodel.client.server import Server
    from dissmodel.config import load_settings
    from dissmodel.storage.settings import Patience

    return Client(Server(url, find_key(url, load_settings()), Patience(connect_s=1, silence_s=1, retries=0)))


def test_a_server_that_is_away_is_told_from_others(here):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        nobody = f"http://127.0.0.1:{probe.getsockname()[1]}"
    with fake() as plain, servers.Talking(b"") as silent:
        for url, code, why in (
            (nobody, "server_unreachable", "nothing listens there"),
            ("http://nowhere.invalid", "server_unreachable", "no host of that name"),
            (silent.endpoint, "server_unreachable", "the connection was cut"),
            (plain.url.replace("http", "https"), "server_untrusted", "no secure connection"),
        ):
            with pytest.raises(DissmodelError, match=why) as raised:
                patient(url).jobs()
            assert (code, 5) == (raised.value.code, raised.value.exit_code)


def test_an_earlier_result_stays_if_the_new_one_is_a_lie(here):
    with fake() as server:
        made = dissmodel.connect(server.url).run("flood", input="grid.tif", output="r.bin")
        before = {path.name: path.read_bytes() for path in here.iterdir()}
        server.answers["GET /files/output.bin"] = (200, {}, b"RESULT")
        with pytest.raises(DissmodelError, match="sha256"):
            dissmodel.connect(server.url).run("flood", input="grid.tif", output="r.bin", overwrite=True)

    assert Path("r.bin").absolute() == made.files["output"]
    assert {"grid.tif", "r.bin", "r.record.json"} == before.keys()
    assert before == {path.name: path.read_bytes() for path in here.iterdir()}


def test_the_name_of_a_model_is_no_path(here):
    with fake(record=record(model_name="../../.ssh/x")) as server:
        made = dissmodel.connect(server.url).run("flood", input="grid.tif")

    assert here == Path(made.files["output"]).parent
    assert f"_______ssh_x_{JOB[:8]}.bin" == Path(made.files["output"]).name


def test_a_hidden_name_is_shown_and_a_file_in_the_way_stays(here):
    Path("notes.txt").write_text("mine")
    files = {
        "output": record()["files"]["output"],
        "hook": {"path": ".git/hooks/post-checkout", "size": 6, "sha256": record()["artifacts"]["output"]},
        "rc": {"path": ".bashrc", "size": 6, "sha256": record()["artifacts"]["output"]},
        "again": {"path": "maps/rc.txt", "size": 6, "sha256": record()["artifacts"]["output"]},
        "twice": {"path": "charts/rc.txt", "size": 6, "sha256": record()["artifacts"]["output"]},
        "notes": {"path": "notes.txt", "size": 6, "sha256": record()["artifacts"]["output"]},
    }
    with fake(record=record(files=files)) as server:
        for path in (".git/hooks/post-checkout", ".bashrc", "notes.txt", "maps/rc.txt", "charts/rc.txt"):
            server.answers[f"GET /experiments/{JOB}/files/{path}"] = {"url": "/files/output.bin"}
        made = dissmodel.connect(server.url).run("flood", input="grid.tif", output="r.bin")

    assert "mine" == Path("notes.txt").read_text()
    expected = {"r.bin", "post-checkout", "_bashrc", "rc.txt"}
    expected |= {f"r.{JOB[:8]}.notes.txt", f"r.{JOB[:8]}.rc.txt"}
    assert expected == {Path(path).name for path in made.files.values()}
    assert not [path for path in here.iterdir() if path.name.startswith(".")]
    assert all(here == Path(path).parent for path in made.files.values())
