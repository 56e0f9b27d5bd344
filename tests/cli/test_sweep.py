"""The command sweep: what it prints, its exit codes, and what signals do to it."""

import csv
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dissmodel.config import load_settings
from dissmodel.experiment.layout import open_place
from dissmodel.storage.settings import StorageSettings
from support import servers
from support.sweeps import write_growing
from support.terminal import error_on_a_terminal

SWEEP = ("sweep", "growing.py", "-i", "in.tif", "-o", "out", "-p", "end_time=2")
HERE = (*SWEEP, "--cluster", "here")


@pytest.fixture
def growing(dissmodel):
    """Run the command in a folder with a model and its input."""
    write_growing()
    return dissmodel


def statuses():
    with Path("out/runs.csv").open(newline="", encoding="utf-8") as stream:
        return [row["status"] for row in csv.DictReader(stream)]


def test_a_sweep_says_how_it_ended_and_where_everything_is(growing):
    said = growing(*HERE, "--vary", "rate=0:1:0.5", "--replicates", 2)

    assert (0, "") == (said.code, said.err)
    first, second, *places = said.out.splitlines()
    assert "6 runs: 6 completed" == first
    assert second.startswith("  6 of them now, in ")
    assert ["table", "record"] == [line.split()[0] for line in places]
    assert ["0.0", "0.0", "0.5", "0.5", "1.0", "1.0"] == [
        line.split(",")[2] for line in Path("out/runs.csv").read_text().splitlines()[1:]
    ]

    again = growing(*HERE, "--vary", "rate=0:1:0.5", "--replicates", 2)
    assert ["6 runs: 6 completed", *places] == again.out.splitlines()
    assert "" == growing(*HERE, "--vary", "rate=0:1:0.5", "--replicates", 2, "-q").out


def test_the_input_may_be_what_varies(growing):
    for name in ("a.tif", "b.tif"):
        shutil.copy("in.tif", name)
    words = ("sweep", "growing.py", "-o", "out", "-p", "end_time=2", "--cluster", "here")

    said = growing(*words, "--vary", "input=a.tif,b.tif")

    assert (0, "") == (said.code, said.err)
    assert "1 run (2 rows; equal rows share a run): 1 completed" == said.out.splitlines()[0]


