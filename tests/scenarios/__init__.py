"""Whole states of a site, made for tests of pages and for looking at them."""
