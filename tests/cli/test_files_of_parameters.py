"""Files that the parameters of any model name: where they may be, and who may name them."""

import json
from pathlib import Path

import pytest
from pydantic import BaseModel, FilePath

from dissmodel.executor.parameters import ParameterLayer, check, names_files, settled
from dissmodel.registry.spec import load_spec
from dissmodel.running.model import ModelRequest, open_model, parameter_layers

MODEL = """\
import json
from pathlib import Path

from pydantic import BaseModel, FilePath

from dissmodel.executor import ModelExecutor


class Update(BaseModel):
    step: int
    source: FilePath


class Parameters(BaseModel):
    updates: list[Update] = []


class Updated(ModelExecutor):
    name = "updated"
    output_suffix = ".txt"
    Parameters = Parameters

    def load(self, record):
        return [Path(one["source"]).read_text() for one in record.parameters["updates"]]

    def run(self, data, record):
        return "".join(data)

    def save(self, result, record):
        Path(record.output_path).write_text(result)
        record.status = "completed"
        return record
"""


@pytest.fixture
def spec(dissmodel):
    """Write the model, two files and a TOML that names them, in a folder of their own."""
    Path("updated.py").write_text(MODEL)
    Path("in.bin").write_bytes(b"input")
    Path("spec").mkdir()
    Path("spec/a.txt").write_text("a")
    Path("b.txt").write_text("b")
    Path("spec/model.toml").write_text(
        '[model]\nname = "updated"\n[[model.updates]]\nstep = 1\nsource = "a.txt"\n'
        '[[model.updates]]\nstep = 2\nsource = "../b.txt"\n'
    )
    return dissmodel


RUN = ["run", "updated.py", "-i", "in.bin", "-o", "out.txt", "--toml", "spec/model.toml"]


def test_files_within_a_value(spec):
    said = spec(*RUN)

    assert 0 == said.code, said.err
    assert "ab" == Path("out.txt").read_text()
    record = json.loads(Path("out.record.json").read_text())
    assert ["a.txt", "../b.txt"] == [one["source"] for one in record["parameters"]["updates"]]
    assert {
        "updates.0.source": str(Path("spec/a.txt").absolute()),
        "updates.1.source": str(Path("b.txt").absolute()),
    } == {one["name"]: one["uri"] for one in record["sources"]}

    Path("moved").mkdir()
    Path("b.txt").rename("moved/b.txt")
    again = spec(
        *("reproduce", "out.record.json", "--model", "updated.py", "--check"),
        *("--input", "updates.1.source=moved/b.txt"),
    )
    assert 0 == again.code, again.err


def test_only_a_toml_that_the_user_names_may_leave_its_folder(spec):
    path = Path("spec/model.toml")
    with open_model(ModelRequest(model="updated.py", toml=path)) as model:
        own = parameter_layers(model.spec, {})[0]
    synced = parameter_layers(load_spec(path), {})[0]

    folder = str(Path("spec").absolute())
    assert [(folder, False), (folder, True)] == [(one.folder, one.is_foreign) for one in (own, synced)]


class Named(BaseModel):
    at: FilePath | None = None
    several: dict[str, FilePath] = {}


class Node(BaseModel):
    """A table that may hold tables of its kind."""

    inner: list["Node"] = []
    other: "Node | None" = None


def test_a_table_of_tables_of_its_own_kind():
    assert not names_files(Node)
    assert check(Node, [layer(values={"inner": [{"inner": []}]})]).resolved is not None


def layer(**given):
    return ParameterLayer(**{"origin": "spec", "values": {}, "place": "x.toml"} | given)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"at": "../out.txt"}, "at = '../out.txt': this names a file outside the folder of its TOML"),
        ({"at": "/etc/passwd"}, "outside the folder"),
        ({"several": {"a": "link.txt"}}, "several.a = 'link.txt': this names a file outside"),
        ({"at": "a\0b"}, "outside the folder"),
        ({"at": "https://example.org/a.txt"}, "this is a URL"),
    ],
)
def test_a_foreign_toml_stays_in_its_folder(tmp_path, given, says):
    (tmp_path / "out.txt").write_text("out")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "link.txt").symlink_to(tmp_path / "out.txt")

    checked = check(Named, [layer(values=given, folder=str(tmp_path / "in"), is_foreign=True)])

    assert [True] == [says in one.message for one in checked.problems]


@pytest.mark.parametrize("origin", ["request", "record"])
def test_who_is_on_another_machine_names_no_file(tmp_path, origin):
    (tmp_path / "a.txt").write_text("a")

    checked = check(Named, [layer(origin=origin, values={"at": str(tmp_path / "a.txt")})])

    assert [True] == [f"a {origin} can't name a file" in one.message for one in checked.problems]


def test_the_files_that_may_be_read_are_given(tmp_path):
    (tmp_path / "a.txt").write_text("a")
    path = str(tmp_path / "a.txt")

    resolved = settled(check(Named, [layer(values={"several": {"x": "old.txt"}}, files={"several.x": path})]))

    assert {"x": "old.txt"} == resolved.values["several"]
    assert {"x": path} == resolved.located["several"]
    assert [("several.x", path)] == [(one.parameter, one.path) for one in resolved.files]
