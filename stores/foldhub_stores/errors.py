"""What a store raises. None of it is a peer's mistake, so none of it is of the family of `NetworkError`."""


class StoreError(Exception):
    """Base of everything a store raises on its own account."""


class StoreLocked(StoreError):
    """Somebody else has the store open. One writer is all a log can have."""

    def __init__(self, path: str, holder_pid: int | None, since: str | None) -> None:
        who = "another process" if holder_pid is None else f"process {holder_pid}"
        when = "" if since is None else f" since {since}"
        super().__init__(f"expected to be the only one with {path} open, came {who}, which has had it{when}")
        self.path = path
        self.holder_pid = holder_pid
        """The process that holds it; None where it cannot be told."""
        self.since = since
        """Since when, in UTC; None where it cannot be told."""


class StoreMismatch(StoreError):
    """What lies there is no store, or not the one that was expected: of another hub, of a format of tomorrow."""


class StoreDamaged(StoreError):
    """What was stored is not there any more as it was stored. Nothing is skipped: the message names the place and the way out."""

    def __init__(self, message: str, *, seq: int | None = None, path: str = "") -> None:
        place = "" if seq is None else f"commit {seq}: "
        way_out = f"; `foldhub repair {path}` shows what can be saved" if path else ""
        super().__init__(f"{place}{message}{way_out}")
        self.what = f"{place}{message}"
        """What is damaged, without the way out."""
        self.seq = seq
        """The first commit that is not as it was; None where no single one can be named."""
        self.path = path


class StoreStopped(StoreError):
    """The store was closed, or has stopped for good after an error of its disk."""
