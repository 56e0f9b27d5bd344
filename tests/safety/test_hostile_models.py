"""Whatever a model does, the command ends, says one thing, and what was there before is whole."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dissmodel.record import store
from support.cases import mostly_slow

WROTE = "Path(record.output_path).write_bytes(result)\n"
WORK = "work = Path(record.output_path).parent\n"

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the models use what POSIX has")


@pytest.fixture
def over_a_pair(place, old_pair):
    """Run a model over an earlier good pair, with `--json`; whatever it does, it leaves no trace."""
    place.take(old_pair)

    def run(*words, **steps):
        said = place.run(place.model(**steps), "--overwrite", "--json", *words)
        assert "Traceback" not in said.err
        assert [] == [name for name in place.names if name.startswith(".dissmodel-")]
        assert place.holds()
        return said

    return run


FAILS = {
    "sys.exit(0)": ("sys.exit(0)", "SystemExit: 0"),
    "sys.exit(text)": ("sys.exit('enough')", "SystemExit: enough"),
    "a BaseException": ("raise type('Odd', (BaseException,), {})('x')", "Odd: x"),
    "GeneratorExit": ("raise GeneratorExit('x')", "GeneratorExit: x"),
    "a group": ("raise BaseExceptionGroup('g', [KeyboardInterrupt()])", "BaseExceptionGroup: g"),
    "recursion": ("def f(): return f()\nreturn f()", "RecursionError"),
    "an error without text": (
        "class Odd(Exception):\n    def __str__(self): raise ValueError('no')\nraise Odd",
        "its text can't be made",
    ),
    "an error of 30 MB": ("raise ValueError('x' * 30_000_000)", "30000000 characters"),
    "no memory": ("raise MemoryError", "MemoryError"),
    "its scratch folder gone": (
        "import shutil; shutil.rmtree(Path(record.output_path).parent.parent); return data",
        "FileNotFoundError",
    ),
    "metrics that are text": ("record.metrics = 'text'; record.logs = None; return data", "TypeError"),
}


@pytest.mark.fast_cases("sys.exit(0)")
@pytest.mark.parametrize(
    ("run", "said"),
    mostly_slow(FAILS, "sys.exit(0)", "a group", "an error of 30 MB", "its scratch folder gone"),
)
def test_a_model_that_fails_in_its_own_way_costs_nothing(over_a_pair, place, run, said):
    ended = over_a_pair(run=run)

    assert (1, "run_failed") == (ended.code, ended.error["code"])
    assert said in ended.error["message"]
    assert len(ended.error["message"]) < 3000
    record = place.unfinished()
    assert ("failed", str(place.folder / f"r.{record.experiment_id[:8]}.record.json")) == (
        record.status,
        ended.error["record"],
    )
    assert b"old" == (place.folder / "r.bin").read_bytes()


NO_OUTPUT = {
    "nothing": ("return None", "returned NoneType, not the record"),
    "no file": ("return record", "without an output"),
    "its input": (
        "record.output_path = record.source.uri; return record",
        "returned its input as its output",
    ),
    "a link to its input": (
        "os.symlink(record.source.uri, record.output_path); return record",
        "returned its input as its output",
    ),
    "a pipe": ("os.mkfifo(record.output_path); return record", "without an output"),
    "no path": ("record.output_path = ''; return record", "without an output"),
    "someone's folder": ("record.output_path = '/'; return record", "without an output"),
    "its scratch folder gone": (
        WROTE + "import shutil; shutil.rmtree(Path(record.output_path).parent.parent); return record",
        "without an output",
    ),
    "a number for a path": (WROTE + "record.output_path = 5; return record", "not int"),
    "more of it later": (
        """
        f = open(record.output_path, 'wb', buffering=0); f.write(result)
        def on():
            while True: f.write(b'x'); time.sleep(0.001)
        threading.Thread(target=on, daemon=True).start(); return record
        """,
        "r.bin changed after mine had returned it",
    ),
}


@pytest.mark.fast_cases("nothing")
@pytest.mark.parametrize(
    ("save", "said"), mostly_slow(NO_OUTPUT, "nothing", "its input", "a pipe", "more of it later")
)
def test_a_model_that_leaves_no_result_costs_nothing(over_a_pair, place, save, said):
    ended = over_a_pair(save=save)

    assert 1 == ended.code
    assert said in ended.error["message"]
    assert "failed" == place.unfinished().status
    assert b"old" == (place.folder / "r.bin").read_bytes()


WORKS = {
    "another folder": "os.chdir('/'); return data",
    "a folder that is gone": "import tempfile; d = tempfile.mkdtemp(); os.chdir(d); os.rmdir(d); return data",
    "a daemon thread": "threading.Thread(target=time.sleep, args=(60,), daemon=True).start(); return data",
    "signal handlers": (
        "signal.signal(signal.SIGINT, signal.SIG_IGN); signal.signal(signal.SIGTERM, signal.SIG_DFL); "
        "return data"
    ),
    "warnings": "import warnings; warnings.simplefilter('error'); warnings.showwarning = None; return data",
    "standard output closed": "sys.stdout.close(); return data",
    "no standard output": "sys.stdout = None; return data",
    "standard error closed": "sys.stderr.close(); return data",
    "descriptors closed": "os.close(1); os.close(2); return data",
    "a copy of the process": "os.fork(); return data",
    "a copy that ends": "if os.fork() == 0: sys.exit(7)\ntime.sleep(0.2); return data",
    "a copy that fails": "if os.fork() == 0: raise ValueError\ntime.sleep(0.2); return data",
}


@pytest.mark.fast_cases("another folder")
@pytest.mark.parametrize(
    "run", mostly_slow(WORKS, "another folder", "signal handlers", "descriptors closed", "a copy that fails")
)
def test_a_model_that_changes_the_process_still_gets_its_result(over_a_pair, place, run):
    said = over_a_pair(run=run)

    assert (0, "completed") == (said.code, json.loads(said.out)["record"]["status"])
    assert b"some bytes" == (place.folder / "r.bin").read_bytes()
    assert ["data.bin", "r.bin", "r.record.json"] == place.names


def test_a_model_that_breaks_open_harms_itself(over_a_pair, place):
    head = "import builtins\ndef no(*a, **k): raise OSError('broken')"

    said = over_a_pair(head=head, run="builtins.open = no; return data")

    assert said.code in {0, 1}
    assert said.code == 0 or "broken" in said.error["message"]


PRINTS = {
    "megabytes": "print('x' * 3_000_000)",
    "no end of line": "sys.stdout.write('x' * 100)",
    "past Python": "os.write(1, b'raw')",
    "the first standard output": "sys.__stdout__.write('raw')",
    "a process of its own": "import subprocess; subprocess.run(['echo', 'raw'])",
    "a process that stays": (
        "import subprocess; subprocess.Popen(['sh', '-c', 'sleep 0.1; echo raw']); time.sleep(0.3)"
    ),
}


@pytest.mark.fast_cases("past Python")
@pytest.mark.parametrize("prints", mostly_slow(PRINTS, "megabytes", "past Python", "a process that stays"))
def test_what_a_model_prints_by_any_way_never_mixes_with_the_result(over_a_pair, prints):
    said = over_a_pair(run=f"{prints}; return data")

    assert "completed" == json.loads(said.out)["record"]["status"]
    assert "xxx" in said.err or "raw" in said.err


@pytest.mark.slow
def test_what_a_model_prints_is_kept_within_bounds(over_a_pair, place):
    over_a_pair(run="for number in range(12_000): print(number)\nreturn data")

    logs = store.read(place.folder / "r.record.json").logs
    assert (10_001, "0", "9999") == (len(logs), logs[0], logs[9999])
    assert "not kept" in logs[-1]


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux has /dev/full")
def test_a_full_disk_under_the_log_does_not_end_a_run(place):
    with Path("/dev/full").open("w") as full:
        said = place.run(place.model(run="print('hi'); return data"), stderr=full)

    assert 0 == said.code
    assert place.holds()


def test_a_model_can_not_say_what_was_observed(over_a_pair, place):
    head = "from datetime import UTC, datetime\nfrom dissmodel.record import Failure, Replacement"
    save = f"""
        {WROTE.strip()}
        record.status, record.experiment_id, record.source.uri = 'splendid', 'x', 'elsewhere'
        record.created_at, record.schema_version = datetime(2000, 1, 1, tzinfo=UTC), 9
        record.replacing = Replacement(scratch='.dissmodel-r', old={{}}, new={{'r.bin': '0' * 64}})
        record.error, record.record_digest = Failure(phase='x', type='y', message='z'), 'abc'
        record.model_name = record.command = record.code = None
        return record
    """

    said = over_a_pair(head=head, save=save)
    again = place.run(place.model())

    assert (0, 2) == (said.code, again.code)
    record = store.read(place.folder / "r.record.json")
    assert ("completed", 32, "mine", None, None, 1) == (
        record.status,
        len(record.experiment_id),
        record.model_name,
        record.replacing,
        record.error,
        record.schema_version,
    )
    assert str(place.folder / "data.bin") == record.source.uri
    assert 2000 < record.created_at.year
    assert place.holds()


def test_a_record_made_anew_is_the_models_word_and_no_more(over_a_pair, place):
    said = over_a_pair(
        head="from dissmodel.executor import ExperimentRecord",
        save=WROTE + "return ExperimentRecord(model_name='other', metrics={'a': 1})",
    )

    record = store.read(place.folder / "r.record.json")
    assert (0, "mine", 1) == (said.code, record.model_name, record.metrics["a"])
    assert str(place.folder / "data.bin") == record.source.uri


def test_values_that_do_not_fit_are_kept_apart(over_a_pair, place):
    save = (
        WROTE + "record.metrics = {'a': object()}; record.step_metrics = {'a': 'b'}; "
        "record.grid = record.runtime = 'x'; return record"
    )

    assert 0 == over_a_pair(save=save).code
    assert {"grid", "step_metrics"} <= set(store.read(place.folder / "r.record.json").model_extra["misfits"])


@pytest.mark.fast_cases("1 / 0-1")
@pytest.mark.parametrize(("end", "code"), [("return record", 5), ("1 / 0", 1)])
def test_a_record_too_large_leaves_one_without_what_the_model_noted(over_a_pair, place, end, code):
    said = over_a_pair(save=WROTE + f"record.metrics = {{'a': ['x' * 900] * 20_000}}; {end}")

    record = place.unfinished()
    assert (code, "failed", {}) == (said.code, record.status, record.metrics)
    assert b"old" == (place.folder / "r.bin").read_bytes()


NAMES = {
    "a line break": r"(work / 'a\nb').touch()",
    "a control character": r"(work / 'a\x1bb').touch()",
    "a backslash": r"(work / 'a\\b').touch()",
    "a drive": r"(work / 'a:b').touch()",
    "no UTF-8": r"open(os.fsencode(work) + b'/a\xffb', 'w').close()",
}


@pytest.mark.fast_cases("a line break")
@pytest.mark.parametrize("makes", mostly_slow(NAMES, "a line break", "no UTF-8"))
def test_a_name_that_no_record_can_hold_becomes_a_plain_one(over_a_pair, place, makes):
    assert 0 == over_a_pair(save=WROTE + WORK + makes + "\nreturn record").code
    assert ["a_b", "data.bin", "r.bin", "r.record.json"] == place.names


def test_two_files_never_get_one_name(over_a_pair, place):
    save = (
        WROTE
        + WORK
        + (
            "for one in 'xy': (work / one).mkdir()\n"
            "for one in 'xy':\n"
            "    (work / one / 'a.txt').write_text(one); (work / one / 'r.bin').write_text(one)\n"
            "return record"
        )
    )

    assert 0 == over_a_pair(save=save).code
    said = {path.read_text() for path in place.folder.iterdir() if path.name.endswith("a.txt")}
    assert {"x", "y"} == said
    assert 5 == len(store.read(place.folder / "r.record.json").files)
    assert b"some bytes" == (place.folder / "r.bin").read_bytes()


OURS = ["r.record.json", ".dissmodel-r", ".dissmodel-r.lock", "experiment_record.json", "n" * 255]


@pytest.mark.fast_cases("r.record.json")
@pytest.mark.parametrize("name", mostly_slow(OURS, "r.record.json", ".dissmodel-r"))
def test_a_model_never_takes_a_name_of_ours(place, name):
    save = WROTE + WORK + f"(work / {name!r}).write_text('mine'); return record"

    first = place.run(place.model(save=save))
    again = place.run(place.model(save=save), "--overwrite")

    assert (0, 0) == (first.code, again.code), again.err
    assert place.holds()
    assert 4 == len(place.names)


def test_links_and_pipes_are_no_results(over_a_pair, place):
    save = (
        WROTE
        + WORK
        + (
            "(work / 'link').symlink_to('/etc/hostname'); (work / 'folder').symlink_to('/etc'); "
            "os.mkfifo(work / 'pipe'); return record"
        )
    )

    assert 0 == over_a_pair(save=save).code
    assert ["data.bin", "r.bin", "r.record.json"] == place.names


OUTSIDE = {
    "a link": "Path(record.output_path).symlink_to({place!r}); return record",
    "dots": (
        "work = os.path.dirname(record.output_path); "
        "record.output_path = os.path.join(work, '..', '..', '..', 'there.bin'); return record"
    ),
}


@pytest.mark.fast_cases("a link")
@pytest.mark.parametrize("save", OUTSIDE.values(), ids=OUTSIDE)
def test_an_output_that_leads_elsewhere_is_external(place, save):
    there = place.folder.parent / "there.bin"
    there.write_bytes(b"there")

    said = place.run(place.model(save=save.format(place=str(there))))

    artifact = store.read(place.folder / "r.record.json").files["output"]
    assert (0, True, str(there)) == (said.code, artifact.external, artifact.path)
    assert place.holds()
    assert b"there" == there.read_bytes()


def test_the_input_of_a_run_is_never_replaced_by_it(place):
    with_side = place.model("sided", save=WROTE + WORK + "(work / 'side.csv').write_text('a'); return record")
    assert 0 == place.run(with_side).code

    said = place("run", place.model(), "-i", "side.csv", "-o", "r.bin", "--overwrite")

    assert 0 == said.code
    assert "a" == (place.folder / "side.csv").read_text()
    assert place.holds()


@pytest.mark.slow
def test_ten_thousand_files(over_a_pair, place):
    save = (
        WROTE
        + WORK
        + "for number in range(10_000): (work / f'f{number}').write_text(str(number))\nreturn record"
    )

    assert 0 == over_a_pair(save=save).code
    assert 10_003 == len(place.names)


@pytest.mark.slow
def test_deep_folders(over_a_pair, place):
    save = (
        WROTE
        + WORK
        + (
            "deep = work.joinpath(*['d'] * 300); deep.mkdir(parents=True); "
            "(deep / 'f').write_text('x'); return record"
        )
    )

    assert 0 == over_a_pair(save=save).code
    assert "x" == (place.folder / "f").read_text()


@pytest.mark.slow
def test_folders_too_deep_to_be_removed_are_an_error_that_says_so(place):
    save = (
        WROTE
        + WORK
        + ("os.chdir(work)\nfor _ in range(1500): os.mkdir('d'); os.chdir('d')\nos.chdir('/'); return record")
    )

    first = place.run(place.model(save=save))
    again = place.run(place.model())
    other = place.run(place.model(), output="s.bin")

    assert [1, 5, 0] == [first.code, again.code, other.code], again.err
    assert [1, 1] == [len(first.errors), len(again.errors)]
    subprocess.run(["rm", "-r", place.folder / ".dissmodel-r"], check=True)
    assert 0 == place.run(place.model()).code


def test_a_model_that_ends_the_process_leaves_what_the_next_command_sweeps(place, old_pair):
    place.take(old_pair)

    gone = place.run(place.model(run="os._exit(3)"), "--overwrite")
    left = place.names
    again = place.run(place.model(), output="s.bin")

    assert [3, 0] == [gone.code, again.code]
    assert ".dissmodel-r" in left
    assert ["data.bin", "r.bin", "r.record.json", "s.bin", "s.record.json"] == place.names
    assert b"old" == (place.folder / "r.bin").read_bytes()
    assert place.holds()


STAY = "def stay():\n    time.sleep(60)\n    Path('stayed').touch()"
STAYS = {
    "a thread": "threading.Thread(target=stay).start()",
    "a process": "import multiprocessing as mp; mp.get_context('fork').Process(target=stay).start()",
}


@pytest.mark.slow
@pytest.mark.parametrize("stays", STAYS.values(), ids=STAYS)
def test_a_command_ends_though_the_model_left_something_running(place, stays):
    # A process that stays holds the streams open: here nobody waits for their end.
    with (place.folder.parent / "said").open("w") as file:
        said = place.run(place.model(head=STAY, run=f"{stays}; return data"), stdout=file, stderr=file)

    assert 0 == said.code
    assert "stayed" not in place.names
    assert place.holds()


@pytest.mark.slow
def test_workers_that_only_wait_do_not_delay_the_end(place):
    head = "from concurrent.futures import ThreadPoolExecutor\nPOOL = ThreadPoolExecutor(2)"
    run = """
        POOL.submit(int).result()
        time.sleep = lambda _: Path("waited").touch()
        return data
    """

    said = place.run(place.model(head=head, run=run))

    assert 0 == said.code
    assert "waited" not in place.names
