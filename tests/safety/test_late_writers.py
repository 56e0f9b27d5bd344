"""Who still writes to a result after the model has returned it: the record holds, whatever comes later."""

import itertools
import os
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from dissmodel.record import store
from dissmodel.running import open_files
from dissmodel.running.open_files import name_of, still_open, wait_for_writers
from support.cases import mostly_slow

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the models fork, and Linux tells who writes")

HEAD = """
    import mmap, subprocess
    def until(path):
        for _ in range(6000):
            if os.path.exists(path): return
            time.sleep(0.01)
    def late(file, go, mtime):
        # A result is written to once more, as soon as there is a file `go`; its time may be set back.
        until(go)
        at = os.fstat(file)
        os.pwrite(file, b"LATE", 0)
        if mtime: os.utime(file, ns=(at.st_atime_ns, at.st_mtime_ns))
        Path("done").touch()
    def child(file, do):
        # A process that has let go of everything but the result.
        if os.fork() == 0:
            try:
                os.closerange(0, file)
                os.closerange(file + 1, 10_000)
                do()
            finally:
                os._exit(0)
"""
SAVE = """
    Path(record.output_path).write_bytes(result)
    file = os.open(record.output_path, os.O_RDWR)
    go, mtime = {go!r}, {mtime}
    {how}
    return record
"""
PROCESSES = {
    "a process": "child(file, lambda: late(file, go, mtime)); os.close(file)",
    "a process of a process": (
        "deeper = lambda: child(file, lambda: late(file, go, mtime)); "
        "child(file, lambda: (os.setsid(), deeper())); os.wait(); os.close(file)"
    ),
    "another program": (
        "script = 'import os, sys, time\\nwhile not os.path.exists(sys.argv[2]): time.sleep(0.01)\\n'"
        ' \'os.pwrite(int(sys.argv[1]), b"LATE", 0); open("done", "w").close()\'; '
        "subprocess.Popen([sys.executable, '-c', script, str(file), go], pass_fds=[file], "
        "stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL); os.close(file)"
    ),
}


def save(how, *, go, mtime=False):
    return textwrap.dedent(SAVE).format(how=how, go=str(go), mtime=mtime)


@pytest.mark.fast_cases("another program-False")
@pytest.mark.parametrize(
    ("how", "mtime"),
    mostly_slow(
        [*itertools.product(PROCESSES, [False, True])],
        ("a process of a process", True),
        ("another program", False),
    ),
)
def test_a_process_that_writes_long_after_the_run(place, waiting, how, mtime):
    said = place.run(place.model(head=HEAD, save=save(PROCESSES[how], go=place.folder / "go", mtime=mtime)))
    held = place.holds()
    (place.folder / "go").touch()
    waiting(place.folder / "done")

    assert (0, True) == (said.code, held), said.err
    assert "r.bin was still open for writing when mine had returned it, by process " in said.err
    assert place.holds()
    assert b"some bytes" == (place.folder / "r.bin").read_bytes()
    assert any("still open for writing" in line for line in store.read(place.folder / "r.record.json").logs)


@pytest.mark.parametrize("how", mostly_slow(PROCESSES, "a process of a process"))
def test_a_process_that_soon_ends_is_waited_for(place, how):
    here = place.folder / "data.bin"  # it is there already

    said = place.run(place.model(head=HEAD, save=save(how, go=here)))

    assert (0, "") == (said.code, said.err)
    assert b"LATE bytes" == (place.folder / "r.bin").read_bytes()
    assert place.holds()


THREADS = {
    "a thread": "threading.Thread(target=late, args=(file, go, mtime), daemon=True).start()",
    "a thread that opens it again": (
        "os.close(file); path = record.output_path\n"
        "def again():\n"
        "    try: late(os.open(path, os.O_RDWR), go, mtime)\n"
        "    except OSError: pass\n"
        "threading.Thread(target=again, daemon=True).start()"
    ),
}


@pytest.mark.fast_cases("a thread-0-True")
@pytest.mark.parametrize(
    ("how", "pause", "mtime"),
    mostly_slow(
        [*itertools.product(THREADS, [0, 0.01, 0.1], [False, True])],
        ("a thread", 0, True),
        ("a thread", 0.01, False),
        ("a thread that opens it again", 0.1, True),
    ),
)
def test_a_thread_that_writes_at_any_moment(place, how, pause, mtime):
    head = textwrap.dedent(HEAD) + "def until(path): time.sleep(path)\n"

    said = place.run(
        place.model(head=head, save=save(THREADS[how], go="x", mtime=mtime).replace("'x'", str(pause)))
    )

    assert said.code in {0, 1}
    assert said.code == 1 or place.holds()


@pytest.mark.slow
def test_a_thread_that_never_lets_go_is_named(place):
    how = "threading.Thread(target=late, args=(file, go, mtime), daemon=True).start()"

    said = place.run(place.model(head=HEAD, save=save(how, go="never")))

    assert 0 == said.code
    assert "r.bin was still open for writing when mine had returned it, by the model itself" in said.err
    assert place.holds()


