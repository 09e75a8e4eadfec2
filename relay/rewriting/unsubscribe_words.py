"""How unsubscribing is called: in URLs, and in the visible texts of links, language by language. Data only."""

from __future__ import annotations

# One segment, parameter name or value of a URL, its separators removed and accents folded.
URL_WORDS = frozenset(
    str.split(
        "unsubscribe unsubscribes unsubscribed unsubscription unsubscriber unsub unsubs optout optoutredirect removeme"
        " abmelden abmeldung abbestellen abbestellung austragen newsletterabmeldung"
        " desabonner desabonnement desinscription desinscrire sedesabonner sedesinscrire"
        " disiscrizione disiscriviti disiscrivi cancellaiscrizione annullaiscrizione"
        " darsedebaja darmedebaja dardebaja desuscribir desuscribirse desuscripcion cancelarsuscripcion"
        " descadastrar descadastro cancelarinscricao desinscrever"
        " afmelden uitschrijven avregistrera avprenumerera afmeld avmeld"
        " wypisz wypiszsie odhlasit leiratkozas dezabonare haishinteishi"
        # pages whose use is to say which mail should come
        " emailpreference emailpreferences preferencecenter preferencescenter preferencecentre preferencescentre"
        " managepreferences communicationpreferences subscriptioncenter newsletterpreferences mailpreferences"
        " subscriptionpreferences emailstop"
    )
)

# What stands beside such a word in one segment without changing its meaning; any other word makes it an article.
URL_COMPANIONS = frozenset(
    str.split(
        "email emails e mail mails mailing mailings list lists newsletter newsletters news one click oneclick user"
        " users member members contact contacts subscriber subscribers subscription subscriptions me us my your you"
        " now from to all global easy quick instant public auto confirm confirmation do process handler page link"
        " form request action success done complete campaign campaigns marketing notification notifications alerts"
        " digest preferences preference manage settings center centre secure api web app url redirect group groups"
        " asm wf index html htm php asp aspx jsp cgi pl py direct optin opt in out by with via token sms promo"
        " auth id key hash address promotional promotions updates update here v encrypted"
    )
)

# Runs of letters of which a URL has at least one when a segment could match: the first, cheap look.
URL_HINTS = URL_WORDS | frozenset(
    str.split(
        "opt opting stop unsubscribe remove annulla cancella cancelar baja sabonner sabonnement sinscription sinscrire"
        " wypisz preference preferences subscription"
    )
)

