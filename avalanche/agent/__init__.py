"""What runs on a builder machine: the slot workers, the sandboxes, the build tools, and the artefact server."""
