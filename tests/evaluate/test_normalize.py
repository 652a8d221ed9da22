"""What counts as the same answer."""

import pytest

from blip2_core.evaluate.normalize import answer_parts, caption_words, mentions, mentions_any, normalize_answer


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("The Red.", "red"),
        ("  a  dog ", "dog"),
        ("garbage_bin", "garbage bin"),
        ("T-shirt!", "t shirt"),
        ("the dog's", "dogs"),
        ("Two", "2"),
        ("twenty", "20"),
        ("None", "0"),
        ("grey", "gray"),
        ("black and white", "black and white"),
        ("A", "a"),
        ("...", ""),
        ("Ein Café", "ein café"),
    ],
)
def test_short_answers_are_brought_into_one_form(text, normal):
    assert normalize_answer(text) == normal


def test_a_sentence_that_begins_with_yes_is_yes_where_yes_or_no_is_asked():
    assert normalize_answer("Yes, there is a dog.", "yes_no") == "yes"
    assert normalize_answer("No.", "yes_no") == "no"
    assert normalize_answer("Yes, there is a dog.", "colour") == "yes there is dog"


def test_a_sentence_that_does_not_begin_with_yes_or_no_is_neither():
    assert normalize_answer("There is no dog.", "yes_no") not in ("yes", "no")
    assert normalize_answer("Nobody", "yes_no") == "nobody"


def test_lists_are_sets_whatever_their_order_and_punctuation():
    assert answer_parts("a book, garbage_bin, the table.") == {"book", "garbage bin", "table"}
    assert answer_parts("table and book, garbage bin, book") == {"book", "garbage bin", "table"}


def test_a_word_that_contains_and_is_not_cut():
    assert answer_parts("hand towel, stand") == {"hand towel", "stand"}


@pytest.mark.parametrize(
    ("one", "many"),
    [
        ("dog", "dogs"),
        ("bus", "buses"),
        ("bench", "benches"),
        ("potato", "potatoes"),
        ("cherry", "cherries"),
        ("leaf", "leaves"),
        ("knife", "knives"),
        ("man", "men"),
        ("woman", "women"),
        ("fireman", "firemen"),
        ("child", "children"),
        ("person", "people"),
        ("mouse", "mice"),
        ("ox", "oxen"),
        ("sheep", "sheep"),
    ],
)
def test_singular_and_plural_mention_each_other(one, many):
    assert mentions(f"Here are {many}.", one)
    assert mentions(f"This is one {one}!", many)


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("It can be seen.", "bees"),
        ("It has to be.", "toe"),
        ("It was his.", "hi"),
        ("A dogma.", "dog"),
        ("A hot day for a dog.", "hot dog"),
        ("A dog, hot.", "hot dog"),
        ("", "dog"),
        ("A dog.", "..."),
    ],
)
def test_what_only_looks_alike_is_no_mention(text, term):
    assert not mentions(text, term)


def test_terms_of_several_words_are_found_in_the_plural_and_with_hyphens():
    assert mentions("Two golden retrievers play.", "Golden Retriever")
    assert mentions("A four-leaf clover.", "four leaf clover")
    assert mentions("A dog's bone.", "dog")


def test_a_mention_is_all_that_is_checked():
    assert mentions("This is not a dog.", "dog")
    assert mentions_any("Some animal.", ["chickadee", "bird", "animal"])
    assert not mentions_any("A fish.", ["chickadee", "bird", "animal"])


def test_captions_are_cut_as_the_coco_evaluation_cuts_them():
    assert caption_words("A dog's T-shirt, by the SEA - really!") == "a dog s t-shirt by the sea really"
    assert caption_words("A dog 's ball .") == caption_words("A dog's ball")
    assert caption_words(" ... ") == ""
