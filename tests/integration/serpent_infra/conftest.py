"""The farm and its strict templates, for tests of pages."""

from tests.integration.pages import farm, strict_templates

__all__ = ["farm", "strict_templates"]
