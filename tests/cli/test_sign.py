"""`dissmodel record sign`, `record verify --allowed-signers`, and statements beside a record."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from dissmodel.errors import Differs, UsageError
from dissmodel.experiment.attest import attest
from dissmodel.record import ExperimentRecord, Reproduction, store
from dissmodel.record.digest import record_digest, sha256_file

pytestmark = pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="OpenSSH is not installed")

RECORDS = Path(__file__).resolve().parents[1] / "data" / "records"
IDS = {"ana": "ana of coast", "bo": "bo of the tide office"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Keys of two people, and a result with its record as a run would leave it."""
    folder = tmp_path_factory.mktemp("made")
    for name, comment in IDS.items():
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", name]
        subprocess.run(words, cwd=folder, check=True)
        (folder / f"{name}.allowed").write_text(f"{name}@example.org {(folder / f'{name}.pub').read_text()}")
    both = "".join((folder / f"{name}.allowed").read_text() for name in IDS)
    (folder / "both.allowed").write_text(both)
    return folder


@pytest.fixture
def here(dissmodel, made):
    for path in made.iterdir():
        shutil.copy(path, path.name)
    Path("result.tif").write_bytes(b"the result")
    seal(Path("result.record.json"), experiment_id="1a2b3c4d" * 4)
    return Path()


def seal(path, **changes):
    """Write a record of `result.tif`, with a digest that fits."""
    sum_ = sha256_file("result.tif")
    files = {"output": {"path": "result.tif", "size": Path("result.tif").stat().st_size, "sha256": sum_}}
    store.write(
        ExperimentRecord(
            **{
                "model_name": "coast",
                "status": "completed",
                "artifacts": {"output": sum_},
                "files": files,
                **changes,
            }
        ),
        path,
    )


def repetition(verdict="identical-file", **changes):
    """Return the record of a run that repeats the one here."""
    digest = json.loads(Path("result.record.json").read_text())["record_digest"]
    reproduction = Reproduction(
        record_digest=digest, verdict=verdict, artifacts={"output": {"verdict": verdict, "parts": []}}
    )
    golden = store.read(RECORDS / "v1" / "full.json")
    ours = {"experiment_id": "9f8e7d6c" * 4, "reproduces": "1a2b3c4d" * 4, "reproduction": reproduction}
    return golden.model_copy(update={**ours, **changes})


def verdict_of(said, name="signature"):
    return [check["verdict"] for check in said.json["checks"] if check["name"] == name]


@pytest.mark.usefixtures("here")
def test_a_record_is_signed_and_the_signature_says_whose_it_is(dissmodel):
    plain = dissmodel("record", "verify", "result.record.json")
    said = dissmodel("record", "sign", "result.record.json", "--key", "ana")
    unlisted = dissmodel("record", "verify", "result.record.json")
    good = dissmodel("record", "verify", "result.record.json", "--allowed-signers", "both.allowed")
    other = dissmodel("record", "verify", "result.record.json", "--allowed-signers", "bo.allowed", "--json")

    assert (0, "") == (said.code, said.err)
    assert said.out.startswith("result.record.json.sig  (SHA256:")
    assert said.out.endswith(" ana of coast)\n")
    assert "signature" not in plain.out
    assert (0, 0, 4) == (unlisted.code, good.code, other.code)
    assert "not checked  signature  result.record.json.sig  (--allowed-signers FILE" in unlisted.out
    assert "ok           signature  result.record.json.sig  (ana@example.org)\n" in good.out
    assert ["differs"] == verdict_of(other)


@pytest.mark.usefixtures("here")
def test_quiet_and_json(dissmodel):
    quiet = dissmodel("record", "sign", "result.record.json", "--key", "ana", "-q")
    said = dissmodel("record", "sign", "result.record.json", "--key", "ana", "--json")

    assert (0, "", "") == (quiet.code, quiet.out, quiet.err)
    assert {"schema_version", "record", "signature", "key"} == said.json.keys()
    assert "ana of coast" == said.json["key"]["comment"]


