"""Station 3 of 6, Q-Former: image_embeds [+ question] -> query_output.

A few learned queries look at the picture through cross-attention and take what matters out of its many tokens. Text
can sit beside the queries: both share the self-attention, each has its own feed-forward network, and only the queries
see the picture. When the text is a question, what the queries take out fits the question.

Who may look at whom is a mask, one for each stage-1 objective:

                     queries see        text sees
    BIDIRECTIONAL    queries, text      queries, text            matching, and answering questions
    MULTIMODAL       queries            queries, earlier text    image-grounded generation
    UNIMODAL         queries            text                     contrastive learning

One implementation serves both layouts of `transformers`: BLIP-2 (no text, `qformer.layernorm`) and InstructBLIP (text,
`qformer.embeddings`). Attribute names are the keys of the public checkpoints.

Paper: BLIP-2 (arXiv 2301.12597), section 3.1 and figure 2; InstructBLIP (arXiv 2305.06500), section 2.3.
"""

from enum import Enum

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import InstructBlipQFormerConfig, PreTrainedConfig

from .errors import ConfigError, ShapeError
from .shapes import expect_shape


class AttentionMask(Enum):
    """Who may look at whom in the shared self-attention."""

    BIDIRECTIONAL = "bidirectional"
    MULTIMODAL = "multimodal causal"
    UNIMODAL = "unimodal"


def reads_text(config: PreTrainedConfig) -> bool:
    """Whether a Q-Former of this config has the text branch."""
    return isinstance(config, InstructBlipQFormerConfig)


def allowed_pairs(kind: AttentionMask, *, num_queries: int, text_mask: Tensor) -> Tensor:
    """(B, 1, Q + T, Q + T) booleans: row may look at column.

    Args:
        kind: which of the three masks.
        num_queries: Q, the positions before the text; may be 0.
        text_mask: (B, T), 1 where there is text, 0 where there is padding; T may be 0.
    """
    num_text = text_mask.shape[1]
    queries = torch.arange(num_queries + num_text, device=text_mask.device) < num_queries
    row, column = queries[:, None], queries[None, :]  # True: a query
    if kind is AttentionMask.BIDIRECTIONAL:
        pairs = torch.ones_like(row | column)
    elif kind is AttentionMask.UNIMODAL:
        pairs = row == column
    else:
        pairs = column | (~row & torch.ones_like(row | column).tril())
    present = F.pad(text_mask.bool(), (num_queries, 0), value=True)  # (B, Q + T)
    return (pairs[None] & present[:, None, :])[:, None]


