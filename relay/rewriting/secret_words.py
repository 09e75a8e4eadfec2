"""How links that carry secrets are called: parameters, places and visible texts. Data only."""

from __future__ import annotations

# Parameters that are a secret wherever they stand, when their value is long enough to be one.
ALWAYS = frozenset(
    str.split(
        "token access_token id_token refresh_token auth_token authtoken login_token session_token reset_token"
        " reset_password_token password_reset_token confirmation_token confirm_token invitation_token invite_token"
        " unlock_token verification_token verify_token verifytoken activation_token activation_code activation_key"
        " activationkey activationcode activationtoken resettoken logintoken accesstoken invitetoken magic_token magic"
        " magiclink magic_link one_time_token onetimetoken onetime ott otp otpcode passcode jwt saml samlresponse"
        " samlrequest assertion oobcode auth_key authkey auth_code authcode auth_hash authhash apikey api_key"
        " access_key accesskey secret client_secret secret_key rlkey signature sig hmac hdnea hdnts __token__"
        " security_token ticket session_id sessionid sid phpsessid jsessionid login_hash loginhash login_key loginkey"
        " nonce clerk_ticket __clerk_ticket vcode verification_code verificationcode verify_code confirmation_code"
        " confirmationcode one_time_code token_hash confirmation_key reset_key resetkey tok private_token"
    )
)
# These are a secret at any length.
PASSWORDS = frozenset(str.split("password passwd pass pwd passwort kennwort mot_de_passe contrasena"))
# Signed URLs of storage services: the name alone says it.
PRESIGNED = frozenset(
    str.split(
        "x-amz-signature x-amz-security-token x-amz-credential x-goog-signature x-goog-credential x-oss-signature"
        " ossaccesskeyid x-cos-security-token q-signature x-tos-signature x-obs-signature awsaccesskeyid"
        " googleaccessid key-pair-id"
    )
)
# Parameters that may carry a short secret, believed only behind a gate.
AT_GATES = frozenset(str.split("code c k key hash h t tk tok id uid uidb64 pin p s data d v payload"))
NUMERIC_CODES = frozenset(str.split("code pin otp c token verification_code confirmation_code"))
# Never a secret: campaign, referral, return and language parameters, by the beginning of their names.
CAMPAIGN_PREFIXES = (
    r"utm_|mc_|_hs|hsa_|hsctatracking|vero_|ck_|trk|ref|source|src$|campaign|cid$|cmp|aff|partner|promo|coupon|discount"
    r"|voucher|gclid|gbraid|wbraid|fbclid|msclkid|dclid|yclid|twclid|ttclid|igshid|li_fat_id|mkt_tok|elq|s_cid|spm|_ga"
    r"|_gl$|_bta|_ke$|_kx$|sc_|pk_|piwik|mtm_|oly_|wickedid|rb_clickid|sfmc|et_|cm_|dm_i|bsft|iterable|lang|locale|next"
    r"|return|redirect|url$|continue|dest|goto"
)
# Segments of a path behind which a token is a key. Words of one segment joined, lower case.
GATES = frozenset(
    str.split(
        "reset resetpassword passwordreset forgotpassword forgottenpassword lostpassword changepassword setpassword"
        " createpassword newpassword choosepassword updatepassword passwordrecovery recoverpassword passwordset"
        " password passwords recover recovery accountrecovery unlock unlockaccount passwordless magic magiclink"
        " magiclogin magicsignin loginlink loginwithtoken loginwithemail emaillogin quicklogin autologin directlogin"
        " onetime onetimelogin otp otl login signin logon auth oauth oauth2 sso callback"
        " verify verification verifyemail emailverification verifyaccount verifyaddress verifyregistration verifyuser"
        " verifymail mailverification confirm confirmation confirmemail emailconfirmation confirmaccount"
        " confirmregistration confirmsignup confirmsubscription confirmverification confirmations confirmnewemail"
        " emailconfirm doubleoptin validate validation validateemail emailvalidation activate activation"
        " activateaccount accountactivation useractivation invite invites invitation invitations acceptinvite"
        " acceptinvitation inviteaccept joininvite"
        # German, French, Spanish, Italian, Portuguese, Dutch
        " einladung bestaetigen bestätigen bestaetigung bestätigung aktivieren aktivierung freischalten"
        " freischaltung passwort kennwort passwortzuruecksetzen passwortzurücksetzen passwortvergessen"
        " kennwortvergessen zuruecksetzen zurücksetzen anmelden motdepasse motdepasseoublie motdepasseoublié"
        " reinitialiser réinitialiser reinitialisation réinitialisation activer confirmer connexion contrasena"
        " contraseña restablecercontrasena restablecercontraseña restablecer recuperar confirmar activar verificar"
        " invitacion invitación reimposta recupera conferma attiva verifica invito senha redefinir redefinirsenha"
        " ativar convite wachtwoord wachtwoordvergeten bevestigen bevestiging activeren uitnodiging"
    )
)
# Values of "mode" and "action" (Firebase, WordPress) that make the rest of the query a key.
RESET_ACTIONS = frozenset(
    str.split("resetpassword recoveremail verifyemail signin resetpass rp magiclink recovery invite confirmaction")
)
PAY_PATHS = frozenset(
    str.split("pay payment payments invoice invoices checkout checkouts receipt receipts billing payinvoice bill")
)

