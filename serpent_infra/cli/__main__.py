"""Lets `python -m serpent_infra.cli` be the command where it is not installed."""

from serpent_infra.cli.app import main

main()
