"""netcheck: can Apple push get through this network, over which path, and who must fix it if not."""

__version__ = "0.1.0"
