"""The testing kit: what people who write adapters, handlers and embeddings test them with.

Its modules are imported by their names, `from foldhub.testing import strategies`; hypothesis comes with them, not with
`import foldhub`.
"""

__all__: list[str] = []