class MultiHeadAttention(nn.Module):
    """Attention of one sequence to another, or to itself."""

    def __init__(self, config: PreTrainedConfig, *, source_width: int):
        super().__init__()
        width = config.hidden_size
        self.num_heads = config.num_attention_heads
        self.dropout = config.attention_probs_dropout_prob
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(source_width, width)
        self.value = nn.Linear(source_width, width)

    def heads(self, hidden: Tensor, source: Tensor, source_of: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Queries of `hidden`, keys and values of `source`, by head: (B, heads, length, Dq / heads) each.

        Args:
            hidden: (B, length, Dq).
            source: (G, length, .); what several rows attend to is projected once.
            source_of: (B,) which of the G each row attends to; None: B = G, each to its own.
        """
        key, value = (self._split(part(source)) for part in (self.key, self.value))
        if source_of is not None:
            key, value = key.index_select(0, source_of), value.index_select(0, source_of)
        return self._split(self.query(hidden)), key, value

    def _split(self, hidden: Tensor) -> Tensor:
        return hidden.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)

    def forward(self, hidden: Tensor, source: Tensor, source_of: Tensor | None, pairs: Tensor | None) -> Tensor:
        attended = F.scaled_dot_product_attention(
            *self.heads(hidden, source, source_of),
            attn_mask=pairs,
            dropout_p=self.dropout if self.training else 0.0,
        )
        return attended.transpose(1, 2).flatten(2)  # (B, length, Dq)


class ResidualOutput(nn.Module):
    """Linear layer, dropout, residual connection, layer norm: the end of each half of a BERT layer."""

    def __init__(self, config: PreTrainedConfig, *, width_in: int):
        super().__init__()
        self.dense = nn.Linear(width_in, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, hidden: Tensor, residual: Tensor) -> Tensor:
        return self.LayerNorm(self.dropout(self.dense(hidden)) + residual)


class AttentionBlock(nn.Module):
    """Attention with its residual output."""

    def __init__(self, config: PreTrainedConfig, *, source_width: int):
        super().__init__()
        self.attention = MultiHeadAttention(config, source_width=source_width)
        self.output = ResidualOutput(config, width_in=config.hidden_size)

    def forward(
        self, hidden: Tensor, source: Tensor, source_of: Tensor | None = None, pairs: Tensor | None = None
    ) -> Tensor:
        return self.output(self.attention(hidden, source, source_of, pairs), hidden)


class Intermediate(nn.Module):
    """The wide layer of a feed-forward network."""

    def __init__(self, config: PreTrainedConfig):
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.intermediate_size)

    def forward(self, hidden: Tensor) -> Tensor:
        return F.gelu(self.dense(hidden))


class QFormerLayer(nn.Module):
    """Shared self-attention; cross-attention of the queries in every n-th layer; a feed-forward network a branch."""

    def __init__(self, config: PreTrainedConfig, *, index: int):
        super().__init__()
        self.attention = AttentionBlock(config, source_width=config.hidden_size)
        self.sees_image = index % config.cross_attention_frequency == 0
        if self.sees_image:
            self.crossattention = AttentionBlock(config, source_width=config.encoder_hidden_size)
        if reads_text(config):
            self.intermediate = Intermediate(config)
            self.output = ResidualOutput(config, width_in=config.intermediate_size)
        self.intermediate_query = Intermediate(config)
        self.output_query = ResidualOutput(config, width_in=config.intermediate_size)

    def forward(
        self,
        hidden: Tensor,
        pairs: Tensor,
        *,
        num_queries: int,
        image_embeds: Tensor | None,
        picture_of: Tensor | None,
    ) -> Tensor:
        hidden = self.attention(hidden, hidden, pairs=pairs)
        queries, text = hidden[:, :num_queries], hidden[:, num_queries:]
        if num_queries:
            if self.sees_image and image_embeds is not None:
                queries = self.crossattention(queries, image_embeds, picture_of)
            queries = self.output_query(self.intermediate_query(queries), queries)
        if text.shape[1]:
            text = self.output(self.intermediate(text), text)
        return torch.cat([queries, text], dim=1)  # (B, Q + T, Dq)


class QFormerEncoder(nn.Module):
    """The stack of layers, under the checkpoints' name `encoder.layer`."""

    def __init__(self, config: PreTrainedConfig):
        super().__init__()
        self.layer = nn.ModuleList(QFormerLayer(config, index=index) for index in range(config.num_hidden_layers))


class TextEmbeddings(nn.Module):
    """Word and position embeddings of the text branch, and the layer norm that queries and text share."""

    def __init__(self, config: PreTrainedConfig):
        super().__init__()
        self.word_embeddings = nn.Embedding(config.vocab_size, config.hidden_size, padding_idx=config.pad_token_id)
        self.position_embeddings = nn.Embedding(config.max_position_embeddings, config.hidden_size)
        self.layernorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, input_ids: Tensor) -> Tensor:
        most = self.position_embeddings.num_embeddings
        if input_ids.shape[1] > most:
            raise ShapeError(
                f"input_ids: expected at most {most} tokens, got {input_ids.shape[1]}. Ask a shorter question."
            )
        positions = self.position_embeddings.weight[: input_ids.shape[1]]
        return self.word_embeddings(input_ids) + positions  # (B, T, Dq)


