"""Whatever stands in a config: a Config or a ConfigError comes of it, and no password is ever repeated."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from netcheck.config.file import load
from netcheck.config.reading.problems import ConfigError

PASSWORD = "Tr0ub4dor"

KEYS = [
    *(
        "listen",
        "resolvers",
        "paths",
        "services",
        "probing",
        "push_certificates",
        "direct",
        "corp",
        "courier",
        "provider",
        "our-mdm",
    ),
    *("file", "topic", "bag", "metrics", "per_host"),
    *("nameservers", "transport", "server_name", "ca_file", "proxy", "resolve", "username", "password_file"),
    *(
        "password_env",
        "keytab_file",
        "credential_cache_file",
        "auth",
        "password",
        "load_balancer",
        "interface",
        "source_address",
        "resolver",
        "families",
        "roles",
    ),
    *(
        "enabled",
        "count",
        "ports",
        "hosts",
        "required",
        "hosts_per_round",
        "request",
        "addresses",
        "interval",
        "timeouts",
    ),
]
WORDS = [
    *(
        "127.0.0.1:9223",
        "10.0.0.53",
        "[fd00::53]:53",
        "udp",
        "auto",
        "tls",
        "local",
        "both",
        "ipv4",
        "ipv6",
        "device",
        "all",
    ),
    *(
        "socks4://p",
        "socks5://p:1080",
        "http://p",
        "https://[::1]:1",
        "mdm.example.com",
        "api.push.apple.com",
        "5s",
    ),
    *("017", "12:30", "yes", "~", "", "\0", "ü", "\u0130.example", "[", "%", "corp", "no-such-file"),
]
scalars = st.one_of(
    st.sampled_from(WORDS),
    st.text(max_size=8),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.none(),
    st.dates(),
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=20,
)


def outcome(directory: Path, data: bytes) -> str:
    """All that can be seen of a load."""
    file = directory / "netcheck.yaml"
    file.write_bytes(data)
    try:
        return repr(load(file))
    except ConfigError as error:
        check_problems(error)
        return str(error)


def check_problems(error: ConfigError) -> None:
    """There are some, each has a place, and each is one line: the first twenty, and how many."""
    assert error.problems
    assert all(problem.line >= 1 and problem.column >= 1 for problem in error.problems)
    assert len(str(error).splitlines()) == min(len(error.problems), 21)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("config")


@given(data=st.binary(max_size=200))
def test_any_bytes_are_a_config_or_a_config_error(directory: Path, data: bytes) -> None:
    outcome(directory, data)


@given(
    text=st.text(
        alphabet=st.sampled_from("ab:- \n\t{}[],&*!|>'\"%@`?#~<0.1e\u2028\x85\ufeff\x00é"), max_size=60
    )
)
def test_any_text_is_a_config_or_a_config_error(directory: Path, text: str) -> None:
    outcome(directory, text.encode())


@settings(max_examples=300)
@given(sections=st.dictionaries(st.sampled_from(KEYS[:6]), values, max_size=6))
def test_any_structure_is_a_config_or_a_config_error(directory: Path, sections: dict[str, object]) -> None:
    outcome(directory, yaml.safe_dump(sections).encode())


PLACES = [
    "http://svc:{}@proxy.example:3128",
    "http://{}@proxy.example",
    "ftp://proxy.example/{}",
    "http://svc:{}",
    "svc:{}@proxy.example",
    "http://proxy.example/?password={}",
    "{}",
]


@settings(max_examples=300)
@given(
    path=st.dictionaries(
        st.sampled_from(["proxy", "password", "password_file", "password_env", "passwrd", "pass"]),
        st.sampled_from(PLACES).map(lambda place: place.format(PASSWORD)) | values,
        min_size=1,
    ),
    beside=st.dictionaries(st.sampled_from(KEYS), values, max_size=3),
)
def test_a_password_in_a_place_for_passwords_is_never_repeated(
    directory: Path, path: dict[str, object], beside: dict[str, object]
) -> None:
    seen = outcome(directory, yaml.safe_dump({"paths": {"web": {**beside, **path}}}).encode())
    assert PASSWORD not in seen


ADDRESSES = [
    "svc:{}@10.0.0.1",
    "{}@10.0.0.1:53",
    "svc:{}",
    "svc:{}:x",
    "https://svc:{}@mdm.example",
    "[svc:{}@::1]:5",
]
ADDRESS_KEYS = {
    "listen": "listen: {}",
    "nameserver": "resolvers: {{r: {{nameservers: [{}]}}}}",
    "server name": "resolvers: {{r: {{nameservers: 10.0.0.1, transport: tls, server_name: {}}}}}",
    "source": "paths: {{p: {{source_address: {}}}}}",
    "interface": "paths: {{p: {{interface: {}}}}}",
    "resolver": "paths: {{p: {{resolver: {}}}}}",
    "proxy": "paths: {{p: {{proxy: {}}}}}",
    "balanced": "paths: {{p: {{load_balancer: {{{}: 10.0.0.1}}}}}}",
    "balancer": "paths: {{p: {{load_balancer: {{api.push.apple.com: {}}}}}}}",
    "host": "services: {{s: {{hosts: {}, ports: 1}}}}",
    "network": "services: {{s: {{hosts: a.example, ports: 1, networks: {}}}}}",
    "web host": "web: {{hosts: {}}}",
    "path name": "paths: {{{}: {{}}}}",
    "key": "{}: x",
    "key of a path": "paths: {{p: {{{}: x}}}}",
    "key of a service": "services: {{courier: {{{}: x}}}}",
}


@pytest.mark.parametrize("text", ADDRESS_KEYS.values(), ids=ADDRESS_KEYS)
@pytest.mark.parametrize("place", ADDRESSES)
def test_a_password_in_front_of_an_address_is_never_repeated(directory: Path, text: str, place: str) -> None:
    seen = outcome(directory, text.format(f"'{place.format(PASSWORD)}'").encode())
    assert PASSWORD not in seen
    assert PASSWORD.lower() not in seen


@given(content=st.binary(min_size=1, max_size=300).map(lambda data: PASSWORD.encode() + data))
def test_what_a_password_file_holds_is_never_repeated(directory: Path, content: bytes) -> None:
    (directory / "password").write_bytes(content)
    text = b'paths: {web: {proxy: "socks5://p.example", username: svc, password_file: password}}\n'
    assert PASSWORD not in outcome(directory, text)


@given(
    entry=st.dictionaries(
        st.sampled_from(["password", "password_file", "password_env", "passwrd", "pass"]),
        st.sampled_from([PASSWORD, f"x{PASSWORD}y"]) | values,
        min_size=1,
    )
)
def test_the_password_of_a_push_certificate_is_never_repeated(
    directory: Path, entry: dict[str, object]
) -> None:
    sections = {"push_certificates": {"mdm": {"file": "mdm.p12", **entry}}}
    assert PASSWORD not in outcome(directory, yaml.safe_dump(sections).encode())
