"""What a page's blocks need before they run, and why some do not run.

The key of a block is its page and the beginning of its text; an empty beginning stands for each block.
"""

COAST = "python examples/coast/make_coast.py --output grid.zip"
CELLS = "python examples/coast/make_coast.py --rows 60 --cols 80 --output cells.gpkg"
RESULT = f"{COAST}; dissmodel run coastal_raster --input grid.zip --output result.tif --param end_time=5 -q"
ISLAND = "python examples/fire/make_fire.py --rows 20 --cols 25 --output "
BURNT = "dissmodel run fire_spread -i forest.tif -o burnt.tif --param end_time=10 --seed 1 -q"
JUDGED = "python -c 'import sys; from support.page_inputs import judged; judged(*sys.argv[1:])' "
TOWN = "python -c 'from support.page_inputs import town; town()'"

BEFORE = {
    "README.md": f"{RESULT} --preview",
    "docs/calibration.md": f"{ISLAND} forest.tif; {BURNT}",
    "docs/cells.md": TOWN,
    "docs/citing.md": RESULT,
    "docs/coastal.md": f"{COAST}; {CELLS}",
    "docs/exports.md": RESULT,
    "docs/land_use.md": "python -c 'from support.page_inputs import region; region()'",
    "docs/land-use-tables.md": "python -c 'from support.page_inputs import observed; observed()'",
    "docs/land-use-validation.md": f"{JUDGED}use observed_2010 observed_2020 result",
    "docs/maps.md": COAST,
    "docs/metrics.md": f"{JUDGED}use start observed simulated",
    "docs/plans.md": f"{ISLAND} grid.tif",
    "docs/push.md": RESULT,
    "docs/python.md": COAST,
    "docs/reference/record-schema.md": RESULT,
    "docs/report.md": RESULT,
    "docs/reproduce.md": f"{TOWN}; mv town.tif in.tif; mv growth.py model.py",
    "docs/signatures.md": f"""{RESULT}; mkdir -p ~/.ssh; ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/id_ed25519
echo "ana@example.org $(cat ~/.ssh/id_ed25519.pub)" > signers""",
    "docs/sweep-summary.md": f"{ISLAND} forest.tif",
    "docs/sweep.md": f"{ISLAND} forest.tif",
}
"""Commands that make what a page's own commands read, by scripts of the examples where there is one."""

MAPS = "from support.page_inputs import maps; globals().update(maps())"
BEFORE_BLOCK = {
    ("docs/land-use-tables.md", "made = dissmodel.run("): (
        "import dissmodel, glob, os; [os.remove(path) for path in glob.glob('[dp]*.*')]"
    ),
    ("docs/python.md", "from dissmodel import metrics"): MAPS,
    ("docs/sweep.md", "made = dissmodel.sweep("): "import dissmodel, shutil; shutil.rmtree('fires')",
}
"""Python before a block: names that it takes for granted, and an earlier result out of its way."""

EXITS = {"dissmodel record diff faster.record.json again.record.json": 4}
"""Commands that do not end with 0, and what they end with."""

SERVER = "needs a server, or containers; tests/service starts the same API and workers"
NETWORK = "needs a host on the network; tests/cli/remote and tests/cli/registry start hosts here"
CLUSTER = "needs a cluster of several machines; tests/cluster starts one"
PART = "is a part of a model's class, for its reader to put into a model"

NOT_RUN = {
    ("README.md", "python3 -m venv .venv"): ".ci/run runs both commands as they stand",
    ("README.md", "dissmodel registry sync --repo https://host"): NETWORK,
    ("README.md", "dissmodel serve"): SERVER,
    ("docs/README.md", "python3 -m venv .venv"): ".ci/run installs the wheel in new environments",
    (
        "docs/cells.md",
        "dissmodel run coastal_raster",
    ): "needs other codes; tests/cli/test_class_map.py has them",
    ("docs/cells.md", "self.next.built[ready] = 1"): PART,
    ("docs/cells.md", "cell, other = cells.links"): PART,
    ("docs/cells.md", "def validate(self"): PART,
    ("docs/cells.md", "demand: Table"): PART,
    ("docs/client.md", ""): "needs a server; tests/client starts the same",
    ("docs/cluster.md", ""): CLUSTER,
    ("docs/environments.md", "dissmodel env list"): "needs an environment; tests/cli/test_env.py makes one",
    ("docs/http.md", ""): SERVER,
    ("docs/inputs.md", ""): "shows the forms of three models; tests/cli/test_inputs.py runs these forms",
    ("docs/ogc.md", ""): SERVER,
    ("docs/platform.md", ""): SERVER,
    ("docs/push.md", "dissmodel push result"): "needs a bucket; tests/cli/test_push_s3.py has one",
    ("docs/remote.md", ""): NETWORK,
    (
        "docs/signatures.md",
        "ssh-keygen -Y verify",
    ): "names a file after a run; tests/cli/test_sign.py checks it",
    ("docs/storage.md", "from dissmodel.storage.testing"): "is the frame of a test, for its writer to fill",
    ("examples/land_use/README.md", ""): "tells of changes by hand, which tests/cli/test_examples.py makes",
}
"""Blocks that no test runs as they stand, and why."""
