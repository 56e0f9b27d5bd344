"""A process that was started with something broken: streams, folder, threads, variables, an early Ctrl-C."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import rasterio

from dissmodel.cli.app import main
from dissmodel.experiment.verify import verify
from dissmodel.record import store
from support.cases import mostly_slow

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "dissmodel"]
RUN = ["run", "coastal_raster", "-i", "grid.tif", "-o", "r.tif", "-p", "end_time=2"]


@pytest.fixture(scope="module")
def grid(tmp_path_factory):
    path = tmp_path_factory.mktemp("grid") / "grid.tif"
    maker = ROOT / "examples" / "coast" / "make_coast.py"
    subprocess.run(
        [sys.executable, maker, "--rows", "30", "--cols", "40", "--format", "tiff", "--output", path],
        check=True,
    )
    return path


@pytest.fixture
def here(grid, tmp_path, monkeypatch):
    """A folder with a small grid in it, which is the current one."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    shutil.copy(grid, folder)
    for name in ("CONFIG", "DATA", "CACHE"):  # what is compiled is compiled once for all
        monkeypatch.setenv(f"DISSMODEL_{name}", str(grid.with_name(name.lower())))
    return folder


def ended(*words, **how):
    return subprocess.run([*COMMAND, *map(str, words)], capture_output=True, text=True, check=False, **how)


CLOSED = ["0", "1", "2", "012"]
# Closes descriptors and becomes the command, as a shell does for `dissmodel ... >&- 2>&-`.
CLOSER = """
import os, sys
for number in sys.argv[1]:
    os.close(int(number))
os.execv(sys.executable, [sys.executable, "-m", "dissmodel", *sys.argv[2:]])
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="closes descriptors as a shell of POSIX does")
@pytest.mark.parametrize("closed", mostly_slow(CLOSED, "012"))
def test_closed_streams_change_nothing_but_what_is_seen(here, closed):
    def closing(*words):
        command = [sys.executable, "-c", CLOSER, closed, *words]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    ran = closing(*RUN)
    wrong = closing("run", "coastal_raster", "-i", "none.tif", "-o", "x.tif")
    verified = closing("record", "verify", "r.record.json")

    assert [0, 3, 0] == [ran.returncode, wrong.returncode, verified.returncode]
    assert ("1" in closed) == (ran.stdout == "")
    assert ("2" in closed) == (wrong.stderr == "")
    assert verify((here / "r.record.json",)).ok
    with rasterio.open("r.tif") as result:
        assert (30, 40) == result.shape


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps a folder that is in use")
class TestWithoutACurrentFolder:
    """The current folder was removed."""

    @pytest.fixture
    def gone(self, here):
        def run(*words):
            code = "import os, sys; os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone')\n"
            code += "os.execv(sys.executable, [sys.executable, '-m', 'dissmodel', *sys.argv[1:]])"
            command = [sys.executable, "-c", code, *map(str, words)]
            return subprocess.run(command, cwd=here, capture_output=True, text=True, check=False)

        return run

    def test_whole_paths_do(self, here, gone):
        words = ["-i", here / "grid.tif", "-p", "end_time=2"]

        ran = gone("run", "coastal_raster", *words, "-o", here / "r.tif")

        assert (0, "") == (ran.returncode, ran.stderr.partition("error")[2])
        assert str(here / "r.tif") in ran.stdout

    @pytest.mark.slow
    def test_whole_paths_do_in_every_command(self, here, pair, tmp_path, monkeypatch, capsys):
        record, result = pair / "r.record.json", pair / "r.tif"
        commands = {
            "validate": ("validate", "coastal_raster", "-i", here / "grid.tif", "-o", here / "r.tif"),
            "verify": ("record", "verify", record),
            "show": ("record", "show", record),
            "list": ("record", "list", pair),
            "reproduce": ("reproduce", record, "--check"),
            "compare": ("compare", result, result),
            "config": ("config", "show"),
            "models": ("show",),
        }
        (tmp_path / "gone").mkdir()
        monkeypatch.chdir(tmp_path / "gone")
        (tmp_path / "gone").rmdir()
        ended = {}
        for name, words in commands.items():
            monkeypatch.setattr(sys, "argv", ["dissmodel", *map(str, words)])
            with pytest.raises(SystemExit) as end:
                main()
            ended[name] = (end.value.code or 0, capsys.readouterr().err.partition("error")[2])

        assert dict.fromkeys(commands, (0, "")) == ended

    @pytest.mark.parametrize("output", mostly_slow(["-o r.tif", ""], "-o r.tif"))
    def test_a_name_without_a_folder_is_an_error_that_says_why(self, here, gone, output):
        said = gone("run", "coastal_raster", "-i", here / "grid.tif", *output.split())

        assert 2 == said.returncode
        assert said.stderr.startswith("error: The current folder is gone")
        assert "cd FOLDER" in said.stderr


REFUSING = """
#include <errno.h>
int pthread_create() { return EAGAIN; }
#ifdef NO_PROCESSES
int fork(void) { errno = EAGAIN; return -1; }
int vfork(void) { errno = EAGAIN; return -1; }
int posix_spawn() { return EAGAIN; }
int posix_spawnp() { return EAGAIN; }
#endif
"""


@pytest.fixture(
    scope="module", params=mostly_slow(["threads", "threads and processes"], "threads and processes")
)
def refusing(request, tmp_path_factory):
    """Return the variables with which the system refuses threads, and perhaps processes, to a program."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if sys.platform != "linux" or compiler is None:
        pytest.skip("a library that refuses threads is compiled for Linux")
    folder = tmp_path_factory.mktemp("refusing")
    (folder / "refusing.c").write_text(REFUSING)
    flags = ["-DNO_PROCESSES"] if "processes" in request.param else []
    library = folder / "refusing.so"
    build = [
        compiler,
        "-w",
        "-fno-builtin",
        "-shared",
        "-fPIC",
        *flags,
        "-o",
        library,
        folder / "refusing.c",
        "-ldl",
    ]
    subprocess.run(build, check=True)

    environ = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    return environ | {"LD_PRELOAD": str(library)}


