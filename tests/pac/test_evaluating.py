"""What scripts say: the standard functions, names that are not known yet, and scripts that are none."""

import json
from typing import Any

import pytest

from netcheck.pac.evaluating import evaluate
from netcheck.pac.script import script_in

SATURDAY_NOON = 1795867200.0  # 2026-11-28 12:00 UTC
URLS = [["https://1-courier.test:5223/", "1-courier.test"]]


def run(script: str, known: dict[str, list[str]] | None = None, urls: list[list[str]] = URLS) -> Any:
    asked = {
        "script": script,
        "urls": urls,
        "known": known or {},
        "mine": ["10.1.2.3", "fd00::3"],
        "time": SATURDAY_NOON,
    }
    return json.loads(evaluate(json.dumps(asked).encode()))


def said(expression: str, known: dict[str, list[str]] | None = None) -> str:
    (answer,) = run(f"function FindProxyForURL(url, host) {{ return String({expression}) }}", known)[
        "answers"
    ]
    return str(answer.get("said", answer))


KNOWN = {"both.test": ["fd00::7", "10.2.0.7"], "six.test": ["fd00::6"], "none.test": []}


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("url + ' ' + host", "https://1-courier.test:5223/ 1-courier.test"),
        ("isPlainHostName('intranet')", "true"),
        ("isPlainHostName('a.test')", "false"),
        ("dnsDomainIs('a.push.test', '.push.test')", "true"),
        ("dnsDomainIs('a.push.test', '.Push.test')", "false"),
        ("localHostOrDomainIs('www', 'www.a.test')", "true"),
        ("localHostOrDomainIs('www.b.test', 'www.a.test')", "false"),
        ("localHostOrDomainIs('www', 'WWW.a.test')", "false"),
        ("dnsDomainLevels('www.a.test')", "2"),
        ("dnsResolve('both.test')", "10.2.0.7"),
        ("dnsResolve('six.test')", "null"),
        ("dnsResolveEx('both.test')", "fd00::7;10.2.0.7"),
        ("isResolvable('none.test')", "false"),
        ("isResolvableEx('six.test')", "true"),
        ("isInNet('both.test', '10.2.0.0', '255.255.0.0')", "true"),
        ("isInNet('10.3.0.1', '10.2.0.0', '255.255.0.0')", "false"),
        ("isInNet('200.2.0.1', '200.2.0.0', '255.255.0.0')", "true"),
        ("isInNetEx('six.test', 'fd00::/16')", "true"),
        ("isInNetEx('10.3.0.1', '10.2.0.0/15')", "true"),
        ("isInNetEx('::ffff:10.3.0.1', '::ffff:0:0/96')", "true"),
        ("isInNetEx('10.3.0.1', 'nonsense')", "false"),
        ("isInNetEx('10.3.0.1', '10.2.0.0/8.5')", "false"),
        ("isInNetEx('10.3.0.1', '10.2.0.0/0x8')", "false"),
        ("sortIpAddressList('10.0.0.2;10.0.0.1;fd00::1')", "fd00::1;10.0.0.1;10.0.0.2"),
        ("myIpAddress()", "10.1.2.3"),
        ("myIpAddressEx()", "10.1.2.3;fd00::3"),
        ("shExpMatch(url, 'https://*.test:5223/*')", "true"),
        ("shExpMatch('a.test', 'a?test')", "true"),
        ("shExpMatch('axtest', 'a.test')", "false"),
        ("shExpMatch('a.test', '*.TEST')", "false"),
        ("shExpMatch('b.test', '(a|b).te[s]t')", "true"),
        ("convert_addr('10.0.0.1')", "167772161"),
        ("convert_addr('192.168.0.0')", "-1062731776"),
        ("(convert_addr('192.168.7.1') & 0xffff0000) == convert_addr('192.168.0.0')", "true"),
        ("alert('seen')", "undefined"),
        ("console.log('seen')", "undefined"),
        ("RegExp.$1 + /^(.)-(.)(.)?/.test(host) + RegExp.$1 + RegExp.$2 + RegExp.$3", "true1co"),
        ("host.match(/(c.*)[.]/) && shExpMatch(host, '*') && RegExp.$1", "courier"),
        ("weekdayRange('SAT', 'GMT')", "true"),
        ("weekdayRange('FRI', 'SUN', 'GMT')", "true"),
        ("weekdayRange('SUN', 'FRI', 'GMT')", "false"),
        ("weekdayRange('sat', 'GMT')", "false"),
        ("weekdayRange('SAT', 'MON', 'UTC')", "true"),
        ("weekdayRange('FRI', 'MON', 'UTC')", "false"),
        ("dateRange(28, 'GMT')", "true"),
        ("dateRange('NOV', 'GMT')", "true"),
        ("dateRange(2026, 2027, 'GMT')", "true"),
        ("dateRange(1, 'NOV', 'GMT')", "false"),
        ("dateRange(1, 'DEC', 'GMT')", "true"),
        ("dateRange(24, 'DEC', 'GMT')", "true"),
        ("dateRange('JAN', 2026, 'GMT')", "true"),
        ("dateRange('JAN', 31, 'NOV', 1, 'GMT')", "true"),
        ("dateRange('DEC', 'NOV', 'GMT')", "false"),
        ("dateRange('OCT', 'JAN', 'GMT')", "true"),
        ("dateRange(27, 'NOV', 29, 'NOV', 'GMT')", "true"),
        ("dateRange(1, 'DEC', 2025, 27, 'NOV', 2026, 'GMT')", "false"),
        ("timeRange(12, 'GMT')", "true"),
        ("timeRange(11, 12, 'GMT')", "true"),
        ("timeRange(10, 11, 'GMT')", "false"),
        ("timeRange(20, 13, 'GMT')", "false"),
        ("timeRange(20, 0, 13, 0, 'GMT')", "true"),
        ("timeRange(12, 0, 12, 0, 'GMT')", "true"),
        ("timeRange(12, 1, 13, 0, 'GMT')", "false"),
        ("timeRange(20, 0, 0, 12, 0, 0, 'GMT')", "true"),
        ("timeRange(11, 59, 59, 12, 0, 0, 'GMT')", "true"),
    ],
)
def test_the_standard_functions(expression: str, result: str) -> None:
    assert said(expression, KNOWN) == result


