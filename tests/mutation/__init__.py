"""Mutated rules, tests, filters, mappings, overlays, alerts and logs, given to every command that reads them.

No mutation may end in an internal error, use a gigabyte, or keep a command busy for ten seconds.
"""