@pytest.mark.usefixtures("here")
def test_a_record_without_a_signature_lacks_one_where_signers_are_given(dissmodel):
    said = dissmodel("record", "verify", "result.record.json", "--allowed-signers", "ana.allowed", "--json")

    assert (4, ["missing"]) == (said.code, verdict_of(said))


@pytest.mark.usefixtures("here")
def test_a_forged_pair_with_consistent_digests_is_caught(dissmodel):
    """All digests fit, so nothing but the signature can tell."""
    dissmodel("record", "sign", "result.record.json", "--key", "ana")
    Path("result.tif").write_bytes(b"a nicer result")
    seal(Path("result.record.json"), experiment_id="1a2b3c4d" * 4)

    digests = dissmodel("record", "verify", "result.record.json", "--json")
    signed = dissmodel("record", "verify", "result.record.json", "--allowed-signers", "ana.allowed", "--json")
    dissmodel("record", "sign", "result.record.json", "--key", "bo", "--overwrite")
    resigned = dissmodel(
        "record", "verify", "result.record.json", "--allowed-signers", "ana.allowed", "--json"
    )

    assert (0, ["not checked"]) == (digests.code, verdict_of(digests))
    assert (4, ["differs"]) == (signed.code, verdict_of(signed))
    assert (4, ["differs"]) == (resigned.code, verdict_of(resigned))


@pytest.mark.usefixtures("here")
def test_a_pair_that_moved_and_was_renamed_keeps_its_signature(dissmodel):
    dissmodel("record", "sign", "result.record.json", "--key", "ana")
    Path("maps").mkdir()
    Path("result.tif").rename("maps/coast.tif")
    document = json.loads(Path("result.record.json").read_text())
    document["files"]["output"]["path"] = "coast.tif"
    document["output_path"] = "elsewhere/coast.tif"
    document["source"]["uri"] = "s3://bucket/grid.zip"
    Path("maps/coast.record.json").write_bytes(store.dumps(document))
    Path("result.record.json.sig").rename("maps/coast.record.json.sig")

    said = dissmodel(
        "record", "verify", "maps/coast.record.json", "--allowed-signers", "ana.allowed", "--json"
    )

    assert (0, ["ok"], ["ok"]) == (said.code, verdict_of(said), verdict_of(said, "output"))


@pytest.mark.usefixtures("here")
def test_the_signature_of_another_key_is_not_replaced_unasked(dissmodel):
    dissmodel("record", "sign", "result.record.json", "--key", "ana")
    was = Path("result.record.json.sig").read_bytes()
    refused = dissmodel("record", "sign", "result.record.json", "--key", "bo", "--json")
    still = Path("result.record.json.sig").read_bytes()
    again = dissmodel("record", "sign", "result.record.json", "--key", "ana")
    asked = dissmodel("record", "sign", "result.record.json", "--key", "bo", "--overwrite")

    assert (2, "signature_exists") == (refused.code, refused.json["error"]["code"])
    assert was == still
    assert (0, 0) == (again.code, asked.code)


@pytest.mark.parametrize("changed", ["output", "record"])
@pytest.mark.usefixtures("here")
def test_what_is_not_true_is_not_signed(dissmodel, changed):
    if changed == "output":
        Path("result.tif").write_bytes(b"another result")
    else:
        text = Path("result.record.json").read_text()
        Path("result.record.json").write_text(text.replace('"coast"', '"tide"'))

    said = dissmodel("record", "sign", "result.record.json", "--key", "ana")

    assert (4, False) == (said.code, Path("result.record.json.sig").exists())
    assert f"its {changed} does not match its digest" in said.err


@pytest.mark.parametrize("golden", sorted(RECORDS.glob("*/*.json")), ids=lambda path: path.stem)
@pytest.mark.usefixtures("here")
def test_records_of_every_version_are_signed_if_their_run_is_over(dissmodel, golden):
    Path("old").mkdir()
    shutil.copy(golden, "old/old.json")

    signed = dissmodel("record", "sign", "old/old.json", "--key", "ana")
    said = dissmodel("record", "verify", "old/old.json", "--allowed-signers", "ana.allowed", "--json")

    is_over = golden.stem != "minimal"  # that one is pending
    assert ((0, ["ok"]) if is_over else (4, ["missing"])) == (signed.code, verdict_of(said))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes")
