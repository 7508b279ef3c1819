"""The beginning of an HTTP/2 session as a client (RFC 9113 section 3.4) over h2, and one request of APNs.

Knows what frames mean to us; their grammar is h2's. Does no I/O.
"""

import json
from collections.abc import Iterator
from typing import NamedTuple

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings

from netcheck import __version__
from netcheck.model.failing import Reason
from netcheck.wire.transcript import HandshakeError, Transcript

MAX_BYTES = 32 * 1024
"""Of all frames together: a peer that never comes to the point must not keep us busy."""

_HEAD = 9  # RFC 9113 section 4.1: length, type, flags, stream
_GOAWAY = 7  # RFC 9113 section 6.8
_MAX_PAYLOAD = 16 * 1024  # RFC 9113 section 4.2: what may come where nobody allowed more, and we do not

# https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns
_PATH = f"/3/device/{'0' * 64}"
"""Of a device that cannot exist."""
_PAYLOAD = b'{"aps":{}}'
_PAYLOAD_OF_MDM = b'{"mdm":"0"}'


class Answer(NamedTuple):
    """How a request was answered."""

    status: str
    reason: str
    """What APNs says in its JSON; empty in any other answer."""
    text: str
    """All of it, for people."""


_APNS_ANSWER = ("403", "MissingProviderToken")


