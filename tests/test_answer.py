"""The answering loop against transformers' generate, and what a listener sees while an answer grows."""

import math
import threading

import pytest
import torch
from tiny import tiny_adapter, visual_prompts

from blip2_core.answer import Answer, AnswerSettings, generate_beams, generate_text, stream_text, stream_tokens
from blip2_core.errors import SettingsError, ShapeError
from blip2_core.language import DecodingState, LanguageAdapter

FAMILIES = ("opt", "llama", "t5", "chatml")
QUESTIONS = ["what is it?", "how many dogs are there in the picture?", "why"]


def ask(adapter, questions=QUESTIONS):
    prompts = [adapter.template.render(question) for question in questions]
    return adapter.prompt_inputs(visual_prompts(len(questions)), prompts)


def row_of(adapter, row):
    return adapter.prompt_inputs(visual_prompts(3)[row : row + 1], [adapter.template.render(QUESTIONS[row])])


def generated(adapter, inputs, **settings):
    """What transformers' own generate answers, new tokens only, told as we are not to begin without text."""
    model = adapter.language_model
    ids = model.generate(
        inputs_embeds=inputs.inputs_embeds,
        attention_mask=inputs.attention_mask,
        eos_token_id=list(adapter.eos_token_ids),
        pad_token_id=adapter.pad_token_id,
        min_new_tokens=1,
        begin_suppress_tokens=list(adapter.wordless_token_ids),
        **settings,
    )
    return ids[:, 1:] if model.config.is_encoder_decoder else ids


class Scripted(LanguageAdapter):
    """An adapter whose language model has its tokens from a script; counts how often it is run."""

    padding_side = "left"
    context_tokens = None

    def __init__(self, family, text="", token_ids=()):
        twin = tiny_adapter(family)
        super().__init__(twin.language_model, twin.tokenizer, twin.template)
        plain = self.tokenizer.encode(text, add_special_tokens=False)
        self.script, self.runs = [*plain, *token_ids, self.eos_token_ids[0]], 0

    def expect_room(self, prompt_tokens):
        pass

    def room(self, inputs):
        return None

    def start(self, inputs):
        state = DecodingState(torch.empty(0), None, None)
        self.step(state, torch.empty(len(inputs.inputs_embeds)))
        return state

    def step(self, state, token_ids):
        state.logits = torch.full((len(token_ids), 400), -10.0)
        state.logits[:, self.script[self.runs]] = 10.0
        self.runs += 1
        return state.logits


def pieces_of(adapter, **settings):
    return list(stream_text(adapter, ask(adapter, ["q"]), AnswerSettings(**settings)))


@pytest.mark.parametrize("family", FAMILIES)
def test_greedy_tokens_equal_transformers_generate(family):
    adapter = tiny_adapter(family)
    inputs = ask(adapter)
    ours = torch.stack(list(stream_tokens(adapter, inputs, AnswerSettings(max_new_tokens=20))), dim=1)
    theirs = generated(adapter, inputs, max_new_tokens=20, do_sample=False)
    assert torch.equal(ours, theirs)
    assert ours.unique().numel() > 10


@pytest.mark.filterwarnings("ignore:Passing `repetition_penalty`")
@pytest.mark.parametrize("family", ["opt", "llama"])
@pytest.mark.parametrize("row", [0, 1, 2])
def test_repetition_penalty_equals_transformers_generate(family, row):
    """Row by row: in a padded batch transformers 5.23 leaves out as many new tokens as a row has padding."""
    adapter = tiny_adapter(family)
    inputs = row_of(adapter, row)
    settings = AnswerSettings(max_new_tokens=20, repetition_penalty=1.7)
    ours = torch.stack(list(stream_tokens(adapter, inputs, settings)), dim=1)
    assert torch.equal(ours, generated(adapter, inputs, max_new_tokens=20, repetition_penalty=1.7, do_sample=False))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("length_penalty", [-1.0, 1.0])