LEFT = {
    "a file that was not closed": ("pass", "by the model itself"),
    "a memory map": ("sys.kept = mmap.mmap(file, 0); os.close(file)", "by the model itself"),
    "a file to read": ("os.close(file); sys.kept = open(record.output_path, 'rb')", None),
    "a map to read": (
        (
            "os.close(file); file = os.open(record.output_path, os.O_RDONLY); "
            "sys.kept = mmap.mmap(file, 0, prot=mmap.PROT_READ)"
        ),
        None,
    ),
    "a log in the folder": (
        (
            "os.close(file); log = Path(record.output_path).with_name('log.txt').open('w', buffering=1); "
            "log.write('x\\n'); sys.kept = log"
        ),
        "log.txt was still open",
    ),
}


@pytest.mark.fast_cases("a memory map")
@pytest.mark.parametrize(
    ("how", "told"), mostly_slow(LEFT, "a memory map", "a file to read", "a log in the folder")
)
def test_what_a_model_leaves_open(place, how, told):
    said = place.run(place.model(head=HEAD, save=save(how, go="never")))

    assert 0 == said.code
    assert (told or "") in said.err
    assert (told is None) == (said.err == "")
    assert place.holds()


def test_a_result_that_has_another_name_elsewhere(place):
    how = "os.close(file); os.link(record.output_path, 'kept.bin')"

    said = place.run(place.model(head=HEAD, save=save(how, go="never")))
    (place.folder / "kept.bin").write_bytes(b"other")

    assert (0, "") == (said.code, said.err)
    assert place.holds()


def test_a_file_outside_that_is_written_to_while_it_is_measured(place):
    save_outside = """
        record.output_path = str(Path("outside.bin").absolute())
        file = open("outside.bin", "wb", buffering=0); file.write(result)
        def on():
            while True: file.write(b"x"); time.sleep(0.0001)
        threading.Thread(target=on, daemon=True).start()
        import dissmodel.running.run as run
        kept = run.account.completed
        def slow(*words): time.sleep(0.05); return kept(*words)
        run.account.completed = slow
        return record
        """

    said = place.run(place.model(save=save_outside))

    assert 1 == said.code
    assert "outside.bin changed after mine had returned it" in said.err


@pytest.fixture
def result(tmp_path):
    path = tmp_path / "r.bin"
    path.write_bytes(b"some bytes")
    return path


@pytest.fixture(params=[None, False], ids=["no leases", "every lease refused"])
def leases(request, monkeypatch):
    """A file system that knows no leases, or a network drive that refuses them all."""
    monkeypatch.setattr(open_files, "leased", lambda _path: request.param)


@pytest.mark.usefixtures("leases")
def test_without_leases_the_open_files_of_processes_tell(result):
    alone = still_open([result])
    with result.open("rb"):
        reading = still_open([result])
    with result.open("r+b"):
        writing = still_open([result])
        process = subprocess.Popen(
            [sys.executable, "-c", f"f = open({str(result)!r}, 'r+b'); print(1, flush=True); input()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        process.stdout.readline()
        both = still_open([result])
        named = name_of(both[result])
    process.communicate(b"\n")

    assert ({}, {}, {result: os.getpid()}) == (alone, reading, writing)
    assert "the model itself" == name_of(os.getpid())
    assert process.pid == both[result]
    assert named.startswith(f"process {process.pid} (")
    assert {} == still_open([result])


def test_where_a_system_does_not_tell_every_file_counts(result, monkeypatch):
    monkeypatch.setattr("dissmodel.running.open_files.sys.platform", "darwin")
    mac = still_open([result])
    monkeypatch.setattr("dissmodel.running.open_files.sys.platform", "win32")
    windows = still_open([result])

    assert ({result: None}, {}) == (mac, windows)


def test_what_a_system_does_not_tell_is_not_waited_for(result, monkeypatch):
    monkeypatch.setattr("dissmodel.running.open_files.sys.platform", "darwin")
    monkeypatch.setattr("dissmodel.running.open_files.time.sleep", None)

    assert {result: None} == wait_for_writers([result], 60, alone=lambda: False)


def test_only_who_could_still_close_a_file_is_waited_for(result):
    looks = []
    file = result.open("r+b")
    threading.Thread(target=lambda: (time.sleep(0.1), file.close())).start()

    waited = wait_for_writers([result], 60, alone=lambda: False)
    with result.open("r+b"):
        left = wait_for_writers([result], 60, alone=lambda: looks.append(1) or True)

    assert ({}, {result: os.getpid()}, 1) == (waited, left, len(looks))


def test_a_look_ends_no_process_and_changes_nothing(result):
    before = result.stat()

    for _ in range(100):
        assert {} == still_open([result])

    assert before == result.stat()
    assert [result.name] == [path.name for path in Path(result.parent).iterdir()]
