"""`sigmagen investigate`: print the queries that an analyst runs after an alert."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from sigmagen.cli.problems import print_json, print_problems
from sigmagen.cli.settings import AS_JSON, SOURCES, Settings, chosen_sources, with_settings
from sigmagen.content.investigate.subject import ReadAlert, Subject, parse_group, parse_window, read_alerts
from sigmagen.convert.converter import Converter
from sigmagen.mapping.source import Source
from sigmagen.problems import EXIT_FINDINGS, EXIT_USAGE, Problem, SigmagenError
from sigmagen.rules.model import BaseRule, Correlation
from sigmagen.targets import registry

Rule = BaseRule | Correlation

LARGEST_ALERTS = 64 * 1024 * 1024
"""Largest size of an alerts file, in bytes."""


@click.command("investigate")
@click.argument("rule_name", required=False, metavar="[RULE]")
@click.option(
    "--group",
    "groups",
    multiple=True,
    metavar="FIELD=VALUE",
    help="A group-by field of the alert and its value (repeatable).",
)
@click.option("--window", metavar="START/END", help="Start and end of the alert's window, in ISO 8601.")
@click.option(
    "--alert", "alert_file", metavar="FILE|-", help="Read rule, group, window and source from the alerts in this file."
)
@SOURCES
@click.option(
    "-t",
    "--target",
    "targets",
    multiple=True,
    type=click.Choice([name for name, target in registry.targets().items() if not target.siem]),
    help="Target language (repeatable). Default: all three SIEMs.",
)
@click.option(
    "--with-text", is_flag=True, help="Include prompt text in queries for single calls, if the source has it."
)
@AS_JSON
@with_settings
def command(
    rule_name: str | None,
    groups: tuple[str, ...],
    window: str | None,
    alert_file: str | None,
    sources: tuple[str, ...],
    targets: tuple[str, ...],
    with_text: bool,
    as_json: bool,
    settings: Settings,
) -> int:
    """Print the queries that an analyst runs after an alert.

    RULE is the name or id of a rule. Describe the alert with --group and --window, or read it with --alert from the
    output of `sigmagen detect --json`; if there are several alerts, RULE and --group select one. There is a query for
    each question, source and target. Questions that a source can't answer are left out, with the reason. Exits with 1
    if no question can be answered.
    """
    group = parse_group(groups)
    converter = settings.converter()
    chosen = chosen_sources(converter, sources)
    if alert_file is not None:
        alert = _chosen(_read(alert_file), alert_file, rule_name, group)
        rule_name, subject = alert.rule, alert.subject
        chosen = chosen or [converter.known(alert.source)]
        if window:
            subject = Subject(subject.group, *parse_window(window))
    elif not (rule_name and group and window):
        raise SigmagenError(Problem("usage", "give RULE, --group and --window, or --alert FILE"), EXIT_USAGE)
    else:
        subject = Subject(group, *parse_window(window))
    rule = _rule(settings, rule_name)
    _check_group(rule, subject)
    return _print(
        converter, rule, _sources(converter, rule, chosen), targets or registry.siems(), subject, with_text, as_json
    )


def _read(name: str) -> list[ReadAlert]:
    if name == "-":
        raw = sys.stdin.buffer.read(LARGEST_ALERTS + 1)
    else:
        with Path(name).open("rb") as file:
            raw = file.read(LARGEST_ALERTS + 1)
    if len(raw) > LARGEST_ALERTS:
        message = f"the alerts are larger than {LARGEST_ALERTS // 2**20} MiB"
        raise SigmagenError(Problem("alert-malformed", message, file=name))
    return read_alerts(raw, "<stdin>" if name == "-" else name)


def _chosen(alerts: Sequence[ReadAlert], file: str, rule: str | None, group: dict[str, str]) -> ReadAlert:
    """Return the selected alert. Raises SigmagenError if there is none, or more than one."""
    meant = [alert for alert in alerts if rule in (None, alert.rule) and group.items() <= alert.subject.group.items()]
    if len(meant) == 1:
        return meant[0]
    if not meant:
        known = ", ".join(sorted({alert.rule for alert in alerts})) or "none"
        raise SigmagenError(
            Problem("no-alert", "no alert matches this rule and group", file=file, hint=f"available: {known}"),
            EXIT_USAGE,
        )
    there = "; ".join(
        f"{alert.rule} " + " ".join(f"--group {name}={value}" for name, value in alert.subject.group.items())
        for alert in meant[:5]
    )
    message = f"{len(meant)} alerts match; only one can be investigated at a time"
    raise SigmagenError(Problem("several-alerts", message, file=file, hint=f"select one: {there}"), EXIT_USAGE)


def _rule(settings: Settings, name: str) -> Rule:
    """Return the rule with this name or id. Raises SigmagenError."""
    from difflib import get_close_matches

    loaded = settings.load()
    print_problems(loaded.problems)
    rules = [rule for file in loaded.files for rule in file.subjects]
    for rule in rules:
        if name in (rule.name, rule.id):
            return rule
    names = [rule.name for rule in rules]
    hint = f"available: {', '.join(get_close_matches(name, names, n=3, cutoff=0.4) or names)}"
    raise SigmagenError(Problem("unknown-rule", f"unknown rule {name!r}", hint=hint), EXIT_USAGE)


def _check_group(rule: Rule, subject: Subject) -> None:
    """Check that the group has exactly the rule's group-by fields, if it has any. Raises SigmagenError."""
    wanted = rule.group_by if isinstance(rule, Correlation) else ()
    problems = [
        Problem(
            "group",
            f"{rule.name} groups by {', '.join(wanted)}: the value of {name} is missing",
            hint=f"add --group {name}=...",
        )
        for name in wanted
        if name not in subject.group
    ]
    problems += [
        Problem("group", f"{rule.name} does not group by {name}", hint=f"it groups by {', '.join(wanted)}")
        for name in subject.group
        if wanted and name not in wanted
    ]
    if problems:
        raise SigmagenError(problems, EXIT_USAGE)


