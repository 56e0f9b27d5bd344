"""A hint is a command to type: what the user said, or a record says, stands in it and no MODEL or FILE."""

import json
import re
from pathlib import Path

import pytest

from dissmodel.record import store

WORDS = {
    "MODEL",
    "FILE",
    "NAME",
    "RECORD",
    "INPUT",
    "OUTPUT",
    "FOLDER",
    "BUCKET",
    "PREFIX",
    "KEY",
    "VALUE",
    "ID",
}
RUN = ("run", "coastal_raster", "-i", "grid.tif", "-o", "r.tif")


def placeholders(text):
    """Return the words in capitals that stand for something, as in ``--input FILE`` or ``s3://BUCKET/KEY``."""
    return set(re.findall(r"(?<![A-Za-z_.])[A-Z][A-Z_]+(?![A-Za-z_a-z])", text)) & WORDS


@pytest.fixture
def ready(dissmodel, grid, executor_file, spec, prepared):
    """An input, a result with its record, and models that are wrong in several ways."""

    def fill():
        grid()
        assert 0 == dissmodel(*RUN, "-p", "end_time=2", "-q").code

    prepared(fill)
    executor_file(
        head="from pydantic import BaseModel\nclass Own(BaseModel):\n    depth: float = 1.0\n",
        cls="Parameters = Own",
    ).rename("my model.py")
    spec("[model]\nclass = 'coastal_raster'\n[model.parameters]\nend_time = 'x'\n")
    Path("nameless.toml").write_text("[model]\nend_time = 3\n")
    Path("there").mkdir()
    (Path("there") / "x").write_text("")
    Path("taken.record.json").write_text("[]")
    Path("empty").mkdir()
    record = store.read_document(Path("r.record.json"))
    unknown = {**record, "source": {**record["source"], "checksum": ""}}
    Path("unknown.record.json").write_bytes(store.dumps(unknown))
    secret = {**record, "parameters": {**record["parameters"], "crs": "***"}}
    Path("secret.record.json").write_bytes(store.dumps(secret))
    failed = {**record, "status": "failed"}
    Path("failed.record.json").write_bytes(store.dumps(failed))
    return dissmodel


PATHS = [
    # (words, what stands in the hint, the words in capitals that may: what nobody can know)
    ((*RUN[:5], "new.tif", "-p", "end_time=x"), "dissmodel show coastal_raster", set()),
    (("show", "coastal_raster", "-p", "end_time=x"), "dissmodel show coastal_raster", set()),
    (("show", "builtin/coastal_raster", "-p", "end_time=x"), "dissmodel show builtin/coastal_raster", set()),
    (("show", "my model.py", "-p", "depth=x"), "dissmodel show 'my model.py'", set()),
    (("show", "-t", "m.toml"), "dissmodel show --toml m.toml", set()),
    (("run", "coastal_raster"), "dissmodel run coastal_raster --input FILE", {"FILE"}),
    (("run", "my model.py"), "dissmodel run 'my model.py' --input FILE", {"FILE"}),
    (("run", "-t", "m.toml"), "dissmodel run --toml m.toml --input FILE", {"FILE"}),
    (("run", "-i", "my grid.tif"), "dissmodel run MODEL --input 'my grid.tif'", {"MODEL"}),
    (("run", "-t", "nameless.toml", "-i", "grid.tif"), "List them: dissmodel show", set()),
    (("run", "coastal_raster", "-i", "grid.tif", "-o", "grid.tif"), "grid-2.tif", set()),
    (("run", "coastal_raster", "-i", "grid.tif", "-o", "taken.tif"), "taken-2.tif", set()),
    (("run", "coastal_raster", "-i", "grid.tif", "-o", "r.tiff"), "r-2.tiff", set()),
    (("run", "coastal_raster", "-i", "grid.tif", "-o", "https://example.org/a.tif"), "/a.tif", {"BUCKET"}),
    (("reproduce", "unknown.record.json"), "dissmodel run coastal_raster --input ", set()),
    (("reproduce", "secret.record.json"), "dissmodel run coastal_raster --input ", {"VALUE"}),
    (
        ("record", "show", "failed.record.json", "--preview"),
        "dissmodel record show failed.record.json",
        set(),
    ),
    (("push", "failed.record.json", "--to", "place"), "dissmodel record show failed.record.json", set()),
    (("pull", "empty"), "/empty/experiments/ID/record.json", {"ID"}),
    (("compare", "grid.tif", "r.tif", "--rtol", "0,1"), "--rtol 0.1", set()),
    (("run", "coastal_raster", "-i", "grid.tif", "-p", "end_time"), "--param end_time=VALUE", {"VALUE"}),
    (
        ("run", "coastal_raster", "-i", "grid.tif", "-p", "end_time=0,5%"),
        "dissmodel show coastal_raster",
        set(),
    ),
    (("record", "show", "there"), "", {"NAME"}),
]


@pytest.mark.skipif("os.name == 'nt'", reason="a shell of Windows quotes otherwise")
@pytest.mark.parametrize(("words", "hint", "unknown"), PATHS, ids=[" ".join(path[0]) for path in PATHS])
def test_what_is_known_stands_in_the_hint(ready, words, hint, unknown):
    said = ready(*words, "--json")

    error = json.loads(said.out)["error"]
    assert said.code in {2, 3, 5}
    assert hint in error["hint"]
    assert placeholders(error["hint"]) <= unknown


def test_a_hint_of_a_record_that_lacks_something_is_a_command_that_runs(ready):
    import shlex

    error = json.loads(ready("reproduce", "unknown.record.json", "--json").out)["error"]

    words = shlex.split(error["hint"].partition("again: ")[2])
    assert 0 == ready(*words[1:], "-o", "again.tif", "-p", "end_time=2").code


def test_another_name_is_one_that_nothing_has(ready):
    import shlex

    for _ in range(3):
        error = ready("run", "coastal_raster", "-i", "grid.tif", "-o", "grid.tif", "--json").json["error"]
        words = shlex.split(error["hint"].partition(": ")[2])
        said = ready("run", "coastal_raster", "-i", "grid.tif", "-p", "end_time=2", *words)
        assert 0 == said.code, said.err
