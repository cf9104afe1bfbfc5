"""The wire: both ends of a link between a hub and a client as machines without I/O. docs/wire.md says what they speak.

`client.ClientEnd` and `server.HubEnd` are the two ends, `events` what they tell, `limits.WireLimits` their bounds. Nothing is
imported here: the codec knows the frames, and the ends know the codec.
"""
