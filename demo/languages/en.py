"""The page in English: every sentence that a visitor reads, short, friendly, and true.

Words in braces are filled in; the other languages have the same ones.
"""

TITLE = "Chat with a picture"
INTRODUCTION = (
    "Pick a photograph or bring your own, then ask about it. A frozen image encoder looks at the picture once, a "
    "Q-Former that was told your question draws out what matters, and a frozen language model answers."
)
IN_ENGLISH = ""  # other languages say here that the model reads and answers English
ABOUT_POCKET = (
    "<strong>What to expect.</strong> <em>pocket</em> is small enough for two processor cores, and often wrong. It "
    "does best on people, dogs and sport in plain photographs, and on kinds of things (a flower, a bird, a car). It "
    "miscounts, reads no text, knows nobody by face, remembers no more of a chat than the last two questions, "
    "and <strong>the facts it tells may be invented</strong>: do not rely on them."
)
ABOUT_MODEL = (
    "<strong>What to expect.</strong> <em>{model}</em> can be wrong about what is in the picture, and <strong>the "
    "facts it tells may be invented</strong>: do not rely on them."
)
CAPTIONS = (
    "<strong>It was tuned to write captions and answers questions badly</strong>: take the one without -coco for those."
)
LARGER_MODEL = "With a GPU, start a large model instead:"
PRIVACY = (
    "Pictures and questions stay on the computer that serves this page. Uploads lose their metadata and are "
    "deleted after about an hour, unless you have one kept for a link. Nothing is logged, and the page asks no other "
    "site for anything."
)
KEYS = (
    "Keys: <kbd>/</kbd> goes to the question, <kbd>Enter</kbd> sends it, <kbd>Shift</kbd>+<kbd>Enter</kbd> begins a "
    "new line, <kbd>Esc</kbd> stops the answer, <kbd>Ctrl</kbd>+<kbd>Enter</kbd> asks for another one, "
    "<kbd>Alt</kbd>+<kbd>↑</kbd> takes the question back, <kbd>Ctrl</kbd>+<kbd>S</kbd> saves, "
    "<kbd>Ctrl</kbd>+<kbd>V</kbd> pastes a picture."
)

# the picture
PICTURE = "Picture"
PICTURE_HINT = "Drop a picture here, click to choose one,\nor use the camera or the clipboard"
MORE_WAYS = "Or draw one, or fetch one from the web"
DRAW = "Or draw one"
ADDRESS = "Web address of a picture"
ADDRESS_HINT = "https:// address of a picture"
FETCH = "Fetch"
GALLERY = "Or click a photograph"
CREDITS = "Where the photographs come from"
CREDITS_HEAD = ("Photograph", "By", "Licence", "Source")
STATED_HERE = "stated here"
CHANGES = (
    "All were saved as JPEG of at most 640 pixels a side; the pen was cropped, too, and the cat's sunglasses are drawn."
)
PENS = ("Black", "Red", "Orange", "Yellow", "Green", "Blue", "Brown", "Eraser")
BOARD = "Drawing board: draw with the mouse, a pen or a finger"
BOARD_PENS = "Pens"
BOARD_WIDTH = "Width"
BOARD_PEN_WIDTH = "Width of the pen"
BOARD_USE = "Ask about this drawing"
PHOTOS: dict[str, tuple[str, str]] = {}  # title and description by file; in English they stand in credits.json