# Signs in visible text, casefolded.
TEXT_SIGNS = (
    # English
    r"\bunsub(?:scribe|scribing)?\b",
    r"\bopt(?:ing)?[ -]?out\b",
    r"\bremove (?:me|my (?:e-?mail|address))\b",
    r"\bremove yourself from\b.{0,24}\b(?:lists?|mailings?|e-?mails?|newsletters?)\b",
    r"\bstop (?:receiving|getting|sending) (?:\w+ ){0,3}(?:e-?mails?|messages|newsletters?)\b",
    # Paper comes by post, whoever wants it no longer, where nothing is said of mail.
    r"\bno longer (?:wish|want) to (?:receive|get|hear)\b(?!(?!.{0,200}(?:e-?mail|newsletter|mailing|online))"
    r"(?: \w+){0,2} (?:paper|printed|bills?|invoices?|statements?|calls?|catalog\w*)\b)",
    r"^(?:stop|disable|turn off)(?: all| these)? (?:e-?mails|notifications)(?: from this \w+)?$|^mailing list removal$",
    r"\bto stop (?:these|further|future) (?:e-?mails?|messages|mailings?|offers|please)\b",
    r"\b(?:cancel|end) (?:my |your )?(?:e-?mail |newsletter )subscription\b",
    r"\b(?:manage|modify|update|change|edit|customi[sz]e)(?: your| my)?"
    r" (?:e-?mail|mailing|newsletter|subscription|subscriber|notification|communication)s?"
    r" (?:preferences?|settings|subscriptions?|(?<!subscription )options)\b",
    r"^\W*(?:e-?mail|subscription|subscriber|mailing|newsletter|communication) (?:preferences|settings)\W*$",
    r"^\W*(?:manage|modify|update)(?: your| my)? (?:preferences?|subscriptions?|newsletters?|mailings|e-?mails)\W*$",
    r"^\W*(?:(?:e-?mail|communication) )?preferences? cent(?:er|re)\W*$|^subscription management$",
    r"^\W*(?:change|edit) (?:your |my )?preferences\W*$",
    r"\b(?:do not|don't|don’t) (?:wish|want) to (?:receive|get|hear)\b|\bleave (?:this|our|the) (?:mailing )?list\b",
    r"\b(?:be|get) (?:removed|taken off)\b.{0,24}\blist\b|\bremov(?:e|al) from (?:this|our) list\b",
    r"\b(?:click|here|wish|want|like)\b.{0,24}\bbe (?:removed|taken off)\b|\btake me off\b",
    r"\bbe (?:removed|taken off)\b.{0,40}\b(?:mailings?|e-?mails?|database|click)\b",
    r"\bnot (?:to )?receive (?:this|these|any|further|future|more|our|such)\b.{0,20}"
    r"\b(?:e-?mails?|mailings?|messages?)\b",
    # German, Dutch, Scandinavian
    r"\b(?:abmelden|abbestellen|austragen|abmeldung|newsletter-?abmeldung|abzumelden|abzubestellen|auszutragen)\b",
    r"\b(?:e-?mails?|newsletter|nachrichten|mailings?|werbung)\b.{0,40}\bnicht (?:mehr|länger)"
    r" (?:erhalten|bekommen|empfangen)\b",
    # "Melden Sie sich ab 1. Mai an" is the opposite, "Melden Sie sich an und holen Sie es ab" too; "an dieser Stelle"
    # is a place.
    r"\bmelde(?:n sie sich|n? dich)\b(?:(?!\b(?:an(?! dieser)|holen?)\b).){0,60}\bab(?=\s*(?:[,.;:!]|$))",
    r"\b(?:af te melden|uit te schrijven)\b|\bframeld\b",
    r"\bavsluta (?:din |min )?prenumeration\w*",
    r"\babmelde-?link\b|\bnewsletter (?:\w+ ){0,2}kündigen\b",
    r"^\W*(?:e-?mail|newsletter|benachrichtigungs)-?einstellungen(?: (?:verwalten|ändern|bearbeiten|anpassen))?\W*$",
    r"\bkeine weiteren (?:e-?mails|newsletter|nachrichten)\b",
    r"\bkeine (?:\w+ ){0,3}(?:e-?mails?|newsletter|nachrichten) mehr\b",
    r"\b(?:afmelden|uitschrijven|avregistrera|avprenumerera|afmeld|afmelding|avmeld|avmelding|meld deg av)\b",
    r"\bschrijf je uit\b|\bmeld (?:je|u) af\b|^\W*e-?mailvoorkeuren\b",
    r"^\W*(?:wijzig|beheer) (?:(?:je|uw|mijn) )?(?:e-?mail)?voorkeuren\W*$",
    r"\b(?:peruuta|peru|lopeta) (?:tilaus|uutiskirje)|\bafskrá(?:ning)?\b",
    # French
    r"^\W*désactiver les (?:notifications|e-?mails|alertes)(?: par (?:e-?mail|courriel))?\W*$",
    r"\bd[eé\ufffd]s?abonn(?:er|ez|e|ement)\b|\bd[eé\ufffd]sinscri(?:re|ption|vez|s)\b",
    # Italian
    r"\bdisiscri(?:viti|vi|vimi|vermi|zione|versi)\b|\bcancella(?:ti|rti|rsi|rmi|tevi|mi)\b",
    r"\b(?:annulla|cancella)(?:re|ti)?\b.{0,20}\biscrizione\b",
    # Spanish, Portuguese, Romanian
    r"\b(?:darse|darme|date|dar) de baja\b|\bdesuscrib\w*|\bdejar de recibir\b|\bdesuscripción\b",
    r"\b(?:cancelar|anular|cancela|anula)\b.{0,20}\bsuscripción\b|\bdesinscrib\w*|\bdona(?:r-[ms]e|'t) de baixa\b",
    r"\bdescadastr\w*|\bdesinscrev\w*|\bdeixar de receber\b|\bdezabon\w+",
    r"\b(?:cancelar|cancele|anular|remover)\b.{0,20}\b(?:inscrição|subscrição|assinatura)\b",
    r"\bremover (?:o )?(?:seu|meu) e-?mail\b",
    r"\b(?:administrar|alterar|atualizar|gerenciar|gerir) (?:\w+ )?preferências de (?:e-?mails?|comunicação)\b",
    # Polish, Czech, Slovak, Hungarian, Turkish, Indonesian, Malay, Vietnamese, Baltic
    r"\bwypisz\w*|\bwypisać się\b|\banuluj subskrypcj\w+|\bzrezygn(?:uj|ować) z (?:subskrypcji|newslettera)\b",
    r"\brezygnacja z (?:subskrypcji|newslettera)\b|\bodjavi(?:te|m)? (?:se|me)\b|^\W*odjava\W*$",
    r"\bzrušit odběr\b(?! (?:plynu|elektřiny|energií|vody|tepla)\b)",
    r"\bodhlási[tť]\b(?! s[ea] z účtu)|\bodhlášení\b|\bleiratkoz\w+",
    r"\b(?:abonelikten|aboneliğinden|üyelikten) (?:çık|ayrıl)\w*|\blisteden çık\w*",
    r"\be-?posta almak istemiyor\w*|\bberhenti (?:berlangganan|melanggan)\b|\bhủy đăng ký\b",
    r"\batsisakyti (?:naujienlaiškio|prenumeratos)\b|\bloobu[nda]* uudiskirjast\b|\batrakstīties\b",
)
# These are said of bills and calls too: they count beside a word for mail, or as the whole text.
TEXT_SIGNS_OF_MAIL = (
    r"\bto no longer (?:receive|get)\b|\bavbeställ\w*",
    r"\bniet (?:langer|meer) (?:wilt? |wenst te |te )?ontvangen\b",
    r"\b(?:inte längre|ikke længere|ikke lenger)\b.{0,12}\b(?:modtage|motta|ta emot)\b",
    r"\bne (?:\w+ )?plus recevoir\b|^\W*g[eé]rer (?:mes|vos) (?:pr[eé]f[eé]rences|abonnements)\b",
    r"\bnon (?:\w+ )?(?:più ricevere|ricevere più)\b|^\W*gestisci (?:le )?(?:tue )?preferenze\b",
    r"\bno (?:dese[aeo]s?|quier(?:o|es?|a)|está interesad[oa] en) (?:seguir )?recib(?:ir|iendo)\b",
    r"\bnão (?:desej\w+|quero?|queira|quiser|gostaria de)(?: mais)? receber\b|\bnão receber mais\b",
    r"\bsair d(?:a|esta) lista\b|\bnie chce(?:sz|cie) (?:więcej |już |dłużej )?otrzymywać\b",
)
OTHER_SCRIPT_SIGNS_OF_MAIL = (
    r"拒收|不(?:想|希望|[愿願]意?)再?(?:收到|接收)",
    r"не (?:хотите|желаете)\s(?:больше\s)?получать|отказаться от получения",
)
MAIL = (
    r"\be-?mails?\b|\bmails?\b|newsletter|mailing|\bmessages?\b|\bour list\b|\boffers\b|communication",
    r"nyhetsbrev|nyhedsbrev|utskick|\bmejl|\be-?post|meddelande|\bbesked|nieuwsbrie|\bberichten\b",
    r"courriel|courriers? [eé]lectronique|infolettre|lettres? d.information|\boffres\b|comunica[cztç]",
    r"messagg|mensaje|mensage|correos?\b|bolet[ií]n|boletim|wiadomoś|biuletyn",
    r"邮件|郵件|电邮|電郵|订阅|訂閱|消息|письм|рассыл|сообщени|уведомлени|новост",
)
# In scripts other than Latin, where words need no spaces.
OTHER_SCRIPT_SIGNS = (
    r"配信(?:の)?(?:停止|解除|中止)|退会",
    r"(?:購読|登録|メルマガ|メールマガジン|ニュースレター|受信|配信|配信登録|お知らせメール|ご案内メール)(?:の|を)?(?:停止|解除|中止|拒否|キャンセル)",
    r"(?:配信|受信|メール|メルマガ|メールマガジン)(?:を|が|の)?(?:ご)?(?:希望(?:され|し)ない|希望で(?:は)?ない|不要(?=[のな](?:方|場合)|なら|でしたら|であれば|\W*$))",
    r"登録[・/／]解除|オプトアウト|アンサブスクライブ|(?:メール|配信|お知らせ).{0,10}受け取(?:らない|りたくない)",
    r"^\W*メール(?:の)?(?:受信|配信)?設定(?:の)?(?:変更)?(?:は(?:こちら|コチラ))?\W*$",
    r"退订|退訂|取消(?:订阅|訂閱)|不再接收",
    r"수신\s?거부|구독\s?(?:취소|해지)|수신을?\s?원(?:치|하지)\s?않|수신\s?동의\s?철회",
    r"отпис(?:аться|ка|ки|ать|ване)|відпис(?:атися|ка)|(?:отменить|скасувати) (?:подписку|підписку)",
    r"отказаться от (?:рассылки|подписки)|отпиш(?:и|ете) се|откаж(?:и|ете) се от (?:абонамент|бюлетин)",
    r"απεγγραφή|κατάργηση εγγραφή[ςσ]|διαγραφή από (?:τη[νσ]? )?λίστα|^\W*(?:להסרה|הסרה|הסר אותי|הסר\W*$)",
    r"להסיר את עצמ|إلغاء (?:ال)?[اإ]شتراك|لغو اشتراک|הסר(?:ה|ו|ני)? מ|ยกเลิกการ(?:รับ|สมัคร|เป็นสมาชิก)",
)
# Parameters that say where to go after the page, and path segments behind which a subject stands, not an action.
URL_RETURNS = r"(?<=[?&])(?:next|return|return[_-]?(?:to|url|path|uri)|back|back[_-]?url|continue|ref|referr?er)=[^&#]*"
URL_SUBJECTS = frozenset(str.split("article articles tag tags category categories topic topics wiki"))
TEXT_HINTS = frozenset(
    str.split(
        "unsub unsubscribe unsubscribing opt opting optout remove stop longer cancel end preferences settings"
        " subscription subscriptions wish want leave removed taken removal from receive take off abmelden abbestellen"
        " austragen emails notifications abmeldelink kündigen einstellungen newslettereinstellungen emaileinstellungen"
        " afmelding avmelding schrijf emailvoorkeuren mailvoorkeuren peru lopeta gérer gerer disiscrivimi cancellami"
        " preferenze desinscribir desinscribirme desinscribirse donar anular rezygnacja zrušit odjavi odjavite odjavim"
        " subscriber disable voorkeuren afskrá afskráning désactiver dona preferências odjava aboneliğinden üyelikten"
        " istemiyor istemiyorum istemiyorsanız atsisakyti loobu loobun loobuda atrakstīties"
        " yourself preference manage erhalten bekommen empfangen melde ontvangen modtage motta emot frameld"
        " avbeställ avbeställa avsluta sabonner sabonnez sabonnement sinscrire recibir recibiendo descadastro"
        " descadastramento desinscrever desinscreva desinscreve cancele sair remover zrezygnować otrzymywać"
        " abzumelden abzubestellen auszutragen melden schrijven cancellarti cancellarsi cancellarmi cancellatevi"
        " abmeldung newsletterabmeldung keine mehr afmelden"
        " uitschrijven avregistrera avprenumerera afmeld avmeld peruuta meld désabonner désabonnez désabonne"
        " désabonnement desabonner desabonnement désinscrire désinscription désinscrivez désinscris desinscrire"
        " desinscription recevoir disiscriviti disiscrivi disiscrivermi disiscrizione disiscriversi cancellati"
        " ricevere"
        " annulla annullare cancella cancellare baja desuscribir desuscribirse desuscribirme desuscríbete"
        " desuscripción"
        " dejar suscripción descadastrar descadastre receber inscrição subscrição assinatura dezabonare dezabonează"
        " wypisz wypisać wypisze anuluj zrezygnuj odhlásit odhlásiť odhlášení leiratkozás leiratkozom abonelikten"
        " listeden berhenti hủy"
    )
)
# Words of an article about the subject, not of a button.
TEXT_ABOUT = frozenset(
    str.split(
        "why reason reasons rate rates study statistics stats report reduce reducing prevent avoid lower tips guide"
        " article people customers subscribers warum gründe quote pourquoi taux perché tasso porqué tasa"
    )
)
OTHER_SCRIPT_ABOUT = ("理由", "率", "防ぐ", "减少", "причин")
# Beside those texts below, words that leave a sign its meaning: "för att avbeställa".
FILLERS = frozenset(str.split("för att du vill"))