class Http2:
    """Exchanges SETTINGS; with `request` also sends one without credentials, which APNs itself must refuse.

    With a `topic` it sends a push as an MDM server does, under its certificate in TLS, and takes any answer.
    `done` is True once the peer's settings came, ours were acknowledged, and the request was answered.
    """

    def __init__(self, authority: str, *, request: bool = False, topic: str | None = None) -> None:
        self._heard = Transcript(None)
        self._connection = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding=None))
        self._connection.local_settings = _settings()
        self._request = _request(authority, topic) if topic or request else None
        self._takes_any = topic is not None
        self._missing = {"settings", "acknowledgement", *(["answer"] if self._request else [])}
        self._received = bytearray()
        self._size = 0
        self._status = b""
        self._body = b""
        self._parting = ""
        """How a peer has said good-bye that answers yet."""
        self.answer: Answer | None = None
        """To the request, once it came."""

    @property
    def done(self) -> bool:
        return not self._missing

    def start(self) -> bytes:
        """The first bytes to send. The request does not wait for the settings: RFC 9113 section 3.4."""
        self._connection.initiate_connection()
        if self._request:
            headers, payload = self._request
            stream = self._connection.get_next_available_stream_id()
            self._connection.send_headers(stream, headers)
            self._connection.send_data(stream, payload, end_stream=True)
        return self._connection.data_to_send()

    def receive(self, data: bytes) -> bytes:
        """Take what arrived, b"" for the end of the stream; returns what to send next, b"" for nothing.

        Raises HandshakeError: closed where the peer leaves, refused where it says so, or does not do as APNs.
        """
        if not data and self._parting:
            raise self._heard.error(Reason.CLOSED, self._parting)
        if not data:
            raise self._heard.error(Reason.CLOSED, f"the peer closed the HTTP/2 session: {self._lack()}")
        self._heard.add(data)
        self._received += data
        for frame in self._frames():
            self._take(frame)
            if self.done:
                break
        return self._connection.data_to_send()

    def _frames(self) -> Iterator[bytes]:
        """Whole frames, one at a time: h2 forgets the good ones that it is given along with a bad one."""
        while len(self._received) >= _HEAD:
            payload = int.from_bytes(self._received[:3], "big")
            if payload > _MAX_PAYLOAD:
                is_http_1 = self._received.startswith(b"HTTP/1.")
                raise self._not_http2("an answer in HTTP/1" if is_http_1 else f"a frame of {payload} bytes")
            if len(self._received) < _HEAD + payload:
                return
            frame = bytes(self._received[: _HEAD + payload])
            del self._received[: _HEAD + payload]
            yield frame

    def _take(self, frame: bytes) -> None:
        self._size += len(frame)
        if self._size > MAX_BYTES:
            raise self._heard.error(Reason.REFUSED, f"{self._lack()} in the first {MAX_BYTES} bytes")
        if self._request and _answers_yet(frame):  # h2 would take no answer after it
            self._parting = self._ended(h2.errors.ErrorCodes.NO_ERROR, frame[_HEAD + 8 :])
            return
        try:
            events = self._connection.receive_data(frame)
        except h2.exceptions.H2Error as error:
            raise self._not_http2(type(error).__name__) from error
        for event in events:
            self._understand(event)

    def _understand(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.RemoteSettingsChanged():
                self._missing.discard("settings")
            case h2.events.SettingsAcknowledged():
                self._missing.discard("acknowledgement")
            case h2.events.ConnectionTerminated():
                parting = self._ended(event.error_code, event.additional_data or b"")
                raise self._heard.error(Reason.REFUSED, parting)
            case h2.events.StreamReset():
                raise self._heard.error(Reason.REFUSED, f"the request was reset: {_code(event.error_code)}")
            case h2.events.ResponseReceived():
                self._status = dict(event.headers).get(b":status", b"")
            case h2.events.DataReceived():
                self._body += event.data  # within MAX_BYTES
            case h2.events.StreamEnded():
                self._judge()

    def _judge(self) -> None:
        self.answer = answer = self._answer()
        if not self._takes_any and (answer.status, answer.reason) != _APNS_ANSWER:
            raise self._heard.error(Reason.REFUSED, f"the request was not answered by APNs: {answer.text}")
        self._missing.discard("answer")

    def _answer(self) -> Answer:
        reason = _reason(self._body)
        said = self._heard.text(reason.encode("utf-8", "replace") if reason else self._body)
        status = self._heard.text(self._status)
        return Answer(status, reason or "", f"HTTP {status}" + (f", {said}" if said else ""))

    def _ended(self, code: h2.errors.ErrorCodes | int | None, debug: bytes) -> str:
        """RFC 9113 section 6.8; APNs says why in the debug data."""
        why = self._heard.text(debug)
        return f"the peer ended the session: GOAWAY {_code(code)}" + (f", {why}" if why else "")

    def _lack(self) -> str:
        return f"no {min(self._missing, key=('settings', 'acknowledgement', 'answer').index)}"

    def _not_http2(self, what: str) -> HandshakeError:
        return self._heard.error(Reason.REFUSED, f"the peer does not speak HTTP/2: {what}")


def _answers_yet(frame: bytes) -> bool:
    """Whether it is the GOAWAY of who leaves without haste, and has taken our request (RFC 9113 section 6.8).

    Servers that take so many requests in a connection send it before the last answer, as nginx does.
    """
    if len(frame) < _HEAD + 8 or frame[3] != _GOAWAY or any(frame[5:_HEAD]):
        return False
    last, code = (int.from_bytes(frame[at : at + 4], "big") for at in (_HEAD, _HEAD + 4))
    return code == h2.errors.ErrorCodes.NO_ERROR and last & 0x7FFFFFFF > 0


def _settings() -> h2.settings.Settings:
    """Nothing may be pushed to us (RFC 9113 section 8.4)."""
    codes = h2.settings.SettingCodes
    settings = h2.settings.Settings(client=True, initial_values={codes.ENABLE_PUSH: 0})
    del settings[codes.ENABLE_CONNECT_PROTOCOL]  # a server's to say (RFC 8441 section 3)
    return settings


def _request(authority: str, topic: str | None) -> tuple[list[tuple[str, str]], bytes]:
    """Headers and payload; with a topic as an MDM server asks a device to come: APNs is not to keep it."""
    payload = _PAYLOAD_OF_MDM if topic else _PAYLOAD
    about = [("apns-topic", topic), ("apns-push-type", "mdm"), ("apns-expiration", "0")] if topic else []
    headers = [
        (":method", "POST"),
        (":scheme", "https"),
        (":authority", authority),
        (":path", _PATH),
        ("user-agent", f"netcheck/{__version__}"),
        ("content-length", str(len(payload))),
        *about,
    ]
    return headers, payload


def _reason(body: bytes) -> str | None:
    """What APNs says in the JSON of its answer, None for any other body."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return None
    reason = answer.get("reason") if isinstance(answer, dict) else None
    return reason if isinstance(reason, str) else None


def _code(code: h2.errors.ErrorCodes | int | None) -> str:
    """An error code by its name (RFC 9113 section 7), or its number where it has none."""
    return code.name if isinstance(code, h2.errors.ErrorCodes) else str(code)
