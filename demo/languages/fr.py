"""The page in French, addressed with "tu"."""

TITLE = "Discuter avec une image"
INTRODUCTION = (
    "Choisis une photo ou apporte la tienne, puis pose des questions dessus. Un encodeur d'images figé regarde l'image "
    "une fois, un Q-Former qui connaît ta question en tire l'essentiel, et un modèle de langue figé répond."
)
IN_ENGLISH = "Le modèle lit et répond en anglais ; pose tes questions en anglais, s'il te plaît."
ABOUT_POCKET = (
    "<strong>À quoi s'attendre.</strong> <em>pocket</em> est assez petit pour deux cœurs de processeur, et se trompe "
    "souvent. Il réussit le mieux avec les gens, les chiens et le sport sur des photos simples, et avec les sortes de "
    "choses (une fleur, un oiseau, une voiture). Il compte mal, ne lit aucun texte, ne reconnaît aucun visage, "
    "ne se souvient dans la conversation que des deux dernières questions, et <strong>les faits qu'il raconte "
    "peuvent être inventés</strong> : ne t'y fie pas."
)
ABOUT_MODEL = (
    "<strong>À quoi s'attendre.</strong> <em>{model}</em> peut se tromper sur ce qu'il y a dans l'image, et "
    "<strong>les "
    "faits qu'il raconte peuvent être inventés</strong> : ne t'y fie pas."
)
CAPTIONS = (
    "<strong>Il a été réglé pour écrire des légendes et répond mal aux questions</strong> : prends pour elles celui "
    "sans -coco."
)
LARGER_MODEL = "Avec un GPU, lance plutôt un grand modèle :"
PRIVACY = (
    "Les images et les questions restent sur l'ordinateur qui sert cette page. Les images envoyées perdent leurs "
    "métadonnées et sont effacées au bout d'une heure environ, sauf si tu en fais garder une pour un lien. Rien n'est "
    "journalisé, et la page ne demande rien à aucun autre site."
)
KEYS = (
    "Touches : <kbd>/</kbd> mène à la question, <kbd>Entrée</kbd> l'envoie, <kbd>Maj</kbd>+<kbd>Entrée</kbd> commence "
    "une nouvelle ligne, <kbd>Échap</kbd> arrête la réponse, <kbd>Ctrl</kbd>+<kbd>Entrée</kbd> en demande une autre, "
    "<kbd>Alt</kbd>+<kbd>↑</kbd> reprend la question, <kbd>Ctrl</kbd>+<kbd>S</kbd> enregistre, "
    "<kbd>Ctrl</kbd>+<kbd>V</kbd> colle une image."
)

# the picture
PICTURE = "Image"
PICTURE_HINT = "Dépose une image ici, clique pour en choisir une,\nou prends l'appareil photo ou le presse-papiers"
MORE_WAYS = "Ou dessines-en une, ou prends-en une sur le web"
DRAW = "Ou dessines-en une"
ADDRESS = "Adresse web d'une image"
ADDRESS_HINT = "adresse https:// d'une image"
FETCH = "Prendre"
GALLERY = "Ou clique sur une photo"
CREDITS = "D'où viennent les photos"
CREDITS_HEAD = ("Photo", "De", "Licence", "Source")
STATED_HERE = "indiqué ici"
CHANGES = (
    "Toutes ont été enregistrées en JPEG de 640 pixels de côté au plus ; le stylo a aussi été recadré, et les "
    "lunettes de soleil de la chatte sont dessinées."
)
PENS = ("Noir", "Rouge", "Orange", "Jaune", "Vert", "Bleu", "Brun", "Gomme")
BOARD = "Planche à dessin : dessine avec la souris, un stylet ou le doigt"
BOARD_PENS = "Crayons"
BOARD_WIDTH = "Épaisseur"
BOARD_PEN_WIDTH = "Épaisseur du crayon"
BOARD_USE = "Interroger ce dessin"
PHOTOS = {
    "beagle.jpg": ("Un chiot beagle", "Un chiot beagle au harnais vert est assis sur un banc blanc."),
    "surfer.jpg": ("Un surfeur dans une vague", "Un surfeur glisse dans une grande vague turquoise."),
    "eiffel-tower.jpg": ("La tour Eiffel", "La tour Eiffel à Paris sous un ciel bleu aux nuages blancs."),
    "dahlia.jpg": ("Un dahlia", "Un dahlia orange devant des feuilles vert foncé."),
    "pen.jpg": ("Un stylo à bille", "Un stylo à bille bleu est posé sur du papier ligné."),
    "cat.jpg": ("Chelsea la chatte", "La tête d'une chatte rousse tigrée aux yeux verts."),
    "cat-sunglasses.jpg": (
        "Une chatte à lunettes de soleil",
        "Chelsea porte des lunettes de soleil noires, dessinées sur la photographie.",
    ),
    "soccer.jpg": ("Trois footballeurs", "Trois jeunes hommes jouent au football sur un terrain vert."),
    "jockey.jpg": ("Un jockey", "Un jockey à la toque verte monte un cheval brun le long d'une lice blanche."),
    "coffee.jpg": ("Une tasse de café", "Un expresso dans une tasse rouge sur une table en bois, une cuillère à côté."),
    "pizza.jpg": ("Une pizza", "Une pizza au pepperoni et au fromage sur une assiette blanche."),
    "pagoda.jpg": (
        "Une tour du Palais d'Été", "La tour de l'Encens bouddhique au-dessus du lac Kunming à Pékin.",
    ),
    "space-shuttle.jpg": (
        "Une navette spatiale décolle", "Une navette spatiale décolle au-dessus de nuages de fumée.",
    ),
}  # fmt: skip