# Runs of letters of which a URL has at least one when it could carry a secret: the first, cheap look.
HINTS = (
    GATES
    | PASSWORDS
    | PAY_PATHS
    | frozenset(
        str.split(
            "token tokens sig signature signatures secret key apikey code otp ott ticket authtoken authkey authcode"
            " authhash session sessionid sid phpsessid jsessionid jwt saml samlresponse samlrequest assertion oobcode"
            " nonce hash hmac hdnea hdnts rlkey passcode otpcode vcode accesstoken resettoken logintoken invitetoken"
            " verifytoken activationkey activationcode activationtoken onetimetoken verificationcode confirmationcode"
            " loginhash loginkey accesskey resetkey credential ossaccesskeyid awsaccesskeyid googleaccessid"
            " ics ical feed feeds private stripe paypal docusign mode action log sign one opt forgot lost tok passe"
            # what stands between the letters with accents
            " tigen tigung cksetzen initialiser initialisation contrase invitaci motdepasseoubli restablecercontrase"
        )
    )
)

# What the visible text of such a link says, casefolded.
TEXT_SIGNS = (
    r"\b(?:reset|choose|set|create|change|recover)\b.{0,20}\bpassword\b|\bpassword reset\b",
    r"\b(?:verify|confirm|validate)\b.{0,20}\b(?:e-?mail|address|account|identity|registration|sign-?up|subscription)\b",
    r"\bactivate\b.{0,16}\baccount\b|\bmagic link\b|\bone-?time (?:link|code|password)\b|\bunlock\b.{0,12}\baccount\b",
    r"\b(?:log|sign) ?-?in (?:link|with (?:one|this|a) (?:click|link))\b|\baccept\b.{0,16}\binvit(?:e|ation)\b",
    r"\bpay (?:now|invoice|this|your|bill)\b",
    r"\bpasswort\b.{0,24}(?:zurücksetzen|ändern|festlegen|wählen)|\bkonto aktivieren\b|\beinladung annehmen\b",
    r"\b(?:e-?mail|mail-?adresse|adresse|konto|anmeldung|registrierung)\b.{0,24}\bbestätigen\b",
    r"\b(?:réinitialis|changer|choisi)\w*\b.{0,20}\bmot de passe\b|\bactive[rz]\b.{0,12}\bcompte\b",
    r"\b(?:confirm|vérifi|valid)\w*\b.{0,20}\b(?:adresse|e-?mail|compte|inscription)\b",
    r"\b(?:reimposta|ripristina|cambia)\w*\b.{0,12}\bpassword\b",
    r"\b(?:conferma|verifica)\b.{0,20}\b(?:e-?mail|indirizzo|account|iscrizione|correo|cuenta|dirección)\b",
    r"\b(?:restablec|cambia)\w*\b.{0,20}\bcontraseña\b|\bconfirma\w*\b.{0,24}\b(?:correo|cuenta|dirección)\b",
    r"\bactiva\w*\b.{0,8}\bcuenta\b",
    r"\b(?:alter|redefin|troc|recuper)\w*\b.{0,12}\bsenha\b|\bcri(?:ar?|e)\b.{0,12}\bsenha\W*$",
    r"\bconfirm\w*\b.{0,16}\b(?:e-?mail|(?:sua|seu|minha|meu) (?:conta|cadastro))\b",
    r"\b(?:wachtwoord\b.{0,20}\b(?:herstellen|wijzigen|resetten|instellen)|(?:wijzig|herstel|reset)\b.{0,12}\bwachtwoord)\b",
    r"\b(?:zresetuj|zmień|ustaw)\b.{0,12}\bhasło\b|\b(?:återställ|ändra|byt)\b.{0,12}\blösenord",
    r"\b(?:сброс|восстанов|измени|смени|установ)\w*\b.{0,12}\bпарол",
    r"\bподтверд\w+\b.{0,16}\b(?:адрес|почт|регистрац(?!\w* на\b)|email)",
    r"(?:重置|重设|重設|修改|设置|設定|找回|更改).{0,4}密[码碼](?![锁鎖])|(?:验证|驗證|确认|確認).{0,6}(?:邮箱|郵箱|电子邮件|電子郵件|信箱)",
    r"비밀번호(?! ?도어락).{0,6}(?:재설정|변경|초기화|설정)|이메일.{0,6}인증",
    r"パスワード.{0,8}(?:再設定|リセット|変更|設定)|メール(?:アドレス)?.{0,8}(?:確認|認証)|本人確認|ログインリンク|本登録",
    r"アカウント.{0,8}(?:有効化|確認|認証)|招待を(?:承諾|受け|承認)",
)
TEXT_HINTS = frozenset(
    str.split(
        "password verify confirm validate activate magic time unlock link click invite invitation pay passwort konto"
        " einladung bestätigen passe activer activez adresse email mail compte inscription indirizzo account iscrizione"
        " contraseña correo cuenta dirección onetime senha conta cadastro wachtwoord hasło lösenord lösenordet"
        " пароль пароля адрес почту почты регистрацию"
    )
)
