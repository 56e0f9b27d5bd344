"""Deliver, replace, crash and recover in any order: what a record vouches for is there, whatever happened.

Each delivery runs in a process of its own, which may die before any operation on a file, or be told there by
the system that the disk is full. In between come folders such as a hostile repository could bring: with
scratch folders, records that say `replacing`, journals of a copy. Nothing in them is moved.
"""

import contextlib
import errno
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from dissmodel import materialize
from dissmodel.errors import DissmodelError, InvalidInput
from dissmodel.experiment.records import open_record
from dissmodel.experiment.source import interruption
from dissmodel.experiment.verify import verify
from dissmodel.record import ExperimentRecord, Replacement, store
from dissmodel.record.digest import sha256_file
from dissmodel.running.destination import Destination, replaced
from dissmodel.running.results import collect
from dissmodel.running.run import _deliver

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork"),
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
]

STEPS = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.copyfile"}
DELIVERED, FAILED, DIED = 0, 1, 9
STEMS = st.sampled_from(["r", "s"])
SIDES = st.sets(st.sampled_from(["a.txt", "b.txt"]))
FAULTS = st.sampled_from(["none", "dies", "dies", "disk full"])


def fault_at(folder, count, kind):
    """Let the `count`-th operation on a file in `folder` be the last one, or fail."""
    seen = 0

    def hook(event, arguments):
        nonlocal seen
        if event not in STEPS or not any(
            isinstance(one, str | os.PathLike) and str(one).startswith(str(folder)) for one in arguments
        ):
            return
        seen += 1
        if seen == count:
            if kind == "dies":
                os._exit(DIED)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if kind != "none":
        sys.addaudithook(hook)


def deliver(folder, stem, contents, experiment_id):
    """Bring files to their final names as a run does once the model has returned."""
    destination = Destination(folder, f"{stem}.bin", stem, whole_folder=False, named=True)
    record_path = destination.record_path
    with materialize.claim(record_path) as scratch:
        work = materialize.work(scratch)
        for name, content in contents.items():
            (work / name).write_bytes(content)
        saved = ExperimentRecord(experiment_id=experiment_id, output_path=str(work / f"{stem}.bin"))
        old = frozenset(replaced(destination))
        results = collect(work, saved, destination, tag=experiment_id[:8], free=old)
        record = saved.model_copy(
            update={
                "status": "completed",
                "output_path": f"{stem}.bin",
                "files": dict(results.files),
                "artifacts": {name: artifact.sha256 for name, artifact in results.files.items()},
            }
        )
        _deliver(record, results, record_path, scratch, old)


def tree(folder):
    """Return every file below a folder that holds something, and what; a lock holds nothing."""
    files = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {path.relative_to(folder).as_posix(): content for path, content in files.items() if content}


def vouched(folder):
    """Return of `tree` what a claim of another pair may not touch."""
    under_way = {
        f".dissmodel-{path.name.removesuffix('.record.json')}/"
        for path in folder.glob("?.record.json")
        if store.read(path).status == "replacing"
    }
    return {
        name: content
        for name, content in tree(folder).items()
        if not name.startswith(".dissmodel-") or name.startswith(tuple(under_way))
    }


def claimed(record_path):
    with materialize.claim(record_path):
        pass