# the conversation
CHAT = "Conversation"
CHAT_HINT = "Pose une question sur l'image"
CHAT_HINT_HOW = "Choisis une photo, puis écris une question ou clique sur une suggestion."
QUESTION = "Ta question"
QUESTION_HINT = "Pose une question sur l'image (en anglais)"
SEND = "Envoyer"
STOP = "Arrêter"
AGAIN = "Autre réponse"
UNDO = "Annuler"
SAVE = "Enregistrer"
CLEAR = "Effacer"
TRY_AGAIN = "Réessayer"
NEW_CONVERSATION = "Nouvelle image, nouvelle conversation. Que veux-tu en savoir ?"
NEW_MODEL = "Autre modèle, autre conversation. Que veux-tu savoir de l'image ?"
WAITING = "Je réponds dès que le modèle est là : {step} …"
WORDLESS = "(arrêté avant le premier mot)"
NO_WORDS = "(le modèle n'a rien trouvé à dire)"
QFORMER_READ = "Le Q-Former a lu, pour le prompt visuel souple :"
PROMPT_INFO = "Le prompt exact, derrière le prompt visuel souple, qui n'a pas de mots :"
PICTURE_KNOWN = "L'encodeur d'images avait déjà regardé l'image ; ce qu'il a vu a été gardé et repris."
PICTURE_NEW = "L'encodeur d'images a regardé l'image pour cette réponse."
TOKENS = ("{count} token", "{count} tokens")
SPEED = "{number} par seconde"
FIRST_TOKEN = "le premier après {number}\N{NO-BREAK SPACE}s"
ENDED = {"closed": "arrêté", "length": "coupé à la longueur maximale", "deadline": "coupé, c'était trop long"}
DROPPED = (
    "La question la plus ancienne ne tient plus dans ce que lit le modèle de langue et a été laissée de côté.",
    "Les {count} plus anciennes questions ne tiennent plus dans ce que lit le modèle de langue et ont été laissées de "
    "côté.",
)
WRONG = "{count} questions sur cette photo auxquelles il répond mal"
WRONG_ONE = "Une question sur cette photo à laquelle il répond mal"
SAVED_BY = "Réponses de {model} ; ce qu'elles racontent peut être inventé."
SAVED_PICTURE = "L'image"
SAVED_PHOTO = "[{title}]({source}) de {author}, [{licence}]({licence_url})"

# numbers
DECIMAL = ","
PERCENT = "{number} %"
GIGABYTES = "{number}\N{NO-BREAK SPACE}Go"
DAYS = ("1 jour", "{number} jours")

# how far the model is
STEPS = {
    "reading the model's files": "lecture des fichiers du modèle",
    "downloading": "téléchargement :",
    "unpacking": "extraction :",
    "checking": "vérification :",
    "converting the language model, once, half a minute": "conversion du modèle de langue, une fois, une demi-minute",
    "waiting for another process that fetches": "attente d'un autre processus qui télécharge",
}
LOADING_MODEL = "Chargement de <strong>{name}</strong> : {step}"
MODEL_FAILED = "<strong>{name}</strong> n'a pas pu être chargé. La raison est affichée dans le terminal du serveur."

