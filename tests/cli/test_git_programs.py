"""No program that a folder's `.git` names runs, whatever is done with the folder."""

import itertools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine

from support.cases import mostly_slow

pytestmark = [
    pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed"),
    pytest.mark.skipif(sys.platform == "win32", reason="the programs are shell scripts"),
]

MODEL = '''
from pathlib import Path
from dissmodel.executor import ModelExecutor

class Mine(ModelExecutor):
    """A copy."""
    name = "mine"
    output_suffix = ".bin"
    def load(self, record): return Path(record.source.uri).read_bytes()
    def run(self, data, record): return data
    def save(self, result, record):
        Path(record.output_path).write_bytes(result)
        record.output_sha256 = self._sha256(record.output_path)
        return record
'''
PROJECT = '[build-system]\nrequires = ["setuptools"]\n[project]\nname = "lazy"\nversion = "1"\n'


def git(folder, *words, check=True):
    who = ("-c", "user.name=Ana", "-c", "user.email=ana@example.org", "-c", "protocol.file.allow=always")
    words = ["git", "-C", str(folder), *who, *words]
    return subprocess.run(words, check=check, capture_output=True, text=True, stdin=subprocess.DEVNULL)


class Armed:
    """A repository whose settings name a program; `ran` tells whether it was started since the last time."""

    def __init__(self, folder, outside):
        self.folder = folder
        self.marker = outside / "ran"
        self.program = outside / "program.sh"
        self.program.write_text(f"#!/bin/sh\necho \"$0 $*\" >> '{self.marker}'\nexit 1\n")
        self.program.chmod(0o755)
        (folder / "models").mkdir(parents=True)
        (folder / "lazy").mkdir()
        (folder / "data").mkdir()
        (folder / "mine.py").write_text(MODEL)
        (folder / "lazy" / "__init__.py").write_text(MODEL)
        (folder / "data" / "x").write_text("x\n")
        (folder / "pyproject.toml").write_text(PROJECT)
        (folder / "models" / "coast.toml").write_text('[model]\nname = "coast"\nclass = "coastal_raster"\n')
        (folder / "mine.toml").write_text('[model]\nname = "mine"\nclass = "mine"\npackage = "."\n')
        git(folder, "init", "-q")
        git(folder, "add", "--all")
        git(folder, "commit", "-q", "-m", "a commit")

    def config(self, name, value):
        git(self.folder, "config", name, value)

    def edit(self):
        for path in ("mine.py", "models/coast.toml", "lazy/__init__.py"):
            (self.folder / path).write_text((self.folder / path).read_text() + "# changed\n")

    def ran(self):
        text = self.marker.read_text() if self.marker.exists() else ""
        self.marker.unlink(missing_ok=True)
        return text


def filtered(armed, kind):
    (armed.folder / ".gitattributes").write_text("*.py filter=evil\n*.toml filter=evil\n")
    armed.config(f"filter.evil.{kind}", str(armed.program))
    armed.edit()


def monitored(armed):
    armed.config("core.fsmonitor", str(armed.program))


def promised(armed):
    """A file of the commit is missing, and a remote promises to have it."""
    armed.config("core.repositoryFormatVersion", "1")
    armed.config("extensions.partialClone", "evil")
    armed.config("remote.evil.url", ".")
    armed.config("remote.evil.promisor", "true")
    armed.config("remote.evil.uploadpack", str(armed.program))
    armed.edit()
    for name in ("mine.py", "models/coast.toml", "models", "lazy"):
        blob = git(armed.folder, "rev-parse", f"HEAD:{name}").stdout.strip()
        (armed.folder / ".git" / "objects" / blob[:2] / blob[2:]).unlink()


def sparse(armed):
    """A sparse index, whose trees are missing."""
    git(armed.folder, "sparse-checkout", "init", "--cone", "--sparse-index")
    git(armed.folder, "sparse-checkout", "set", "models", "lazy")
    tree = git(armed.folder, "rev-parse", "HEAD:data").stdout.strip()
    (armed.folder / ".git" / "objects" / tree[:2] / tree[2:]).unlink()
    armed.config("core.repositoryFormatVersion", "1")
    armed.config("extensions.partialClone", "evil")
    armed.config("remote.evil.url", ".")
    armed.config("remote.evil.promisor", "true")
    armed.config("remote.evil.uploadpack", str(armed.program))


def ssh(armed):
    promised(armed)
    armed.config("remote.evil.url", "ssh://example.org/x")
    armed.config("core.sshCommand", str(armed.program))


