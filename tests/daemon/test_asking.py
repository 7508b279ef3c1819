"""One probe for whoever asks: what is said where it does not come to an end."""

from dataclasses import replace
from pathlib import Path

import pytest
import trio

from netcheck.config.file import default
from netcheck.config.settings import ProbingSettings
from netcheck.daemon.asking import Asking
from netcheck.daemon.daemon import Daemon
from netcheck.daemon.probing import Probing
from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.paths import LoadBalancer, ProbePath
from netcheck.model.services import Timeouts
from netcheck.state.state import State
from netcheck.web.routes import Refused, routes
from netcheck.web.server import LIMITS, Request
from tests.daemon.network import Network
from tests.probe.peers import in_trio
from tests.virtual import virtually

HANGS = Failure(Phase.CONNECT, Reason.TIMEOUT)
HOST = "api.push.apple.com"


def asked(pace: ProbingSettings, network: Network, *, rounds: bool = False) -> tuple[str, float]:
    """The answer for one host of the provider API, and the seconds until it came."""

    async def main() -> tuple[str, float]:
        state = State()
        probing = Probing(state, replace(default(), probing=pace), network.prober)
        async with trio.open_nursery() as nursery:
            if rounds:
                nursery.start_soon(probing.run)
                await trio.sleep(pace.interval)
            begun = trio.current_time()
            try:
                answer = await Asking(state).probe(probing, "direct", "provider", HOST)
            except Refused as error:
                answer = f"{error.status}: {error}"
            nursery.cancel_scope.cancel()
        return answer, trio.current_time() - begun

    return virtually(main)


def test_a_probe_that_fails_by_a_long_timeout_is_answered_with_what_it_saw() -> None:
    answer, seconds = asked(ProbingSettings(timeouts=Timeouts(connect=20.0)), Network(lambda _: HANGS))
    assert HOST in answer
    assert "timeout" in answer
    assert seconds == pytest.approx(20.0, abs=1.0)


def test_a_host_to_which_the_path_does_not_lead_is_not_there() -> None:
    balanced = ProbePath(
        "dmz", load_balancer=(("0-courier.push.apple.com", LoadBalancer("10.1.1.20", None)),)
    )

    async def main() -> None:
        state = State()
        state.configure(default().services, [balanced])
        probing = Probing(state, replace(default(), paths=(balanced,)), Network().prober)
        with pytest.raises(Refused) as caught:
            await Asking(state).probe(probing, "dmz", "courier", "1-courier.push.apple.com")
        assert caught.value.status == 404
        assert str(caught.value).startswith("no such host in the configuration; there is: 0-courier.push.")

    trio.run(main)


@in_trio
async def test_before_probing_has_begun_nobody_has_asked_too_much(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path / "netcheck.yaml", default())
    asked = {"path": ("direct",), "service": ("provider",), "host": (HOST,)}
    response = await routes(daemon)(Request("GET", "/probe", asked, {}, "127.0.0.1:9223", "127.0.0.1"))
    assert (response.status, response.body) == (503, b"probing has not begun: try again in a moment\n")
    assert dict(response.headers)["Retry-After"]


def test_a_probe_that_is_slow_is_not_said_to_have_had_no_turn() -> None:
    answer, seconds = asked(ProbingSettings(timeouts=Timeouts(connect=60.0)), Network(lambda _: HANGS))
    assert answer.startswith("503: the probe did not end within 24 s")
    assert "busy" not in answer
    assert seconds < LIMITS.handler_timeout


def test_a_path_that_is_busy_says_so_soon() -> None:
    pace = ProbingSettings(concurrency=1, timeouts=Timeouts(connect=3600.0))
    answer, seconds = asked(pace, Network(lambda _: HANGS), rounds=True)
    assert answer.startswith("429: the path direct is busy: it had no turn in 4 s")
    assert seconds < LIMITS.handler_timeout
