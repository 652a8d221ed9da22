"""The door: whatever way a picture comes, it passes here before anything reads it.

Gradio would decode files itself, fetch web addresses that stand where a path should, and take pictures of any size as
text inside JSON. All of that is replaced here, once, for the whole program; a subclass would not do, because Gradio
writes a stub file beside the source of one.
"""

import base64
import binascii
import secrets
from pathlib import Path
from typing import Any

import gradio as gr
from gradio import processing_utils

from blip2_core.errors import ImageError
from blip2_core.image import open_image

from . import metadata, texts, web_pictures
from .errors import VisitorError
from .limits import LARGEST_FILE

NO_PICTURE = ""  # as a path it is none, and whoever opens it says so in a sentence


class Door:
    """Lets pictures in.

    Args:
        web: whether pictures may be fetched from web addresses.
    """

    def __init__(self, *, web: bool = True) -> None:
        self.web = web

    def guard(self) -> None:
        """Stand in front of every `gr.Image` and every download of Gradio."""

        def preprocess(image: gr.Image, payload: Any) -> str | None:
            return self.admit(payload, image)

        async def download(url: str, cache_dir: str) -> str:
            import anyio

            return await anyio.to_thread.run_sync(self._fetch_for_gradio, url, cache_dir)

        gr.Image.preprocess = preprocess  # type: ignore[method-assign, assignment]
        processing_utils.async_ssrf_protected_download = download

    def admit(self, payload: Any, image: gr.Image) -> str | None:
        """The path of a picture that a browser or a program sent; nothing is certain about it but that it is ours.

        Args:
            payload: of Gradio, its path checked to be an uploaded file.
            image: the component that it was sent to.

        Returns:
            A file without metadata; one that is no picture stays as it is, for `open_image` to say so.
        """
        if payload is None:
            return None
        if payload.url and payload.url.startswith("data:"):
            return self._from_text(payload.url, image)
        if not payload.path or not Path(payload.path).is_file():
            return payload.path or NO_PICTURE
        if Path(payload.path).stat().st_size > LARGEST_FILE:
            return NO_PICTURE
        try:
            metadata.clean_file(payload.path)
        except (ImageError, OSError):
            pass
        return payload.path

    def fetch(self, address: str, folder: str) -> str:
        """The file of a picture from a web address.

        Raises:
            VisitorError: it is turned off, the address cannot be fetched, or there is no picture.
        """
        if not self.web:
            raise VisitorError(texts.WEB_OFF)
        try:
            picture = metadata.clean_bytes(web_pictures.fetch(address))
            open_image(picture)
        except ImageError:
            raise VisitorError(texts.WEB_NO_PICTURE) from None
        return keep(picture, folder, "picture" + (".png" if picture.startswith(b"\x89PNG") else ".jpg"))

    def _fetch_for_gradio(self, address: str, folder: str) -> str:
        try:
            return self.fetch(address, folder)
        except VisitorError as error:
            raise gr.Error(str(error), print_exception=False) from None

    def _from_text(self, url: str, image: gr.Image) -> str:
        """A picture inside JSON: `data:image/png;base64,...`."""
        head, _, body = url.partition(",")
        if not head.endswith(";base64") or len(body) > LARGEST_FILE * 4 // 3 + 4:
            return NO_PICTURE
        try:
            picture = metadata.clean_bytes(base64.b64decode(body, validate=True))
        except (ImageError, binascii.Error):
            return NO_PICTURE
        path = keep(picture, image.GRADIO_CACHE, "picture")
        image.temp_files.add(path)
        return path


def keep(data: bytes, folder: str, name: str) -> str:
    """Write a file where Gradio finds it, under a path that nobody guesses."""
    place = Path(folder) / secrets.token_hex(32)
    place.mkdir(parents=True)
    (place / name).write_bytes(data)
    return str(place / name)
