"""Values of the field: places, events, alerts, windows. Imported by everything, imports nothing but the
standard library's pure parts and msgspec."""
