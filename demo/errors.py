"""What a visitor can put right, as one sentence for them."""


class VisitorError(Exception):
    """Something the visitor can put right; its text is a sentence for them."""
