"""Exports: the state as metric families, exposition text and JSON. Must not know probing."""
