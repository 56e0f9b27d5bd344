"""Python, packages and programs."""

import sys
import threading

import pytest

from dissmodel.doctor import interpreter, programs
from dissmodel.doctor.report import TimedCheck, findings_of


def distribution(folder, name, version):
    """Let a package seem installed in that version."""
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8"
    )


def test_a_package_that_is_too_old_is_named_with_the_command(look, tmp_path, monkeypatch):
    distribution(tmp_path, "numpy", "1.19")
    monkeypatch.syspath_prepend(tmp_path)

    ((severity, message, hint),) = look(interpreter.look_at_packages)

    assert "error" == severity
    assert "numpy is 1.19, and dissmodel needs >=2.0" == message
    assert 'python -m pip install "numpy>=2.0"' == hint


def test_a_dissmodel_that_is_not_the_one_that_is_installed_is_a_warning(look, tmp_path, monkeypatch):
    distribution(tmp_path, "dissmodel", "0.0.1")
    monkeypatch.syspath_prepend(tmp_path)

    ((severity, message, _),) = look(interpreter.look_at_dissmodel)

    assert "warning" == severity
    assert "what is installed says 0.0.1" in message


def test_a_dissmodel_that_was_never_installed_is_an_error(look, monkeypatch):
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(sys, "meta_path", [one for one in sys.meta_path if "ditable" not in repr(one)])

    ((severity, message, hint),) = look(interpreter.look_at_dissmodel)

    assert "error" == severity
    assert "never installed" in message
    assert hint.startswith("Install it: python -m pip install /")
    assert [] == look(interpreter.look_at_packages)


@pytest.mark.parametrize("check", [programs.look_at_git, programs.look_at_ssh_keygen])
def test_a_program_that_is_missing_is_a_warning_with_where_to_get_it(look, tmp_path, monkeypatch, check):
    monkeypatch.setenv("PATH", str(tmp_path))

    ((severity, message, hint),) = look(check)

    assert "warning" == severity
    assert message.startswith("not installed: ")
    assert hint.startswith("Install ")


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("print('git version 2.17.1')", "2.17.1, and a sync needs 2.29"),
        ("print('git version x')", "git --version says: git version x"),
        ("sys.exit('no libcurl')", "git --version says: no libcurl"),
        ("time.sleep(60)", "gave no answer within 1 s"),
    ],
)
def test_a_git_that_is_old_broken_or_silent_is_a_warning(look, program, monkeypatch, source, why):
    monkeypatch.setattr(programs, "SECONDS", 1.0)
    program("git", source)

    ((severity, message, _),) = look(programs.look_at_git)

    assert "warning" == severity
    assert why in message


def test_a_git_that_can_t_be_started_is_an_error_without_a_traceback(look, program, tmp_path):
    program("git", "")
    (tmp_path / "bin" / "git").write_bytes(b"\x7fELF none")

    ((severity, message, _),) = look(programs.look_at_git)

    assert "warning" == severity
    assert "git --version says: " in message


def test_an_ssh_keygen_without_signatures_is_too_old(look, program):
    program("ssh-keygen", "sys.exit('unknown option -- Y')")

    ((severity, message, _),) = look(programs.look_at_ssh_keygen)

    assert ("warning", "it is too old: signatures need OpenSSH 8.2") == (severity, message)


def test_a_uv_that_is_broken_is_an_error(look, on_path):
    on_path(uv="raise SystemExit('no binary')")

    ((severity, message, hint),) = look(programs.look_at_uv)

    assert "error" == severity
    assert "python -m uv says: no binary" in message
    assert "python -m pip install --force-reinstall uv" == hint


def test_a_uv_without_a_command_is_an_error(look, on_path):
    folder = on_path(other="")
    (folder / "uv").mkdir()
    (folder / "uv" / "__init__.py").touch()

    ((severity, message, _),) = look(programs.look_at_uv)

    assert "error" == severity
    assert "python -m uv says: " in message


def test_a_check_that_hangs_leaves_what_it_found_and_the_others():
    def stuck(found):
        found.add("ok", "half")
        threading.Event().wait(30)

    def away(found):
        raise FileNotFoundError(2, "No such file or directory", "/there")

    found = findings_of([TimedCheck("slow", stuck, 0.2), TimedCheck("quick", away)])

    assert [
        ("ok", "slow", "half"),
        ("warning", "slow", "no answer within 0.2 s"),
        ("error", "quick", "/there: No such file or directory"),
    ] == [(one.severity, one.subject, one.message) for one in found]


def test_a_bug_in_a_check_is_no_finding():
    def wrong(found):
        raise TypeError("a bug")

    with pytest.raises(TypeError, match="a bug"):
        findings_of([TimedCheck("it", wrong)])


def test_a_32_bit_python_is_no_good(look, monkeypatch):
    monkeypatch.setattr(sys, "maxsize", 2**31 - 1)

    ((severity, message, _),) = look(interpreter.look_at_python)

    assert "error" == severity
    assert "32 bits" in message
