"""The page in Spanish, addressed with "tú"."""

TITLE = "Conversa con una imagen"
INTRODUCTION = (
    "Elige una fotografía o trae la tuya, y pregunta sobre ella. Un codificador de imágenes congelado mira la imagen "
    "una vez, un Q-Former que conoce tu pregunta extrae lo que importa, y un modelo de lenguaje congelado responde."
)
IN_ENGLISH = "El modelo lee y responde en inglés; haz tus preguntas en inglés, por favor."
ABOUT_POCKET = (
    "<strong>Qué esperar.</strong> <em>pocket</em> es lo bastante pequeño para dos núcleos de procesador, y se "
    "equivoca "
    "a menudo. Acierta más con personas, perros y deporte en fotografías sencillas, y con clases de cosas (una "
    "flor, un "
    "pájaro, un coche). Cuenta mal, no lee textos, no conoce ninguna cara, solo recuerda de la conversación las "
    "dos últimas preguntas, y <strong>los datos que cuenta pueden ser inventados</strong>: no te fíes de ellos."
)
ABOUT_MODEL = (
    "<strong>Qué esperar.</strong> <em>{model}</em> puede equivocarse sobre lo que hay en la imagen, y <strong>los "
    "datos que cuenta pueden ser inventados</strong>: no te fíes de ellos."
)
CAPTIONS = (
    "<strong>Se ajustó para escribir pies de foto y responde mal a las preguntas</strong>: usa para ellas el que no "
    "lleva -coco."
)
LARGER_MODEL = "Con una GPU, arranca mejor un modelo grande:"
PRIVACY = (
    "Las imágenes y las preguntas se quedan en el ordenador que sirve esta página. Las imágenes subidas pierden sus "
    "metadatos y se borran al cabo de una hora más o menos, salvo que hagas guardar una para un enlace. No se registra "
    "nada, y la página no pide nada a ningún otro sitio."
)
KEYS = (
    "Teclas: <kbd>/</kbd> lleva a la pregunta, <kbd>Intro</kbd> la envía, <kbd>Mayús</kbd>+<kbd>Intro</kbd> empieza "
    "una línea nueva, <kbd>Esc</kbd> detiene la respuesta, <kbd>Ctrl</kbd>+<kbd>Intro</kbd> pide otra, "
    "<kbd>Alt</kbd>+<kbd>↑</kbd> recupera la pregunta, <kbd>Ctrl</kbd>+<kbd>S</kbd> guarda, "
    "<kbd>Ctrl</kbd>+<kbd>V</kbd> pega una imagen."
)

# the picture
PICTURE = "Imagen"
PICTURE_HINT = "Suelta una imagen aquí, haz clic para elegir una,\no usa la cámara o el portapapeles"
MORE_WAYS = "O dibuja una, o trae una de la web"
DRAW = "O dibuja una"
ADDRESS = "Dirección web de una imagen"
ADDRESS_HINT = "dirección https:// de una imagen"
FETCH = "Traer"
GALLERY = "O haz clic en una fotografía"
CREDITS = "De dónde vienen las fotografías"
CREDITS_HEAD = ("Fotografía", "De", "Licencia", "Fuente")
STATED_HERE = "consta aquí"
CHANGES = (
    "Todas se guardaron como JPEG de 640 píxeles de lado como mucho; el bolígrafo además se recortó, y las gafas de "
    "sol de la gata están dibujadas."
)
PENS = ("Negro", "Rojo", "Naranja", "Amarillo", "Verde", "Azul", "Marrón", "Goma")
BOARD = "Tablero de dibujo: dibuja con el ratón, un lápiz o el dedo"
BOARD_PENS = "Lápices"
BOARD_WIDTH = "Grosor"
BOARD_PEN_WIDTH = "Grosor del lápiz"
BOARD_USE = "Preguntar sobre este dibujo"
PHOTOS = {
    "beagle.jpg": ("Un cachorro de beagle", "Un cachorro de beagle con arnés verde está sentado en un banco blanco."),
    "surfer.jpg": ("Un surfista en una ola", "Un surfista se desliza dentro de una gran ola turquesa."),
    "eiffel-tower.jpg": ("La torre Eiffel", "La torre Eiffel de París bajo un cielo azul con nubes blancas."),
    "dahlia.jpg": ("Una dalia", "Una dalia naranja ante hojas de color verde oscuro."),
    "pen.jpg": ("Un bolígrafo", "Un bolígrafo azul sobre papel rayado."),
    "cat.jpg": ("La gata Chelsea", "La cara de una gata atigrada rojiza de ojos verdes."),
    "cat-sunglasses.jpg": (
        "Una gata con gafas de sol", "La gata Chelsea lleva gafas de sol negras, dibujadas sobre la fotografía.",
    ),
    "soccer.jpg": ("Tres futbolistas", "Tres jóvenes juegan al fútbol en un campo verde."),
    "jockey.jpg": ("Un jinete", "Un jinete de gorra verde monta un caballo marrón junto a una valla blanca."),
    "coffee.jpg": ("Una taza de café", "Un expreso en una taza roja sobre una mesa de madera, y una cuchara."),
    "pizza.jpg": ("Una pizza", "Una pizza de pepperoni y queso en un plato blanco."),
    "pagoda.jpg": (
        "Una torre del Palacio de Verano", "La torre del Incienso Budista sobre el lago Kunming, en Pekín.",
    ),
    "space-shuttle.jpg": (
        "Un transbordador espacial despega", "Un transbordador espacial despega sobre nubes de humo.",
    ),
}  # fmt: skip

