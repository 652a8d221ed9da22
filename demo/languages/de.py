"""The page in German, addressed informally, as the English is."""

TITLE = "Mit einem Bild chatten"
INTRODUCTION = (
    "Wähle ein Foto oder bring dein eigenes mit, und frag danach. Ein eingefrorener Bildkodierer sieht sich das Bild "
    "einmal an, ein Q-Former, der deine Frage kennt, holt heraus, worauf es ankommt, und ein eingefrorenes "
    "Sprachmodell antwortet."
)
IN_ENGLISH = "Das Modell liest und antwortet Englisch; stell deine Fragen bitte auf Englisch."
ABOUT_POCKET = (
    "<strong>Was zu erwarten ist.</strong> <em>pocket</em> ist klein genug für zwei Prozessorkerne und irrt sich oft. "
    "Am besten kann es Menschen, Hunde und Sport auf schlichten Fotos, und Arten von Dingen (eine Blume, ein Vogel, "
    "ein Auto). Es verzählt sich, liest keinen Text, kennt niemandes Gesicht, erinnert sich im Gespräch nur an "
    "die letzten zwei Fragen, und <strong>die Fakten, die es nennt, können erfunden sein</strong>: Verlass dich nicht "
    "darauf."
)
ABOUT_MODEL = (
    "<strong>Was zu erwarten ist.</strong> <em>{model}</em> kann sich darin irren, was auf dem Bild ist, und "
    "<strong>die Fakten, die es nennt, können erfunden sein</strong>: Verlass dich nicht darauf."
)
CAPTIONS = (
    "<strong>Es wurde darauf abgestimmt, Bildunterschriften zu schreiben, und beantwortet Fragen schlecht</strong>: "
    "Nimm dafür das ohne -coco."
)
LARGER_MODEL = "Mit einer GPU kannst du stattdessen ein großes Modell starten:"
PRIVACY = (
    "Bilder und Fragen bleiben auf dem Rechner, der diese Seite bereitstellt. Hochgeladene Bilder verlieren ihre "
    "Metadaten und werden nach etwa einer Stunde gelöscht, außer du lässt eines für einen Link aufbewahren. Nichts "
    "wird protokolliert, und die Seite fragt keine andere Website nach irgendetwas."
)
KEYS = (
    "Tasten: <kbd>/</kbd> führt zur Frage, <kbd>Enter</kbd> sendet sie, <kbd>Umschalt</kbd>+<kbd>Enter</kbd> beginnt "
    "eine neue Zeile, <kbd>Esc</kbd> stoppt die Antwort, <kbd>Strg</kbd>+<kbd>Enter</kbd> erbittet eine andere, "
    "<kbd>Alt</kbd>+<kbd>↑</kbd> holt die Frage zurück, <kbd>Strg</kbd>+<kbd>S</kbd> speichert, "
    "<kbd>Strg</kbd>+<kbd>V</kbd> fügt ein Bild ein."
)

