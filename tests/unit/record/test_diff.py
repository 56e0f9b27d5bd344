"""What differs around two runs, and what of it could change a bit of the result."""

import pytest

from dissmodel.record import Code, ExperimentRecord, Package, Runtime
from dissmodel.record.diff import runtime_differences


def record(**changes):
    """Return the record of a run of a built-in model, with changes to its parts."""
    code = {
        "package": "coast",
        "version": "1.0",
        "module": "coast.executors",
        "source_digest": "1" * 64,
        "commit": "a" * 40,
        "dirty": False,
        **changes.pop("code", {}),
    }
    ours = {"package": "dissmodel", "version": "0.7.0", "source_digest": "2" * 64}
    runtime = {
        "python": "3.11.7",
        "implementation": "CPython",
        "platform": "Linux-6.1.0-x86_64-with-glibc2.36",
        "os": "Debian 12",
        "machine": "x86_64",
        "cpu": "AMD EPYC",
        "cpu_count": 2,
        "threads": 1,
        "kernel": "numpy",
        "locale": "C.UTF-8",
        "native": {"rasterio": {"GDAL": "3.10.3", "PROJ": "9.7.1"}},
        **changes.pop("runtime", {}),
    }
    packages = {
        "coast": "1.0",
        "dissmodel": "0.7.0",
        "numpy": "2.4.6",
        "rasterio": "1.4.4",
        "ruff": "0.14",
        **changes.pop("packages", {}),
    }
    return ExperimentRecord(
        status=changes.pop("status", "completed"),
        code_version="0.7.0",
        code=Code(**code),
        runtime=Runtime(
            dissmodel=Code(**{**ours, **changes.pop("dissmodel", {})}),
            packages={name: Package(version=one) for name, one in packages.items() if one},
            **runtime,
        ),
        **changes,
    )


def told(old, new):
    return [(one.what, one.recorded, one.now, one.matters) for one in runtime_differences(old, new)]


LIBC = "Linux-6.1.0-x86_64-with-glibc2.39"
PLANTED = {
    "package version": ({"packages": {"numpy": "2.3.0"}}, ("package numpy", "2.4.6", "2.3.0", True)),
    "package gone": ({"packages": {"rasterio": None}}, ("package rasterio", "1.4.4", "not installed", True)),
    "model's version": (
        {"code": {"version": "1.1"}, "packages": {"coast": "1.1"}},
        ("model version", "1.0", "1.1", True),
    ),
    "model's module": (
        {"code": {"module": "coast.new"}},
        ("model module", "coast.executors", "coast.new", True),
    ),
    "commit": (
        {"code": {"commit": "b" * 40, "source_digest": "3" * 64}},
        ("model commit", "a" * 40, "b" * 40, True),
    ),
    "dirty file": (
        {"code": {"dirty": True, "diff_digest": "4" * 64, "source_digest": "3" * 64}},
        ("model changes", "none", "uncommitted (444444444444)", True),
    ),
    "source alone": ({"code": {"source_digest": "3" * 64}}, ("model source", "1" * 12, "3" * 12, True)),
    "repository": ({"code": {"repository": "https://example.org/b"}}, None),
    "dissmodel's version": (
        {"dissmodel": {"version": "0.7.1"}},
        ("dissmodel version", "0.7.0", "0.7.1", True),
    ),
    "Python": ({"runtime": {"python": "3.12.1"}}, ("Python", "3.11.7", "3.12.1", True)),
    "implementation": (
        {"runtime": {"implementation": "PyPy"}},
        ("Python implementation", "CPython", "PyPy", True),
    ),
    "GDAL": (
        {"runtime": {"native": {"rasterio": {"GDAL": "3.9.0", "PROJ": "9.7.1"}}}},
        ("GDAL (rasterio)", "3.10.3", "3.9.0", True),
    ),
    "PROJ unknown": (
        {"runtime": {"native": {"rasterio": {"GDAL": "3.10.3"}}}},
        ("PROJ (rasterio)", "9.7.1", None, True),
    ),
    "another loader": ({"runtime": {"native": {"pyogrio": {"GDAL": "3.12.4"}}}}, None),
    "machine": ({"runtime": {"machine": "arm64"}}, ("machine", "x86_64", "arm64", True)),
    "CPU": ({"runtime": {"cpu": "Intel Xeon"}}, ("CPU", "AMD EPYC", "Intel Xeon", True)),
    "CPU unknown": ({"runtime": {"cpu": None}}, ("CPU", "AMD EPYC", None, True)),
    "threads": ({"runtime": {"threads": 8}}, ("threads", "1", "8", True)),
    "kernel": ({"runtime": {"kernel": "numba"}}, ("kernel", "numpy", "numba", True)),
    "locale": ({"runtime": {"locale": "pt_BR.UTF-8"}}, ("locale", "C.UTF-8", "pt_BR.UTF-8", True)),
    "C library": ({"runtime": {"platform": LIBC}}, ("C library", "glibc2.36", "glibc2.39", True)),
    "OS": ({"runtime": {"os": "Ubuntu 24.04"}}, ("OS", "Debian 12", "Ubuntu 24.04", False)),
    "OS release": (
        {"runtime": {"platform": "Linux-6.9.0-x86_64-with-glibc2.36"}},
        ("OS release", "Linux-6.1.0-x86_64", "Linux-6.9.0-x86_64", False),
    ),
    "processors": ({"runtime": {"cpu_count": 8}}, ("processors", "2", "8", False)),
}


