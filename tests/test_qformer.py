"""Who looks at whom in the Q-Former, found out by changing one input at a time; its text branch; what it refuses."""

import pytest
import torch
from transformers import Blip2QFormerConfig, InstructBlipQFormerConfig

from blip2_core.errors import ConfigError, ShapeError
from blip2_core.qformer import AttentionMask, QFormer, allowed_pairs

QUERIES, WORDS, WIDTH, DV = 3, 4, 16, 24
IDS = torch.tensor([[5, 6, 7, 8]])


def make_qformer(kind=InstructBlipQFormerConfig, layers: int = 3, **sizes) -> QFormer:
    """A Q-Former whose every weight is far from zero."""
    torch.manual_seed(0)
    values = {
        "vocab_size": 40,
        "hidden_size": WIDTH,
        "intermediate_size": 20,
        "num_hidden_layers": layers,
        "num_attention_heads": 2,
        "max_position_embeddings": 12,
        "encoder_hidden_size": DV,
        "cross_attention_frequency": 2,
    }
    qformer = QFormer(kind(**{**values, **sizes}))
    for name, parameter in qformer.named_parameters():
        norm = "norm" in name.lower() and name.endswith("weight")
        torch.nn.init.normal_(parameter, mean=1.0 if norm else 0.0, std=0.3)
    return qformer.eval()


@pytest.fixture(scope="module")
def qformer():
    """One that reads text."""
    return make_qformer()


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def read(qformer, queries=None, image=None, ids=IDS, **options) -> torch.Tensor:
    """(Q + T, Dq) for one picture and one text."""
    queries = noise(1, QUERIES, WIDTH) if queries is None else queries
    image = noise(1, 5, DV, seed=1) if image is None else image
    return qformer(queries, image, input_ids=ids, **options)[0]


def who_looks_at_whom(qformer, mask: AttentionMask) -> list[str]:
    """A row for each position, queries first: "x" where a change at that column changes it."""
    before = read(qformer, mask=mask)
    columns = []
    for place in range(QUERIES + WORDS):
        queries, ids = noise(1, QUERIES, WIDTH).clone(), IDS.clone()
        if place < QUERIES:
            queries[0, place] += noise(WIDTH, seed=2)
        else:
            ids[0, place - QUERIES] = 30
        change = (read(qformer, queries=queries, ids=ids, mask=mask) - before).abs().amax(dim=1)
        assert ((change == 0) | (change > 1e-4)).all()  # either nothing or clearly something
        columns.append(change > 0)
    return ["".join("x" if changed else "." for changed in row) for row in torch.stack(columns, dim=1).tolist()]


LOOKS = {
    AttentionMask.BIDIRECTIONAL: ["xxxxxxx"] * 7,
    AttentionMask.MULTIMODAL: ["xxx....", "xxx....", "xxx....", "xxxx...", "xxxxx..", "xxxxxx.", "xxxxxxx"],
    AttentionMask.UNIMODAL: ["xxx....", "xxx....", "xxx....", "...xxxx", "...xxxx", "...xxxx", "...xxxx"],
}


@pytest.mark.parametrize("mask", AttentionMask)
def test_each_mask_lets_look_whom_the_paper_lets_look(qformer, mask):
    """BLIP-2, figure 2, right."""
    assert who_looks_at_whom(qformer, mask) == LOOKS[mask]


@pytest.mark.parametrize("mask", AttentionMask)
def test_the_table_of_allowed_pairs_is_what_the_q_former_does(mask):
    pairs = allowed_pairs(mask, num_queries=QUERIES, text_mask=torch.ones(1, WORDS))
    assert pairs.shape == (1, 1, QUERIES + WORDS, QUERIES + WORDS)
    assert ["".join("x" if pair else "." for pair in row) for row in pairs[0, 0].tolist()] == LOOKS[mask]


