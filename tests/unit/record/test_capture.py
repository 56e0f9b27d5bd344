import importlib.metadata
import os
import platform
import subprocess
import sys

import pytest

from dissmodel.record import capture


def run_python(code, **kwargs):
    return subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, **kwargs
    ).stdout.strip()


def test_the_record_room_is_light():
    code = (
        "import sys; from dissmodel.record import capture, store, status, redact; capture.runtime(); "
        "print(sorted({'numpy', 'rasterio', 'pandas', 'pyogrio', 'shapely', 'typer'} & set(sys.modules)), "
        "capture.native())"
    )

    assert "[] {}" == run_python(code)


def test_native_libraries_are_those_that_were_loaded():
    code = (
        "import rasterio, shapely; from dissmodel.record.capture import native; "
        "r = {'GDAL': rasterio.__gdal_version__, 'GEOS': rasterio.__geos_version__, "
        "'PROJ': rasterio.__proj_version__}; "
        "print(native() == {'rasterio': r, 'shapely': {'GEOS': shapely.geos_version_string}})"
    )

    assert "True" == run_python(code)


def test_versions_that_are_tuples_are_written_with_dots():
    code = (
        "import pyogrio; from dissmodel.record.capture import native; "
        "print(native()['pyogrio']['GDAL'] == pyogrio.__gdal_version_string__)"
    )

    assert "True" == run_python(code)


def test_the_runtime():
    found = capture.runtime()

    assert platform.python_version() == found.python
    assert found.threads is None  # only the model knows
    assert 1 <= found.cpu_count <= os.cpu_count()
    assert "dissmodel" == found.dissmodel.package
    assert found.kernel is None


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system binds no process to a processor")
def test_only_the_processors_that_may_be_used_are_counted():
    one = min(os.sched_getaffinity(0))
    code = (
        f"import os; os.sched_setaffinity(0, {{{one}}}); "
        "from dissmodel.record import capture; print(capture.runtime().cpu_count)"
    )

    assert "1" == run_python(code)


def test_packages_have_normalised_names_in_order(tmp_path, monkeypatch):
    for name, version in [("Zz_Odd.Name", "1.0"), ("zz-broken", "")]:
        info = tmp_path / f"{name}-1.dist-info"
        info.mkdir()
        lines = f"Metadata-Version: 2.1\nName: {name}\n" + (f"Version: {version}\n" if version else "")
        (info / "METADATA").write_text(lines)
    (tmp_path / "Zz_Odd.Name-1.dist-info" / "direct_url.json").write_text(
        '{"url": "https://t0ken@example.org/odd.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}}'
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    found = capture.packages()

    assert {"version": "1.0", "url": "https://example.org/odd.git", "commit": "abc"} == found[
        "zz-odd-name"
    ].model_dump()
    assert "zz-broken" not in found
    assert sorted(found) == list(found)
    assert importlib.metadata.version("pydantic") == found["pydantic"].version


@pytest.mark.skipif(sys.platform == "win32", reason="not asked for on Windows")
def test_peak_memory_grows_with_what_is_held():
    code = (
        "from dissmodel.record.capture import peak_memory_bytes as peak; before = peak(); "
        "x = bytearray(b'x') * 200_000_000; print(before, peak())"
    )
    before, after = map(int, run_python(code).split())

    assert 190_000_000 < after - before < 300_000_000


@pytest.mark.skipif(sys.platform != "linux", reason="a matter of Linux")
def test_the_memory_of_the_process_that_started_this_one_does_not_count():
    inner = "from dissmodel.record.capture import peak_memory_bytes as peak; print(peak())"
    outer = (
        "import subprocess, sys; x = bytearray(b'x') * 300_000_000; "
        f"print(subprocess.run([sys.executable, '-c', {inner!r}], capture_output=True, text=True).stdout)"
    )

    assert int(run_python(outer)) < 200_000_000