# the conversation
CHAT = "Conversation"
CHAT_HINT = "Ask about the picture"
CHAT_HINT_HOW = "Choose a photograph, then type a question or click a suggestion."
QUESTION = "Your question"
QUESTION_HINT = "Ask about the picture"
SEND = "Send"
STOP = "Stop"
AGAIN = "Another answer"
UNDO = "Undo"
SAVE = "Save"
CLEAR = "Clear"
TRY_AGAIN = "Try again"
NEW_CONVERSATION = "New picture, new conversation. What would you like to know about it?"
NEW_MODEL = "Another model, another conversation. What would you like to know about the picture?"
WAITING = "I will answer as soon as the model is here: {step} …"
WORDLESS = "(stopped before the first word)"
NO_WORDS = "(the model had nothing to say)"
QFORMER_READ = "The Q-Former read, for the soft visual prompt:"
PROMPT_INFO = "The exact prompt, behind the soft visual prompt, which has no words:"
PICTURE_KNOWN = "The image encoder had looked at the picture before; what it saw was kept and used again."
PICTURE_NEW = "The image encoder looked at the picture for this answer."
TOKENS = ("{count} token", "{count} tokens")
SPEED = "{number} a second"
FIRST_TOKEN = "first after {number}\N{NO-BREAK SPACE}s"
ENDED = {"closed": "stopped", "length": "cut at the longest answer", "deadline": "cut, it took too long"}
DROPPED = (
    "The oldest question no longer fits into what the language model reads and was left out.",
    "The {count} oldest questions no longer fit into what the language model reads and were left out.",
)
WRONG = "{count} questions about this photograph that it gets wrong"
WRONG_ONE = "A question about this photograph that it gets wrong"
SAVED_BY = "Answers of {model}; what they tell may be invented."
SAVED_PICTURE = "The picture"
SAVED_PHOTO = "[{title}]({source}) by {author}, [{licence}]({licence_url})"

# numbers
DECIMAL = "."
PERCENT = "{number}%"
GIGABYTES = "{number}\N{NO-BREAK SPACE}GB"
DAYS = ("1 day", "{number} days")

# how far the model is; what comes behind these words, the name of a file, stays as it is
STEPS = {
    "reading the model's files": "reading the model's files",
    "downloading": "downloading",
    "unpacking": "unpacking",
    "checking": "checking",
    "converting the language model, once, half a minute": "converting the language model, once, half a minute",
    "waiting for another process that fetches": "waiting for another process that fetches",
}
LOADING_MODEL = "Loading <strong>{name}</strong>: {step}"
MODEL_FAILED = "<strong>{name}</strong> could not be loaded. The reason is on the server's terminal."

# another model
PICK = "Choose the model"
PICK_INFO = (
    "The model that you load takes the place of the one that is here, for everybody on this page. Its files are "
    "downloaded first if they are not on this computer yet: up to 60 GB."
)
PICK_MODEL = "Model"
PICK_PRECISION = "Precision of the language model"
PICK_AUTO = "automatic"
PICK_LOAD = "Load this model"
PICK_MEMORY = {"cpu": "main memory", "gpu": "GPU memory"}
PICK_NEEDS = "Takes about this much {kind}: {sizes}. Free for it: {free}."
PICK_UNKNOWN = "How much memory it needs is known once its files are here. Free {kind}: {free}."
PICK_TOO_LARGE = "{model} needs {need} of {kind}, and {free} are free. Choose a smaller precision or another model."
PICK_NO_FP16 = {
    "t5": "fp16 overflows inside a T5, which would then answer nothing. Choose bf16 or fp32.",
    "cpu": "fp16 is slow and inexact on a CPU. Choose fp32, bf16 or int8.",
}
PICK_LOADING = "A model is on its way already. Wait until it is here."
PICK_THERE = "This model is here already, in this precision."
PICK_NOT_YOURS = "The model of this page is chosen by whoever runs it."

# settings
SETTINGS = "How an answer is picked"
PRESET = "Kind of answer"
PRESETS = {"Short answer": "Short answer", "Description": "Description", "Creative": "Creative"}
TEMPERATURE = "Temperature"
TEMPERATURE_INFO = "0 takes the likeliest word every time; higher values draw more boldly."
TOP_P = "Top-p"
TOP_P_INFO = "Draw from the likeliest words that have this share of the probability together."
LENGTH = "Longest answer, in tokens"
LENGTH_INFO = "A token is about three quarters of a word."
PENALTY = "Repetition penalty"
PENALTY_INFO = "Above 1, words of the answer so far become less likely."
SEED = "Seed"
SEED_HINT = "empty: a new one each time"
SEED_INFO = "The same whole number gives the same draw. Used when the temperature is above 0."
NO_BEAMS = "Beams are off: they know the best answer only at its end, and this page shows answers as they grow."

