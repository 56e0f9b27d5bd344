"""A model in a process of its own: the same answers, and no way for it to take its parent along."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import sysconfig
import textwrap
import time
import venv
from pathlib import Path

import pytest

from dissmodel import gdal_settings
from dissmodel.errors import InvalidInput, RunFailed, UsageError
from dissmodel.executor.config import RunContext
from dissmodel.executor.host import InProcess
from dissmodel.executor.isolated import Isolated
from dissmodel.executor.parameters import ParameterLayer
from dissmodel.executor.watched import explanations
from dissmodel.progress import Silent, reporting
from dissmodel.record import ExperimentRecord
from dissmodel.registry import plugins

MODEL = '''
import os, signal, subprocess, sys, time, warnings
from pathlib import Path
from pydantic import BaseModel, Field
from dissmodel import progress
from dissmodel.errors import DissmodelWarning, InvalidInput, MissingFile
from dissmodel.executor import ModelExecutor
from dissmodel.executor.config import settings
from dissmodel.geo.legend import CellClass


class Asked(BaseModel):
    do: str = "well"
    times: int = Field(default=1, ge=1, json_schema_extra={"unit": "step"})


class Foreign(Exception):
    pass


class Elsewhere(ModelExecutor):
    """A model of another place."""

    name = "elsewhere"
    substrate = "raster"
    output_suffix = ".txt"
    legends = {"uso": (CellClass(1, "mangrove", "#006400"),)}
    Parameters = Asked

    def validate(self, record):
        if record.parameters["do"] == "refuse":
            raise ValueError("not like this")

    def load(self, record):
        return None

    def run(self, data, record):
        print("printed")
        os.write(1, b"written below\\n")
        warnings.warn("mind the tide", DissmodelWarning)
        progress.current().step(1, 2, 3)
        progress.note("iteration 4")
        match record.parameters["do"]:
            case "exit":
                os._exit(7)
            case "segfault":
                os.kill(os.getpid(), signal.SIGSEGV)
            case "foreign":
                raise Foreign("no such coast")
            case "ours":
                raise InvalidInput("bad coast", "mend it", code="coast")
            case "memory":
                raise MemoryError
            case "a text":
                record.parameters["do"] * 2.5
            case "missing":
                raise MissingFile("coast.tif does not exist.", "Check the path.")
            case "no file":
                open("none.tif")
            case "hang":
                started = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
                Path(record.output_path).with_suffix(".pid").write_text(f"{os.getpid()} {started.pid}")
                time.sleep(600)
        record.metrics["threads"] = settings.threads
        record.metrics["secrets"] = [name for name in os.environ if "SECRET" in name or "AWS" in name]
        import random
        record.metrics["drawn"] = random.random()
        if record.parameters["do"] == "fail":
            raise Foreign("after a draw")
        return None

    def save(self, result, record):
        Path(record.output_path).write_text("done")
        record.add_artifact("output", self._sha256(record.output_path))
        return record
'''


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """Return the interpreter of an environment that has this dissmodel and a package of its own."""
    home = tmp_path_factory.mktemp("env")
    venv.create(home, with_pip=False, symlinks=os.name != "nt")
    own = Path(sysconfig.get_path("purelib", vars={"base": str(home), "platbase": str(home)}))
    own.mkdir(parents=True, exist_ok=True)
    (own / "elsewhere.py").write_text(MODEL)
    (own / "broken.py").write_text("import nowhere_at_all")
    (own / "empty.py").write_text("")
    here = [sysconfig.get_path("purelib"), str(Path(__file__).parents[3])]
    (own / "shared.pth").write_text("\n".join(here) + "\n")
    return home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


class Heard(Silent):
    def __init__(self):
        self.told = []

    def phase(self, name):
        self.told.append(("phase", name))

    def step(self, done, total, cells=0):
        self.told.append(("step", done, total, cells))

    def note(self, text):
        self.told.append(("note", text))

    def warn(self, message):
        self.told.append(("warn", message))

    def output(self, line):
        self.told.append(("output", line))


def opened(python, tmp_path, name="elsewhere", module="elsewhere"):
    return contextlib.closing(
        Isolated(
            python, name=name, module=module, distribution=None, origin="registry/elsewhere", scratch=tmp_path
        )
    )


def asked(tmp_path, **parameters):
    return ExperimentRecord(
        model_name="elsewhere",
        parameters={"do": "well", "times": 1, **parameters},
        output_path=str(tmp_path / "out.txt"),
    )


def test_it_runs_there_and_says_all_that_a_run_says(python, tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "planted-secret")
    heard = Heard()
    with reporting(heard), opened(python, tmp_path) as model:
        saved = model.run(asked(tmp_path), RunContext(tmp_path, threads=3, seed=1))
        usage = model.usage()

    assert "done" == (tmp_path / "out.txt").read_text()
    assert 3 == saved.metrics["threads"]
    assert [] == saved.metrics["secrets"]
    assert 0.13436424411240122 == saved.metrics["drawn"]  # the first of Mersenne Twister, seed 1
    assert saved.artifacts["output"] == saved.output_sha256
    assert [("phase", name) for name in ("validate", "load", "run", "save")] == [
        one for one in heard.told if one[0] == "phase"
    ]
    assert {
        ("step", 1, 2, 3),
        ("note", "iteration 4"),
        ("warn", "mind the tide"),
        ("output", "printed"),
    } <= set(heard.told)
    assert ("output", "written below") in heard.told
    assert usage.cpu_seconds > 0


def test_notes_of_its_steps_need_nobody_who_shows_them(python, tmp_path):
    with reporting(Silent()), opened(python, tmp_path) as model:
        model.run(asked(tmp_path), RunContext(tmp_path))

    assert "done" == (tmp_path / "out.txt").read_text()


@pytest.mark.fast_cases("fail")
@pytest.mark.parametrize("do", ["well", "fail"])
def test_a_seed_that_was_drawn_there_is_said_and_in_the_record(python, tmp_path, do):
    heard, record = Heard(), asked(tmp_path, do=do)
    fails = pytest.raises(Exception, match="after a draw") if do == "fail" else contextlib.nullcontext()
    with reporting(heard), opened(python, tmp_path) as model, fails:
        record = model.run(record, RunContext(tmp_path))

    drawn = f"its seed was drawn: {record.seed}."
    assert [one for one in heard.told if one[0] == "output" and drawn in one[1]]
    assert record.metrics["drawn"] == random.Random(record.seed).random()


@pytest.mark.parametrize("do", ["well", "exit"])
def test_it_says_the_same_where_the_system_refuses_threads(python, tmp_path, monkeypatch, do):
    def refuse(_self):
        raise RuntimeError("can't start new thread")  # CPython's own words

    monkeypatch.setattr("threading.Thread.start", refuse)
    heard, ended = Heard(), contextlib.nullcontext() if do == "well" else pytest.raises(RunFailed)
    with reporting(heard), opened(python, tmp_path) as model, ended:
        model.run(asked(tmp_path, do=do), RunContext(tmp_path))

    assert (do == "well") == (tmp_path / "out.txt").exists()
    assert {("step", 1, 2, 3), ("output", "printed"), ("output", "written below")} <= set(heard.told)
    assert 1 == heard.told.count(("output", "printed"))


@pytest.mark.slow
def test_settings_of_gdal_are_ignored_and_noted_there_too(python, tmp_path, monkeypatch):
    monkeypatch.setenv("GTIFF_SRS_SOURCE", "EPSG")
    gdal_settings.ignore()  # as the command line begins
    with opened(python, tmp_path) as model:
        runtime = model.runtime(model.code(), load=["rasterio"])

    assert "EPSG" == runtime.ignored_settings["GTIFF_SRS_SOURCE"]


def test_it_has_the_face_and_the_parameters_of_the_same_model_here(python, tmp_path):
    with opened(python, tmp_path, "coastal_raster", "dissmodel.models.coastal.raster") as there:
        here = InProcess(plugins.find("coastal_raster").executor, "registry/elsewhere")
        layers = [ParameterLayer("command line", {"end_time": 3, "taxa_elevacao": 0.5}, "--param")]
        wrong = [ParameterLayer("command line", {"end_time": -3, "tide": 0.5}, "--param")]

        assert here.info == there.info
        assert here.check(layers) == there.check(layers)
        rows = [{"end_time": 4}, {"end_time": -4}, {"tide": 1}]
        assert here.recheck(layers, rows) == there.recheck(layers, rows)
        assert [4, None, None] == [one and one["end_time"] for one in there.recheck(layers, rows).rows]
        assert here.describe(here.check(layers).resolved) == there.describe(there.check(layers).resolved)
        assert [(one.message, one.hint, one.code) for one in here.check(wrong).problems] == [
            (one.message, one.hint, one.code) for one in there.check(wrong).problems
        ]
        assert here.contract() == there.contract()
        assert here.schema() == there.schema()
        assert here.code() == there.code()


@pytest.mark.fast_cases("foreign-Exception-no such coast", "refuse-ValueError-not like this")
@pytest.mark.parametrize(
    ("do", "kind", "said"),
    [
        ("refuse", ValueError, "not like this"),
        ("foreign", Exception, "no such coast"),
        ("ours", InvalidInput, "bad coast"),
        ("memory", MemoryError, ""),
    ],
)
def test_what_it_raises_is_raised_here_under_its_name(python, tmp_path, do, kind, said):
    with opened(python, tmp_path) as model, pytest.raises(kind) as caught:
        model.run(asked(tmp_path, do=do), RunContext(tmp_path))

    names = {"refuse": "ValueError", "foreign": "Foreign", "ours": "InvalidInput", "memory": "MemoryError"}
    assert said == str(caught.value)
    assert names[do] == type(caught.value).__name__
    assert "elsewhere.py" in caught.value.__notes__[0]


def test_what_it_never_read_and_a_text_in_place_of_a_number_are_told_from_there(python, tmp_path):
    heard = Heard()
    record = asked(tmp_path).model_copy(update={"band_map": {"usos": "a"}})
    with reporting(heard), opened(python, tmp_path) as model:
        saved = model.run(record, RunContext(tmp_path))
        with pytest.raises(Exception, match="can't multiply") as caught:
            model.run(asked(tmp_path, do="a text"), RunContext(tmp_path))

    assert ("warn", "The model never read from --band-map: usos.") in heard.told
    assert {"usos": "a"} == saved.band_map
    assert ["the parameter do is the text 'a text' (origin not known)"] == explanations(caught.value)


@pytest.mark.parametrize(("do", "how"), [("exit", "ended with exit code 7"), ("segfault", "SIGSEGV")])
def test_a_crash_is_an_error_with_its_last_words(python, tmp_path, do, how):
    with opened(python, tmp_path) as model, pytest.raises(RunFailed) as caught:
        model.run(asked(tmp_path, do=do), RunContext(tmp_path))

    assert "model_crashed" == caught.value.code
    assert how in caught.value.message
    assert "written below" in caught.value.message


@pytest.mark.fast_cases("elsewhere-broken-nowhere_at_all")
@pytest.mark.parametrize(
    ("name", "module", "said"),
    [
        ("elsewhere", "broken", "nowhere_at_all"),
        ("elsewhere", "empty", "registers nothing"),
        ("other", "elsewhere", "registers only elsewhere"),
        ("elsewhere", "not_there", "not_there can't be imported"),
    ],
)
def test_a_package_without_the_model_is_a_clear_error(python, tmp_path, name, module, said):
    with pytest.raises(UsageError, match=said):
        opened(python, tmp_path, name, module)


@pytest.mark.fast_cases("9")
@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGINT])
def test_neither_it_nor_what_it_started_outlives_its_parent(python, tmp_path, signum):
    script = textwrap.dedent(f"""
        from pathlib import Path
        from dissmodel.executor.config import RunContext
        from dissmodel.executor.isolated import Isolated
        from dissmodel.record import ExperimentRecord
        here = Path({str(tmp_path)!r})
        model = Isolated(Path({str(python)!r}), name="elsewhere", module="elsewhere", distribution=None,
                         origin="", scratch=here)
        asked = {{"do": "hang", "times": 1}}
        record = ExperimentRecord(parameters=asked, output_path=str(here / "out.txt"))
        model.run(record, RunContext(here))
    """)
    parent = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL)
    pids = _wait_for(tmp_path / "out.pid")
    parent.send_signal(signum)
    parent.wait(20)
    deadline = time.monotonic() + 10
    while any(_alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)

    assert 2 == len(pids)
    assert [False, False] == [_alive(pid) for pid in pids]


def _wait_for(path):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if path.is_file() and len(path.read_text().split()) == 2:
            return [int(one) for one in path.read_text().split()]
        time.sleep(0.05)
    raise AssertionError(f"{path} was not written")


def _alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    except OSError:
        os.kill(pid, 0)
        return True
    return state.rpartition(")")[2].split()[0] != "Z"


@pytest.mark.fast_cases("missing-coast.tif does not exist.")
@pytest.mark.parametrize(
    ("do", "said"),
    [("missing", "coast.tif does not exist."), ("no file", "No such file or directory: 'none.tif'")],
)
def test_a_file_that_the_model_misses_is_no_crash(python, tmp_path, do, said):
    with opened(python, tmp_path) as model:
        with pytest.raises(OSError) as caught:
            model.run(asked(tmp_path, do=do), RunContext(tmp_path))
        assert "elsewhere" == model.info.name

    assert said in str(caught.value)
    assert (do == "missing") is isinstance(caught.value, InvalidInput)
