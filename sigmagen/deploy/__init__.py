"""Putting a package where it belongs: a plan of what would change, and applying it.

A plan is made from what is there, so a run that was cut short is taken up by running again: what was done is unchanged
by then. What we did not make is foreign and stays as it is.
"""
