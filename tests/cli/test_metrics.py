"""`dissmodel record show --metrics`, `--chart` and `--csv`: what a model measured at each step."""

import csv
import math
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from dissmodel.cli.chart import HEIGHT, chart
from dissmodel.record import ExperimentRecord, store

SHOW = ("record", "show", "r.record.json")
THREE = {"step": [6, 7, 8], "flooded": [0, 90, 100], "sum_alt": [1.5, 2.25, 1e6 / 3]}


@pytest.fixture
def with_measures(dissmodel):
    """Write a record with measures into the current folder and return the command."""

    def write(measures=THREE):
        record = ExperimentRecord(model_name="flood", status="completed", step_metrics=measures)
        store.write(record, Path("r.record.json"))
        return dissmodel

    return write


def test_metrics_prints_every_step_with_the_numbers_aligned(with_measures):
    said = with_measures()(*SHOW, "--metrics")

    assert (0, "") == (said.code, said.err)
    assert [
        "step  flooded      sum_alt",
        "   6        0       1.5000",
        "   7       90       2.2500",
        "   8      100  333333.3333",
    ] == said.out.splitlines()


def test_metrics_of_a_model_without_steps_are_those_of_the_whole_run(dissmodel):
    metrics = {"time_total_sec": 1.0, "kappa": 0.25, "figure_of_merit": None}
    record = ExperimentRecord(model_name="lucc_validation", status="completed", metrics=metrics)
    store.write(record, Path("r.record.json"))
    said = dissmodel(*SHOW, "--metrics")

    assert (0, "") == (said.code, said.err)
    assert [["measure", "value"], ["kappa", "0.25"], ["figure_of_merit", "none"]] == [
        line.split() for line in said.out.splitlines()
    ]


def test_the_published_counts_of_the_real_coast_are_in_the_table(dissmodel, shared):
    """Those of `flooded` and the sum of elevations that the specification has for steps 1, 5, 10 and 11."""
    dissmodel(
        *("run", "coastal_raster", "-i", shared("elevacao_pol.zip"), "-o", "r.tif", "-q"),
        *("-p", "sea_level_rise_rate=0.5", "-p", "end_time=11"),
    )

    rows = [line.split() for line in dissmodel(*SHOW, "--metrics").out.splitlines()]
    at = {name: rows[0].index(name) for name in ("flooded", "sum_alt")}

    assert 12 == len(rows)
    assert [("0", 980506.0), ("397", 987404.5), ("2092", 998209.0), ("2469", 1000937.0)] == [
        (rows[step][at["flooded"]], float(rows[step][at["sum_alt"]])) for step in (1, 5, 10, 11)
    ]


def test_csv_has_every_digit_and_an_existing_file_is_left_alone(with_measures):
    dissmodel = with_measures()
    said = dissmodel(*SHOW, "--csv", "m.csv")
    rows = list(csv.DictReader(Path("m.csv").read_text().splitlines()))
    again = dissmodel(*SHOW, "--csv", "m.csv")
    Path("m.csv").write_text("mine")
    refused = dissmodel(*SHOW, "--csv", "m.csv")
    kept = Path("m.csv").read_text()
    replaced = dissmodel(*SHOW, "--csv", "m.csv", "--overwrite")

    assert (0, "", "") == (said.code, said.out, said.err)
    assert [1.5, 2.25, 1e6 / 3] == [float(row["sum_alt"]) for row in rows]
    assert ["6", "7", "8"] == [row["step"] for row in rows]
    assert 2 == again.code == refused.code
    assert "--overwrite" in refused.err
    assert "mine" == kept
    assert 0 == replaced.code
    assert Path("m.csv").read_text().startswith("step,flooded,sum_alt\n6,0,1.5\n")


def test_csv_on_standard_output_is_nothing_but_csv(with_measures):
    dissmodel = with_measures()

    assert "step,flooded,sum_alt\n" == dissmodel(*SHOW, "--csv", "-").out.splitlines(keepends=True)[0]
    assert 4 == len(dissmodel(*SHOW, "--csv", "-", "-q").out.splitlines())
    assert 2 == dissmodel(*SHOW, "--csv", "-", "--json").code


