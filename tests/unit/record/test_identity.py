import hashlib
import importlib
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from dissmodel.record import Code, ExperimentRecord, identity
from dissmodel.record.identity import code_of, commit_name

MODEL = "class Model:\n    def run(self):\n        return 1\n"


def digest_of(files):
    lines = "".join(
        f"{name}\0{hashlib.sha256(text.encode()).hexdigest()}\n" for name, text in sorted(files.items())
    )
    return hashlib.sha256(lines.encode()).hexdigest()


def lay_out(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text.encode())


def install(site, name, version, *, record=None, direct_url=None):
    """Leave what an installer leaves."""
    info = {"METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"}
    if record is not None:
        info["RECORD"] = "".join(f"{line},sha256=x,1\n" for line in record)
    if direct_url is not None:
        info["direct_url.json"] = json.dumps(direct_url)
    lay_out(site / f"{name.replace('-', '_')}-{version}.dist-info", info)


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder of installed packages, at the front of the path; what is imported from it is forgotten."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        del sys.modules[name]


def load(module):
    importlib.invalidate_caches()
    return importlib.import_module(module).Model


PACKAGE = {"__init__.py": "", "sub/model.py": MODEL, "sub/__init__.py": "# ü\n"}


def test_an_installed_package_under_another_name(site):
    lay_out(site / "zz_coast", PACKAGE | {"data.txt": "x", "sub/__pycache__/old.py": "x"})
    install(site, "Coastal-Flood", "0.1.0", record=["zz_coast/__init__.py", "zz_coast/sub/model.py"])
    found = code_of(load("zz_coast.sub.model"))

    expected = Code(
        package="Coastal-Flood",
        version="0.1.0",
        module="zz_coast.sub.model",
        source_digest=digest_of(PACKAGE),
        editable=False,
    )
    assert expected == found
    assert "Coastal-Flood==0.1.0" == commit_name(found)


def test_a_package_from_version_control(site):
    lay_out(site / "zz_coast", PACKAGE)
    noted = {
        "url": "https://ana:t0ken@example.org/coast.git",
        "vcs_info": {"vcs": "git", "commit_id": "33" * 20, "requested_revision": "v1"},
    }
    install(site, "zz-coast", "1.0", record=["zz_coast/sub/model.py"], direct_url=noted)
    found = code_of(load("zz_coast.sub.model"), "zz-coast")

    assert ("https://example.org/coast.git", "33" * 20) == (found.repository, found.commit)
    assert "33" * 20 == commit_name(found)