# what goes wrong
NOT_YET = "Not yet"
NO_PICTURE = "There is no picture yet. Click a photograph, or bring a picture of your own."
EMPTY_QUESTION = "The question is empty. Type a question about the picture first."
LONG_QUESTION = "The question is too long: at most {most:,} characters fit, this one has {got:,}. Please shorten it."
UNREADABLE_PICTURE = (
    "This file cannot be read as a picture. Use a PNG, JPEG, WebP, GIF, BMP or TIFF of at most 50 megapixels."
)
LOST_PICTURE = "The picture is no longer there: uploads are deleted after an hour. Please choose it again."
TOO_OFTEN = "That was a lot at once. Please try again in {seconds} seconds."
FULL = "Many people are asking just now. Please try again in a minute."
MANY_TURNS = "This conversation has {most} questions, which is the most. Press Clear to begin a new one."
LARGE_FILE = "This file is larger than 15 MB. Save the picture smaller and bring it again."
LARGE_BODY = "The request is too large: pictures of at most 15 MB fit."
NO_ROOM = "This page's computer has no room for more pictures just now. Please try again in an hour."
WEB_ADDRESS = "Please give the public web address of a picture; it begins with https:// or http://."
WEB_NO_ANSWER = "The picture could not be fetched from this address. Save it and drop it here instead."
WEB_TOO_LARGE = "The picture behind this address is larger than {most} MB. Save it smaller and drop it here instead."
WEB_NO_PICTURE = "There is no picture behind this address that can be read. Give the address of the picture itself."
WEB_OFF = "Fetching pictures from web addresses is turned off here. Please upload the picture."
LOADING = "The model is still loading. Please try again when /gradio_api/healthz says that it is ready."
BUSY = "An answer is still on its way. Wait for it, or press Stop."
NOTHING_ASKED = "Nothing was asked yet. Ask a question first."
NOTHING_TO_SAVE = "There is no answer to save yet. Ask a question first."
BAD_SETTINGS = "One of the answer settings is out of its range. Please set it again."
FAILED = "Something went wrong while answering. Please try again; the details are on the server's terminal."
CANNOT_ASK = "The model cannot read this question. Please ask it in other words."
GPU_FULL = (
    "The GPU had too little memory for this. Please ask again in a moment, or ask something shorter in a new "
    "conversation. Whoever runs this page can give the model a smaller precision, which needs less."
)
NO_GPU = (
    "No GPU can be lent to you right now: your minutes of today are used up, or all GPUs are taken. Please try again "
    "later; whoever is signed in to Hugging Face has more minutes."
)
NO_MODEL = "The model could not be loaded, so there is no answer. The reason is on the server's terminal."

# links
LINK = "Link"
LINK_LABEL = "Link to this conversation"
LINK_COPIED = "The link is copied."
LINK_COPY_YOURSELF = "This browser lets no page copy by itself. Please copy the link below."
LINK_TO_PHOTO = (
    "It holds the name of the photograph, your questions and the answer settings; nothing is stored here. Whoever "
    "opens it gets the questions asked again. It works as long as this page does."
)
LINK_TO_PICTURE = (
    "Your picture is kept here for {days}; after that, or if this page's disk is emptied before, the link says that it "
    "has expired. Whoever has the link sees the picture and your questions, which are asked again."
)
LINK_CONSENT = (
    "A picture of your own does not fit into a link. For the link to work, this page's computer would keep a copy for "
    "{days}, without its metadata. Whoever has the link can see it; nobody can guess it."
)
LINK_KEEP = "Keep the picture and copy the link"
LINK_FORGET = "Delete the kept picture"
LINK_FORGOTTEN = "The kept picture is deleted. The link no longer works."
LINK_GALLERY_ONLY = "Only conversations about photographs of the gallery have a link here. Press Save to keep this one."
LINK_NO_ROOM = "This page's computer cannot keep the picture. Press Save to keep the conversation."
LINK_TOO_LONG = "This conversation is too long for a link, which holds up to {most} questions. Press Save to keep it."
LINK_BROKEN = "This link cannot be read: perhaps a part of it is missing. Please copy the whole of it."
LINK_EXPIRED = "The picture of this link is no longer kept here. Please ask for a new link."
LINK_CUT = "The other questions of this link were not asked, for it took too long."
FROM_LINK = "This conversation comes from a link. Its questions are asked again, now and here."
FROM_OTHER_MODEL = (
    "This conversation comes from a link. Its questions are asked again, now and here, but the answers will be others: "
    "the link was made with {model}, and here is {here}."
)

