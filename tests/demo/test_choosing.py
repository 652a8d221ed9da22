"""Another model in place of the page's own: who may load which, what becomes of the old one, and what visitors see."""

import gc
import weakref
from types import SimpleNamespace

import pytest
import torch

from blip2_core.answer_settings import AnswerSettings
from blip2_core.needs import Needs
from blip2_core.precisions import PRECISIONS
from demo import texts
from demo.choosing import about, checked, told
from demo.conversation import Conversation
from demo.errors import VisitorError
from demo.loading import ModelLoader
from demo.offers import Offers, needs, offered

LARGE = "Salesforce/instructblip-flan-t5-xl"
SHORT = AnswerSettings(max_new_tokens=8)


def request(client: str = "127.0.0.1", host: str = "127.0.0.1:7860", **headers: str) -> SimpleNamespace:
    """As Gradio hands one over."""
    headers = {"host": host} | {name.replace("_", "-"): value for name, value in headers.items()}
    return SimpleNamespace(headers=headers, client=SimpleNamespace(host=client))


@pytest.fixture
def own_loader(model_folder) -> ModelLoader:
    """A loader that no other test uses."""
    loader = ModelLoader(str(model_folder), precision="fp32", device="cpu")
    loader.start()
    assert loader.wait(60) and loader.model is not None, loader.state.error
    return loader


def test_the_old_model_is_gone_before_the_next_one_answers_and_the_conversation_begins_anew(own_loader, pictures):
    conversation, quiet = Conversation(own_loader), Conversation(own_loader)
    for visitor in (conversation, quiet):
        visitor.begin("what is it?", pictures[0])
        list(visitor.answer(SHORT))
    old = weakref.ref(own_loader.model)
    assert own_loader.switch(own_loader.name, "bf16") and own_loader.wait(60)
    gc.collect()
    assert old() is None and own_loader.model.precision == "bf16"
    assert [message["content"] for message in quiet.messages] == [texts.NEW_MODEL]
    conversation.begin("what is it?", pictures[0])
    list(conversation.answer(SHORT))
    assert conversation.exchanges[-1].remembered and len(conversation.exchanges) == 1


def test_an_answer_under_way_is_stopped_by_another_model(own_loader, pictures):
    conversation = Conversation(own_loader)
    conversation.begin("what is it?", pictures[0])
    answer = conversation.answer(AnswerSettings(max_new_tokens=200))
    next(answer)
    assert own_loader.switch(own_loader.name, "bf16")
    list(answer)
    assert not conversation.running and own_loader.wait(60) and own_loader.model.precision == "bf16"


def test_a_model_that_does_not_come_is_told_and_the_first_can_be_loaded_again(own_loader, model_folder):
    assert own_loader.switch("no-such-model", "auto") and own_loader.wait(60)
    assert own_loader.model is None and own_loader.state.error is not None
    assert own_loader.switch(str(model_folder), "fp32") and own_loader.wait(60) and own_loader.model is not None


def test_nothing_is_offered_to_a_network_unless_the_command_line_names_it():
    assert not offered(None, "pocket", local=False).models
    assert offered([LARGE], "pocket", local=False) == Offers(("pocket", LARGE))
    at_home = offered(None, "pocket", local=True)
    assert at_home.at_home and at_home.models[0] == "pocket" and LARGE in at_home.models


@pytest.mark.parametrize(
    ("who", "may"),
    [
        (request(), True), (request(host="localhost:7860"), True), (request("::1", "[::1]:7860"), True),
        (request(client="10.0.0.5"), False), (request(host="demo.example.com:7860"), False),
        (request(x_forwarded_for="8.8.8.8"), False), (request(via="1.1 proxy"), False), (None, False),
    ],
)  # fmt: skip
def test_what_is_offered_at_home_is_for_those_who_sit_there(who, may):
    assert Offers(("pocket",), at_home=True).open_to(who) is may
    assert Offers(("pocket",)).open_to(who)


