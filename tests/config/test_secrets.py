"""A secret that somebody wrote where none belongs comes out nowhere: in no error, nor by `config show`."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from netcheck.config import web_file
from netcheck.config.file import FILE, check, load, show
from netcheck.config.reading.problems import ConfigError
from netcheck.config.reading.sections import Named, Section
from netcheck.config.reading.values import Kind

SECRET = "Tr0ub4dor-hunter2"
LOGINS = [
    "svc:{}@10.0.0.1",
    "svc:{}@10.0.0.1:53",
    "svc:{}@proxy.example:3128",
    "http://svc:{}@proxy.example:3128",
    "https://svc:{}@[fd00::1]:3128/proxy.pac",
    "socks5://{}:x@proxy.example",
    "unix:/svc:{}@host",
    "${{{}}} svc:{}@x",
]
"""How a secret stands before an address: recognized, so it is refused everywhere but in a username."""
ODDLY = [
    "{}",
    "a: {}: b",
    "a: &{} b",
    "a: *{}",
    "a: !{} b",
    "a: !!{} b",
    "a: !<{}> b",
    "a: '{}",
    'a: "\\{}"',
    "a: [{}",
    "a: {{{}",
    "a: |{}",
    "a: @{}",
    "a: `{}",
    "a: %{}",
    "%{}",
    "%TAG ! {}\n---\na: b",
    "%YAML {}",
    "{}:\n\t- x",
    "- {}",
    "? {}",
    "? [{}]\n: x",
    "? {{{}: x}}\n: x",
    "{}: x\n{}: x",
    "<<: {}",
    "<<: {{{}: x}}",
    "a: b\n--- {}\n",
    "a: b\n... {}\n",
    "{}\x01",
    "paths: {{p: {{proxy: {}",
    "listen: {}\n listen: x",
]


def places(kind: Kind[Any], at: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every key of the file, with names of one's own where it wants some."""
    yield at
    if isinstance(kind, Section):
        for key, each in kind.keys.items():
            yield from places(each.kind, (*at, key))
    if isinstance(kind, Named):
        for name in (*kind.known, "api.push.apple.com" if at[-1] == "load_balancer" else "n"):
            yield from places(kind.known.get(name, kind.others), (*at, name))


PLACES = [at for at in places(FILE) if at]


def written(at: tuple[str, ...], value: object) -> str:
    for key in reversed(at):
        value = {key: value}
    return yaml.safe_dump(value, allow_unicode=True)


def errors(file: Path, text: str) -> str:
    """Everything that is said of a config file that is refused."""
    file.write_text(text, encoding="utf-8")
    try:
        check(file)
    except ConfigError as error:
        return "\n".join([str(error), repr(error), repr(error.problems)])
    return ""


def outcome(file: Path, text: str) -> str:
    """Everything that is said of a config file, also where it is accepted."""
    said = errors(file, text)
    try:
        loaded = load(file)
    except ConfigError:
        return said
    return "\n".join([said, repr(loaded), *loaded.warnings, show(file)])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "netcheck.yaml"


def leaks(said: str) -> bool:
    return SECRET.lower() in said.lower()


def test_there_are_places() -> None:
    assert len(PLACES) > 150


@pytest.mark.parametrize("at", PLACES, ids=".".join)
def test_a_login_written_anywhere_is_never_repeated(at: tuple[str, ...], file: Path) -> None:
    logins = [login.format(SECRET, SECRET) for login in LOGINS]
    one, other = logins[0], logins[3]
    forms: list[object] = [*logins, [one], ["x", other], {one: "x"}, {"x": {other: logins}}]
    for form in forms:
        if at[-1] == "username" and form in logins:
            continue  # SOCKS carries such a name, so it may be one
        assert not leaks(outcome(file, written(at, form))), form


@pytest.mark.parametrize("at", PLACES, ids=".".join)
def test_what_is_refused_is_never_repeated(at: tuple[str, ...], file: Path) -> None:
    words = ["{}", "{} x", "{}, {}", "${{{}}}", "${}", "/etc/{}", "{}.pac", "{}://x", "${{{}}}/x"]
    forms: list[object] = [word.format(SECRET, SECRET) for word in words]
    for form in (*forms, [SECRET], [SECRET, SECRET], {SECRET: "x"}):
        assert not leaks(errors(file, written(at, form))) or is_a_name(at, form), form


def is_a_name(at: tuple[str, ...], form: object) -> bool:
    """Whether the secret stands as the name of an entry: labels of metrics are shown."""
    return isinstance(form, dict) and at[-1] in {
        "resolvers",
        "paths",
        "services",
        "push_certificates",
        "load_balancer",
    }


@pytest.mark.parametrize("text", ODDLY)
def test_what_yaml_does_not_know_is_never_repeated(text: str, file: Path) -> None:
    secret = SECRET.replace("-", "")
    said = errors(file, text.replace("{}", secret).replace("{{", "{").replace("}}", "}"))
    assert said
    assert secret.lower() not in said.lower()


@settings(max_examples=200)
@given(
    at=st.sampled_from([at for at in PLACES if at[-1] != "username"]),
    login=st.sampled_from(LOGINS),
    beside=st.dictionaries(st.sampled_from(PLACES), st.sampled_from(["x", 1, True, None]), max_size=4),
)
def test_faults_beside_it_bring_no_login_out(
    at: tuple[str, ...],
    login: str,
    beside: dict[tuple[str, ...], object],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    whole: dict[str, Any] = {}
    for place, value in {**beside, at: login.format(SECRET, SECRET)}.items():
        inner = whole
        for key in place[:-1]:
            below = inner.setdefault(key, {})
            inner = below if isinstance(below, dict) else {}
        inner[place[-1]] = value
    file = tmp_path_factory.getbasetemp() / "secrets.yaml"
    assert not leaks(outcome(file, yaml.safe_dump(whole)))


WEB_PLACES = [at for at in places(web_file._FILE) if at]


@pytest.mark.parametrize("at", WEB_PLACES, ids=".".join)
@pytest.mark.parametrize("kind", ["word", "login", "list", "key", "keys", "variable", "file"])
def test_what_a_web_config_says_wrong_is_never_repeated(at: tuple[str, ...], kind: str, file: Path) -> None:
    login = LOGINS[0].format(SECRET)
    forms: dict[str, object] = {
        "word": SECRET,
        "login": login,
        "list": [SECRET],
        "key": {login: "x"},
        "keys": {login: {login: login}},
        "variable": f"${{{SECRET}}}",
        "file": f"/{SECRET}",
    }
    file.write_text(written(at, forms[kind]), encoding="utf-8")
    said = ""
    try:
        web_file.read_web_config(file)
    except ConfigError as error:
        said = str(error)
    assert not leaks(said)


@pytest.mark.parametrize("line", ["alice:{}", "{}", "alice: {}", "alice:{}:x", "alice:$2y$99${}"])
def test_what_a_file_of_users_says_wrong_is_never_repeated(line: str, file: Path) -> None:
    file.write_text(line.format(SECRET), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        web_file.read_users(file)
    assert not leaks(str(caught.value))


def test_no_login_is_logged(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        for at in PLACES:
            errors(file, written(at, f"svc:{SECRET}@10.0.0.1"))
    assert caplog.text == ""