def test_names_that_are_not_known_are_asked_for() -> None:
    script = (
        "function FindProxyForURL() { return isInNet(dnsResolve('A.test.'), '10.0.0.0', '255.0.0.0') + '' }"
    )
    assert run(script)["missing"] == ["a.test"]
    assert run(script, {"a.test": ["10.0.0.1"]}) == {"answers": [{"said": "true"}], "missing": []}


def test_of_names_without_end_a_few_are_resolved() -> None:
    script = """
    function FindProxyForURL(url, host) {
      for (var i = 0; i < 3000; i++) dnsResolve("n" + i + ".test");
      dnsResolve(new Array(1000000).join("x"));
      return "DIRECT";
    }"""
    answer = run(script)
    assert answer["answers"] == [{"said": "DIRECT"}]
    assert answer["missing"] == [f"n{number}.test" for number in range(64)]


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ("function (", "SyntaxError: function name expected (line 1, column 10)"),
        ("var x = 1", "it has no function FindProxyForURL"),
        ("function FindProxyForURL() { return null }", "it answers null, and not with text"),
        ("function FindProxyForURL() { }", "it answers undefined, and not with text"),
        ("function FindProxyForURL() { return 3 }", "it answers number, and not with text"),
        ("function FindProxyForURL() { throw 'no' }", "no"),
        ("function FindProxyForURL() { return timeRange(1, 2, 3) }", "timeRange: bad number of arguments"),
        ("function FindProxyForURL() { return timeRange('GMT') }", "timeRange: bad number of arguments"),
        ("function FindProxyForURL() { return dnsDomainIs(null, '.test') }", "TypeError: "),
        ("function FindProxyForURL(url, host) { return dnsDomainIs(host) }", "TypeError: "),
        ("function FindProxyForURL(url, host) { return shExpMatch(host) }", "TypeError: "),
        ("function FindProxyForURL(url, host) { return localHostOrDomainIs(host) }", "TypeError: "),
        ("function FindProxyForURL() { return dnsDomainLevels() }", "TypeError: "),
        ("function FindProxyForURL() { return isPlainHostName() }", "TypeError: "),
        ("function FindProxyForURL(url, host) { return convert_addr(dnsResolve(host)) }", "TypeError: "),
        ("function FindProxyForURL() { throw 'it is undefined' }", "it is undefined"),
        (
            "function FindProxyForURL(url) { return url.x.y }",
            "TypeError: cannot read property 'y' of undefined (line 1, column 40)",
        ),
        ("throw null", "it takes more than 64 MiB of memory, or throws null"),
        (
            "\nfunction FindProxyForURL() { return x.y }",
            "ReferenceError: x is not defined (line 2, column 37)",
        ),
        ("while (true) {}", "it does not come to an end within 0.5 s"),
        (
            "function FindProxyForURL() { var a = []; while (true) a.push('x' + a.length) }",
            "it takes more than 64 MiB of memory",
        ),
        (
            "__keys = null; function FindProxyForURL() { return 'DIRECT' }",
            "it changes what this runs it with",
        ),
    ],
)
def test_a_script_that_is_none_is_told_with_its_place(script: str, error: str) -> None:
    (answer,) = run(script)["answers"]
    assert answer["error"].startswith(error)