def test_beams_equal_transformers_generate(family, length_penalty):
    adapter = tiny_adapter(family)
    inputs = ask(adapter)
    settings = AnswerSettings(max_new_tokens=8, num_beams=3, length_penalty=length_penalty)
    theirs = generated(adapter, inputs, max_new_tokens=8, num_beams=3, length_penalty=length_penalty, do_sample=False)
    assert generate_beams(adapter, inputs, settings) == theirs.tolist()
    assert len(generate_text(adapter, inputs, settings)) == 3


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    "extra",
    [
        {"repetition_penalty": 1.7},
        {"temperature": 0.8, "top_k": 50, "top_p": 0.9, "seed": 3},
        {"num_beams": 2, "repetition_penalty": 1.7},
    ],
)
def test_a_batch_answers_as_its_rows_do_alone(family, extra):
    adapter, settings = tiny_adapter(family), AnswerSettings(max_new_tokens=12, **extra)
    together = generate_text(adapter, ask(adapter), settings)
    assert together == [generate_text(adapter, row_of(adapter, row), settings)[0] for row in range(3)]
    assert len(set(together)) == 3


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("extra", [{}, {"temperature": 1.0, "seed": 5}, {"stop": ("a", "e")}])
def test_the_pieces_of_a_stream_make_the_whole_answer(family, extra):
    adapter, settings = tiny_adapter(family), AnswerSettings(max_new_tokens=20, **extra)
    stream = stream_text(adapter, row_of(adapter, 1), settings)
    whole = "".join(stream)
    assert [whole] == generate_text(adapter, row_of(adapter, 1), settings)
    assert stream.report.text == whole


def test_the_same_seed_draws_the_same_and_another_draws_another():
    adapter = tiny_adapter("opt")

    def draw(seed):
        settings = AnswerSettings(max_new_tokens=12, temperature=1.5, seed=seed)
        return generate_text(adapter, row_of(adapter, 0), settings)

    assert draw(7) == draw(7)
    assert len({tuple(draw(seed)) for seed in (7, 8, None, None)}) == 4


def test_drawing_leaves_the_random_state_of_torch_alone():
    adapter = tiny_adapter("opt")
    before = torch.get_rng_state()
    generate_text(adapter, row_of(adapter, 0), AnswerSettings(max_new_tokens=3, temperature=1.0))
    assert torch.equal(before, torch.get_rng_state())


def test_temperature_zero_ignores_the_seed():
    adapter = tiny_adapter("opt")
    answers = {generate_text(adapter, row_of(adapter, 0), AnswerSettings(seed=seed))[0] for seed in (1, 2)}
    assert len(answers) == 1


def test_top_k_of_one_is_greedy():
    adapter = tiny_adapter("opt")
    narrow = AnswerSettings(max_new_tokens=10, temperature=2.0, top_k=1)
    assert generate_text(adapter, ask(adapter), narrow) == generate_text(adapter, ask(adapter), AnswerSettings(10))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("extra", [{}, {"num_beams": 3}, {"temperature": 1.0, "seed": 2}])
def test_an_answer_does_not_begin_with_a_token_that_no_text_comes_of(family, extra):
    """OPT's </s> is none of its ends: with a line break behind it an answer was empty, and a blank line was printed."""
    adapter = tiny_adapter(family)
    preferred = torch.zeros(400)
    preferred[list(adapter.wordless_token_ids)] = 100.0
    preferred[list(adapter.eos_token_ids)] = 90.0
    adapter.language_model.get_output_embeddings().register_forward_hook(lambda *call: call[-1] + preferred)
    inputs, settings = ask(adapter), AnswerSettings(max_new_tokens=6, **extra)
    found = generate_beams if settings.num_beams > 1 else lambda *what: next(stream_tokens(*what))[:, None].tolist()
    assert not {row[0] for row in found(adapter, inputs, settings)} & {*adapter.wordless_token_ids}
    empty = AnswerSettings(max_new_tokens=6, min_new_tokens=0, **extra)
    assert generate_text(adapter, inputs, empty) == ["", "", ""]


@pytest.mark.parametrize("family", ["opt", "llama"])
def test_an_answer_whose_model_begins_with_a_special_token_has_text(family):
    adapter = Scripted(family, token_ids=[2])  # </s>, then the end
    adapter.script.insert(1, adapter.tokenizer.encode("dog", add_special_tokens=False)[-1])
    assert generate_text(adapter, ask(adapter, ["q"]), AnswerSettings(max_new_tokens=2))[0]


def test_no_text_comes_of_special_tokens_and_of_rows_without_a_token():
    adapter = tiny_adapter("opt")
    assert {adapter.tokenizer.convert_tokens_to_ids(token) for token in ("</s>", "<pad>", "<s>")} <= {
        *adapter.wordless_token_ids
    }
    assert {*range(len(adapter.tokenizer), 400)} <= {*adapter.wordless_token_ids}
    assert adapter.eos_token_ids[0] not in adapter.wordless_token_ids  # the line break is text


