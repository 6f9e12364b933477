"""The only code that talks to the outside: Kafka, TimescaleDB, sockets, files, the clock."""
