"""`python -m tests.bench` from the checkout's root: every bench, each under a heading."""

from tests.bench import checking, exact, growth, hanging, naming, page, probing, rendering, starting

BENCHES = {
    "CPU per direct TCP probe, beside blackbox_exporter": probing.main,
    "The same over names, beside addresses": naming.main,
    "How exact a time is, beside blackbox_exporter": exact.main,
    "What 1,000 hanging probes cost": hanging.main,
    "What grows with endpoints and paths": growth.main,
    "How long a check takes, beside loops of nc and openssl": checking.main,
    "The status page with 500 cells": page.main,
    "How long it takes to start, beside the interpreter alone": starting.main,
    "Rendering 10,000 series, beside prometheus_client": rendering.main,
}

for heading, bench in BENCHES.items():
    print(f"\n{heading}\n{'-' * len(heading)}", flush=True)
    bench()
