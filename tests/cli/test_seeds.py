"""Random numbers of a model: without a seed that was given, one is drawn, said and recorded."""

import json
import random
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dissmodel.record import store
from support.cases import mostly_slow

SEED = re.compile(r"The model draws random numbers; its seed was drawn: (\d+)\. The same again: --seed \1\n")

DRAWS = {
    "Python's": ("import random", "return str(random.random()).encode()"),
    "NumPy's": ("import numpy as np", "return np.random.random(4).tobytes()"),
    "NumPy's, imported in the run": ("", "import numpy; return numpy.random.random(4).tobytes()"),
    "default_rng()": ("import numpy as np", "return np.random.default_rng().random(4).tobytes()"),
    "default_rng(None), twice": (
        "from numpy.random import default_rng",
        "return default_rng(None).random(4).tobytes() + default_rng(seed=None).random(4).tobytes()",
    ),
    "a generator of the module": (
        "import numpy as np\ntry:\n    rng = np.random.default_rng()\nfinally: pass",
        "return rng.random(4).tobytes()",
    ),
    "a generator of a neighbour": ("import neighbour", "return neighbour.Kept.rng.random(4).tobytes()"),
}
NO_DRAWS = {
    "none": ("", "return b'same'"),
    "a generator that is not used": (
        "import numpy as np\nrng = np.random.default_rng()\nfrom numpy.random import default_rng",
        "return b'same'",
    ),
    "a generator of a program": (
        "import numpy as np\nif __name__ == '__main__':\n    rng = np.random.default_rng()",
        "return b'same'",
    ),
    "its own seed": (
        "import random, numpy as np\nrng = np.random.default_rng(2**100 + 1)",
        "return str((random.Random(1).random(), np.random.default_rng(2).random(), rng.random())).encode()",
    ),
}


@pytest.fixture
def drawing(dissmodel, executor_file):
    """Return a function that runs a model: its exit code, what it said, its record and its bytes."""
    Path("in.bin").write_bytes(b"in")

    def run(head, body, *words, name="out"):
        model = executor_file(head=head, run=body)
        (model.parent / "neighbour.py").write_text(
            "import numpy\n\nclass Kept:\n    rng = numpy.random.default_rng()\n"
        )
        said = dissmodel("run", model, "-i", "in.bin", "-o", f"{name}.bin", "--overwrite", *words)
        record = json.loads(Path(f"{name}.record.json").read_text())
        return said, record, Path(f"{name}.bin").read_bytes(), model

    return run


@pytest.mark.parametrize(
    "draws", mostly_slow([*DRAWS], "Python's", "default_rng(None), twice", "a generator of a neighbour")
)
def test_what_was_drawn_without_a_seed_is_drawn_again(drawing, dissmodel, draws):
    said, record, drawn, model = drawing(*DRAWS[draws])
    again = dissmodel("reproduce", "out.record.json", "--model", model)
    _, _, seeded, _ = drawing(*DRAWS[draws], "--seed", record["seed"], name="seeded")

    assert (0, str(record["seed"])) == (said.code, SEED.search(said.err)[1])
    assert ("drawn", {}) == (record["parameter_origin"]["seed"], record["parameters"])
    assert (0, "identical-file") == (again.code, again.out.partition(":")[0])
    assert SEED.search(again.err) is None
    assert drawn == seeded


@pytest.mark.parametrize("draws", mostly_slow([*NO_DRAWS], "a generator that is not used", "its own seed"))
def test_a_run_without_such_draws_has_no_seed(drawing, draws):
    said, record, first, _ = drawing(*NO_DRAWS[draws])
    _, given, second, _ = drawing(*NO_DRAWS[draws], "--seed", "7", name="given")

    assert (0, None, {}) == (said.code, record["seed"], record["parameter_origin"])
    assert SEED.search(said.err) is None
    assert "has no seed" not in said.err
    assert 7 == given["seed"]
    if draws != "its own seed":
        assert first == second