# the picture
PICTURE = "Bild"
PICTURE_HINT = "Zieh ein Bild hierher, klicke, um eines zu wählen,\noder nimm die Kamera oder die Zwischenablage"
MORE_WAYS = "Oder zeichne eines, oder hol eines aus dem Web"
DRAW = "Oder zeichne eines"
ADDRESS = "Webadresse eines Bildes"
ADDRESS_HINT = "https://-Adresse eines Bildes"
FETCH = "Holen"
GALLERY = "Oder klicke auf ein Foto"
CREDITS = "Woher die Fotos stammen"
CREDITS_HEAD = ("Foto", "Von", "Lizenz", "Beleg")
STATED_HERE = "steht hier"
CHANGES = (
    "Alle wurden als JPEG mit höchstens 640 Pixeln Seitenlänge gespeichert; der Stift wurde auch zugeschnitten, und "
    "die Sonnenbrille der Katze ist gezeichnet."
)
PENS = ("Schwarz", "Rot", "Orange", "Gelb", "Grün", "Blau", "Braun", "Radierer")
BOARD = "Zeichenbrett: zeichne mit der Maus, einem Stift oder dem Finger"
BOARD_PENS = "Stifte"
BOARD_WIDTH = "Breite"
BOARD_PEN_WIDTH = "Breite des Stifts"
BOARD_USE = "Nach dieser Zeichnung fragen"
PHOTOS = {
    "beagle.jpg": ("Ein Beagle-Welpe", "Ein Beagle-Welpe mit grünem Geschirr sitzt auf einer weißen Bank."),
    "surfer.jpg": ("Ein Surfer in einer Welle", "Ein Surfer gleitet in einer großen türkisen Welle."),
    "eiffel-tower.jpg": ("Der Eiffelturm", "Der Eiffelturm in Paris unter blauem Himmel mit weißen Wolken."),
    "dahlia.jpg": ("Eine Dahlie", "Eine orangefarbene Dahlie vor dunkelgrünen Blättern."),
    "pen.jpg": ("Ein Kugelschreiber", "Ein blauer Kugelschreiber liegt auf liniertem Papier."),
    "cat.jpg": ("Die Katze Chelsea", "Das Gesicht einer rot getigerten Katze mit grünen Augen."),
    "cat-sunglasses.jpg": (
        "Eine Katze mit Sonnenbrille",
        "Die Katze Chelsea trägt eine schwarze Sonnenbrille, die ins Foto gezeichnet wurde.",
    ),
    "soccer.jpg": ("Drei Fußballspieler", "Drei junge Männer spielen Fußball auf einem grünen Feld."),
    "jockey.jpg": ("Ein Jockey", "Ein Jockey mit grüner Kappe reitet ein braunes Pferd an einem weißen Zaun."),
    "coffee.jpg": ("Eine Tasse Kaffee", "Ein Espresso in roter Tasse auf einem Holztisch, daneben ein Löffel."),
    "pizza.jpg": ("Eine Pizza", "Eine Pizza mit Peperoniwurst und Käse auf einem weißen Teller."),
    "pagoda.jpg": ("Ein Turm des Sommerpalasts", "Der Turm des Buddhistischen Weihrauchs am Kunming-See in Peking."),
    "space-shuttle.jpg": ("Eine Raumfähre hebt ab", "Eine Raumfähre hebt über Rauchwolken ab."),
}

# the conversation
CHAT = "Gespräch"
CHAT_HINT = "Frag etwas über das Bild"
CHAT_HINT_HOW = "Wähle ein Foto, dann tippe eine Frage oder klicke auf einen Vorschlag."
QUESTION = "Deine Frage"
QUESTION_HINT = "Frag etwas über das Bild (auf Englisch)"
SEND = "Senden"
STOP = "Stopp"
AGAIN = "Andere Antwort"
UNDO = "Rückgängig"
SAVE = "Speichern"
CLEAR = "Leeren"
TRY_AGAIN = "Nochmal versuchen"
NEW_CONVERSATION = "Neues Bild, neues Gespräch. Was möchtest du darüber wissen?"
NEW_MODEL = "Ein anderes Modell, ein neues Gespräch. Was möchtest du über das Bild wissen?"
WAITING = "Ich antworte, sobald das Modell da ist: {step} …"
WORDLESS = "(vor dem ersten Wort gestoppt)"
NO_WORDS = "(dem Modell fiel nichts ein)"
QFORMER_READ = "Der Q-Former las für den weichen visuellen Prompt:"
PROMPT_INFO = "Der genaue Prompt, hinter dem weichen visuellen Prompt, der keine Wörter hat:"
PICTURE_KNOWN = "Der Bild-Encoder hatte das Bild schon angesehen; was er sah, wurde behalten und wieder verwendet."
PICTURE_NEW = "Der Bild-Encoder hat das Bild für diese Antwort angesehen."
TOKENS = ("{count} Token", "{count} Tokens")
SPEED = "{number} pro Sekunde"
FIRST_TOKEN = "das erste nach {number}\N{NO-BREAK SPACE}s"
ENDED = {"closed": "gestoppt", "length": "bei der größten Länge gekürzt", "deadline": "gekürzt, es dauerte zu lang"}
DROPPED = (
    "Die älteste Frage passt nicht mehr in das, was das Sprachmodell liest, und wurde weggelassen.",
    "Die {count} ältesten Fragen passen nicht mehr in das, was das Sprachmodell liest, und wurden weggelassen.",
)
WRONG = "{count} Fragen zu diesem Foto, die es falsch beantwortet"
WRONG_ONE = "Eine Frage zu diesem Foto, die es falsch beantwortet"
SAVED_BY = "Antworten von {model}; was sie behaupten, kann erfunden sein."
SAVED_PICTURE = "Das Bild"
SAVED_PHOTO = "[{title}]({source}) von {author}, [{licence}]({licence_url})"

