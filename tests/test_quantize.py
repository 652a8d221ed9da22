"""What runs in which dtype where, and what 8-bit and 4-bit quantize: with the real bitsandbytes, on a CPU."""

import importlib.util
import sys

import families
import pytest
import tiny
import torch
from families import FAMILIES, picture
from tiny import WIDTH, tiny_language_model
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

from blip2_core.answer import AnswerSettings
from blip2_core.checkpoint import load
from blip2_core.errors import ConfigError, MissingExtraError, SettingsError
from blip2_core.quantize import (
    OUTLIER_THRESHOLD,
    _failure_on,
    can_quantize,
    language_dtype,
    pick_device,
    pick_precision,
    quantization_settings,
    quantized_layers,
)

CPU, GPU = torch.device("cpu"), torch.device("cuda")
QUESTION = "What is the color?"
TEN = AnswerSettings(max_new_tokens=10, min_new_tokens=10)


@pytest.fixture(scope="module", params=FAMILIES)
def both(request, tmp_path_factory):
    """(family, its model in fp32, the same folder in int8)."""
    model = families.oracle(request.param)
    for name, parameter in model.language_model.named_parameters():
        if name.endswith((".q.weight", ".q_proj.weight")):  # trained attention is not as sharp as that of large noise
            parameter.data *= WIDTH**-0.5
    folder = families.save_as_older(request.param, tmp_path_factory.mktemp(request.param), model)
    return request.param, load(folder), load(folder, precision="int8")


@pytest.fixture(scope="module", params=FAMILIES)
def wide(request, tmp_path_factory):
    """(family, its model in fp32, the same folder in int4), wide enough for blocks of 64 inputs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiny, "WIDTH", 64)
        model = families.oracle(request.param)
    for name, parameter in model.language_model.named_parameters():
        if parameter.dim() == 2 and "embed" not in name and "shared" not in name:
            parameter.data *= 0.3
    folder = families.save_as_older(request.param, tmp_path_factory.mktemp(request.param), model)
    return request.param, load(folder), load(folder, precision="int4")


def first_logits(blip2) -> torch.Tensor:
    """(B, V) scores of the first token of two answers."""
    questions = [QUESTION, "What is in the picture?"]
    prompt = blip2.visual_prompt([blip2.see(picture(0)), blip2.see(picture(1))], questions)
    inputs = blip2.adapter.prompt_inputs(prompt, [blip2.prompt(question) for question in questions])
    return blip2.adapter.start(inputs).logits


def relative_error(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one - other).norm() / other.norm())


def linears(model) -> set[str]:
    return {name for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)}


def test_only_the_listed_linear_layers_of_the_language_model_are_int8(both):
    """Not its head; not a T5's wo, whose inputs overflow in fp16."""
    import bitsandbytes

    _, _, int8 = both
    quantized = {
        name for name, module in int8.model.named_modules() if isinstance(module, bitsandbytes.nn.Linear8bitLt)
    }
    expected = {name for name in linears(int8.model) if name.startswith("language_model.")}
    assert len(expected) > 10
    assert quantized == {name for name in expected if not name.endswith((".lm_head", ".wo"))}
    kinds = {name: parameter.dtype for name, parameter in int8.model.named_parameters()}
    assert {name for name, kind in kinds.items() if kind == torch.int8} == {f"{name}.weight" for name in quantized}
    assert set(kinds.values()) == {torch.int8, torch.float32}


def test_int8_answers_and_its_scores_are_those_of_fp32_within_five_percent(both, caplog):
    _, fp32, int8 = both
    with caplog.at_level("WARNING"):
        error = relative_error(first_logits(int8), first_logits(fp32))
    assert not caplog.records  # bitsandbytes warns in every layer and at every token, unless told not to
    assert 0 < error < 0.05  # exactly zero would mean that nothing was quantized
    assert int8.precision == "int8"
    assert isinstance(int8.ask(picture(), QUESTION, TEN), str)