# un autre modèle
PICK = "Choisir le modèle"
PICK_INFO = (
    "Le modèle que tu charges prend la place de celui qui est là, pour tous sur cette page. Ses fichiers sont d'abord "
    "téléchargés s'ils ne sont pas encore sur cet ordinateur : jusqu'à 60 Go."
)
PICK_MODEL = "Modèle"
PICK_PRECISION = "Précision du modèle de langue"
PICK_AUTO = "automatique"
PICK_LOAD = "Charger ce modèle"
PICK_MEMORY = {"cpu": "mémoire vive", "gpu": "mémoire du GPU"}
PICK_NEEDS = "Il faut environ, en {kind} : {sizes}. Libre pour lui : {free}."
PICK_UNKNOWN = "La mémoire qu'il demande sera connue quand ses fichiers seront là. Libre, en {kind} : {free}."
PICK_TOO_LARGE = (
    "{model} demande {need} de {kind}, et {free} sont libres. Choisis une précision plus petite ou un autre modèle."
)
PICK_NO_FP16 = {
    "t5": "fp16 déborde dans un T5, qui ne répondrait alors rien. Choisis bf16 ou fp32.",
    "cpu": "fp16 est lent et inexact sur un processeur (CPU). Choisis fp32, bf16 ou int8.",
}
PICK_LOADING = "Un modèle est déjà en route. Attends qu'il soit là."
PICK_THERE = "Ce modèle est déjà là, dans cette précision."
PICK_NOT_YOURS = "Le modèle de cette page est choisi par qui la fait tourner."

# settings
SETTINGS = "Comment une réponse est choisie"
PRESET = "Genre de réponse"
PRESETS = {"Short answer": "Réponse courte", "Description": "Description", "Creative": "Créatif"}
TEMPERATURE = "Température"
TEMPERATURE_INFO = "0 prend toujours le mot le plus probable ; des valeurs plus hautes tirent plus hardiment."
TOP_P = "Top-p"
TOP_P_INFO = "Tire parmi les mots les plus probables qui ont ensemble cette part de la probabilité."
LENGTH = "Plus longue réponse, en tokens"
LENGTH_INFO = "Un token vaut environ trois quarts de mot."
PENALTY = "Pénalité de répétition"
PENALTY_INFO = "Au-dessus de 1, les mots déjà dans la réponse deviennent moins probables."
SEED = "Graine"
SEED_HINT = "vide : une nouvelle à chaque fois"
SEED_INFO = "Le même nombre entier donne le même tirage. Sert quand la température est au-dessus de 0."
NO_BEAMS = (
    "La recherche en faisceau est coupée : elle ne connaît la meilleure réponse qu'à la fin, et cette page montre les "
    "réponses pendant qu'elles grandissent."
)

# what goes wrong
NOT_YET = "Pas encore"
NO_PICTURE = "Il n'y a pas encore d'image. Clique sur une photo, ou apporte une image à toi."
EMPTY_QUESTION = "La question est vide. Écris d'abord une question sur l'image."
LONG_QUESTION = "La question est trop longue : {most} caractères au plus, celle-ci en a {got}. Raccourcis-la."
UNREADABLE_PICTURE = (
    "Ce fichier ne se lit pas comme une image. Prends un PNG, JPEG, WebP, GIF, BMP ou TIFF de 50 mégapixels au plus."
)
LOST_PICTURE = "L'image n'est plus là : les images envoyées sont effacées au bout d'une heure. Choisis-la de nouveau."
TOO_OFTEN = "C'était beaucoup d'un coup. Réessaie dans {seconds} secondes."
FULL = "Beaucoup de gens posent des questions en ce moment. Réessaie dans une minute."
MANY_TURNS = "Cette conversation a {most} questions, le maximum. Appuie sur « Effacer » pour en commencer une autre."
LARGE_FILE = "Ce fichier dépasse 15 Mo. Enregistre l'image en plus petit et apporte-la de nouveau."
LARGE_BODY = "La requête est trop grande : des images de 15 Mo au plus passent."
NO_ROOM = "L'ordinateur de cette page n'a plus de place pour d'autres images. Réessaie dans une heure."
WEB_ADDRESS = "Donne l'adresse web publique d'une image ; elle commence par https:// ou http://."
WEB_NO_ANSWER = "L'image n'a pas pu être prise à cette adresse. Enregistre-la et dépose-la ici."
WEB_TOO_LARGE = "L'image à cette adresse dépasse {most} Mo. Enregistre-la plus petite et dépose-la ici."
WEB_NO_PICTURE = "Il n'y a pas d'image lisible à cette adresse. Donne l'adresse de l'image elle-même."
WEB_OFF = "Prendre des images sur le web est désactivé ici. Envoie l'image, s'il te plaît."
LOADING = "Le modèle se charge encore. Réessaie quand /gradio_api/healthz dit qu'il est prêt."
BUSY = "Une réponse est encore en route. Attends-la, ou appuie sur « Arrêter »."
NOTHING_ASKED = "Rien n'a encore été demandé. Pose d'abord une question."
NOTHING_TO_SAVE = "Il n'y a pas encore de réponse à enregistrer. Pose d'abord une question."
BAD_SETTINGS = "Un des réglages de réponse sort de ses limites. Règle-le de nouveau."
FAILED = "La réponse a échoué. Réessaie ; les détails sont dans le terminal du serveur."
CANNOT_ASK = "Le modèle ne peut pas lire cette question. Pose-la autrement."
GPU_FULL = (
    "La mémoire du GPU n'a pas suffi. Réessaie dans un instant, ou demande quelque chose de plus court dans une "
    "nouvelle conversation. Qui gère cette page peut donner au modèle une précision plus petite, qui en demande moins."
)
NO_GPU = (
    "Aucun GPU ne peut t'être prêté pour l'instant : tes minutes d'aujourd'hui sont épuisées, ou tous les GPU sont "
    "pris. Réessaie plus tard ; avec un compte Hugging Face, on a plus de minutes."
)
NO_MODEL = "Le modèle n'a pas pu être chargé, il n'y a donc pas de réponse. La raison est dans le terminal du serveur."

