"""The parts of the simulated world, each built from the setting and from the parts that cause it.

The order of causes is the order of building in :mod:`simulators.world`: sky → water, floods, power → roads, lights,
pipes → reports, calls, mentions. Nothing here reads a clock or remembers; caches only save work.
"""