def test_the_picture_still_matters_in_int8(both):
    _, _, int8 = both
    one, other = (int8.visual_prompt([int8.see(picture(seed))], [QUESTION]) for seed in (0, 1))
    assert (one - other).abs().max() > 1e-2
    logits = first_logits(int8)
    assert (logits[0] - logits[1]).abs().max() > 1e-2


def test_everything_before_the_language_model_is_exact_in_int8(both):
    _, fp32, int8 = both
    exact, quantized = (model.visual_prompt([model.see(picture())], [QUESTION]) for model in (fp32, int8))
    torch.testing.assert_close(quantized, exact, rtol=0, atol=1e-6)


def test_int4_quantizes_the_same_layers_where_they_have_whole_blocks(wide):
    """On a CPU that multiplies in bf16, bitsandbytes 0.50 failed on the others, at the first question."""
    import bitsandbytes

    _, fp32, int4 = wide
    found = {name for name, module in int4.model.named_modules() if isinstance(module, bitsandbytes.nn.Linear4bit)}
    listed = {f"language_model.{name}" for name in quantized_layers(fp32.model.language_model, "int8")}
    shapes = {name: fp32.model.get_submodule(name).weight.shape for name in listed}
    assert found == {name for name, (rows, inputs) in shapes.items() if inputs % 64 == 0 and rows % 32 == 0}
    assert len(found) > 7
    states = [int4.model.get_submodule(name).weight.quant_state for name in found]
    assert {(state.quant_type, state.blocksize) for state in states} == {("nf4", 64)}
    rest = {p.dtype for name, p in int4.model.named_parameters() if name.removesuffix(".weight") not in found}
    assert rest == {torch.float32}


def test_int4_answers_and_the_picture_still_matters(wide):
    _, fp32, int4 = wide
    exact, logits = first_logits(fp32), first_logits(int4)
    assert 0 < relative_error(logits, exact) < 0.25
    assert (logits[0] - logits[1]).abs().max() > 1e-2
    assert int4.precision == "int4" and isinstance(int4.ask(picture(), QUESTION, TEN), str)
    beams = AnswerSettings(max_new_tokens=4, num_beams=2)
    assert len(int4.ask_batch([picture(0), picture(1)], [QUESTION, QUESTION], beams)) == 2


