"""The report of ``ioc bench stream`` and ``ioc bench restore`` for people."""

from __future__ import annotations

from ioc.bench import stream, stream_restore

CPU_RATIO_MAX = 1.25  # what Faust and the transport may cost, as a multiple of the floor's CPU per event
HEADS = ("", "events/s", "CPU s per 10⁶", "in the step", "resident MB", "step p50/p95/p99 ms", "flush p50/p95/p99 ms")


def stream_report(result: stream.Result) -> str:
    """The table, with what the figures depend on above it and the ratios below it."""
    options = result.options
    lines = [
        f"{options.job}: {options.events:,} records, seed {options.seed}, median of {options.repeats}, output checked",
        "  " + _facts(result.machine),
        "  " + " · ".join(f"{name} {count:,}" for name, count in result.stream.items()),
        "",
    ]
    rows = [HEADS]
    for row in result.rows:
        step = "" if row.step_cpu_s_per_million == 0 else f"{row.step_cpu_s_per_million:.2f}"
        rows.append(
            (
                row.name + ("" if row.records == options.events else f" ({row.records:,})"),
                f"{row.events_per_s:,.0f}",
                f"{row.cpu_s_per_million:.2f}",
                step,
                f"{row.rss_max_mb:.0f}",
                _shares(row.step_ms) if step else "",
                _shares(row.flush_ms) if row.transactions and "no sink" not in row.name else "",
            )
        )
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEADS))]
    places = [str.ljust] + [str.rjust] * (len(HEADS) - 1)
    lines += ["  ".join(put(cell, w) for put, cell, w in zip(places, row, widths, strict=True)) for row in rows]
    lines.append("")
    pairs = (
        ("product / floor", stream.PRODUCT, stream.FLOOR),
        ("product / floor, no sink", stream.PRODUCT_NO_SINK, stream.FLOOR_NO_SINK),
        ("stock Faust / product, no sink", stream.STOCK, stream.PRODUCT_NO_SINK),
    )
    for name, over, under in pairs:
        ratio = result.ratio(over, under)
        if ratio is not None:
            bound = f" (at most {CPU_RATIO_MAX:g})" if under.program == "floor" else ""
            lines.append(f"CPU per event, {name}: {ratio:.2f}{bound}")
    return "\n".join(lines)


def restore_report(result: stream_restore.Result) -> str:
    """One paragraph."""
    restore, resumed = result.restore, result.resumed
    return "\n".join(
        (
            f"detect: {result.keys:,} state keys, {result.bytes / 1e6:.1f} MB in {restore['partitions']} partitions",
            "  " + _facts(result.machine),
            "",
            f"restored in {restore['total_s']:.2f} s ({restore['read_s']:.2f} s fence and read, "
            f"{restore['load_s']:.2f} s load), {restore['cpu_s']:.2f} s CPU, {restore['rss_max_mb']:.0f} MB resident",
            f"first transaction after kill -9: {resumed.same_instance_s:.1f} s under the same instance name, "
            f"{resumed.new_instance_s:.1f} s without one (session time-out {result.session_timeout_s:g} s)",
        )
    )


def _facts(machine: dict[str, str]) -> str:
    return " · ".join(f"{name} {value}" for name, value in machine.items())


def _shares(values: tuple[float, float, float]) -> str:
    return "/".join(f"{value:.1f}" for value in values)
