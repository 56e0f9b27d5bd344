import subprocess
import tarfile

import pytest

from dissmodel import __version__, errors
from dissmodel.environments import Requirement, obtain, resolve, wheel
from dissmodel.errors import ConsentRequired, InvalidInput, RunFailed, StorageError, UsageError
from dissmodel.record.digest import sha256_file
from support.git import git
from support.packages import commit, make_project, make_wheel, says

OURS = (
    "import dissmodel.errors as m, hashlib; print(hashlib.sha256(open(m.__file__, 'rb').read()).hexdigest())"
)


def folders(data_dir):
    return sorted(path.name for path in (data_dir / "environments").glob("*"))


def no_installer(monkeypatch, tmp_path):
    """Leave an installer nothing to install from."""
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "nothing"))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "empty-cache"))


def test_a_package_of_the_index_with_what_it_needs_and_the_running_dissmodel(index, install):
    make_wheel(index, "coastal-flood", "0.1.0", ["tide-tables>=1", "dissmodel>=0.6,<0.7"])
    make_wheel(index, "tide-tables", "1.4")

    made = install("coastal-flood==0.1.0")

    assert made.is_new
    assert ("0.1.0", "1.4") == (made.packages["coastal-flood"], made.packages["tide-tables"])
    assert wheel.running().version == made.packages["dissmodel"]
    assert sha256_file(errors.__file__) == says(made, OURS)
    assert "0.1.0" == says(made, "import coastal_flood; print(coastal_flood.version)")


@pytest.mark.slow  # to compile all of dissmodel takes seconds
def test_what_is_installed_is_byte_compiled(index, install):
    make_wheel(index, "coastal-flood", "0.1.0")

    made = install("coastal-flood==0.1.0")

    (record,) = made.path.glob("**/dissmodel/record")
    compiled = {path.name.partition(".")[0] for path in (record / "__pycache__").iterdir()}
    assert {path.stem for path in record.glob("*.py")} == compiled


def test_the_second_time_no_installer_is_needed(index, install, monkeypatch, tmp_path):
    make_wheel(index, "coastal-flood", "0.1.0")
    first = install("coastal-flood==0.1.0")
    no_installer(monkeypatch, tmp_path)

    second = install("coastal-flood==0.1.0")

    assert (first.path, False) == (second.path, second.is_new)
    assert (first.packages, first.lock) == (second.packages, second.lock)


@pytest.mark.usefixtures("index")
def test_a_tag_in_a_pack_is_built_once_and_a_moved_tag_is_asked_again(data_dir, tmp_path):
    repository = make_project(tmp_path / "repo")
    state = commit(repository, "v1")
    tag = git(repository, "rev-parse", "v1")
    git(repository, "repack", "-a", "-d", "-q")
    requirement = Requirement.parse(f"coastal-flood @ git+{repository.as_uri()}@v1")
    asked = []

    def made():
        resolved = resolve(requirement, data_dir=data_dir)
        return obtain(resolved, data_dir, consent=lambda resolved: asked.append(resolved.identity))

    first, second = made(), made()
    git(repository, "tag", "-d", "v1")
    moved = commit(repository, "v1")
    third = made()

    assert [state, state, moved] == [one.resolved.commit for one in (first, second, third)]
    assert [True, False, True] == [one.is_new for one in (first, second, third)]
    assert ["coastal-flood"] * 3 == [one.resolved.name for one in (first, second, third)]
    assert [f"git+{repository.as_uri()}@{one}" for one in (tag, tag, moved)] == asked


def test_a_local_repository_of_another_package_is_refused_after_consent(data_dir, tmp_path):
    repository = make_project(tmp_path / "repo")
    commit(repository, "v1")
    resolved = resolve(Requirement.parse(f"tides @ git+{repository.as_uri()}@v1"), data_dir=data_dir)
    asked = []

    with pytest.raises(UsageError, match="calls itself coastal-flood"):
        obtain(resolved, data_dir, consent=lambda resolved: asked.append(resolved.identity))

    assert [resolved.identity] == asked
    assert [] == folders(data_dir)


def test_the_lock_has_exact_versions_and_hashes(index, install):
    path = make_wheel(index, "coastal-flood", "0.1.0", ["tide-tables"])
    make_wheel(index, "tide-tables", "1.4")
    digest = subprocess.run(["sha256sum", path], capture_output=True, text=True, check=True).stdout.split()[0]

    lock = install("coastal-flood").lock

    assert f"coastal-flood==0.1.0 --hash=sha256:{digest}" in lock.replace("\\\n    ", "")
    assert "tide-tables==1.4" in lock


@pytest.mark.slow
def test_another_version_is_another_environment(index, install):
    make_wheel(index, "coastal-flood", "0.1.0")
    make_wheel(index, "coastal-flood", "0.2.0")

    paths = {install(text).path for text in ("coastal-flood==0.1.0", "coastal-flood<0.2", "coastal-flood")}

    assert 2 == len(paths)


