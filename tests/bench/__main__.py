"""`python -m tests.bench` from the root of the checkout: every bench, or those that are named as words."""

import sys
import time

from tests.bench import (
    checking,
    exact,
    growth,
    handshaking,
    hanging,
    lagging,
    naming,
    page,
    probing,
    proxying,
    rendering,
    starting,
    steady,
)

BENCHES = {
    "CPU per direct TCP probe, beside blackbox_exporter": probing,
    "The same over names, beside addresses": naming,
    "CPU per TLS probe, beside OpenSSL's handshake": handshaking,
    "CPU per probe through a proxy, beside a bare loop": proxying,
    "How exact a time is, beside blackbox_exporter": exact,
    "What 1,000 hanging probes cost": hanging,
    "What it uses all the time": steady,
    "What grows with endpoints and paths": growth,
    "How long a check takes, beside loops of nc and openssl": checking,
    "The status page with 500 cells": page,
    "How long it takes to start, beside the interpreter alone": starting,
    "Rendering 10,000 series, beside prometheus_client": rendering,
    "How long a scrape holds up everything else": lagging,
}

began = time.monotonic()
for heading, bench in BENCHES.items():
    if sys.argv[1:] and bench.__name__.rpartition(".")[2] not in sys.argv[1:]:
        continue
    print(f"\n{heading}\n{'-' * len(heading)}", flush=True)
    bench.main()
print(f"\nall of it took {time.monotonic() - began:.0f} s")
