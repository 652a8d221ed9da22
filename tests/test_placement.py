"""A model dealt out over several places: real layers on the disk behind a CPU, and the arithmetic of several GPUs."""

import families
import pytest
import torch
from families import FAMILIES, picture

from blip2_core.answer import AnswerSettings
from blip2_core.checkpoint import load
from blip2_core.errors import CheckpointError, SettingsError
from blip2_core.memory import estimate_memory, weight_bytes
from blip2_core.model import Blip2Model
from blip2_core.model_folder import read_config
from blip2_core.placement import deal_out

CPU, GPU = torch.device("cpu"), torch.device("cuda")
QUESTION = "what is the color?"
SIX = AnswerSettings(max_new_tokens=6, min_new_tokens=6)
BEAMS = AnswerSettings(max_new_tokens=4, min_new_tokens=4, num_beams=3)
PLENTY = 10**12


def skeleton_of(folder) -> Blip2Model:
    with torch.device("meta"):
        return Blip2Model(read_config(folder))


def sizes_of(skeleton: Blip2Model, precision: str, device: torch.device) -> tuple[int, list[int]]:
    """What must be on the first device, and what each layer of the language model takes with its part of the cache."""
    need, layers = estimate_memory(skeleton, precision, device=device), {}
    fixed = need.working
    for name, count in weight_bytes(skeleton, precision, device=device):
        stack, dot, rest = name.rpartition(".layers.") if ".layers." in name else name.rpartition(".block.")
        if name.startswith("language_model.") and dot:
            layer = f"{stack}{dot}{rest.partition('.')[0]}"
            layers[layer] = layers.get(layer, 0) + count
        else:
            fixed += count
    return fixed, [count + need.cache // len(layers) for count in layers.values()]


@pytest.mark.filterwarnings("error:The following device_map keys")
@pytest.mark.parametrize("family", FAMILIES)
def test_layers_on_the_disk_answer_as_layers_in_memory(family, tmp_path):
    folder = families.save_as_older(family, tmp_path)
    fixed, layers = sizes_of(skeleton_of(folder), "fp32", CPU)
    reports = []
    room = {"cpu": fixed + layers[0], "disk": PLENTY}
    dealt = load(folder, device="cpu", device_map="auto", max_memory=room, report=reports.append)
    whole = load(folder, device="cpu")
    offloaded = {name for name, parameter in dealt.model.named_parameters() if parameter.is_meta}
    assert offloaded and all(name.startswith("language_model.") for name in offloaded)
    assert reports[0].choice.reason == "dealt out over the RAM, the disk"
    assert reports[0].bytes["RAM or disk, copied when needed"] > 0
    assert dealt.ask(picture(), QUESTION, SIX) == whole.ask(picture(), QUESTION, SIX)
    assert dealt.ask(picture(), QUESTION, BEAMS) == whole.ask(picture(), QUESTION, BEAMS)
    assert "".join(dealt.stream(picture(), QUESTION, SIX)) == whole.ask(picture(), QUESTION, SIX)


@pytest.fixture(scope="module")
def opt(tmp_path_factory):
    return skeleton_of(families.save_as_older("blip2-opt", tmp_path_factory.mktemp("opt")))


def dealt_on_gpus(skeleton, precision: str, **room: int):
    places = {int(name[3:]) if name.startswith("gpu") else name: count for name, count in room.items()}
    return deal_out(skeleton, precision, device=GPU, name="model", max_memory=places)


def test_layers_go_to_the_gpus_in_their_order_and_all_else_to_the_first(opt):
    fixed, layers = sizes_of(opt, "fp16", GPU)
    found = dealt_on_gpus(opt, "auto", gpu0=fixed + layers[0], gpu1=layers[1], cpu=PLENTY)
    assert found.choice.precision == "fp16" and found.choice.reason == "dealt out over GPU 0, GPU 1"
    moved = {name: place for name, place in found.device_map.items() if place != 0}
    assert moved == {"language_model.model.decoder.layers.1": 1}
    covered = [
        name for name, _ in opt.named_parameters() if any(f"{name}.".startswith(f"{p}.") for p in found.device_map)
    ]
    assert covered == [name for name, _ in opt.named_parameters()]


def test_auto_rather_quantizes_than_leaves_the_gpus(opt):
    fixed, layers = sizes_of(opt, "int8", GPU)
    found = dealt_on_gpus(opt, "auto", gpu0=fixed + sum(layers), cpu=PLENTY)
    assert found.choice.precision == "int8" and set(found.device_map.values()) == {0}


def test_the_last_layers_go_behind_the_gpu_where_int8_is_too_large_for_it(opt):
    fixed, _ = sizes_of(opt, "fp16", GPU)
    found = dealt_on_gpus(opt, "auto", gpu0=fixed, cpu=PLENTY)
    behind = [name for name, place in found.device_map.items() if place == "cpu"]
    assert found.choice.precision == "fp16" and behind[-1] == "language_model.model.decoder.layers.1"


def test_int8_layers_do_not_lie_behind_a_gpu(opt):
    with pytest.raises(CheckpointError) as error:
        dealt_on_gpus(opt, "int8", gpu0=1000, cpu=PLENTY)
    assert str(error.value) == (
        "model: int8 needs 0 MB, 0 MB of it in one place for all but the language model's layers; free: GPU 0 0 MB, "
        "the RAM 1000.0 GB. Use --precision bf16, whose layers may lie in the RAM."
    )


def test_a_first_device_that_does_not_hold_what_must_be_there_is_refused(opt):
    with pytest.raises(CheckpointError, match=r"Use a smaller model\.$"):
        dealt_on_gpus(opt, "fp16", gpu0=1000, cpu=PLENTY, disk=PLENTY)


def test_another_device_map_is_refused_before_anything_is_looked_for():
    with pytest.raises(SettingsError) as error:
        load("/nowhere", device_map="balanced")
    assert str(error.value) == "device_map: expected \"auto\" or nothing, got 'balanced'."
