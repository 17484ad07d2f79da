"""Pushes announced by a forge: signed, counted once, and worth no more than a request to read the repository."""

from summit.webhooks.receiving import Answer, prune, receive
from summit.webhooks.secret import address_of, remove_secret, set_secret

__all__ = ["Answer", "address_of", "prune", "receive", "remove_secret", "set_secret"]
