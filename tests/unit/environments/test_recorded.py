import pytest

from dissmodel import __version__
from dissmodel.environments import obtain
from dissmodel.environments.recorded import recorded
from dissmodel.errors import DissmodelWarning, InvalidInput
from dissmodel.record.schema import Code, ExperimentRecord, Package, Runtime
from support.packages import commit, make_project, make_wheel, says


def record_of(packages, code=None):
    runtime = Runtime(
        python="3.11.7",
        implementation="CPython",
        platform="Linux",
        os="Linux",
        machine="x86_64",
        packages=packages,
    )
    return ExperimentRecord(experiment_id="1", runtime=runtime, code=code)


def rebuild(record, data_dir, lock=None, **options):
    return obtain(recorded(record, lock), data_dir, consent=lambda _: None, **options)


def test_the_recorded_versions_and_the_running_dissmodel(index, data_dir, tmp_path):
    for version in ("1.3", "1.4"):
        make_wheel(index, "tide-tables", version)
    # It would rather have the newer one: what the record says stands.
    make_wheel(index, "coastal-flood", "0.1.0", ["tide-tables>=1.4", "dissmodel>=0.6"])
    repository = make_project(tmp_path / "repo", name="mangrove")
    state = commit(repository)
    packages = {
        "coastal-flood": Package(version="0.1.0"),
        "tide-tables": Package(version="1.3"),
        "mangrove": Package(version="0.1.0", url=repository.as_uri(), commit=state),
        "dissmodel": Package(version="0.5.0"),
        "pip": Package(version="0.0"),
    }

    made = rebuild(record_of(packages), data_dir)

    assert ("0.1.0", "1.3") == (made.packages["coastal-flood"], made.packages["tide-tables"])
    assert "0.1.0" == says(made, "import mangrove; print(mangrove.version)")
    assert made.packages["dissmodel"].startswith(f"{__version__}+build.")
    assert not {"libpysal", "rasterstats"} & set(made.packages)  # a recorded environment is what it was
    assert not rebuild(record_of(packages), data_dir).is_new


def test_what_can_not_be_had_is_listed_in_one_error(index, data_dir, tmp_path):
    make_wheel(index, "coastal-flood", "0.1.0")
    packages = {
        "coastal-flood": Package(version="0.1.0"),
        "gone": Package(version="1.0"),
        "tide-tables": Package(version="9.9"),
        "mangrove": Package(version="0.1.0", url=(tmp_path / "none").as_uri(), commit="1" * 40),
    }

    with pytest.raises(InvalidInput) as caught:
        rebuild(record_of(packages), data_dir)

    for name in ("gone==1.0", "tide-tables==9.9", "mangrove"):
        assert name in caught.value.message
    assert "coastal-flood" not in caught.value.message


def test_a_package_from_a_folder_is_left_out_and_told():
    packages = {
        "mine": Package(version="0.1", url="file:///home/ana/mine"),
        "tide-tables": Package(version="1.4"),
    }

    with pytest.warns(DissmodelWarning, match=r"mine 0\.1"):
        found = recorded(record_of(packages))

    assert ("tide-tables==1.4",) == found.pins


def test_the_models_own_folder_is_its_commit_if_it_had_no_changes(tmp_path):
    url = "https://host.org/org/mine.git"
    packages = {"mine": Package(version="0.1", url="file:///home/ana/mine")}
    code = Code(package="Mine", version="0.1", repository=url, commit="1f" * 20, dirty=False)

    assert (f"mine @ git+{url}@{'1f' * 20}",) == recorded(record_of(packages, code)).pins
    with pytest.raises(InvalidInput, match=r"mine 0\.1"):
        recorded(record_of(packages, code.model_copy(update={"dirty": True})))


def test_the_hashes_of_a_lock_are_held(index, data_dir, tmp_path):
    make_wheel(index, "coastal-flood", "0.1.0")
    record = record_of({"coastal-flood": Package(version="0.1.0")})
    lock = rebuild(record, data_dir).lock

    again = rebuild(record, tmp_path / "other", lock)
    make_wheel(index, "coastal-flood", "0.1.0", files={"coastal_flood/__init__.py": "evil = 1\n"})
    with pytest.raises(InvalidInput) as caught:
        rebuild(record, tmp_path / "third", lock)

    assert "0.1.0" == again.packages["coastal-flood"]
    assert "coastal-flood==0.1.0: the index has other files" in caught.value.message


@pytest.mark.parametrize(
    ("name", "package"),
    [
        ("--index-url", Package(version="1.0")),
        ("tide", Package(version="1.0 --index-url https://evil")),
        ("tide", Package(version="1.0; x")),
        ("tide", Package(version="1.0", url="ext::sh -c id", commit="1" * 40)),
        ("tide", Package(version="1.0", url="https://host/a", commit="--upload-pack=id")),
        ("tide", Package(version="1.0", url="https://host/a.whl")),
        ("a\nb", Package(version="1.0")),
    ],
)
def test_a_hostile_record_is_refused(name, package):
    with pytest.raises(InvalidInput) as caught:
        recorded(record_of({name: package}))

    assert "packages_lost" == caught.value.code


def test_a_record_without_packages():
    with pytest.raises(InvalidInput) as caught:
        recorded(ExperimentRecord(experiment_id="1"))

    assert "no_packages" == caught.value.code