# Link texts that say nothing without their sentence: all their words are of these, whatever the language,
GENERIC_WORDS = frozenset(
    str.split(
        "click tap press here this that the link links button below page on to at by via follow following visit"
        " go please"
        " just simply now it web website site url clicking tapping"
        # German, Dutch, Scandinavian
        " hier klicken klick klicke klickst indem sie du tun können dies bitte auf diesen diesem dieser folgenden"
        " folgendem den dem zum klik klikken te dan deze"
        " op här klicka på denna länk länken her klikk klikke dette denne lenke lenken linket"
        # French, Italian, Spanish, Portuguese, Romanian
        " ici cliquez cliquer cliquant en clique sur ce lien le lien suivant qui clicca cliccate cliccare cliccando"
        " clicchi su questo il"
        " seguente aquí aqui clic haga haz haciendo clicando pulse pulsa pinche pincha en este enlace el siguiente"
        " clicar neste nesta"
        " ligação o seguinte aici apasă apăsați pe acest"
        # Polish, Czech, Slovak, Hungarian, Turkish, Finnish, Indonesian, Vietnamese
        " tutaj tu kliknij kliknąć ten w zde klikněte kliknutím sem tento odkaz na ide itt kattintson kattints"
        " erre a linkre"
        " buraya burada tıklayın tıklayınız bağlantıya tästä tähän tätä klikkaa linkkiä di sini klik tautan ini"
        " tại đây vào"
        # Russian, Ukrainian, Greek, Hebrew, Arabic
        " здесь сюда нажмите перейдите по ссылке ссылка эту ссылку тут сюди натисніть εδώ κάντε κλικ כאן לחץ"
        " לחצו על הקישור"
        " هنا اضغط انقر على الرابط"
    )
)
# or the whole text is one of these, in scripts that need no spaces.
GENERIC_TEXTS = frozenset(
    str.split(
        "コチラ こちらより こちらのページ こちらのリンク こちらのurl お手続きはこちら 以下のリンク 下記リンク 下記url"
        " クリックしてください こちらをクリックしてください"
        " こちら こちらから こちらへ こちらをクリック ここ ここから ここをクリック クリック このリンク"
        " このリンクをクリック 下記"
        " 点击这里 点击此处 请点击这里 请点击此处 这里 此处 点此 點此 按此 這裡 此處 點擊這裡 此链接 여기"
        " 여기를 여기를클릭"
        " 여기를클릭하세요 클릭 이곳 ที่นี่ คลิกที่นี่"
    )
)
