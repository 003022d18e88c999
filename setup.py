"""Lets Beam's ``--setup_file ./setup.py`` build the package; the rest is in pyproject.toml."""

from setuptools import setup

setup()