# links
LINK = "Lien"
LINK_LABEL = "Lien vers cette conversation"
LINK_COPIED = "Le lien est copié."
LINK_COPY_YOURSELF = "Ce navigateur ne laisse aucune page copier d'elle-même. Copie le lien ci-dessous."
LINK_TO_PHOTO = (
    "Il contient le nom de la photo, tes questions et les réglages ; rien n'est gardé ici. À qui l'ouvre, les "
    "questions "
    "sont posées de nouveau. Il marche aussi longtemps que cette page."
)
LINK_TO_PICTURE = (
    "Ton image est gardée ici {days} ; ensuite, ou si le disque de cette page est vidé avant, le lien dit qu'il a "
    "expiré. Qui a le lien voit l'image et tes questions, qui sont posées de nouveau."
)
LINK_CONSENT = (
    "Une image à toi ne tient pas dans un lien. Pour qu'il marche, l'ordinateur de cette page en garderait une copie "
    "sans métadonnées pendant {days}. Qui a le lien peut la voir ; personne ne peut le deviner."
)
LINK_KEEP = "Garder l'image et copier le lien"
LINK_FORGET = "Effacer l'image gardée"
LINK_FORGOTTEN = "L'image gardée est effacée. Le lien ne marche plus."
LINK_GALLERY_ONLY = (
    "Seules les conversations sur les photos de la galerie ont un lien ici. Appuie sur « Enregistrer » pour garder "
    "celle-ci."
)
LINK_NO_ROOM = (
    "L'ordinateur de cette page ne peut pas garder l'image. Appuie sur « Enregistrer » pour garder la conversation."
)
LINK_TOO_LONG = (
    "Cette conversation est trop longue pour un lien, qui contient {most} questions au plus. Appuie sur "
    "« Enregistrer » pour la garder."
)
LINK_BROKEN = "Ce lien est illisible : il en manque peut-être une partie. Copie-le en entier."
LINK_EXPIRED = "L'image de ce lien n'est plus gardée ici. Demande un nouveau lien."
LINK_CUT = "Les autres questions de ce lien n'ont pas été posées, c'était trop long."
FROM_LINK = "Cette conversation vient d'un lien. Ses questions sont posées de nouveau, ici et maintenant."
FROM_OTHER_MODEL = (
    "Cette conversation vient d'un lien. Ses questions sont posées de nouveau, ici et maintenant, mais les réponses "
    "seront différentes : le lien a été fait avec {model}, et ici c'est {here}."
)

# thumbs
FEEDBACK = (
    "Les avis sont activés. Un pouce sous une réponse enregistre la question, la réponse, le modèle, sa précision, les "
    "réglages, le pouce et l'heure dans un fichier sur l'ordinateur de cette page, pour ceux qui la tiennent. L'image "
    "et ton adresse ne sont pas enregistrées, et sans pouce rien ne l'est."
)
FEEDBACK_THANKS = "Merci"
FEEDBACK_STORED = "Ton pouce est enregistré avec la question et la réponse, sans l'image."
FEEDBACK_FULL = "Le pouce n'a pas pu être enregistré : son fichier n'accepte plus rien."
NOTHING_TO_JUDGE = "Il n'y a pas ici de réponse du modèle à juger."