@pytest.fixture(scope="module")
def pair(grid, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pair")
    shutil.copy(grid, folder)
    assert 0 == ended(*RUN, cwd=folder).returncode
    return folder


class TestWithoutThreads:
    """The system refuses threads, as a container with a limit does."""

    @pytest.fixture
    def here(self, here, pair):
        for path in pair.glob("r.*"):
            shutil.copy(path, here)
        return here

    @staticmethod
    def without_git(said):
        """Lines without the warning that git, another process, can't tell the commit of the code."""
        return [
            line for line in said.splitlines() if "its commit is unknown: git can't be started" not in line
        ]

    def test_a_run_is_done(self, here, refusing):
        before = (here / "r.tif").read_bytes()

        said = ended(*RUN, "--overwrite", "--threads", 2, env=refusing)

        assert (0, []) == (said.returncode, self.without_git(said.stderr))
        assert before == (here / "r.tif").read_bytes()
        assert verify((here / "r.record.json",)).ok

    @pytest.mark.fast_cases("threads and processes-push")
    @pytest.mark.parametrize(
        "words",
        [
            ["reproduce", "r.record.json", "--check"],
            ["record", "show", "r.record.json", "--preview"],
            ["push", "r.record.json", "--to", "there"],
        ],
        ids=lambda words: words[0],
    )
    def test_all_else_is_done_too(self, here, refusing, words):
        said = ended(*words, env=refusing)

        assert (0, []) == (said.returncode, self.without_git(said.stderr))

    @pytest.mark.fast_cases("threads and processes-codes0-words0")
    @pytest.mark.parametrize(
        ("codes", "words"), [({5}, ["registry", "sync", "--repo", "file:///none"]), ({0, 1}, ["doctor"])]
    )
    def test_what_can_not_be_done_is_told_in_a_line(self, here, refusing, codes, words):
        said = ended(*words, env=refusing)

        assert said.returncode in codes
        assert "Traceback" not in said.stdout + said.stderr


BACKENDS = ["module://no_such_inline.backend_inline", "module://no_such"]


@pytest.mark.slow
@pytest.mark.parametrize("backend", mostly_slow(BACKENDS, "module://no_such"))
def test_the_backend_of_a_notebook_does_not_get_in_the_way(here, backend):
    env = os.environ | {"MPLBACKEND": backend}

    said = ended(*RUN, "--preview", env=env)

    assert (0, "") == (said.returncode, said.stderr)
    assert (here / "r.preview.png").read_bytes().startswith(b"\x89PNG")
    code = "import dissmodel.visualization, matplotlib.figure"
    assert 0 == subprocess.run([sys.executable, "-c", code], env=env, check=False).returncode


def test_a_backend_that_is_there_is_kept(here):
    code = "import os, dissmodel.visualization; print(os.environ['MPLBACKEND'])"
    env = os.environ | {"MPLBACKEND": "module://matplotlib.backends.backend_agg"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)

    assert env["MPLBACKEND"] == done.stdout.strip()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new"),
    mostly_slow(
        {"the element": (b"<GDALMetadata>", b"<GDALMetad\xffta>"), "an item": (b"<Item ", b"<It\xffm ")},
        "an item",
    ),
)
def test_metadata_that_is_no_utf8_is_told_in_a_line(here, old, new):
    with rasterio.open("grid.tif") as grid:
        profile, bands = grid.profile, grid.read()
    with rasterio.open("named.tif", "w", **profile) as named:
        named.write(bands)
        named.descriptions = ("uso", "alt", "solo")
    content = (here / "named.tif").read_bytes()
    assert old in content
    (here / "grid.tif").write_bytes(content.replace(old, new, 1))

    said = [ended("validate", *RUN[1:]), ended(*RUN)]

    errors = "".join(one.stderr for one in said)
    assert "Traceback" not in errors
    assert "UnicodeDecodeError" not in errors
    assert "warning: a library: " in errors


