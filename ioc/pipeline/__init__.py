"""The three deciding steps, pure: values and the time in, effects out."""
