"""Who typed options in place of a config is told which option to set, and when it takes a config."""

from dataclasses import replace

import pytest

from netcheck.model.credentials import Credentials, Secret
from netcheck.model.failing import Failure, Phase, Reason
from netcheck.model.paths import Binding, Environment, Family, Nameserver, ProbePath, ResolveMode, Resolver
from netcheck.model.results import Choice, Result
from netcheck.model.services import Service
from netcheck.verdict.assessing import assess
from tests.records import once, result
from tests.verdict.scene import API, COURIER, DIRECT, PROXY

WITH_LOGIN = replace(PROXY, proxies=(replace(PROXY.proxies[0], credentials=Credentials("u", Secret("p"))),))
CHOSEN = replace(DIRECT, resolver=Resolver("chosen", (Nameserver("10.0.0.53", 53),)))
BOUND = replace(DIRECT, binding=Binding("nope0"))
BOTH_WAYS = replace(PROXY, proxies=(replace(PROXY.proxies[0], resolve=ResolveMode.BOTH),))
WANTED = Failure(Phase.PROXY_HANDSHAKE, Reason.PROXY_AUTH_REQUIRED, "HTTP 407")
BAD = Failure(Phase.PROXY_HANDSHAKE, Reason.PROXY_NOT_A_PROXY, "HTTP 400", b"HTTP/1.1 400 Bad Request")


def seen(service: Service, path: ProbePath, failure: Failure | None, family: Family) -> list[Result]:
    """The same of each host and port."""
    return [
        result(
            service,
            port,
            failure,
            host=host,
            path=path.name,
            family=family,
            address=f"17.57.144.{number}",
            proxies=path.proxies,
            proxy_spoke=failure is None or None,
        )
        for number, host in enumerate(service.hosts)
        for port in service.ports
    ]


def of_name(service: Service, path: ProbePath, failure: Failure) -> list[Result]:
    return seen(service, path, failure, Family.NAME)


STEPS = [
    (
        (API, PROXY, of_name(API, PROXY, WANTED)),
        "Set `username` and `password_file` of the path proxy in the config to a login that",
        "Set --username and --password-file to a login that",
    ),
    (
        (API, WITH_LOGIN, of_name(API, WITH_LOGIN, replace(WANTED, reason=Reason.PROXY_AUTH_FAILED))),
        "Correct `username` and `password_file` of the path proxy in the config: the",
        "Correct --username and --password-file: the",
    ),
    (
        (COURIER, PROXY, of_name(COURIER, PROXY, Failure(Phase.PROXY_TLS, Reason.TLS_NOT_TLS))),
        "Write http:// in place of https:// for the path proxy in the config: the",
        "Write http:// in place of https:// in --proxy: the",
    ),
    (
        (COURIER, PROXY, of_name(COURIER, PROXY, Failure(Phase.PROXY_TLS, Reason.TLS_UNTRUSTED))),
        "If its authority is your own, set `ca_file` of the path proxy in the config. If not",
        "If its authority is your own, write a config with `ca_file`. If not",
    ),
    (
        (
            COURIER,
            BOTH_WAYS,
            [
                each
                for family in Family
                for each in seen(COURIER, BOTH_WAYS, BAD if family is Family.IPV6 else None, family)
            ],
        ),
        "If nobody asks so, set `resolve: proxy` or `families: ipv4` of the path proxy in the config.",
        "If nobody asks so, write a config with `resolve: proxy` or `families: ipv4`.",
    ),
    (
        (
            COURIER,
            BOUND,
            seen(
                COURIER,
                BOUND,
                Failure(Phase.CONNECT, Reason.NO_LOCAL_ADDRESS, "bind: ENODEV", is_of_binding=True),
                Family.IPV4,
            ),
        ),
        "On the machine that runs netcheck, correct the interface nope0 of the path direct.",
        "On the machine that runs netcheck, correct --interface nope0.",
    ),
    (
        (COURIER, PROXY, of_name(COURIER, PROXY, Failure(Phase.PROXY_HANDSHAKE, Reason.PROXY_TIMEOUT))),
        "If this is no proxy, correct its address for the path proxy in the config.",
        "If this is no proxy, correct its address in --proxy.",
    ),
    (
        (COURIER, CHOSEN, seen(COURIER, CHOSEN, Failure(Phase.RESOLVE, Reason.SERVFAIL), Family.IPV4)),
        "Ask the owners of the resolver chosen (10.0.0.53:53) to resolve",
        "Ask the owners of the resolver (10.0.0.53:53) to resolve",
    ),
]


@pytest.mark.parametrize(("scene", "of_config", "of_options"), STEPS)
def test_who_typed_options_is_told_which_option_to_set(
    scene: tuple[Service, ProbePath, list[Result]], of_config: str, of_options: str
) -> None:
    service, path, results = scene
    for written, said in ((path, of_config), (replace(path, by_options=True), of_options)):
        judged = assess([service], [written], once(results)).judgements[0]
        assert said in (judged.next_step or ""), judged.next_step


@pytest.mark.parametrize("by_options", [False, True])
@pytest.mark.parametrize(
    ("failure", "login", "says"),
    [
        (WANTED, None, "Set the login in the proxy's URL in the environment of netcheck to a login that"),
        (
            replace(WANTED, reason=Reason.PROXY_AUTH_FAILED),
            Credentials("u", Secret("p")),
            "Correct the login in the proxy's URL in the environment of netcheck: the proxy rejects this",
        ),
        (
            Failure(Phase.PROXY_TLS, Reason.TLS_UNTRUSTED),
            None,
            "your own, name the proxy in the config in place of `from-environment`, with `ca_file`. If not",
        ),
    ],
)
def test_who_has_the_proxy_from_the_environment_is_told_to_write_no_key_beside_it(
    failure: Failure, login: Credentials | None, says: str, by_options: bool
) -> None:
    its = replace(PROXY.proxies[0], credentials=login)
    path = ProbePath("env", chosen_by=Environment(its, its), by_options=by_options)
    chosen = [
        replace(each, attempt=attempt, choice=Choice("", (attempt,)))
        for each in of_name(API, path, failure)
        for attempt in (replace(each.attempt, proxies=(its,)),)
    ]
    (judged,) = assess([API], [path], once(chosen)).judgements
    assert says in (judged.next_step or "")
