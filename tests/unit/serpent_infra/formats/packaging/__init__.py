"""Tests of serpent_infra.formats.packaging."""
