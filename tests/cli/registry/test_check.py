"""What a registry's authors are told before others sync it."""

from pathlib import Path

import pytest

GOOD = """[model]
name = "flood"
class = "flood_vector"
description = "Floods."
package = "coastal-flood==0.1.0"
"""


@pytest.fixture
def checked(dissmodel, tmp_path):
    """Return a function that writes models/flood.toml and gives what is found: (severity, line, message)."""

    def check(text):
        path = tmp_path / "models" / "flood.toml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        said = dissmodel("registry", "check", tmp_path, "--json")
        found = [(one["severity"], one["line"], one["message"]) for one in said.json["findings"]]
        assert (3 if "error" in {one[0] for one in found} else 0) == said.code
        return found

    return check


def test_nothing_is_found_where_nothing_is_wrong(checked, dissmodel, tmp_path):
    assert [] == checked(GOOD)
    said = dissmodel("registry", "check", tmp_path)
    assert (0, "1 model, 0 errors, 0 warnings\n", "") == (said.code, said.out, said.err)
    assert 0 == dissmodel("registry", "check", tmp_path / "models").code
    assert 0 == dissmodel("registry", "check", tmp_path / "models" / "flood.toml").code


@pytest.mark.parametrize(
    ("old", "new", "severity", "line", "said"),
    [
        ('name = "flood"', 'name = "tide"', "warning", 2, "'tide'"),
        ('name = "flood"', 'name = "../tide"', "error", 2, "'../tide'"),
        ('name = "flood"\n', "", "error", 1, "name is missing"),
        ('name = "flood"', "name = 3", "error", 2, "has to be text"),
        ('name = "flood"', "name = flood", "error", 2, "not valid TOML"),
        ('class = "flood_vector"\n', "", "warning", 1, "class is missing"),
        ('"Floods."', '""', "warning", 4, "no description"),
        ('package = "coastal-flood==0.1.0"\n', "", "warning", 1, "no package"),
        ("coastal-flood==0.1.0", "coastal-flood", "warning", 5, "no exact version"),
        ("coastal-flood==0.1.0", "coastal-flood>=0.1", "warning", 5, "no exact version"),
        ("coastal-flood==0.1.0", "git+https://example.org/a/b", "warning", 5, "no tag"),
        ("coastal-flood==0.1.0", "git+https://github.com/ORG/REPO@TAG", "error", 5, "'ORG' is a placeholder"),
        ("coastal-flood==0.1.0", "git+https://host/org/repo@tag", "error", 5, "placeholder"),
        ("coastal-flood==0.1.0", "git+https://example.org/you/flood@v0.1.0", "error", 5, "for examples"),
        ("coastal-flood==0.1.0", "git+https://git.flood.example/flood@v0.1.0", "error", 5, "for examples"),
        ("coastal-flood==0.1.0", "<your-package>", "error", 5, "placeholder"),
        ("coastal-flood==0.1.0", "your-package==1.0", "error", 5, "placeholder"),
        ("coastal-flood==0.1.0", "NAME==VERSION", "error", 5, "placeholder"),
        ("coastal-flood==0.1.0", "TODO", "error", 5, "placeholder"),
        ("coastal-flood==0.1.0", "{{ package }}", "error", 5, "placeholder"),
        ('class = "flood_vector"', 'class = "<class>"', "error", 3, "placeholder"),
        ("Floods.", "TODO: what it does", "error", 4, "placeholder"),
        ("coastal-flood==0.1.0", "./here", "warning", 5, "one machine only"),
        ("coastal-flood==0.1.0", "--index-url=https://evil.example", "error", 5, "option"),
        ("coastal-flood==0.1.0", "https://example.org/a.whl", "error", 5, "git repository"),
        ("coastal-flood==0.1.0", "git+https://me:pw@example.org/a@v1", "error", 5, ""),
        ("coastal-flood==0.1.0", "dissmodel==0.6", "error", 5, "dissmodel"),
        ("package", 'executor_module = "a b"\npackage', "error", 5, "not a valid module name"),
        ("package", 'dissmodel = ">=99"\npackage', "error", 5, "needs dissmodel >=99"),
        ("package", "start = 2020-01-01\npackage", "error", 5, "start is a date"),
        ("package", "rates = [1.0, nan]\npackage", "error", 5, "rates is not finite"),
        ("[model]", "[other]\nx = 1\n[model]", "warning", 1, "[other] has no effect"),
        ("[model]", "[modle]", "error", None, "no [model] section"),
    ],
)
def test_a_finding_says_the_line(checked, old, new, severity, line, said):
    ((found_severity, found_line, message),) = checked(GOOD.replace(old, new))

    assert (severity, line) == (found_severity, found_line)
    assert said in message


def test_a_parameter_that_no_record_can_hold(checked):
    found = checked(f"{GOOD}[model.parameters]\na = 1\n\nb = inf\n[[model.potential]]\nconst = nan\n")

    assert [("error", 9), ("error", 10)] == [one[:2] for one in found]


def test_no_file_is_to_be_called_what_is_no_name(dissmodel, tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "flood.toml").write_text(GOOD.replace('name = "flood"', 'name = "../flood"'))
    (finding,) = dissmodel("registry", "check", tmp_path, "--json").json["findings"]

    assert "../flood" in finding["message"]
    assert "../flood" not in finding["hint"]


def test_all_files_are_looked_at_and_each_error_has_its_line(dissmodel, tmp_path):
    models = tmp_path / "models"
    models.mkdir()
    (models / "flood.toml").write_text(GOOD)
    (models / "tide.toml").write_text(GOOD)
    (models / "cut.toml").write_text("[model]\nname = \n")
    (models / "notes.txt").write_text("")
    (models / "link.toml").symlink_to(models / "flood.toml")

    said = dissmodel("registry", "check", tmp_path)

    assert 3 == said.code
    for place in ("cut.toml:2: error", "tide.toml:2: warning", "link.toml: error", "notes.txt: warning"):
        assert f"{models}/{place}" in said.out
    assert "4 models, 2 errors, 2 warnings" in said.out
    assert "warning" not in dissmodel("registry", "check", tmp_path, "-q").out


def test_what_is_no_registry(dissmodel, tmp_path):
    (tmp_path / "empty").mkdir()

    assert 3 == dissmodel("registry", "check", tmp_path / "empty").code
    assert 2 == dissmodel("registry", "check", tmp_path / "none").code


def test_a_text_may_have_the_words_that_are_placeholders_elsewhere(checked):
    assert [] == checked(GOOD.replace("Floods.", "Where the TAG of a USER < 3 and > 1; costs $100."))


@pytest.mark.parametrize("substrate", ["--raster", "--vector"])
def test_what_init_writes_is_refused_until_it_says_where_the_package_is(dissmodel, substrate):
    assert 0 == dissmodel("init", "coast-growth", substrate).code
    path = Path("coast-growth") / "registry" / "coast_growth.toml"
    found = dissmodel("registry", "check", path, "--json")
    text = path.read_text(encoding="utf-8").replace("https://example.org/you", "https://codeberg.org/ana")
    path.write_text(text, encoding="utf-8")

    assert (3, ["error"]) == (found.code, [one["severity"] for one in found.json["findings"]])
    assert 0 == dissmodel("registry", "check", path).code
