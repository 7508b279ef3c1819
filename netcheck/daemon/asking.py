"""One probe now, for whoever asks: of what the config names, under the gates of probing, and not often."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import trio

from netcheck.config.reading.problems import no_such
from netcheck.model.results import Visit
from netcheck.model.services import hosts_on, targets
from netcheck.pages import transcript
from netcheck.state.state import State
from netcheck.web.login import Allowance
from netcheck.web.routes import Refused

if TYPE_CHECKING:
    from netcheck.daemon.probing import Probing

_AT_ONCE = 2
_SPACING = 3.0
"""Seconds in which one more probe may be asked for."""
_BURST = 10
"""How many may be asked for at once after a pause."""
_LONGEST_WAIT = 4.0
"""Seconds until a path that is busy has room for one more attempt."""
_LONGEST = 24.0
"""Seconds that the probe itself may take; both together are less than the web port waits for an answer."""


class Asking:
    """Answers with the transcript of a probe; raises Refused."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._under_way = trio.Semaphore(_AT_ONCE)
        self._allowance = Allowance(_SPACING, _BURST)

    async def probe(self, probing: "Probing", path: str, service: str, host: str) -> str:
        """What the visit saw, as text; nothing of it is counted or judged."""
        self._look_for(path, service, host)
        try:
            self._under_way.acquire_nowait()
        except trio.WouldBlock:
            raise _too_much(f"{_AT_ONCE} probes are under way already: try again in a moment") from None
        try:
            if not self._allowance.take():
                raise _too_much(f"too many probes were asked for: try again in {_SPACING:.0f} s")
            await _wait_for_turn(probing, path)
            self._look_for(path, service, host)  # a reload may have come meanwhile
            visits = await _visits(probing, path, service, host)
        finally:
            self._under_way.release()
        return "\n".join(map(transcript.of_visit, visits))

    def _look_for(self, path: str, service: str, host: str) -> None:
        """That the config names all three, and the path leads there."""
        pairs = targets(self._state.services, self._state.paths)
        _known("path", path, [way.name for _, way in pairs])
        on_path = [(each, way) for each, way in pairs if way.name == path]
        _known("service", service, [each.name for each, _ in on_path])
        hosts = [name for each, way in on_path if each.name == service for name in hosts_on(each, way)]
        _known("host", host, hosts)


async def _wait_for_turn(probing: "Probing", path: str) -> None:
    with trio.move_on_after(_LONGEST_WAIT) as waiting:
        await probing.wait_for_turn(path)
    if waiting.cancelled_caught:
        raise _too_much(f"the path {path} is busy: it had no turn in {_LONGEST_WAIT:.0f} s; try again later")


async def _visits(probing: "Probing", path: str, service: str, host: str) -> list[Visit]:
    with trio.move_on_after(_LONGEST):
        return await probing.probe(path, service, host)
    raise Refused(
        503,
        f"the probe did not end within {_LONGEST:.0f} s, the most that this page waits; probing.timeouts may "
        f"allow it more. To see its end: netcheck check --config FILE --path {path} --service {service}",
    )


def _known(kind: str, asked: str, names: Iterable[str]) -> None:
    if problem := no_such(kind, asked, names):
        example = "As in /probe?path=direct&service=courier&host=0-courier.push.apple.com"
        raise Refused(404, f"{problem}\n{example}")


def _too_much(message: str) -> Refused:
    return Refused(429, message, for_now=True)
