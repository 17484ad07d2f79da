"""Rings the importer and askers once a transaction is committed."""

from serpent_infra.bells import ring_on_commit

IMPORT = "vessel.import_artefacts"


def ring(task: str, *, reference: str) -> None:
    """Rings a task for one import."""
    ring_on_commit(task, ids={"reference": reference})
