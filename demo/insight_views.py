"""Draws what `insight` found as HTML: the map over the picture, the road, and where each query looked.

Pictures travel inside the HTML, made anew from their pixels, so that nothing more is kept on disk.
"""

import base64
import io
from html import escape
from typing import TYPE_CHECKING, Any

from blip2_core.image import open_image

from . import texts
from .exchange import Exchange

if TYPE_CHECKING:
    from PIL.Image import Image

LONGEST_SIDE, LONGEST_HEAT, LONGEST_THUMBNAIL = 720, 360, 128  # pixels
JPEG_QUALITY = 86
THIRDS = (1 / 3, 2 / 3)


def note(sentence: str) -> str:
    """A sentence in the place of a view."""
    return f'<p class="insight-note">{escape(sentence)}</p>'


def draw_looked(picture: str, exchange: Exchange, found: Any) -> str:
    """The picture with the map of one answer over it.

    Args:
        picture: path of the picture.
        exchange: whose answer it is.
        found: its `blip2_core.attention_maps.Relevance`.

    Raises:
        ImageError: the picture cannot be read any more.
    """
    from blip2_core.attention_maps import overlay

    image = _reduced(open_image(picture), LONGEST_SIDE)
    heat = overlay(found.values, found.box, _fitting(image.size, LONGEST_HEAT), opacity=1)
    alt = texts.LOOKED_ALT.format(place=place_of(found.values)) if found.values.any() else texts.LOOKED_NOWHERE
    told = f'<span lang="en">{escape(exchange.question)} <b>{escape(exchange.answer.strip())}</b></span>'
    scale = f'<span class="heat-scale"><span>{texts.LOOKED_LESS}</span><i></i><span>{texts.LOOKED_MORE}</span></span>'
    return (
        f'<figure class="looked"><div class="layers"><img src="{_jpeg(image)}" alt="{escape(alt)}">'
        f'<img class="heat" src="{_png(heat)}" alt=""></div>'
        f"<figcaption>{told}{scale}</figcaption></figure>"
        f'<p class="insight-note">{texts.LOOKED_ABOUT}</p>'
    )


def draw_road(picture: str, exchange: Exchange, told: Any, attention: Any) -> str:
    """The road of one question: what comes out of each station, the prompt, and each query.

    Args:
        picture: path of the picture.
        exchange: whose road it is.
        told: its `blip2_core.explain.Explanation`.
        attention: its `blip2_core.attention_maps.QueryAttention`.

    Raises:
        ImageError: the picture cannot be read any more.
    """
    stations = "".join(
        f"<li><code>{escape(station.name)}</code><b>{' × '.join(f'{side:,}' for side in station.shape)}</b>"
        f"<span>{escape(texts.ROAD_STATIONS.get(station.name, station.what))}</span></li>"
        for station in told.stations
    )
    image = _reduced(open_image(picture), LONGEST_THUMBNAIL)
    rows = zip(attention.mean, told.nearest_words, strict=True)
    queries = "".join(
        _query(number, image, weights, attention.box, words) for number, (weights, words) in enumerate(rows, 1)
    )
    asked = escape(told.qformer_question)
    read = f'<h3>{texts.ROAD_QFORMER}</h3><pre tabindex="0">{asked}</pre>' if asked else ""
    return (
        f'<p class="insight-note">{texts.ROAD_ABOUT.format(question=escape(exchange.question))}</p>'
        f'<ol class="stations">{stations}</ol>'
        f"{read}"
        f'<h3>{texts.ROAD_PROMPT}</h3><pre tabindex="0">{escape(exchange.prompt or told.prompt)}</pre>'
        f"<h3>{texts.ROAD_QUERIES.format(count=len(told.nearest_words))}</h3>"
        f'<p class="insight-note">{texts.ROAD_QUERIES_ABOUT}</p><ol class="queries">{queries}</ol>'
    )


def _query(number: int, image: "Image", weights: Any, box: tuple, words: tuple) -> str:
    """Where one query looked, brightest where it looked most, and the words that its visual prompt is near to."""
    from blip2_core.attention_maps import overlay

    largest = weights.max()
    heat = overlay(weights / largest if largest else weights, box, image.size, opacity=0.85)
    seen = image.copy()
    seen.paste(heat, (0, 0), heat)
    alt = texts.QUERY_ALT.format(number=number, place=place_of(weights))
    near = "".join(f"<li>{escape(word)} <small>{cosine:.2f}</small></li>" for word, cosine in words)
    return f'<li><img src="{_jpeg(seen)}" alt="{escape(alt)}"><b>{number}</b><ul>{near}</ul></li>'


def place_of(values: Any) -> str:
    """In words, where in the picture the largest value lies."""
    rows, columns = values.shape
    row, column = divmod(int(values.argmax()), columns)
    third = [
        sum((place + 0.5) / length > border for border in THIRDS) for place, length in ((row, rows), (column, columns))
    ]
    return texts.PLACES[third[0]][third[1]]


def _fitting(size: tuple[int, int], longest: int) -> tuple[int, int]:
    """The size with its longer side cut down to `longest`, the shape kept."""
    factor = min(1.0, longest / max(size))
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def _reduced(image: "Image", longest: int) -> "Image":
    return image.resize(_fitting(image.size, longest))


def _jpeg(image: "Image") -> str:
    return _address(image, "JPEG", quality=JPEG_QUALITY)


def _png(image: "Image") -> str:
    return _address(image, "PNG", optimize=True)


def _address(image: "Image", kind: str, **how: Any) -> str:
    """A picture as a data: address."""
    stream = io.BytesIO()
    image.save(stream, kind, **how)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(stream.getvalue()).decode()}"
