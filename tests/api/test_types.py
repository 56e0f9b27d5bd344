"""What mypy sees in a user's file: every name, no misspelt one, and nothing that is Any."""

import inspect
import re
import subprocess
import sys

import pytest

import dissmodel

USER = '''
"""A user's file."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import dissmodel
from dissmodel import Consent
from dissmodel.api import Run
from dissmodel.errors import ConsentRequired


def ask(error: ConsentRequired) -> bool:
    return error.what.startswith("https://")


made = dissmodel.run(
    "coastal_raster",
    input="grid.zip",
    output=Path("r.tif"),
    parameters={"end_time": 3, "classes": [1, 2], "table": {"a": 0.5}},
    toml="m.toml",
    band_map={"uso": 1, "alt": "dem"},
    column_map={"uso": "use"},
    format="raster",
    layer="a",
    seed=1,
    threads=2,
    records=["runs", Path("older")],
    preview=True,
    push="shared",
    overwrite=True,
    consent=Consent(yes=True, allow_build=True, offline=True, ask=ask),
)
status: str = made.record.status
where: Path | str = made.record_path
files: Mapping[str, Path | str] = made.files
uri: str = made.pushed.uri if made.pushed is not None else ""
png: Path | None = made.preview.path if made.preview is not None else None
data = made.open("output", arrays=True)
if isinstance(data, tuple):
    backend, about = data
    shape: tuple[int, int] = backend.shape

ok: bool = dissmodel.validate("m.py", input=["a.tif", Path("b.tif")], output="r.tif").ok
names: list[str] = [row.name for row in dissmodel.show().models]
types: list[str] = [one.type for one in dissmodel.show("m", parameters={"a": 1}).parameters]
again = dissmodel.reproduce("r.record.json", rtol=0.1, env="recorded", check=True, consent=Consent())
verdict: str = again.verdict
again.open()
checks: list[str] = [check.verdict for check in dissmodel.verify("a", Path("b"), allowed_signers="s").checks]
same: bool = dissmodel.compare("a.tif", Path("b.tif"), atol=1, layer=("a", "b")).comparison.same
server = dissmodel.connect("https://a.example", key="k", consent=Consent())
ran: Run = server.run("m", input="a.tif", band_map={"uso": 1}, format="raster", timeout=1)
job = server.submit("m", inputs={"alt": Path("b.tif")}, output=Path("r.tif"), toml="m.toml", seed=1)
left: tuple[str, int] = (job.wait(timeout=1.5).status, job.status().progress)
lines: tuple[str, ...] = job.log(after=3)
ids: list[str] = [one.job_id for one in server.jobs(status="running", limit=3)]
fetched: Path | str = server.job(job.id).result("r.tif", overwrite=True).record_path
sections: list[str] = [one.name for one in dissmodel.diff("a", "b").sections]
states: list[str | None] = [
    row.state for row in dissmodel.records(model="m", since=datetime.now(UTC), verify=True)
]
opened = dissmodel.open_record("r.zip")
opened.open()
steps: tuple[float | int, ...] = opened.steps().steps
text: str = opened.toml()
end: str = opened.lineage(["runs"]).end
picture: Path = opened.draw(overwrite=True).path
sent: list[str] = [one.uri for one in dissmodel.push("a", "b", to="s3://b/p", dry_run=True).experiments]
received: list[int] = [one.received for one in dissmodel.pull("id", to=Path("x")).experiments]
digest: str = dissmodel.bundle("a", output="r.zip", with_input=False).sha256
fingerprint: str = dissmodel.sign("a", key="k").key.fingerprint
'''
WRONG = """
import dissmodel

dissmodel.runn("m", input="a")
dissmodel.run("m", inptu="a")
dissmodel.run("m", input="a", end_time=3)
dissmodel.run("m", input="a", format="geotiff")
dissmodel.run("m", input=3)
dissmodel.run("m", input="a").recrod
dissmodel.verify("a").okay
dissmodel.reproduce("a", env="there")
dissmodel.show("m", toml="a").models
dissmodel.records(parameter={"a": 1})
dissmodel.Consent(yess=True)
dissmodel.connect("a").run("m", inptu="a")
dissmodel.connect("a").jobs(status="lost")
"""
FUNCTIONS = [
    *("run", "validate", "show", "reproduce", "verify", "compare", "diff", "records", "open_record"),
    *("push", "pull", "bundle", "sign", "connect"),
]
# Left out is what foreign code chose: the values of parameters and metrics.
ATTRIBUTES = """
import dissmodel

def look() -> None:
    made = dissmodel.run("m", input="a")
    reveal_type(made.record_path), reveal_type(made.files), reveal_type(made.preview)
    reveal_type(made.pushed)
    reveal_type(made.record), reveal_type(made.record.status), reveal_type(made.record.files)
    opened = dissmodel.open_record("a")
    reveal_type(opened.record_path), reveal_type(opened.files), reveal_type(opened.document)
    reveal_type(opened.steps()), reveal_type(opened.lineage()), reveal_type(opened.draw())
    again = dissmodel.reproduce("a")
    reveal_type(again.verdict), reveal_type(again.artifacts), reveal_type(again.files)
    reveal_type(again.changed)
    reveal_type(again.statement), reveal_type(again.recorded_path), reveal_type(again.diff_map)
    reveal_type(dissmodel.validate("m").findings), reveal_type(dissmodel.show().models)
    reveal_type(dissmodel.show("m").parameters), reveal_type(dissmodel.verify("a").checks)
    compared = dissmodel.compare("a", "b")
    reveal_type(compared.a), reveal_type(compared.comparison), reveal_type(compared.comparison.parts)
    reveal_type(dissmodel.diff("a", "b").sections), reveal_type(dissmodel.records().rows)
    reveal_type(dissmodel.push("a").experiments), reveal_type(dissmodel.push("a").failures)
    reveal_type(dissmodel.pull("a").experiments), reveal_type(dissmodel.bundle("a", output="b").files)
    reveal_type(dissmodel.sign("a", key="b").key)
    reveal_type(dissmodel.connect("a").job("b")), reveal_type(dissmodel.connect("a").jobs())
    reveal_type(dissmodel.connect("a").job("b").status().error)
    for row in dissmodel.records():
        reveal_type(row.record)
"""