@pytest.mark.parametrize("mask", AttentionMask)
def test_nobody_looks_at_padding(qformer, mask):
    attention_mask = torch.tensor([[1, 1, 0, 0]])
    one, other = (
        read(qformer, ids=torch.tensor([[5, 6, *padding]]), attention_mask=attention_mask, mask=mask)
        for padding in ([0, 0], [30, 31])
    )
    assert torch.equal(one[: QUERIES + 2], other[: QUERIES + 2])
    torch.testing.assert_close(one[: QUERIES + 2], read(qformer, ids=IDS[:, :2], mask=mask), rtol=1e-6, atol=1e-5)
    assert one.isfinite().all()


def test_only_text_that_may_look_at_queries_learns_of_the_picture(qformer):
    for mask, learns in (
        (AttentionMask.BIDIRECTIONAL, True),
        (AttentionMask.MULTIMODAL, True),
        (AttentionMask.UNIMODAL, False),
    ):
        one, other = (read(qformer, image=noise(1, 5, DV, seed=seed), mask=mask) for seed in (1, 2))
        assert not torch.equal(one[:QUERIES], other[:QUERIES])
        assert (not torch.equal(one[QUERIES:], other[QUERIES:])) is learns


def test_text_has_no_cross_attention_of_its_own():
    """In a Q-Former of one layer, what the queries see in the picture comes too late for the text."""
    single = make_qformer(layers=1)
    one, other = (read(single, image=noise(1, 5, DV, seed=seed)) for seed in (1, 2))
    assert torch.equal(one[QUERIES:], other[QUERIES:]) and not torch.equal(one[:QUERIES], other[:QUERIES])


def test_every_second_layer_looks_at_the_picture(qformer):
    assert [layer.sees_image for layer in qformer.encoder.layer] == [True, False, True]
    assert [hasattr(layer, "crossattention") for layer in qformer.encoder.layer] == [True, False, True]
    assert [layer.sees_image for layer in make_qformer(cross_attention_frequency=3).encoder.layer] == [
        True,
        False,
        False,
    ]


def test_the_order_of_the_image_tokens_does_not_matter_their_content_does(qformer):
    image = noise(1, 5, DV, seed=1)
    torch.testing.assert_close(read(qformer, image=image.flip(1)), read(qformer, image=image), rtol=0, atol=1e-5)


def test_the_question_changes_the_query_output(qformer):
    one, other = read(qformer)[:QUERIES], read(qformer, ids=torch.tensor([[9, 10]]))[:QUERIES]
    without = read(qformer, ids=None)
    assert without.shape == (QUERIES, WIDTH)
    assert all((a - b).abs().max() > 1e-2 for a, b in ((one, other), (one, without), (other, without)))


def test_the_order_of_the_words_matters(qformer):
    assert not torch.allclose(read(qformer)[:QUERIES], read(qformer, ids=IDS.flip(1))[:QUERIES], atol=1e-3)


def test_text_alone_is_read_as_text_beside_queries_that_it_cannot_see(qformer):
    with torch.no_grad():
        alone = qformer(None, None, input_ids=IDS, mask=AttentionMask.UNIMODAL)[0]
    torch.testing.assert_close(alone, read(qformer, mask=AttentionMask.UNIMODAL)[QUERIES:], rtol=1e-6, atol=1e-5)


def test_queries_and_text_have_a_feed_forward_network_each():
    qformer = make_qformer()
    before = read(qformer, mask=AttentionMask.UNIMODAL)
    with torch.no_grad():
        for layer in qformer.encoder.layer:
            layer.output.dense.weight.add_(0.1)
    after = read(qformer, mask=AttentionMask.UNIMODAL)
    assert torch.equal(before[:QUERIES], after[:QUERIES]) and not torch.equal(before[QUERIES:], after[QUERIES:])


