"""The `serpent` command: the formats, for people and scripts. It needs no settings and no database."""
