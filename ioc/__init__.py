"""Software of a smart operations centre.

Feeds of city centres stream through Kafka into three Faust jobs that bring every source to one common form,
aggregate, and raise alerts; TimescaleDB keeps the history; a wall and a dispatcher console get everything over
websockets.

Layers, arrows point down only (``tests/architecture`` guards them)::

    entry points      ioc.cli      stream_jobs.__main__
    composition       ioc.bootstrap                        stream_jobs.app
    shell             ioc.adapters  ioc.services  ioc.stack  stream_jobs  simulators.player
    seams             ioc.ports     ioc.wire
    decisions (pure)  ioc.pipeline                         simulators.world
    values (pure)     ioc.domain    ioc.errors
"""

__version__ = "0.1.0"
