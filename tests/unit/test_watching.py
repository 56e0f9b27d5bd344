"""Who sees progress, and how consent is asked for."""

import warnings

import pytest

from dissmodel.consent import Consent
from dissmodel.errors import ConsentRequired, DissmodelWarning, UsageError
from dissmodel.progress import Heard, current, reporting
from dissmodel.watching import Lines, call_reporter, paused, with_consent


def needs(*whats):
    """Return work that needs consent for one of these after the other, and what it was called with."""
    calls = []

    def act(consent):
        calls.append(consent)
        what = whats[min(len(calls), len(whats)) - 1]
        if not consent.yes and what not in consent.agreed:
            error = ConsentRequired(f"{what} would be installed.", "A hint.")
            error.what = what
            raise error
        return what

    return act, calls


def test_consent_is_for_what_was_shown_only():
    act, calls = needs("coast 1", "coast 2")
    asked = []

    def ask(error):
        asked.append(error.what)
        return True

    assert "coast 2" == with_consent(act, Consent(ask=ask))
    assert ["coast 1", "coast 2"] == asked  # the package was another when it was to be installed
    assert [set(), {"coast 1"}, {"coast 1", "coast 2"}] == [set(one.agreed) for one in calls]


def test_no_ends_it():
    act, calls = needs("coast 1")

    with pytest.raises(ConsentRequired) as error:
        with_consent(act, Consent(ask=lambda _: False))

    assert ("A hint.", 1) == (error.value.hint, len(calls))


def test_what_was_consented_to_and_does_not_help_is_not_asked_again():
    def act(_consent):
        error = ConsentRequired("coast 1 would be installed.")
        error.what = "coast 1"
        raise error

    asked = []
    with pytest.raises(ConsentRequired):
        with_consent(act, Consent(ask=lambda error: asked.append(error) or True))

    assert 1 == len(asked)


def test_yes_asks_nothing():
    act, calls = needs("coast 1")

    assert "coast 1" == with_consent(act, Consent(yes=True))
    assert 1 == len(calls)


def test_the_progress_is_paused_while_a_person_is_asked():
    seen = []

    class Watched(Lines):
        def paused(self):
            seen.append("paused")
            return super().paused()

    act, _ = needs("coast 1")
    with reporting(Watched()):
        with_consent(act, Consent(ask=lambda _: seen.append("asked") or True))
        with paused():  # as for the passphrase of a key
            seen.append("passphrase")

    assert ["paused", "asked", "paused", "passphrase"] == seen


def called(message, error=None):
    with call_reporter() as reporter:
        reporter.warn(message)
        if error is not None:
            raise error


def test_a_warning_is_one_of_python_at_the_caller_s_line():
    with pytest.warns(DissmodelWarning, match="mind the tide") as caught:
        called("mind the tide")

    assert __file__ == caught[0].filename


def test_a_warning_in_a_terminal_is_one_line():
    with pytest.warns(DissmodelWarning) as caught:
        called("mind\x1b[2J\nthe tide")

    assert r"mind\x1b[2J\nthe tide" == str(caught[0].message)


def test_a_warning_hides_no_error():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UsageError, match="no such tide"):
            called("mind the tide", UsageError("no such tide"))
        with pytest.raises(DissmodelWarning, match="mind the tide"):
            called("mind the tide")


def test_the_reporter_in_use_is_the_one_that_hears():
    with reporting(Heard()) as heard:
        called("mind the tide")
        with call_reporter() as reporter:
            assert current() is reporter is heard

    assert ["mind the tide"] == heard.warnings
