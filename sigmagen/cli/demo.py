"""`sigmagen demo`: detect an attack in a sample log, and show the queries."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import click
import orjson

from sigmagen.cli.settings import Settings, with_settings
from sigmagen.convert.converter import Converter
from sigmagen.engines.duckdb import DuckDBEngine
from sigmagen.local.detect import Detector
from sigmagen.local.detection import Detection
from sigmagen.logs.output import whole_file
from sigmagen.logs.reader import LogReader
from sigmagen.logs.recognise import Recogniser
from sigmagen.logs.scratch import scratch_folder
from sigmagen.mapping.source import Source
from sigmagen.problems import EXIT_USAGE, Problem, SigmagenError
from sigmagen.proof.cases import rule_under_test
from sigmagen.proof.simulate.scenes import Scene, lay_out, records
from sigmagen.report.header import format_header
from sigmagen.rules.model import Correlation, RuleFile
from sigmagen.targets import registry
from sigmagen.targets.registry import REFERENCE

DEFAULT_RULE = "logprobs_with_logit_bias"
TWINS = 3
"""How many benign cases the sample log contains."""


@click.command("demo")
@click.argument("rule", default=DEFAULT_RULE)
@click.option("-s", "--source", help="Log source of the sample log. Default: the source with the most fields.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write the sample log to this file."
)
@with_settings
def command(rule: str, source: str | None, output: Path | None, settings: Settings) -> int:
    """Detect an attack in a sample log, and show the queries.

    The sample log contains an attack and some benign cases from the rule's test file, in the format of a native log.
    RULE is the name of a rule file without folder and suffix.
    """
    converter = settings.converter()
    file = _file(rule, settings)
    subject, test = rule_under_test(file)
    chosen = _source(converter, subject, source)
    query = converter.convert(subject, chosen, REFERENCE)
    attack = next(case.name for case in test.cases if case.kind == "attack")
    scenes = [scene for scene in lay_out(test, chosen.name, reach=query.reach) if scene.prefix is None]
    scenes = _sample(scenes, attack)
    with ExitStack() as stack:
        log = output or stack.enter_context(scratch_folder()) / "sample.ndjson"
        with whole_file(log) as stream:
            for part in chosen.parts:
                for record in records(scenes, part.name):
                    stream.write(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE))
        _say_sample(scenes, chosen)
        _show(_detect(log, converter, subject, stack))
    _show_queries(converter, subject, chosen)
    if output:
        click.echo(f"The sample log is in {output}. To run all rules on it: sigmagen detect {output}", err=True)
    return 0


def _file(name: str, settings: Settings) -> RuleFile:
    files = settings.load().files
    for file in files:
        if file.path.stem == Path(name).name:
            return file
    known = ", ".join(file.path.stem for file in files)
    raise SigmagenError(Problem("unknown-rule", f"unknown rule {name!r}", hint=f"available: {known}"), EXIT_USAGE)


def _source(converter: Converter, rule: Correlation, name: str | None) -> Source:
    """Return the requested source; by default, of those with the rule's fields, the one with the most fields."""
    if name is not None:
        converter.known(name)
    feeding = sorted(converter.feeding(rule), key=lambda source: (source.canonical, -len(source.fields)))
    for source in feeding:
        if name is not None and source.name != name:
            continue
        try:
            converter.convert(rule, source, REFERENCE)
        except SigmagenError:
            continue
        return source
    who = name or "no source"
    raise SigmagenError(Problem("no-source", f"{who} does not have the fields that {rule.name} needs"), EXIT_USAGE)


def _sample(scenes: Sequence[Scene], attack: str) -> list[Scene]:
    """Return the first attack and the first benign cases."""
    twins = [scene for scene in scenes if scene.case.kind == "benign"][:TWINS]
    wanted = {attack, *(scene.case.name for scene in twins)}
    return [scene for scene in scenes if scene.case.name in wanted]


def _say_sample(scenes: Sequence[Scene], source: Source) -> None:
    calls = sum(len(scene.calls) for scene in scenes)
    click.secho(f"Sample log with {calls} calls in the format of {source.title}:", bold=True)
    for scene in scenes:
        kind = click.style("attack", "red") if scene.case.kind == "attack" else click.style("benign", "green")
        click.echo(f"  {kind}  {scene.case.name}: {scene.case.why}")
    click.echo()


def _detect(log: Path, converter: Converter, rule: Correlation, stack: ExitStack) -> list[Detection]:
    """Run the rule on the sample log, as `sigmagen detect` does."""
    detector = Detector(converter, stack.enter_context(DuckDBEngine()))
    detector.load(Recogniser(converter.sources.values()).sort(LogReader([str(log)])))
    return detector.run([rule])


def _show(detections: Sequence[Detection]) -> None:
    from sigmagen.report.alerts import print_alerts
    from sigmagen.report.colour import console

    click.secho("Alerts:", bold=True)
    print_alerts(console(), detections)


def _show_queries(converter: Converter, rule: Correlation, source: Source) -> None:
    for siem in registry.siems():
        target = registry.get(siem)
        click.secho(f"\nQuery for {target.product} ({target.language}):", bold=True)
        try:
            query = converter.convert(rule, source, siem, "alert")
        except SigmagenError as error:
            click.echo(error.problems[0].message)
            continue
        click.echo(format_header(query) + query.text)
