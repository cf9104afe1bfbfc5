"""The store in a folder keeps every law of a store."""

from pathlib import Path

import pytest

from foldhub.testing.store_ground import Law
from foldhub.testing.store_law import store_laws, try_law
from foldhub_stores import FileStore


def open_file(place: Path, hub_id: str) -> FileStore:
    return FileStore(place, hub_id)


@pytest.mark.parametrize("law", store_laws(), ids=lambda law: law.__name__)
def test_the_store_in_a_folder_keeps_the_law_that(law: Law) -> None:
    try_law(law, open_file)