# the conversation
CHAT = "Conversación"
CHAT_HINT = "Pregunta sobre la imagen"
CHAT_HINT_HOW = "Elige una fotografía, y escribe una pregunta o haz clic en una sugerencia."
QUESTION = "Tu pregunta"
QUESTION_HINT = "Pregunta sobre la imagen (en inglés)"
SEND = "Enviar"
STOP = "Detener"
AGAIN = "Otra respuesta"
UNDO = "Deshacer"
SAVE = "Guardar"
CLEAR = "Vaciar"
TRY_AGAIN = "Intentar de nuevo"
NEW_CONVERSATION = "Imagen nueva, conversación nueva. ¿Qué quieres saber de ella?"
NEW_MODEL = "Otro modelo, otra conversación. ¿Qué quieres saber de la imagen?"
WAITING = "Responderé en cuanto el modelo esté aquí: {step} …"
WORDLESS = "(detenido antes de la primera palabra)"
NO_WORDS = "(el modelo no supo qué decir)"
QFORMER_READ = "El Q-Former leyó, para el prompt visual blando:"
PROMPT_INFO = "El prompt exacto, detrás del prompt visual blando, que no tiene palabras:"
PICTURE_KNOWN = "El codificador de imágenes ya había mirado la imagen; lo que vio se guardó y se usó de nuevo."
PICTURE_NEW = "El codificador de imágenes miró la imagen para esta respuesta."
TOKENS = ("{count} token", "{count} tokens")
SPEED = "{number} por segundo"
FIRST_TOKEN = "el primero a los {number}\N{NO-BREAK SPACE}s"
ENDED = {"closed": "detenido", "length": "cortado en la longitud máxima", "deadline": "cortado, tardaba demasiado"}
DROPPED = (
    "La pregunta más antigua ya no cabe en lo que lee el modelo de lenguaje y se dejó fuera.",
    "Las {count} preguntas más antiguas ya no caben en lo que lee el modelo de lenguaje y se dejaron fuera.",
)
WRONG = "{count} preguntas sobre esta fotografía que responde mal"
WRONG_ONE = "Una pregunta sobre esta fotografía que responde mal"
SAVED_BY = "Respuestas de {model}; lo que cuentan puede ser inventado."
SAVED_PICTURE = "La imagen"
SAVED_PHOTO = "[{title}]({source}) de {author}, [{licence}]({licence_url})"

# numbers
DECIMAL = ","
PERCENT = "{number} %"
GIGABYTES = "{number}\N{NO-BREAK SPACE}GB"
DAYS = ("1 día", "{number} días")

# how far the model is
STEPS = {
    "reading the model's files": "leyendo los archivos del modelo",
    "downloading": "descargando",
    "unpacking": "extrayendo",
    "checking": "comprobando",
    "converting the language model, once, half a minute": "convirtiendo el modelo de lenguaje, una vez, medio minuto",
    "waiting for another process that fetches": "esperando a otro proceso que descarga",
}
LOADING_MODEL = "Cargando <strong>{name}</strong>: {step}"
MODEL_FAILED = "No se pudo cargar <strong>{name}</strong>. El motivo está en el terminal del servidor."