@pytest.mark.parametrize(("change", "expected"), PLANTED.values(), ids=PLANTED)
def test_a_planted_change_is_named_once_and_nothing_else(change, expected):
    assert [expected] * (expected is not None) == told(record(), record(**change))


def test_a_run_is_no_other_than_itself():
    assert [] == told(record(), record())


def test_what_matters_comes_first():
    old = record(code={"repository": "https://example.org/a"})
    new = record(
        code={"repository": "https://example.org/b"}, runtime={"locale": "pt_BR"}, packages={"numpy": "1.0"}
    )

    assert ["package numpy", "locale", "model repository"] == [one[0] for one in told(old, new)]


def test_a_package_that_an_installed_model_does_not_require_could_change_nothing():
    """Dissmodel is installed here, and requires pandas by way of geopandas, but no pytest."""
    code = {"package": "dissmodel"}
    old = record(code=code, packages={"pandas": "2.2", "pytest": "8.3"})
    new = record(code=code, packages={"pandas": "3.0", "pytest": "9.0"})

    assert [("package pandas", "2.2", "3.0", True), ("package pytest", "8.3", "9.0", False)] == told(old, new)


@pytest.mark.parametrize("package", [None, "no-such-package-here"], ids=["loose file", "another environment"])
def test_whatever_a_model_may_import_matters_where_it_does_not_say(package):
    old, new = (record(code={"package": package}, packages={"ruff": one}) for one in ("0.14", "0.15"))

    assert [("package ruff", "0.14", "0.15", True)] == told(old, new)


def test_a_builtin_models_code_is_not_told_twice():
    ours = {"package": "dissmodel", "version": "0.8.0", "source_digest": "5" * 64}
    old = record(code={"package": "dissmodel", "version": "0.7.0"})
    new = record(code=ours, dissmodel=ours, packages={"dissmodel": "0.8.0"})

    assert [("model version", "0.7.0", "0.8.0", True)] == told(old, new)


def test_equal_source_makes_an_unknown_commit_no_difference():
    known, unknown = record(), record(code={"commit": None, "dirty": None})
    other = record(code={"commit": None, "dirty": None, "source_digest": "3" * 64})

    assert [] == told(known, unknown)
    assert ["model commit", "model changes"] == [one[0] for one in told(known, other)]


def test_processors_matter_where_nobody_counted_the_threads():
    old, new = (record(runtime={"threads": None, "cpu_count": count}) for count in (2, 8))

    assert [("processors", "2", "8", True)] == told(old, new)


def test_the_system_matters_where_its_c_library_is_unknown():
    old = record(runtime={"platform": "Windows-10", "os": "Windows 10"})
    new = record(runtime={"platform": "Windows-11", "os": "Windows 11"})

    assert [("OS", "Windows 10", "Windows 11", True)] == told(old, new)


def test_what_a_run_knows_at_its_end_is_not_missed_before():
    new = record(status="running", runtime={"threads": None, "kernel": None, "native": {}})

    assert [] == told(record(), new)
    assert ["threads", "kernel"] == [
        one[0] for one in told(record(), new.model_copy(update={"status": "completed"}))
    ]


def test_a_record_without_code_or_runtime_says_so_once():
    """As the public DisSModel wrote it: all that it knows is dissmodel's version."""
    old = ExperimentRecord(schema_version=0, code_version="0.6.6", model_commit="local")

    assert [
        ("model code", None, "coast 1.0", True),
        ("dissmodel version", "0.6.6", "0.7.0", True),
        ("runtime", None, "CPython 3.11.7, Linux-6.1.0-x86_64-with-glibc2.36", True),
    ] == told(old, record())


def test_a_commit_that_an_installer_noted_tells_two_equal_versions_apart():
    old, new = record(), record()
    new.runtime.packages["numpy"] = Package(version="2.4.6", commit="f" * 40)

    assert [("package numpy", "2.4.6", "2.4.6 (ffffffffffff)", True)] == told(old, new)


def test_how_the_same_source_was_packed_is_no_difference():
    folder = Code(
        package="dissmodel", version="0.6.9", source_digest="ab", commit="1f", dirty=False, editable=True
    )
    wheel = Code(package="dissmodel", version="0.6.9+build.0123456789ab", source_digest="ab")
    other = wheel.model_copy(update={"source_digest": "cd"})
    old, same, changed = (ExperimentRecord(code=one) for one in (folder, wheel, other))

    assert [] == [one for one in runtime_differences(old, same) if one.what.startswith("model")]
    assert any(one.what == "model version" and one.matters for one in runtime_differences(old, changed))