def with_outliers(family: str):
    """A language model of width 128 in which two features are forty times as large as the others, as in large ones.

    Its layers are about as small as they start, so that they add to the residual stream and do not replace it.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiny, "WIDTH", 128)
        model = tiny_language_model(family)
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear) and not name.endswith("lm_head"):
            torch.nn.init.normal_(module.weight, std=0.027)
            if module.in_features == 128 and not name.endswith(("out_proj", "o_proj", ".o")):
                module.weight.data[:, [3, 17]] *= 40**-0.5
        elif "norm" in name.lower() and hasattr(module, "weight"):
            module.weight.data[[3, 17]] *= 40
        elif isinstance(module, torch.nn.Embedding) and module.embedding_dim == 128:
            torch.nn.init.normal_(module.weight, std=128**-0.5)
    return model


def logits_of(model) -> torch.Tensor:
    embeds = torch.randn(2, 24, 128, generator=torch.Generator().manual_seed(1)) * 0.5
    start = {"decoder_input_ids": torch.tensor([[0, 5, 9], [0, 7, 3]])} if model.config.is_encoder_decoder else {}
    with torch.no_grad():
        return model(inputs_embeds=embeds, **start).logits


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_int8_is_within_two_percent_of_fp32_where_there_are_outlier_features(family, tmp_path, monkeypatch):
    """Without its threshold, LLM.int8 would lose the small features beside the large ones."""
    model = with_outliers(family)
    model.save_pretrained(tmp_path)
    kind = AutoModelForSeq2SeqLM if model.config.is_encoder_decoder else AutoModelForCausalLM

    def error() -> float:
        settings = quantization_settings(model, "int8", dtype=torch.float32)
        quantized = kind.from_pretrained(tmp_path, quantization_config=settings, device_map={"": CPU})
        return relative_error(logits_of(quantized.eval()), logits_of(model))

    assert OUTLIER_THRESHOLD == 6 and 0 < (kept := error()) < 0.02
    monkeypatch.setattr("blip2_core.quantize.OUTLIER_THRESHOLD", 0.0)
    assert error() > 2 * kept


@pytest.mark.parametrize("family", FAMILIES)
def test_bf16_answers_on_a_cpu_with_a_q_former_in_fp32(family, tmp_path):
    folder = families.save_as_older(family, tmp_path)
    bf16 = load(folder, precision="bf16")
    assert relative_error(first_logits(bf16), first_logits(load(folder))) < 0.1
    assert isinstance(bf16.ask(picture(), QUESTION, TEN), str)
    kinds = {name: parameter.dtype for name, parameter in bf16.model.named_parameters()}
    exact = ("query_tokens", "qformer.", "language_projection.")
    assert {kind for name, kind in kinds.items() if name.startswith(exact)} == {torch.float32}
    assert {kind for name, kind in kinds.items() if not name.startswith(exact)} == {torch.bfloat16}


def test_fp16_is_refused_where_it_gives_empty_answers(tmp_path):
    folder = families.save_as_older("blip2-t5", tmp_path)
    with pytest.raises(SettingsError) as error:
        load(folder, precision="fp16")
    assert str(error.value) == "precision: fp16 overflows inside T5 and gives empty answers. Use bf16 or fp32."


def test_fp16_is_refused_on_a_cpu():
    with pytest.raises(SettingsError) as error:
        pick_precision("fp16", device=CPU, model_type="opt")
    assert str(error.value) == "precision: fp16 is slow and inexact on a CPU. Use fp32, bf16 or int8."


@pytest.mark.parametrize(
    ("device", "model_type", "chosen"),
    [(CPU, "opt", "fp32"), (CPU, "t5", "fp32"), (GPU, "opt", "fp16"), (GPU, "llama", "fp16"), (GPU, "t5", "bf16")],
)
def test_auto_picks_what_is_fast_and_safe(device, model_type, chosen):
    assert pick_precision("auto", device=device, model_type=model_type) == chosen


@pytest.mark.parametrize("precision", ["fp32", "bf16", "int8", "int4"])
def test_a_precision_that_was_asked_for_is_kept(precision):
    assert pick_precision(precision, device=CPU, model_type="t5") == precision


@pytest.mark.parametrize("precision", ["fp64", "", "FP16", None, 8])
def test_an_unknown_precision_is_refused(precision):
    with pytest.raises(SettingsError) as error:
        pick_precision(precision, device=CPU, model_type="opt")
    assert str(error.value) == f"precision: expected one of auto, fp32, bf16, fp16, int8, int4, got {precision!r}."


@pytest.mark.parametrize(("precision", "bits"), [("int8", 8), ("int4", 4)])
def test_without_bitsandbytes_it_says_what_to_install(precision, bits, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError) as error:
        pick_precision(precision, device=CPU, model_type="opt")
    assert str(error.value) == f"{bits}-bit weights need bitsandbytes. Install it with: pip install bitsandbytes"


@pytest.fixture
def unprobed():
    """Forget before and after whether bitsandbytes works here."""
    _failure_on.cache_clear()
    yield
    _failure_on.cache_clear()


def test_a_bitsandbytes_that_cannot_be_imported_is_said_to_be_broken(unprobed, tmp_path, monkeypatch):
    """Before a weight is read; it used to be called a damaged folder."""
    (tmp_path / "bitsandbytes.py").write_text("raise RuntimeError('its CUDA binary\\nis for another version.')")
    for name in [name for name in sys.modules if name.partition(".")[0] == "bitsandbytes"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MissingExtraError) as error:
        pick_precision("int8", device=CPU, model_type="opt")
    assert str(error.value) == (
        "8-bit weights need bitsandbytes; the one installed here does not work on this cpu (its CUDA binary is for "
        "another version). Install it again with: pip install --force-reinstall --no-deps bitsandbytes, or use bf16."
    )
    assert not can_quantize(CPU)


def test_a_bitsandbytes_that_imports_but_cannot_compute_is_neither_used_nor_advised(unprobed, monkeypatch):
    def lacks_its_binary(*_, **__):
        raise RuntimeError("Native code method attempted to call")

    monkeypatch.setattr("bitsandbytes.functional.int8_vectorwise_quant", lacks_its_binary)
    assert not can_quantize(CPU)
    with pytest.raises(MissingExtraError, match=r"4-bit .* does not work on this cpu \(Native code method"):
        pick_precision("int4", device=CPU, model_type="t5")


@pytest.mark.parametrize(
    ("precision", "device", "model_type", "dtype"),
    [
        ("int8", CPU, "opt", torch.float32),
        ("int8", GPU, "opt", torch.float16),
        ("int8", GPU, "t5", torch.bfloat16),
        ("int4", GPU, "mt5", torch.bfloat16),
        ("int4", CPU, "llama", torch.float32),
        ("bf16", CPU, "opt", torch.bfloat16),
        ("fp32", GPU, "t5", torch.float32),
        ("fp16", GPU, "llama", torch.float16),
    ],
)
def test_what_is_not_quantized_has_a_dtype_that_the_model_survives(precision, device, model_type, dtype):
    assert language_dtype(precision, device=device, model_type=model_type) == dtype


def test_devices(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert pick_device("auto") == pick_device("cpu") == CPU
    with pytest.raises(SettingsError) as error:
        pick_device("cuda")
    assert str(error.value) == "device: 'cuda' was asked for, but torch sees no GPU here. Use --device cpu."


def test_on_a_gpu_the_attention_of_cudnn_is_left_out(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    before = torch.backends.cuda.cudnn_sdp_enabled()
    try:
        torch.backends.cuda.enable_cudnn_sdp(True)
        assert pick_device("cpu") == CPU and torch.backends.cuda.cudnn_sdp_enabled()
        assert pick_device("auto").type == "cuda" and not torch.backends.cuda.cudnn_sdp_enabled()
    finally:
        torch.backends.cuda.enable_cudnn_sdp(before)


@pytest.mark.parametrize("device", ["tpu", "", "gpu", "cuda:x"])
def test_an_unknown_device_is_refused(device):
    with pytest.raises(SettingsError) as error:
        pick_device(device)
    assert str(error.value) == f'device: expected "auto", "cpu" or "cuda", got {device!r}.'


@pytest.mark.parametrize("device", ["meta", "mps", "xla"])
def test_a_device_that_this_package_does_not_run_on_is_refused(device):
    with pytest.raises(SettingsError) as error:
        pick_device(device)
    assert str(error.value) == f'device: expected "auto", "cpu" or "cuda", got {device!r}.'


@pytest.mark.parametrize(
    ("model", "precision"),
    [(torch.nn.Embedding(4, 4), "int8"), (torch.nn.Sequential(torch.nn.Linear(32, 32)), "int4")],
)
def test_a_model_without_layers_to_quantize_is_refused(model, precision):
    with pytest.raises(ConfigError) as error:
        quantization_settings(model, precision, dtype=torch.float32)
    assert str(error.value) == (
        f"{precision}: expected linear layers in the language model, found none that it can quantize. Use fp32 or bf16."
    )


def test_quantizing_leaves_a_language_model_on_the_meta_device_alone():
    """Only names and shapes are read: a 7B model is looked at without its weights."""
    with torch.device("meta"):
        model = tiny_language_model("opt")
    int8 = quantization_settings(model, "int8", dtype=torch.float32, also_skip=("vision_model",))
    assert int8.load_in_8bit and int8.llm_int8_skip_modules == ["lm_head", "wo", "vision_model"]
    int4 = quantization_settings(model, "int4", dtype=torch.bfloat16)
    assert int4.load_in_4bit and int4.bnb_4bit_compute_dtype == torch.bfloat16
    assert quantized_layers(model, "int4") == [f"model.decoder.layers.{layer}.fc2" for layer in (0, 1)]
    assert "model.decoder.layers.1.fc1" in int4.llm_int8_skip_modules
    assert quantized_layers(model, "bf16") == []
