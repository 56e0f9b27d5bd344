"""``registry check --install``: what only a try tells, with file and line."""

import pytest

from support.cases import mostly_slow

from .packages import MODEL, publish


@pytest.fixture
def checked(dissmodel, index, published, tmp_path):
    """Return a function that publishes a package, checks the registry and gives the command's end."""

    def check(*words, spec="", **package):
        publish(tmp_path / "coastal-flood", **package)
        url = f"git+{(tmp_path / 'coastal-flood').as_uri()}@v0.1.0"
        text = '[model]\nname = "flood"\nclass = "flood"\ndescription = "A flood."\n'
        text += f'package = "{url}"\nexecutor_module = "coastal_flood"\n{spec}'
        published.write("flood", text)
        (published.folder / "models" / "growth.toml").unlink(missing_ok=True)
        return dissmodel("registry", "check", str(published.folder), "--install", *words)

    return check


def test_a_model_that_works_has_no_finding(checked):
    said = checked("--yes")

    assert (0, "1 model, 0 errors, 0 warnings\n") == (said.code, said.out)


def test_without_a_word_nothing_is_installed(checked, home):
    said = checked()

    assert (2, "") == (said.code, said.out)
    assert "would be built from" in said.err
    assert not (home / "data" / "environments").exists()


@pytest.mark.fast_cases("contract")
@pytest.mark.parametrize(
    ("how", "line", "text"),
    mostly_slow(
        {
            "build": ({"hook": 'raise SystemExit("the tide is out")'}, 5, "the tide is out"),
            "dissmodel": ({"requires": ["dissmodel>=99"]}, 5, "needs dissmodel >=99"),
            "nothing": ({"model": ""}, 6, "registers nothing"),
            "dies": ({"model": "import os; os._exit(3)"}, 6, "exit code 3"),
            "abstract": ({"model": MODEL.replace("def load", "def loads")}, 3, "load"),
            "contract": ({"model": MODEL.replace("def load(self, record)", "def load(self)")}, 3, "load"),
            "unknown": ({"spec": "[model.parameters]\nend_time = 3\nneeded = 3\n"}, 9, "needed"),
            "bounds": ({"spec": "[model.parameters]\nend_time = 0\n"}, 8, "end_time"),
        },
        *("build", "nothing", "contract", "bounds"),
    ),
)
def test_what_is_wrong_has_a_line(checked, how, line, text):
    said = checked("--yes", "--json", **how)

    (found,) = said.json["findings"]
    assert (3, line, "error") == (said.code, found["line"], found["severity"])
    assert text in found["message"]