class QFormer(nn.Module):
    """Querying Transformer.

    Args:
        config: `Blip2QFormerConfig` (no text) or `InstructBlipQFormerConfig` (text).

    Raises:
        ConfigError: the width is no multiple of the number of heads, or another activation than GELU.
    """

    def __init__(self, config: PreTrainedConfig):
        super().__init__()
        if config.hidden_size % config.num_attention_heads:
            raise ConfigError(
                f"qformer_config: num_attention_heads={config.num_attention_heads} does not divide "
                f"hidden_size={config.hidden_size}. Choose a divisor."
            )
        if config.hidden_act != "gelu":
            raise ConfigError(
                f"qformer_config: expected hidden_act='gelu', got {config.hidden_act!r}. This is another architecture."
            )
        self.config = config
        self.reads_text = reads_text(config)
        if self.reads_text:
            self.embeddings = TextEmbeddings(config)
        else:
            self.layernorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.encoder = QFormerEncoder(config)

    @property
    def dtype(self) -> torch.dtype:
        """dtype of the weights, in which the Q-Former computes."""
        return next(self.encoder.parameters()).dtype

    def _embed(self, query_tokens: Tensor | None, input_ids: Tensor | None) -> Tensor:
        parts = [] if query_tokens is None else [query_tokens.to(self.dtype)]
        if input_ids is not None:
            if not self.reads_text:
                raise ConfigError(
                    "qformer: expected no text, got input_ids: this Q-Former has no text branch. "
                    "Load a model whose Q-Former reads the question (InstructBLIP, pocket)."
                )
            parts.append(self.embeddings(input_ids))
        layernorm = self.embeddings.layernorm if self.reads_text else self.layernorm
        return self.dropout(layernorm(torch.cat(parts, dim=1)))  # (B, Q + T, Dq)

    def forward(
        self,
        query_tokens: Tensor | None,
        image_embeds: Tensor | None,
        *,
        picture_of: Tensor | None = None,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        mask: AttentionMask = AttentionMask.BIDIRECTIONAL,
    ) -> Tensor:
        """Let the queries, and the text beside them, read.

        Args:
            query_tokens: (B, Q, Dq) learned queries; None reads text alone.
            image_embeds: (B, N, Dv) image tokens for the cross-attention, or (G, N, Dv) of fewer pictures; None with
                text alone.
            picture_of: (B,) which of the G pictures each row sees; if None, each is for B / G rows in turn.
            input_ids: (B, T) text in the Q-Former's own vocabulary; None without text.
            attention_mask: (B, T), 1 where there is text; all ones if None.
            mask: who may look at whom.

        Returns:
            (B, Q + T, Dq) floats: queries first. Its first Q positions are the query_output.

        Raises:
            ShapeError: query_tokens or image_embeds of the wrong shape, or a text longer than its positions.
            ConfigError: text for a Q-Former without text branch.
        """
        num_queries = 0
        if query_tokens is not None:
            expect_shape("query_tokens", query_tokens, "B Q Dq", Dq=self.config.hidden_size)
            num_queries = query_tokens.shape[1]
        if image_embeds is not None:
            expect_shape("image_embeds", image_embeds, "B N Dv", Dv=self.config.encoder_hidden_size)
            image_embeds = image_embeds.to(self.dtype)
        hidden = self._embed(query_tokens, input_ids)
        if image_embeds is not None and picture_of is None:
            picture_of = _in_turn(len(hidden), image_embeds)
        if attention_mask is None:
            attention_mask = torch.ones(hidden.shape[0], hidden.shape[1] - num_queries, device=hidden.device)
        pairs = allowed_pairs(mask, num_queries=num_queries, text_mask=attention_mask)
        for layer in self.encoder.layer:
            hidden = layer(hidden, pairs, num_queries=num_queries, image_embeds=image_embeds, picture_of=picture_of)
        return hidden


def _in_turn(rows: int, image_embeds: Tensor) -> Tensor | None:
    """(B,) which of the (G, N, Dv) pictures each of B rows sees, as many rows for each; None where it is one."""
    pictures = len(image_embeds)
    if not pictures or rows % pictures:
        raise ShapeError(f"image_embeds: expected {rows} pictures or a divisor of it, got {pictures}.")
    if rows == pictures:
        return None
    return torch.arange(pictures, device=image_embeds.device).repeat_interleave(rows // pictures)
