"""What something that is wrong means for people, in the words of whoever has never heard of netcheck.

Owns how much of it is this fault alone: what else is wrong on a path is not its owners' concern.
Knows facts only.
"""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from netcheck.console.wording import hosts_text
from netcheck.facts import Facts, PathFinding
from netcheck.grouping import grouped
from netcheck.model.findings import Cause, Finding, Judgement, Verdict
from netcheck.model.paths import Role
from netcheck.model.services import PortRule
from netcheck.phrases import listed
from netcheck.telling.answers import over

_DO_NOT_GET = (
    "Phones, tablets and Macs here do not get their push notifications (Apple Push Notification service, "
    "APNs), so commands of the device management (MDM) do not arrive."
)
_SUFFER: Mapping[tuple[Role, Verdict], str] = {
    (Role.DEVICE, Verdict.NOT_READY): _DO_NOT_GET,
    (Role.DEVICE, Verdict.FALLBACK_ONLY): "Phones, tablets and Macs here get their push notifications (Apple "
    "Push Notification service, APNs) late, and on Wi-Fi or Ethernet only: their usual port is blocked, and "
    "it takes them about 30 s to fall back to another one.",
    (Role.DEVICE, Verdict.DEGRADED): "Some phones, tablets and Macs here do not get their push notifications "
    "(Apple Push Notification service, APNs), or not each time, so commands of the device management (MDM) "
    "arrive late or not at all.",
    (Role.PROVIDER, Verdict.NOT_READY): "The server for device management (MDM) here cannot send push "
    "notifications (Apple Push Notification service, APNs), so no device gets its commands.",
    (Role.PROVIDER, Verdict.DEGRADED): "The server for device management (MDM) here cannot send push "
    "notifications (Apple Push Notification service, APNs) each time, so commands arrive late or not at all.",
}
"""What it means for people, by who suffers and how much."""
_CANNOT_USE: Mapping[Role, str] = {
    Role.DEVICE: "Phones, tablets and Macs here cannot {often}use {hosts}.",
    Role.PROVIDER: "The server for device management (MDM) here cannot {often}use {hosts}.",
}
"""Of a server of the user's own: push itself need not suffer."""
_WHERE = {Role.DEVICE: " that connect {} ", Role.PROVIDER: " here, where it connects {}, "}
_OF_IPHONES = re.compile(r"\d+-courier2\.")
"""The names that iPhones and iPads go to; Macs were seen at the others."""
_DEVICES = re.compile("[Pp]hones, tablets and Macs")


class _Suffering(NamedTuple):
    role: Role
    verdict: Verdict
    own_hosts: str = ""
    """Where it is these that are missed, and not push."""
    only_iphones: bool = False


def who_suffers(facts: Facts, found: Sequence[PathFinding]) -> list[str]:
    """A sentence for each way of suffering, the worst first; of some paths, where others fare differently."""
    paths = grouped(
        (_suffering(facts, each.finding, judged), judged.path)
        for each in found
        if each.finding.cause is not Cause.PATH_OPEN  # nobody suffers from that
        for judged in each.judgements
    )
    told = sorted(paths, key=lambda each: (tuple(Role).index(each.role), -each.verdict.severity))
    texts = []
    for how in told:
        worse = [
            other
            for other in told
            if other.role is how.role and other.verdict.severity > how.verdict.severity
        ]
        names = paths[how].difference(*(paths[other] for other in worse if not other.own_hosts))
        if names and (text := _text(how)):
            texts.append(_of_paths(facts, how, text, names))
    return texts


def _suffering(facts: Facts, finding: Finding, judged: Judgement) -> _Suffering:
    """What is missed for this fault alone."""
    if finding.about and all(result.service in facts.own_services for result in finding.about):
        hosts = hosts_text(result.host for result in finding.about)
        return _Suffering(judged.role, judged.verdict, hosts)
    if judged.role is not Role.DEVICE:
        return _Suffering(judged.role, judged.verdict)
    only_iphones = bool(finding.about) and all(_OF_IPHONES.match(r.host) for r in finding.about)
    falls_back = judged.verdict is Verdict.NOT_READY and _fall_back(facts, finding, judged.path)
    verdict = Verdict.FALLBACK_ONLY if falls_back else judged.verdict
    return _Suffering(judged.role, verdict, only_iphones=only_iphones)


def _fall_back(facts: Facts, finding: Finding, path: str) -> bool:
    """Whether devices reach on another port all that they miss on their usual one."""
    usual = {s.name: s.ports[0] for s in facts.services if s.port_rule is PortRule.FALLBACK}
    missed = {(result.service, result.port) for result in finding.about if result.path == path}
    if not missed or any(usual.get(service) != port for service, port in missed):
        return False
    reached = {
        r.service
        for r in facts.results
        if r.path == path and r.attempt.failure is None and r.port != usual.get(r.service)
    }
    return reached.issuperset(service for service, _ in missed)


def _text(how: _Suffering) -> str:
    """Empty where there is nothing to say."""
    if how.own_hosts:
        often = "" if how.verdict is Verdict.NOT_READY else "always "
        return _CANNOT_USE[how.role].format(often=often, hosts=how.own_hosts)
    text = _SUFFER.get((how.role, how.verdict), "")
    return _DEVICES.sub("iPhones and iPads", text) if how.only_iphones else text


def _of_paths(facts: Facts, how: _Suffering, text: str, names: set[str]) -> str:
    """With the paths, unless it is so everywhere."""
    is_plain = not how.own_hosts and not how.only_iphones
    role = [judged for judged in facts.judgements if judged.role is how.role]
    if all(judged.path in names or (is_plain and judged.verdict is how.verdict) for judged in role):
        return text
    ways = listed([over(path) for path in facts.paths if path.name in names])
    return text.replace(" here ", _WHERE[how.role].format(ways), 1)
