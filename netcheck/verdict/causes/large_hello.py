"""TLS that begins with more than one packet, as today's devices begin it."""

from netcheck.model.failing import Phase, Reason
from netcheck.model.findings import Cause, Hop
from netcheck.phrases import ports_text
from netcheck.verdict.case import Case
from netcheck.verdict.causes.cause import Found, cause
from netcheck.verdict.counting import Counted
from netcheck.verdict.failures_in_words import failure_in_words
from netcheck.verdict.matching import fails_in
from netcheck.verdict.owners import on_the_way

_WHO_SENDS_IT = (
    "Devices with iOS 26 or macOS 26 and later begin TLS so (support.apple.com/122756), "
    "and servers with OpenSSL 3.5."
)
_ends_in_tls = fails_in(Phase.TLS, Reason.TLS_TIMEOUT, Reason.TLS_ALERT, Reason.RESET, Reason.CLOSED)


@cause(Cause.LARGE_HELLO_BLOCKED, Hop.FIREWALL, Hop.PROXY, is_apart=True)
def large_hello_blocked(case: Case) -> Found | None:
    """Where this machine's own TLS begins so too, it is why that fails."""
    if not case.large_hellos:
        return None
    tried = [Counted(result, result.attempt.failure) for result in case.large_hellos]
    usual = {each.place for each in tried if each.result.large_hello and each.result.large_hello.is_usual}
    alike = [each for each in case.left if each.place in usual and _ends_in_tls(each)]
    owner = on_the_way(case, tried)
    said = [each.result.large_hello for each in tried if each.result.large_hello is not None]
    kinds = [hello.failure for hello in said if hello.failure is not None]
    phase, reason = kinds[0].phase, kinds[0].reason
    ports = ports_text({each.result.port for each in tried})
    if all(hello.passes_in_small_packets for hello in said):
        what = (
            f"to pass packets of full size on {ports}: in small packets, TLS is answered. "
            "ICMP that asks for smaller ones must pass, too ('fragmentation needed', 'packet too big')"
        )
    else:
        what = f"to pass TLS on {ports} also where it begins with more than one packet"
    return Found(
        owner,
        [*tried, *alike],
        f"Ask {owner.asked} {what}. {_WHO_SENDS_IT}",
        evidence=(
            f"On {ports}, {failure_in_words(phase, reason)} if its first message has {said[0].size} bytes; "
            "a short one is answered"
        ),
        reply=kinds[0].detail,
    )
