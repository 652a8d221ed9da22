"""Where the raw material comes from, and under which terms; said for whatever is not given."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Source:
    """One kind of raw material.

    Args:
        argument: the argument that names its folder.
        gives: what is made from it.
        where: where people get it.
        terms: under which terms.
    """

    argument: str
    gives: str
    where: str
    terms: str


SOURCES = (
    Source(
        "--flickr8k",
        "captions, questions made from captions",
        "GitHub, RlNZLER/Image-Text-Matching, commit 56a15d913c3f290e2ee896386ece6076c1eea02e, folder data/images",
        "photographs of Flickr's users, for research and teaching, not to be passed on",
    ),
    Source(
        "--flickr8k-captions",
        "captions, questions made from captions",
        "GitHub, Sadika1212/Image-Caption-Generator: Flickr8k.token.txt and Flickr_8k.{train,dev,test}Images.txt",
        "Hodosh, Young and Hockenmaier 2013, for research and teaching",
    ),
    Source(
        "--daquar",
        "questions about indoor photographs",
        "GitHub, tezansahu/VQA-With-Multimodal-Transformers, "
        "commit e737e61ffa1553b6593579b7c296fbd724c782f8, folder dataset",
        "Malinowski and Fritz 2014, photographs of NYU Depth V2, for research",
    ),
    Source(
        "--imagenet-samples",
        "names of things, instructions about things",
        "GitHub, EliSchwartz/imagenet-sample-images",
        "one photograph a class of ImageNet, for research that is not commercial",
    ),
    Source(
        "--stamps",
        "names of things, instructions about things, composed pictures with boxes",
        "Debian, package tuxpaint-stamps-default, folder /usr/share/tuxpaint/stamps",
        "GPL-2 and freer, picture by picture",
    ),
    Source(
        "--wordnet",
        "names, instructions and questions made from captions, which need its nouns and broader words",
        "Debian, package wordnet-base, folder /usr/share/wordnet (WordNet 3.0)",
        "WordNet licence: free for every use, with its notice",
    ),
    Source(
        "--distill",
        "instructions answered by the language model itself",
        "the frozen language model of pocket, fetched by: python -m blip2_core get pocket",
        "Apache-2.0 (SmolLM2-135M-Instruct)",
    ),
)


def missing_notice(source: Source) -> str:
    """Two lines about a source that is not given."""
    return (
        f"{source.argument} is not given: without {source.gives}.\n"
        f"    Where to get it: {source.where}. Terms: {source.terms}."
    )