# numbers
DECIMAL = ","
PERCENT = "{number} %"
GIGABYTES = "{number}\N{NO-BREAK SPACE}GB"
DAYS = ("1 Tag", "{number} Tage")

# how far the model is
STEPS = {
    "reading the model's files": "lese die Dateien des Modells",
    "downloading": "lade herunter:",
    "unpacking": "entpacke",
    "checking": "prüfe",
    "converting the language model, once, half a minute": "wandle das Sprachmodell um, einmalig, eine halbe Minute",
    "waiting for another process that fetches": "warte auf einen anderen Prozess, der dies holt:",
}
LOADING_MODEL = "<strong>{name}</strong> wird geladen: {step}"
MODEL_FAILED = "<strong>{name}</strong> konnte nicht geladen werden. Der Grund steht im Terminal des Servers."

# ein anderes Modell
PICK = "Das Modell wählen"
PICK_INFO = (
    "Das Modell, das du lädst, tritt an die Stelle des jetzigen, für alle auf dieser Seite. Seine Dateien werden erst "
    "heruntergeladen, wenn sie noch nicht auf diesem Rechner sind: bis zu 60 GB."
)
PICK_MODEL = "Modell"
PICK_PRECISION = "Genauigkeit des Sprachmodells"
PICK_AUTO = "automatisch"
PICK_LOAD = "Dieses Modell laden"
PICK_MEMORY = {"cpu": "Arbeitsspeicher", "gpu": "GPU-Speicher"}
PICK_NEEDS = "{kind}, ungefähr: {sizes}. Frei dafür: {free}."
PICK_UNKNOWN = "Wie viel Speicher es braucht, ist bekannt, sobald seine Dateien hier sind. Frei an {kind}: {free}."
PICK_TOO_LARGE = (
    "{model} braucht {need} an {kind}, und {free} sind frei. Wähle eine kleinere Genauigkeit oder ein anderes Modell."
)
PICK_NO_FP16 = {
    "t5": "fp16 läuft in einem T5 über, das dann nichts antworten würde. Wähle bf16 oder fp32.",
    "cpu": "fp16 ist auf einer CPU langsam und ungenau. Wähle fp32, bf16 oder int8.",
}
PICK_LOADING = "Ein Modell ist schon unterwegs. Warte, bis es da ist."
PICK_THERE = "Dieses Modell ist schon da, in dieser Genauigkeit."
PICK_NOT_YOURS = "Das Modell dieser Seite wählt, wer sie betreibt."

# settings
SETTINGS = "Wie eine Antwort gewählt wird"
PRESET = "Art der Antwort"
PRESETS = {"Short answer": "Kurze Antwort", "Description": "Beschreibung", "Creative": "Kreativ"}
TEMPERATURE = "Temperatur"
TEMPERATURE_INFO = "0 nimmt immer das wahrscheinlichste Wort; höhere Werte ziehen mutiger."
TOP_P = "Top-p"
TOP_P_INFO = "Ziehe aus den wahrscheinlichsten Wörtern, die zusammen diesen Anteil der Wahrscheinlichkeit haben."
LENGTH = "Längste Antwort, in Tokens"
LENGTH_INFO = "Ein Token ist etwa drei Viertel eines Wortes."
PENALTY = "Strafe für Wiederholungen"
PENALTY_INFO = "Über 1 werden Wörter, die schon in der Antwort stehen, weniger wahrscheinlich."
SEED = "Startzahl"
SEED_HINT = "leer: jedes Mal eine neue"
SEED_INFO = "Dieselbe ganze Zahl ergibt dieselbe Ziehung. Gilt, wenn die Temperatur über 0 liegt."
NO_BEAMS = (
    "Strahlsuche ist aus: Sie kennt die beste Antwort erst am Ende, und diese Seite zeigt Antworten, während sie "
    "wachsen."
)

