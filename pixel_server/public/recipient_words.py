"""The sentences of the recipient's page, in plain words, one value a language. Adding a language is adding a value."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ledger.recipients import RecipientView


@dataclass(frozen=True, slots=True)
class Words:
    code: str
    own_name: str
    title: str
    both: str
    only_opens: str
    only_links: str
    unknown: str
    nothing: str
    counts: str
    times: str
    devices: str
    shared: str
    kept: str
    counted: str
    question: str
    question_shared: str  # of a copy of which nobody can tell whose it is, so no other mail is touched
    opens: str
    links: str
    erase_too: str
    stop_button: str
    erase_button: str
    not_recording: str
    stopped: str
    erased: str
    stopped_shared: str
    erased_shared: str
    others_stay: str  # said behind these two
    failed: str
    links_work: str
    privacy: str

    def what(self, view: RecipientView | None) -> str:
        """What the message was made to tell."""
        if view is None:
            return self.unknown
        if view.opens and view.links:
            return self.both
        return self.only_opens if view.opens else self.only_links

    def recorded(self, view: RecipientView | None) -> str:
        if view is None or not (view.open_hits or view.click_hits):
            return self.nothing
        sentence = self.counts.format(opens=view.open_hits, clicks=view.click_hits)
        if view.first_at is not None and view.last_at is not None:
            sentence += " " + self.times.format(first=_time(view.first_at), last=_time(view.last_at))
        return sentence


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M UTC")


_ENGLISH = Words(
    code="en",
    own_name="English",
    title="What this message records about you",
    both="The sender wanted to know whether you open the message and which of its links you follow.",
    only_opens="The sender wanted to know whether you open the message.",
    only_links="The sender wanted to know which of the message's links you follow.",
    unknown="Nothing is known here about this message any more.",
    nothing="So far nothing is recorded.",
    counts="Recorded so far: pictures loaded: {opens}; links followed: {clicks}.",
    times="First on {first}, last on {last}.",
    devices="Kept with it: {devices}.",
    shared="Several people got the same copy, so nobody can tell which of you it was.",
    kept="The single records are deleted after {days} days at the latest.",
    counted="Only numbers per day are kept, of all who got the message together.",
    question="What shall no longer be recorded when you read mail you have, or will get, from this sender?",
    question_shared="What shall no longer be recorded of this message, for all who got this copy?",
    opens="whether I open it",
    links="which links I follow",
    erase_too="Also erase what was recorded",
    stop_button="Stop recording",
    erase_button="Erase what was recorded",
    not_recording="Nothing more is recorded.",
    stopped="Done. What you chose is recorded no more, for mail you already have from this sender too.",
    erased="Done. What you chose is erased, and recorded no more, for mail you already have from this sender too.",
    stopped_shared="Done. What you chose is no longer recorded for this message, whoever of you reads it.",
    erased_shared="Done. What you chose is erased, and no longer recorded for this message, whoever of you reads it.",
    others_stay="Other mail from this sender is as it was: nobody can tell which of you asked.",
    failed="That did not work, or not completely. Please try again in a few minutes.",
    links_work="The links in the message go on working, whatever you choose.",
    privacy="Privacy",
)
_JAPANESE = Words(
    code="ja",
    own_name="日本語",
    title="このメールで記録されること",
    both="送信者は、このメールが開かれたかどうか、どのリンクが開かれたかを知ろうとしています。",
    only_opens="送信者は、このメールが開かれたかどうかを知ろうとしています。",
    only_links="送信者は、このメールのどのリンクが開かれたかを知ろうとしています。",
    unknown="このメールについては、もう何も保存されていません。",
    nothing="まだ何も記録されていません。",
    counts="これまでの記録：画像の読み込み {opens} 回、リンクの利用 {clicks} 回。",
    times="最初は {first}、最後は {last}。",
    devices="一緒に保存されているもの：{devices}。",
    shared="同じメールが複数の人に届いているため、誰の記録かは分かりません。",
    kept="個々の記録は、遅くとも {days} 日後に削除されます。",
    counted="受信者全員を合わせた一日ごとの数だけが保存されています。",
    question="この送信者から届いた、またはこれから届くメールについて、今後記録しないものをお選びください。",
    question_shared="このメールについて（受け取った方全員分）、今後記録しないものをお選びください。",
    opens="メールを開いたかどうか",
    links="どのリンクを開いたか",
    erase_too="これまでの記録も消去する",
    stop_button="記録を停止する",
    erase_button="これまでの記録を消去する",
    not_recording="今後は何も記録されません。",
    stopped="停止しました。選ばれたものは、すでに届いているメールも含め、今後は記録されません。",
    erased="消去しました。選ばれたものは、すでに届いているメールも含め、今後は記録されません。",
    stopped_shared="停止しました。選ばれたものは、このメールについて、受け取った全員分が今後は記録されません。",
    erased_shared="消去しました。選ばれたものは、このメールについて、受け取った全員分が今後は記録されません。",
    others_stay="どなたの操作かは分からないため、この送信者のほかのメールはこれまでどおりです。",
    failed="処理できなかったか、一部しか完了していません。数分後にもう一度お試しください。",
    links_work="どちらを選んでも、メール内のリンクはこれまでどおり使えます。",
    privacy="プライバシー",
)
_GERMAN = Words(
    code="de",
    own_name="Deutsch",
    title="Was diese Nachricht über Sie aufzeichnet",
    both="Der Absender wollte wissen, ob Sie die Nachricht öffnen und welchen ihrer Links Sie folgen.",
    only_opens="Der Absender wollte wissen, ob Sie die Nachricht öffnen.",
    only_links="Der Absender wollte wissen, welchen Links der Nachricht Sie folgen.",
    unknown="Über diese Nachricht ist hier nichts mehr bekannt.",
    nothing="Bisher ist nichts aufgezeichnet.",
    counts="Bisher aufgezeichnet: Bilder geladen: {opens}; Links aufgerufen: {clicks}.",
    times="Zuerst am {first}, zuletzt am {last}.",
    devices="Dazu gespeichert: {devices}.",
    shared="Mehrere Personen haben dieselbe Nachricht bekommen; niemand kann sagen, wer von Ihnen es war.",
    kept="Die einzelnen Aufzeichnungen werden spätestens nach {days} Tagen gelöscht.",
    counted="Gespeichert sind nur Zahlen je Tag, für alle Empfänger zusammen.",
    question="Was soll nicht mehr aufgezeichnet werden, wenn Sie Post dieses Absenders lesen, auch solche, die Sie "
    "schon haben?",
    question_shared="Was soll von dieser Nachricht nicht mehr aufgezeichnet werden, bei allen, die sie bekommen haben?",
    opens="ob ich sie öffne",
    links="welchen Links ich folge",
    erase_too="Auch löschen, was aufgezeichnet wurde",
    stop_button="Aufzeichnung beenden",
    erase_button="Löschen, was aufgezeichnet wurde",
    not_recording="Es wird nichts mehr aufgezeichnet.",
    stopped="Erledigt. Was Sie gewählt haben, wird nicht mehr aufgezeichnet, auch für Post, die Sie schon haben.",
    erased="Erledigt. Was Sie gewählt haben, ist gelöscht und wird nicht mehr aufgezeichnet, auch für Post, die Sie "
    "schon haben.",
    stopped_shared="Erledigt. Was Sie gewählt haben, wird von dieser Nachricht nicht mehr aufgezeichnet, wer von "
    "Ihnen sie auch liest.",
    erased_shared="Erledigt. Was Sie gewählt haben, ist gelöscht und wird von dieser Nachricht nicht mehr "
    "aufgezeichnet, wer von Ihnen sie auch liest.",
    others_stay="Für andere Post dieses Absenders bleibt es, wie es war: Niemand kann sagen, wer von Ihnen es "
    "gewünscht hat.",
    failed="Das ging nicht oder nicht ganz. Bitte versuchen Sie es in einigen Minuten noch einmal.",
    links_work="Die Links in der Nachricht funktionieren weiter, was immer Sie wählen.",
    privacy="Datenschutz",
)
_FRENCH = Words(
    code="fr",
    own_name="Français",
    title="Ce que ce message enregistre à votre sujet",
    both="L'expéditeur voulait savoir si vous ouvrez le message et quels liens vous suivez.",
    only_opens="L'expéditeur voulait savoir si vous ouvrez le message.",
    only_links="L'expéditeur voulait savoir quels liens du message vous suivez.",
    unknown="Plus rien n'est connu ici au sujet de ce message.",
    nothing="Rien n'est enregistré pour l'instant.",
    counts="Enregistré à ce jour : images chargées : {opens} ; liens suivis : {clicks}.",
    times="La première fois le {first}, la dernière le {last}.",
    devices="Conservé avec : {devices}.",
    shared="Plusieurs personnes ont reçu le même exemplaire ; nul ne peut dire laquelle d'entre vous c'était.",
    kept="Les enregistrements individuels sont supprimés au plus tard après {days} jours.",
    counted="Seuls des nombres par jour sont conservés, pour tous les destinataires ensemble.",
    question="Qu'est-ce qui ne doit plus être enregistré quand vous lisez des messages de cet expéditeur, y compris "
    "ceux que vous avez déjà ?",
    question_shared="Qu'est-ce qui ne doit plus être enregistré de ce message, pour tous ceux qui l'ont reçu ?",
    opens="si je les ouvre",
    links="quels liens je suis",
    erase_too="Effacer aussi ce qui a été enregistré",
    stop_button="Arrêter l'enregistrement",
    erase_button="Effacer ce qui a été enregistré",
    not_recording="Plus rien n'est enregistré.",
    stopped="C'est fait. Ce que vous avez choisi n'est plus enregistré, y compris pour les messages déjà reçus.",
    erased="C'est fait. Ce que vous avez choisi est effacé et n'est plus enregistré, y compris pour les messages déjà "
    "reçus.",
    stopped_shared="C'est fait. Ce que vous avez choisi n'est plus enregistré pour ce message, quel qu'en soit le "
    "lecteur.",
    erased_shared="C'est fait. Ce que vous avez choisi est effacé et n'est plus enregistré pour ce message, quel "
    "qu'en soit le lecteur.",
    others_stay="Rien ne change pour les autres messages de cet expéditeur : nul ne peut dire qui d'entre vous l'a "
    "demandé.",
    failed="Cela n'a pas fonctionné, ou pas entièrement. Veuillez réessayer dans quelques minutes.",
    links_work="Les liens du message continuent de fonctionner, quel que soit votre choix.",
    privacy="Confidentialité",
)
_ITALIAN = Words(
    code="it",
    own_name="Italiano",
    title="Che cosa registra questo messaggio su di lei",
    both="Il mittente voleva sapere se apre il messaggio e quali dei suoi link segue.",
    only_opens="Il mittente voleva sapere se apre il messaggio.",
    only_links="Il mittente voleva sapere quali link del messaggio segue.",
    unknown="Di questo messaggio qui non si sa più nulla.",
    nothing="Finora non è registrato nulla.",
    counts="Registrato finora: immagini caricate: {opens}; link seguiti: {clicks}.",
    times="La prima volta il {first}, l'ultima il {last}.",
    devices="Conservato insieme: {devices}.",
    shared="Più persone hanno ricevuto la stessa copia; nessuno può dire chi di voi sia stato.",
    kept="Le singole registrazioni vengono cancellate al più tardi dopo {days} giorni.",
    counted="Si conservano solo numeri al giorno, per tutti i destinatari insieme.",
    question="Che cosa non deve più essere registrato quando legge messaggi di questo mittente, anche quelli già "
    "ricevuti?",
    question_shared="Che cosa non deve più essere registrato di questo messaggio, per tutti coloro che l'hanno avuto?",
    opens="se li apro",
    links="quali link seguo",
    erase_too="Cancellare anche quanto è stato registrato",
    stop_button="Interrompere la registrazione",
    erase_button="Cancellare quanto è stato registrato",
    not_recording="Non viene registrato più nulla.",
    stopped="Fatto. Ciò che ha scelto non viene più registrato, anche per i messaggi già ricevuti.",
    erased="Fatto. Ciò che ha scelto è cancellato e non viene più registrato, anche per i messaggi già ricevuti.",
    stopped_shared="Fatto. Ciò che ha scelto non viene più registrato per questo messaggio, chiunque di voi lo legga.",
    erased_shared="Fatto. Ciò che ha scelto è cancellato e non viene più registrato per questo messaggio, chiunque "
    "di voi lo legga.",
    others_stay="Per gli altri messaggi di questo mittente non cambia nulla: nessuno può dire chi di voi l'abbia "
    "chiesto.",
    failed="Non ha funzionato, o non del tutto. Riprovi fra qualche minuto.",
    links_work="I link del messaggio continuano a funzionare, qualunque sia la sua scelta.",
    privacy="Privacy",
)
WORDS = {words.code: words for words in (_ENGLISH, _JAPANESE, _GERMAN, _FRENCH, _ITALIAN)}
