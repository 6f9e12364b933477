"""``ioc rules …``: check, test and replay a rule pack before it decides about real alerts."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import App, Parameter

from ioc.bootstrap import load_profile, read_settings
from ioc.cli.files import read_bytes
from ioc.cli.show import Json
from ioc.domain.profile import Profile
from ioc.errors import BadInput, BadSettings


def register(app: App) -> None:
    """Add the commands."""
    group = App(
        name="rules", help="The alert rules of the profile, and the files beside them.\n\nExample: `ioc rules test`"
    )
    group.command(rules_check, name="check")
    group.command(rules_test, name="test")
    group.command(rules_backtest, name="backtest")
    app.command(group)


def rules_check(name: str | None = None, /, *, as_json: Json = False) -> int:
    """Everything that is wrong with a profile or one of its files, with file and line.

    Of a profile all files are looked at, of a file that file alone. `suppression.toml`, `incidents.toml` and
    `duty.toml` are told from rules by the last word of their name: `new-duty.toml` is a `duty.toml`.

    Example: `ioc rules check`, `ioc rules check new-rules.toml` or `ioc rules check new-duty.toml`

    Exit codes: 0 good, perhaps with warnings; 1 at least one mistake in rules, suppression, incidents or duty; 2 the
    file cannot be read, or another file of the profile is wrong.

    Parameters
    ----------
    name
        A file, or a profile (name or folder); the profile of the settings when left out. A file is checked against the
        profile of the settings.
    """
    from ioc.adapters.profile_check import check_file, check_profile
    from ioc.adapters.rule_files import rules_file

    settings = read_settings()
    named = settings.profile if name is None else name
    alone = rules_file(named) == Path(named)
    checked = check_file(Path(named), settings.profile) if alone else check_profile(named)
    if as_json:
        print(msgspec.json.encode(checked).decode())
    else:
        for mistake in checked.mistakes:
            print(mistake, file=sys.stderr)
        if checked.good:
            rules = "" if checked.rules is None else f"{checked.rules} rules, "
            print(f"{checked.file}: {rules}{len(checked.mistakes)} warnings")
            for file in checked.others:
                print(f"{file}: good")
    return 0 if checked.good else 1


def rules_test(
    *files: Path,
    rules: Annotated[Path | None, Parameter(help="Another rule file than the profile's.")] = None,
    verbose: Annotated[bool, Parameter(alias="-v", negative="", help="Also what came out of tests that pass.")] = False,
    as_json: Json = False,
) -> int:
    """Run the test timelines of the rule pack on a virtual clock; nothing has to run.

    Example: `ioc rules test`, or `ioc rules test my-tests.toml --rules new-rules.toml`

    Exit codes: 0 all passed, 1 at least one failed, 2 a test file or the rule file is wrong.

    Parameters
    ----------
    files
        Test files; all of the profile's folder tests/ when left out.
    """
    from ioc.cli.progress import Progress
    from ioc.services.rule_tests import run_test
    from ioc.services.rule_timelines import read_file

    settings = read_settings()
    profile = _with(rules, load_profile(settings))
    passed, report = 0, []
    began_s = time.perf_counter()
    named = files or _test_files(settings.profile)
    mistakes: list[str] = []
    loaded = []
    for path in named:
        try:
            file, wrong = read_file(read_bytes(path).decode("utf-8"), profile)
        except UnicodeDecodeError as exc:
            raise BadInput("malformed", str(path), f"{path}: is not UTF-8: byte {exc.start}") from exc
        mistakes += [f"{path}:{line}: {said}" for line, said in wrong]
        if file is not None:
            loaded.append((path, file))
    if mistakes:
        raise BadSettings(mistakes)
    slowest = ""
    longest_s = 0.0
    with Progress(sum(len(file.tests) for _, file in loaded)) as progress:
        for path, file in loaded:
            for timeline in file.tests:
                progress.begin(file.rule, timeline.name)
                started_s = time.perf_counter()
                result = run_test(timeline, file.rule, profile)
                took_s = time.perf_counter() - started_s
                if took_s > longest_s:
                    longest_s, slowest = took_s, f"{file.rule}: {timeline.name}"
                passed += result.passed
                report.append({"file": str(path), "rule": file.rule, "took_s": round(took_s, 3)} | _as_dict(result))
                if not as_json:
                    _tell(file.rule, result, verbose)
    untested = sorted({rule.id for rule in profile.rules} - {file.rule for _, file in loaded})
    if as_json:
        body = {"passed": passed, "failed": len(report) - passed, "untested": untested, "tests": report}
        print(msgspec.json.encode(body).decode())
    else:
        if not files and untested:
            print(f"rules without a test: {', '.join(untested)}")
        print(f"{passed} passed, {len(report) - passed} failed, {time.perf_counter() - began_s:.1f} s")
        if len(report) > 1:
            print(f"slowest, {longest_s:.1f} s: {slowest}")
    return 0 if passed == len(report) else 1


def _as_dict(result: Any) -> dict[str, Any]:
    return msgspec.structs.asdict(result)


def _tell(rule: str, result: Any, verbose: bool) -> None:
    print(f"{'ok  ' if result.passed else 'FAIL'} {rule}: {result.name}")
    for problem in result.problems:
        print(f"       {problem}")
    if verbose or not result.passed:
        for alert in result.alerts:
            print(f"     · {alert}")


def _test_files(profile: str) -> list[Path]:
    from ioc.adapters.profiles import profile_folder

    folder = profile_folder(profile) / "tests"
    found = sorted(folder.glob("*.toml"))
    if not found:
        raise BadInput("malformed", "files", f"{folder} holds no test file")
    return found


def _with(rules: Path | None, profile: Profile) -> Profile:
    from ioc.adapters.rule_files import with_rules

    return profile if rules is None else with_rules(rules, profile)


def rules_backtest(
    *,
    rules: Path,
    from_: Annotated[str | None, Parameter(name="--from")] = None,
    to: str | None = None,
    events: Path | None = None,
    warm_up: str = "1h",
    as_json: Json = False,
) -> int:
    """Replay recorded history through the rules that run and through new ones, and report the difference.

    Alerts that came, went or changed, with place and time, and the load per 10 minutes. Reads only; takes no part in
    the running system.

    Example: `ioc rules backtest --rules new-rules.toml --from 7d --to 0s`

    Exit codes: 0 reported, 2 a rule file or an instant is wrong, 3 the database is not available.

    Parameters
    ----------
    rules
        The new rule file.
    from_
        Begin of the report: an instant, a local time, or so long ago (7d).
    to
        End of the report; now when left out.
    events
        A file with one canonical event per line, instead of the database; --from and --to may then be left out.
    warm_up
        So much history before --from is replayed without being reported, to fill the memory of the rules.
    """
    from ioc.cli.backtest_view import print_report, run

    settings = read_settings(database=events is None)
    profile = load_profile(settings)
    report = run(settings, profile, _with(rules, profile), from_, to, events, warm_up, quiet=as_json)
    if as_json:
        print(msgspec.json.encode(report).decode())
    else:
        print_report(report, profile.timezone)
    return 0
