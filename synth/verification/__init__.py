"""Checking what a model answered: a verdict for each sample, never a change to its text."""
