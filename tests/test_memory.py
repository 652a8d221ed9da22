"""Whether a model fits, before its weights are read: the estimate against what is there after, and each refusal."""

from pathlib import Path

import families
import pytest
import tiny
import torch
from families import FAMILIES, picture

from blip2_core import memory
from blip2_core.answer import AnswerSettings
from blip2_core.checkpoint import load
from blip2_core.errors import CheckpointError, SettingsError
from blip2_core.memory import choose_precision, estimate_memory, size, told
from blip2_core.model import Blip2Model
from blip2_core.model_folder import read_config
from blip2_core.quantize import quantized_layers

CPU, GPU = torch.device("cpu"), torch.device("cuda")
PRECISIONS = ("fp32", "bf16", "int8", "int4")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A folder of each family, with language models wide enough for 4 bits."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiny, "WIDTH", 64)
        return {family: families.save_as_older(family, tmp_path_factory.mktemp(family)) for family in FAMILIES}


def skeleton_of(folder: Path) -> Blip2Model:
    with torch.device("meta"):
        return Blip2Model(read_config(folder))


def free(monkeypatch, *, gpu: int = 0, ram: int = 0) -> None:
    """Pretend that so many bytes are free."""
    monkeypatch.setattr(memory, "free_memory", lambda device: ram if device.type == "cpu" else gpu)


def totals(folder: Path, device: torch.device, *precisions: str) -> list[int]:
    skeleton = skeleton_of(folder)
    return [estimate_memory(skeleton, precision, device=device).total for precision in precisions]


def choose(folder: Path, precision: str, device: torch.device):
    return choose_precision(precision, skeleton_of(folder), device=device, name="model")


def refusal(folder: Path, precision: str, device: torch.device) -> str:
    with pytest.raises(CheckpointError) as error:
        choose(folder, precision, device)
    return str(error.value)


class TestEstimate:
    @pytest.mark.parametrize("precision", PRECISIONS)
    @pytest.mark.parametrize("family", FAMILIES)
    def test_the_weights_are_counted_to_the_byte(self, folders, family, precision):
        reports = []
        load(folders[family], precision=precision, report=reports.append)
        assert sum(reports[0].bytes.values()) == reports[0].choice.need.weights > 0

    def test_the_cache_is_that_of_a_conversation_as_long_as_the_context(self, folders):
        """Of the OPT: 128 positions, its picture included."""
        blip2 = load(folders["blip2-opt"])
        prompt = blip2.visual_prompt([blip2.see(picture())], ["What?"])
        inputs = blip2.adapter.prompt_inputs(prompt, [blip2.prompt("What?")])
        state = blip2.adapter.start(inputs)
        held = sum(part.nbytes for layer in state.cache.layers for part in (layer.keys, layer.values))
        need = estimate_memory(skeleton_of(folders["blip2-opt"]), "fp32", device=CPU)
        assert need.cache == held * 128 // inputs.inputs_embeds.shape[1]

    def test_an_encoder_decoder_keeps_the_prompt_and_the_answer(self, folders):
        need = estimate_memory(skeleton_of(folders["blip2-t5"]), "bf16", device=CPU)
        layers, heads, width = 2, 4, 8
        assert need.cache == 2 * layers * heads * width * (512 + 512) * 2

    def test_the_working_memory_is_the_largest_weight_once_more(self, folders):
        need = estimate_memory(skeleton_of(folders["blip2-opt"]), "fp32", device=CPU)
        assert need.working == 400 * 64 * 4 and need.total == need.weights + need.cache + need.working

    def test_a_gpu_halves_what_is_not_quantized(self, folders):
        skeleton = skeleton_of(folders["blip2-opt"])
        on_cpu, on_gpu = (estimate_memory(skeleton, "int8", device=device) for device in (CPU, GPU))
        assert on_gpu.weights < on_cpu.weights and on_gpu.cache * 2 == on_cpu.cache

    def test_published_sizes(self):
        """blip2-opt-2.7b at full size on the meta device: 15.0 GB in fp32, 3.7 billion weights."""
        from transformers import Blip2Config, OPTConfig

        text = OPTConfig(
            vocab_size=50304, hidden_size=2560, ffn_dim=10240, num_hidden_layers=32, num_attention_heads=32,
            word_embed_proj_dim=2560,
        )  # fmt: skip
        with torch.device("meta"):
            skeleton = Blip2Model(Blip2Config(text_config=text.to_dict()))
        needs = {name: estimate_memory(skeleton, name, device=GPU) for name in ("fp32", "fp16", "int8", "int4")}
        assert needs["fp32"].weights == 4 * sum(p.numel() for p in skeleton.parameters())
        assert [round(need.weights / 1e9, 1) for need in needs.values()] == [15.0, 7.7, 5.2, 4.0]
        assert needs["fp16"].cache == 2048 * 327_680  # reference/performance.md 2.4: 328 KB a token
        assert len(quantized_layers(skeleton.language_model, "int4")) == 32 * 6


