"""Packages that can't be had, don't work or mean no good: one clear message each, and nothing left."""

import json
from pathlib import Path

import pytest

from support.cases import mostly_slow

from .packages import MODEL, commit, make_project, make_wheel, publish


@pytest.fixture
def spec(dissmodel, index, tmp_path):
    """Return a function that writes a spec for a package, and runs it."""
    Path("data.bin").write_bytes(b"some bytes")

    def run(package, *words, module="coastal_flood", yes=True):
        lines = ['[model]\nname = "flood"', f'package = "{package}"', f'executor_module = "{module}"', ""]
        Path("spec.toml").write_text("\n".join(lines))
        yes = ["--yes"] if yes else []
        return dissmodel("run", "--toml", "spec.toml", "-i", "data.bin", "-o", "r.bin", *yes, *words)

    return run


def git_package(tmp_path, tag="v0.1.0", **more):
    folder = tmp_path / "coastal-flood"
    publish(folder, **more)
    return f"git+{folder.as_uri()}@{tag}"


def is_refused(said, code, *texts):
    """Tell whether there is one error, all of the texts are in it, and nothing was left."""
    missing = [text for text in texts if text not in said.err]
    errors = [line for line in said.err.splitlines() if line.startswith("error:")]
    left = sorted(path.name for path in Path().iterdir())
    assert (code, "", 1, [], ["data.bin", "spec.toml"]) == (
        said.code,
        said.out,
        len(errors),
        missing,
        left,
    ), said.err
    return True


def test_a_package_that_is_not_there(spec):
    assert is_refused(spec("no-such-coast==1.0"), 1, "no-such-coast==1.0", "Check its name and its version")


def test_a_version_that_is_not_there(spec, index):
    make_wheel(index, "coastal-flood", "0.1.0")
    said = spec("coastal-flood==0.2.0")

    assert is_refused(said, 1, "coastal-flood==0.2.0", "Check its name and its version")


@pytest.mark.slow
def test_a_tag_that_is_not_there(spec, tmp_path):
    assert is_refused(spec(git_package(tmp_path, "v9")), 2, "no tag and no branch 'v9'", "git ls-remote")


@pytest.mark.slow
def test_a_repository_that_is_not_there(spec, tmp_path):
    assert is_refused(spec(f"git+file://{tmp_path}/nowhere@v1"), 5, "nowhere", "no git repository")


@pytest.mark.slow
def test_a_package_that_does_not_build_says_its_own_last_words(spec, tmp_path):
    package = git_package(tmp_path, hook='raise SystemExit("the tide is out")')

    assert is_refused(spec(package), 1, "Installing git+file", "the tide is out")


@pytest.mark.fast_cases("another")
@pytest.mark.parametrize(
    ("model", "said"),
    mostly_slow(
        {
            "nothing": ("", "registers nothing, no model 'flood'"),
            "broken": ("import nowhere_at_all", "No module named 'nowhere_at_all'"),
            "another": (MODEL.replace('"flood"', '"tide"'), "registers only tide, no model 'flood'"),
            "exits": ("raise SystemExit(3)", "can't be imported: SystemExit"),
            "dies": ("import os; os._exit(3)", "ended with exit code 3"),
            "syntax": ("syntax error", "SyntaxError"),
        },
        "another",
        "dies",
    ),
)
def test_a_package_without_the_model(spec, tmp_path, model, said):
    found = spec(git_package(tmp_path, model=model))

    assert is_refused(found, found.code, said)
    assert found.code in {1, 2}


@pytest.mark.slow
def test_a_module_that_the_package_has_not(spec, tmp_path):
    said = spec(git_package(tmp_path), module="coastal_flood.executors")

    assert is_refused(said, 2, "coastal_flood.executors can't be imported", "executor_module")


@pytest.mark.slow
def test_a_package_that_conflicts_with_what_dissmodel_needs(spec, tmp_path):
    said = spec(git_package(tmp_path, requires=["numpy<1"]))

    assert is_refused(said, 1, "numpy", "dissmodel", "conflict")


@pytest.mark.slow
@pytest.mark.parametrize("needs", mostly_slow(["dissmodel>=99", "dissmodel==0.1.0"], "dissmodel>=99"))
def test_a_package_that_needs_another_dissmodel(spec, tmp_path, needs):
    said = spec(git_package(tmp_path, requires=[needs]))

    assert is_refused(said, 3, "coastal-flood 0.1.0 needs dissmodel", needs.removeprefix("dissmodel"))


PUBLISHED = ["dissmodel>=0.6.0,<0.7.0", "dissmodel==0.6.6", "dissmodel"]


