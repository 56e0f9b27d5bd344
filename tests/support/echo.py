"""A model for tests of the service: it copies its input, and does on the way what it is told."""

MODEL = '''
"""A model that copies its input."""
import ctypes, json, os, subprocess, sys, time
from pathlib import Path
from pydantic import BaseModel, ConfigDict
from dissmodel import progress
from dissmodel.executor import ModelExecutor


class Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")
    do: str = "copy"
    pause: float = 0.0
    note: str = ""


class Echo(ModelExecutor):
    """It copies its input."""

    name = "echo"
    output_suffix = ".bin"
    Parameters = Asked

    def load(self, record):
        return Path(record.source.uri).read_bytes()

    def run(self, data, record):
        asked = record.parameters
        note = asked["note"]
        if note:
            with open(note, "a") as log:
                log.write(f"{os.getpid()} {time.time()}\\n")
        print("the model says hello")
        os.write(2, b"and a library complains\\n")
        match asked["do"]:
            case "segfault":
                ctypes.string_at(0)
            case "fail":
                raise RuntimeError("the sea is too high")
            case "memory":
                bytearray(3 << 30)
            case "environment":
                for name, value in sorted(os.environ.items()):
                    print(f"variable {name}={value}")
                print("home: " + json.dumps(sorted(os.listdir(Path.home()))))
            case "leave":
                print("left", subprocess.Popen(["sleep", "600"]).pid)
            case "stubborn":
                import signal
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
            case "forge":
                end = b'{"end":{"record":"/etc/passwd"}}'
                for number in range(3, 30):
                    try:
                        os.write(number, b'{"phase":1}\\n[]\\n' + end + b"\\n")
                    except OSError:
                        pass
            case "surrogate":
                progress.current().output("half of a character: \\ud83d")
                raise RuntimeError("half of a character: \\ud83d")
            case "random":
                data = os.urandom(16)
            case "disk":
                raise OSError(28, "No space left on device")
        until = time.monotonic() + asked["pause"]
        steps = max(1, int(asked["pause"] * 10))
        for number in range(1, steps + 1):
            progress.current().step(number, steps)
            while time.monotonic() < until - (steps - number) * 0.1:
                time.sleep(0.01)
        return data

    def save(self, result, record):
        Path(record.output_path).write_bytes(result)
        record.output_sha256 = self._sha256(record.output_path)
        return record
'''


def install(folder):
    """Write the model into a folder as an installed package has it."""
    (folder / "echo_model.py").write_text(MODEL)
    info = folder / "echo_model-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: echo-model\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[dissmodel.executors]\necho = echo_model:Echo\n")
    (info / "RECORD").write_text("echo_model.py,,\n")
    return folder