class TestChoice:
    @pytest.mark.parametrize(
        ("family", "device", "chosen", "reason"),
        [
            ("blip2-opt", CPU, "fp32", "exact, and it fits"),
            ("blip2-opt", GPU, "fp16", "quick on a GPU, and it fits"),
            ("blip2-t5", GPU, "bf16", "it fits, and fp16 overflows inside T5"),
        ],
    )
    def test_auto_says_what_it_picked_and_why(self, folders, family, device, chosen, reason, monkeypatch):
        free(monkeypatch, gpu=10**9, ram=10**9)
        choice = choose(folders[family], "auto", device)
        assert (choice.precision, choice.reason) == (chosen, reason)

    def test_auto_goes_on_to_the_next_smaller_where_the_gpu_is_small(self, folders, monkeypatch):
        folder = folders["blip2-opt"]
        fp16, int8, int4 = totals(folder, GPU, "fp16", "int8", "int4")
        for room, chosen in ((fp16, "fp16"), (fp16 - 1, "int8"), (int8 - 1, "int4")):
            free(monkeypatch, gpu=room)
            assert choose(folder, "auto", GPU).precision == chosen
        free(monkeypatch, gpu=int8)
        choice = choose(folder, "auto", GPU)
        assert choice.reason == f"fp16 needs {size(fp16)} of GPU memory, {size(int8)} are free"
        assert choice.need.total == int8 > int4

    def test_what_was_asked_for_is_never_changed_but_refused(self, folders, monkeypatch):
        folder = folders["blip2-opt"]
        fp32, bf16, int4 = totals(folder, CPU, "fp32", "bf16", "int4")
        free(monkeypatch, ram=bf16)
        assert choose(folder, "bf16", CPU).reason == "asked for"
        assert refusal(folder, "fp32", CPU) == (
            f"model: fp32 needs {size(fp32)} of RAM, {size(bf16)} are free. Use --precision bf16, which needs "
            f"{size(bf16)}."
        )
        assert int4 > bf16  # the rest of such a small model stays in fp32

    def test_where_no_precision_fits_on_the_gpu_the_cpu_is_named(self, folders, monkeypatch):
        folder = folders["blip2-opt"]
        (fp16,), (fp32,) = totals(folder, GPU, "fp16"), totals(folder, CPU, "fp32")
        free(monkeypatch, gpu=1000, ram=10**9)
        assert refusal(folder, "auto", GPU) == (
            f"model: fp16 needs {size(fp16)} of GPU memory, 0 MB are free. Use --device cpu --precision fp32, which "
            f"needs {size(fp32)} of RAM."
        )

    def test_where_nothing_fits_the_least_is_named(self, folders, monkeypatch):
        folder = folders["blip2-t5"]
        free(monkeypatch)
        int8, int4 = totals(folder, GPU, "int8", "int4")
        assert int8 < int4  # of layers as small as these, the tables of 4 bits are the larger part
        assert refusal(folder, "int4", GPU) == (
            f"model: int4 needs {size(int4)} of GPU memory, 0 MB are free. Nothing fits, the least is {size(int8)} for "
            "int8: free memory or use a smaller model."
        )

    def test_fp16_is_never_advised_for_a_t5(self, folders, monkeypatch):
        folder = folders["blip2-t5"]
        free(monkeypatch, gpu=totals(folder, GPU, "bf16")[0])
        assert "Use --precision bf16," in refusal(folder, "fp32", GPU)
        with pytest.raises(SettingsError, match="fp16 overflows inside T5 and gives empty answers"):
            choose(folder, "fp16", GPU)

    def test_without_bitsandbytes_quantized_weights_are_not_advised(self, folders, monkeypatch):
        monkeypatch.setattr(memory, "can_quantize", lambda device: False)
        free(monkeypatch)
        assert "the least is" in (said := refusal(folders["blip2-opt"], "auto", CPU)) and "for bf16:" in said

    def test_a_slow_int8_is_said_to_be_slow(self, folders, monkeypatch):
        """Without AVX-512 bitsandbytes turns all weights to fp32 at each step."""
        folder = folders["blip2-opt"]
        monkeypatch.setattr("torch.backends.cpu.get_cpu_capability", lambda: "AVX2")
        assert choose(folder, "int8", CPU).reason == "asked for; slow on a CPU without AVX-512"
        assert choose(folder, "int4", CPU).reason == "asked for"
        free(monkeypatch, ram=totals(folder, CPU, "int8")[0])
        assert choose(folder, "auto", CPU).reason.endswith(" are free; slow on a CPU without AVX-512")
        monkeypatch.setattr("torch.backends.cpu.get_cpu_capability", lambda: "AVX512")
        assert choose(folder, "int8", CPU).reason == "asked for"

    def test_nothing_is_read_where_it_does_not_fit(self, folders, monkeypatch):
        free(monkeypatch)
        monkeypatch.setattr(Blip2Model, "from_pretrained", None)
        with pytest.raises(CheckpointError, match="Nothing fits"):
            load(folders["blip2-opt"])