@pytest.mark.slow
def test_a_failed_run_lets_the_command_exit_with_1(growing):
    said = growing(*HERE, "--vary", "how=well,fail", "--json")

    assert 1 == said.code
    assert (2, 2, 1, 1, 0) == tuple(
        said.json[name] for name in ("rows", "runs", "completed", "failed", "missing")
    )
    verbose = growing(*HERE, "--vary", "how=well,fail", "-v")
    assert 1 == verbose.code
    assert "1 run on this process" in verbose.err
    assert " failed in " in verbose.err
    status = growing("sweep", "status", "out")
    assert (0, "not running: 1 of 2 runs completed, 1 failed, 0 left\n") == (status.code, status.out)
    found = growing("sweep", "status", "out", "--json").json
    assert (2, 1, 1, 0, False) == tuple(
        found[name] for name in ("runs", "completed", "failed", "missing", "running")
    )


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--vary", "rat=1"], 2, "rate"),
        (["--vary", "rate=0.5,2,3"], 2, "3"),
        (["--vary", "rate=0.5", "--vary", "rate=0.7"], 2, "given twice"),
        (["--vary", "rate"], 2, "there is no ="),
        (["--vary", "rate=0.5", "--replicates", 10_001], 2, "Give consent with --yes"),
        (["--vary", "rate=0:1"], 2, "design"),
        (["--design", "lhs:3"], 2, "vary"),
        (["--workers", "0"], 2, "--workers"),
        (["--toml", "none.toml"], 3, "none.toml"),
        (["--keep", "nothing"], 2, "--keep"),
        (["--cluster-tls", "crt=a.pem"], 2, "cert"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_written(growing, words, code, said):
    ended = growing(*HERE, *words)

    assert code == ended.code, ended.err
    assert said in ended.err
    assert "Traceback" not in ended.err
    assert not Path("out/runs").exists()


def test_a_sweep_needs_a_folder(growing):
    Path("taken").write_text("mine")

    assert 2 == growing("sweep", "growing.py", "-i", "in.tif").code
    taken = growing("sweep", "growing.py", "-i", "in.tif", "-o", "taken", "--cluster", "here")
    assert (2, "mine") == (taken.code, Path("taken").read_text())
    assert "this is a file" in taken.err
    nothing = growing("sweep", "status", "nothing")
    assert 3 == nothing.code
    assert "no such folder" in nothing.err


def test_a_cluster_s_certificates_are_those_of_the_command(growing):
    words = [word for name in ("ca", "cert", "key") for word in ("--cluster-tls", f"{name}={name}.pem")]
    Path("ca.pem").write_text("none")

    said = growing(*SWEEP, "--vary", "rate=0.5", "--cluster", "tls://127.0.0.1:1", *words)

    assert 2 == said.code
    assert f"The certificates {Path('ca.pem').absolute()}, " in said.err


def test_the_plan_of_a_sweep_repeats_it(growing):
    assert 0 == growing(*HERE, "--vary", "rate=0.1,0.9").code

    said = growing("sweep", "--toml", "out/sweep.toml", "-o", "out", "--json", "--cluster", "here")
    assert (0, 2) == (said.json["began"], said.json["completed"])
    more = growing(
        "sweep", "--toml", "out/sweep.toml", "-o", "b", "--replicates", 2, "--json", "--cluster", "here"
    )
    assert (4, 4) == (more.json["began"], more.json["completed"])


def test_records_know_the_whole_sweep(growing):
    growing(*HERE, "--vary", "rate=0.1,0.9")

    assert 0 == growing("record", "verify", "out/sweep.record.json").code
    listed = growing("record", "list", "out").out
    assert 4 == len(listed.splitlines())
    shown = growing("record", "show", "out/sweep.record.json").out
    assert "  completed  2\n" in shown
    assert 2 == growing("reproduce", "out/sweep.record.json").code


def test_processes_do_the_same_bits(growing):
    growing(*HERE, "--vary", "rate=0.1,0.9")
    words = ["there" if word == "out" else word for word in SWEEP]
    assert 0 == growing(*words, "--vary", "rate=0.1,0.9", "--workers", 1).code

    def digests(folder):
        with Path(folder, "runs.csv").open(newline="") as stream:
            return [(row["key"], row["sha256"]) for row in csv.DictReader(stream)]

    assert digests("out") == digests("there")


def start(*words):
    command = [sys.executable, "-m", "dissmodel", *SWEEP, *words, "-v"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def children(process):
    """The processes that a process started and that live."""
    found = []
    for one in Path("/proc").iterdir():
        if one.name.isdecimal():
            try:
                fields = (one / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if fields[0] != "Z" and (int(fields[1]) == process):
                found.append(int(one.name))
    return found


def until(condition):
    for _ in range(600):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it took too long")


def is_alive(process):
    try:
        return (Path("/proc") / str(process) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="It looks into /proc")
@pytest.mark.parametrize("how", ["once", "killed"])
def test_signals_lose_nothing_and_leave_no_process(growing, how):
    slow = ("--vary", "status=1:12:1", "-p", "wait=0.2", "--workers", "2")
    sweep = start(*slow)
    until(
        lambda: Path("out/runs.jsonl").exists() and len(Path("out/runs.jsonl").read_bytes().splitlines()) > 3
    )
    workers = children(sweep.pid)
    running = growing("sweep", "status", "out", "--json").json
    assert running["running"]
    second = growing(*HERE, *slow)
    assert (2, True) == (second.code, "another command is running this sweep" in second.err)

    sweep.send_signal(signal.SIGKILL if how == "killed" else signal.SIGINT)
    _, err = sweep.communicate(timeout=60)

    assert (-signal.SIGKILL if how == "killed" else 130) == sweep.returncode, err
    until(lambda: not any(map(is_alive, workers)))
    stopped = growing("sweep", "status", "out", "--json").json
    assert running["completed"] <= stopped["completed"] < 12
    assert not stopped["running"]
    if how != "killed":
        assert stopped["completed"] == statuses().count("completed")
        assert "runs are left; the same command goes on" in err
    whole = [path.parent.name for path in Path("out/runs").glob("*/result.record.json")]
    rest = growing(*SWEEP, *slow, "--json").json
    assert (12 - len(whole), 12) == (rest["began"], rest["completed"])
    assert 0 == growing("record", "verify", "out/sweep.record.json").code


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="It looks into /proc")
def test_a_second_signal_ends_the_runs_in_flight(growing):
    sweep = start("--vary", "status=1,2", "-p", "wait=300", "--workers", "2")
    try:
        until(lambda: len([*Path("out/runs").glob("*")]) == 2)
        workers = children(sweep.pid)
        sweep.send_signal(signal.SIGINT)
        while "Ctrl-C once more ends them too" not in sweep.stderr.readline():
            assert sweep.poll() is None
        sweep.send_signal(signal.SIGINT)
        _, err = sweep.communicate(timeout=60)
    finally:
        sweep.kill()

    assert 130 == sweep.returncode, err
    until(lambda: not any(map(is_alive, workers)))


@pytest.mark.slow
def test_a_run_that_kills_its_worker_costs_only_itself(growing):
    said = growing(*SWEEP, "--vary", "how=well,kill", "--vary", "status=1,2,3", "--workers", 2, "--json")

    assert (1, 3, 3) == (said.code, said.json["completed"], said.json["failed"])
    with Path("out/runs.csv").open(newline="") as stream:
        lost = [row for row in csv.DictReader(stream) if row["how"] == "kill"]
    assert {"3"} == {row["tries"] for row in lost}
    assert all("SIGKILL" in row["error"] for row in lost)
    assert 0 == growing("record", "verify", "out/sweep.record.json").code


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
def test_a_terminal_sees_how_many_runs_ended(growing):
    command = [sys.executable, "-m", "dissmodel", *HERE, "--vary", "status=1:9:1"]

    out, seen = error_on_a_terminal(command, cwd=Path.cwd())

    assert "9 runs: 9 completed" in out
    assert "done, 0 failed, " in seen
    assert " left, " in seen


@pytest.fixture(scope="module")
def bucket(tmp_path_factory):
    """An S3 server with an empty bucket, ``results``."""
    folder = tmp_path_factory.mktemp("rclone")
    (folder / "results").mkdir()
    with servers.rclone(folder) as server:
        yield server, folder / "results"


@pytest.mark.slow
def test_a_sweep_goes_into_a_bucket_and_on_from_there(growing, bucket, monkeypatch, tmp_path):
    server, results = bucket
    for name, value in server.environ(MINIO_ENDPOINT=f"http://127.0.0.1:{server.port}").items():
        monkeypatch.setenv(name, value)
    place = "s3://results/mine"
    words = [place if word == "out" else word for word in HERE] + ["--json"]

    first = growing(*words, "--vary", "rate=0.1,0.9", "--vary", "how=well,fail")

    assert 1 == first.code, first.err
    assert (4, 2, 2) == tuple(first.json[name] for name in ("runs", "completed", "failed"))
    assert f"{place}/sweep.record.json" == first.json["record_path"]
    there = {path.relative_to(results / "mine").as_posix() for path in results.rglob("*") if path.is_file()}
    assert {"sweep.record.json", "sweep.toml", "runs.csv"} <= there
    records = [name for name in there if name.endswith("/result.record.json")]
    assert 2 == len(records)
    assert 0 == growing("record", "verify", f"{place}/{records[0]}").code
    verified = growing("record", "verify", f"{place}/sweep.record.json", "--json")
    assert (0, 2) == (verified.code, [one["name"] for one in verified.json["checks"]].count("run") - 2)

    monkeypatch.setenv("DISSMODEL_CACHE", str(tmp_path / "another machine"))
    again = growing(*words, "--vary", "rate=0.1,0.5,0.9", "--vary", "how=well")
    assert (0, 1, 3) == (again.code, again.json["began"], again.json["completed"]), again.err
    objects = open_place(f"{place}/", StorageSettings.of(load_settings()))
    objects.storage.delete(objects.key(records[0]))
    assert 4 == growing("record", "verify", f"{place}/sweep.record.json").code
    once = growing(*words, "--vary", "rate=0.1,0.5,0.9", "--vary", "how=well")
    assert (0, 1, 3) == (once.code, once.json["began"], once.json["completed"]), once.err
