"""The site: it lists every page, what is generated is of this version, and it is built strictly."""

import json
import re
import subprocess
import sys
from pathlib import Path, PurePosixPath

import build_site
import jsonschema
import pytest
import site_reference

import dissmodel
from support.pages import ROOT

RECORDS = sorted((ROOT / "tests" / "data" / "records").glob("*/*.json"))


def test_the_navigation_lists_each_page_once():
    assert sorted(f"{place}" for place in build_site.pages().values()) == sorted(build_site.navigation())


def test_each_mark_of_a_page_is_known_and_used():
    known = build_site.generators(with_gallery=True)
    used = {
        mark[1]
        for page in build_site.pages()
        for mark in build_site.MARK.finditer((ROOT / page).read_text(encoding="utf-8"))
    }

    assert set(known) == used


def test_the_command_line_has_every_command_and_option():
    import typer

    from dissmodel.cli.app import app

    text = site_reference.command_line()
    whole = [*site_reference.commands(typer.main.get_command(app))]
    titles = re.findall(r"^## (.*) \{ #", text, re.MULTILINE)

    assert len(whole) > 40
    assert [" ".join(("dissmodel", *path)) for path, _ in whole] == titles
    for (path, command), part in zip(whole, re.split(r"^## ", text, flags=re.MULTILINE)[1:], strict=True):
        for parameter in command.params:
            if parameter.param_type_name == "option":
                assert f"`{', '.join(sorted(parameter.opts, key=len))}" in part, path


def test_the_models_have_their_fields_classes_and_parameters():
    text = site_reference.models()

    for row in dissmodel.show().models:
        part = text.partition(f"## {row.name} {{")[2].partition("\n## ")[0]
        view = dissmodel.show(row.name)
        assert [] == [one.name for one in view.parameters if f"\n| `{one.name}` |" not in part]
        assert [] == [name for name in view.input_fields if f"\n| `{name}` |" not in part]
    assert "| 9 | flooded mangrove |" in text


def test_the_schema_is_valid_and_records_fit_it():
    schema = json.loads(site_reference.record_schema())
    jsonschema.Draft202012Validator.check_schema(schema)
    records = [json.loads(path.read_text(encoding="utf-8")) for path in RECORDS]

    assert records
    for record in records:
        jsonschema.validate(record, schema)
    with pytest.raises(jsonschema.ValidationError, match="is not of type 'object'"):
        jsonschema.validate({**records[0], "artifacts": 5}, schema)


def test_links_of_the_project_are_links_of_the_site(tmp_path):
    page = PurePosixPath("docs/tutorials/map.md")
    text = (
        "[a](../README.md#start) [b](../../examples/coast/README.md) [c](../../LICENSE) `[d](e) a\\|b`\n"
        "[f](https://example.org) [g](#here) ![h](../images/preview.png)\n```\n[i](../README.md)\n```\n"
    )

    said = build_site.with_links_of_the_site(text, page, tmp_path)

    assert said == (
        "[a](../index.md#start) [b](../examples/coast.md) [c](../files/LICENSE) `[d](e) a|b`\n"
        "[f](https://example.org) [g](#here) ![h](../images/preview.png)\n```\n[i](../README.md)\n```\n"
    )
    assert (tmp_path / "files" / "LICENSE").is_file()
    assert (tmp_path / "images" / "preview.png").is_file()


def test_a_folder_with_other_files_is_left_alone(tmp_path):
    (tmp_path / "thesis.docx").touch()

    with pytest.raises(SystemExit, match="holds something else than a site"):
        build_site.build(tmp_path, with_gallery=False)
    assert ["thesis.docx"] == [path.name for path in tmp_path.iterdir()]


@pytest.mark.slow
def test_the_site_is_built_with_its_gallery_and_asks_no_other_host(tmp_path):
    words = [sys.executable, ROOT / "docs" / "site" / "build_site.py", "--folder", tmp_path / "site"]

    said = subprocess.run(words, capture_output=True, text=True, check=False)

    assert 0 == said.returncode, said.stdout + said.stderr
    html = Path(tmp_path / "site" / "html")
    built = {path.relative_to(html).with_suffix(".md").as_posix() for path in html.rglob("*.html")}
    assert set(build_site.navigation()) <= built
    text = (html / "gallery.html").read_text(encoding="utf-8")
    pictures = re.findall(r'src="(gallery/[^"]+)"', text)
    assert len(pictures) >= 7
    assert all((html / picture).stat().st_size > 10_000 for picture in pictures)
    loaded = re.compile(
        r'<(?:script|img|iframe)[^>]+src="(?:https?:)?//|<link[^>]+stylesheet[^>]+href="https?://'
    )
    assert [] == [path for path in html.rglob("*.html") if loaded.search(path.read_text(encoding="utf-8"))]
    assert "dissmodel.run" in (html / "reference" / "python.html").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("wrong", ["[gone](record.md#gone)", "[gone](gone.md)", "::: dissmodel.gone"])
def test_a_dead_link_or_name_fails_the_build(tmp_path, monkeypatch, wrong):
    write_pages = build_site.write_pages

    def write(folder, *, with_gallery):
        write_pages(folder, with_gallery=with_gallery)
        (folder / "concepts.md").write_text(wrong, encoding="utf-8")

    monkeypatch.setattr(build_site, "write_pages", write)

    with pytest.raises((subprocess.CalledProcessError, KeyError)):
        build_site.build(tmp_path / "site", with_gallery=False)