@pytest.mark.parametrize("place", ["", "no/such/folder/m.csv"])
def test_a_place_that_can_not_be_written_is_named(with_measures, place):
    said = with_measures()(*SHOW, "--csv", place or ".")

    assert said.code in {2, 5}
    assert (place or ".") in said.err


def test_json_is_the_record_and_names_the_csv(with_measures):
    said = with_measures()(*SHOW, "--metrics", "--chart", "--csv", "m.csv", "--json")

    assert ("m.csv", 1) == (said.json["csv"], said.json["schema_version"])
    assert [0, 90, 100] == said.json["record"]["step_metrics"]["flooded"]
    assert Path("m.csv").exists()


def test_quiet_prints_nothing(with_measures):
    dissmodel = with_measures()

    for words in ((), ("--metrics",), ("--chart",)):
        said = dissmodel(*SHOW, *words, "-q")

        assert (0, "", "") == (said.code, said.out, said.err)


@pytest.mark.parametrize("option", [["--metrics"], ["--chart"], ["--csv", "m.csv"]])
@pytest.mark.parametrize("measures", [{}, {"step": [1, 2]}, {"a": [1, 2], "b": [1]}])
def test_a_record_without_a_table_says_so(with_measures, option, measures):
    said = with_measures(measures)(*SHOW, *option)

    assert (3, "") == (said.code, said.out)
    assert (
        "different numbers of steps" in said.err
        if "a" in measures
        else "no measures per step; flood noted" in said.err
    )
    assert not Path("m.csv").exists()


def test_without_a_column_of_steps_they_are_counted(with_measures):
    said = with_measures({"cells": [4.0, 5.0]})(*SHOW, "--metrics")

    assert ["step  cells", "   1      4", "   2      5"] == said.out.splitlines()


def test_names_and_numbers_of_anyone_do_no_harm(with_measures):
    odd = {"a\x1b[2J\nb": [math.nan, math.inf, 1e300, -1e-300], "": [0, 0, 0, 0]}
    dissmodel = with_measures(odd)

    for words in (["--metrics"], ["--chart"], ["--csv", "-"]):
        said = dissmodel(*SHOW, *words)

        assert (0, "") == (said.code, said.err)
        assert "\x1b" not in said.out
    assert 5 == len(dissmodel(*SHOW, "--csv", "-").out.splitlines())


# — curves —


def test_a_chart_goes_from_the_least_to_the_greatest():
    lines = chart("flooded", [1, 2, 3, 4], [0, 10, 10, 0], width=40)
    rows = [line.partition("│")[2] for line in lines[1:-2]]

    assert (HEIGHT, "flooded") == (len(rows), lines[0])
    assert lines[1].startswith("10 │")
    assert lines[HEIGHT].startswith(" 0 │")
    # It rises for a third of the way, stays, and falls: the top is as far from the left as from the right.
    left, right = len(rows[0]) - len(rows[0].lstrip()), 36 - len(rows[0])
    assert left == right
    assert 10 <= left <= 12
    assert rows[-1][0] != " " != rows[-1].ljust(36)[35]
    assert max(map(len, lines)) <= 40
    assert ["1", "4"] == lines[-1].split()


def test_no_peak_is_lost_among_more_steps_than_there_are_dots():
    values = [0.0] * 100_000
    values[54_321] = 7.0
    rows = [line.partition("|")[2] for line in chart("x", range(100_000), values, width=80, plain=True)[1:-2]]

    assert all(row.count("*") == 1 for row in rows[:-1])
    assert abs(rows[0].index("*") / 76 - 0.54321) < 0.02


@pytest.mark.parametrize(
    "values", [[5.0], [5.0, 5.0], [math.nan, 1.0, math.nan, 2.0], [math.nan], [-1e308, 1e308]]
)
@pytest.mark.parametrize("width", [1, 79, 300])
def test_any_curve_is_drawn_within_the_width(values, width):
    for plain in (False, True):
        lines = chart("x", range(len(values)), values, width=width, plain=plain)

        assert HEIGHT + 3 == len(lines)
        assert max(map(len, lines)) <= max(width, 20 + 12)


