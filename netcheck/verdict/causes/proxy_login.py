"""A proxy wants a login that it does not get: who has to do what about it."""

from collections import Counter
from collections.abc import Mapping, Sequence

from netcheck.model.credentials import Credentials
from netcheck.model.failing import LOGIN_REASONS, LoginFault, Reason, RefusedLogin
from netcheck.model.findings import Cause, Hop
from netcheck.model.paths import Role
from netcheck.model.results import Attempt
from netcheck.phrases import listed
from netcheck.verdict.case import Case
from netcheck.verdict.causes.cause import Found, cause, through
from netcheck.verdict.counting import Counted
from netcheck.verdict.how_often import how_often
from netcheck.verdict.matching import http_status, reason_is
from netcheck.verdict.naming import the_hosts
from netcheck.verdict.owners import Owner, the_proxy
from netcheck.verdict.settings_in_words import in_the_config, its_login, to_set

_IN_WORDS: Mapping[LoginFault | None, str] = {
    LoginFault.CERTIFICATE: "the proxy wants a certificate of its client",
    LoginFault.SILENT: "the proxy falls silent in the middle of the login",
}
"""What wants a login, whatever the reason is, and how that is told."""
_KERBEROS = "those who run Kerberos (in Windows networks, the domain)"


@cause(Cause.PROXY_AUTH, Hop.PROXY)
@through
def proxy_auth(case: Case) -> Found | None:
    wants_a_login = reason_is(*LOGIN_REASONS)
    told = set(_IN_WORDS)
    if any(each.result.attempt.proxy_spoke for each in case.counted):
        told.discard(LoginFault.CERTIFICATE)  # it asks for one, and lets others in without
    about = case.mostly(lambda each: (wants_a_login(each) or _fault(each) in told) and each.fails_each_time)
    if not about:
        return None
    proxy = the_proxy(case, about)
    first, *others = {_IN_WORDS.get(_fault(each), "") for each in about}
    how = how_often(case, about, "" if others else first)
    return Found(proxy, about, _a_way_in(case, proxy, about), evidence=how)


@cause(Cause.PROXY_LOGIN_NEEDED, Hop.PROXY, is_remark=True)
@through
def proxy_login_needed(case: Case) -> Found | None:
    """Netcheck reaches what devices need with its own login. They may be exempt where netcheck is not.

    Not of several proxies in a row: which of them wants it is not known here.
    """
    if case.role is not Role.DEVICE:
        return None
    about = [e for e in case.counted if e.place in case.needs and _is_let_in(e.result.attempt)]
    if not about:
        return None
    proxy = the_proxy(case, about)
    return Found(
        proxy,
        about,
        f"Ask {proxy.asked} to exempt {the_hosts(case, about)} from the login. Devices cannot log in. "
        f"If none of them uses it, {to_set(case.path, '`roles: [provider]`')}.",
        evidence="The proxy wants a login, and lets netcheck pass with its own",
    )


def _is_let_in(attempt: Attempt) -> bool:
    return attempt.failure is None and attempt.login_wanted and len(attempt.proxies) == 1


def _fault(each: Counted) -> LoginFault | None:
    login = each.failure.login if each.failure else None
    return login.fault if login else None


def _a_way_in(case: Case, proxy: Owner, about: Sequence[Counted]) -> str:
    """Devices cannot log in. A server can: where netcheck has no good login for it, that comes first."""
    exempt = f"to exempt {the_hosts(case, about)} from the login"
    refused = _commonest(about)
    if refused.fault is LoginFault.CERTIFICATE:
        whose = "devices have none to show" if case.role is Role.DEVICE else "netcheck has none to show"
        return f"Ask {proxy.asked} to let clients in without a certificate in TLS: {whose}."
    if case.role is Role.DEVICE:
        return f"Ask {proxy.asked} {exempt}. Devices cannot log in."
    if all(map(_sends_to_a_page, about)):
        return f"Ask {proxy.asked} {exempt}: it sends to a page, in which no server can log in."
    asked = next((each.result.attempt.proxy for each in about if each.result.attempt.proxy), None)
    asked = asked or next(iter(case.path.proxies), None)
    which = f"of {proxy.name} in" if len(case.path.proxies) > 1 else "of"
    config = in_the_config(case.path, which)
    credentials = asked.credentials if asked else None
    if refused.fault is LoginFault.NOT_OFFERED:
        return _another_way(credentials, refused.offered, config, f"{proxy.asked} {exempt}")
    if credentials is None:
        return (
            f"Set {its_login(case.path, ('username', 'password_file'), which)} "
            "to a login that the proxy accepts. "
            f"If there is none, ask {proxy.asked} for one, or {exempt}."
        )
    login = its_login(case.path, _keys(credentials), which)
    step = _NEXT_STEPS.get(refused.fault, _REJECTED)
    return step.format(login=login, config=config, proxy=proxy.name, owners=proxy.asked, kerberos=_KERBEROS)


