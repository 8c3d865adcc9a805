"""A few hundred mutations in each run; `python -m tests.mutation --trials 20000 --processes 200` runs many."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutation.running import Ending, run_inside, run_process
from tests.mutation.trials import KINDS
from tests.sampling import size

TRIALS_PER_KIND = size(15, 40)
PROCESSES_PER_KIND = size(1, 2)


@pytest.mark.parametrize("kind", KINDS)
def test_no_mutated_file_ends_a_command_in_an_internal_error(kind: str, tmp_path: Path) -> None:
    endings = [run_inside(kind, seed, tmp_path / str(seed)) for seed in range(TRIALS_PER_KIND)]
    assert not _faults(endings)
    assert len({ending.exit_code for ending in endings}) > 1, "mutations that change nothing prove nothing"


@pytest.mark.parametrize("kind", KINDS)
def test_a_process_with_a_mutated_file_ends_with_a_documented_exit_code(kind: str, tmp_path: Path) -> None:
    assert not _faults([run_process(kind, seed, tmp_path / str(seed)) for seed in range(PROCESSES_PER_KIND)])


def _faults(endings: list[Ending]) -> str:
    return "\n\n".join(f"{ending.trial}\n{ending.fault}" for ending in endings if ending.fault)
