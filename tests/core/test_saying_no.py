"""What is a "no" in somebody's own words, and what only looks like one."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.saying_no import own_words, says_more, says_no

NOES = """
abmelden
Abmelden!
Bitte abmelden.
bitte abmelden, danke
STOP
Stopp
stop please
Unsubscribe
unsubscribe me
please unsubscribe
Keine Werbung
Bitte keine Werbung mehr!
Bitte keine Mails mehr
Ich möchte keine weiteren E-Mails von Ihnen.
Ich möchte keine Newsletter mehr erhalten
Bitte schicken Sie mir keine E-Mails mehr.
Bitte melden Sie mich vom Newsletter ab.
Hiermit möchte ich mich vom Newsletter abmelden.
Ich will mich abmelden
Newsletter abbestellen
Tragen Sie mich bitte aus!
Bitte nehmen Sie mich aus dem Verteiler.
Bitte streichen Sie mich aus Ihrer Mailingliste
Bitte nicht mehr anschreiben
Hören Sie auf, mir zu schreiben
Lassen Sie mich in Ruhe!
Ich widerspreche der Nutzung meiner Daten zu Werbezwecken.
Ich widerrufe meine Einwilligung.
Ich ziehe meine Einwilligung zurück
remove me
Please remove me from your list
Take me off your mailing list.
stop sending me this
Stop emailing me!!
Please do not contact me again
don't email me
don\u2019t send me any more of this
I no longer want to receive your emails
I don't want your newsletter
No more emails please
opt out
leave me alone
I withdraw my consent
I object to direct marketing
désabonner
Se désabonner: me désabonner svp
Merci de me désinscrire de votre liste
désabonnez-moi
Je ne souhaite plus recevoir vos mails
Ne m'envoyez plus de mails
Plus de publicité s'il vous plaît
Retirez-moi de votre liste
stop pub
baja
Quiero darme de baja
Por favor, denme de baja
No quiero recibir más correos
No me envíen más publicidad
No más correos por favor
dejen de enviarme correos
afmelden
Graag uitschrijven: ik wil mij uitschrijven
Ik wil geen reclame meer
Geen mails meer graag
Schrijf mij uit
verwijder mij uit uw bestand
stop met mailen
cancellami
Cancellatemi dalla lista
Voglio disiscrivermi
Non voglio più ricevere le vostre mail
Non scrivetemi più
Niente pubblicità
Basta mail!
rimuovetemi
I did not ask for this please unsubscribe
Do not want. Unsubscribe
no, unsubscribe me
Guten Tag,\\n\\nabmelden\\n\\nViele Grüße
""".strip().splitlines()

NOT = """
Vielen Dank für den Gutschein!
Wann kommt meine Bestellung?
Ist der Pullover noch in Blau da?
Ich möchte mich nicht abmelden, nur die Adresse ändern.
Bitte mich nicht vom Newsletter abmelden!
Please do not unsubscribe me, I like your mails
I do not want to unsubscribe
please don't remove me from your list
I stopped by your store last week and it was great
Can you stop my order 1234? I entered the wrong address
The bus stop is near your shop
Thanks, no more questions from my side
I have no further questions
Nein danke, das Angebot passt gerade nicht
Keine Ahnung, warum der Code nicht geht
keine Angabe
Ich habe keine Rechnung bekommen
Mein Paket ist nicht angekommen, bitte nicht mehr warten
Das Kleid passt nicht, wie geht die Rücksendung?
Je ne comprends pas votre message
No tengo la factura, pueden enviarla?
No me llegó el paquete
Ik heb geen factuur ontvangen
Non ho ricevuto il pacco
Geen probleem, bedankt
I will be out of the office until Monday
Ne vous désabonnez pas de moi, j'aime vos mails
Please send me more offers
Bitte mehr davon!
""".strip().splitlines()


@pytest.mark.parametrize("said", NOES)
def test_a_no_in_any_of_six_languages(said: str) -> None:
    """With or without a please, capitals, accents or a whole sentence around it."""
    words = said.replace("\\n", "\n").replace("\\u2019", "\u2019")
    assert says_no(words), words
    assert says_no(words.upper()), words


@pytest.mark.parametrize("said", NOT)
def test_what_is_none(said: str) -> None:
    """Questions, thanks, and those who say that they want to stay."""
    assert not says_no(said), said


def test_our_own_footer_is_nobodys_no() -> None:
    """What was quoted, what holds a link, and what stands below the signature are not the writer's words."""
    reply = (
        "Danke, die Jacke ist toll!\n\n"
        "> Wir vermissen Sie.\n> Abmelden: https://shop.example/u/abc\n> Unsubscribe\n"
        "Abmelden: https://shop.example/u/abc\n"
        "--\nAda\nUnsubscribe from our list\n"
    )
    assert own_words(reply).strip() == "Danke, die Jacke ist toll!"
    assert not says_no(reply)
    assert says_no("Abmelden\n" + reply)


@pytest.mark.parametrize(
    "subject", ["Abmelden", "unsubscribe", "Bitte keine Werbung mehr", "UNSUBSCRIBE", "Newsletter abbestellen"]
)
def test_a_subject_of_their_own_counts(subject: str) -> None:
    """As mail programs write it for an unsubscribe by mail, with nothing in the body."""
    assert says_no("", subject)
    for answered in ("Re: ", "AW: ", "Fwd: ", "Antw: ", "RE[2]: "):
        assert not says_no("Danke!", answered + subject), "the subject of a reply is ours"


def test_a_no_with_more_to_it_is_for_a_person_too() -> None:
    """Who writes a whole story beside it wants to be read."""
    assert not says_more("Bitte abmelden, danke!")
    assert says_more(
        "Bitte abmelden. Und wo ist meine Bestellung 123? Ich warte seit drei Wochen darauf, niemand antwortet."
    )


@given(st.text(max_size=300))
def test_any_text_is_answered(text: str) -> None:
    """Whatever somebody writes."""
    assert says_no(text) in (True, False)


def test_long_texts_take_no_long_time() -> None:
    """Bounded, and linear within the bound."""
    began = time.perf_counter()
    for piece in ("abmelden nicht ", "mich ", "no more ", "kein ", "stop ", "\n", "e-mails " * 3, "a"):
        says_no(piece * 200_000, piece * 1_000)
    assert time.perf_counter() - began < 2
