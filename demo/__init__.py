"""The page: a picture on one side, a conversation about it on the other. Nothing here knows about tensors.

loading.py        loads the model behind the page, and tells how far it is
conversation.py   one visitor's conversation: what was shown, asked and answered;  exchange.py  one turn of it
settings.py       the panel of answer settings, and its presets
gallery.py        the photographs to click, with their sources and licences
texts.py          every sentence that a visitor reads, in the visitor's language;  languages/  the sentences
page.py           the layout;  events.py  what happens on a click;  page.js  the drawing board;  access.js  the keyboard
export.py         the conversation as files to take home
api.py            `/ask`, the one public endpoint
door.py           where pictures come in;  metadata.py  cleans them;  web_pictures.py  fetches them
limits.py         how much one visitor may ask for
serving.py        how it is served;  hardware.py  what a Space runs
"""
