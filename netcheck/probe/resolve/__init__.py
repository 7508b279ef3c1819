"""The resolve phase: from a name to the addresses that a visit tries, as programs or devices here find them.

`names.py` is the way in. Owns DNS, and the files of this machine that say how names are looked up.
"""
