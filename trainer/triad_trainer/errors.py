"""How a run may end, as exit codes and as failures with a message for the user."""

from __future__ import annotations

import errno
import traceback
from enum import IntEnum
from typing import Literal

ErrorCode = Literal[
    "bad_spec",
    "bad_data",
    "bad_model",
    "bad_checkpoint",
    "out_of_memory",
    "disk_full",
    "diverged",
    "internal",
]


class ExitCode(IntEnum):
    """Exit status of `python -m triad_trainer run`."""

    SUCCEEDED = 0
    INTERNAL = 1
    STOPPED = 10
    FENCED = 11
    EVENTS_UNDELIVERED = 12
    GUARD_STOPPED = 13
    BAD_SPEC = 20
    BAD_DATA = 21
    BAD_MODEL = 22
    BAD_CHECKPOINT = 23
    OUT_OF_MEMORY = 30
    DISK_FULL = 31
    DIVERGED = 32


class RunFailure(Exception):
    """A run cannot go on; `message` tells the user what is wrong, where, and how to mend it."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code: ErrorCode = code
        self.message = message[:4000]

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode[self.code.upper()]


def failure_of(error: BaseException) -> RunFailure:
    """Say what an exception means for the user.

    Torch, safetensors and the CUDA allocator wrap the system's errors in their own types, so besides
    errno the text of the message decides.
    """
    if isinstance(error, RunFailure):
        return error
    text = f"{type(error).__name__}: {error}"
    if (isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)) or any(
        sign in text for sign in ("No space left", "File too large", "Disk quota exceeded")
    ):
        return RunFailure(
            "disk_full", f"The disk is full: {error}. Earlier checkpoints are kept. Free some space and start again."
        )
    if isinstance(error, MemoryError) or any(
        sign in text
        for sign in ("OutOfMemoryError", "out of memory", "can't allocate memory", "Cannot allocate memory")
    ):
        return RunFailure(
            "out_of_memory",
            f"Memory ran out: {error}. Raise gradientAccumulationSteps, or lower batchSize or maxLength.",
        )
    trace = "".join(traceback.format_exception(error))
    return RunFailure("internal", f"Unexpected {text[:500]}\n{trace[-3000:]}")
