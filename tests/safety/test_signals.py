"""SIGINT and SIGTERM at any moment: one message, a record of what was interrupted, no other trace."""

import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import make_coast
import pytest

from support.cases import mostly_slow

ROOT = Path(__file__).resolve().parents[2]
SIGNALS = {signal.SIGINT: 130, signal.SIGTERM: 143}
WROTE = "Path(record.output_path).write_bytes(result)\n"
STAY = "Path('../here-i-am').touch(); time.sleep(60)\n"

# What the model's file puts in the way of a phase that is not the model's own.
SLOW_PROMOTE = """
from dissmodel.running import results
measure = results._measure
def slowly(*a, **k):
    Path('../here-i-am').touch(); time.sleep(60); return measure(*a, **k)
results._measure = slowly
"""
SLOW_DELIVERY = """
from dissmodel import materialize
promote = materialize.promote
def slowly(*a, **k):
    Path('../here-i-am').touch(); time.sleep(1); return promote(*a, **k)
materialize.promote = slowly
"""
SLOW_RECORD = """
from dissmodel.record import store
write = store.write
def slowly(record, *a, **k):
    if record.status == 'interrupted':
        Path('../record').touch(); time.sleep(1.5)
    return write(record, *a, **k)
store.write = slowly
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")


@pytest.fixture
def interrupted(place, waiting, ending):
    """Run a model until it is where it stays, send it signals, and return how it ended."""

    def run(model, *signals, words=(), after=0.0):
        here = place.folder.parent / "here-i-am"
        process = place.start("run", model, "-i", "data.bin", "-o", "r.bin", *words)
        waiting(here, process)
        for number in signals:
            process.send_signal(number)
            time.sleep(after)
        said = ending(process)
        here.unlink()
        return said

    return run


def model_staying_in(place, phase):
    if phase == "promote":
        return place.model(head=SLOW_PROMOTE)
    ends = {"validate": "", "load": "return b''", "run": "return data", "save": WROTE + "return record"}
    return place.model(**{phase: STAY + ends[phase]})


@pytest.mark.fast_cases("run-2-True", "promote-15-True")
@pytest.mark.parametrize(
    ("phase", "number", "over_a_pair"),
    mostly_slow(
        [*itertools.product(["validate", "load", "run", "save", "promote"], SIGNALS, [False, True])],
        *(("validate", signal.SIGINT, False), ("load", signal.SIGTERM, False), ("run", signal.SIGINT, True)),
        *(("save", signal.SIGTERM, True), ("promote", signal.SIGTERM, True)),
    ),
)
def test_a_signal_leaves_a_record_of_the_interruption_and_no_other_trace(
    place, interrupted, phase, number, over_a_pair, old_pair
):
    pair = []
    if over_a_pair:
        place.take(old_pair)
        pair = [(place.folder / name).read_bytes() for name in ("r.bin", "r.record.json")]

    said = interrupted(model_staying_in(place, phase), number, words=["--overwrite"])

    record = place.unfinished()
    assert SIGNALS[number] == said.code
    assert [f"error: interrupted by {number.name}"] == said.errors
    assert f"r.{record.experiment_id[:8]}.record.json" in said.err
    assert "Traceback" not in said.err
    assert ("interrupted", phase) == (record.status, record.error.phase)
    left = [f"r.{record.experiment_id[:8]}.record.json", "data.bin"]
    assert sorted([*left, *(["r.bin", "r.record.json"] if pair else [])]) == place.names
    if pair:
        assert pair == [(place.folder / name).read_bytes() for name in ("r.bin", "r.record.json")]
        assert place.holds()


@pytest.mark.slow
@pytest.mark.parametrize("number", mostly_slow([*SIGNALS], signal.SIGTERM))
def test_a_signal_while_the_pair_is_replaced_waits_until_the_new_one_stands(
    place, interrupted, number, old_pair
):
    place.take(old_pair)

    said = interrupted(place.model(head=SLOW_DELIVERY), number, words=["--overwrite"])

    assert SIGNALS[number] == said.code
    assert str(place.folder / "r.record.json") in said.err
    assert ["data.bin", "r.bin", "r.record.json"] == place.names
    assert b"some bytes" == (place.folder / "r.bin").read_bytes()
    assert place.holds()


@pytest.mark.slow
def test_a_signal_is_held_back_though_other_threads_could_take_it(place, interrupted):
    head = SLOW_DELIVERY + "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()"

    said = interrupted(place.model(head=head), signal.SIGTERM)

    assert 143 == said.code
    assert ["data.bin", "r.bin", "r.record.json"] == place.names
    assert place.holds()


@pytest.mark.parametrize(
    ("after", "second"), mostly_slow([*itertools.product([0.0, 0.05], SIGNALS)], (0.05, signal.SIGTERM))
)
def test_a_second_signal_does_not_disturb_the_end(place, interrupted, second, after):
    said = interrupted(model_staying_in(place, "run"), signal.SIGINT, second, after=after)

    # Two that come at once may be taken in either order.
    assert said.code in SIGNALS.values()
    assert 1 == len(said.errors)
    assert "interrupted" == place.unfinished().status
    assert 2 == len(place.names)


@pytest.mark.slow
def test_a_late_second_signal_does_not_disturb_the_record(place, waiting, ending):
    process = place.start(
        "run", place.model(head=SLOW_RECORD, run=STAY + "return data"), "-i", "data.bin", "-o", "r.bin"
    )
    waiting(place.folder.parent / "here-i-am", process)
    process.send_signal(signal.SIGINT)
    waiting(place.folder.parent / "record", process)
    time.sleep(1.1)
    process.send_signal(signal.SIGINT)
    said = ending(process)

    assert 130 == said.code
    assert 1 == len(said.errors)
    assert "interrupted" == place.unfinished().status
    assert 2 == len(place.names)


@pytest.mark.slow
def test_a_model_that_swallows_the_first_signal_is_ended_by_a_later_one(place, interrupted):
    swallows = """
        try:
            Path('../here-i-am').touch(); time.sleep(60)
        except BaseException:
            time.sleep(60)
        return data
    """

    said = interrupted(place.model(run=swallows), signal.SIGINT, signal.SIGINT, after=1.5)

    assert 130 == said.code
    assert "interrupted" == place.unfinished().status


def test_a_model_that_cleans_up_is_left_to_though_the_signal_is_repeated(place, interrupted):
    tidies = """
        try:
            Path('../here-i-am').touch(); time.sleep(60)
        finally:
            os.kill(os.getpid(), signal.SIGINT); time.sleep(0.05); Path('../tidied').touch()
    """

    said = interrupted(place.model(run=tidies), signal.SIGTERM)

    assert 143 == said.code
    assert (place.folder.parent / "tidied").exists()


@pytest.fixture(scope="module")
def coast(tmp_path_factory):
    path = tmp_path_factory.mktemp("coast") / "grid.zip"
    make_coast.write(make_coast.make_coast(500, 500), path, "tiff")
    return path


@pytest.mark.slow
@pytest.mark.parametrize("number", mostly_slow([*SIGNALS], signal.SIGINT))
def test_a_signal_ends_the_coastal_model_between_its_steps(place, ending, coast, number):
    process = place.start(
        "run", "coastal_raster", "-i", coast, "-o", "r.tif", "--param", "end_time=100000", "-v"
    )
    seen = ""
    while "loading" not in seen:  # a phase is said to be over when the next begins
        line = process.stderr.readline()
        assert line, seen
        seen += line
    time.sleep(0.5)
    process.send_signal(number)
    try:
        process.wait(20)
    except (
        subprocess.TimeoutExpired
    ):  # the first was lost in a library that was being loaded; the next is not
        process.send_signal(number)
    said = ending(process)

    record = place.unfinished()
    assert (SIGNALS[number], 1) == (said.code, len(said.errors))
    assert ("interrupted", "run") == (record.status, record.error.phase)
    assert 2 == len(place.names)


@pytest.mark.parametrize("number", mostly_slow([*SIGNALS], signal.SIGTERM))
def test_a_signal_during_another_command_ends_it_without_a_traceback(place, ending, number):
    big = place.folder / "r.bin"
    assert 0 == place.run(place.model()).code
    with big.open("r+b") as stream:
        stream.truncate(200 * 2**30)  # with no block of it on the disk

    process = place.start("record", "verify", "r.record.json")
    until = time.monotonic() + 30
    while not _reads(process, big):
        assert time.monotonic() < until
        time.sleep(0.01)
    process.send_signal(number)
    said = ending(process)

    assert (SIGNALS[number], [f"error: interrupted by {number.name}"]) == (said.code, said.errors)
    assert "Traceback" not in said.err


def _reads(process, path):
    folder = Path(f"/proc/{process.pid}/fd")
    if not folder.exists():
        pytest.skip("this system does not say which files a process has open")
    try:
        return any(one.readlink() == path for one in folder.iterdir())
    except FileNotFoundError:
        return False


def test_a_signal_to_the_whole_group_is_the_terminals_way(place, waiting, ending):
    model = place.model(run=f"import subprocess; subprocess.Popen(['sleep', '60'])\n{STAY}return data")
    process = place.start("run", model, "-i", "data.bin", "-o", "r.bin", start_new_session=True)
    waiting(place.folder.parent / "here-i-am", process)
    os.killpg(process.pid, signal.SIGINT)
    said = ending(process)

    assert (130, 1) == (said.code, len(said.errors))
    assert "interrupted" == place.unfinished().status


@pytest.mark.parametrize("number", mostly_slow([*SIGNALS], signal.SIGINT))
def test_a_signal_leaves_a_record_also_of_a_package_s_own_command(place, waiting, number):
    own = "\nfrom dissmodel.executor.cli import run_cli\nif __name__ == '__main__': run_cli(Mine)\n"
    model = place.model(run=STAY + "return data")
    model.write_text(model.read_text(encoding="utf-8") + own, encoding="utf-8")
    words = ("run", "-i", "data.bin", "-o", "r.bin", "--preserve-output-name")
    process = subprocess.Popen(
        [sys.executable, str(model), *words], cwd=place.folder, stderr=subprocess.PIPE, text=True
    )
    waiting(place.folder.parent / "here-i-am", process)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)

    record = place.unfinished()
    assert SIGNALS[number] == process.returncode
    assert said.startswith(f"error: interrupted by {number.name}")
    assert ("interrupted", "run") == (record.status, record.error.phase)


def test_after_a_package_s_own_command_signals_are_the_script_s_again(place):
    own = """
        import dissmodel.executor.cli
        signal.signal(signal.SIGINT, print)
        before = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]
        dissmodel.executor.cli.run_cli(Mine)
        assert before == [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]
    """
    model = place.model(run="assert signal.getsignal(signal.SIGINT) is print; return data")
    text = model.read_text(encoding="utf-8") + "if __name__ == '__main__':" + own
    model.write_text(text, encoding="utf-8")

    said = subprocess.run(
        [sys.executable, str(model), "run", "-i", "data.bin", "-o", "r.bin"],
        cwd=place.folder,
        capture_output=True,
        text=True,
        check=False,
    )

    assert 0 == said.returncode, said.stderr