def test_a_seed_that_is_given_reaches_every_generator(drawing):
    head = "import random, numpy as np"
    body = (
        "return np.array([random.random(), np.random.random(), np.random.default_rng().random()]).tobytes()"
    )

    said, record, drawn, _ = drawing(head, body, "--seed", 3)

    assert (3, None) == (record["seed"], SEED.search(said.err))
    rng = np.random.default_rng(np.random.SeedSequence(3, spawn_key=(0,)))
    assert [random.Random(3).random(), np.random.RandomState(3).random(), rng.random()] == np.frombuffer(
        drawn
    ).tolist()


def test_generators_that_no_seed_reaches_are_warned_of(drawing):
    head = "import numpy as np\ndef draw(rng=np.random.default_rng()): return rng.random(4).tobytes()"

    said, record, _, _ = drawing(head, "return draw()")

    assert "mine.py, line 4: the generator of default_rng() has no seed" in said.err
    assert "Call default_rng() in a method of the model." in said.err
    assert record["seed"] is None


def test_each_run_draws_its_own_seed(drawing):
    assert drawing(*DRAWS["Python's"])[1]["seed"] != drawing(*DRAWS["Python's"])[1]["seed"]


def test_a_run_that_fails_has_its_seed(dissmodel, executor_file):
    Path("in.bin").write_bytes(b"in")
    model = executor_file(head="import random", run="random.random(); raise ValueError('after a draw')")
    said = dissmodel("run", model, "-i", "in.bin", "-o", "out.bin")
    (path,) = Path().glob("out.*.record.json")

    assert SEED.search(said.err)[1] == str(json.loads(path.read_text())["seed"])


def test_a_model_can_not_say_which_seed_it_had(drawing):
    _, record, _, _ = drawing("", "record.seed = 99; record.parameters['seed'] = 99; return data")

    assert (None, {}) == (record["seed"], record["parameters"])


def test_a_parameter_seed_of_the_model_is_the_seed(drawing):
    head = "import random"
    body = "return str((record.parameters['seed'], random.random())).encode()"
    said, record, drawn, _ = drawing(head, body, "--param", "seed=5")

    assert (5, {"seed": 5}, "command line") == (
        record["seed"],
        record["parameters"],
        record["parameter_origin"]["seed"],
    )
    assert (None, str((5, random.Random(5).random()))) == (SEED.search(said.err), drawn.decode())


def test_a_run_leaves_the_generators_of_its_caller(drawing):
    def state():
        legacy = np.random.get_state()  # noqa: NPY002  (the global generator is what this is about)
        return random.getstate(), legacy[1].tolist(), legacy[2:], np.random.default_rng

    before = state()

    drawing("import random, numpy as np", "return str((random.random(), np.random.random())).encode()")
    drawing("import numpy as np", "np.random.set_bit_generator(np.random.PCG64(1)); return b''")

    assert before == state()


def test_a_run_of_its_own_process_loads_no_numpy_for_it(dissmodel, executor_file):
    Path("in.bin").write_bytes(b"in")
    model = executor_file(head="import random", run="return str(random.random()).encode()")
    program = (
        "import sys; from dissmodel.cli.app import main\n"
        f"sys.argv = ['dissmodel', 'run', {str(model)!r}, '-i', 'in.bin', '-o', 'out.bin', *sys.argv[1:]]\n"
        "try: main()\n"
        "finally: print('numpy' in sys.modules)"
    )

    def run(*words):
        command = [sys.executable, "-c", program, *words]
        return subprocess.run(command, capture_output=True, text=True, check=True)

    said = run()
    record = store.read(Path("out.record.json"))
    drawn = Path("out.bin").read_bytes()
    given = run("--seed", str(record.seed), "--overwrite")

    assert (str(record.seed), "drawn") == (SEED.search(said.stderr)[1], record.parameter_origin["seed"])
    assert "False" == said.stdout.splitlines()[-1] == given.stdout.splitlines()[-1]
    assert drawn == Path("out.bin").read_bytes()
