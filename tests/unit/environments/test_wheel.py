import base64
import csv
import hashlib
import io
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import dissmodel
from dissmodel import __version__
from dissmodel.environments import wheel

ROOT = Path(dissmodel.__file__).parent


def test_the_wheel_holds_the_running_files_and_what_they_need(tmp_path):
    path = wheel.write_wheel(tmp_path)

    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        info = f"dissmodel-{wheel.running().version}.dist-info"
        for name in (
            "dissmodel/__init__.py",
            "dissmodel/py.typed",
            "dissmodel/models/coastal/kernels/step.py",
        ):
            assert (ROOT.parent / name).read_bytes() == archive.read(name)
        text = archive.read(f"{info}/METADATA").decode()
        assert f"\nVersion: {wheel.running().version}\n" in text
        assert "Requires-Dist: numpy" in text
        assert "coastal_raster" in archive.read(f"{info}/entry_points.txt").decode()
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]


def test_its_list_of_files_has_the_right_digests(tmp_path):
    with zipfile.ZipFile(wheel.write_wheel(tmp_path)) as archive:
        (record,) = (name for name in archive.namelist() if name.endswith("/RECORD"))
        rows = list(csv.reader(io.StringIO(archive.read(record).decode())))

        assert set(archive.namelist()) == {name for name, _, _ in rows}
        for name, digest, size in rows:
            if name != record:
                data = archive.read(name)
                expected = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
                assert (f"sha256={expected}", str(len(data))) == (digest, size)


def test_the_same_code_makes_the_same_bytes(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()

    first, second = wheel.write_wheel(tmp_path / "a"), wheel.write_wheel(tmp_path / "b")

    assert first.name == second.name
    assert first.read_bytes() == second.read_bytes()


def test_the_version_says_which_code_it_is():
    build = wheel.running()

    assert f"{__version__}+build.{build.digest[:12]}" == build.version


def test_a_change_in_dissmodel_makes_other_environments(tmp_path):
    code = (
        "from dissmodel.environments.resolved import Resolved\n"
        "from dissmodel.environments.store import key_of\n"
        "print(key_of(Resolved('index', 'coast', '1.0', None, '', '')))"
    )
    shutil.copytree(ROOT, tmp_path / "dissmodel", ignore=shutil.ignore_patterns("__pycache__"))

    def key():
        words = [sys.executable, "-c", code]
        env = {**os.environ, "PYTHONPATH": str(tmp_path)}
        return subprocess.run(words, env=env, capture_output=True, text=True, check=True, cwd="/").stdout

    first, again = key(), key()
    changed = tmp_path / "dissmodel" / "errors.py"
    changed.write_text(changed.read_text(encoding="utf-8") + "# changed\n", encoding="utf-8")

    assert first.startswith("coast-1.0-")
    assert first == again
    assert first != key()
