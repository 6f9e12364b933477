"""The three Faust jobs: intake, detect, alerting.

This package is shell: it moves records and state between Kafka and the pure steps of :mod:`ioc.pipeline`, and knows
nothing about rivers or alerts. Nothing imports it but the command line. From the outside in::

    __main__, worker, app      a worker process from settings; exit codes in exits
    intake, detect, alerting   one agent each: receive, step, perform
    job                  which partitions are owned in which generation; time
    perform              effects → one transaction per flush
    checkpoint           fence, read the state back, go on from the position
    transport            Faust's consumer, one event per fetch and partition
    watchdog             ends a process that is stuck
"""