# otro modelo
PICK = "Elegir el modelo"
PICK_INFO = (
    "El modelo que cargues ocupa el lugar del que está aquí, para todos en esta página. Sus archivos se descargan "
    "antes, si todavía no están en este ordenador: hasta 60 GB."
)
PICK_MODEL = "Modelo"
PICK_PRECISION = "Precisión del modelo de lenguaje"
PICK_AUTO = "automática"
PICK_LOAD = "Cargar este modelo"
PICK_MEMORY = {"cpu": "memoria principal", "gpu": "memoria de la GPU"}
PICK_NEEDS = "Necesita aproximadamente, de {kind}: {sizes}. Libres para él: {free}."
PICK_UNKNOWN = "Cuánta memoria necesita se sabrá cuando estén sus archivos. Libre, de {kind}: {free}."
PICK_TOO_LARGE = "{model} necesita {need} de {kind}, y hay {free} libres. Elige una precisión menor u otro modelo."
PICK_NO_FP16 = {
    "t5": "fp16 se desborda dentro de un T5, que entonces no respondería nada. Elige bf16 o fp32.",
    "cpu": "fp16 es lento e inexacto en una CPU. Elige fp32, bf16 o int8.",
}
PICK_LOADING = "Ya hay un modelo en camino. Espera a que llegue."
PICK_THERE = "Este modelo ya está aquí, en esta precisión."
PICK_NOT_YOURS = "El modelo de esta página lo elige quien la mantiene."

# settings
SETTINGS = "Cómo se elige una respuesta"
PRESET = "Tipo de respuesta"
PRESETS = {"Short answer": "Respuesta corta", "Description": "Descripción", "Creative": "Creativa"}
TEMPERATURE = "Temperatura"
TEMPERATURE_INFO = "0 toma siempre la palabra más probable; valores más altos sortean con más audacia."
TOP_P = "Top-p"
TOP_P_INFO = "Sortea entre las palabras más probables que juntas tienen esta parte de la probabilidad."
LENGTH = "Respuesta más larga, en tokens"
LENGTH_INFO = "Un token es más o menos tres cuartos de palabra."
PENALTY = "Penalización por repetir"
PENALTY_INFO = "Por encima de 1, las palabras que ya están en la respuesta se vuelven menos probables."
SEED = "Semilla"
SEED_HINT = "vacío: una nueva cada vez"
SEED_INFO = "El mismo número entero da el mismo sorteo. Sirve cuando la temperatura es mayor que 0."
NO_BEAMS = (
    "La búsqueda en haz está apagada: solo al final conoce la mejor respuesta, y esta página muestra las respuestas "
    "mientras crecen."
)

# what goes wrong
NOT_YET = "Todavía no"
NO_PICTURE = "Todavía no hay imagen. Haz clic en una fotografía, o trae una imagen tuya."
EMPTY_QUESTION = "La pregunta está vacía. Escribe primero una pregunta sobre la imagen."
LONG_QUESTION = "La pregunta es demasiado larga: caben {most} caracteres, esta tiene {got}. Acórtala, por favor."
UNREADABLE_PICTURE = (
    "Este archivo no se puede leer como imagen. Usa un PNG, JPEG, WebP, GIF, BMP o TIFF de 50 megapíxeles como mucho."
)
LOST_PICTURE = "La imagen ya no está: lo subido se borra al cabo de una hora. Elígela de nuevo, por favor."
TOO_OFTEN = "Ha sido mucho de una vez. Inténtalo de nuevo dentro de {seconds} segundos."
FULL = "Mucha gente está preguntando ahora. Inténtalo de nuevo dentro de un minuto."
MANY_TURNS = "Esta conversación tiene {most} preguntas, el máximo. Pulsa «Vaciar» para empezar otra."
LARGE_FILE = "Este archivo pasa de 15 MB. Guarda la imagen más pequeña y tráela otra vez."
LARGE_BODY = "La petición es demasiado grande: caben imágenes de 15 MB como mucho."
NO_ROOM = "El ordenador de esta página no tiene sitio para más imágenes ahora. Inténtalo de nuevo dentro de una hora."
WEB_ADDRESS = "Da la dirección web pública de una imagen; empieza por https:// o http://."
WEB_NO_ANSWER = "No se pudo traer la imagen de esta dirección. Guárdala y suéltala aquí."
WEB_TOO_LARGE = "La imagen de esta dirección pasa de {most} MB. Guárdala más pequeña y suéltala aquí."
WEB_NO_PICTURE = "En esta dirección no hay una imagen legible. Da la dirección de la imagen misma."
WEB_OFF = "Traer imágenes de la web está apagado aquí. Sube la imagen, por favor."
LOADING = "El modelo todavía se está cargando. Inténtalo cuando /gradio_api/healthz diga que está listo."
BUSY = "Una respuesta está todavía en camino. Espérala, o pulsa «Detener»."
NOTHING_ASKED = "Todavía no se ha preguntado nada. Haz primero una pregunta."
NOTHING_TO_SAVE = "Todavía no hay respuesta que guardar. Haz primero una pregunta."
BAD_SETTINGS = "Uno de los ajustes de respuesta está fuera de sus límites. Ajústalo de nuevo, por favor."
FAILED = "Algo falló al responder. Inténtalo de nuevo; los detalles están en el terminal del servidor."
CANNOT_ASK = "El modelo no puede leer esta pregunta. Hazla con otras palabras, por favor."
GPU_FULL = (
    "La memoria de la GPU no ha bastado. Inténtalo de nuevo en un momento, o pregunta algo más corto en una "
    "conversación nueva. Quien lleva esta página puede dar al modelo una precisión menor, que necesita menos."
)
NO_GPU = (
    "Ahora no se te puede prestar ninguna GPU: tus minutos de hoy se han agotado, o todas las GPU están ocupadas. "
    "Inténtalo más tarde; con la sesión iniciada en Hugging Face hay más minutos."
)
NO_MODEL = "No se pudo cargar el modelo, así que no hay respuesta. El motivo está en el terminal del servidor."

