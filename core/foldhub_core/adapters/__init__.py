"""The protocols of sessions that come with the hub, and what a protocol of one's own is written against."""