def _sources(converter: Converter, rule: Rule, chosen: Sequence[str] | None) -> list[Source]:
    """Return the requested sources that have the rule's log source. Raises SigmagenError if there is none."""
    feeding = converter.feeding(rule)
    found = [source for source in feeding if chosen is None or source.name in chosen]
    if not found:
        known = ", ".join(source.name for source in feeding) or "none"
        message = f"{rule.name} has no events in {', '.join(chosen or ['any source'])}"
        raise SigmagenError(Problem("logsource-unfed", message, hint=f"available: {known}"), EXIT_USAGE)
    return found


def _print(
    converter: Converter,
    rule: Rule,
    sources: Sequence[Source],
    targets: Sequence[str],
    subject: Subject,
    with_text: bool,
    as_json: bool,
) -> int:
    from sigmagen.content.investigate.build import pivots_for, stage_of
    from sigmagen.content.investigate.pivots import load_playbook
    from sigmagen.durations import iso
    from sigmagen.report.investigation import build_left_out_document, build_pivot_document, format_lines

    book = load_playbook(converter.mappings)
    answers = [
        pivots_for(converter, rule, source, target, subject, with_text=with_text)
        for source in sources
        for target in dict.fromkeys(targets)
    ]
    order = {pivot.id: number for number, pivot in enumerate(book.pivots)}
    queries = sorted((query for found, _ in answers for query in found), key=lambda query: order[query.pivot.id])
    left_out = sorted((item for _, missing in answers for item in missing), key=lambda item: order[item.pivot.id])
    questions, steps = (book.said(part, stage_of(rule)) for part in (book.questions, book.response))
    if as_json:
        print_json(
            {
                "rule": rule.name,
                "rule_id": rule.id,
                "group": dict(subject.group),
                "window_start": iso(subject.start),
                "window_end": iso(subject.end),
                "questions": questions,
                "pivots": [build_pivot_document(query) for query in queries],
                "left_out": [build_left_out_document(item) for item in left_out],
                "response": steps,
            }
        )
    else:
        click.echo("\n".join(format_lines(book, queries, left_out, questions, steps)))
    return 0 if queries else EXIT_FINDINGS
