"""The parts of the simulated world, one phenomenon per file; pure functions of seed, place and time."""