@pytest.mark.parametrize("layout", ["", "src"])
def test_an_editable_package_in_a_checkout(site, tmp_path, monkeypatch, layout):
    project = tmp_path / "project"
    lay_out(project / layout / "zz_coast", PACKAGE)
    git = ["git", "-C", str(project), "-c", "user.name=A", "-c", "user.email=a@example.org"]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first"]):
        subprocess.run([*git, *arguments], check=True)
    head = subprocess.run(
        [*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    ).stdout.strip()
    (project / layout / "zz_coast" / "sub" / "model.py").write_text(MODEL + "\n")
    monkeypatch.syspath_prepend(str(project / layout))
    noted = {"url": project.as_uri(), "dir_info": {"editable": True}}
    install(site, "coast-models", "1.0", record=["_editable.pth"], direct_url=noted)
    found = code_of(load("zz_coast.sub.model"))

    assert ("coast-models", "1.0", True) == (found.package, found.version, found.editable)
    assert (head, True) == (found.commit, found.dirty)
    assert f"{head}-dirty" == commit_name(found)


def test_a_script_in_an_editable_project_is_not_the_package(site, tmp_path, monkeypatch):
    project = tmp_path / "project"
    lay_out(project, {"zz_script.py": MODEL})
    monkeypatch.syspath_prepend(str(project))
    noted = {"url": project.as_uri(), "dir_info": {"editable": True}}
    install(site, "coast-models", "1.0", record=["_editable.pth"], direct_url=noted)

    assert code_of(load("zz_script")).package is None


def test_a_namesake_elsewhere_is_not_the_package(site, tmp_path, monkeypatch):
    install(site, "zz-coast", "1.0", record=["zz_coast/sub/model.py"])
    lay_out(tmp_path / "copy" / "zz_coast", PACKAGE)
    monkeypatch.syspath_prepend(str(tmp_path / "copy"))
    found = code_of(load("zz_coast.sub.model"))

    assert found.package is None
    assert digest_of(PACKAGE) == found.source_digest
    assert f"sha256:{found.source_digest}" == commit_name(found)


def test_a_single_module_distribution(site):
    lay_out(site, {"zz_single.py": MODEL})
    install(site, "single", "2.0", record=["zz_single.py"])
    found = code_of(load("zz_single"))

    assert ("single", "2.0") == (found.package, found.version)
    assert hashlib.sha256(MODEL.encode()).hexdigest() == found.source_digest


def test_a_namespace_package(site):
    lay_out(site / "zz_space", {"coast/model.py": MODEL, "other.py": ""})
    found = code_of(load("zz_space.coast.model"))

    assert digest_of({"coast/model.py": MODEL, "other.py": ""}) == found.source_digest


def test_a_loose_file(tmp_path):
    file = tmp_path / "my model.py"
    file.write_bytes(MODEL.encode())
    spec = importlib.util.spec_from_file_location("loose_model", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)  # not in sys.modules: its functions know their file
    found = code_of(module.Model)

    expected = hashlib.sha256(MODEL.encode()).hexdigest()
    assert Code(module="loose_model", source_digest=expected) == found
    assert f"sha256:{expected}" == commit_name(found)


@pytest.mark.parametrize("as_module", [True, False])
def test_a_package_that_is_run_as_a_script(site, as_module):
    report = (
        "\nif __name__ == '__main__':\n"
        "    from dissmodel.record.identity import code_of\n"
        "    print(code_of(Model).model_dump_json())\n"
    )
    files = {"__init__.py": "", "model.py": MODEL + report}
    lay_out(site / "zz_coast", files)
    install(site, "zz-coast", "1.0", record=["zz_coast/model.py"])
    what = ["-m", "zz_coast.model"] if as_module else [str(site / "zz_coast" / "model.py")]
    code = f"import sys; sys.path.insert(0, {str(site)!r})"
    (site / "sitecustomize.py").write_text(code)
    done = subprocess.run(
        [sys.executable, *what],
        check=True,
        capture_output=True,
        text=True,
        cwd=site,
        env={"PYTHONPATH": str(site), "PATH": ""},
    )
    found = Code.model_validate_json(done.stdout)

    assert ("zz-coast", "1.0") == (found.package, found.version)
    assert digest_of(files) == found.source_digest
    assert ("zz_coast.model" if as_module else "__main__") == found.module


def test_a_class_without_a_file():
    made = type("Made", (), {"__module__": "nowhere"})

    assert Code(module="nowhere") == code_of(made)
    assert "" == commit_name(code_of(made))


def test_broken_notes_of_an_installer_are_no_failure(site):
    lay_out(site / "zz_coast", PACKAGE)
    install(site, "zz-coast", "1.0", record=["zz_coast/sub/model.py"])
    (site / "zz_coast-1.0.dist-info" / "direct_url.json").write_text("[1")

    assert "zz-coast" == code_of(load("zz_coast.sub.model")).package


def test_dissmodel_itself():
    found = code_of(ExperimentRecord)

    assert ("dissmodel", "dissmodel.record.schema") == (found.package, found.module)


def test_the_own_source_of_a_model_is_what_its_digest_covers():
    from dissmodel.estimating.demand import LuccDemand
    from dissmodel.models.coastal.raster import CoastalRaster
    from dissmodel.models.fire_spread import FireSpread

    found = [identity.own_source(model) for model in (LuccDemand, CoastalRaster, FireSpread)]

    package = Path(identity.__file__).parents[1]
    assert [package / "estimating", package / "models/coastal", package / "models/fire_spread.py"] == found
