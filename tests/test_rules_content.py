"""What holds for every built-in rule and its test file; each test lists all offenders."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from pathlib import Path

from sigmagen.bundled import mappings_folder, rules_folder
from sigmagen.cli.check import run_check
from sigmagen.rules.load import load_rules
from sigmagen.rules.model import Correlation, RuleFile
from sigmagen.rules.testfile import Case, TestFile, get_test_path, load_test_file
from sigmagen.rules.yaml import load_data

RULES = rules_folder()
LOADED = load_rules(None, rules_folder=RULES, mappings_folder=mappings_folder())
COUNTED = ("event_count", "value_count")
LONGEST_TITLE = 110

DOCUMENTATION = [ip_network(text) for text in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")]
# Not after a slash: that is the version of a browser.
ADDRESS = re.compile(r"(?<![\w./-])(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9a-f]{1,4}(?::[0-9a-f]{0,4}){3,7})(?![\w.:])")
ACCOUNT = re.compile(r"(?<![\w.-])[0-9]{12}(?![\w.-])")
# As in AWS's documentation: three times four equal digits, 111122223333.
EXAMPLE_ACCOUNT = re.compile(r"([0-9])\1{3}([0-9])\2{3}([0-9])\3{3}")
ACCESS_KEY = re.compile(r"(?<!\w)A[KS]IA\w{12,}")


def subjects() -> Iterator[tuple[RuleFile, Correlation]]:
    """Every correlation that alerts."""
    for file in LOADED.files:
        for rule in file.subjects:
            if isinstance(rule, Correlation):
                yield file, rule


def rules_with_tests() -> Iterator[tuple[RuleFile, Correlation, TestFile]]:
    """Every correlation that alerts with its test file, where it has a sound one."""
    for file, rule in subjects():
        loaded = load_test_file(get_test_path(file.path))
        if loaded.test is not None and loaded.test.rule == rule.name:
            yield file, rule, loaded.test


def cases(kind: str) -> Iterator[tuple[str, Correlation, TestFile, Case]]:
    for file, rule, test in rules_with_tests():
        for case in test.cases:
            if case.kind == kind:
                yield f"{file.path.name}: {case.name}", rule, test, case


def test_check_finds_nothing() -> None:
    assert [str(problem) for problem in run_check(None, RULES, mappings_folder())] == []


def test_every_file_has_one_alerting_correlation() -> None:
    assert [file.path.name for file in LOADED.files if [type(rule) for rule in file.subjects] != [Correlation]] == []


def test_every_rule_is_named_like_its_file() -> None:
    assert [rule.name for file, rule in subjects() if rule.name != file.path.stem] == []


def test_every_rule_has_an_attack_a_benign_twin_and_a_known_miss() -> None:
    wanted = {"attack", "benign", "miss"}
    kinds = {rule.name: {case.kind for case in test.cases} for _, rule, test in rules_with_tests()}
    assert [rule.name for _, rule in subjects() if kinds.get(rule.name) != wanted] == []


def test_ids_and_names_are_unique() -> None:
    documents = [document for file in LOADED.files for document in file.documents]
    seen = Counter([document.id for document in documents] + [document.name for document in documents])
    assert [value for value, count in seen.items() if count > 1] == []


def test_every_rule_names_a_known_atlas_technique() -> None:
    known = load_data(mappings_folder() / "frameworks" / "atlas.yml")["ids"]
    offenders = []
    for _, rule in subjects():
        techniques = rule.frameworks.get("atlas", ())
        if not techniques or not known.keys() >= set(techniques):
            offenders.append(f"{rule.name}: {techniques}")
    assert offenders == []


def test_every_rule_names_both_owasp_editions() -> None:
    offenders = []
    for _, rule in subjects():
        editions = {identifier.partition(":")[2] for identifier in rule.frameworks.get("owasp_llm", ())}
        if editions != {"2025", "2026"}:
            offenders.append(f"{rule.name}: {editions}")
    assert offenders == []


def test_titles_fit_alert_queue() -> None:
    documents = [document for file in LOADED.files for document in file.documents]
    assert [document.title for document in documents if len(document.title) > LONGEST_TITLE] == []


def test_every_file_names_its_schema() -> None:
    offenders = []
    for path in sorted(RULES.rglob("*.yml")):
        schema = "test" if path.name.endswith(".test.yml") else "rule"
        header = f"# yaml-language-server: $schema=../../mappings/schema/{schema}.schema.json"
        if path.read_text(encoding="utf-8").partition("\n")[0] != header:
            offenders.append(str(path.relative_to(RULES)))
    assert offenders == []


def test_attack_alerts_exactly_at_threshold() -> None:
    offenders = []
    for name, rule, _, case in cases("attack"):
        if rule.type in COUNTED and rule.threshold is not None:
            offenders += [
                f"{name}: after {alert.after}, threshold {rule.threshold.value}"
                for alert in case.alerts
                if alert.after != rule.threshold.value
            ]
    assert offenders == []


def test_every_attack_ends_with_the_call_that_crosses_the_threshold() -> None:
    late = [name for name, _, _, case in cases("attack") if max(alert.after for alert in case.alerts) != case.calls]
    assert late == []


def test_a_benign_twin_has_as_many_calls_as_the_attack() -> None:
    offenders = []
    for name, _, test, case in cases("benign"):
        least = min(attack.calls for attack in test.cases if attack.kind == "attack")
        if case.calls < least:
            offenders.append(f"{name}: {case.calls} of {least}")
    assert offenders == []


def test_known_miss_has_as_many_calls_as_attack() -> None:
    offenders = []
    for name, _, test, case in cases("miss"):
        least = min(attack.calls for attack in test.cases if attack.kind == "attack")
        if case.calls < least:
            offenders.append(f"{name}: {case.calls} of {least}")
    assert offenders == []


def test_rules_stand_in_the_folder_of_a_stage() -> None:
    stages = {
        *("recon", "access", "volume", "pattern", "output"),
        *("sybil", "evasion", "tamper", "weights", "surrogate"),
    }
    assert [path for path in _folders() if path.name not in stages or path.parent != RULES] == []


def test_fixtures_contain_no_real_names() -> None:
    tests_folder = Path(__file__).parent
    fixtures = [*RULES.rglob("*.test.yml"), *(tests_folder / "fixtures").rglob("*.*json*")]
    offenders = []
    for path in sorted([*fixtures, mappings_folder() / "allow-lists.yml"]):
        text = path.read_text(encoding="utf-8")
        addresses = [found for found in ADDRESS.findall(text) if not _documented(found)]
        accounts = [found for found in ACCOUNT.findall(text) if not EXAMPLE_ACCOUNT.fullmatch(found)]
        keys = [found for found in ACCESS_KEY.findall(text) if "EXAMPLE" not in found]
        offenders += [f"{path.name}: {found}" for found in (*addresses, *accounts, *keys)]
    assert offenders == []


def _documented(text: str) -> bool:
    """Whether the text is an address of the networks set aside for documentation, or none at all, such as a time."""
    try:
        address = ip_address(text)
    except ValueError:
        return ":" in text
    return any(address in network for network in DOCUMENTATION)


def _folders() -> list[Path]:
    return sorted({file.path.parent for file in LOADED.files})
