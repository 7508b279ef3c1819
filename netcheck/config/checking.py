"""A config looked through for who runs it: what a daemon cannot do yet, and the files it looks at later."""

from pathlib import Path

from netcheck.apns import push_certificate
from netcheck.config.loading import config_error, understood
from netcheck.config.records import Config, History, UnixListen, Web
from netcheck.config.values import Reading
from netcheck.files import read_file
from netcheck.model.findings import PushCertificateFile

_NOT_YET = "this does nothing yet, so nothing may rest on it: remove it"


def to_run(file: Path) -> Config:
    """As `load`, for a daemon: ConfigError also for keys that say what it cannot do yet."""
    _, config, reading = understood(file)
    _promise_nothing(config, reading)
    if reading.faults:
        raise config_error(file, reading.faults)
    return config


def check(file: Path) -> Config:
    """As `to_run`, and every push certificate has to be there and usable. ConfigError holds every fault."""
    _, config, reading = understood(file)
    _promise_nothing(config, reading)
    for each in config.push_certificates:
        if problem := _trouble_with(each):
            reading.say(("push_certificates", each.name, "file"), problem)
    if reading.faults:
        raise config_error(file, reading.faults)
    return config


def _promise_nothing(config: Config, reading: Reading) -> None:
    """Whoever protects the web port by a key must not be left unprotected without a word."""
    for key, is_said in (
        ("web", config.web != Web()),
        ("history", config.history != History()),
        ("listen", any(isinstance(each, UnixListen) for each in config.listen)),
    ):
        if is_said:
            reading.say((key,), _NOT_YET, of_key=True)
    for each in config.push_certificates:
        if each.verify:
            reading.say(("push_certificates", each.name, "verify"), _NOT_YET, of_key=True)


def _trouble_with(file: PushCertificateFile) -> str | None:
    try:
        data = read_file(file.file, push_certificate.LARGEST)
    except OSError as error:
        return f"the file cannot be read: {error.strerror}"
    return push_certificate.read(file, data).error
