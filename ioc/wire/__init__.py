"""Bytes and names on the wires: topics, codecs, wall frames."""
