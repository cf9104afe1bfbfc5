"""What every store of commits must keep, as checks that any store can be held to.

    from foldhub.testing import check_store

    def test_my_store_keeps_the_law() -> None:
        check_store(lambda place, hub_id: MyStore(place, hub_id))

Each law opens stores of its own at places that do not exist yet, and says in its name what must hold.
"""

import tempfile
from pathlib import Path

from .store_ground import Factory, Ground, Law
from .store_life_laws import LASTING_LAWS, LIFE_LAWS
from .store_log_laws import LOG_LAWS


class StoreLawBroken(AssertionError):
    """A store does not keep a law."""


def check_store(factory: Factory, *, lasting: bool = True) -> None:
    """Hold a store to every law; raises `StoreLawBroken` with the first that it breaks.

    `lasting` is whether what was stored is there again when the store is opened again at its place.
    """
    for law in store_laws(lasting=lasting):
        try_law(law, factory)


def store_laws(*, lasting: bool = True) -> tuple[Law, ...]:
    """The laws, each a function whose name says it."""
    return (*LOG_LAWS, *LIFE_LAWS, *LASTING_LAWS) if lasting else (*LOG_LAWS, *LIFE_LAWS)


def try_law(law: Law, factory: Factory) -> None:
    """Hold a store to one law."""
    with tempfile.TemporaryDirectory(prefix="foldhub-store-") as folder:
        try:
            law(Ground(factory, Path(folder)))
        except Exception as broken:
            told = str(broken) if isinstance(broken, AssertionError) else repr(broken)
            raise StoreLawBroken(f"{law.__name__.replace('_', ' ')}: {told}") from broken
