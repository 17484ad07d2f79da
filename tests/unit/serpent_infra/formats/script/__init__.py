"""Tests of serpent_infra.formats.script."""