def test_a_batch_is_its_rows_one_by_one(qformer):
    queries, image = noise(2, QUERIES, WIDTH), noise(2, 5, DV, seed=1)
    ids, mask = torch.tensor([[5, 6, 7, 8], [9, 10, 0, 0]]), torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])
    with torch.no_grad():
        batch = qformer(queries, image, input_ids=ids, attention_mask=mask)
    first = read(qformer, queries=queries[:1], image=image[:1])
    second = read(qformer, queries=queries[1:], image=image[1:], ids=ids[1:, :2])
    torch.testing.assert_close(batch[0], first, rtol=1e-6, atol=1e-5)
    torch.testing.assert_close(batch[1, : QUERIES + 2], second, rtol=1e-6, atol=1e-5)


def test_several_questions_about_a_picture_are_read_as_each_beside_its_own_copy(qformer):
    pictures, queries = noise(2, 5, DV), noise(1, QUERIES, WIDTH).expand(6, -1, -1)
    ids = torch.arange(24).view(6, 4)
    together = qformer(queries, pictures, input_ids=ids)
    torch.testing.assert_close(together, qformer(queries, pictures[[0, 0, 0, 1, 1, 1]], input_ids=ids))
    picture_of = torch.tensor([1, 0, 1, 1, 1, 0])
    mixed = qformer(queries, pictures, picture_of=picture_of, input_ids=ids)
    torch.testing.assert_close(mixed, qformer(queries, pictures[picture_of], input_ids=ids))


@pytest.mark.parametrize("pictures", [0, 4, 12])
def test_pictures_that_the_questions_cannot_be_shared_among_are_refused(qformer, pictures):
    with pytest.raises(ShapeError, match=f"image_embeds: expected 6 pictures or a divisor of it, got {pictures}"):
        read(qformer, noise(6, QUERIES, WIDTH), noise(pictures, 5, DV), IDS.expand(6, -1))


def test_a_q_former_without_text_branch_has_no_word_of_it_in_its_weights():
    plain = make_qformer(Blip2QFormerConfig)
    state = plain.state_dict()
    assert "layernorm.weight" in state and "encoder.layer.0.output_query.dense.weight" in state
    text = ("embeddings.", "encoder.layer.0.intermediate.", "encoder.layer.0.output.")
    assert not [name for name in state if name.startswith(text)]


def test_text_for_a_q_former_without_text_branch_is_refused():
    with pytest.raises(ConfigError) as error:
        read(make_qformer(Blip2QFormerConfig))
    assert str(error.value) == (
        "qformer: expected no text, got input_ids: this Q-Former has no text branch. "
        "Load a model whose Q-Former reads the question (InstructBLIP, pocket)."
    )


def test_image_embeds_of_another_width_are_refused(qformer):
    with pytest.raises(ShapeError) as error:
        read(qformer, image=noise(1, 5, DV + 1))
    assert str(error.value) == "image_embeds: expected shape (B, N, Dv=24), got (1, 5, 25)."


def test_queries_of_another_width_are_refused(qformer):
    with pytest.raises(ShapeError) as error:
        read(qformer, queries=noise(1, QUERIES, WIDTH + 1))
    assert str(error.value) == "query_tokens: expected shape (B, Q, Dq=16), got (1, 3, 17)."


def test_text_longer_than_its_positions_is_refused(qformer):
    with pytest.raises(ShapeError) as error:
        read(qformer, ids=torch.ones(1, 13, dtype=torch.long))
    assert str(error.value) == "input_ids: expected at most 12 tokens, got 13. Ask a shorter question."


def test_dropout_is_for_training_only():
    qformer = make_qformer(hidden_dropout_prob=0.5, attention_probs_dropout_prob=0.5)
    assert torch.equal(read(qformer), read(qformer))
    qformer.train()
    assert not torch.equal(read(qformer), read(qformer))


def test_gradients_reach_every_weight_of_both_branches():
    qformer = make_qformer()
    queries = noise(1, QUERIES, WIDTH).requires_grad_()
    qformer(queries, noise(1, 5, DV), input_ids=IDS).square().sum().backward()
    without = [name for name, parameter in qformer.named_parameters() if parameter.grad is None]
    assert without == [] and queries.grad.abs().sum() > 0