def external(armed):
    promised(armed)
    armed.config("remote.evil.url", f"ext::{armed.program}")
    armed.config("protocol.ext.allow", "always")


def hooked(armed):
    hooks = armed.folder / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("post-index-change", "post-checkout", "reference-transaction", "pre-auto-gc"):
        shutil.copy(armed.program, hooks / name)
    armed.edit()
    os.utime(armed.folder / "pyproject.toml", (1, 1))


def elsewhere_hooked(armed):
    hooks = armed.program.parent / "hooks"
    hooks.mkdir()
    shutil.copy(armed.program, hooks / "post-index-change")
    armed.config("core.hooksPath", str(hooks))
    armed.edit()
    os.utime(armed.folder / "pyproject.toml", (1, 1))


def drawn(armed):
    (armed.folder / ".gitattributes").write_text("* diff=evil\n")
    for name in ("diff.external", "diff.evil.command", "diff.evil.textconv", "core.pager", "pager.diff"):
        armed.config(name, str(armed.program))
    armed.edit()


def included(armed):
    text = f'[filter "evil"]\n\tclean = {armed.program}\n[core]\n\tfsmonitor = {armed.program}\n'
    (armed.folder / ".git" / "more").write_text(text)
    armed.config("include.path", "more")
    armed.config(f"includeIf.gitdir:{armed.folder}/.path", "more")
    (armed.folder / ".gitattributes").write_text("* filter=evil\n")
    armed.edit()


def in_macro(armed):
    (armed.folder / ".git" / "info").mkdir(exist_ok=True)
    (armed.folder / ".git" / "info" / "attributes").write_text("[attr]odd filter=evil\n* odd\n")
    armed.config("filter.evil.clean", str(armed.program))
    armed.edit()


def in_submodule(armed):
    inner = armed.program.parent / "inner"
    git(armed.program.parent, "init", "-q", "inner")
    (inner / "a.txt").write_text("a\n")
    git(inner, "add", "--all")
    git(inner, "commit", "-q", "-m", "a commit")
    git(armed.folder, "submodule", "add", "-q", str(inner), "sub")
    git(armed.folder, "commit", "-q", "-m", "with a submodule")
    git(armed.folder / "sub", "config", "core.fsmonitor", str(armed.program))
    git(armed.folder / "sub", "config", "filter.evil.clean", str(armed.program))
    (armed.folder / "sub" / ".gitattributes").write_text("* filter=evil\n")
    (armed.folder / "sub" / "a.txt").write_text("b\n")


PROGRAMS = {
    "clean": lambda armed: filtered(armed, "clean"),
    "smudge": lambda armed: filtered(armed, "smudge"),
    "process": lambda armed: filtered(armed, "process"),
    "fsmonitor": monitored,
    "promisor": promised,
    "sparse index": sparse,
    "ssh": ssh,
    "ext": external,
    "hooks": hooked,
    "hooksPath": elsewhere_hooked,
    "diff": drawn,
    "include": included,
    "macro": in_macro,
    "submodule": in_submodule,
}
# What starts them where git is called as a user calls it; a smudge filter runs when a file is checked out.
STARTS = {"smudge": ("checkout", "--", "."), "diff": ("diff",), "sparse index": ("ls-files",)}
FETCHES = {"promisor": ("diff", "HEAD"), "ssh": ("diff", "HEAD"), "ext": ("diff", "HEAD")}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    for name in [one for one in os.environ if one.startswith("GIT_")]:
        monkeypatch.delenv(name)
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    # Nothing is to be found in an index: no package gets as far as that.
    monkeypatch.setenv("PIP_NO_INDEX", "1")


@pytest.fixture
def armed(tmp_path, request):
    outside = tmp_path / "outside"
    outside.mkdir()
    armed = Armed(tmp_path / "theirs", outside)
    PROGRAMS[request.param](armed)
    armed.ran()
    return armed


@pytest.mark.parametrize("armed", PROGRAMS, indirect=True)
def test_git_itself_starts_it(armed, request):
    kind = request.node.callspec.params["armed"]
    for path in armed.folder.iterdir():
        if path.is_file():
            os.utime(path, (1, 1))  # else git need not look into a file as old as its index
    git(armed.folder, *(STARTS | FETCHES).get(kind, ("status",)), check=False)

    assert armed.ran()


