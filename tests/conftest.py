"""What every test may use."""

import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import pytest

from support import skips
from support.cases import pytest_pycollect_makeitem
from support.skips import pytest_addoption, pytest_sessionfinish

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
NOBODY = 65534

__all__ = ["pytest_addoption", "pytest_pycollect_makeitem", "pytest_sessionfinish"]


@pytest.hookimpl(wrapper=True)
def pytest_collect_file():
    """Look for tests only in files of tests: there are no doctests, and to look loads every helper."""
    return [made for made in (yield) if type(made) is pytest.Module]


def pytest_collection_modifyitems(config, items):
    """Leave out the tests on the public data, which the project may not hold, where there are none."""
    if not DATA.is_dir():
        left_out = [item for item in items if "public_data" in item.fixturenames]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def pytest_terminal_summary(terminalreporter, config):
    skips.pytest_terminal_summary(terminalreporter, config)
    if not DATA.is_dir():
        terminalreporter.write_line("There is no ../shared/data: the tests on the public data are left out.")


@pytest.fixture(scope="session")
def public_data():
    """The folder of the public data; a test that asks for it is left out where there is none."""
    return DATA


@pytest.fixture(scope="session")
def shared(public_data):
    """Return the path of a file of the public data."""
    return public_data.joinpath


@pytest.fixture
def read_only_folder():
    """A folder that this process can't write to, also where it runs as root."""
    if sys.platform == "win32":
        pytest.skip("Windows has no read-only folders")
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o555)
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(NOBODY)
    yield folder
    if is_root:
        os.seteuid(0)
    folder.chmod(0o755)
    shutil.rmtree(folder)


@pytest.fixture(autouse=True, scope="session")
def _own_options():
    """Keep the options of this run from the runs that a test starts."""
    # Not before: a process that runs tests reads them too, and would measure no coverage.
    os.environ.pop("PYTEST_ADDOPTS", None)


@pytest.fixture(autouse=True, scope="session")
def _own_state(tmp_path_factory):
    """Keep the key for journals out of the home of whoever runs the tests."""
    before = os.environ.get("XDG_STATE_HOME")
    os.environ["XDG_STATE_HOME"] = str(tmp_path_factory.mktemp("state"))
    yield
    del os.environ["XDG_STATE_HOME"]
    if before is not None:
        os.environ["XDG_STATE_HOME"] = before


@pytest.fixture(autouse=True, scope="session")
def _own_interrupt():
    """Hear SIGINT, which a shell lets what runs in its background ignore, and all that is started there."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="session")
def _no_wait_for_the_disk():
    """Let what this process writes reach the disk at the system's leisure: no test cuts the power."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _file: None)
        yield


@pytest.fixture(autouse=True)
def _no_learned_secrets():
    """Forget the credentials that a test made up: a later test may have the same text for something else."""
    yield
    known = sys.modules.get("dissmodel.record.known_secrets")
    if known is not None:
        known._learned.clear()
