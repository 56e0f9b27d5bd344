"""Parametrizations of which the fast tests run the most telling cases, and `.ci/slow` the others."""

import pytest


def mostly_slow(cases, *fast):
    """Return the cases for `parametrize`, each marked slow that `fast` doesn't name.

    Cases of a mapping are named, and get their ids, by its keys; a tuple is several arguments.
    """
    unknown = set(fast) - set(cases)
    assert not unknown, f"no such cases: {unknown}"
    marks = {case: () if case in fast else pytest.mark.slow for case in cases}
    if isinstance(cases, dict):
        return [pytest.param(*_arguments(cases[name]), id=name, marks=marks[name]) for name in cases]
    return [pytest.param(*_arguments(case), marks=marks[case]) for case in cases]


def _arguments(case):
    return case if isinstance(case, tuple) else (case,)


@pytest.hookimpl(wrapper=True)
def pytest_pycollect_makeitem():
    """Mark the cases of a test slow that its mark `fast_cases` doesn't name by their ids."""
    made = yield
    tests = made if isinstance(made, list) else []
    for mark in tests[0].iter_markers("fast_cases") if tests else ():
        unknown = set(mark.args) - {test.callspec.id for test in tests}
        assert not unknown, f"{tests[0].nodeid}: no such cases: {unknown}"
        for test in tests:
            if test.callspec.id not in mark.args:
                test.add_marker(pytest.mark.slow)
    return made
