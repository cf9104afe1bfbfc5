"""The testing kit: what people who write adapters, handlers and embeddings test them with.

What needs hypothesis is imported by its module's name, `from foldhub.testing import strategies`, and comes with that import
only.
"""

from .store_law import check_store

__all__ = ["check_store"]