def grid(path):
    profile = {
        "driver": "GTiff",
        "height": 4,
        "width": 4,
        "count": 3,
        "dtype": "float64",
        "crs": "EPSG:31983",
    }
    with rasterio.open(path, "w", **profile, transform=Affine(30, 0, 0, 0, -30, 120)) as dataset:
        for number, name in enumerate(("uso", "alt", "solo"), 1):
            dataset.write(np.full((4, 4), 3.0), number)
            dataset.set_band_description(number, name)


def record_that_names(package, run, **code):
    """Leave a record whose spec has this package."""
    import json

    from dissmodel.record.digest import record_digest

    assert 0 == run("run", "coastal_raster", "-i", "grid.tif", "-o", "r.tif", "-p", "end_time=1").code
    document = json.loads(Path("r.record.json").read_text())
    spec = {"name": "coastal_raster", "package": str(package), "executor_module": "lazy"}
    document["resolved_spec"] = {"model": spec}
    document["code"] |= {"package": "lazy", "module": "lazy", **code}
    document["record_digest"] = record_digest(document)
    Path("r.record.json").write_text(json.dumps(document))


@pytest.mark.fast_cases("hooks")
@pytest.mark.parametrize("armed", mostly_slow([*PROGRAMS], "clean", "promisor", "hooks"), indirect=True)
def test_nothing_starts_it(armed, dissmodel):
    theirs = armed.folder
    grid("grid.tif")
    Path("data.bin").write_bytes(b"some bytes")
    coast = ("-i", "grid.tif", "-p", "end_time=1")
    commands = {
        "run of a file": (0, "run", theirs / "mine.py", "-i", "data.bin", "-o", "a.bin"),
        "validate of a file": (0, "validate", theirs / "mine.py", "-i", "data.bin"),
        "run with a TOML": (0, "run", "--toml", theirs / "models" / "coast.toml", *coast, "-o", "b.tif"),
        "registry check": (0, "registry", "check", theirs),
        "registry add": (0, "registry", "add", "r", theirs),
        "registry sync": (0, "registry", "sync", "r"),
        "registry list": (0, "registry", "list"),
        "registry show": (0, "registry", "show", "coast"),
        "show": (0, "show", "coast"),
        "validate": (0, "validate", "coast", "-i", "grid.tif"),
        "run": (0, "run", "coast", *coast, "-o", "c.tif"),
        "sync of a URL": (None, "registry", "sync", "u", "--repo", theirs.as_uri()),
        "a package, run": (2, "run", "--toml", theirs / "mine.toml", "-i", "data.bin", "-o", "d.bin"),
        "a package, validate": (2, "validate", "--toml", theirs / "mine.toml"),
        "a package, show": (2, "show", "--toml", theirs / "mine.toml"),
        "a package's URL": (None, "run", "--toml", "url.toml", "-i", "data.bin"),
    }
    Path("url.toml").write_text(f'[model]\nname = "mine"\npackage = "git+{theirs.as_uri()}"\n')
    started = {}
    for place, (code, *words) in commands.items():
        said = dissmodel(*words)
        started[place] = armed.ran()
        assert code in {said.code, None}, (place, said)
    record_that_names(theirs, dissmodel)
    armed.ran()
    said = dissmodel("reproduce", "r.record.json", "--check")
    started["reproduce"] = armed.ran()

    assert 2 == said.code
    assert "would be installed from the folder" in said.err
    assert {} == {place: ran for place, ran in started.items() if ran}


@pytest.mark.slow
@pytest.mark.parametrize(
    "armed", mostly_slow(["clean", "fsmonitor", "promisor", "hooks", "include"], "fsmonitor"), indirect=True
)
def test_doctor_starts_nothing_either(armed, dissmodel):
    dissmodel("registry", "add", "r", armed.folder)
    os.chdir(armed.folder)
    dissmodel("doctor", "--offline")

    assert "" == armed.ran()


@pytest.fixture
def calls(tmp_path, monkeypatch):
    """Return a function that gives where git was called and with what, since the last time."""
    called, real = tmp_path / "called", shutil.which("git")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git").write_text(
        f"#!/bin/sh\necho \"$PWD $*\" >> '{called}'\nexec '{real}' \"$@\"\n"
    )
    (tmp_path / "bin" / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)

    def since():
        text = called.read_text() if called.exists() else ""
        called.unlink(missing_ok=True)
        return text

    return since


NAMED = {
    "a path": ("{path}", "the folder {url}"),
    "a URL": ("git+{url}", "from {url} at revision {commit}"),
    "a URL with a name": ("lazy @ git+{url}", "lazy would be built from {url} at revision {commit}"),
    "a tag": ("git+{url}@v1", "from {url} at revision {commit}"),
    "a branch": ("git+{url}@main", "from {url} at revision {commit}"),
    "a commit": ("git+{url}@{commit}", "from {url} at revision {commit}"),
}


