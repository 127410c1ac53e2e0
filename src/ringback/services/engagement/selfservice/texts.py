"""What customers read, by language. A new language is one more `Texts`, and its line in `LANGUAGES`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

_PREFERENCE = re.compile(r"\s*([A-Za-z]{1,8})(?:-[A-Za-z0-9-]*)?\s*(?:;\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*)?")
_LONGEST_HEADER = 500


@dataclass(frozen=True, slots=True)
class Texts:
    """All texts of one language; `{…}` stand for what is put in. `day` writes a date without its year."""

    name: str
    title: str
    day: Callable[[datetime], str]
    steps: tuple[str, str, str, str]
    heads: Mapping[str, str]
    bodies: Mapping[str, str]
    place: str
    first: str
    place_unknown: str
    wait_range: str
    wait_about: str
    wait_soon: str
    wait_unknown: str
    wait_nobody: str
    number: str
    number_again: str
    at: str
    refresh: str
    now: str
    now_hint: str
    move: str
    move_pick: str
    move_do: str
    move_none: str
    places: str
    cancel: str
    cancel_ask: str
    cancel_do: str
    done: Mapping[str, str]
    refused: Mapping[str, str]
    over_head: str
    over: str
    away_head: str
    away: str
    zone: str
    language: str


def _days(*names: str) -> tuple[str, ...]:
    return names


_EN_DAYS = _days("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_EN_MONTHS = _days(
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December",
)  # fmt: skip
_DE_DAYS = _days("Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag")
_DE_MONTHS = _days(
    "Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober",
    "November", "Dezember",
)  # fmt: skip
_FR_DAYS = _days("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")
_FR_MONTHS = _days(
    "janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre",
    "novembre", "décembre",
)  # fmt: skip
_ES_DAYS = _days("lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo")
_ES_MONTHS = _days(
    "enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre",
    "noviembre", "diciembre",
)  # fmt: skip


def _english(at: datetime) -> str:
    return f"{_EN_DAYS[at.weekday()]}, {at.day} {_EN_MONTHS[at.month - 1]}"


def _german(at: datetime) -> str:
    return f"{_DE_DAYS[at.weekday()]}, {at.day}. {_DE_MONTHS[at.month - 1]}"


def _french(at: datetime) -> str:
    day = "1er" if at.day == 1 else str(at.day)
    return f"{_FR_DAYS[at.weekday()]} {day} {_FR_MONTHS[at.month - 1]}"


def _spanish(at: datetime) -> str:
    return f"{_ES_DAYS[at.weekday()]}, {at.day} de {_ES_MONTHS[at.month - 1]}"


LANGUAGES: dict[str, Texts] = {
    "en": Texts(
        name="English",
        title="Your callback",
        day=_english,
        steps=("Booked", "In line", "Calling", "Talking"),
        heads={
            "scheduled": "We will call you",
            "retry": "We will try again",
            "waiting": "You are in line",
            "calling": "We are calling you now",
            "talking": "You are talking to us",
            "done": "Thank you for talking to us",
            "cancelled": "Your callback is cancelled",
            "missed": "We could not reach you",
        },
        bodies={
            "scheduled": "Nothing more to do: just be near your phone.",
            "retry": "We called and could not reach you. You have kept your place in line.",
            "waiting": "You need not stay on the phone. We will call as soon as it is your turn.",
            "calling": "Please pick up: somebody is ready for you.",
            "talking": "This page has done its work.",
            "done": "This callback is finished.",
            "cancelled": "We will not call. You can ask for a new callback at any time.",
            "missed": "This callback is over. Please ask for a new one.",
        },
        place="Place in line",
        first="You are next",
        place_unknown="Your place in line is being looked up.",
        wait_range="Probably {low} to {high} minutes from now.",
        wait_about="In about {low} minutes.",
        wait_soon="In about a minute, or less.",
        wait_unknown="How long it will take cannot be said at the moment.",
        wait_nobody="Nobody is at work here at the moment. You keep your place.",
        number="We will call {number}.",
        number_again="We will call {number} again.",
        at="at {time}",
        refresh="Look again",
        now="Call me now",
        now_hint="We call as soon as somebody is free.",
        move="Another time",
        move_pick="Pick a time",
        move_do="Move my callback",
        move_none="There is no free time at the moment.",
        places="times",
        cancel="Cancel the callback",
        cancel_ask="You will not be called, and your place in line is given up.",
        cancel_do="Yes, cancel it",
        done={
            "cancelled": "Your callback is cancelled.",
            "moved": "Your callback has been moved.",
            "now": "We will call you as soon as somebody is free.",
        },
        refused={
            "no-capacity": "This time has just been taken. Please pick another one.",
            "out-of-office-hours": "Nobody can call you at this time. Please pick another one.",
            "callback-in-conversation": "It is too late for that: you are being connected.",
            "callback-wrong-state": "It is too late for that: we are calling you already.",
            "callback-completed": "This callback is over already.",
            "too-often": "That was a little too often. Please wait a minute.",
            "": "That did not work. Please try again.",
        },
        over_head="This link does not open anything",
        over="It may be over, or it was not copied whole. Please ask for a new callback if you need one.",
        away_head="Please try again in a moment",
        away="Your callback is safe; only this page cannot be shown right now.",
        zone="Times are those of {zone}.",
        language="Language",
    ),
    "de": Texts(
        name="Deutsch",
        title="Ihr Rückruf",
        day=_german,
        steps=("Gebucht", "In der Reihe", "Anruf", "Gespräch"),
        heads={
            "scheduled": "Wir rufen Sie an",
            "retry": "Wir versuchen es noch einmal",
            "waiting": "Sie sind in der Reihe",
            "calling": "Wir rufen Sie gerade an",
            "talking": "Sie sprechen gerade mit uns",
            "done": "Danke für das Gespräch",
            "cancelled": "Ihr Rückruf ist abgesagt",
            "missed": "Wir haben Sie nicht erreicht",
        },
        bodies={
            "scheduled": "Sie brauchen nichts weiter zu tun: Bleiben Sie nur in der Nähe Ihres Telefons.",
            "retry": "Wir haben angerufen und Sie nicht erreicht. Ihr Platz in der Reihe bleibt Ihnen.",
            "waiting": "Sie müssen nicht am Telefon warten. Wir rufen an, sobald Sie an der Reihe sind.",
            "calling": "Bitte nehmen Sie ab: Es ist jemand für Sie da.",
            "talking": "Diese Seite hat ihre Arbeit getan.",
            "done": "Dieser Rückruf ist erledigt.",
            "cancelled": "Wir rufen nicht an. Sie können jederzeit einen neuen Rückruf erbitten.",
            "missed": "Dieser Rückruf ist beendet. Bitte erbitten Sie einen neuen.",
        },
        place="Platz in der Reihe",
        first="Sie sind als Nächstes dran",
        place_unknown="Ihr Platz in der Reihe wird gerade ermittelt.",
        wait_range="Voraussichtlich in {low} bis {high} Minuten.",
        wait_about="In etwa {low} Minuten.",
        wait_soon="In etwa einer Minute oder früher.",
        wait_unknown="Wie lange es dauert, lässt sich im Moment nicht sagen.",
        wait_nobody="Zurzeit arbeitet hier niemand. Ihr Platz bleibt Ihnen.",
        number="Wir rufen die Nummer {number} an.",
        number_again="Wir rufen die Nummer {number} noch einmal an.",
        at="um {time} Uhr",
        refresh="Neu nachsehen",
        now="Jetzt anrufen",
        now_hint="Wir rufen an, sobald jemand frei ist.",
        move="Andere Zeit",
        move_pick="Zeit wählen",
        move_do="Rückruf verlegen",
        move_none="Im Moment ist keine Zeit frei.",
        places="Zeiten",
        cancel="Rückruf absagen",
        cancel_ask="Sie werden nicht angerufen, und Ihr Platz in der Reihe wird frei.",
        cancel_do="Ja, absagen",
        done={
            "cancelled": "Ihr Rückruf ist abgesagt.",
            "moved": "Ihr Rückruf ist verlegt.",
            "now": "Wir rufen Sie an, sobald jemand frei ist.",
        },
        refused={
            "no-capacity": "Diese Zeit ist eben vergeben worden. Bitte wählen Sie eine andere.",
            "out-of-office-hours": "Zu dieser Zeit kann niemand anrufen. Bitte wählen Sie eine andere.",
            "callback-in-conversation": "Dafür ist es zu spät: Sie werden gerade verbunden.",
            "callback-wrong-state": "Dafür ist es zu spät: Wir rufen Sie schon an.",
            "callback-completed": "Dieser Rückruf ist schon beendet.",
            "too-often": "Das war etwas zu oft. Bitte warten Sie eine Minute.",
            "": "Das hat nicht geklappt. Bitte versuchen Sie es noch einmal.",
        },
        over_head="Dieser Link öffnet nichts",
        over="Vielleicht ist er abgelaufen oder nicht ganz kopiert. Bitte erbitten Sie sonst einen neuen.",
        away_head="Bitte versuchen Sie es gleich noch einmal",
        away="Ihr Rückruf ist sicher; nur diese Seite lässt sich gerade nicht zeigen.",
        zone="Zeiten gelten für {zone}.",
        language="Sprache",
    ),
    "fr": Texts(
        name="Français",
        title="Votre rappel",
        day=_french,
        steps=("Réservé", "Dans la file", "Appel", "Conversation"),
        heads={
            "scheduled": "Nous vous appellerons",
            "retry": "Nous allons réessayer",
            "waiting": "Vous êtes dans la file",
            "calling": "Nous vous appelons",
            "talking": "Vous êtes en ligne avec nous",
            "done": "Merci pour cet échange",
            "cancelled": "Votre rappel est annulé",
            "missed": "Nous n’avons pas pu vous joindre",
        },
        bodies={
            "scheduled": "Vous n’avez rien d’autre à faire : gardez votre téléphone à portée de main.",
            "retry": "Nous avons appelé sans vous joindre. Vous gardez votre place dans la file.",
            "waiting": "Inutile de rester en ligne. Nous appelons dès que c’est votre tour.",
            "calling": "Décrochez, s’il vous plaît : quelqu’un est prêt pour vous.",
            "talking": "Cette page n’a plus rien à faire.",
            "done": "Ce rappel est terminé.",
            "cancelled": "Nous n’appellerons pas. Vous pouvez demander un nouveau rappel à tout moment.",
            "missed": "Ce rappel est terminé. Veuillez en demander un nouveau.",
        },
        place="Place dans la file",
        first="C’est bientôt à vous",
        place_unknown="Nous cherchons votre place dans la file.",
        wait_range="Probablement dans {low} à {high} minutes.",
        wait_about="Dans environ {low} minutes.",
        wait_soon="Dans une minute environ, ou moins.",
        wait_unknown="Pour le moment, nous ne pouvons pas dire combien de temps cela prendra.",
        wait_nobody="Personne ne travaille ici pour le moment. Vous gardez votre place.",
        number="Nous appellerons le {number}.",
        number_again="Nous rappellerons le {number}.",
        at="à {time}",
        refresh="Actualiser",
        now="Appelez-moi maintenant",
        now_hint="Nous appelons dès que quelqu’un est libre.",
        move="Un autre moment",
        move_pick="Choisir un moment",
        move_do="Déplacer mon rappel",
        move_none="Aucun moment n’est libre actuellement.",
        places="moments",
        cancel="Annuler le rappel",
        cancel_ask="Vous ne serez pas appelé et votre place dans la file sera libérée.",
        cancel_do="Oui, annuler",
        done={
            "cancelled": "Votre rappel est annulé.",
            "moved": "Votre rappel est déplacé.",
            "now": "Nous vous appelons dès que quelqu’un est libre.",
        },
        refused={
            "no-capacity": "Ce moment vient d’être pris. Veuillez en choisir un autre.",
            "out-of-office-hours": "Personne ne peut appeler à ce moment. Veuillez en choisir un autre.",
            "callback-in-conversation": "C’est trop tard : vous êtes mis en relation.",
            "callback-wrong-state": "C’est trop tard : nous vous appelons déjà.",
            "callback-completed": "Ce rappel est déjà terminé.",
            "too-often": "C’était un peu trop souvent. Veuillez attendre une minute.",
            "": "Cela n’a pas fonctionné. Veuillez réessayer.",
        },
        over_head="Ce lien n’ouvre rien",
        over="Il a peut-être expiré ou n’a pas été copié en entier. Demandez un nouveau rappel si besoin.",
        away_head="Veuillez réessayer dans un instant",
        away="Votre rappel est bien enregistré ; seule cette page ne peut pas s’afficher.",
        zone="Heures de {zone}.",
        language="Langue",
    ),
    "es": Texts(
        name="Español",
        title="Su llamada",
        day=_spanish,
        steps=("Reservada", "En la fila", "Llamando", "Hablando"),
        heads={
            "scheduled": "Le llamaremos",
            "retry": "Lo intentaremos de nuevo",
            "waiting": "Está en la fila",
            "calling": "Le estamos llamando",
            "talking": "Está hablando con nosotros",
            "done": "Gracias por hablar con nosotros",
            "cancelled": "Su llamada está cancelada",
            "missed": "No hemos podido localizarle",
        },
        bodies={
            "scheduled": "No tiene que hacer nada más: tenga el teléfono cerca.",
            "retry": "Le llamamos y no pudimos localizarle. Conserva su lugar en la fila.",
            "waiting": "No hace falta que espere al teléfono. Le llamaremos cuando sea su turno.",
            "calling": "Conteste, por favor: hay alguien listo para atenderle.",
            "talking": "Esta página ya ha cumplido.",
            "done": "Esta llamada ha terminado.",
            "cancelled": "No le llamaremos. Puede pedir otra llamada cuando quiera.",
            "missed": "Esta petición ha terminado. Pida otra llamada, por favor.",
        },
        place="Lugar en la fila",
        first="Es el siguiente",
        place_unknown="Estamos consultando su lugar en la fila.",
        wait_range="Probablemente en {low} a {high} minutos.",
        wait_about="En unos {low} minutos.",
        wait_soon="En un minuto más o menos.",
        wait_unknown="En este momento no se puede decir cuánto tardará.",
        wait_nobody="Ahora mismo no hay nadie atendiendo. Conserva su lugar.",
        number="Llamaremos al {number}.",
        number_again="Llamaremos de nuevo al {number}.",
        at="a las {time}",
        refresh="Actualizar",
        now="Llámenme ahora",
        now_hint="Llamamos en cuanto haya alguien libre.",
        move="Otra hora",
        move_pick="Elija una hora",
        move_do="Cambiar la hora",
        move_none="No hay ninguna hora libre en este momento.",
        places="horas",
        cancel="Cancelar la llamada",
        cancel_ask="No le llamaremos y su lugar en la fila quedará libre.",
        cancel_do="Sí, cancelar",
        done={
            "cancelled": "Su llamada está cancelada.",
            "moved": "Hemos cambiado la hora de su llamada.",
            "now": "Le llamaremos en cuanto haya alguien libre.",
        },
        refused={
            "no-capacity": "Esa hora se acaba de ocupar. Elija otra, por favor.",
            "out-of-office-hours": "A esa hora nadie puede llamarle. Elija otra, por favor.",
            "callback-in-conversation": "Ya es tarde: le estamos conectando.",
            "callback-wrong-state": "Ya es tarde: le estamos llamando.",
            "callback-completed": "Esta petición ya ha terminado.",
            "too-often": "Ha sido demasiado seguido. Espere un minuto, por favor.",
            "": "No ha funcionado. Inténtelo de nuevo, por favor.",
        },
        over_head="Este enlace no abre nada",
        over="Puede que haya caducado o que no se copiara entero. Si la necesita, pida otra llamada.",
        away_head="Inténtelo de nuevo en un momento",
        away="Su llamada está guardada; solo que esta página no se puede mostrar ahora.",
        zone="Horas de {zone}.",
        language="Idioma",
    ),
}
DEFAULT = "en"


def language_for(asked: str, accepts: str, own: str) -> str:
    """The language of a page: what was asked for, else what the browser prefers, else the callback's own."""
    if asked in LANGUAGES:
        return asked
    for code in _preferred(accepts):
        if code in LANGUAGES:
            return code
    code = own.partition("-")[0].lower()
    return code if code in LANGUAGES else DEFAULT


def _preferred(header: str) -> list[str]:
    """The codes of an Accept-Language header, the most wanted first (RFC 9110 12.5.4); `q=0`: not wanted."""
    found: list[tuple[float, int, str]] = []
    for part in header[:_LONGEST_HEADER].split(","):
        if match := _PREFERENCE.fullmatch(part):
            found.append((-float(match[2] or 1), len(found), match[1].lower()))
    return [code for weight, _, code in sorted(found) if weight < 0]
