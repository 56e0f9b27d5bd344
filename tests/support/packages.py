"""Wheels and projects that are written, not downloaded: nothing here needs a network."""

import base64
import hashlib
import subprocess
import zipfile
from pathlib import Path

from support.git import git

BACKEND = """
import os, time, zipfile
NAME, VERSION = {name!r}, {version!r}
MODULE = NAME.replace("-", "_")
INFO = f"{{MODULE}}-{{VERSION}}.dist-info"
def _write(folder, files):
    name = f"{{MODULE}}-{{VERSION}}-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as archive:
        for path, text in {{**files, f"{{INFO}}/METADATA": {metadata!r}, f"{{INFO}}/RECORD": "",
            f"{{INFO}}/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"}}.items():
            archive.writestr(path, text)
    return name
def build_wheel(folder, config_settings=None, metadata_directory=None):
    {hook}
    return _write(folder, {{f"{{MODULE}}/__init__.py": open(f"{{MODULE}}/__init__.py").read()}})
def build_editable(folder, config_settings=None, metadata_directory=None):
    {hook}
    return _write(folder, {{f"{{MODULE}}.pth": os.getcwd()}})
"""


def metadata(name, version, requires=()):
    lines = [f"Requires-Dist: {one}" for one in requires]
    return "\n".join(["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *lines, ""])


def make_wheel(folder, name, version, requires=(), files=None, extra_metadata=""):
    """Write a wheel as an index would have it."""
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    content = {f"{module}/__init__.py": f"version = {version!r}\n"} if files is None else dict(files)
    content[f"{info}/METADATA"] = metadata(name, version, requires) + extra_metadata
    content[f"{info}/WHEEL"] = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    lines = []
    for path, text in content.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        lines.append(f"{path},sha256={digest},{len(text.encode())}")
    content[f"{info}/RECORD"] = "\n".join([*lines, f"{info}/RECORD,,", ""])
    path = Path(folder) / f"{module}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name_, text in content.items():
            archive.writestr(zipfile.ZipInfo(name_, (2020, 1, 1, 0, 0, 0)), text)
    return path


def make_project(
    folder, name="coastal-flood", version="0.1.0", requires=(), *, toml="", build=(), hook="pass"
):
    """Write a project that needs no build tool."""
    module = folder / name.replace("-", "_")
    module.mkdir(parents=True, exist_ok=True)
    (module / "__init__.py").write_text(f"version = {version!r}\n", encoding="utf-8")
    (folder / "pyproject.toml").write_text(
        f'[project]\nname = "{name}"\nversion = "{version}"\ndependencies = {list(requires)!r}\n'
        f'[build-system]\nrequires = {list(build)!r}\nbuild-backend = "backend"\n'
        f'backend-path = ["."]\n{toml}',
        encoding="utf-8",
    )
    text = BACKEND.format(name=name, version=version, metadata=metadata(name, version, requires), hook=hook)
    (folder / "backend.py").write_text(text, encoding="utf-8")
    return folder


def commit(folder, tag=None):
    if not (folder / ".git").exists():
        git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "a state", "--allow-empty")
    if tag:
        git(folder, "tag", "-a", tag, "-m", tag)
    return git(folder, "rev-parse", "HEAD")


def says(environment, code):
    """Run a line of Python in an environment and return what it prints."""
    done = subprocess.run(
        [environment.python, "-I", "-c", code], capture_output=True, text=True, check=True, cwd="/"
    )
    return done.stdout.strip()
