"""The error of a file of incidents. Beside what raises it: who only catches it needs no SQLite."""


class HistoryError(Exception):
    """The file cannot be used; the message says why and what to do."""
