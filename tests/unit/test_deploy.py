"""What deploy/ holds: checked as far as that is possible without a container."""

import os
import re
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from ruamel.yaml import YAML

from dissmodel.config.keys import KEYS

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
PROGRAMS = Path(sys.executable).parent
REQUIRED = {"CONFIGS_REPO", "MINIO_ROOT_USER", "MINIO_ROOT_PASSWORD", "REDIS_PASSWORD", "API_KEYS"}
OURS = ("api", "worker")


@pytest.fixture(scope="module")
def compose():
    return YAML(typ="safe", pure=True).load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def dockerfile():
    """The instructions of the Dockerfile: (name, rest), with continued lines in one."""
    text = re.sub(r"^#.*\n", "", (DEPLOY / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    return [tuple(line.split(maxsplit=1)) for line in lines if line.strip()]


def test_the_compose_file_is_one():
    words = [
        PROGRAMS / "check-jsonschema",
        "--builtin-schema",
        "vendor.compose-spec",
        DEPLOY / "compose.yaml",
    ]
    said = subprocess.run(words, capture_output=True, text=True, check=False)

    assert 0 == said.returncode, said.stdout + said.stderr


@pytest.fixture
def config(tmp_path):
    """Return a function that gives what podman-compose makes of the file with some lines in .env."""
    if os.name == "nt":
        pytest.skip("the program that stands for podman is a script of a shell")
    podman = tmp_path / "podman"  # podman-compose asks for its version, and for nothing else
    podman.write_text("#!/bin/sh\necho 'podman version 5.0.0'\n")
    podman.chmod(0o755)

    def run(lines):
        env = tmp_path / "filled.env"
        env.write_text("\n".join(lines), encoding="utf-8")
        words = [PROGRAMS / "podman-compose", "--env-file", env, "-f", DEPLOY / "compose.yaml", "config"]
        environ = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "HOME": str(tmp_path)}
        return subprocess.run(words, env=environ, capture_output=True, text=True, check=False)

    return run


def example():
    return (DEPLOY / ".env.example").read_text(encoding="utf-8").splitlines()


def filled(lines):
    return [f"{line}filled-value" if re.fullmatch(r"[A-Z_]+=", line) else line for line in lines]


def test_the_example_of_an_env_works_once_it_is_filled(config):
    said = config(filled(example()))

    assert 0 == said.returncode, said.stderr
    found = YAML(typ="safe", pure=True).load(said.stdout)
    assert {"api", "worker", "redis", "minio"} == set(found["services"])
    api, worker = (found["services"][name] for name in OURS)
    assert "filled-value" == api["environment"]["CONFIGS_REPO"]
    assert {"API_KEYS", "CONFIGS_REPO"}.isdisjoint(worker["environment"])
    for name in ("REDIS_PASSWORD", "MINIO_SECRET_KEY"):
        assert "filled-value" == api["environment"][name] == worker["environment"][name]


@pytest.mark.parametrize("missing", sorted(REQUIRED))
def test_each_required_value_is_asked_for(config, missing):
    lines = [line for line in filled(example()) if not line.startswith(f"{missing}=")]

    said = config(lines)

    assert 0 != said.returncode
    assert f"required variable {missing} is missing" in said.stderr


def test_the_example_names_each_variable_and_no_other(compose):
    text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    used = set(re.findall(r"(?<!\$)\$\{([A-Z_]+)", text))
    named = {found[1] for line in example() if (found := re.match(r"#?([A-Z_]+)=", line))}
    required = {line.removesuffix("=") for line in example() if re.fullmatch(r"[A-Z_]+=", line)}

    assert used == named
    assert REQUIRED == required == set(re.findall(r"\$\{([A-Z_]+):\?", text))


def test_the_defaults_in_the_example_are_those_of_the_compose_file():
    text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    defaults = dict(re.findall(r"(?<!\$)\$\{([A-Z_]+):-([^}]*)\}", text))
    shown = dict(re.findall(r"^#([A-Z_]+)=(.*)$", "\n".join(example()), re.MULTILINE))

    assert set(defaults) == set(shown)
    for name, value in defaults.items():
        assert value in {shown[name], ""}, name


@pytest.mark.parametrize("service", OURS)
def test_each_variable_of_a_container_is_read_by_the_code(compose, service):
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "dissmodel").rglob("*.py"))
    variables = {key.variable for key in KEYS.values()}

    for name in compose["services"][service]["environment"]:
        assert name in variables or re.search(rf"""["']{name}["']""", code), name