@pytest.fixture(scope="module")
def mypy(tmp_path_factory):
    """Return a function that has mypy look at a user's file; its cache is kept between the tests."""
    folder = tmp_path_factory.mktemp("user")

    def check(text):
        path = folder / "user.py"
        path.write_text(text, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(folder / "cache"), path.name],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout.splitlines()

    return check


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_argument_has_a_type_that_is_not_any(name):
    function = getattr(dissmodel, name)
    types = inspect.get_annotations(function)

    assert {*inspect.signature(function).parameters, "return"} == set(types)
    assert [] == [one for one, kind in types.items() if re.search(r"\bAny\b", str(kind))]


# mypy reads the whole package for the first of these.
@pytest.mark.slow
def test_a_user_s_file_is_right(mypy):
    assert ["Success: no issues found in 1 source file"] == mypy(USER)


@pytest.mark.slow
def test_what_is_misspelt_is_an_error(mypy):
    found = [int(line.split(":")[1]) for line in mypy(WRONG) if ": error:" in line]
    wrong = [number for number, line in enumerate(WRONG.splitlines(), 1) if line.startswith("dissmodel.")]

    assert wrong == sorted(set(found))


@pytest.mark.slow
def test_no_signature_and_no_attribute_is_any(mypy):
    # On one line mypy says the same thing once.
    text = ATTRIBUTES.replace("), reveal", ")\n    reveal") + "\n".join(
        f"reveal_type(dissmodel.{name})" for name in FUNCTIONS
    )
    notes = [line.partition("Revealed type is ")[2] for line in mypy(text) if "Revealed type" in line]

    assert text.count("reveal_type") == len(notes)
    assert [] == [note for note in notes if re.search(r"\bAny\b", note)]


@pytest.mark.slow
def test_the_data_are_any_only_as_far_as_geopandas_has_no_types(mypy):
    (note,) = [
        line
        for line in mypy('import dissmodel\nreveal_type(dissmodel.open_record("a").open())')
        if "Rev" in line
    ]

    assert '"Any | xarray.core.dataset.Dataset"' in note
