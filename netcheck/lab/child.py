"""A program beside the demo, which ends with it, however that ends."""

import fcntl
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import trio

_STOP_SECONDS = 5.0


@asynccontextmanager
async def child(
    command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
) -> AsyncIterator[trio.Process]:
    """Run it with its output in `log`; it is stopped on every way out, on Linux even where we are killed."""
    its_input, ours = os.pipe()
    try:
        with log.open("wb") as output:
            process = await trio.lowlevel.open_process(
                command, stdin=its_input, stdout=output, stderr=output, env=environment
            )
        try:
            _end_with_us(process, its_input)
            yield process
        finally:
            with trio.CancelScope(shield=True):
                await _stop(process)
    finally:
        os.close(its_input)
        os.close(ours)


def _end_with_us(process: trio.Process, its_input: int) -> None:
    """The kernel sends it SIGTERM when the other end of its input closes, as it does when we are killed.

    See fcntl(2), "Managing signals". PR_SET_PDEATHSIG would not do: it watches one thread of ours.
    """
    if sys.platform == "linux":
        fcntl.fcntl(its_input, fcntl.F_SETOWN, process.pid)
        fcntl.fcntl(its_input, fcntl.F_SETSIG, signal.SIGTERM)
        fcntl.fcntl(its_input, fcntl.F_SETFL, os.O_ASYNC)


async def _stop(process: trio.Process) -> None:
    """End it, with force where it does not end by itself."""
    if process.poll() is not None:
        return
    process.terminate()
    with trio.move_on_after(_STOP_SECONDS):
        await process.wait()
        return
    process.kill()
    await process.wait()
