"""A model whose GPU is lent for one answer at a time: a process is forked for each, as on ZeroGPU.

The stand-in for `spaces.GPU` sends arguments and results through pipes and runs the function in a process of its own;
in test_zero_gpu.py the platform's own package does.
"""

import multiprocessing
import pickle
import threading
from types import SimpleNamespace

import gradio as gr
import pytest
import torch

from blip2_core.answer_settings import AnswerSettings
from blip2_core.errors import ImageError
from demo import insight, lending, texts
from demo.comparison import BY_QUESTION, Comparison
from demo.conversation import Conversation
from demo.loading import ModelLoader

QUESTION = "what is the color?"
FEIGNED = torch.device("cpu", 0)  # weights on it say that they are on torch.device("cpu")
SHORT, LONG = AnswerSettings(max_new_tokens=8), AnswerSettings(max_new_tokens=400)


class ForkedGpu:
    """Stands for `spaces.GPU`: runs a task in a forked process, and notes for how many seconds it was asked."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.refuses: gr.Error | None = None

    def __call__(self, task, *, duration):
        def generator(*arguments):
            self._begin(duration(*arguments))
            there, here, stopped = self._process(task, arguments)
            try:
                while (came := here.get()) is not None:
                    yield pickle.loads(came)
            finally:
                stopped.set()
                there.join()

        def function(*arguments):
            return next(generator(*arguments))

        return generator if task.__name__ == "_say" else function

    def _begin(self, seconds: float) -> None:
        if self.refuses is not None:
            raise self.refuses
        self.seconds.append(seconds)

    def _process(self, task, arguments):
        fork = multiprocessing.get_context("fork")
        results, stopped, sent = fork.SimpleQueue(), fork.Event(), pickle.dumps(arguments)

        def run() -> None:
            torch.set_num_threads(1)
            came = task(*pickle.loads(sent))
            for piece in came if hasattr(came, "send") else [came]:
                if stopped.is_set():
                    break
                results.put(pickle.dumps(piece))
            results.put(None)

        process = fork.Process(target=run, daemon=True)
        process.start()
        return process, results, stopped


@pytest.fixture
def gpu() -> ForkedGpu:
    return ForkedGpu()


@pytest.fixture
def lent(gpu, model_folder, monkeypatch) -> ModelLoader:
    """The model of the page, on a GPU that is lent."""
    monkeypatch.setattr(lending, "pick_device", lambda device: FEIGNED)
    loader = ModelLoader(str(model_folder), device="cuda", gpu=gpu)
    loader.start()
    assert loader.model is not None and loader.model.precision == "bf16", loader.state.error
    return loader


@pytest.fixture
def plain(lent, model_folder) -> ModelLoader:
    """The same weights, here."""
    return SimpleNamespace(model=lent.model.lender._blip2)


@pytest.fixture
def visitor(lent) -> Conversation:
    return Conversation(lent)


def ask(conversation: Conversation, picture: str, question: str = QUESTION, settings: AnswerSettings = SHORT) -> str:
    conversation.begin(question, picture)
    for _ in conversation.answer(settings):
        pass
    return conversation.exchanges[-1].answer


def test_the_model_is_loaded_in_the_thread_that_starts_it_for_a_gpu_is_feigned_there_alone(model_folder, monkeypatch):
    threads = []

    def note(blip2, gpu):
        threads.append((threading.current_thread(), blip2.device.type, blip2.precision, gpu))
        return blip2

    monkeypatch.setattr(lending, "lend", note)
    ModelLoader(str(model_folder), device="cuda", gpu=print).start()
    assert threads == [(threading.current_thread(), "cpu", "bf16", print)]


def test_an_answer_is_the_one_that_the_model_gives_here(visitor, plain, pictures, gpu):
    expected = plain.model.ask(pictures[0], QUESTION, SHORT)
    assert ask(visitor, pictures[0]).strip() == expected
    measured = visitor.exchanges[-1].measured
    assert (measured.tokens, measured.stopped_by) == (8, "length") and measured.seconds_to_first_token > 0
    assert gpu.seconds == [lending.SECONDS_TO_BEGIN + 1]


def test_a_longer_answer_asks_for_the_gpu_for_longer(visitor, pictures, gpu):
    for tokens in (10, 20):
        ask(visitor, pictures[0], settings=AnswerSettings(max_new_tokens=tokens))
    assert gpu.seconds[1] - gpu.seconds[0] == 10 * lending.SECONDS_A_TOKEN


def test_looking_ahead_borrows_no_gpu_and_the_picture_is_new_to_each_process(visitor, pictures, gpu):
    visitor.show(pictures[0])
    visitor.look()
    assert gpu.seconds == []
    for _ in range(2):
        ask(visitor, pictures[0])
    assert [exchange.measured.picture_was_known for exchange in visitor.exchanges] == [False, False]


def test_the_turns_before_go_along(visitor, plain, pictures):
    first = ask(visitor, pictures[0])
    second = ask(visitor, pictures[0], "how many dogs?")
    turns = [(QUESTION, first)]
    assert visitor.exchanges[-1].prompt == plain.model.prompt("how many dogs?", turns)
    assert second.strip() == plain.model.ask(pictures[0], "how many dogs?", SHORT, turns)


def test_stop_ends_the_process_and_keeps_what_was_said(visitor, pictures):
    visitor.begin(QUESTION, pictures[0])
    for _ in visitor.answer(LONG):
        if visitor.exchanges[-1].answer:
            visitor.stop()
    exchange = visitor.exchanges[-1]
    assert exchange.spoken and exchange.measured.stopped_by == "closed" and 0 < exchange.measured.tokens < 400
    assert not multiprocessing.active_children()


def test_a_picture_that_cannot_be_read_is_refused_without_a_gpu(lent, gpu, tmp_path):
    (tmp_path / "torn.png").write_bytes(b"no picture")
    with pytest.raises(ImageError):
        lent.model.see(str(tmp_path / "torn.png"))
    assert gpu.seconds == []


def test_what_goes_wrong_over_there_is_told_as_if_it_had_been_here(visitor, lent, pictures, full_gpu):
    with full_gpu(lent.model.model.vision_model):
        assert ask(visitor, pictures[0]) == texts.GPU_FULL and visitor.exchanges[-1].failed
    assert ask(visitor, pictures[0], "again?")
    with full_gpu(lent.model.model.vision_model):
        looked, _ = insight.work_out(visitor, insight.PANELS[:1])
    assert texts.GPU_FULL in looked


@pytest.mark.parametrize(
    ("title", "told"),
    [("ZeroGPU quota exceeded", "NO_GPU"), ("ZeroGPU queue timeout", "NO_GPU"), ("ZeroGPU worker error", "FAILED")],
)
def test_a_gpu_that_is_not_lent_is_said_in_one_sentence(visitor, pictures, gpu, title, told):
    gpu.refuses = gr.Error("<a href='https://huggingface.co'>You have exceeded ...</a>", title=title)
    assert ask(visitor, pictures[0]) == getattr(texts, told) and visitor.exchanges[-1].failed
    gpu.refuses = None
    assert ask(visitor, pictures[0], "again?") and not visitor.exchanges[-1].failed


def test_both_sides_of_a_comparison_are_answered_over_there(lent, plain, pictures, gpu):
    comparison = Comparison(lent)
    for _ in range(2):
        comparison.begin(BY_QUESTION, QUESTION, pictures[0])
        for _ in comparison.answer(SHORT):
            pass
    given, withheld = (side.answer.strip() for side in comparison.sides)
    assert given == plain.model.ask(pictures[0], QUESTION, SHORT) != withheld
    assert len(gpu.seconds) == 4 and not any(side.measured.picture_was_known for side in comparison.sides)


def test_the_panels_below_an_answer_are_worked_out_over_there(visitor, pictures, gpu):
    ask(visitor, pictures[0])
    gpu.seconds.clear()
    looked, road = insight.work_out(visitor, insight.PANELS)
    assert looked.count("data:image/") == 2 and "data:image/" in road
    assert gpu.seconds == [lending.SECONDS_TO_EXPLAIN] * 2


def test_no_other_model_takes_its_place(lent):
    assert not lent.switch("pocket", "auto") and lent.model is not None


def test_the_page_names_the_gpu_that_will_be_lent_for_here_the_weights_deny_it(lent):
    assert lent.model.device == FEIGNED != lent.model.model.query_tokens.device
