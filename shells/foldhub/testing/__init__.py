"""The testing kit: what people who write adapters, handlers, stores and embeddings test them with.

What needs hypothesis is imported by its module's name, `from foldhub.testing import strategies` or `adapter_machine`, and comes
with that import only.
"""

from .adapter_kit.check import check_adapter
from .adapter_kit.exploring import Exploration, explore_adapter
from .adapter_kit.moves import Opening, Script
from .adapter_kit.report import AdapterLawBroken, AdapterReport
from .adapter_kit.vocabulary import Maker, Place
from .store_law import check_store

__all__ = [
    "AdapterLawBroken",
    "AdapterReport",
    "Exploration",
    "Maker",
    "Opening",
    "Place",
    "Script",
    "check_adapter",
    "check_store",
    "explore_adapter",
]
