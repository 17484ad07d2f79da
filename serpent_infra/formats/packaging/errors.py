"""The exception of packaging."""


class PackagingError(Exception):
    """The install tree cannot become packages; `paths` (absolute, as installed) say where it shows."""

    def __init__(self, reason: str, *, paths: tuple[str, ...] = ()) -> None:
        super().__init__(reason)
        self.reason = reason
        self.paths = paths