# what goes wrong
NOT_YET = "Noch nicht"
NO_PICTURE = "Es gibt noch kein Bild. Klicke auf ein Foto, oder bring ein eigenes Bild mit."
EMPTY_QUESTION = "Die Frage ist leer. Tippe erst eine Frage zum Bild."
LONG_QUESTION = "Die Frage ist zu lang: Höchstens {most} Zeichen passen, diese hat {got}. Bitte kürze sie."
UNREADABLE_PICTURE = (
    "Diese Datei kann nicht als Bild gelesen werden. Nimm PNG, JPEG, WebP, GIF, BMP oder TIFF mit höchstens 50 "
    "Megapixeln."
)
LOST_PICTURE = "Das Bild ist nicht mehr da: Hochgeladenes wird nach einer Stunde gelöscht. Bitte wähle es noch einmal."
TOO_OFTEN = "Das war viel auf einmal. Bitte versuche es in {seconds} Sekunden wieder."
FULL = "Gerade fragen viele Leute. Bitte versuche es in einer Minute wieder."
MANY_TURNS = "Dieses Gespräch hat {most} Fragen, mehr gehen nicht. Drücke „Leeren“, um ein neues zu beginnen."
LARGE_FILE = "Diese Datei ist größer als 15 MB. Speichere das Bild kleiner und bring es noch einmal."
LARGE_BODY = "Die Anfrage ist zu groß: Bilder bis 15 MB passen."
NO_ROOM = (
    "Der Rechner dieser Seite hat gerade keinen Platz für weitere Bilder. Bitte versuche es in einer Stunde wieder."
)
WEB_ADDRESS = "Bitte gib die öffentliche Webadresse eines Bildes an; sie beginnt mit https:// oder http://."
WEB_NO_ANSWER = "Das Bild konnte von dieser Adresse nicht geholt werden. Speichere es und zieh es stattdessen hierher."
WEB_TOO_LARGE = "Das Bild hinter dieser Adresse ist größer als {most} MB. Speichere es kleiner und zieh es hierher."
WEB_NO_PICTURE = "Hinter dieser Adresse ist kein lesbares Bild. Gib die Adresse des Bildes selbst an."
WEB_OFF = "Das Holen von Bildern aus dem Web ist hier ausgeschaltet. Bitte lade das Bild hoch."
LOADING = "Das Modell lädt noch. Bitte versuche es wieder, wenn /gradio_api/healthz sagt, dass es bereit ist."
BUSY = "Eine Antwort ist noch unterwegs. Warte auf sie, oder drücke „Stopp“."
NOTHING_ASKED = "Es wurde noch nichts gefragt. Stell erst eine Frage."
NOTHING_TO_SAVE = "Es gibt noch keine Antwort zu speichern. Stell erst eine Frage."
BAD_SETTINGS = "Eine der Einstellungen für Antworten liegt außerhalb ihres Bereichs. Bitte stell sie neu ein."
FAILED = "Beim Antworten ging etwas schief. Bitte versuche es noch einmal; Einzelheiten stehen im Terminal des Servers."
CANNOT_ASK = "Das Modell kann diese Frage nicht lesen. Bitte stell sie in anderen Worten."
GPU_FULL = (
    "Der Speicher der GPU hat dafür nicht gereicht. Bitte frag gleich noch einmal oder etwas Kürzeres in einem neuen "
    "Gespräch. Wer diese Seite betreibt, kann dem Modell eine kleinere Genauigkeit geben, die weniger braucht."
)
NO_GPU = (
    "Gerade lässt sich keine GPU für dich leihen: Deine Minuten von heute sind verbraucht, oder alle GPUs sind belegt. "
    "Bitte versuch es später noch einmal; wer bei Hugging Face angemeldet ist, hat mehr Minuten."
)
NO_MODEL = (
    "Das Modell konnte nicht geladen werden, also gibt es keine Antwort. Der Grund steht im Terminal des Servers."
)

