"""A GPU that runs out of memory during an answer: what it had taken is free, the person is told, the next answer comes.

No GPU is needed: a hook inside the model raises what torch raises there.
"""

import gc
import weakref

import pytest
import torch
from families import picture, save_as_older

from blip2_core.answer import AnswerSettings
from blip2_core.attention_maps import relevance
from blip2_core.checkpoint import load
from blip2_core.errors import Blip2Error, CheckpointError, GpuMemoryError
from blip2_core.model import Blip2Model
from blip2_core.out_of_memory import freed_when_full

QUESTION = "What is the color?"
SIX = AnswerSettings(max_new_tokens=6, min_new_tokens=6)
BEAMS = AnswerSettings(max_new_tokens=6, min_new_tokens=6, num_beams=3)
WAYS = {
    "see": lambda blip2: blip2.see(picture()).image_embeds.sum().item(),
    "ask": lambda blip2: blip2.ask(picture(), QUESTION, SIX),
    "beams": lambda blip2: blip2.ask(picture(), QUESTION, BEAMS),
    "stream": lambda blip2: "".join(blip2.stream(picture(), QUESTION, SIX)),
    "batch": lambda blip2: blip2.ask_batch([picture(0), picture(1)], [QUESTION] * 2, SIX),
    "caption": lambda blip2: blip2.caption(picture(), SIX),
    "relevance": lambda blip2: relevance(blip2, picture(), QUESTION, "a red bus").log_probability,
    "rank": lambda blip2: blip2.rank(picture(), QUESTION, ["a dog", "a red bus"]),
}


@pytest.fixture(scope="module")
def blip2(tmp_path_factory):
    return load(save_as_older("instructblip-llama", tmp_path_factory.mktemp("model")))


class RunsOut:
    """A hook that raises what a full GPU raises, at the n-th call; keeps track of a tensor of the failed pass."""

    def __init__(self, module: torch.nn.Module, *, calls: int):
        self.calls, self.taken = calls, None
        self.handle = module.register_forward_hook(self)

    def __call__(self, module, arguments, output):
        self.calls -= 1
        if self.calls <= 0:
            taken = output if isinstance(output, torch.Tensor) else output[0]
            self.taken = weakref.ref(taken)
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


def broken_module(blip2, way: str) -> torch.nn.Module:
    return blip2.model.vision_model if way == "see" else blip2.model.language_model.model.layers[-1]


@pytest.mark.parametrize("way", WAYS)
def test_what_the_answer_had_taken_is_free_while_the_error_is_still_held(way, blip2):
    expected = WAYS[way](blip2)
    hook = RunsOut(broken_module(blip2, way), calls=1)
    with pytest.raises(GpuMemoryError) as caught:
        WAYS[way](blip2)
    gc.collect()
    assert hook.taken() is None
    assert isinstance(caught.value, Blip2Error | MemoryError) and "\n" not in str(caught.value)
    assert str(caught.value).startswith("GPU memory: this answer needed more than is free; what it had taken is free")
    hook.handle.remove()
    assert WAYS[way](blip2) == expected


def test_a_chat_goes_on_after_it_in_the_middle_of_an_answer(blip2):
    chat = blip2.chat()
    chat.see(picture())
    whole = chat.ask(QUESTION, SIX)
    chat.forget()
    hook, said = RunsOut(broken_module(blip2, "stream"), calls=4), ""
    with pytest.raises(GpuMemoryError):
        for piece in chat.stream(QUESTION, SIX):
            said += piece
    hook.handle.remove()
    assert said and whole.startswith(said) and chat.history == []
    assert chat.ask(QUESTION, SIX) == whole and chat.history == [(QUESTION, whole)]


@pytest.mark.parametrize(
    ("precision", "advice"),
    [("fp32", "Use --precision int8 or --device cpu."), ("int8", "Use --precision int4 or --device cpu.")],
)
def test_what_a_failed_load_had_taken_is_free_and_the_next_load_works(precision, advice, tmp_path, monkeypatch):
    folder, kept = save_as_older("blip2-opt", tmp_path), []

    def runs_out(*_, **__):
        taken = torch.ones(1000)
        kept.append(weakref.ref(taken))
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    with monkeypatch.context() as patch, pytest.raises(CheckpointError) as caught:
        patch.setattr(Blip2Model, "from_pretrained", runs_out)
        load(folder, precision=precision)
    gc.collect()
    assert kept[0]() is None
    assert str(caught.value) == (f"{folder}: the GPU has too little memory, what was taken is free again. {advice}")
    assert load(folder).ask(picture(), QUESTION, SIX)


@pytest.mark.parametrize(
    "message", ["CUDA error: out of memory", "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling"]
)
def test_a_gpu_that_is_full_in_other_words_is_full_too(message):
    with pytest.raises(GpuMemoryError), freed_when_full():
        raise RuntimeError(message)


def test_other_errors_stay_what_they_are(blip2):
    def fails(*_):
        raise RuntimeError("not about memory")

    handle = broken_module(blip2, "ask").register_forward_hook(fails)
    with pytest.raises(RuntimeError, match="not about memory"):
        blip2.ask(picture(), QUESTION, SIX)
    handle.remove()
