"""Logs of other programs: read, kept, and cut into runs."""