@pytest.mark.usefixtures("here")
def test_a_signature_that_is_a_pipe_or_far_too_long_differs(dissmodel):
    os.mkfifo("result.record.json.sig")
    pipe = dissmodel("record", "verify", "result.record.json", "--allowed-signers", "ana.allowed", "--json")
    Path("result.record.json.sig").unlink()
    Path("result.record.json.sig").write_bytes(b"x" * 2_000_000)
    long = dissmodel("record", "verify", "result.record.json", "--allowed-signers", "ana.allowed", "--json")

    assert (4, ["differs"]) == (pipe.code, verdict_of(pipe))
    assert (4, ["differs"]) == (long.code, verdict_of(long))


@pytest.mark.usefixtures("here")
def test_a_statement_says_who_reproduced_what_on_what(dissmodel):
    path = attest(repetition(), Path("result.record.json"), Path("bo"))
    statement = json.loads(path.read_text())
    dissmodel("record", "sign", "result.record.json", "--key", "ana")
    said = dissmodel("record", "verify", "result.record.json", "--allowed-signers", "both.allowed")
    unlisted = dissmodel(
        "record", "verify", "result.record.json", "--allowed-signers", "ana.allowed", "--json"
    )
    plain = dissmodel("record", "verify", "result.record.json", "--json")
    record = json.loads(Path("result.record.json").read_text())

    assert Path("result.attest-9f8e7d6c.json") == path
    assert "https://in-toto.io/Statement/v1" == statement["_type"]
    assert [
        {"name": "record", "digest": {"dissmodel-record": record["record_digest"][7:]}},
        {"name": "artifact output", "digest": {"sha256": sha256_file("result.tif")}},
    ] == statement["subject"]
    predicate = statement["predicate"]
    assert (True, "identical-file") == (predicate["reproduced"], predicate["verdict"])
    assert {"output": "identical-file"} == predicate["artifacts"]
    assert "bo of the tide office" == predicate["by"]["comment"]
    assert "9f8e7d6c" * 4 == predicate["reproduction"]["experiment_id"]
    assert "3.11.7" == predicate["runtime"]["python"]
    assert 0 == said.code
    (line,) = (line for line in said.out.splitlines() if "attestation" in line)
    assert line.startswith("ok           attestation  result.attest-9f8e7d6c.json  (identical-file, found by")
    assert f"bo@example.org on {predicate['when']} with dissmodel 0.7.0, Python 3.11.7" in line
    # Whom one doesn't know says nothing, neither good nor bad.
    assert (0, ["not checked"]) == (unlisted.code, verdict_of(unlisted, "attestation"))
    assert (0, ["not checked"]) == (plain.code, verdict_of(plain, "attestation"))


@pytest.mark.usefixtures("here")
def test_ssh_keygen_alone_checks_a_statement():
    path = attest(repetition(), Path("result.record.json"), Path("bo"))
    words = ["ssh-keygen", "-Y", "verify", "-n", "dissmodel-attestation", "-I", "bo@example.org"]

    said = subprocess.run(
        [*words, "-f", "bo.allowed", "-s", f"{path}.sig"],
        input=path.read_bytes(),
        capture_output=True,
        check=False,
    )

    assert 0 == said.returncode, said.stderr


@pytest.mark.parametrize("done", ["edited", "unsigned", "of another record", "a record's signature"])
@pytest.mark.usefixtures("here")
def test_a_statement_that_was_tampered_with_is_caught(dissmodel, done):
    path = attest(repetition("different"), Path("result.record.json"), Path("ana"))
    if done == "edited":
        path.write_text(path.read_text().replace('"different"', '"identical-file"'))
    elif done == "unsigned":
        Path(f"{path}.sig").unlink()
    elif done == "of another record":
        seal(Path("result.record.json"), experiment_id="5" * 32)
    dissmodel("record", "sign", "result.record.json", "--key", "ana")
    if done == "a record's signature":
        shutil.copy("result.record.json.sig", f"{path}.sig")

    said = dissmodel("record", "verify", "result.record.json", "--allowed-signers", "ana.allowed", "--json")

    expected = "missing" if done == "unsigned" else "differs"
    assert (4, [expected], ["ok"]) == (said.code, verdict_of(said, "attestation"), verdict_of(said))