def test_only_loopback_is_published_and_the_queue_is_not(compose):
    ports = {name: one.get("ports", []) for name, one in compose["services"].items()}

    assert all(port.startswith("127.0.0.1:") for found in ports.values() for port in found)
    assert [] == ports["redis"] == ports["worker"]


def test_our_containers_have_few_rights_and_a_worker_has_time_to_end(compose):
    for name in OURS:
        service = compose["services"][name]
        assert (["ALL"], ["no-new-privileges:true"]) == (service["cap_drop"], service["security_opt"])
    assert "60s" == compose["services"]["worker"]["stop_grace_period"]
    assert set(compose["volumes"]) == {
        volume.partition(":")[0] for one in compose["services"].values() for volume in one["volumes"]
    }


def test_each_command_of_a_container_is_one_of_ours(compose):
    for name in OURS:
        words = compose["services"][name]["command"]
        said = subprocess.run(
            [sys.executable, "-m", "dissmodel", words[0], "--help"],
            capture_output=True,
            text=True,
            check=False,
        )

        assert 0 == said.returncode
        assert [] == [word for word in words if word.startswith("--") and word not in said.stdout]


def test_no_secret_is_in_a_command(compose):
    for service in compose["services"].values():
        words = " ".join([*service.get("command", []), *service.get("entrypoint", [])])
        assert not re.search(r"(?<!\$)\$\{?[A-Z_]*(PASSWORD|KEY|SECRET)", words)


def test_the_dockerfile_copies_only_what_is_there_and_sent(dockerfile):
    ignore = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    sent = [line.removeprefix("!") for line in ignore if line.startswith("!")]
    copies = [rest.split() for name, rest in dockerfile if name == "COPY" and "--from" not in rest]

    assert copies
    for *sources, _target in copies:
        for source in sources:
            assert (ROOT / source).exists(), source
            assert any(fnmatch(source, pattern) for pattern in sent), source
    assert "*" in ignore


def test_the_image_runs_as_a_user_without_rights_and_is_pinned(dockerfile):
    users = [rest for name, rest in dockerfile if name == "USER"]
    bases = [rest.split()[0] for name, rest in dockerfile if name == "FROM"]
    installs = [
        one for name, rest in dockerfile if name == "RUN" for one in rest.split("&&") if "pip install" in one
    ]

    assert ["1000"] == users
    assert 1 == len(set(bases))
    assert re.fullmatch(r"python:3\.\d+-slim-\w+", bases[0])
    assert all("--require-hashes" in one or "--no-index" in one for one in installs)
    assert ('["dissmodel"]',) == tuple(rest for name, rest in dockerfile if name == "ENTRYPOINT")
    last = max(number for number, (name, _) in enumerate(dockerfile) if name == "FROM")
    assert "USER" in [name for name, _ in dockerfile[last:]]


def locked(name):
    text = (DEPLOY / name).read_text(encoding="utf-8")
    entries = re.split(r"\n(?=\S)", text.replace("\\\n", " ").strip())
    return {re.match(r"([\w.-]+)==([^\s;]+)", one)[1].lower(): one for one in entries}


@pytest.mark.parametrize("name", ["requirements.lock", "build.lock"])
def test_each_package_of_a_lock_has_its_hashes(name):
    for entry in locked(name).values():
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry
        assert "http" not in entry


def test_the_lock_has_what_pyproject_needs_in_versions_that_it_admits():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lines = [*project["project"]["dependencies"], *project["project"]["optional-dependencies"]["service"]]
    found = locked("requirements.lock")

    for requirement in map(Requirement, lines):
        entry = found[requirement.name.lower()]
        assert requirement.specifier.contains(re.match(r"[\w.-]+==([^\s;]+)", entry)[1]), entry
    (build,) = map(Requirement, project["build-system"]["requires"])
    assert build.specifier.contains(re.match(r"[\w.-]+==([^\s;]+)", locked("build.lock")[build.name])[1])
