"""Command line: `python -m triad_trainer run SPEC|-` and `python -m triad_trainer import-gguf`."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from triad_trainer.environment import import_libraries, prepare_environment
from triad_trainer.errors import ExitCode, RunFailure
from triad_trainer.events import EventLog
from triad_trainer.import_gguf import gguf_of_package, import_gguf
from triad_trainer.run import Attempt
from triad_trainer.spec import read_json

TOKEN_VARIABLE = "TRIAD_RUN_TOKEN"
# W3C trace context of whoever starts the run: what it posts belongs to that trace.
TRACE_VARIABLE = "TRACEPARENT"
FLUSH_VARIABLE = "TRIAD_TRAINER_FLUSH_SECONDS"
# After the parent has died nobody waits for this process: it must not linger.
ORPHAN_FLUSH_SECONDS = 30.0


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit status."""
    options = _parser().parse_args(arguments)
    prepare_environment()
    try:
        if options.command == "import-gguf":
            gguf = gguf_of_package(options.package) if options.package else Path(options.gguf)
            print(import_gguf(gguf, Path(options.out)))
            return ExitCode.SUCCEEDED
        return _run(options.spec, stop_on_eof=options.stop_on_stdin_eof)
    except RunFailure as failure:
        print(f"triad_trainer: {failure.code}: {failure.message}", file=sys.stderr)
        return failure.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m triad_trainer")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="run one attempt at a fine-tune job")
    run.add_argument(
        "spec",
        help="file of the job spec, the one-run token being in TRIAD_RUN_TOKEN; or - to import the libraries, print "
        'ready, and read one line {"spec": path, "token": token} (and "traceparent") from standard input',
    )
    run.add_argument("--stop-on-stdin-eof", action="store_true", help="checkpoint and stop when stdin is closed")
    gguf = commands.add_parser("import-gguf", help="turn a GGUF file into a safetensors model directory")
    source = gguf.add_mutually_exclusive_group(required=True)
    source.add_argument("--package", help="installed Python package that carries the GGUF file")
    source.add_argument("--gguf", help="path of the GGUF file")
    gguf.add_argument("--out", required=True, help="model directory to make")
    return parser


def _run(argument: str, *, stop_on_eof: bool) -> int:
    handover = _wait_warm() if argument == "-" else _handover_of_environment(argument)
    if handover is None:
        return ExitCode.SUCCEEDED
    document = read_json(Path(handover["spec"]))
    events = _open_events(document, handover)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: events.stop_requested.set())
    if stop_on_eof:
        threading.Thread(target=_watch_stdin, args=(events,), name="stdin", daemon=True).start()
    code = Attempt(document, events).run()
    # The run is over: who asks to stop now does not want to wait for the gateway.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(ExitCode.EVENTS_UNDELIVERED))
    if not events.close(float(os.environ.get(FLUSH_VARIABLE, "600"))):
        print("triad_trainer: the gateway did not take all events; they are in the spool.", file=sys.stderr)
        return ExitCode.EVENTS_UNDELIVERED
    return code


def _handover_of_environment(spec: str) -> dict[str, str]:
    token, traceparent = (os.environ.get(name, "") for name in (TOKEN_VARIABLE, TRACE_VARIABLE))
    return {"spec": spec, "token": token, "traceparent": traceparent}


def _wait_warm() -> dict[str, str] | None:
    """Import the libraries, print `ready` and read the handover line; None when stdin ends first."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(ExitCode.STOPPED))
    import_libraries()
    print("ready", flush=True)
    line = sys.stdin.buffer.readline()
    if not line.strip():
        return None
    try:
        handover = json.loads(line)
        traceparent = str(handover.get("traceparent") or "")
        return {"spec": str(handover["spec"]), "token": str(handover["token"]), "traceparent": traceparent}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunFailure("bad_spec", 'Standard input: expected one line {"spec": path, "token": token}.') from error


def _open_events(document: dict[str, Any], handover: dict[str, str]) -> EventLog:
    """Open the event log of a spec that is not validated yet, so that a bad spec can still be reported."""
    output, attempt, url = (document.get(name) for name in ("outputDir", "attempt", "eventsUrl"))
    if not isinstance(output, str) or not isinstance(attempt, int) or not isinstance(url, (str, type(None))):
        raise RunFailure("bad_spec", "The job spec needs outputDir, attempt and eventsUrl.")
    return EventLog(
        Path(output), url, attempt, handover["token"], on_fenced=_leave_at_once, traceparent=handover["traceparent"]
    )


def _leave_at_once(why: str) -> None:
    """End the process without another write: the run belongs to somebody else."""
    print(f"triad_trainer: fenced: {why}", file=sys.stderr, flush=True)
    os._exit(ExitCode.FENCED)


def _watch_stdin(events: EventLog) -> None:
    # Not through sys.stdin: a thread that waits inside its buffer aborts the interpreter at exit.
    while os.read(0, 4096):
        pass
    events.limit_flush(ORPHAN_FLUSH_SECONDS)
    events.stop_requested.set()