class TestFreeMemory:
    def test_it_is_what_the_system_says_is_available(self):
        import psutil

        assert 0 < memory.free_memory(CPU) <= psutil.virtual_memory().total

    def test_a_container_has_no_more_than_it_is_allowed(self, tmp_path, monkeypatch):
        monkeypatch.setattr(memory, "_CGROUP", tmp_path)
        free_outside = memory.free_memory(CPU)
        (tmp_path / "memory.max").write_text("5000000\n")
        (tmp_path / "memory.current").write_text("3000000\n")
        (tmp_path / "memory.stat").write_text("anon 2000000\ninactive_file 500000\n")
        assert memory.free_memory(CPU) == 2_500_000 < free_outside
        (tmp_path / "memory.max").write_text("max\n")
        assert memory.free_memory(CPU) > 2_500_000


class TestReport:
    @pytest.fixture
    def report(self, folders):
        reports = []
        load(folders["instructblip-llama"], precision="int8", report=reports.append)
        return reports[0]

    def test_it_has_modules_by_precision_bytes_by_device_and_seconds(self, report):
        found = {(part.part, part.precision): part.modules for part in report.parts}
        assert found["language_model", "int8"] == 14  # two layers of q, k, v, o, gate, up, down
        assert {part for part, precision in found if precision == "fp32"} == {
            "query_tokens", "vision_model", "qformer", "language_projection", "language_model",
        }  # fmt: skip
        assert set(report.bytes) == {"cpu"} and report.seconds > 0
        written = report.to_dict()
        assert written["expected"]["total"] == report.choice.need.total and written["reason"].startswith("asked for")

    def test_a_person_reads_it_line_by_line(self, report):
        head, *rows = str(report).splitlines()
        assert head.startswith(f"int8 ({told('asked for', 'int8', CPU)}): 0 MB on cpu, loaded in ") and len(
            rows
        ) == len(report.parts)
        assert "  language_model: 14 modules in int8, 0 MB" in rows

    def test_the_bytes_of_int4_stay_right_after_the_first_answer(self, folders):
        """The CPU's own packing drops the second scales at the first question."""
        blip2 = load(folders["blip2-opt"], precision="int4")
        before = sum(part.bytes for part in memory.weigh(blip2.model))
        blip2.ask(picture(), "What?", AnswerSettings(max_new_tokens=2))
        assert sum(part.bytes for part in memory.weigh(blip2.model)) == pytest.approx(before, rel=0.05)


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 MB"), (-5, "0 MB"), (134_000_000, "134 MB"), (5_123_000_000, "5.1 GB")]
)
def test_bytes_in_words(count, words):
    assert size(count) == words