def test_the_commands_of_an_environment_run_where_it_lies(index, install):
    make_wheel(index, "coastal-flood", "0.1.0")
    made = install("coastal-flood==0.1.0")
    command = made.python.parent / "dissmodel"

    said = command.read_text(encoding="utf-8")

    assert ".building-" not in said


@pytest.mark.slow
def test_a_git_package_is_its_commit(index, install, tmp_path):
    repository = make_project(tmp_path / "repo", requires=["tide-tables"])
    make_wheel(index, "tide-tables", "1.4")
    first = commit(repository, "v1")
    (repository / "coastal_flood" / "__init__.py").write_text("version = 'later'\n", encoding="utf-8")
    later = commit(repository)

    tagged = install(f"git+{repository.as_uri()}@v1")
    newest = install(f"git+{repository.as_uri()}")

    assert (first, later) == (tagged.resolved.commit, newest.resolved.commit)
    assert "0.1.0" == says(tagged, "import coastal_flood; print(coastal_flood.version)")
    assert "later" == says(newest, "import coastal_flood; print(coastal_flood.version)")
    assert f"@{first}" in tagged.lock
    assert not install(f"git+{repository.as_uri()}@v1").is_new


@pytest.mark.slow
def test_a_package_in_a_subfolder_of_a_repository(index, install, tmp_path):
    make_project(tmp_path / "repo" / "python")
    commit(tmp_path / "repo")

    made = install(f"git+{(tmp_path / 'repo').as_uri()}#subdirectory=python")

    assert "0.1.0" == made.packages["coastal-flood"]


def test_a_folder_is_used_where_it_lies(index, install, tmp_path, monkeypatch):
    folder = make_project(tmp_path / "my model")
    made = install("./my model", tmp_path)
    (folder / "coastal_flood" / "__init__.py").write_text("version = 'changed'\n", encoding="utf-8")
    no_installer(monkeypatch, tmp_path)

    again = install(folder, tmp_path)

    assert (made.path, False) == (again.path, again.is_new)
    assert "changed" == says(again, "import coastal_flood; print(coastal_flood.version)")


@pytest.mark.slow
def test_a_folder_whose_needs_changed_is_installed_again(index, install, tmp_path):
    folder = make_project(tmp_path / "model")
    install(folder)
    make_wheel(index, "tide-tables", "1.4")
    make_project(folder, requires=["tide-tables"])

    again = install(folder)

    assert again.is_new
    assert "1.4" == again.packages["tide-tables"]


def test_nothing_named_dissmodel_comes_from_an_index(index, install, tmp_path):
    make_wheel(index, "dissmodel", "99.0")
    make_wheel(index, "coastal-flood", "0.1.0", ["dissmodel>=0.6"])
    # The project's own build asks for it too, and tells which it got.
    hook = "import dissmodel; open('built-with', 'w').write(dissmodel.__version__)"
    folder = make_project(tmp_path / "model", name="other", build=["dissmodel"], hook=hook)

    assert wheel.running().version == install("coastal-flood").packages["dissmodel"]
    install(folder)

    assert __version__ == (folder / "built-with").read_text()


@pytest.mark.slow
def test_the_extras_of_ours_that_a_package_asks_for_are_there(index, install):
    make_wheel(index, "coastal-flood", "0.1.0", ["dissmodel[parquet]>=0.6"])
    make_wheel(index, "plain", "1.0", ["dissmodel>=0.6"])

    assert "pyarrow" in install("coastal-flood").packages
    assert "pyarrow" not in install("plain").packages


@pytest.mark.slow
def test_a_package_that_needs_a_newer_dissmodel_says_so(index, install, data_dir):
    make_wheel(index, "coastal-flood", "0.1.0", ["dissmodel>=2"])

    with pytest.raises(InvalidInput) as caught:
        install("coastal-flood")

    assert f"coastal-flood 0.1.0 needs dissmodel >=2; this is {__version__}" in caught.value.message
    assert [".wheels"] == folders(data_dir)


@pytest.mark.slow
def test_tool_uv_leads_nobody_elsewhere(index, install, tmp_path, monkeypatch):
    make_wheel(index, "tide-tables", "1.4")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    make_wheel(elsewhere, "tide-tables", "6.6.6")
    toml = f'[tool.uv]\nfind-links = ["{elsewhere}"]\n'
    toml += f'[tool.uv.sources]\ntide-tables = {{ path = "{elsewhere}" }}\n'
    folder = make_project(tmp_path / "model", requires=["tide-tables"], toml=toml)
    (folder / "pip.conf").write_text(f"[global]\nfind-links = {elsewhere}\n", encoding="utf-8")
    commit(folder)
    monkeypatch.chdir(folder)

    assert "1.4" == install(folder).packages["tide-tables"]
    assert "1.4" == install(f"git+{folder.as_uri()}").packages["tide-tables"]