@pytest.mark.usefixtures("here")
def test_a_signed_text_that_is_no_statement_differs(dissmodel):
    from dissmodel.record import sign

    dissmodel("record", "sign", "result.record.json", "--key", "ana")
    for number, text in enumerate((b"", b"[]", b"{}", b"[" * 200_000, b'{"predicate": 3}', b"\xff")):
        path = Path(f"result.attest-{number}.json")
        path.write_bytes(text)
        Path(f"{path}.sig").write_bytes(sign.sign(text, Path("ana"), sign.STATEMENT))

    said = dissmodel("record", "verify", "result.record.json", "--allowed-signers", "ana.allowed", "--json")

    assert (4, ["differs"] * 6) == (said.code, verdict_of(said, "attestation"))


@pytest.mark.usefixtures("here")
def test_what_is_no_repetition_of_the_record_is_not_attested():
    original = Path("result.record.json")
    with pytest.raises(UsageError, match="is not a reproduction"):
        attest(repetition(reproduction=None), original, Path("ana"))
    with pytest.raises(Differs, match="not the record that was repeated"):
        attest(repetition(reproduces="5" * 32), original, Path("ana"))
    document = json.loads(original.read_text())
    record = repetition()
    document["model_name"] = "tide"
    document["record_digest"] = record_digest(document)
    original.write_bytes(store.dumps(document))
    with pytest.raises(Differs, match="not the record that was repeated"):
        attest(record, original, Path("ana"))

    assert [] == list(Path().glob("*.attest-*"))


@pytest.mark.usefixtures("here")
def test_a_reproduction_is_attested_where_its_key_can_sign(dissmodel, executor_file):
    Path("data.bin").write_bytes(b"some bytes")
    model = executor_file()
    dissmodel("run", model, "--input", "data.bin", "--output", "r.bin")
    again = ("reproduce", "r.record.json", "--model", model, "--attest")

    keyless = dissmodel(*again, "--json")
    broken = dissmodel(*again, "--key", "ana.allowed", "--json")
    before = sorted(Path().glob("r.*"))
    said = dissmodel(*again, "--key", "ana", "--json")
    dissmodel("record", "sign", "r.record.json", "--key", "bo")
    verified = dissmodel("record", "verify", "r.record.json", "--allowed-signers", "both.allowed", "--json")

    assert (2, 2, 0) == (keyless.code, broken.code, said.code)
    # What can't be signed is known before anything runs.
    assert [Path("r.bin"), Path("r.record.json")] == before
    statement = json.loads(Path(said.json["statement"]).read_text())["predicate"]
    assert "identical-file" == statement["verdict"] == said.json["verdict"]
    assert said.json["record"]["record_digest"] == statement["reproduction"]["record_digest"]
    assert (0, ["ok"]) == (verified.code, verdict_of(verified, "attestation"))


def test_a_new_result_in_the_place_of_a_signed_one_keeps_no_word_about_the_old(dissmodel, make_coast, made):
    make_coast.main(["--output", "grid.zip"])
    words = (
        "run",
        "coastal_raster",
        "-i",
        "grid.zip",
        "-o",
        "r.tif",
        "-p",
        "end_time=1",
        "-q",
        "--overwrite",
    )
    dissmodel(*words)
    dissmodel("record", "sign", "r.record.json", "--key", made / "ana")
    dissmodel("reproduce", "r.record.json", "--check", "--attest", "--key", made / "ana")
    before = {"".join(path.suffixes[-3:]) for path in Path().glob("r.*")}
    dissmodel(*words)

    assert ".record.json.sig" in before
    assert 6 == len(before), before
    assert ["r.qml", "r.record.json", "r.tif"] == sorted(path.name for path in Path().glob("r.*"))
