"""Config files for tests of commands and daemons: with services of this machine, none of which needs DNS."""

from pathlib import Path

BUILT_INS_OFF = "\n".join(
    f"  {n}: {{enabled: false}}" for n in ("courier", "courier2", "provider", "gateway", "feedback")
)


def ours(*ports: int, hosts: str = "127.0.0.1", also: str = "") -> str:
    """A service as it stands in `services`."""
    return f"  ours: {{hosts: [{hosts}], ports: {list(ports)}{also}}}"


def config(folder: Path, services: str, paths: str = "  direct: {}") -> Path:
    """A config whose only services are these, none of which needs DNS."""
    file = folder / "netcheck.yaml"
    timeouts = "{resolve: 1s, connect: 2s, proxy: 2s, tls: 2s}"
    file.write_text(
        f"paths:\n{paths}\nservices:\n{BUILT_INS_OFF}\n{services}\n"
        f"probing: {{interval: 2s, rate: 1000, timeouts: {timeouts}}}\n"
    )
    return file


def daemon_config(folder: Path, *lines: str, services: str = ours(1), listen: str = "127.0.0.1:0") -> Path:
    """The same for a daemon that listens there and shows every host, with these lines at the end."""
    file = config(folder, services)
    before = f"listen: {listen}\nmetrics: {{per_host: true}}\n"
    file.write_text("".join([before, file.read_text(), *(f"{line}\n" for line in lines)]))
    return file
