from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import Any

import httpx
import pytest

COMMAND = [sys.executable, "-m", "triad_trainer.serve", "--port", "0"]


def start(*arguments: str) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen(
        [*COMMAND, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    ready: dict[str, Any] = json.loads(process.stdout.readline())
    assert ready["ready"] is True
    return process, f"http://127.0.0.1:{ready['port']}"


def test_a_scoring_process_loads_models_while_running_and_ends_on_sigterm(directories):
    process, url = start()
    with process:
        assert httpx.get(f"{url}/v1/models").json()["data"] == []
        body = {"model_name": "r", "model_path": str(directories.reward), "kind": "reward"}
        assert httpx.post(f"{url}/v1/load_model", json=body, timeout=120).status_code == 200
        assert httpx.post(f"{url}/classify", json={"model": "r", "input": "x"}, timeout=60).status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_sigterm_during_an_answer_does_not_wait_for_it(directories):
    process, url = start("--model", f"m={directories.base}")
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}], "n": 64, "max_tokens": 2000, "stream": True}
    with process, httpx.stream("POST", f"{url}/v1/chat/completions", json=body, timeout=60) as response:
        next(response.iter_lines())
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) in (0, 1)
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{url}/health")


def test_it_ends_with_its_parent():
    process, _ = start("--parent-pipe")
    with process:
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(30) == 0


def test_a_model_that_cannot_be_loaded_ends_it_with_a_reason(tmp_path):
    done = subprocess.run([*COMMAND, "--model", f"m={tmp_path}/none"], capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert f"{tmp_path}/none does not exist" in done.stderr
    assert done.stdout == ""


def test_an_idle_process_has_not_imported_torch():
    code = "import sys, triad_trainer.serve.__main__; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