# links
LINK = "Enlace"
LINK_LABEL = "Enlace a esta conversación"
LINK_COPIED = "El enlace está copiado."
LINK_COPY_YOURSELF = "Este navegador no deja que una página copie por sí misma. Copia el enlace de abajo, por favor."
LINK_TO_PHOTO = (
    "Contiene el nombre de la fotografía, tus preguntas y los ajustes; aquí no se guarda nada. A quien lo abra se le "
    "harán de nuevo las preguntas. Funciona mientras exista esta página."
)
LINK_TO_PICTURE = (
    "Tu imagen se guarda aquí {days}; después, o si antes se vacía el disco de esta página, el enlace dice que ha "
    "caducado. Quien tenga el enlace ve la imagen y tus preguntas, que se hacen de nuevo."
)
LINK_CONSENT = (
    "Una imagen tuya no cabe en un enlace. Para que funcione, el ordenador de esta página guardaría una copia sin "
    "metadatos durante {days}. Quien tenga el enlace puede verla; nadie puede adivinarlo."
)
LINK_KEEP = "Guardar la imagen y copiar el enlace"
LINK_FORGET = "Borrar la imagen guardada"
LINK_FORGOTTEN = "La imagen guardada está borrada. El enlace ya no funciona."
LINK_GALLERY_ONLY = (
    "Aquí solo tienen enlace las conversaciones sobre fotografías de la galería. Pulsa «Guardar» para conservar esta."
)
LINK_NO_ROOM = "El ordenador de esta página no puede guardar la imagen. Pulsa «Guardar» para conservar la conversación."
LINK_TOO_LONG = (
    "Esta conversación es demasiado larga para un enlace, en el que caben {most} preguntas. Pulsa «Guardar» para "
    "conservarla."
)
LINK_BROKEN = "Este enlace no se puede leer: quizá le falte una parte. Cópialo entero, por favor."
LINK_EXPIRED = "La imagen de este enlace ya no se guarda aquí. Pide un enlace nuevo, por favor."
LINK_CUT = "Las demás preguntas de este enlace no se hicieron, porque tardaba demasiado."
FROM_LINK = "Esta conversación viene de un enlace. Sus preguntas se hacen de nuevo, aquí y ahora."
FROM_OTHER_MODEL = (
    "Esta conversación viene de un enlace. Sus preguntas se hacen de nuevo, aquí y ahora, pero las respuestas serán "
    "otras: el enlace se hizo con {model}, y aquí está {here}."
)

# thumbs
FEEDBACK = (
    "Las opiniones están activadas. Un pulgar bajo una respuesta guarda la pregunta, la respuesta, el modelo, su "
    "precisión, los ajustes, el pulgar y la hora en un archivo del ordenador de esta página, para quienes la "
    "llevan. La "
    "imagen y tu dirección no se guardan, y sin pulgar no se guarda nada."
)
FEEDBACK_THANKS = "Gracias"
FEEDBACK_STORED = "Tu pulgar está guardado con la pregunta y la respuesta, sin la imagen."
FEEDBACK_FULL = "No se pudo guardar el pulgar: su archivo no admite más."
NOTHING_TO_JUDGE = "Aquí no hay respuesta del modelo que valorar."