def test_a_thread_of_a_model_that_fails_is_told_in_a_line_without_secrets(place):
    run = "threading.Thread(target=lambda: int('tok-0123456789abcdef'), name='mine').start(); return data"
    model = place.model(run=run)
    env = {"MY_TOKEN": "tok-0123456789abcdef"}

    short = place.run(model, env=env)
    long = place("--debug", "run", model, "-i", "data.bin", "-o", "s.bin", env=env)

    assert [0, 0] == [short.code, long.code]
    assert "warning: mine: ValueError: invalid literal for int() with base 10: '***'" in short.err
    assert "Traceback" not in short.err
    assert "Traceback" in long.err
    assert "0123" not in short.err + long.err


# Ctrl-C is hit while a library is imported, which lets it through or makes another error of it.
INTERRUPTED = """
import os, signal, sys
library = sys.argv.pop(1)
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name != library or self not in sys.meta_path:
            return
        sys.meta_path.remove(self)
        try:
            os.kill(os.getpid(), signal.SIGINT)
            for _ in range(1000000): pass
        except KeyboardInterrupt:
            {then}
        raise ImportError(name)
sys.meta_path.insert(0, Finder())
"""
THEN = {"let through": "raise", "a cause": "raise ImportError(name)", "swallowed": "pass"}
AS_COMMAND = """
from dissmodel.__main__ import main
main()
"""
AS_MODULE = """
import runpy
runpy.run_module("dissmodel", run_name="__main__")
"""
AS_RUN_CLI = """
sys.argv[1:] = ["run", *sys.argv[3:]]  # its executor is the model
from dissmodel.executor.cli import run_cli
from dissmodel.models.coastal.raster import CoastalRaster
run_cli(CoastalRaster)
"""


# Before a command begins the handler is Python's, which keeps nothing of a signal that a library swallows.
LATE = [(AS_COMMAND, library) for library in ("numpy", "rasterio", "dissmodel.cli.run")]
EARLY = [
    *((AS_COMMAND, "typer"), (AS_MODULE, "typer")),
    *((AS_RUN_CLI, "typer"), (AS_RUN_CLI, "dissmodel.running.run")),
]


