"""A config looked through for people: also the files that a running netcheck looks at later, and again."""

from pathlib import Path

from netcheck.apns import push_certificate
from netcheck.config.loading import config_error, understood
from netcheck.config.records import Config
from netcheck.files import read_file
from netcheck.model.findings import PushCertificateFile


def check(file: Path) -> Config:
    """As `load`, and every push certificate has to be there and usable. ConfigError holds every fault."""
    _, config, reading = understood(file)
    for each in config.push_certificates:
        if problem := _trouble_with(each):
            reading.say(("push_certificates", each.name, "file"), problem)
    if reading.faults:
        raise config_error(file, reading.faults)
    return config


def _trouble_with(file: PushCertificateFile) -> str | None:
    try:
        data = read_file(file.file, push_certificate.LARGEST)
    except OSError as error:
        return f"the file cannot be read: {error.strerror}"
    return push_certificate.read(file, data).error
