"""A budget of skipped tests: `--max-skips 8` fails where more are skipped, or one without a reason."""

import pytest


def pytest_addoption(parser):
    parser.addoption("--max-skips", type=int, metavar="N", help="fail if more tests are skipped than N")


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session, exitstatus):
    if exitstatus == pytest.ExitCode.OK and _overspent(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter, config):
    for line in _overspent(config):
        terminalreporter.write_line(f"ERROR {line}", red=True)


def _overspent(config):
    """Return what is wrong with the skipped tests, a line each."""
    budget = config.getoption("--max-skips")
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if budget is None or reporter is None:  # a worker
        return []
    skipped = reporter.stats.get("skipped", [])
    wrong = [f"{report.nodeid} is skipped without a reason" for report in skipped if not _reason(report)]
    if len(skipped) > budget:
        wrong.append(f"{len(skipped)} tests are skipped; --max-skips is {budget}")
    return wrong


def _reason(report):
    return report.longrepr[2].removeprefix("Skipped").removeprefix(": ").removesuffix("unconditional skip")