@pytest.mark.slow
@pytest.mark.parametrize("needs", mostly_slow(PUBLISHED, "dissmodel==0.6.6"))
def test_one_that_asks_for_the_published_dissmodel_gets_the_one_that_runs(spec, tmp_path, index, needs):
    make_wheel(index, "dissmodel", "0.6.6", files={"dissmodel/__init__.py": "raise SystemExit('not ours')"})

    assert 0 == spec(git_package(tmp_path, requires=[needs])).code


@pytest.mark.slow
def test_a_package_that_calls_itself_dissmodel(spec, tmp_path):
    assert is_refused(spec(git_package(tmp_path, name="dissmodel")), 2, "the running dissmodel")
    assert is_refused(spec("dissmodel==0.6.6"), 2, "the running dissmodel")


def test_a_package_does_not_say_where_packages_come_from(spec, tmp_path, index):
    nowhere = "http://127.0.0.1:9/simple"
    folder = tmp_path / "coastal-flood"
    folder.mkdir()
    (folder / "pip.conf").write_text(f"[global]\nindex-url = {nowhere}\n")
    (folder / "uv.toml").write_text(f'[[index]]\nurl = "{nowhere}"\ndefault = true\n')
    make_wheel(index, "tides", "1.0")
    redirect = (
        f'[[tool.uv.index]]\nname = "x"\nurl = "{nowhere}"\ndefault = true\n'
        f'[tool.uv.sources]\ntides = {{ url = "{nowhere}/tides-1.0-py3-none-any.whl" }}\n'
    )
    for name in ("pip.conf", "uv.toml"):
        Path(name).write_text((folder / name).read_text())
    Path("pyproject.toml").write_text(redirect)
    said = spec(git_package(tmp_path, requires=["tides"], toml=redirect))

    assert (0, "") == (said.code, said.err.replace("the model says hello\nand complains\n", ""))
    record = json.loads(Path("r.record.json").read_text())
    assert "1.0" == record["runtime"]["packages"]["tides"]["version"]


@pytest.mark.parametrize(
    "package",
    [
        "--index-url=http://127.0.0.1:9",
        "-r /etc/passwd",
        "coastal-flood==0.1.0 --index-url http://127.0.0.1:9",
        "https://127.0.0.1:9/x.whl",
        "git+ext::sh -c touch% ran",
        "git+https://ana:secret-pw@127.0.0.1/x@v1",
        "git+file:///a/../b@v1",
        "git+file:///a@--upload-pack=x",
        "coast; python_version < '3'",
    ],
)
def test_a_package_that_is_more_than_a_package(spec, package):
    said = spec(package)

    assert is_refused(said, 2)
    assert "secret-pw" not in said.err


