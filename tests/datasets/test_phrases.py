"""Captions cut into noun phrases and predicates: examples read by hand."""

import pytest

from blip2_core.datasets.phrases import ing_form, read_predicate, read_sentence, singular, with_article


def names(text, wordnet):
    return [
        (phrase.determiner, phrase.colour, phrase.name, phrase.number)
        for phrase in read_sentence(text, wordnet.is_noun).phrases
    ]


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("A brown dog runs through the tall grass.", [("a", "brown", "dog", 1), ("the", "", "grass", None)]),
        ("Two men in red shirts.", [("two", "", "men", 2), ("", "red", "shirts", None)]),
        (
            "A black and white dog with a tennis ball.",
            [("a", "black and white", "dog", 1), ("a", "", "tennis ball", 1)],
        ),
        ("A pair of dogs in water.", [("", "", "dogs", 2), ("", "", "water", None)]),
        ("A group of people on a beach.", [("", "", "people", None), ("a", "", "beach", 1)]),
        ("A girl wearing a dark blue dress.", [("a", "", "girl", 1), ("a", "dark blue", "dress", 1)]),
        ("Dogs play.", [("", "", "dogs", None)]),
        ("A man in blue jeans.", [("a", "", "man", 1), ("", "blue", "jeans", None)]),
        ("A smiling boy.", [("a", "", "boy", 1)]),
    ],
)
def test_noun_phrases_are_found_with_number_and_colour(caption, expected, wordnet):
    assert names(caption, wordnet) == expected


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("A brown dog runs through the tall green grass.", "running through the grass"),
        ("A man is riding his red bike down the street.", "riding a bike"),
        ("Two boys play in the snow.", "playing in the snow"),
        ("A boy in a red shirt jumps over a fence.", "jumping over a fence"),
        ("A dog swims.", "swimming"),
        ("A girl wearing a hat is sitting on a bench.", "sitting on a bench"),
        ("A man who is holding a guitar smiles.", "holding a guitar"),
        ("A boy does a trick on a skateboard.", "doing a trick"),
        ("A woman with a camera walks along the road.", "walking along the road"),
    ],
)
def test_what_the_subject_does_is_read_from_the_caption(caption, expected, wordnet):
    sentence = read_sentence(caption, wordnet.is_noun)
    predicate = read_predicate(sentence, sentence.phrases[0])
    assert predicate is not None
    assert predicate.text == expected


@pytest.mark.parametrize(
    "caption", ["A boy tries to climb.", "A dog in the snow.", "A man is looking.", "A man gets up."]
)
def test_nothing_is_read_where_the_caption_does_not_say_it_plainly(caption, wordnet):
    sentence = read_sentence(caption, wordnet.is_noun)
    assert read_predicate(sentence, sentence.phrases[0]) is None


def test_words_are_bent_as_english_bends_them():
    assert [ing_form(verb) for verb in ("run", "ride", "ski", "lie", "play")] == [
        "running",
        "riding",
        "skiing",
        "lying",
        "playing",
    ]
    assert [singular(word) for word in ("dogs", "men", "benches", "jeans", "grass", "puppies")] == [
        "dog",
        "man",
        "bench",
        "jeans",
        "grass",
        "puppy",
    ]
    assert [with_article("a", name) for name in ("owl", "unicycle", "dog")] == ["an owl", "a unicycle", "a dog"]
