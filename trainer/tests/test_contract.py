"""The generated models agree with the schemas on the golden fixtures that TypeScript reads too."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import FIXTURES, TRAINER
from pydantic import BaseModel, ValidationError

from triad_trainer.contract import Grader, JobSpec, Manifest, RewardReport, RunEventBatch
from triad_trainer.manifest import difference, manifest_of
from triad_trainer.spec import parse_spec

MODELS: dict[str, type[BaseModel]] = {
    "job-spec": JobSpec,
    "grader": Grader,
    "run-events": RunEventBatch,
    "manifest": Manifest,
    "reward-report": RewardReport,
}


def fixture(name: str):
    return json.loads((FIXTURES / name).read_text("utf-8"))


@pytest.mark.parametrize("document", fixture("job-specs.json"), ids=lambda document: document["method"])
def test_specs_are_accepted_and_written_back_unchanged(document):
    spec = parse_spec(document)
    assert spec.model_dump(exclude_unset=True) == document


@pytest.mark.parametrize(
    ("name", "model"),
    [("run-events.json", RunEventBatch), ("manifest.json", Manifest), ("reward-report.json", RewardReport)],
)
def test_documents_are_accepted_and_written_back_unchanged(name, model):
    document = fixture(name)
    assert model.model_validate(document).model_dump(mode="json", exclude_unset=True) == document


@pytest.mark.parametrize("case", fixture("invalid.json"), ids=lambda case: case["why"])
def test_invalid_documents_are_refused(case):
    with pytest.raises(ValidationError):
        MODELS[case["schema"]].model_validate(case["document"])


def test_the_manifest_of_the_fixture_directory_is_the_one_on_record():
    assert manifest_of(FIXTURES / "manifest").model_dump() == fixture("manifest.json")


def test_a_manifest_names_the_first_file_that_differs(tmp_path: Path):
    (tmp_path / "a.txt").write_text("one")
    (tmp_path / "b.txt").write_text("two")
    manifest = manifest_of(tmp_path)
    assert difference(manifest, tmp_path) is None
    (tmp_path / "b.txt").write_text("twp")
    assert difference(manifest, tmp_path).startswith("b.txt has SHA-256")
    (tmp_path / "b.txt").write_text("tw")
    assert difference(manifest, tmp_path) == "b.txt has 2 bytes, expected 3"
    (tmp_path / "b.txt").unlink()
    assert difference(manifest, tmp_path) == "b.txt is missing"
    (tmp_path / "b.txt").write_text("two")
    (tmp_path / "c.txt").write_text("three")
    assert difference(manifest, tmp_path) == "c.txt does not belong there"


def test_a_manifest_refuses_symbolic_links(tmp_path: Path):
    (tmp_path / "link").symlink_to("/etc/hostname")
    with pytest.raises(ValueError, match="link is a symbolic link"):
        manifest_of(tmp_path)


def test_the_generated_models_are_those_of_the_schemas():
    before = (TRAINER / "triad_trainer" / "contract.py").read_bytes()
    subprocess.run([sys.executable, TRAINER / "generate_contract.py"], check=True)
    assert (TRAINER / "triad_trainer" / "contract.py").read_bytes() == before
