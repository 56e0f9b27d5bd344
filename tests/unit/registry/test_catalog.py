"""A registry's catalog: what is read of it, and that nothing in it can do harm."""

import os
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dissmodel.registry import catalog
from dissmodel.registry.catalog import Catalog, CatalogEntry, parse_catalog, read_catalog

GOOD = """\
models:
  flood:
    title: Flooding of a coast
    description: |
      Water spreads
      to lower cells.
    group: coast
  "2024": {title: "no", group: on}
"""


def test_titles_descriptions_and_groups_are_read():
    found = parse_catalog(GOOD.encode())

    assert () == found.problems
    flood = CatalogEntry("Flooding of a coast", "Water spreads\nto lower cells.", "coast")
    assert {"flood": flood, "2024": CatalogEntry("no", "", "on")} == dict(found.models)
    assert {"flood": 2, "2024": 8} == dict(found.lines)
    assert flood == found.of("flood")
    assert CatalogEntry() == found.of("other")


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("models: [", 1, "not valid YAML"),
        ("models:\n  a: b: c", 2, "not valid YAML"),
        ("", None, "the file is not a table"),
        ("- a", 1, "the file is not a table"),
        ("models: flood", 1, "models is not a table"),
        ("models:\n  flood: yes", 2, "'flood' is not a table"),
        ("models:\n  flood: {title: 3}", 2, "title has to be a text"),
        ("models:\n  flood: {title: [a]}", 2, "title has to be a text"),
        ("models:\n  flood:\n    titel: A", 3, "'titel' has no effect"),
        (f"models:\n  flood: {{title: {'x' * 201}}}", 2, "title has more than 200 characters"),
        ("models:\n  flood: {title: !!python/object/apply:os.system [ls]}", 2, "has to be a text"),
        ("models:\n  flood: {title: !!python/name:os.system x}", 2, "has to be a text"),
        ("models: {}\nmore: 1", 2, "'more' has no effect"),
        ("models:\n  flood: {title: a, title: b}", 2, "'title' is given twice"),
        ("models:\n  a: {title: a}\n  a: {title: b}", 3, "'a' is given twice"),
        ("models:\n  ? [a]\n  : {title: b}", 2, "is not a name"),
        ("models:\n  a: *x", 2, "not valid YAML"),
        ("[" * 50_000, None, "not valid YAML"),
        ("a: 1\n---\nb: 1", 2, "not valid YAML"),
        ("\0", None, "not valid YAML"),
        ("#" * (128 * 1024 + 1), None, "more than 128 KiB"),
    ],
)
def test_what_is_wrong_has_its_line(text, line, said):
    problems = parse_catalog(text.encode()).problems

    assert line == problems[0].line
    assert said in problems[0].message


def test_bytes_that_are_no_text_are_a_problem():
    assert "not valid YAML" in parse_catalog(b"models: \xff").problems[0].message


def test_the_rest_of_a_catalog_with_a_problem_is_used():
    found = parse_catalog(b"models:\n  a: {title: 3, group: g}\n  b: {title: B}\n")

    assert {"a": CatalogEntry(group="g"), "b": CatalogEntry("B")} == dict(found.models)


def test_aliases_do_not_grow():
    bomb = ["models:", "  a0: &a0 [x, x]"]
    bomb += [f"  a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 40)]
    bomb += ["  loop: &loop {title: *loop}"]

    found = parse_catalog("\n".join(bomb).encode())

    assert 41 == len(found.problems)
    assert {f"a{n}" for n in range(40)} | {"loop"} == set(found.models)


@given(st.text(alphabet="a:-[]{}&*!|>'\"%@`#?, \n\t<\x00é\ud800", max_size=60))
def test_no_text_makes_it_fail(text):
    parse_catalog(text.encode("utf-8", "surrogatepass"))
    parse_catalog(f"models:\n  a:\n    title: {text}".encode("utf-8", "surrogatepass"))


def test_without_a_parser_nothing_is_read(monkeypatch):
    monkeypatch.setitem(sys.modules, "ruamel.yaml", None)

    assert Catalog(is_unread=True) == parse_catalog(GOOD.encode())


def test_a_file_is_read_again_when_it_changed(tmp_path):
    path = tmp_path / "catalog.yaml"
    assert Catalog() == read_catalog(tmp_path)
    path.write_text("models: {a: {title: A}}")
    first = read_catalog(tmp_path)
    other = tmp_path / "other"
    other.write_text("models: {a: {title: B}}")
    other.replace(path)

    assert ("A", "B") == (first.of("a").title, read_catalog(tmp_path).of("a").title)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pipes with names, and links need rights")
@pytest.mark.parametrize("make", [lambda path: path.symlink_to("/etc/hosts"), os.mkfifo, os.mkdir])
def test_what_is_no_file_is_not_opened(tmp_path, make):
    make(tmp_path / "catalog.yaml")

    assert "not a file" in read_catalog(tmp_path).problems[0].message


def test_a_file_that_can_not_be_read_is_a_problem(tmp_path, monkeypatch):
    (tmp_path / "catalog.yaml").write_text(GOOD)

    def refuse(*args):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(catalog, "_read", refuse)

    assert "can't be read: Permission denied." == read_catalog(tmp_path).problems[0].message
