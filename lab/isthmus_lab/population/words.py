"""What people write about at work, in the languages they write in: the vocabulary of text.py.

A sentence is a template; its {slots} are drawn from the tuple of that name of the same language, from the thread
({project}, {name}) or are numbers ({n}, {amount}, {percent}).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Vocabulary:
    """One language."""

    reply: str
    forward: str
    greetings: tuple[str, ...]
    closings: tuple[str, ...]
    quote_header: str
    """Above a quoted message: {sender}, {date}, {to}, {subject}."""
    subjects: tuple[str, ...]
    sentences: tuple[str, ...]
    answers: tuple[str, ...]
    """First sentences of a reply."""
    slots: dict[str, tuple[str, ...]]


PROJECTS = (
    "Heron", "Bluebell", "Granit", "Aurora", "Kestrel", "Nordhafen", "Pantheon", "Sextant", "Tramontana", "Vesper",
    "Zephyr", "Ostrava", "Meltemi", "Lighthouse",
)  # fmt: skip

ENGLISH = Vocabulary(
    reply="RE: ",
    forward="FW: ",
    greetings=("Hi {name},", "Hello {name},", "Dear {name},", "{name},", "Good morning {name},", "Dear all,", "Hi,"),
    closings=("Best regards", "Kind regards", "Thanks", "Many thanks,", "Cheers", "Speak soon", "Regards"),
    quote_header="From: {sender}\nSent: {date}\nTo: {to}\nSubject: {subject}",
    subjects=(
        "{project}: {thing} for {month}", "{Thing} from {place}", "Question about the {thing}",
        "Minutes of {day}'s meeting",
        "Visit to {place} in {month}", "{project} - next steps", "Delivery {n} is late", "Invoice {n}",
        "Lunch on {day}?",
        "Updated {thing}", "Quote {n} for {place}", "Who has the {thing}?", "Access to the {project} share",
        "Complaint {n}: {part}", "Travel to {place}", "{part} - second sample", "Holiday cover in {month}",
    ),
    sentences=(
        "The {thing} for {project} is attached; please look at page {small} before {day}.",
        "We shipped {n} pieces of the {part} to {place} on {day}, two pallets fewer than agreed.",
        "{place} asked whether we can bring the date forward to {month}.",
        "I spoke to the supplier this morning and they will hold the price of {amount} until the end of {month}.",
        "The test of the {part} ran for {small} hours without a fault.",
        "Could somebody from {department} confirm that the budget covers it?",
        "As far as I can see {percent} of the {part} orders are through, the rest waits for the {thing}.",
        "Nobody has heard from {place} since {day}, so I will ring them after lunch.",
        "Please do not forward this before {department} has signed.",
        "The old {thing} contradicts the new one in section {small}; I have marked the lines.",
        "I would rather wait until {month} than send an unfinished {thing}.",
        "Our colleagues in {place} use a different drawing of the {part}, revision {small}.",
        "The room is booked from ten, coffee included, and the projector has been repaired.",
        "With {amount} we stay inside the frame that was agreed in {month}.",
        "My train from {place} is delayed, start without me.",
        "{department} needs the figures by {day} at noon, rounded to thousands.",
        "The customer accepts the {part} but insists on a new {thing}.",
        "Let us keep the discussion in this thread so that it can be found again.",
    ),
    answers=(
        "Thanks, that helps.", "Agreed, with one remark.", "Not quite, see below.", "I will take care of it on {day}.",
        "Good point, I had overlooked the {thing}.", "Yes, from our side it is fine.", "Sorry for the late answer.",
        "Please ask {department}, I am not the right person.", "That would cost us {amount}, so no.",
    ),
    slots={
        "thing": ("price list", "contract", "test report", "schedule", "drawing", "forecast", "risk register", "offer",
                  "packing list", "specification", "cost estimate", "floor plan", "checklist", "certificate"),
        "part": ("gearbox", "valve block", "sensor", "mounting plate", "control unit", "pump", "heat exchanger",
                 "bearing",
                 "cable harness", "display"),
        "place": ("Leeds", "Rotterdam", "the Porto site", "Gothenburg", "Dublin", "the new warehouse", "Singapore",
                  "head office", "Kraków", "the Zürich branch"),
        "department": ("Finance", "Purchasing", "Engineering", "Legal", "the works council", "Sales", "the board"),
        "day": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday"),
        "month": ("January", "February", "March", "April", "May", "June", "September", "October", "November"),
    },
)  # fmt: skip

GERMAN = Vocabulary(
    reply="AW: ",
    forward="WG: ",
    greetings=("Hallo {name},", "Guten Morgen {name},", "Liebe Kolleginnen und Kollegen,",
               "Moin {name},", "Hallo zusammen,"),
    closings=("Mit freundlichen Grüßen", "Viele Grüße", "Beste Grüße", "Schöne Grüße aus {place}", "Danke und Gruß"),
    quote_header="Von: {sender}\nGesendet: {date}\nAn: {to}\nBetreff: {subject}",
    subjects=(
        "{project}: {Thing} für {month}", "Rückfrage zu {thing}", "Protokoll vom {day}", "Besuch aus {place}",
        "{part} - Prüfergebnis", "Lieferung {n} verspätet", "Rechnung {n}", "Mittagessen am {day}?",
        "Urlaubsvertretung {month}",
        "Übergabe {project}", "Dienstreise nach {place}", "Größere Änderung an {thing}",
    ),
    sentences=(
        "Anbei: {thing} zum Projekt {project}, bitte bis {day} gegenlesen.",
        "Die Prüfung ({part}) lief {small} Stunden ohne Störung.",
        "{place} möchte wissen, ob wir schon im {month} liefern können.",
        "Der Lieferant hält den Preis von {amount} bis Ende {month}.",
        "Für {department} fehlt noch die Unterschrift auf Seite {small}.",
        "Am {day} gingen {n} Stück nach {place}, zwei Paletten weniger als vereinbart.",
        "Ungefähr {percent} der Bestellungen für {part} sind durch, der Rest wartet.",
        "Können wir das kurz am Telefon klären, bevor es größere Kreise zieht?",
        "Die alte Zeichnung widerspricht der neuen im Abschnitt {small}, ich habe die Stellen markiert.",
        "Ich bin am {day} außer Haus und ab {month} wieder erreichbar.",
        "Mit {amount} bleiben wir im genehmigten Rahmen.",
        "Bitte nicht weiterleiten, solange das nicht durch {department} gegangen ist.",
        "Der Kunde nimmt die Lieferung ({part}) ab, besteht aber auf einer neuen Fassung.",
        "Das Besprechungszimmer ist ab zehn Uhr gebucht, der Beamer geht wieder.",
    ),
    answers=(
        "Danke, das hilft weiter.", "Einverstanden, mit einer Anmerkung.", "Das sehe ich anders, siehe unten.",
        "Ich kümmere mich am {day} darum.", "Stimmt, das hatte ich übersehen.", "Von uns aus in Ordnung.",
        "Entschuldige die späte Antwort.", "Bitte {department} fragen, ich bin nicht zuständig.",
    ),
    slots={
        "thing": ("Angebot", "Preisliste", "Prüfbericht", "Vertrag", "Zeitplan", "Lastenheft", "Stückliste", "Entwurf"),
        "part": ("Getriebe", "Ventilblock", "Grundplatte", "Steuergerät", "Wärmetauscher", "Kabelbaum", "Lüfter"),
        "place": ("Lübeck", "Köln", "Zürich", "Graz", "das neue Lager", "die Zentrale", "Görlitz", "Łódź"),
        "department": ("die Buchhaltung", "den Einkauf", "die Konstruktion", "den Betriebsrat", "die Rechtsabteilung"),
        "day": ("Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag"),
        "month": ("Januar", "Februar", "März", "April", "Mai", "Juni", "September", "Oktober", "November"),
    },
)  # fmt: skip

FRENCH = Vocabulary(
    reply="RE : ",
    forward="TR : ",
    greetings=("Bonjour {name},", "Bonjour à tous,", "Cher {name},", "{name}, bonjour,"),
    closings=("Cordialement", "Bien à vous", "Merci d'avance", "À bientôt", "Bonne journée"),
    quote_header="De : {sender}\nEnvoyé : {date}\nÀ : {to}\nObjet : {subject}",
    subjects=(
        "{project} : {thing} de {month}", "Question sur {thing}", "Compte rendu de {day}", "Livraison {n} en retard",
        "Facture {n}", "Déplacement à {place}", "Congés de {month}", "Déjeuner {day} ?",
    ),
    sentences=(
        "Vous trouverez ci-joint {thing} du projet {project}, à relire avant {day}.",
        "L'essai avec {part} a duré {small} heures sans incident.",
        "{place} demande si l'on peut avancer la date à {month}.",
        "Le fournisseur maintient le prix de {amount} jusqu'à fin {month}.",
        "Il manque encore la signature de {department} à la page {small}.",
        "Environ {percent} des commandes pour {part} sont passées, le reste attend.",
        "Nous avons expédié {n} pièces vers {place}, deux palettes de moins que prévu.",
        "Merci de ne pas transférer ce message avant l'accord de {department}.",
        "La salle est réservée à partir de dix heures, et le café est prévu.",
        "À ce stade je préfère attendre {month} plutôt que d'envoyer {thing} inachevé.",
    ),
    answers=(
        "Merci, c'est très clair.", "D'accord, avec une remarque.", "Pas tout à fait, voir ci-dessous.",
        "Je m'en occupe {day}.", "Désolé pour cette réponse tardive.", "De notre côté, c'est bon.",
    ),
    slots={
        "thing": ("le devis", "le contrat", "le planning", "le rapport d'essai", "le cahier des charges", "le relevé"),
        "part": ("la pompe", "le réducteur", "l'échangeur", "la platine", "le capteur", "le faisceau de câbles"),
        "place": ("Liège", "Nîmes", "le siège", "Besançon", "l'entrepôt", "Genève"),
        "department": ("la comptabilité", "la production", "la direction", "l'ingénierie"),
        "day": ("lundi", "mardi", "mercredi", "jeudi", "vendredi"),
        "month": ("janvier", "février", "mars", "avril", "mai", "juin", "septembre", "octobre", "décembre"),
    },
)  # fmt: skip

SPANISH = Vocabulary(
    reply="RE: ",
    forward="RV: ",
    greetings=("Hola {name}:", "Buenos días, {name}:", "Estimados compañeros:", "Hola a todos:"),
    closings=("Un saludo", "Saludos cordiales", "Muchas gracias", "Hasta pronto"),
    quote_header="De: {sender}\nEnviado: {date}\nPara: {to}\nAsunto: {subject}",
    subjects=(
        "{project}: {thing} de {month}", "¿Quién tiene {thing}?", "Acta del {day}", "Envío {n} con retraso",
        "Factura {n}", "Viaje a {place}", "Vacaciones de {month}",
    ),
    sentences=(
        "Adjunto {thing} del proyecto {project}; por favor, revisadlo antes del {day}.",
        "La prueba con {part} duró {small} horas sin ningún fallo.",
        "{place} pregunta si podemos adelantar la fecha a {month}.",
        "El proveedor mantiene el precio de {amount} hasta finales de {month}.",
        "Todavía falta la firma de {department} en la página {small}.",
        "Ya se ha tramitado el {percent} de los pedidos para {part}; lo demás está pendiente.",
        "El año pasado enviamos {n} piezas a {place} sin una sola reclamación.",
        "¿Podría alguien de {department} confirmar que hay presupuesto?",
    ),
    answers=(
        "Gracias, queda claro.", "De acuerdo, con un comentario.", "No exactamente, mira más abajo.",
        "Me encargo el {day}.", "Perdona la tardanza.",
    ),
    slots={
        "thing": ("el presupuesto", "el contrato", "el informe", "el calendario", "la lista de precios"),
        "part": ("la bomba", "el reductor", "el sensor", "la placa", "el intercambiador"),
        "place": ("Córdoba", "A Coruña", "la sede", "el almacén nuevo", "Logroño"),
        "department": ("contabilidad", "compras", "dirección", "ingeniería"),
        "day": ("lunes", "martes", "miércoles", "jueves", "viernes"),
        "month": ("enero", "febrero", "marzo", "abril", "mayo", "junio", "septiembre", "octubre"),
    },
)  # fmt: skip

RUSSIAN = Vocabulary(
    reply="RE: ",
    forward="FW: ",
    greetings=("Здравствуйте, {name}!", "Добрый день, {name}!", "Коллеги, добрый день!"),
    closings=("С уважением", "Спасибо", "Всего доброго"),
    quote_header="От: {sender}\nОтправлено: {date}\nКому: {to}\nТема: {subject}",
    subjects=("{project}: {thing} за {month}", "Вопрос: {thing}", "Счёт {n}", "Командировка: {place}"),
    sentences=(
        "Во вложении {thing} по проекту {project}, посмотрите, пожалуйста, до {day}.",
        "Испытание длилось {small} часов, отказов не было.",
        "{place} спрашивает, можно ли перенести срок на {month}.",
        "Поставщик сохраняет цену {amount} до конца месяца.",
        "Выполнено около {percent} заказов, остальное ждёт подписи.",
    ),
    answers=("Спасибо, всё понятно.", "Согласна, но есть замечание.", "Не совсем так, смотрите ниже."),
    slots={
        "thing": ("отчёт", "договор", "смета", "чертёж", "прейскурант"),
        "place": ("Петербург", "новый склад", "центральный офис"),
        "day": ("понедельника", "среды", "четверга", "пятницы"),
        "month": ("январь", "март", "июнь", "октябрь"),
    },
)  # fmt: skip

GREEK = Vocabulary(
    reply="ΑΠ: ",
    forward="ΠΡΘ: ",
    greetings=("Καλημέρα {name},", "Αγαπητοί συνάδελφοι,"),
    closings=("Με εκτίμηση", "Ευχαριστώ πολύ"),
    quote_header="Από: {sender}\nΣτάλθηκε: {date}\nΠρος: {to}\nΘέμα: {subject}",
    subjects=("{project}: {thing}", "Τιμολόγιο {n}", "Ταξίδι: {place}"),
    sentences=(
        "Επισυνάπτεται {thing} για το έργο {project}, παρακαλώ δείτε το ως την {day}.",
        "Η δοκιμή κράτησε {small} ώρες χωρίς βλάβη.",
        "Ο προμηθευτής κρατά την τιμή {amount} ως το τέλος του μήνα.",
    ),
    answers=("Ευχαριστώ, είναι σαφές.", "Συμφωνώ, με μια παρατήρηση."),
    slots={
        "thing": ("η προσφορά", "το σχέδιο", "η σύμβαση"),
        "place": ("Θεσσαλονίκη", "η αποθήκη"),
        "day": ("Δευτέρα", "Τετάρτη", "Παρασκευή"),
    },
)  # fmt: skip

JAPANESE = Vocabulary(
    reply="RE: ",
    forward="FW: ",
    greetings=("{name}様", "皆様"),
    closings=("よろしくお願いいたします。", "以上、よろしくお願いします。"),
    quote_header="差出人: {sender}\n送信日時: {date}\n宛先: {to}\n件名: {subject}",
    subjects=("{project}: {thing}の件", "請求書 {n}", "{place}出張について"),
    sentences=(
        "{project}の{thing}を添付いたします。{day}までにご確認ください。",
        "試験は{small}時間、問題なく終了しました。",
        "仕入先は{amount}の価格を月末まで維持するとのことです。",
    ),
    answers=("ご連絡ありがとうございます。", "承知いたしました。一点だけ補足します。"),
    slots={
        "thing": ("見積書", "図面", "契約書", "工程表"),
        "place": ("大阪", "本社", "新倉庫"),
        "day": ("月曜日", "水曜日", "金曜日"),
    },
)  # fmt: skip

VOCABULARIES = {
    "en": ENGLISH, "de": GERMAN, "fr": FRENCH, "es": SPANISH, "ru": RUSSIAN, "el": GREEK, "ja": JAPANESE,
}  # fmt: skip