# comparing
COMPARE = "Comparar"
COMPARE_INFO = (
    "Haz una pregunta dos veces y mira crecer ambas respuestas. El modelo de lenguaje lee el mismo prompt en los dos "
    "lados, sin las preguntas anteriores; solo cambia lo que lee el Q-Former."
)
COMPARE_INFO_MODELS = (
    "Haz una pregunta dos veces y mira crecer ambas respuestas, sin las preguntas anteriores: de un modelo cuyo "
    "Q-Former lee la pregunta o no lee ninguna, o de dos modelos."
)
COMPARE_KIND = "Qué es distinto"
COMPARE_KINDS = {"question": "Si el Q-Former lee la pregunta", "model": "El modelo"}
COMPARE_QUESTION = "Pregunta para los dos lados"
COMPARE_QUESTION_HINT = "Vacío: otra vez la última pregunta"
COMPARE_ASK = "Preguntar a los dos"
COMPARE_STOP = "Detener los dos"
COMPARE_GIVEN = "El Q-Former lee la pregunta"
COMPARE_WITHHELD = "El Q-Former no lee ninguna pregunta"
COMPARE_READS_NOTHING = (
    "El Q-Former de este modelo nunca lee la pregunta, así que los dos lados dirían lo mismo. Carga un InstructBLIP o "
    "pocket para comparar."
)

# where it looked, and how it works
INSIGHT_WORKING = "Calculando …"
INSIGHT_FAILED = "No se pudo calcular para esta respuesta. El motivo está en el terminal del servidor."
INSIGHT_HINTS = {
    "looked": "Pregunta sobre la imagen. Aquí se ve entonces en qué partes de ella se apoya la última respuesta.",
    "road": "Pregunta sobre la imagen. Aquí se ve entonces el camino de tu pregunta, paso a paso, con números reales.",
}
LOOKED = "Dónde miró"
LOOKED_WHICH = "Qué respuesta, aquí y en «Cómo funciona»"
LOOKED_ON = "Mostrar el mapa"
LOOKED_STRENGTH = "Opacidad"
LOOKED_LESS, LOOKED_MORE = "menos", "más importante"
LOOKED_ALT = "La imagen con un mapa encima: la respuesta se apoya sobre todo en este lugar: {place}."
LOOKED_NOWHERE = "La imagen. Ninguna parte habla a favor de la respuesta, por eso el mapa está vacío."
LOOKED_ABOUT = (
    "En color está lo que hizo más probable esta respuesta: la atención de las consultas del Q-Former, ponderada por "
    "cuánto depende de ella la respuesta. El resto de la respuesta viene de la pregunta y de lo que sabe el modelo de "
    "lenguaje. Cada casilla ya ha recogido lo que la rodea antes de que las consultas la lean; por eso una mancha "
    "puede caer al lado de una cosa y no encima."
)
ROAD = "Cómo funciona"
ROAD_ABOUT = "El camino de «{question}», de la imagen al modelo de lenguaje. Los números son los de esta imagen."
ROAD_STATIONS = {
    "pixel_values": "la imagen, cuadrada",
    "image_embeds": "lo que ve el codificador de imágenes",
    "question": "tokens que el Q-Former lee junto a sus consultas",
    "query_output": "lo que las consultas sacaron de la imagen",
    "visual_prompt": "proyectado al ancho del modelo de lenguaje",
    "prompt": "tokens que el modelo de lenguaje lee después",
}
ROAD_QFORMER = "El texto que el Q-Former lee junto a sus consultas"
ROAD_PROMPT = "El texto que el modelo de lenguaje lee después del prompt visual blando"
ROAD_QUERIES = "Las {count} consultas"
ROAD_QUERIES_ABOUT = (
    "Cada consulta mira la imagen a su manera y se vuelve un prompt visual blando, un vector en el lugar de una "
    "palabra. Debajo están las palabras cuyos vectores están más cerca (1 sería el mismo); a menudo tienen poco "
    "sentido."
)
QUERY_ALT = "La consulta {number} miró sobre todo aquí: {place}."
PLACES = (
    ("arriba a la izquierda", "arriba", "arriba a la derecha"),
    ("a la izquierda", "en el centro", "a la derecha"),
    ("abajo a la izquierda", "abajo", "abajo a la derecha"),
)
