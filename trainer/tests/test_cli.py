"""The command line in real processes: kill, signals, standard input, fencing."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from conftest import hand_over, metric, of_type, run, spooled, start_trainer

from triad_trainer.checkpoint import verify_checkpoint
from triad_trainer.errors import ExitCode

# Long enough that no test's run ends by itself.
ENDLESS = {"maxSteps": 100_000, "checkpointEverySteps": 3, "scheduler": "constant"}


def wait_for(condition, trainer: subprocess.Popen[bytes]) -> None:
    while not condition():
        assert trainer.poll() is None, trainer.stderr.read().decode()
        time.sleep(0.01)


def checkpoints(spec) -> list[Path]:
    found = (Path(spec["outputDir"]) / "checkpoints").glob("step-*.manifest.json")
    return sorted((path.with_name(path.name.split(".")[0]) for path in found), key=lambda path: int(path.name[5:]))


def test_a_killed_run_is_resumed_exactly(make_spec, warm_trainer):
    killed = make_spec("sft", **ENDLESS)
    hand_over(warm_trainer, killed)
    wait_for(lambda: len(checkpoints(killed)) == 2, warm_trainer)
    warm_trainer.kill()
    warm_trainer.wait()
    last = checkpoints(killed)[-1]
    step = verify_checkpoint(last)
    end = {"maxSteps": step + 5, "scheduler": "constant", "checkpointEverySteps": 1000}
    _, resumed = run(make_spec("sft", resumeFrom=str(last), **end))
    _, whole = run(make_spec("sft", **end))
    expected = {at: loss for at, loss in metric(whole, "loss").items() if at > step}
    assert metric(resumed, "loss") == pytest.approx(expected, abs=1e-5)
    assert len(expected) == 5


@pytest.mark.parametrize("how", ["SIGTERM", "stdin"])
def test_a_run_that_is_told_to_stop_checkpoints_and_reports(how, make_spec, gateway, warm_trainer):
    spec = make_spec("sft", **ENDLESS | {"checkpointEverySteps": 100_000}, eventsUrl=gateway.url)
    hand_over(warm_trainer, spec)
    gateway.wait_for(lambda gateway: any(event["type"] == "metrics" for event in gateway.stored.values()))
    if how == "SIGTERM":
        warm_trainer.send_signal(signal.SIGTERM)
    else:
        warm_trainer.stdin.close()
    assert warm_trainer.wait(60) == ExitCode.STOPPED
    events = [gateway.stored[seq] for seq in sorted(gateway.stored)]
    (finished,) = of_type(events, "finished")
    assert finished["outcome"] == "stopped"
    (checkpoint,) = of_type(events, "checkpoint")
    assert verify_checkpoint(Path(checkpoint["path"])) == finished["step"] == checkpoint["step"]
    assert events == spooled(spec)
    assert gateway.authorization == {"Bearer secret"}


def test_a_fenced_run_leaves_at_once(make_spec, gateway, warm_trainer):
    spec = make_spec("sft", **ENDLESS, eventsUrl=gateway.url)
    hand_over(warm_trainer, spec)
    gateway.wait_for(lambda gateway: any(event["type"] == "checkpoint" for event in gateway.stored.values()))
    with gateway.changed:
        gateway.status = 409
    assert warm_trainer.wait(60) == ExitCode.FENCED
    assert b"fenced: the gateway answered 409" in warm_trainer.stderr.read()
    assert not of_type(spooled(spec), "finished")
    assert not (Path(spec["outputDir"]) / "artefact").exists()


def test_a_warm_trainer_whose_parent_goes_away_ends(warm_trainer):
    assert warm_trainer.stdout.readline() == b"ready\n"
    warm_trainer.stdin.close()
    assert warm_trainer.wait(60) == ExitCode.SUCCEEDED
    assert warm_trainer.stderr.read() == b""


def test_a_run_by_path_takes_its_token_from_the_environment(make_spec, gateway):
    """A bad spec ends before the slow imports and is still reported."""
    spec = make_spec("sft", eventsUrl=gateway.url) | {"method": "ppo"}
    path = Path(spec["outputDir"]) / "spec.json"
    path.write_text(json.dumps(spec))
    trainer = start_trainer("run", str(path), TRIAD_RUN_TOKEN="from-environment")
    _, stderr = trainer.communicate(timeout=60)
    assert trainer.returncode == ExitCode.BAD_SPEC
    assert b"bad_spec: Job spec, field method" in stderr
    assert gateway.authorization == {"Bearer from-environment"}
    assert gateway.stored[1]["error"]["code"] == "bad_spec"


def test_a_spec_that_cannot_be_read_is_said_on_stderr(tmp_path):
    trainer = start_trainer("run", str(tmp_path / "absent.json"))
    _, stderr = trainer.communicate(timeout=60)
    assert trainer.returncode == ExitCode.BAD_SPEC
    assert b"absent.json: not a readable JSON file" in stderr


def test_undelivered_events_are_an_exit_code_of_their_own(make_spec, gateway):
    gateway.status = 500
    spec = make_spec("sft", eventsUrl=gateway.url) | {"method": "ppo"}
    path = Path(spec["outputDir"]) / "spec.json"
    path.write_text(json.dumps(spec))
    trainer = start_trainer("run", str(path), TRIAD_TRAINER_FLUSH_SECONDS="0.5")
    _, stderr = trainer.communicate(timeout=60)
    assert trainer.returncode == ExitCode.EVENTS_UNDELIVERED
    assert b"they are in the spool" in stderr
    assert of_type(spooled(spec), "finished")[0]["error"]["code"] == "bad_spec"


def test_nothing_secret_of_the_environment_is_needed(tmp_path):
    """The module starts with an environment that is empty but for the search path."""
    result = subprocess.run(
        [os.sys.executable, "-m", "triad_trainer", "import-gguf", "--gguf", str(tmp_path / "x.gguf"), "--out", "y"],
        cwd=Path(__file__).parent.parent,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        check=False,
    )
    assert result.returncode == ExitCode.BAD_MODEL
    assert b"no such GGUF file" in result.stderr