@pytest.mark.parametrize(("title", "precision"), [("/etc", "auto"), ("nonsense", "fp8"), (None, "auto"), ([], "auto")])
def test_what_is_not_offered_is_not_loaded(loader, title, precision):
    with pytest.raises(VisitorError, match=texts.PICK_NOT_YOURS):
        checked(title, precision, loader=loader, offers=Offers((loader.name,)), request=request())


def test_what_is_there_already_is_not_loaded_again(loader):
    with pytest.raises(VisitorError, match="here already"):
        checked(loader.title, "fp32", loader=loader, offers=Offers((loader.name,)), request=request())


def test_a_model_that_cannot_fit_is_refused_while_the_old_one_answers(loader, monkeypatch):
    monkeypatch.setattr("blip2_core.needs.free_memory", lambda device: 1_000_000_000)
    with pytest.raises(VisitorError, match=r"needs 16\.5.GB of main memory, and 1\.0.GB are free"):
        checked(LARGE, "fp32", loader=loader, offers=Offers((LARGE,)), request=request())
    assert loader.model is not None


@pytest.mark.parametrize(("title", "reason"), [(LARGE, "t5"), ("nonsense", "cpu"), ("somebody/else", "cpu")])
def test_fp16_is_refused_with_the_reason_while_the_old_model_answers(loader, title, reason):
    """The load would refuse it, too, but only once the old model is gone, and on the terminal."""
    offers = Offers((loader.name, LARGE, "somebody/else"))
    with pytest.raises(VisitorError) as refused:
        checked(title, "fp16", loader=loader, offers=offers, request=request())
    assert str(refused.value) == texts.PICK_NO_FP16[reason] and "Choose" in str(refused.value)
    assert "fp16" in PRECISIONS and "fp16" not in needs(title, loader).bytes and loader.model is not None


def test_on_a_gpu_fp16_is_told_with_its_memory_where_it_works(monkeypatch):
    monkeypatch.setattr("blip2_core.needs.pick_device", torch.device)
    monkeypatch.setattr("blip2_core.needs.free_memory", lambda device: 20_000_000_000)
    opt, t5 = (needs(name, ModelLoader("pocket", device="cuda")) for name in ("Salesforce/blip2-opt-2.7b", LARGE))
    assert opt.bytes["fp32"] > opt.bytes["fp16"] > 7e9 and opt.no_fp16 == "" and ", fp16" in told(opt)
    assert t5.no_fp16 == "t5" and list(t5.bytes) == ["fp32", "bf16", "int8", "int4"]


def test_what_a_model_needs_is_told_by_precision_and_a_model_that_nobody_knows_says_so(loader):
    needed = needs(LARGE, loader)
    assert needed.bytes["fp32"] > needed.bytes["bf16"] > 8e9 and needed.free > 0
    assert told(needed).startswith(
        "Takes about this much main memory: fp32\N{NO-BREAK SPACE}16.5\N{NO-BREAK SPACE}GB, "
    )
    assert needs("somebody/else", loader).bytes == {} and needs("somebody/else", loader).fits("fp32")
    assert "is known once its files are here" in told(Needs(on_gpu=True, free=0))


def test_automatic_takes_what_fits_and_a_precision_has_to_fit_itself():
    needed = Needs(on_gpu=True, free=6, bytes={"bf16": 8, "int8": 5})
    assert needed.fits("auto") and needed.fits("int8") and not needed.fits("bf16")
    assert not Needs(on_gpu=True, free=4, bytes={"bf16": 8, "int8": 5}).fits("auto")


def test_the_page_names_no_folder_and_no_command_where_there_is_a_panel(loader):
    offers = Offers((loader.name,))
    assert offers.titles == ("nonsense",) and offers.named("nonsense") == loader.name
    assert "python app.py" in about(loader, Offers()) and "python app.py" not in about(loader, offers)
