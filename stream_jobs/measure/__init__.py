"""One measured process of ``ioc bench stream``: the product's job, a floor, or an ordinary Faust job.

All three run the same pure step over the same input topics and are timed by the same meter::

    product   the job as `ioc worker` runs it, with the batch transport
    floor     a bare aiokafka loop that writes the same transactions: what cannot be avoided
    stock     an ordinary Faust agent, one record at a time, without a sink: what the batch transport saves

The process that reads the figures is :mod:`ioc.bench.stream`; nothing of the product imports this package.
"""
