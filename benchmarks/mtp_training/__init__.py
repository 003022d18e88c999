"""Proof on a GPU that a run's windows train a decoder with one MTP module; README.md says how."""
