"""What APNs means by its answer to who shows a push certificate, and by how it ends such a session.

Source of the reasons:
https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns.
The alerts of TLS: RFC 8446 section 6.2.
"""

from netcheck.model.push_certificates import Acceptance

_BY_REASON = {
    # it is the device token that is refused, as it should be
    "BadDeviceToken": Acceptance.ACCEPTED,
    "DeviceTokenNotForTopic": Acceptance.ACCEPTED,
    "Unregistered": Acceptance.ACCEPTED,
    "ExpiredToken": Acceptance.ACCEPTED,
    "BadCertificate": Acceptance.REFUSED,
    "Forbidden": Acceptance.REFUSED,
    "BadCertificateEnvironment": Acceptance.WRONG_ENVIRONMENT,
    "BadTopic": Acceptance.WRONG_TOPIC,
    "MissingTopic": Acceptance.WRONG_TOPIC,
    "TopicDisallowed": Acceptance.WRONG_TOPIC,
}
_BY_ALERT = {
    42: Acceptance.REFUSED,  # bad_certificate
    43: Acceptance.REFUSED,  # unsupported_certificate
    44: Acceptance.REVOKED,  # certificate_revoked
    45: Acceptance.EXPIRED,  # certificate_expired
    46: Acceptance.REFUSED,  # certificate_unknown
    48: Acceptance.REFUSED,  # unknown_ca
    49: Acceptance.REFUSED,  # access_denied
}


def by_reason(reason: str, not_after: float, now: float) -> Acceptance:
    """By the `reason` of an answer; of one that says no more than that it refuses, the date may say why.

    `not_after` and `now` are Unix seconds: when the certificate expires, and what time it is.
    """
    return _with_date(_BY_REASON.get(reason, Acceptance.UNPROVEN), not_after, now)


def by_alert(alert: int | None, not_after: float, now: float) -> Acceptance:
    """By the number of the alert that ended the session, if one did; else as above."""
    found = Acceptance.UNPROVEN if alert is None else _BY_ALERT.get(alert, Acceptance.UNPROVEN)
    return _with_date(found, not_after, now)


def _with_date(found: Acceptance, not_after: float, now: float) -> Acceptance:
    return Acceptance.EXPIRED if found is Acceptance.REFUSED and not_after <= now else found
