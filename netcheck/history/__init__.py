"""Incidents: the verdicts of paths and roles over time, in memory and in a file.

What is shown comes from memory. The file lags a little behind, and its troubles reach nobody but the log.
"""