# thumbs
FEEDBACK = (
    "Feedback is on. A thumb below an answer stores the question, the answer, the model, its precision, the settings, "
    "the thumb and the time in a file on this page's computer, for those who run the page. The picture and your "
    "address are not stored, and without a thumb nothing is."
)
FEEDBACK_THANKS = "Thank you"
FEEDBACK_STORED = "Your thumb is stored with the question and the answer, without the picture."
FEEDBACK_FULL = "The thumb could not be stored: the file for it takes no more."
NOTHING_TO_JUDGE = "There is no answer of the model here to judge."

# comparing
COMPARE = "Compare"
COMPARE_INFO = (
    "Ask one question twice and watch both answers grow. The language model reads the same prompt on both sides, "
    "without the earlier questions; only what the Q-Former reads is different."
)
COMPARE_INFO_MODELS = (
    "Ask one question twice and watch both answers grow, without the earlier questions: of one model, whose Q-Former "
    "reads the question or reads none, or of two models."
)
COMPARE_KIND = "What is different"
COMPARE_KINDS = {"question": "Whether the Q-Former reads the question", "model": "The model"}
COMPARE_QUESTION = "Question for both sides"
COMPARE_QUESTION_HINT = "Empty: the last question again"
COMPARE_ASK = "Ask both"
COMPARE_STOP = "Stop both"
COMPARE_GIVEN = "The Q-Former reads the question"
COMPARE_WITHHELD = "The Q-Former reads no question"
COMPARE_READS_NOTHING = (
    "The Q-Former of this model never reads the question, so both sides would say the same. Load an InstructBLIP or "
    "pocket to compare."
)

# where it looked, and how it works
INSIGHT_WORKING = "Working it out …"
INSIGHT_FAILED = "This could not be worked out for this answer. The reason is on the server's terminal."
INSIGHT_HINTS = {
    "looked": "Ask about the picture. Then this shows on which parts of it the last answer rests.",
    "road": "Ask about the picture. Then this shows the road of your question, step by step, with real numbers.",
}
LOOKED = "Where it looked"
LOOKED_WHICH = "Which answer, here and in “How it works”"
LOOKED_ON = "Show the map"
LOOKED_STRENGTH = "Strength"
LOOKED_LESS, LOOKED_MORE = "less", "more relevant"
LOOKED_ALT = "The picture with a map over it: the answer rests most on the {place}."
LOOKED_NOWHERE = "The picture. No part of it speaks for the answer, so the map is empty."
LOOKED_ABOUT = (
    "Coloured is what made this answer likelier: the attention of the Q-Former's queries, weighted by how much the "
    "answer depends on it. The rest of the answer comes from the question and from what the language model knows. "
    "A patch has taken in its surroundings before the queries read it, so a spot may lie beside a thing, not on it."
)
ROAD = "How it works"
ROAD_ABOUT = "The road of “{question}”, from the picture to the language model. The numbers are this picture's own."
ROAD_STATIONS = {
    "pixel_values": "the picture, square",
    "image_embeds": "what the image encoder sees",
    "question": "tokens that the Q-Former reads beside its queries",
    "query_output": "what the queries took out of the picture",
    "visual_prompt": "projected to the language model's width",
    "prompt": "tokens that the language model reads after it",
}
ROAD_QFORMER = "The text that the Q-Former reads beside its queries"
ROAD_PROMPT = "The text that the language model reads after the soft visual prompt"
ROAD_QUERIES = "The {count} queries"
ROAD_QUERIES_ABOUT = (
    "Each query looks at the picture in its own way and becomes one soft visual prompt, a vector that stands where a "
    "word would. Below it are the words whose vectors lie nearest (1 would be the same); often they make little sense."
)
QUERY_ALT = "Query {number} looked most at the {place}."
PLACES = (
    ("upper left", "top", "upper right"),
    ("left side", "middle", "right side"),
    ("lower left", "bottom", "lower right"),
)
