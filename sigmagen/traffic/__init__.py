"""Simulated traffic: the accounts of a world, what they ask for, and the campaigns among them, as labelled logs."""