@pytest.mark.slow
def test_an_index_package_has_to_be_a_wheel(spec, index, tmp_path):
    import tarfile

    make_project(tmp_path / "coastal-flood-0.1.0")
    (tmp_path / "coastal-flood-0.1.0" / "coastal_flood" / "__init__.py").write_text(MODEL)
    (tmp_path / "coastal-flood-0.1.0" / "PKG-INFO").write_text(
        "Metadata-Version: 2.1\nName: coastal-flood\nVersion: 0.1.0\n"
    )
    with tarfile.open(index / "coastal_flood-0.1.0.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "coastal-flood-0.1.0", "coastal-flood-0.1.0")

    assert is_refused(spec("coastal-flood==0.1.0"), 1, "--allow-build")
    assert 0 == spec("coastal-flood==0.1.0", "--allow-build").code


@pytest.mark.slow
def test_a_wheel_of_the_index(spec, index):
    make_wheel(index, "coastal-flood", "0.1.0", files={"coastal_flood/__init__.py": MODEL})
    make_wheel(index, "coastal-flood", "0.2.0", files={"coastal_flood/__init__.py": MODEL})
    refused = spec("coastal-flood<0.2", yes=False)

    assert is_refused(refused, 2, "coastal-flood 0.1.0 would be installed from", str(index), "spec.toml")
    assert 0 == spec("coastal-flood<0.2").code
    code = json.loads(Path("r.record.json").read_text())["code"]
    assert ("coastal-flood", "0.1.0", None) == (code["package"], code["version"], code["commit"])


@pytest.mark.slow
def test_a_folder_is_used_where_it_lies_and_its_changes_are_noted(spec, dissmodel, tmp_path):
    folder = tmp_path / "coastal-flood"
    head = publish(folder)
    assert 0 == spec("../coastal-flood").code
    clean = json.loads(Path("r.record.json").read_text())["code"]
    module = folder / "coastal_flood" / "__init__.py"
    module.write_text(MODEL.replace('metrics["noted"] = 1', 'metrics["noted"] = 22'))
    assert 0 == spec("../coastal-flood", "--overwrite", yes=False).code
    record = json.loads(Path("r.record.json").read_text())

    assert (head, False, True) == (clean["commit"], clean["dirty"], clean["editable"])
    assert (head, True) == (record["code"]["commit"], record["code"]["dirty"])
    assert f"{head}-dirty" == record["model_commit"]
    assert 22 == record["metrics"]["noted"]  # of another length: within a second Python sees no other change
    Path("elsewhere").mkdir()
    Path("r.record.json").rename("elsewhere/r.record.json")
    Path("r.bin").rename("elsewhere/r.bin")
    again = dissmodel("reproduce", "elsewhere/r.record.json", "--check")
    assert 0 == again.code, again.err


def test_a_folder_means_nothing_in_a_registry_that_was_fetched(dissmodel, offered):
    offered.write("flood", offered.of("../coastal-flood"))
    offered.commit()
    dissmodel("registry", "sync")
    said = dissmodel("run", "flood", "-i", "data.bin", "-o", "r.bin", "--yes")

    assert (2, True) == (said.code, "which other machines don't have" in said.err)


@pytest.mark.slow
def test_a_name_that_two_registries_offer_is_said_in_full(dissmodel, offered):
    assert 0 == dissmodel("registry", "add", "coast", offered.url).code
    assert 0 == dissmodel("registry", "sync", "coast").code
    said = dissmodel("run", "flood", "-i", "data.bin", "-o", "r.bin", "--yes")
    full = dissmodel("run", "coast/flood", "-i", "data.bin", "-o", "r.bin", "--yes")

    assert (2, True) == (said.code, "coast/flood, default/flood" in said.err)
    assert 0 == full.code


@pytest.mark.slow
def test_all_works_offline_on_the_last_sync(dissmodel, offered):
    assert 0 == dissmodel("show", "flood", "--yes").code
    offered.folder.rename(offered.folder.with_name("gone"))
    offered.package.rename(offered.package.with_name("gone-too"))
    offline = dissmodel("run", "flood", "-i", "data.bin", "-o", "r.bin", "--offline")
    unreachable = dissmodel("run", "flood", "-i", "data.bin", "-o", "s.bin")

    assert [0, 0] == [offline.code, unreachable.code]
    assert "as before" in unreachable.err


@pytest.mark.slow
def test_a_package_of_a_repository_over_http(dissmodel, offered, served, home):
    server = served(user="ana:pw-of-ana")
    url = f"http://{server.host}/{offered.package.name}/.git"
    offered.write("flood", offered.of(f"git+{url}@v0.1.0"))
    offered.commit()
    dissmodel("registry", "sync")
    refused = dissmodel("run", "flood", "-i", "data.bin", "-o", "r.bin", "--yes")
    (home / "credentials").write_text(f"http://ana:pw-of-ana@{server.host}\n")
    with (home / "gitconfig").open("a") as stream:
        stream.write(f"[credential]\n\thelper = store --file={home}/credentials\n")
    said = dissmodel("run", "flood", "-i", "data.bin", "-o", "r.bin", "--yes")

    assert (5, True) == (refused.code, url in refused.err)
    assert 0 == said.code, said.err
    assert "pw-of-ana" not in Path("r.record.json").read_text()


def test_a_spec_without_a_package_runs_in_this_process(dissmodel, published, home, executor_file):
    published.write(
        "coast", '[model]\nname = "coast"\nclass = "coastal_raster"\n[model.parameters]\nend_time = 7\n'
    )
    published.commit()
    dissmodel("registry", "sync", "--repo", published.url)
    said = dissmodel("show", "coast", "--json")

    assert 0 == said.code
    assert 7 == next(row["value"] for row in said.json["parameters"] if row["name"] == "end_time")
    assert not (home / "data" / "environments").exists()


@pytest.mark.slow
def test_what_a_package_depends_on_is_not_built_unasked(spec, tmp_path):
    ran = tmp_path / "ran"
    make_project(tmp_path / "tides", "tides", hook=f"open({str(ran)!r}, 'w')")
    commit(tmp_path / "tides", "v1")
    needs = f"tides @ git+{(tmp_path / 'tides').as_uri()}@v1"
    said = spec(git_package(tmp_path, requires=[needs]))

    assert is_refused(said, 1, "tides", "--allow-build")
    assert not ran.exists()
