"""Seeded city models and the native formats of the centres; they play into Kafka as the real feeds would."""