# comparing
COMPARE = "Comparer"
COMPARE_INFO = (
    "Pose une question deux fois et regarde les deux réponses grandir. Le modèle de langue lit le même prompt des deux "
    "côtés, sans les questions précédentes ; seul ce que lit le Q-Former diffère."
)
COMPARE_INFO_MODELS = (
    "Pose une question deux fois et regarde les deux réponses grandir, sans les questions précédentes : d'un modèle "
    "dont le Q-Former lit la question ou n'en lit aucune, ou de deux modèles."
)
COMPARE_KIND = "Ce qui diffère"
COMPARE_KINDS = {"question": "Si le Q-Former lit la question", "model": "Le modèle"}
COMPARE_QUESTION = "Question pour les deux côtés"
COMPARE_QUESTION_HINT = "Vide : la dernière question encore"
COMPARE_ASK = "Demander aux deux"
COMPARE_STOP = "Arrêter les deux"
COMPARE_GIVEN = "Le Q-Former lit la question"
COMPARE_WITHHELD = "Le Q-Former ne lit aucune question"
COMPARE_READS_NOTHING = (
    "Le Q-Former de ce modèle ne lit jamais la question, les deux côtés diraient donc la même chose. Charge un "
    "InstructBLIP ou pocket pour comparer."
)

# where it looked, and how it works
INSIGHT_WORKING = "Calcul en cours …"
INSIGHT_FAILED = "Cela n'a pas pu être calculé pour cette réponse. La raison est dans le terminal du serveur."
INSIGHT_HINTS = {
    "looked": "Pose une question sur l'image. Ici apparaît alors sur quelles parties repose la dernière réponse.",
    "road": "Pose une question sur l'image. Ici apparaît alors le chemin de ta question, pas à pas, en vrais nombres.",
}
LOOKED = "Où il a regardé"
LOOKED_WHICH = "Quelle réponse, ici et dans « Comment ça marche »"
LOOKED_ON = "Montrer la carte"
LOOKED_STRENGTH = "Opacité"
LOOKED_LESS, LOOKED_MORE = "moins", "plus important"
LOOKED_ALT = "L'image avec une carte par-dessus : la réponse repose surtout sur cet endroit : {place}."
LOOKED_NOWHERE = "L'image. Aucune partie ne parle pour la réponse, la carte est donc vide."
LOOKED_ABOUT = (
    "En couleur, ce qui a rendu cette réponse plus probable : l'attention des requêtes du Q-Former, pesée par ce "
    "que la "
    "réponse en dépend. Le reste de la réponse vient de la question et de ce que sait le modèle de langue. "
    "Chaque case a déjà absorbé ses alentours avant que les requêtes la lisent : une tache peut donc tomber à côté "
    "d'une chose et non dessus."
)
ROAD = "Comment ça marche"
ROAD_ABOUT = "Le chemin de « {question} », de l'image au modèle de langue. Les nombres sont ceux de cette image."
ROAD_STATIONS = {
    "pixel_values": "l'image, carrée",
    "image_embeds": "ce que voit l'encodeur d'images",
    "question": "tokens que le Q-Former lit à côté de ses requêtes",
    "query_output": "ce que les requêtes ont tiré de l'image",
    "visual_prompt": "projeté à la largeur du modèle de langue",
    "prompt": "tokens que le modèle de langue lit ensuite",
}
ROAD_QFORMER = "Le texte que le Q-Former lit à côté de ses requêtes"
ROAD_PROMPT = "Le texte que le modèle de langue lit après le prompt visuel souple"
ROAD_QUERIES = "Les {count} requêtes"
ROAD_QUERIES_ABOUT = (
    "Chaque requête regarde l'image à sa façon et devient un prompt visuel souple, un vecteur à la place d'un mot. "
    "Dessous, les mots dont les vecteurs sont les plus proches (1 serait le même) ; souvent ils n'ont guère de sens."
)
QUERY_ALT = "La requête {number} a surtout regardé ici : {place}."
PLACES = (
    ("en haut à gauche", "en haut", "en haut à droite"),
    ("à gauche", "au milieu", "à droite"),
    ("en bas à gauche", "en bas", "en bas à droite"),
)