@pytest.mark.fast_cases("promisor-a URL", "hooks-a commit")
@pytest.mark.parametrize(
    ("armed", "named"),
    mostly_slow(
        [*itertools.product(["promisor", "hooks"], NAMED)],
        *(("promisor", named) for named in ("a path", "a URL", "a branch")),
        ("hooks", "a commit"),
    ),
    indirect=["armed"],
)
def test_git_is_not_called_in_a_folder_that_nobody_agreed_to(armed, dissmodel, tmp_path, calls, named):
    theirs = armed.folder
    quiet = ("-c", "core.hooksPath=/dev/null")
    git(theirs, *quiet, "branch", "-M", "main")
    git(theirs, *quiet, "tag", "-a", "v1", "-m", "a tag")
    facts = {
        "path": theirs,
        "url": theirs.as_uri(),
        "commit": git(theirs, "rev-parse", "HEAD").stdout.strip(),
    }
    package, expected = (text.format(**facts) for text in NAMED[named])
    registry = tmp_path / "registry"
    (registry / "models").mkdir(parents=True)
    spec = f'[model]\nname = "mine"\npackage = "{package}"\n'
    for place in (Path("mine.toml"), registry / "models" / "mine.toml"):
        place.write_text(spec)
    Path("data.bin").write_bytes(b"some bytes")
    dissmodel("registry", "add", "r", registry)
    grid("grid.tif")
    record_that_names(package, dissmodel, version=None, commit=facts["commit"])
    armed.ran()
    calls()

    started, said = {}, {}
    for words in (
        ("run", "--toml", "mine.toml", "-i", "data.bin", "-o", "d.bin"),
        ("run", "r/mine", "-i", "data.bin", "-o", "d.bin"),
        ("validate", "--toml", "mine.toml"),
        ("show", "--toml", "mine.toml"),
        ("show", "r/mine"),
        ("registry", "check", registry),
        ("registry", "check", "--install", registry),
        ("reproduce", "r.record.json", "--check"),
        ("reproduce", "r.record.json", "--check", "--env", "recorded"),
    ):
        said[words] = dissmodel(*words)
        started[words] = armed.ran() + "".join(one for one in calls().splitlines() if str(theirs) in one)

    assert {} == {words: text for words, text in started.items() if text}
    said = {" ".join(map(str, words)): one for words, one in said.items()}
    asked = {words: one for words, one in said.items() if "check /" not in words and "--env" not in words}
    assert {} == {words: one.err for words, one in asked.items() if expected not in one.err}
    assert {2} == {one.code for one in asked.values()}


@pytest.mark.parametrize("armed", ["clean"], indirect=True)
def test_the_record_says_what_is_unknown(armed, dissmodel):
    import json

    git(armed.folder, "checkout", "-q", "--", ".")
    armed.ran()
    Path("data.bin").write_bytes(b"some bytes")
    said = dissmodel("run", armed.folder / "mine.py", "-i", "data.bin", "-o", "a.bin")
    record = json.loads(Path("a.record.json").read_text())

    assert (0, "") == (said.code, armed.ran())
    assert record["code"]["dirty"] is None
    assert record["model_commit"] == f"{record['code']['commit']}-unknown"
    assert "mine.py (filter=evil)" in said.err
    assert any("mine.py (filter=evil)" in line for line in record["logs"])
    assert "changes unknown" in dissmodel("record", "show", "a.record.json").out


@pytest.mark.slow
@pytest.mark.parametrize("armed", ["smudge"], indirect=True)
def test_run_and_doctor_say_that_the_ownership_is_dubious(armed, dissmodel, monkeypatch):
    Path("data.bin").write_bytes(b"some bytes")
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    command = f"git config --global --add safe.directory {armed.folder}"
    dissmodel("registry", "add", "r", armed.folder)

    said = [
        dissmodel("run", armed.folder / "mine.py", "-i", "data.bin", "-o", "a.bin"),
        dissmodel("doctor", "--offline"),
    ]
    os.chdir(armed.folder)
    dissmodel("registry", "remove", "r")
    said.append(dissmodel("doctor", "--offline"))

    assert [0, True, True] == [said[0].code, *(command in one.out for one in said[1:])]
    assert command in said[0].err
    assert all("dubious" in one.out + one.err for one in said)