def _sends_to_a_page(each: Counted) -> bool:
    """Whether people are to log in in a browser: by a redirect, or RFC 6585 section 6."""
    status = http_status(each)
    return status.startswith(b"3") or status == b"511"


def _commonest(about: Sequence[Counted]) -> RefusedLogin:
    """What most of the logins have met; SOCKS and old statuses say no more than the reason."""
    known = Counter(each.failure.login for each in about if each.failure and each.failure.login)
    if known:
        return known.most_common(1)[0][0]
    is_unsupported = all(map(reason_is(Reason.PROXY_AUTH_UNSUPPORTED), about))
    return RefusedLogin(LoginFault.NOT_OFFERED if is_unsupported else LoginFault.REJECTED)


def _another_way(
    credentials: Credentials | None, offered: Sequence[str], config: str, owners_to_exempt: str
) -> str:
    only = f"The proxy offers only {listed(offered)}" if offered else "The proxy does not offer it"
    if credentials and credentials.auth:
        return f"Remove `auth: {credentials.auth}`{config}. {only}. Or ask {owners_to_exempt}."
    if credentials and (credentials.keytab or credentials.ticket_cache):
        login = f"Set `username` and `password_file`{config}, as tickets of Kerberos are for Negotiate."
        return f"{login} {only}. Or ask {owners_to_exempt}."
    offer = f" It offers only {listed(offered)}." if offered else ""
    asked = f"Ask {owners_to_exempt}, or to accept a password."
    return f"{asked} netcheck knows none of the logins that it offers.{offer}"


_REJECTED = "Correct {login}: the proxy rejects this login. If it should be valid, ask {owners}."
_NEXT_STEPS = {
    LoginFault.NOT_INSTALLED: "Install what this login needs where netcheck runs: "
    "gssapi for Negotiate, pyspnego for NTLM; docs/install.md says how. "
    "Or ask {owners} to offer Digest or Basic.",
    LoginFault.SILENT: "Ask {owners} why it falls silent once it has asked for a login. "
    "What it checks passwords with, such as LDAP or RADIUS, may not answer.",
    LoginFault.ACCOUNT_LOCKED: "Ask {kerberos} to unlock the account in {login}, "
    "or to give it a new password.",
    LoginFault.UNKNOWN_ACCOUNT: "Correct {login}. Write the account as user@REALM, as Kerberos knows it.",
    LoginFault.UNKNOWN_SERVICE: "Write {proxy}{config} by the host name that Kerberos knows, "
    "not by an address. If that is its name, ask {kerberos} to register the service HTTP for it.",
    LoginFault.NO_TICKET: "Renew the tickets of {login}: run kinit, or look why nothing renews them.",
    LoginFault.CLOCK_SKEW: "Set the clock of the machine that runs netcheck (NTP): "
    "it differs from the time of Kerberos.",
    LoginFault.NO_KDC: "Check the realm and its servers (KDC) in krb5.conf on the machine that runs "
    "netcheck. If they are right, ask {kerberos} why they do not answer on port 88.",
    LoginFault.KERBEROS: "Ask {kerberos} about the error that is shown here; the login is {login}.",
}
"""By what is wrong; where the proxy says no more than no, the login is."""


def _keys(credentials: Credentials) -> list[str]:
    """The keys of the config that make up the login."""
    account = ["username"] if credentials.username else []
    if credentials.keytab is not None:
        return [*account, "keytab_file"]
    return [*account, "credential_cache_file" if credentials.ticket_cache is not None else "password_file"]
