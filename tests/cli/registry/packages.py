"""Packages with a model in them, and an index that is a folder: nothing here needs a network."""

import importlib.metadata
import sysconfig
from pathlib import Path

from packaging.requirements import Requirement

from support.git import git
from support.packages import commit, make_project, make_wheel

# What the model does is a parameter, so that one installation shows it all.
MODEL = '''
import os, signal, subprocess, sys, time
from pathlib import Path
from pydantic import BaseModel, ConfigDict, Field
from dissmodel.executor import ModelExecutor


class Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")
    do: str = Field(default="well", description="What it does")
    end_time: int = Field(default=10, ge=1, json_schema_extra={"unit": "step"})


class Flood(ModelExecutor):
    """A flood, or a crash."""

    name = "flood"
    output_suffix = ".bin"
    Parameters = Asked

    def load(self, record):
        return Path(record.source.uri).read_bytes()

    def run(self, data, record):
        print("the model says hello")
        print("and complains", file=sys.stderr)
        record.metrics["noted"] = 1
        record.metrics["variables"] = sorted(os.environ)
        match record.parameters["do"]:
            case "segfault":
                os.kill(os.getpid(), signal.SIGSEGV)
            case "exit":
                os._exit(7)
            case "memory":
                import resource
                resource.setrlimit(resource.RLIMIT_AS, (1 << 31, 1 << 31))
                bytearray(1 << 40)
            case "hang":
                started = subprocess.Popen(["sh", "-c", "trap '' INT TERM; sleep 600"])
                Path("pids.new").write_text(f"{os.getpid()} {started.pid}")
                Path("pids.new").rename("pids")
                time.sleep(600)
        return data

    def save(self, result, record):
        Path(record.output_path).write_bytes(result)
        record.output_sha256 = self._sha256(record.output_path)
        return record
'''


def fill(folder):
    """Put into an index all that dissmodel needs: names of it, and a line that leads to what is installed.

    These are links to the modules alone, so that an environment has no package that it was not given.
    """
    modules = folder / "modules"
    modules.mkdir()
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if path.suffix not in {".dist-info", ".egg-info", ".pth"} and path.name != "dissmodel":
            (modules / path.name).symlink_to(path)
    for text in importlib.metadata.requires("dissmodel") or ():
        one = Requirement(text)
        if one.marker is None or "pysal" in str(one.marker):
            files = {"shared.pth": f"{modules}\n"} if one.name == "affine" else {}
            make_wheel(folder, one.name, importlib.metadata.version(one.name), files=files)
    return folder


def publish(folder, name="coastal-flood", version="0.1.0", model=MODEL, **more):
    """Write a project with a model, commit and tag it; return its commit."""
    make_project(folder, name, version, **more)
    (folder / name.replace("-", "_") / "__init__.py").write_text(model, encoding="utf-8")
    return commit(folder, f"v{version}")


__all__ = ["MODEL", "commit", "fill", "git", "make_project", "make_wheel", "publish"]