# links
LINK = "Link"
LINK_LABEL = "Link zu diesem Gespräch"
LINK_COPIED = "Der Link ist kopiert."
LINK_COPY_YOURSELF = "Dieser Browser lässt keine Seite von selbst kopieren. Bitte kopiere den Link unten."
LINK_TO_PHOTO = (
    "Er enthält den Namen des Fotos, deine Fragen und die Einstellungen; hier wird nichts gespeichert. Wer ihn öffnet, "
    "dem werden die Fragen neu gestellt. Er gilt, solange es diese Seite gibt."
)
LINK_TO_PICTURE = (
    "Dein Bild wird hier {days} aufbewahrt; danach, oder wenn die Platte dieser Seite vorher geleert wird, sagt der "
    "Link, dass er abgelaufen ist. Wer den Link hat, sieht das Bild und deine Fragen, die neu gestellt werden."
)
LINK_CONSENT = (
    "Ein eigenes Bild passt nicht in einen Link. Damit der Link funktioniert, würde der Rechner dieser Seite eine "
    "Kopie ohne Metadaten {days} aufbewahren. Wer den Link hat, kann es sehen; erraten kann ihn niemand."
)
LINK_KEEP = "Bild aufbewahren und Link kopieren"
LINK_FORGET = "Das aufbewahrte Bild löschen"
LINK_FORGOTTEN = "Das aufbewahrte Bild ist gelöscht. Der Link funktioniert nicht mehr."
LINK_GALLERY_ONLY = (
    "Nur Gespräche über Fotos der Galerie haben hier einen Link. Drücke „Speichern“, um dieses zu behalten."
)
LINK_NO_ROOM = (
    "Der Rechner dieser Seite kann das Bild nicht aufbewahren. Drücke „Speichern“, um das Gespräch zu behalten."
)
LINK_TOO_LONG = (
    "Dieses Gespräch ist zu lang für einen Link, der bis zu {most} Fragen fasst. Drücke „Speichern“, um es zu behalten."
)
LINK_BROKEN = "Dieser Link ist nicht lesbar: Vielleicht fehlt ein Teil. Bitte kopiere ihn ganz."
LINK_EXPIRED = "Das Bild dieses Links wird hier nicht mehr aufbewahrt. Bitte lass dir einen neuen Link geben."
LINK_CUT = "Die übrigen Fragen dieses Links wurden nicht gestellt, es dauerte zu lang."
FROM_LINK = "Dieses Gespräch kommt von einem Link. Seine Fragen werden neu gestellt, hier und jetzt."
FROM_OTHER_MODEL = (
    "Dieses Gespräch kommt von einem Link. Seine Fragen werden neu gestellt, hier und jetzt, aber die Antworten werden "
    "andere sein: Der Link entstand mit {model}, und hier ist {here}."
)

# thumbs
FEEDBACK = (
    "Rückmeldungen sind an. Ein Daumen unter einer Antwort speichert Frage, Antwort, Modell, Genauigkeit der Gewichte, "
    "Einstellungen, Daumen und Uhrzeit in einer Datei auf dem Rechner dieser Seite, für die, die sie betreiben. Das "
    "Bild und deine Adresse werden nicht gespeichert, und ohne Daumen wird es gar nichts."
)
FEEDBACK_THANKS = "Danke"
FEEDBACK_STORED = "Dein Daumen ist mit Frage und Antwort gespeichert, ohne das Bild."
FEEDBACK_FULL = "Der Daumen konnte nicht gespeichert werden: Die Datei dafür nimmt nichts mehr auf."
NOTHING_TO_JUDGE = "Hier gibt es keine Antwort des Modells zu bewerten."