@pytest.mark.fast_cases("a cause-command-typer", "let through-module-typer")
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize(
    ("then", "way", "library"),
    mostly_slow(
        [
            *((then, *where) for then in THEN for where in LATE),
            *((then, *where) for then in THEN for where in EARLY if then != "swallowed"),
        ],
        ("swallowed", AS_COMMAND, "rasterio"),
        ("let through", AS_MODULE, "typer"),
        ("a cause", AS_COMMAND, "typer"),
        ("a cause", AS_RUN_CLI, "dissmodel.running.run"),
    ),
    ids=lambda text: {AS_COMMAND: "command", AS_MODULE: "module", AS_RUN_CLI: "run_cli"}.get(text, text),
)
def test_an_interruption_while_libraries_load_is_no_traceback(here, way, library, then):
    code = INTERRUPTED.format(then=THEN[then]) + way

    said = subprocess.run(
        [sys.executable, "-c", code, library, *RUN], capture_output=True, text=True, check=False
    )

    assert 130 == said.returncode
    assert "Traceback" not in said.stderr
    assert said.stderr.startswith("error: interrupted")
    assert not (here / "r.tif").exists()


def test_debug_shows_tracebacks_without_secrets(place):
    model = place.model(run="raise ValueError('no access with tok-0123456789abcdef')")

    said = place(
        *("--debug", "run", model, "-i", "data.bin", "-o", "r.bin"), env={"MY_TOKEN": "tok-0123456789abcdef"}
    )

    assert 1 == said.code
    assert "ValueError: no access with ***" in said.err
    assert "Traceback" in said.err
    assert "0123" not in said.err + said.out + place.unfinished().model_dump_json()


BUG = """
import sys
from dissmodel.running import show
def broken(*a, **k): raise KeyError("tok-0123456789abcdef")
show.list_models = broken
from dissmodel.cli.app import main
main()
"""


@pytest.mark.fast_cases("words0")
@pytest.mark.parametrize("words", [["show"], ["--debug", "show"]])
def test_a_bug_is_told_with_its_log_without_secrets(tmp_path, words):
    env = os.environ | {"MY_TOKEN": "tok-0123456789abcdef", "TMPDIR": str(tmp_path)}

    said = subprocess.run(
        [sys.executable, "-c", BUG, *words], env=env, capture_output=True, text=True, check=False
    )

    (log,) = tmp_path.glob("dissmodel-*.log")
    assert 70 == said.returncode
    assert ("--debug" in words) == ("Traceback" in said.stderr)
    assert "Traceback" in log.read_text()
    assert "0123" not in said.stderr + log.read_text()


def test_secrets_of_a_run_reach_neither_its_record_nor_what_it_says(place):
    pem = "-----BEGIN KEY-----\nq0123456789abcdefq\n-----END KEY-----"
    env = {"MY_TOKEN": "tok-0123456789abcdef", "MY_PRIVATE_KEY": pem, "DB_PASS": "dbpass-0123456789"}
    run = """
        for name in ("MY_TOKEN", "MY_PRIVATE_KEY", "DB_PASS"):
            value = os.environ[name]
            print("it is", value)
            record.add_log(f"it is {value!r}")
            record.metrics[f"time_{value}"] = 1.0
        print("x" * 1999 + " " + os.environ["MY_TOKEN"], end="")
        return data
    """

    said = place.run(place.model(run=run), env=env)

    assert 0 == said.code
    text = (place.folder / "r.record.json").read_text()
    assert "0123" not in text + said.out + said.err
    metrics = store.read(place.folder / "r.record.json").metrics
    assert {"time_***", "time_*** (2)"} <= set(metrics)
    assert place.holds()


@pytest.mark.fast_cases("99990")
@pytest.mark.parametrize("length", [99_990, 100_010])
def test_half_a_secret_is_one_too(place, length):
    """An error's text and traceback are cut, after they have been redacted."""
    said = place.run(
        place.model(run=f"raise ValueError('x' * {length} + os.environ['MY_TOKEN'] + 'y' * {length})"),
        env={"MY_TOKEN": "tok-0123456789abcdef"},
    )
    short = place.run(
        place.model(run="raise ValueError('x' * 1990 + os.environ['MY_TOKEN'])"),
        env={"MY_TOKEN": "tok-0123456789abcdef"},
    )

    assert [1, 1] == [said.code, short.code]
    text = "".join(path.read_text() for path in place.folder.glob("r.*.record.json"))
    assert "xtok-" not in text + said.err + short.err