@pytest.mark.parametrize(
    "change",
    [
        "String.prototype.slice = function () { return {} }",
        "Array.prototype.toJSON = function () { return [1, 2] }",
        "Array.prototype.toJSON = function () { return {said: 3} }",
        "Object.prototype.toJSON = function () { }",
        "__keys = function () { return [{}] }",
        "__keys = function () { return {a: 1} }",
        "__stringify = function () { return '3' }",
        "__stringify = function () { return Array(100001).join('[') }",
    ],
)
def test_a_script_that_changes_the_language_harms_itself_only(change: str) -> None:
    (answer,) = run(f"{change}; function FindProxyForURL() {{ return 'DIRECT' }}")["answers"]
    assert answer == {"error": "it changes what this runs it with"}


@pytest.mark.parametrize(
    "script",
    [
        "function FindProxyForURL() { return /^(a+)+$/.test('a'.repeat(40) + '!') }",
        "async function FindProxyForURL() { return 'DIRECT' }",
        "function FindProxyForURL() { throw Symbol('x') }",
        "function FindProxyForURL() { return FindProxyForURL() }",
        "\0",  # which the engine does not take
        "// \ud800",
    ],
)
def test_a_script_without_an_answer_has_an_error(script: str) -> None:
    (answer,) = run(script)["answers"]
    assert answer["error"]


def test_one_url_may_fail_and_another_not() -> None:
    script = "function FindProxyForURL(url, host) { if (host == 'a.test') throw 'no'; return 'DIRECT' }"
    urls = [["https://a.test/", "a.test"], ["https://b.test/", "b.test"]]
    assert run(script, urls=urls)["answers"] == [{"error": "no"}, {"said": "DIRECT"}]


def test_nothing_that_a_terminal_obeys_is_passed_on() -> None:
    assert said(r"'PROXY a\x1b[31m\r\nb'") == "PROXY a[31m b"


def test_no_login_is_passed_on() -> None:
    assert (
        said("'PROXY svc:s3cret@a.test:1; HTTPS http://svc:s3@cret@b.test'")
        == "PROXY ***@a.test:1; HTTPS ***@b.test"
    )
    assert said("'DIRECT; PROXY http://svc:two words@a.test:1; DIRECT'") == (
        "DIRECT; PROXY http://***@a.test:1; DIRECT"
    )
    assert said("(function () { throw 'svc:s3cret@a.test' })()") == "{'error': '***@a.test'}"


def test_a_login_that_is_cut_is_not_passed_on() -> None:
    assert said("'x'.repeat(980) + '; PROXY svc:s3cret-s3cret@a.test'") == f"{'x' * 980}; PROXY …"
    assert said("(function () { throw 'x'.repeat(5000) + '@' })()") == "{'error': '…'}"


@pytest.mark.parametrize("change", ["Object.prototype.toJSON", "String.prototype.slice"])
def test_a_long_word_takes_no_time(change: str) -> None:
    """Not by the square of its length: here that would be hours."""
    script = f"{change} = function () {{ return 'a'.repeat(5000000) }};"
    (answer,) = run(f"{script} function FindProxyForURL() {{ return 'DIRECT' }}")["answers"]
    assert len(str(answer)) < 2000


@pytest.mark.parametrize("end", ["10n", "'\\ud800'", "Symbol()", "({})", "// that is all", "new Date()"])
def test_it_does_not_matter_what_a_script_ends_in(end: str) -> None:
    script = f"function FindProxyForURL() {{ return 'DIRECT' }}\n{end}"
    assert run(script)["answers"] == [{"said": "DIRECT"}]


@pytest.mark.parametrize("declared", ["let", "const", "var", ""])
def test_the_function_is_one_of_the_global_object(declared: str) -> None:
    """Browsers find no other: what is said in `let` is not among its properties."""
    script = f"let console = 1; {declared} FindProxyForURL = function () {{ return 'DIRECT' }}"
    lacking = {"error": "it has no function FindProxyForURL"}
    (answer,) = run(script)["answers"]
    assert answer == ({"said": "DIRECT"} if declared in ("var", "") else lacking)


def test_an_ex_function_alone_will_do() -> None:
    assert run("function FindProxyForURLEx(url, host) { return 'DIRECT' }")["answers"] == [{"said": "DIRECT"}]


def test_a_script_may_hide_in_the_comment_of_a_page_as_devices_run_it() -> None:
    hidden = b'<!-- hide\nfunction FindProxyForURL() { return "DIRECT"; }\n--> end'
    assert run(script_in(hidden))["answers"] == [{"said": "DIRECT"}]
