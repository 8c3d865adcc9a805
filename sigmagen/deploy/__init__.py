"""Deploying a package to a SIEM: planning the changes and applying them.

The plan compares the package with the SIEM's current state, so running again resumes an interrupted run: finished
changes are then unchanged. Objects that sigmagen did not create are foreign and are never modified.
"""