def test_an_answer_ends_where_the_context_of_the_model_ends():
    adapter = tiny_adapter("opt")  # reads 128 tokens
    inputs = ask(adapter, ["why " * 25])
    room = 128 - inputs.inputs_embeds.shape[1]
    stream = stream_text(adapter, inputs, AnswerSettings(max_new_tokens=200))
    adapter.eos_token_ids = (9_999,)  # nothing ends it earlier
    "".join(stream)
    assert (stream.report.num_tokens, stream.report.stopped_by) == (room, "length")


@pytest.mark.parametrize("family", ["opt", "llama"])
def test_no_character_is_ever_split(family):
    text = "Él 👩‍👩‍👧 € 语言 ok"
    pieces = pieces_of(Scripted(family, text))
    assert "".join(pieces) == text
    assert not any("\ufffd" in piece for piece in pieces)
    assert len(pieces) > 8


@pytest.mark.parametrize("family", ["opt", "llama"])
def test_an_answer_cut_inside_a_character_ends_before_it(family):
    bytes_of_the_emoji = tiny_adapter(family).tokenizer.encode("ok 🐕", add_special_tokens=False)
    adapter = Scripted(family, "ok 🐕")
    pieces = pieces_of(adapter, max_new_tokens=len(bytes_of_the_emoji) - 1)
    assert "".join(pieces) == "ok"
    adapter.runs = 0
    settings = AnswerSettings(max_new_tokens=len(bytes_of_the_emoji) - 1)
    assert generate_text(adapter, ask(adapter, ["q"]), settings) == ["ok"]


def test_no_outer_white_space_is_shown():
    assert "".join(pieces_of(Scripted("opt", "  a  b "))) == "a  b"


@pytest.mark.parametrize(
    ("stop", "shown"),
    [
        (("STOP",), "one two STO"),
        (("two",), "one"),
        (("nowhere", "STO", "two "), "one"),
        (("never",), "one two STOSTOP x"),
    ],
)
def test_a_stop_text_is_never_shown_not_even_in_part(stop, shown):
    adapter = Scripted("opt", "one two STOSTOP x")
    so_far = ""
    for piece in stream_text(adapter, ask(adapter, ["q"]), AnswerSettings(stop=stop)):
        so_far += piece
        assert shown.startswith(so_far)
    assert so_far == shown
    adapter.runs = 0
    assert generate_text(adapter, ask(adapter, ["q"]), AnswerSettings(stop=stop)) == [shown]


def test_a_stop_text_ends_the_work():
    adapter = Scripted("opt", "one. two three four")
    stream = stream_text(adapter, ask(adapter, ["q"]), AnswerSettings(stop=(".",)))
    assert ("".join(stream), stream.report.stopped_by) == ("one", "stop")
    assert adapter.runs == stream.num_tokens == stream.report.num_tokens < len(adapter.script) - 3


def test_closing_stops_within_one_token():
    adapter = Scripted("opt", "x" * 50)
    stream = stream_text(adapter, ask(adapter, ["q"]), AnswerSettings())
    assert adapter.runs == 0
    assert [next(stream), next(stream)] == ["x", "x"]
    stream.close()
    assert adapter.runs == 2
    assert (stream.report.text, stream.report.stopped_by, stream.report.num_tokens) == ("xx", "closed", 2)
    assert list(stream) == []


def test_closing_through_a_generator_around_it_stops_too():
    adapter = Scripted("opt", "x" * 50)
    stream = stream_text(adapter, ask(adapter, ["q"]), AnswerSettings())

    def around():
        yield from stream

    outer = around()
    next(outer)
    outer.close()
    assert (adapter.runs, stream.report.stopped_by) == (1, "closed")


def test_closing_from_another_thread_stops_within_one_token():
    adapter = Scripted("opt", "x" * 50)
    stream = stream_text(adapter, ask(adapter, ["q"]), AnswerSettings())
    inside, go_on = threading.Event(), threading.Event()
    step = adapter.step

    def slow_step(state, token_ids):
        if adapter.runs == 3:
            inside.set()
            assert go_on.wait(10)
        return step(state, token_ids)

    adapter.step = slow_step
    reader = threading.Thread(target=lambda: list(stream))
    reader.start()
    assert inside.wait(10)
    stream.close()
    go_on.set()
    reader.join(10)
    assert (adapter.runs, stream.report.text, stream.report.stopped_by) == (4, "xxx", "closed")


