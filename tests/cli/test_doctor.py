"""`dissmodel doctor`, whole: all is looked at, nothing hangs, nothing is changed, no secret is shown."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from support.machine import forget_settings

SECRET = "s3cr3t-w0rd"


@pytest.fixture(autouse=True)
def machine(monkeypatch, tmp_path):
    """Nothing of this machine's own settings; no index."""
    forget_settings(monkeypatch, tmp_path)


def everything(folder):
    return {str(path): path.lstat().st_mtime_ns for path in Path(folder).rglob("*")}


@pytest.fixture
def silent_port():
    """A server on loopback that takes connections, which its system does for it, and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=16) as server:
        yield server.getsockname()[1]


def test_where_all_is_well_it_says_so_and_changes_nothing(dissmodel, tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "numba"))
    before = everything(tmp_path)

    said = dissmodel("doctor", "--offline", "--json")

    assert before == everything(tmp_path)
    assert (0, "") == (said.code, said.err)
    assert (1, True) == (said.json["schema_version"], said.json["ok"])
    found = {one["subject"]: one for one in said.json["findings"]}
    assert {"ok"} == {one["severity"] for one in found.values()}
    expected = {"Python", "dissmodel", "packages", "rasterio", "pyproj", "pyogrio", "numba", "numba cache"}
    expected |= {"models", "git", "ssh-keygen", "uv", "settings", "registries", "environments", "network"}
    assert expected | {f"{one} folder" for one in ("data", "cache", "temporary", "current")} == set(found)
    assert "builtin/coastal_raster" in found["models"]["message"]


@pytest.mark.slow
def test_broken_settings_are_an_error_and_all_else_is_looked_at(dissmodel, tmp_path, monkeypatch):
    config = tmp_path / "user" / "config"
    config.parent.mkdir()
    config.write_text('storage.bukket = "x"\n\x1b[2J', encoding="utf-8")

    said = dissmodel("doctor", "--offline")

    assert (1, "") == (said.code, said.err)
    assert f"error    settings: {config}: this is not valid TOML" in said.out
    assert "warning  settings: registries, environments and storage were not looked at" in said.out
    assert "ok       models: " in said.out
    assert "\x1b" not in said.out
    assert said.out.endswith("1 error, 1 warning\n")
    quiet = dissmodel("doctor", "--offline", "-q")
    assert 1 == quiet.code
    assert ["error", ""] == [line.partition(" ")[0] for line in quiet.out.splitlines()]


@pytest.mark.slow
def test_a_bad_variable_and_a_bad_project_file_are_told_each(dissmodel, monkeypatch):
    monkeypatch.setenv("DISSMODEL_STORAGE_SECURE", "perhaps")
    assert "error    settings: DISSMODEL_STORAGE_SECURE:" in dissmodel("doctor", "--offline").out

    Path("dissmodel.toml").write_text('trust = ["*"]\n', encoding="utf-8")
    said = dissmodel("doctor", "--offline")

    assert 1 == said.code
    assert "trust can't be set for a project" in said.out


@pytest.mark.slow
def test_an_index_and_a_store_that_never_answer_are_left_after_three_seconds(
    dissmodel, monkeypatch, silent_port
):
    port = silent_port
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", f"http://ana:{SECRET}@127.0.0.1:{port}/simple")
    monkeypatch.setenv("MINIO_ENDPOINT", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("MINIO_ACCESS_KEY", "ana")
    monkeypatch.setenv("MINIO_SECRET_KEY", SECRET)
    said = dissmodel("doctor")

    assert (0, "") == (said.code, said.err)
    assert (
        f"warning  index http://***@127.0.0.1:{port}/simple: can't be reached: nothing came or went for 3 s."
        in said.out
    )
    assert "ok       storage: credentials from MINIO_ACCESS_KEY" in said.out
    assert f"warning  storage: http://127.0.0.1:{port}: " in said.out
    assert SECRET not in said.out


@pytest.mark.slow
def test_a_secret_in_what_a_library_says_is_hidden(dissmodel, tmp_path, monkeypatch):
    (tmp_path / "first").mkdir()
    (tmp_path / "first" / "numba.py").write_text(f"raise ImportError('no {SECRET} here')", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "first"))
    monkeypatch.setenv("COAST_TOKEN", SECRET)

    said = dissmodel("doctor", "--offline")

    assert (0, "") == (said.code, said.err)
    assert "warning  numba: import: ImportError: no *** here. The models compute the same" in said.out


@pytest.mark.slow
def test_settings_of_pip_that_can_t_be_understood_are_a_warning(dissmodel, monkeypatch):
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_FIND_LINKS", "http://[::1/simple")

    said = dissmodel("doctor")

    assert (0, "") == (said.code, said.err)
    assert "warning  index: pip's settings can't be understood: Invalid IPv6 URL" in said.out


def run(words, **more):
    """Run doctor as a program, without a terminal and without an input."""
    words = [sys.executable, *words, "doctor", "--offline", "--json"]
    given = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True, **more}
    said = subprocess.run(words, check=False, **given)
    return said, json.loads(said.stdout)["findings"]


@pytest.mark.slow
def test_in_a_folder_that_was_removed_it_still_works(tmp_path, monkeypatch):
    # numba imports coverage where it is installed, and that asks for the current folder.
    (tmp_path / "coverage.py").write_text("raise ImportError")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    gone = tmp_path / "gone"
    script = (
        f"import os, sys; os.mkdir({str(gone)!r}); os.chdir({str(gone)!r}); os.rmdir({str(gone)!r});"
        "from dissmodel.cli.app import main; main()"
    )

    said, found = run(["-c", script])

    assert (1, "") == (said.returncode, said.stderr)
    bad = {one["subject"]: one["severity"] for one in found if one["severity"] != "ok"}
    assert {"settings", "current folder"} == set(bad)
    assert "The current folder was removed." in [one["message"] for one in found]


def test_where_nothing_can_be_written_each_place_is_told():
    resource = pytest.importorskip("resource")

    said, found = run(
        ["-m", "dissmodel"], preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    )

    assert (1, "") == (said.returncode, said.stderr)
    bad = {one["subject"]: one["severity"] for one in found if one["severity"] != "ok"}
    assert "error" == bad["temporary folder"]


@pytest.mark.slow
def test_names_that_are_no_utf8_are_a_warning():
    plain = {**os.environ, "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}

    said, found = run(["-m", "dissmodel"], env=plain)

    assert (0, "") == (said.returncode, said.stderr)
    assert [("Python", "Set PYTHONUTF8=1")] == [
        (one["subject"], one["hint"]) for one in found if one["severity"] == "warning"
    ]
