"""The notebooks of the examples: as they are kept, and run by a kernel."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
NOTEBOOKS = sorted(path.name for path in EXAMPLES.glob("*.ipynb"))
# Run a notebook in the current folder and print what it shows.
DRIVER = """
import json, sys, nbclient, nbformat
notebook = nbformat.read(sys.argv[1], 4)
nbformat.validate(notebook)
nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": "."}}).execute()
print(json.dumps([cell.outputs for cell in notebook.cells if cell.cell_type == "code"]))
"""


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_is_kept_without_what_it_showed(name):
    text = (EXAMPLES / name).read_text(encoding="utf-8")
    document = json.loads(text)
    code = [cell for cell in document["cells"] if cell["cell_type"] == "code"]

    assert 2 == len(NOTEBOOKS)
    assert len(text) < 10_000
    assert [(None, [])] * len(code) == [(cell["execution_count"], cell["outputs"]) for cell in code]


@pytest.mark.slow
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_runs_and_its_last_lines_are_shown(tmp_path, name):
    here = shutil.copytree(EXAMPLES, tmp_path / "examples")
    environ = {f"DISSMODEL_{one}": str(tmp_path / one.lower()) for one in ("CONFIG", "DATA", "CACHE")}
    environ |= {"JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"), "IPYTHONDIR": str(tmp_path / "ipython")}

    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", DRIVER, name],
        cwd=here,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
    )

    assert 0 == done.returncode, done.stderr
    outputs = [one for several in json.loads(done.stdout) for one in several]
    results = [one["data"] for one in outputs if one["output_type"] == "execute_result"]
    shown = [one.get("text/html", "") for one in results]
    assert sum('class="dissmodel"' in one for one in shown) >= 3
    assert any("data:image/png;base64," in one for one in shown)
    assert not any("can't be shown" in one or "No map" in one for one in shown)
    # The bars are gone at the end, and nothing was written to standard error.
    bars = [one["data"] for one in outputs if one["output_type"] == "display_data"]
    assert all({"text/plain": "", "text/html": ""} == one for one in bars)
    assert {"stdout"} >= {one["name"] for one in outputs if one["output_type"] == "stream"}
