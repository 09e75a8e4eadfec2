"""The sentences of the page on privacy, one value a language; privacy_page.py chooses among them by the configuration.

Drafts for counsel and native speakers, not legal advice.
"""

# ruff: noqa: E501 - sentences

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PrivacyWords:
    """``topics`` in the order of privacy_page.facts; mappings go from a setting's value to what it means."""

    code: str
    title: str
    topics: tuple[str, ...]
    no_controller: str
    no_contact: str
    purposes: str
    identity: Mapping[str, str]
    basis: Mapping[str, str]
    consent_periods: str
    each_hit: str
    time: Mapping[bool, str]
    address: Mapping[str, str]
    agent: Mapping[str, str]
    verdict: str
    message: Mapping[bool, str]
    untracked: str
    gpc: str
    notice: str
    periods: str
    others: str
    links: str
    rights: str
    colon: str = ": "
    comma: str = ", "
    join: str = " "


_ENGLISH = PrivacyWords(
    "en",
    "What is recorded when you read our mail",
    (
        "Who is responsible",
        "Where to write",
        "Purposes",
        "How it is recorded",
        "On what basis",
        "What is kept",
        "For how long",
        "Who else gets it",
        "Links",
        "Your rights",
    ),
    "Not stated: the operator has not filled in the name yet.",
    "Not stated.",
    "Knowing whether a message was opened, and which of its links were followed.",
    {
        "individual": "For each message, and with one copy per recipient for each recipient.",
        "aggregate": "As numbers per day only, for messages to at least {minimum} recipients; no single opening is kept.",
        "off": "Nothing is recorded at present.",
    },
    {
        "required": "Only recipients who confirmed their consent are tracked, for each purpose apart. They can withdraw "
        "at any time by the link in each message; that holds for mail already delivered too.",
        "sender": "The sender decides for each message. Recipients can stop it for a sender by the link to their page, "
        "for mail already delivered too.",
    },
    "A consent holds {valid} days; after a request or a no nobody is asked again for {pause} days.",
    "For each opening and each followed link",
    {False: "the time", True: "the time to the minute"},
    {
        "truncate": "the network address without its last part",
        "none": "no network address",
        "full": "the network address",
    },
    {"family": "the kind of mail program", "none": "no mail program", "full": "the mail program's own description"},
    "and whether it was a person or a machine.",
    {
        True: "Of the message: sender, recipients, subject, links.",
        False: "Of the message: sender, recipients, links; not its subject.",
    },
    "Messages that nobody asked to track are listed too, without their links.",
    "A click whose browser sends Sec-GPC is kept without address and program.",
    "Every tracked message says so visibly.",
    "Single records {hits} days, then numbers per day. To whom a message went {recipients} days; then recording ends for "
    "it. The proof of a consent {evidence} days beyond its end.",
    "Nobody. There are no cookies, and nothing is loaded from elsewhere.",
    "Links in delivered mail work for ever; their destinations are in the links.",
    "To see what is recorded about you, to have it corrected, erased or restricted, to withdraw a consent, and to complain "
    "to a supervisory authority. The page linked from a message does the most of it at once.",
)
_JAPANESE = PrivacyWords(
    "ja",
    "メールを読むときに記録されること",
    (
        "責任者",
        "お問い合わせ先",
        "目的",
        "記録の方法",
        "根拠",
        "保存されるもの",
        "保存期間",
        "第三者への提供",
        "リンク",
        "あなたの権利",
    ),
    "運営者による記載がまだありません。",
    "記載がありません。",
    "メールが開かれたかどうか、どのリンクが開かれたかを知るため。",
    {
        "individual": "メールごとに、また受信者別に送られる場合は受信者ごとに記録します。",
        "aggregate": "{minimum} 人以上に送られたメールについて、一日ごとの数だけを記録します。個々の開封は保存しません。",
        "off": "現在は何も記録していません。",
    },
    {
        "required": "同意を確認した受信者だけを、目的ごとに記録します。同意は各メールのリンクからいつでも撤回でき、すでに届いたメールにも及びます。",
        "sender": "送信者がメールごとに決めます。受信者は自分のページへのリンクから送信者ごとに停止でき、すでに届いたメールにも及びます。",
    },
    "同意の有効期間は {valid} 日です。お尋ねした後、または断られた後は {pause} 日間、再びお尋ねしません。",
    "開封とリンクの利用のたびに",
    {False: "時刻", True: "分単位の時刻"},
    {
        "truncate": "末尾を除いたネットワークアドレス",
        "none": "ネットワークアドレスなし",
        "full": "ネットワークアドレス",
    },
    {"family": "メールソフトの種類", "none": "メールソフトの記録なし", "full": "メールソフトの名乗り全体"},
    "人によるものか機械によるものか。",
    {
        True: "メールについて：送信者、受信者、件名、リンク。",
        False: "メールについて：送信者、受信者、リンク。件名は保存しません。",
    },
    "追跡を求められていないメールも、リンクを除いて一覧に残ります。",
    "ブラウザーが Sec-GPC を送るクリックは、アドレスとソフトなしで保存します。",
    "追跡するメールにはすべて、その旨を表示します。",
    "個々の記録は {hits} 日間、その後は一日ごとの数。誰に送ったかは {recipients} 日間で、その後そのメールの記録は終わります。"
    "同意の証拠は同意の終了後 {evidence} 日間。",
    "ありません。クッキーは使わず、外部から何も読み込みません。",
    "届いたメールのリンクはいつまでも使えます。行き先はリンク自体に書かれています。",
    "記録の閲覧、訂正、消去、利用の制限、同意の撤回、監督機関への申し立てができます。多くはメールからリンクされたページですぐに行えます。",
    colon="：",
    comma="、",
    join="",
)
_GERMAN = PrivacyWords(
    "de",
    "Was aufgezeichnet wird, wenn Sie unsere Post lesen",
    (
        "Wer verantwortlich ist",
        "Wohin Sie schreiben können",
        "Zwecke",
        "Wie aufgezeichnet wird",
        "Auf welcher Grundlage",
        "Was gespeichert wird",
        "Wie lange",
        "Wer es sonst bekommt",
        "Links",
        "Ihre Rechte",
    ),
    "Nicht angegeben: Der Betreiber hat den Namen noch nicht eingetragen.",
    "Nicht angegeben.",
    "Zu wissen, ob eine Nachricht geöffnet und welchen ihrer Links gefolgt wurde.",
    {
        "individual": "Je Nachricht, und bei einer eigenen Ausfertigung je Empfänger.",
        "aggregate": "Nur als Zahlen je Tag, für Nachrichten an mindestens {minimum} Empfänger; kein einzelnes Öffnen wird "
        "gespeichert.",
        "off": "Zurzeit wird nichts aufgezeichnet.",
    },
    {
        "required": "Nur bei Empfängern, die ihre Einwilligung bestätigt haben, für jeden Zweck getrennt. Sie können sie "
        "jederzeit mit dem Link in jeder Nachricht widerrufen, auch für bereits zugestellte Post.",
        "sender": "Der Absender entscheidet für jede Nachricht. Empfänger können es je Absender mit dem Link auf ihre Seite "
        "beenden, auch für bereits zugestellte Post.",
    },
    "Eine Einwilligung gilt {valid} Tage; nach einer Anfrage oder einem Nein wird {pause} Tage lang nicht wieder gefragt.",
    "Für jedes Öffnen und jeden aufgerufenen Link",
    {False: "die Zeit", True: "die Zeit auf die Minute"},
    {"truncate": "die Netzadresse ohne ihren letzten Teil", "none": "keine Netzadresse", "full": "die Netzadresse"},
    {
        "family": "die Art des Mailprogramms",
        "none": "kein Mailprogramm",
        "full": "die eigene Bezeichnung des Mailprogramms",
    },
    "und ob es ein Mensch oder eine Maschine war.",
    {
        True: "Von der Nachricht: Absender, Empfänger, Betreff, Links.",
        False: "Von der Nachricht: Absender, Empfänger, Links; nicht der Betreff.",
    },
    "Auch Nachrichten, für die es niemand verlangt hat, werden aufgeführt, ohne ihre Links.",
    "Ein Klick, dessen Browser Sec-GPC sendet, wird ohne Adresse und Programm gespeichert.",
    "Jede solche Nachricht sagt es sichtbar.",
    "Einzelne Aufzeichnungen {hits} Tage, danach Zahlen je Tag. An wen eine Nachricht ging {recipients} Tage; danach endet die "
    "Aufzeichnung für sie. Der Nachweis einer Einwilligung {evidence} Tage über ihr Ende hinaus.",
    "Niemand. Es gibt keine Cookies, und nichts wird von anderswo geladen.",
    "Links in zugestellter Post funktionieren für immer; ihr Ziel steht im Link selbst.",
    "Zu sehen, was über Sie aufgezeichnet ist, es berichtigen, löschen oder einschränken zu lassen, eine Einwilligung zu "
    "widerrufen und sich bei einer Aufsichtsbehörde zu beschweren. Das meiste geht sofort auf der Seite, auf die eine "
    "Nachricht verweist.",
)
_FRENCH = PrivacyWords(
    "fr",
    "Ce qui est enregistré quand vous lisez nos messages",
    (
        "Responsable",
        "Où écrire",
        "Finalités",
        "Mode d'enregistrement",
        "Fondement",
        "Données conservées",
        "Durées",
        "Destinataires",
        "Liens",
        "Vos droits",
    ),
    "Non indiqué : l'exploitant n'a pas encore rempli ce nom.",
    "Non indiqué.",
    "Savoir si un message a été ouvert et quels liens ont été suivis.",
    {
        "individual": "Par message et, quand chacun reçoit son exemplaire, par destinataire.",
        "aggregate": "Uniquement en nombres par jour, pour des messages à au moins {minimum} destinataires ; aucune ouverture "
        "individuelle n'est conservée.",
        "off": "Rien n'est enregistré actuellement.",
    },
    {
        "required": "Uniquement pour les destinataires qui ont confirmé leur consentement, pour chaque finalité séparément. "
        "Ils peuvent le retirer à tout moment par le lien dans chaque message, y compris pour les messages déjà reçus.",
        "sender": "L'expéditeur décide pour chaque message. Les destinataires peuvent l'arrêter par expéditeur grâce au lien "
        "vers leur page, y compris pour les messages déjà reçus.",
    },
    "Un consentement vaut {valid} jours ; après une demande ou un refus, personne n'est sollicité pendant {pause} jours.",
    "Pour chaque ouverture et chaque lien suivi",
    {False: "l'heure", True: "l'heure à la minute près"},
    {
        "truncate": "l'adresse réseau sans sa dernière partie",
        "none": "pas d'adresse réseau",
        "full": "l'adresse réseau",
    },
    {"family": "le type de logiciel", "none": "aucun logiciel", "full": "la description donnée par le logiciel"},
    "et s'il s'agissait d'une personne ou d'une machine.",
    {
        True: "Du message : expéditeur, destinataires, objet, liens.",
        False: "Du message : expéditeur, destinataires, liens ; pas son objet.",
    },
    "Les messages pour lesquels personne ne l'a demandé sont listés aussi, sans leurs liens.",
    "Un clic dont le navigateur envoie Sec-GPC est conservé sans adresse ni logiciel.",
    "Chaque message suivi le dit visiblement.",
    "Les enregistrements individuels {hits} jours, puis des nombres par jour. À qui un message a été envoyé {recipients} jours ; "
    "l'enregistrement cesse alors pour lui. La preuve d'un consentement {evidence} jours après sa fin.",
    "Personne. Il n'y a pas de cookies, et rien n'est chargé d'ailleurs.",
    "Les liens des messages reçus fonctionnent pour toujours ; leur destination est dans le lien.",
    "Voir ce qui est enregistré sur vous, le faire rectifier, effacer ou limiter, retirer un consentement et introduire une "
    "réclamation auprès d'une autorité de contrôle. La page liée dans un message permet de faire l'essentiel aussitôt.",
    colon=" : ",
)
_ITALIAN = PrivacyWords(
    "it",
    "Che cosa viene registrato quando legge i nostri messaggi",
    (
        "Titolare",
        "A chi scrivere",
        "Finalità",
        "Come si registra",
        "Su quale base",
        "Che cosa si conserva",
        "Per quanto tempo",
        "Chi altro li riceve",
        "Link",
        "I suoi diritti",
    ),
    "Non indicato: il gestore non ha ancora inserito il nome.",
    "Non indicato.",
    "Sapere se un messaggio è stato aperto e quali link sono stati seguiti.",
    {
        "individual": "Per ogni messaggio e, con una copia per destinatario, per ogni destinatario.",
        "aggregate": "Solo come numeri al giorno, per messaggi ad almeno {minimum} destinatari; nessuna singola apertura viene "
        "conservata.",
        "off": "Al momento non si registra nulla.",
    },
    {
        "required": "Solo per i destinatari che hanno confermato il consenso, per ciascuna finalità. Possono revocarlo in ogni "
        "momento con il link in ogni messaggio, anche per i messaggi già ricevuti.",
        "sender": "Il mittente decide per ogni messaggio. I destinatari possono interromperlo per mittente con il link alla loro "
        "pagina, anche per i messaggi già ricevuti.",
    },
    "Un consenso vale {valid} giorni; dopo una richiesta o un rifiuto non si chiede di nuovo per {pause} giorni.",
    "Per ogni apertura e ogni link seguito",
    {False: "l'ora", True: "l'ora al minuto"},
    {
        "truncate": "l'indirizzo di rete senza l'ultima parte",
        "none": "nessun indirizzo di rete",
        "full": "l'indirizzo di rete",
    },
    {
        "family": "il tipo di programma di posta",
        "none": "nessun programma",
        "full": "la descrizione data dal programma",
    },
    "e se si trattava di una persona o di una macchina.",
    {
        True: "Del messaggio: mittente, destinatari, oggetto, link.",
        False: "Del messaggio: mittente, destinatari, link; non l'oggetto.",
    },
    "Sono elencati anche i messaggi per cui nessuno l'ha chiesto, senza i loro link.",
    "Un clic il cui browser invia Sec-GPC si conserva senza indirizzo e programma.",
    "Ogni messaggio tracciato lo dice in modo visibile.",
    "Le singole registrazioni {hits} giorni, poi numeri al giorno. A chi è andato un messaggio {recipients} giorni; poi per esso la "
    "registrazione finisce. La prova di un consenso {evidence} giorni oltre la sua fine.",
    "Nessuno. Non ci sono cookie e nulla viene caricato da altrove.",
    "I link dei messaggi ricevuti funzionano per sempre; la destinazione è nel link stesso.",
    "Vedere che cosa è registrato su di lei, farlo rettificare, cancellare o limitare, revocare un consenso e presentare reclamo a "
    "un'autorità di controllo. La pagina indicata in un messaggio permette di fare subito la maggior parte di queste cose.",
)
PRIVACY_WORDS = {words.code: words for words in (_ENGLISH, _JAPANESE, _GERMAN, _FRENCH, _ITALIAN)}
