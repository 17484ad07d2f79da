"""Tests of serpent_infra.formats.recipe."""
