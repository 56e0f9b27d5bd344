"""Progress in a terminal, in a notebook and in a pipe."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from dissmodel.progress import Heard, reporting
from support.terminal import error_on_a_terminal

CALL = """
import dissmodel
parameters = {"end_time": 5}
made = dissmodel.run("coastal_raster", input="grid.zip", output="r.tif", parameters=parameters, preview=False)
print(made.record.status)
"""
WARNS = CALL.replace("preview=False", 'records=["."]')
NO_RECORD = "--records: no record in these folders is of a run that made the input."


@pytest.fixture
def grid(here, make_coast):
    make_coast.write(make_coast.make_coast(300, 400), Path("grid.zip"), "tiff")


def in_a_pipe(code):
    Path("call.py").write_text(code)
    return subprocess.run([sys.executable, "call.py"], capture_output=True, text=True, check=True)


@pytest.mark.slow
def test_a_pipe_sees_nothing(grid):
    done = in_a_pipe(CALL)

    assert ("completed\n", "") == (done.stdout, done.stderr)


@pytest.mark.slow
def test_a_pipe_sees_warnings_at_the_line_of_the_call(grid):
    done = in_a_pipe(WARNS)

    assert "completed\n" == done.stdout
    assert re.search(rf"call\.py:4: DissmodelWarning: {re.escape(NO_RECORD)}", done.stderr)


def test_whoever_listens_hears(grid):
    import dissmodel

    class Steps(Heard):
        def __init__(self):
            super().__init__()
            self.seen = []

        def phase(self, name):
            self.seen.append(name)

        def step(self, done, total, cells=0):
            self.seen.append((done, total))

    with reporting(Steps()) as steps:
        dissmodel.run(
            "coastal_raster", input="grid.zip", output="r.tif", parameters={"end_time": 2}, records=["."]
        )

    assert ["validate", "load", "run", (1, 2), (2, 2), "save"] == [
        one for one in steps.seen if one not in {"promote", "done"}
    ]
    assert [NO_RECORD] == steps.warnings


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals to test with")
def test_a_terminal_sees_a_bar(grid):
    Path("call.py").write_text(CALL)

    out, text = error_on_a_terminal([sys.executable, "call.py"])

    assert "completed\n" == out
    assert re.search(r"running .*5/5 .* M cells/s", text)
    assert re.search(r"saving .*\d+/\d+ MB", text)


@pytest.mark.fast_cases("a run")
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals to test with")
@pytest.mark.parametrize(
    "read", ["made.open()", "dissmodel.open_record('r.record.json').open()"], ids=["a run", "a record"]
)
def test_a_terminal_sees_how_much_of_a_result_is_read(grid, read):
    in_a_pipe(CALL)
    Path("call.py").write_text(
        "import dissmodel\n"
        "from pathlib import Path\n"
        "record = dissmodel.open_record('r.record.json')\n"
        "made = dissmodel.api.Run(record.record, Path('r.record.json'), record.files)\n" + read
    )

    _, text = error_on_a_terminal([sys.executable, "call.py"])

    assert re.search(r"loading .*\d+/\d+ MB", text)


@pytest.fixture
def notebook(grid, tmp_path, monkeypatch):
    """Return a function that runs a cell in the kernel of a notebook and returns what the kernel sends."""
    for name in ("JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    driver = Path("driver.py")
    driver.write_text(
        "import json, sys\n"
        "from jupyter_client.manager import start_new_kernel\n"
        "manager, client = start_new_kernel(kernel_name='python3')\n"
        "try:\n"
        "    said = []\n"
        "    def keep(message):\n"
        "        said.append((message['msg_type'], message['content']))\n"
        "    client.execute_interactive(sys.stdin.read(), output_hook=keep, timeout=300)\n"
        "finally:\n"
        "    client.stop_channels()\n"
        "    manager.shutdown_kernel(now=True)\n"
        "print(json.dumps(said, default=str))\n"
    )

    def run(cell):
        import json

        done = subprocess.run(
            [sys.executable, "-W", "ignore", str(driver)],
            input=cell,
            capture_output=True,
            text=True,
            check=False,
        )
        assert 0 == done.returncode, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run


def test_a_notebook_has_one_bar_that_is_updated_in_place_and_goes(notebook):
    said = notebook(WARNS)
    shown = [content for kind, content in said if kind in {"display_data", "update_display_data"}]
    bars = [one["data"]["text/html"] for one in shown]
    printed = {
        name: "".join(
            content["text"] for kind, content in said if kind == "stream" and content["name"] == name
        )
        for name in ("stdout", "stderr")
    }

    assert ["display_data"] == [kind for kind, _ in said if kind == "display_data"]
    assert 1 == len({one["transient"]["display_id"] for one in shown})
    assert any(
        re.search(r'<progress value="5" max="5"></progress> running +5/5 .*M cells/s', one) for one in bars
    )
    assert "" == bars[-1]
    assert "completed\n" == printed["stdout"]
    assert f"DissmodelWarning: {NO_RECORD}" in printed["stderr"]


@pytest.mark.slow
def test_a_sweep_in_a_notebook_shows_how_many_runs_ended_and_the_time_left(notebook):
    said = notebook(
        "import dissmodel\n"
        'dissmodel.sweep("coastal_raster", input="grid.zip", output="runs", cluster="here",'
        ' parameters={"end_time": 1}, vary={"tide_height": [1, 2, 3]})'
    )
    bars = [content["data"]["text/html"] for kind, content in said if kind == "update_display_data"]

    assert re.fullmatch(
        r'<progress value="3" max="3"></progress> running +3 done, 0 failed, 0 left, [\d.]+/s, 0:00:00 to go',
        bars[-2],
    )
    assert "" == bars[-1]


@pytest.mark.slow
def test_an_error_in_a_notebook_shows_its_hint_and_leaves_no_bar(notebook):
    said = notebook(CALL.replace('"coastal_raster"', '"coastal_raste"'))
    (error,) = (content for kind, content in said if kind == "error")

    assert "UsageError" == error["ename"]
    assert "Did you mean" in "".join(error["traceback"])
    assert [] == [kind for kind, _ in said if kind == "display_data"]