@pytest.mark.fast_cases(
    "not-there==1.0-no_such_package-not-there was not found", "source-only==1.0-no_wheel-no usable wheels"
)
@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("not-there==1.0", "no_such_package", "not-there was not found"),
        ("coastal-flood==9.9", "no_such_package", "no version of coastal-flood==9.9"),
        ("coastal-flood>=9.9", "no_such_package", "only coastal-flood"),
        ("unsatisfiable==1.0", "no_such_package", "numpy==0.0.1"),
        ("source-only==1.0", "no_wheel", "no usable wheels"),
    ],
)
def test_what_can_not_be_installed_is_told_in_the_installers_words(
    index, install, data_dir, text, code, said
):
    make_wheel(index, "coastal-flood", "0.1.0")
    make_wheel(index, "unsatisfiable", "1.0", ["numpy==0.0.1"])
    source = make_project(index / "source", "source-only", "1.0")
    with tarfile.open(index / "source_only-1.0.tar.gz", "w:gz") as archive:
        archive.add(source, "source_only-1.0")

    with pytest.raises(RunFailed) as caught:
        install(text)

    assert said in caught.value.message
    assert code == caught.value.code
    assert 1 == caught.value.exit_code
    assert [".wheels"] == folders(data_dir)
    if code == "no_wheel":
        assert "--allow-build" in caught.value.hint
        assert "1.0" == install(text, allow_build=True).packages["source-only"]


def test_a_build_that_fails_is_told_with_its_own_words(index, install, tmp_path, data_dir):
    folder = make_project(tmp_path / "model", hook="raise SystemExit('the tide is out')")

    with pytest.raises(RunFailed) as caught:
        install(folder)

    assert "the tide is out" in caught.value.message
    assert [".wheels"] == folders(data_dir)


def test_a_build_gets_no_secret_and_no_python_path(index, install, tmp_path, monkeypatch):
    monkeypatch.setenv("MINIO_SECRET_KEY", "t0ps3cret")
    monkeypatch.setenv("MY_TOKEN", "t0ps3cret")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    hook = "open('seen', 'w').write(repr(dict(os.environ)))"
    folder = make_project(tmp_path / "model", hook=hook)

    install(folder)

    seen = (folder / "seen").read_text()
    assert "PATH" in seen
    assert "t0ps3cret" not in seen
    assert "'PYTHONPATH'" not in seen


def test_without_consent_nothing_is_installed(index, data_dir):
    make_wheel(index, "coastal-flood", "0.1.0")
    resolved = resolve(Requirement.parse("coastal-flood==0.1.0"), data_dir=data_dir)

    def refuse(_):
        raise ConsentRequired("no")

    with pytest.raises(ConsentRequired):
        obtain(resolved, data_dir, consent=refuse)

    assert not data_dir.exists()


@pytest.mark.slow
def test_an_environment_whose_python_is_gone_is_made_anew(index, install):
    make_wheel(index, "coastal-flood", "0.1.0")
    made = install("coastal-flood==0.1.0")
    made.python.unlink()
    made.python.symlink_to("/gone/python")

    again = install("coastal-flood==0.1.0")

    assert (made.path, True) == (again.path, again.is_new)
    assert "0.1.0" == says(again, "import coastal_flood; print(coastal_flood.version)")


def test_offline_the_cache_is_enough(index, install, data_dir, tmp_path):
    make_wheel(index, "coastal-flood", "0.1.0")

    assert install("coastal-flood==0.1.0", offline=True).is_new


def test_a_data_folder_that_can_not_be_written_is_told(index, read_only_folder):
    resolved = resolve(Requirement.parse("coastal-flood==0.1.0"), data_dir=read_only_folder)

    with pytest.raises(StorageError) as caught:
        obtain(resolved, read_only_folder, consent=lambda _: None)

    assert str(read_only_folder) in caught.value.message


@pytest.mark.parametrize("name", ["other-name", "dissmodel"])
def test_a_project_with_another_name_is_refused(index, install, tmp_path, name):
    repository = make_project(tmp_path / "repo", name=name)
    commit(repository)
    asked = (
        f"coastal-flood @ git+{repository.as_uri()}" if name != "dissmodel" else f"git+{repository.as_uri()}"
    )

    with pytest.raises(UsageError) as caught:
        install(asked)

    assert name in caught.value.message


def test_every_environment_has_what_the_public_package_brings(index, install):
    make_wheel(index, "coastal-flood", "0.1.0", ["dissmodel<0.7,>=0.6.4"])

    environment = install("coastal-flood==0.1.0")

    assert {"libpysal", "rasterstats", "scipy"} <= set(environment.packages)
    assert environment.packages["dissmodel"].startswith(f"{__version__}+build.")
    assert "libpysal==" in environment.lock