def run_in(encoding, *, columns=None, option="--chart", **environment):
    """Run the command as a process with standard output in a pipe, or on a terminal of some columns."""
    words = [sys.executable, "-m", "dissmodel", *SHOW, option]
    env = {**os.environ, "PYTHONIOENCODING": encoding, **environment}
    if columns is None:
        return subprocess.run(words, env=env, capture_output=True, check=True).stdout.decode()
    import fcntl
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    env.pop("COLUMNS", None)
    subprocess.run(words, env=env, stdout=theirs, stderr=theirs, check=True)
    os.close(theirs)
    said = os.read(ours, 10**6).decode()
    os.close(ours)
    return said


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals of this kind")
def test_the_terminal_decides_how_wide_and_in_which_characters(with_measures):
    with_measures()
    pipe, plain = run_in("utf-8"), run_in("ascii")
    wide, colourless = run_in("utf-8", columns=120), run_in("utf-8", columns=120, NO_COLOR="1")

    assert 79 == max(map(len, pipe.splitlines()))
    assert plain.isascii()
    assert "*" in plain
    assert 79 == max(map(len, plain.splitlines()))
    assert 119 == max(map(len, wide.splitlines()))
    assert wide == colourless
    assert "\x1b" not in wide


@pytest.mark.fast_cases("40-1", "5-2")
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals of this kind")
@pytest.mark.parametrize(("columns", "parts"), [(40, 1), (26, 1), (25, 2), (5, 2)])
def test_what_a_terminal_has_no_room_for_stands_below(with_measures, columns, parts):
    with_measures()
    lines = run_in("utf-8", columns=columns, option="--metrics").splitlines()
    heads = [line.split() for line in lines if "step" in line]

    whole = [["step", "flooded", "sum_alt"]]
    assert (whole if parts == 1 else [["step", "flooded"], ["step", "sum_alt"]]) == heads
    assert 4 * parts + parts - 1 == len(lines)
    assert ["8", "333333.3333"] == lines[-1].split()[:: 3 - parts]
    assert max(map(len, lines)) <= max(columns, len("step  333333.3333"))


def test_what_a_run_measured_before_it_failed_is_kept(dissmodel, make_coast):
    Path("sinking.py").write_text(
        """
from dissmodel.executor import ModelExecutor

class Sinking(ModelExecutor):
    name = "sinking"
    output_suffix = ".txt"
    def load(self, record):
        return None
    def run(self, data, record):
        record.step_metrics = {"step": [1, 2], "level": [0.5, 1.0]}
        raise RuntimeError("gone under")
    def save(self, result, record):
        return record
"""
    )
    make_coast.main(["--output", "grid.zip"])
    said = dissmodel("run", "./sinking.py", "--input", "grid.zip", "--output", "r.txt")
    (left,) = Path().glob("r.*.record.json")
    shown = dissmodel("record", "show", left, "--csv", "-")

    assert 1 == said.code
    assert "step,level\n1,0.5\n2,1.0\n" == shown.out.replace("\r", "")


@pytest.mark.parametrize("others", [["--csv", "-", "--chart"], ["--lineage", "--metrics"]])
def test_what_would_mix_on_standard_output_is_refused(with_measures, others):
    said = with_measures()(*SHOW, *others)

    assert (2, "") == (said.code, said.out)


@pytest.mark.parametrize("words", [SHOW, ("record", "list")], ids=" ".join)
def test_a_csv_replaces_nothing_but_a_file(with_measures, words):
    dissmodel = with_measures()
    Path("link.csv").symlink_to("nowhere")
    os.mkfifo("pipe.csv")

    for name in ("link.csv", "pipe.csv"):
        refused = dissmodel(*words, "--csv", name, "--overwrite")
        assert (2, True) == (refused.code, "exists already" in refused.err)
    assert Path("link.csv").is_symlink()
    assert Path("pipe.csv").is_fifo()
