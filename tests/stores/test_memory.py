"""The store in memory keeps every law of a store."""

from pathlib import Path

import pytest

from foldhub.testing.store_ground import Law
from foldhub.testing.store_law import store_laws, try_law
from foldhub_stores import MemoryStore


def open_memory(_place: Path, hub_id: str) -> MemoryStore:
    return MemoryStore(hub_id)


@pytest.mark.parametrize("law", store_laws(lasting=False), ids=lambda law: law.__name__)
def test_the_store_in_memory_keeps_the_law_that(law: Law) -> None:
    try_law(law, open_memory)
