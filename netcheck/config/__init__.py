"""A YAML file to an immutable Config, or to all of its faults, each at file:line:column. Knows no probing."""