def test_a_stream_closed_before_it_began_never_runs_the_model():
    adapter = Scripted("opt", "x")
    stream = stream_text(adapter, ask(adapter, ["q"]), AnswerSettings())
    stream.close()
    assert stream.report == Answer("", 0, None, 0.0, "closed")
    assert (list(stream), adapter.runs) == ([], 0)


def test_the_report_comes_with_the_end_and_tells_how_it_went():
    adapter = Scripted("opt", "a dog")
    stream = stream_text(adapter, ask(adapter, ["q"]), AnswerSettings())
    next(stream)
    assert stream.report is None
    list(stream)
    report = stream.report
    assert (report.text, report.stopped_by, report.num_tokens) == ("a dog", "eos", len(adapter.script))
    assert 0 < report.seconds_to_first_token <= report.seconds


def test_an_error_inside_leaves_no_report():
    adapter = Scripted("opt", "a dog")
    adapter.script = adapter.script[:1]
    stream = stream_text(adapter, ask(adapter, ["q"]), AnswerSettings())
    with pytest.raises(IndexError):
        list(stream)
    stream.close()
    assert stream.report is None


def test_rows_of_a_batch_end_one_by_one():
    adapter = tiny_adapter("opt")
    free = torch.stack(list(stream_tokens(adapter, ask(adapter), AnswerSettings(max_new_tokens=6))), dim=1)
    adapter.eos_token_ids = (int(free[0, 2]),)
    rows = torch.stack(list(stream_tokens(adapter, ask(adapter), AnswerSettings(max_new_tokens=6))), dim=1)
    assert rows[0].tolist() == [*free[0, :3].tolist(), 1, 1, 1]  # padded after its end
    assert torch.equal(rows[1], free[1])


def test_an_answer_has_at_least_the_tokens_asked_for():
    adapter = Scripted("opt")
    adapter.script = [adapter.eos_token_ids[0]] * 9
    stream = stream_text(adapter, ask(adapter, ["q"]), AnswerSettings(min_new_tokens=3))
    list(stream)
    assert stream.report.num_tokens == 4


def test_beams_and_batches_do_not_stream():
    adapter = tiny_adapter("opt")
    with pytest.raises(SettingsError) as error:
        stream_text(adapter, row_of(adapter, 0), AnswerSettings(num_beams=5))
    assert str(error.value) == (
        "num_beams: 5 beams have no answer before the end; ask without streaming or set num_beams=1."
    )
    with pytest.raises(ShapeError, match="inputs: expected one row to stream, got 3. Use generate_text."):
        stream_text(adapter, ask(adapter), AnswerSettings())


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"max_new_tokens": 0}, "max_new_tokens: expected a whole number from 1 to 4,096, got 0."),
        ({"max_new_tokens": 64.0}, "max_new_tokens: expected a whole number from 1 to 4,096, got 64.0."),
        ({"min_new_tokens": 65}, "min_new_tokens: expected a whole number from 0 to 64, got 65."),
        ({"temperature": math.nan}, "temperature: expected a number from 0 to 5, got nan."),
        ({"temperature": -1}, "temperature: expected a number from 0 to 5, got -1."),
        ({"temperature": "hot"}, "temperature: expected a number from 0 to 5, got 'hot'."),
        ({"top_p": math.inf}, "top_p: expected a number from 0 to 1, got inf."),
        ({"top_p": 0}, "top_p: expected a number above 0, got 0; use temperature=0 for the likeliest token."),
        ({"top_k": True}, "top_k: expected a whole number from 0 to 1,000,000, got True."),
        ({"repetition_penalty": 0}, "repetition_penalty: expected a number from 0.1 to 10, got 0."),
        ({"num_beams": None}, "num_beams: expected a whole number from 1 to 20, got None."),
        ({"length_penalty": 10**400}, f"length_penalty: expected a number from -10 to 10, got 1{'0' * 59}."),
        ({"seed": -1}, "seed: expected a whole number from 0 to 9,223,372,036,854,775,807, got -1."),
        ({"stop": "\n"}, r"""stop: expected a tuple of texts such as ("\n",), got '\n'."""),
        ({"stop": ("",)}, r"""stop: expected a tuple of texts such as ("\n",), got ('',)."""),
        (
            {"num_beams": 2, "temperature": 1},
            "num_beams: beams do not draw at random; set temperature=0 or num_beams=1.",
        ),
    ],
)
def test_settings_out_of_range_are_refused_in_one_sentence(setting, message):
    with pytest.raises(SettingsError) as error:
        AnswerSettings(**setting)
    assert str(error.value) == message
