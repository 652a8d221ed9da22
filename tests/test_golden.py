"""What the small copies of the public checkpoints computed when golden.json was made: an upgrade that changes answers
is seen here, whichever library it is of."""

import json

import pytest
import torch
from golden_values import ATTENTION, FILE, logits_of, scores_of, weights_of
from public_layouts import PUBLISHED

GOLDEN = json.loads(FILE.read_text())
MADE_WITH = ", ".join(f"{name} {version}" for name, version in GOLDEN["made_with"].items())


def distance(ours: list[float], golden: list[float]) -> float:
    """Relative error."""
    mine, theirs = torch.tensor(ours), torch.tensor(golden)
    return ((mine - theirs).norm() / theirs.norm()).item()


@pytest.mark.parametrize("checkpoint", PUBLISHED, ids=lambda checkpoint: checkpoint.name)
def test_the_logits_are_the_golden_ones_in_eager_and_in_sdpa(checkpoint, tmp_path):
    made = GOLDEN["weights"][checkpoint.name]
    assert weights_of(checkpoint) == pytest.approx(made, rel=1e-5), "torch draws other random weights: make them again"
    found = logits_of(checkpoint, tmp_path / "model")
    for attention in ATTENTION:
        error = distance(found[attention], GOLDEN["logits"][checkpoint.name][attention])
        assert error < 1e-4, f"{attention}: {error:.1e} away from what was made with {MADE_WITH}"
    assert distance(found["eager"], found["sdpa"]) < 1e-4


def test_the_scores_are_the_golden_ones(tmp_path):
    found = scores_of(tmp_path / "model")
    for name, golden in GOLDEN["scores"].items():
        assert found[name] == pytest.approx(golden, abs=1e-4), f"{name}: made with {MADE_WITH}"


def test_the_file_is_small_and_holds_every_checkpoint():
    assert FILE.stat().st_size < 200_000
    assert list(GOLDEN["logits"]) == [checkpoint.name for checkpoint in PUBLISHED]
    assert all(len(set(values)) > 40 for found in GOLDEN["logits"].values() for values in found.values())
