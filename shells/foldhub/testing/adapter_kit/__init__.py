"""The adapter kit: a protocol is played on the real core, session after session, and held to its laws at every step."""
