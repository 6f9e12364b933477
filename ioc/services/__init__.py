"""Use cases on ports: recorder, hub, commands, accounts. Knows no adapter."""