class Deliveries(RuleBasedStateMachine):
    """Two results in one folder, and files of someone else's."""

    @initialize()
    def begin(self):
        self.stack = contextlib.ExitStack()
        self.folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory())) / "out"
        self.folder.mkdir()
        self.version = 0
        # What may stand of each: nothing, or a version; more than one where a crash left it open.
        self.possible = {"r": [{}], "s": [{}]}
        self.written = set()
        self.strangers = {}

    def teardown(self):
        self.stack.close()

    @property
    def open_ends(self):
        return any(len(states) > 1 for states in self.possible.values())

    @rule(stem=STEMS, sides=SIDES, fault=FAULTS, count=st.integers(1, 60))
    def deliver(self, stem, sides, fault, count):
        self.version += 1
        experiment_id = f"{self.version:032x}"[::-1]
        names = [f"{stem}.bin", *sorted(sides)]
        contents = {name: f"{stem} {self.version} {name}".encode() for name in names}
        self.written |= set(contents.values())
        child = os.fork()
        if child == 0:
            code = 70
            try:
                fault_at(self.folder, count, fault)
                deliver(self.folder, stem, contents, experiment_id)
                code = DELIVERED
            except (DissmodelError, OSError):  # as a run, which makes a record of either
                code = FAILED
            finally:
                os._exit(code)
        code = os.WEXITSTATUS(os.waitpid(child, 0)[1])

        assert code in {"none": {0}, "dies": {0, 9}, "disk full": {0, 1}}[fault]
        new = {"id": experiment_id, "contents": set(contents.values())}
        was_open = len(self.possible[stem]) > 1
        if code == DELIVERED:
            self.possible[stem] = [new]
        elif code == DIED:
            self.possible[stem] = [*self.possible[stem], new]
        elif not was_open:
            # A failure, unlike a death, puts everything back at once.
            self.check_settled(stem)
        if fault == "none":
            self.check_settled(stem)
            self.settled()

    @rule(stem=STEMS)
    def look(self, stem):
        """Look at a record, as a command does that writes nothing."""
        record_path = self.folder / f"{stem}.record.json"
        before = tree(self.folder)
        if record_path.exists():
            record = open_record(record_path)[0]
            assert record.status == "completed" or "restores" in interruption(record_path, record)
        assert before == tree(self.folder)

    @rule(stem=STEMS)
    def settle(self, stem):
        """Settle one pair, as a command does that is about to write it."""
        record_path = self.folder / f"{stem}.record.json"
        materialize.settle(record_path)
        assert not record_path.exists() or store.read(record_path).status == "completed"

    @rule()
    def claim_another(self):
        """Claim another pair: no pair is touched by that."""
        before = vouched(self.folder)
        claimed(self.folder / "other.record.json")
        assert before == vouched(self.folder)

    @rule(stem=STEMS, forgery=st.sampled_from(["copied", "renamed", "forged", "over"]))
    def a_repository_is_cloned(self, stem, forgery):
        """Let a folder come that holds what this one does, or a forgery of it; nothing in it is moved."""
        clone = self.folder.with_name("clone")
        shutil.copytree(self.folder, clone)
        record_path = clone / f"{stem}.record.json"
        scratch = clone / f".dissmodel-{stem}"
        if forgery == "renamed":  # at the very same path, but for the numbers on the disk
            self.folder.rename(self.folder.with_name("away"))
            clone.rename(self.folder)
            clone, record_path = self.folder, self.folder / record_path.name
        elif forgery != "copied":
            (scratch / "old").mkdir(parents=True, exist_ok=True)
            (scratch / "old" / "0").write_text("evil")
            victim = next(
                (one for one in sorted(clone.iterdir()) if one.suffix in {".bin", ".txt"}), clone / "x"
            )
            new = {} if forgery == "over" or victim.name == "x" else {victim.name: sha256_file(victim)}
            table = Replacement(scratch=scratch.name, old={"0": f"{stem}.bin"}, new=new)
            store.write(ExperimentRecord(status="replacing", replacing=table), record_path)
        before = tree(clone)
        try:
            if record_path.exists() and store.read(record_path).status == "replacing":
                for way in (materialize.settle, claimed):
                    with pytest.raises(InvalidInput):
                        way(record_path)
                assert before == tree(clone)
            else:
                claimed(record_path)
                assert before == tree(clone)
        finally:
            if forgery == "renamed":
                shutil.rmtree(self.folder)
                self.folder.with_name("away").rename(self.folder)
            else:
                shutil.rmtree(clone)

    @rule(stem=STEMS)
    def recover_twice(self, stem):
        record_path = self.folder / f"{stem}.record.json"
        materialize.recover(record_path)
        assert not materialize.recover(record_path)

    @precondition(lambda self: not self.open_ends)
    @rule(name=st.sampled_from(["a.txt", "b.txt", "notes", "r.0000.record.json"]))
    def a_stranger_writes(self, name):
        path = self.folder / name
        if not path.exists():
            path.write_text(f"mine {name}")
            self.strangers[name] = f"mine {name}"

    def settled(self):
        """Check that after a command that writes it each pair is whole, and that nothing else is left."""
        for stem in self.possible:
            materialize.settle(self.folder / f"{stem}.record.json")
            with materialize.claim(self.folder / f"{stem}.record.json"):
                pass
            self.check_settled(stem)
        assert [] == [path.name for path in self.folder.iterdir() if path.name.startswith(".dissmodel-")]

    def check_settled(self, stem):
        record_path = self.folder / f"{stem}.record.json"
        stands = store.read(record_path) if record_path.exists() else None
        known = [
            state for state in self.possible[stem] if state.get("id") == (stands and stands.experiment_id)
        ]

        assert known, (stem, stands and stands.experiment_id, self.possible[stem])
        assert stands is None or "completed" == stands.status
        found = {
            path.read_bytes()
            for path in self.folder.iterdir()
            if path.is_file() and path.read_bytes().startswith(f"{stem} ".encode())
        }
        assert known[0].get("contents", set()) == found
        self.possible[stem] = known

    @invariant()
    def a_completed_record_tells_the_truth(self):
        for record_path in self.folder.glob("?.record.json"):
            if store.read(record_path).status == "completed":
                assert verify((record_path,)).ok

    @invariant()
    def a_final_name_never_holds_a_part(self):
        for path in self.folder.iterdir():
            if path.suffix in {".bin", ".txt"} and path.name not in self.strangers:
                assert path.read_bytes() in self.written

    @invariant()
    def what_is_someone_elses_is_left_alone(self):
        assert self.strangers == {name: (self.folder / name).read_text() for name in self.strangers}


def examples(count):
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large]
    return settings(max_examples=count, stateful_step_count=15, deadline=None, suppress_health_check=checks)


class TestDeliveries(Deliveries.TestCase):
    settings = examples(5)


@pytest.mark.slow
class TestManyDeliveries(Deliveries.TestCase):
    settings = examples(1500)
