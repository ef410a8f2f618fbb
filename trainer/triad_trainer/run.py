"""One attempt at one job, from spec to `finished` event and exit code."""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from triad_trainer.contract import JobSpec
from triad_trainer.data import read_rows
from triad_trainer.errors import ExitCode, RunFailure, failure_of
from triad_trainer.events import EventLog
from triad_trainer.spec import parse_spec

if TYPE_CHECKING:
    from triad_trainer.progress import Progress

EXIT_OF_OUTCOME = {
    "succeeded": ExitCode.SUCCEEDED,
    "stopped": ExitCode.STOPPED,
    "guard_stopped": ExitCode.GUARD_STOPPED,
}


class Attempt:
    """Runs the job of `document` and tells `events` how it ended."""

    def __init__(self, document: dict[str, Any], events: EventLog) -> None:
        self._document = document
        self._events = events
        self._progress: Progress | None = None
        self._start = time.monotonic()
        self._cpu_start = time.process_time()

    def run(self) -> ExitCode:
        """Train, emit `finished`, and return the exit code; never raises for a failure of the run."""
        outcome, failure = "failed", None
        try:
            spec = parse_spec(self._document)
            self._events.log("info", f"Loading the libraries and the model for {spec.method}.")
            outcome = self._train(spec)
        except Exception as error:
            failure = failure_of(error)
            print(f"triad_trainer: {failure.code}: {failure.message}", file=sys.stderr)
        try:
            self._finish(outcome, failure)
        except OSError as error:
            print(f"triad_trainer: the last event is only in memory: {error}", file=sys.stderr)
        return EXIT_OF_OUTCOME[outcome] if failure is None else failure.exit_code

    def _train(self, spec: JobSpec) -> str:
        from triad_trainer.environment import import_libraries

        train = read_rows(Path(spec.data.trainPath), spec.method)
        held_out = None if spec.data.evalPath is None else read_rows(Path(spec.data.evalPath), spec.method)
        import_libraries()
        from triad_trainer.checkpoint import verify_checkpoint
        from triad_trainer.methods import METHODS
        from triad_trainer.progress import Progress, Stopped

        if spec.resumeFrom is not None:
            verify_checkpoint(Path(spec.resumeFrom))
        self._progress = Progress(self._events, len(train.rows), 0 if held_out is None else len(held_out.rows))
        try:
            METHODS[spec.method](spec, train, held_out, self._progress)
        except Stopped:
            return "stopped"
        return self._progress.outcome

    def _finish(self, outcome: str, failure: RunFailure | None) -> None:
        progress = self._progress
        self._events.emit(
            "finished",
            outcome=outcome,
            error=None if failure is None else {"code": failure.code, "message": failure.message},
            step=0 if progress is None else progress.step,
            seconds=time.monotonic() - self._start,
            cpuSeconds=time.process_time() - self._cpu_start,
            trainedTokens=None if progress is None else progress.trained_tokens,
            peakMemoryBytes=_peak_memory_bytes(),
        )


def _peak_memory_bytes() -> int:
    """Peak memory of the device trained on: the GPU's allocations, or else this process's resident set."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    # ru_maxrss is in kilobytes on Linux and in bytes on macOS.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
