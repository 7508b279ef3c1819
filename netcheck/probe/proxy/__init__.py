"""The proxy phases: which proxies a probe leads through, and how each is reached, logged in at and asked.

`phases.py` is the way in; `choosing.py`, where a PAC file or the environment names the proxies.
"""
