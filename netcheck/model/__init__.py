"""The words of netcheck as frozen records and enums; every room speaks to the others in these.

Owns no behaviour beyond what a record can say about itself, and knows nothing of the rest of the project.
Units: durations in seconds (float), times as Unix seconds (float), ports as integers.
"""