# comparing
COMPARE = "Vergleichen"
COMPARE_INFO = (
    "Stell eine Frage zweimal und sieh beiden Antworten beim Wachsen zu. Das Sprachmodell liest auf beiden Seiten "
    "denselben Prompt, ohne die früheren Fragen; nur was der Q-Former liest, ist verschieden."
)
COMPARE_INFO_MODELS = (
    "Stell eine Frage zweimal und sieh beiden Antworten beim Wachsen zu, ohne die früheren Fragen: von einem Modell, "
    "dessen Q-Former die Frage liest oder keine, oder von zwei Modellen."
)
COMPARE_KIND = "Was verschieden ist"
COMPARE_KINDS = {"question": "Ob der Q-Former die Frage liest", "model": "Das Modell"}
COMPARE_QUESTION = "Frage an beide Seiten"
COMPARE_QUESTION_HINT = "Leer: noch einmal die letzte Frage"
COMPARE_ASK = "Beide fragen"
COMPARE_STOP = "Beide stoppen"
COMPARE_GIVEN = "Der Q-Former liest die Frage"
COMPARE_WITHHELD = "Der Q-Former liest keine Frage"
COMPARE_READS_NOTHING = (
    "Der Q-Former dieses Modells liest die Frage nie, beide Seiten würden also dasselbe sagen. Lade zum "
    "Vergleichen ein "
    "InstructBLIP oder pocket."
)

# where it looked, and how it works
INSIGHT_WORKING = "Wird ermittelt …"
INSIGHT_FAILED = "Das konnte für diese Antwort nicht ermittelt werden. Der Grund steht im Terminal des Servers."
INSIGHT_HINTS = {
    "looked": "Frag etwas über das Bild. Dann steht hier, auf welchen Teilen davon die letzte Antwort beruht.",
    "road": "Frag etwas über das Bild. Dann steht hier der Weg deiner Frage, Schritt für Schritt, mit echten Zahlen.",
}
LOOKED = "Wohin es gesehen hat"
LOOKED_WHICH = "Welche Antwort, hier und in „Wie es funktioniert“"
LOOKED_ON = "Karte zeigen"
LOOKED_STRENGTH = "Deckkraft"
LOOKED_LESS, LOOKED_MORE = "weniger", "mehr von Bedeutung"
LOOKED_ALT = "Das Bild mit einer Karte darüber: Die Antwort beruht am meisten auf dieser Stelle: {place}."
LOOKED_NOWHERE = "Das Bild. Kein Teil davon spricht für die Antwort, darum ist die Karte leer."
LOOKED_ABOUT = (
    "Gefärbt ist, was diese Antwort wahrscheinlicher machte: die Aufmerksamkeit der Abfragen des Q-Formers, gewichtet "
    "danach, wie sehr die Antwort davon abhängt. Der Rest der Antwort kommt aus der Frage und aus dem, was das "
    "Sprachmodell weiß. Jedes Feld hat seine Umgebung schon aufgenommen, bevor die Abfragen es lesen; darum kann ein "
    "Fleck neben einer Sache liegen statt auf ihr."
)
ROAD = "Wie es funktioniert"
ROAD_ABOUT = "Der Weg von „{question}“, vom Bild zum Sprachmodell. Die Zahlen sind die dieses Bildes."
ROAD_STATIONS = {
    "pixel_values": "das Bild, quadratisch",
    "image_embeds": "was der Bildkodierer sieht",
    "question": "Tokens, die der Q-Former neben seinen Abfragen liest",
    "query_output": "was die Abfragen aus dem Bild geholt haben",
    "visual_prompt": "auf die Breite des Sprachmodells abgebildet",
    "prompt": "Tokens, die das Sprachmodell dahinter liest",
}
ROAD_QFORMER = "Der Text, den der Q-Former neben seinen Abfragen liest"
ROAD_PROMPT = "Der Text, den das Sprachmodell hinter dem weichen visuellen Prompt liest"
ROAD_QUERIES = "Die {count} Abfragen"
ROAD_QUERIES_ABOUT = (
    "Jede Abfrage sieht das Bild auf ihre Weise und wird ein weicher visueller Prompt, ein Vektor, der da steht, "
    "wo ein "
    "Wort stünde. Darunter stehen die Wörter, deren Vektoren am nächsten liegen (1 wäre derselbe); oft ergeben sie "
    "wenig Sinn."
)
QUERY_ALT = "Abfrage {number} sah vor allem hierhin: {place}."
PLACES = (
    ("oben links", "oben", "oben rechts"),
    ("linke Seite", "Mitte", "rechte Seite"),
    ("unten links", "unten", "unten rechts"),
)
