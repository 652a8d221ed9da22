"""The page: a picture on one side, a conversation about it on the other. Nothing here knows about tensors.

loading.py        loads the model behind the page, and tells how far it is
conversation.py   one visitor's conversation: what was shown, asked and answered
settings.py       the panel of answer settings
gallery.py        the photographs to click, with their sources and licences
texts.py          every sentence that a visitor reads
page.py           the layout;  events.py  what happens on a click;  serving.py  how it is served
"""
