"""What `python app.py` may add to the page beyond the chat; each is off or small until somebody turns it on."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .feedback import FeedbackFile
from .kept_pictures import KeptPictures
from .offers import Offers

if TYPE_CHECKING:
    from .loading import ModelLoader


@dataclass(frozen=True)
class Extras:
    """What the page has beyond the chat.

    Args:
        pictures: keeps pictures of visitors for links; left out, only photographs of the gallery have links.
        thumbs: where thumbs below answers are stored; left out, there are none.
        offers: models that a visitor may load in place of the page's own; left out, there are none.
        other: a second model to compare with; left out, one model is compared with itself.
    """

    pictures: KeptPictures | None = None
    thumbs: FeedbackFile | None = None
    offers: Offers = Offers()
    other: "ModelLoader | None" = None
