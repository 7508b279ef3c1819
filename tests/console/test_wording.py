"""How the console writes many hosts."""

from netcheck.console.wording import hosts_text, places_text, said_once
from tests.records import COURIER


def test_numbered_hosts_are_told_together() -> None:
    numbered = [f"{number}-courier.test" for number in (9, 0, 1, 2, 4, 10, 0)]
    assert hosts_text([*numbered, "api.test", "3-other.test"]) == (
        "N-courier.test (N: 0 to 2, 4, 9 to 10), 3-other.test, api.test"
    )


def test_a_host_is_written_with_the_number_that_it_has() -> None:
    hosts = ["01-mdm.test", "02-mdm.test", "\u0663-mdm.test", "1-mdm.test", "2024-01-mdm.test"]
    assert hosts_text(hosts) == "1-mdm.test, 2024-01-mdm.test, 01-mdm.test, 02-mdm.test, \u0663-mdm.test"


def test_hosts_of_the_same_ports_are_told_together() -> None:
    places = [(host, port) for host in COURIER.hosts for port in (5223, 443)]
    assert places_text([*places, ("api.test", 443)]) == (
        "N-courier.test (N: 0 to 1), api.test, TCP port 443; N-courier.test (N: 0 to 1), TCP port 5223"
    )


def test_what_was_said_is_not_said_again_but_for_what_to_do() -> None:
    steps = ["Allow it. The networks are these.", "Allow it. The networks are these. Then look.", "Look."]
    assert list(said_once(steps)) == ["Allow it. The networks are these.", "Allow it. Then look.", "Look."]
