"""What the reasons mean, for people, in English and Japanese: once, for command line, pages and documentation.

Knows no message. Each reason has a short phrase, which stands in lists, and a sentence on what lies behind it and
what can be done. A test holds that no reason is without words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ledger.records import LinkReason, Reason

LANGUAGES = ("en", "ja")


@dataclass(frozen=True, slots=True)
class Words:
    """One text in both languages."""

    english: str
    japanese: str

    def in_language(self, language: str) -> str:
        """The text in that language; English for one that is not there."""
        return self.japanese if language == "ja" else self.english


@dataclass(frozen=True, slots=True)
class Meaning:
    """``short`` for lists, ``why`` in a sentence or two."""

    short: Words
    why: Words


def _meaning(short: str, short_ja: str, why: str, why_ja: str) -> Meaning:
    return Meaning(Words(short, short_ja), Words(why, why_ja))


OF_MESSAGE: Mapping[Reason, Meaning] = {
    Reason.NOT_REQUESTED: _meaning(
        "tracking was not asked for",
        "追跡の指定がありません",
        "Neither a header such as X-Track nor the listener's default asks for tracking, or the installation has it "
        "switched off. Set `X-Track: all` on the message.",
        "X-Track などのヘッダーにもリスナーの既定値にも追跡の指定がないか、この環境では追跡が無効です。"
        "追跡するには、メッセージに `X-Track: all` を付けてください。",
    ),
    Reason.NOTHING_TO_TRACK: _meaning(
        "nothing in it can be tracked",
        "追跡できるものがありません",
        "Only links were asked for, and there is none, or each has a reason of its own to stay as it is; or it was "
        "rewritten before, and is not rewritten twice.",
        "リンクだけが指定されましたが、リンクがないか、どのリンクにもそのまま残す理由があります。"
        "または、すでに書き換え済みのメールで、二度は書き換えません。",
    ),
    Reason.NO_HTML: _meaning(
        "it has no HTML part",
        "HTML パートがありません",
        "A pixel needs HTML, and so do links unless `X-Track-Links: text` asks for those in plain text. Have the mail "
        "program write HTML.",
        "開封の記録には HTML が必要です。リンクも、`X-Track-Links: text` を指定しない限り HTML が必要です。"
        "メールソフトを HTML 形式にしてください。",
    ),
    Reason.SIGNED: _meaning(
        "it is signed",
        "署名されています",
        "S/MIME, PGP or a Content-MD5: any change would break it, so not a byte of the body is touched.",
        "S/MIME・PGP の署名または Content-MD5 があります。変更すると壊れるため、本文には一切触れません。",
    ),
    Reason.ENCRYPTED: _meaning(
        "it is encrypted",
        "暗号化されています",
        "Only its reader can look inside.",
        "中を見られるのは受信者だけです。",
    ),
    Reason.DKIM_SIGNED: _meaning(
        "it already carries a DKIM signature",
        "DKIM 署名が付いています",
        "A change would break that signature. Let the upstream server sign after this relay, or set "
        '`dkim_signed = "track"`.',
        "変更するとその署名が壊れます。このリレーより後のサーバーで署名するか、"
        '`dkim_signed = "track"` を設定してください。',
    ),
    Reason.MALFORMED: _meaning(
        "its structure is damaged",
        "構造が壊れています",
        "A boundary, an encoding or the header block is not as the standards want it, and programs would read it "
        "differently. What is in doubt is left alone.",
        "境界、符号化、またはヘッダーが規格どおりではなく、プログラムによって読み方が変わります。疑わしいものには触れません。",
    ),
    Reason.CHARSET: _meaning(
        "its characters cannot be read with certainty",
        "文字を確実に読み取れません",
        "The declared charset is unknown, does not fit the bytes, or can stand in base64 alone and does not.",
        "宣言された文字コードが未知であるか、実際のバイト列と一致しないか、base64 以外では使えないものです。",
    ),
    Reason.TOO_LARGE: _meaning(
        "it is too large",
        "大きすぎます",
        "It is larger than `max_size`.",
        "`max_size` を超えています。",
    ),
    Reason.TOO_COMPLEX: _meaning(
        "it is too complex to be changed safely",
        "複雑すぎて安全に変更できません",
        "Too many parts or links, or nested too deeply, or HTML that browsers read in different ways.",
        "パートやリンクが多すぎる、入れ子が深すぎる、またはブラウザーによって解釈が変わる HTML です。",
    ),
    Reason.TIMEOUT: _meaning(
        "rewriting took too long",
        "書き換えに時間がかかりすぎました",
        "What is not done in two seconds is not done: the mail does not wait for its tracking.",
        "2 秒で終わらない書き換えは行いません。追跡のためにメールを待たせることはありません。",
    ),
    Reason.NO_CONSENT: _meaning(
        "a recipient has not consented",
        "同意していない受信者がいます",
        'With `consent = "required"` every recipient of a copy must have consented (`mailglass consent list`). With '
        '`identity = "aggregate"` mail to fewer than `aggregate_minimum` recipients has this reason too: numbers of so '
        "few would tell who it was, and nobody consented to that.",
        '`consent = "required"` では、そのメールの受信者全員の同意が必要です（`mailglass consent list`）。'
        '`identity = "aggregate"` では、受信者が `aggregate_minimum` 人より少ないメールもこの理由になります。'
        "少人数の集計では誰の閲覧かが分かってしまうためです。",
    ),
    Reason.EXCLUDED_RECIPIENT: _meaning(
        "a recipient is excluded from tracking",
        "追跡から除外された受信者がいます",
        "An address or domain stands in `never_recipients`.",
        "アドレスまたはドメインが `never_recipients` に含まれています。",
    ),
    Reason.SEVERAL_RECIPIENTS: _meaning(
        "it has several recipients",
        "受信者が複数います",
        "What was asked for is only possible for one recipient, or with a copy for each, which this message cannot "
        "have.",
        "指定された内容は受信者が 1 人の場合、または 1 人ずつ別のメールにする場合だけ可能で、"
        "このメールでは行えません。",
    ),
    Reason.LEDGER_UNAVAILABLE: _meaning(
        "the ledger did not answer",
        "台帳が応答しませんでした",
        "A message is tracked only after it is on record. This one went out as it was rather than wait.",
        "記録できたメールだけを追跡します。待たせるよりも、元のまま送りました。",
    ),
    Reason.INTERNAL: _meaning(
        "a fault of mailglass",
        "mailglass の不具合です",
        "Rewriting failed unexpectedly, and the original went out. The log names the message.",
        "書き換え中に予期しない問題が起き、元のまま送りました。ログにメッセージの番号があります。",
    ),
}

OF_LINK: Mapping[LinkReason, Meaning] = {
    LinkReason.SCHEME: _meaning(
        "not a web link",
        "Web リンクではありません",
        "Only http and https can lead through our server; mailto:, tel: and others cannot.",
        "追跡できるのは http と https だけです。mailto: や tel: などはできません。",
    ),
    LinkReason.RELATIVE: _meaning(
        "a place inside the mail",
        "メール内の場所です",
        "An anchor, or an address without a host: there is nowhere to lead to.",
        "アンカー、またはホスト名のないアドレスで、転送先がありません。",
    ),
    LinkReason.OWN: _meaning(
        "an address of this installation",
        "この環境自身のアドレスです",
        "It leads to our own server already.",
        "すでにこのサーバーを指しています。",
    ),
    LinkReason.UNSUBSCRIBE: _meaning(
        "for unsubscribing",
        "配信停止用です",
        "Such links must work at once and for ever, with nobody looking on. Its text, its address or List-Unsubscribe "
        "says so.",
        "配信停止は、誰にも見られず、いつでもすぐに使えなければなりません。"
        "文字、アドレス、または List-Unsubscribe で判断します。",
    ),
    LinkReason.TEXT_IS_URL: _meaning(
        "its text is an address itself",
        "表示文字がアドレスです",
        "Mail programs warn of phishing when the text names another site than the link. Give the link a text in words.",
        "表示と異なるサイトへのリンクには、メールソフトが詐欺の警告を出します。リンクの文字を言葉にしてください。",
    ),
    LinkReason.OPTED_OUT: _meaning(
        "marked as not to be tracked",
        "追跡しない印が付いています",
        'The link carries `data-track="no"` or a hosted service\'s mark of that kind.',
        '`data-track="no"` または他サービスの同様の印が付いています。',
    ),
    LinkReason.EXCLUDED_DOMAIN: _meaning(
        "its domain is excluded",
        "除外されたドメインです",
        "The domain, or one above it, stands in `skip_domains`.",
        "ドメインまたはその上位のドメインが `skip_domains` に含まれています。",
    ),
    LinkReason.SECRET: _meaning(
        "it carries a secret",
        "秘密の情報を含みます",
        "Whoever has it could log in, read, pay or change something as somebody else, so it is not kept.",
        "それを持つ人が他人としてログイン、閲覧、支払い、変更を行えるため、記録しません。",
    ),
    LinkReason.QUOTED: _meaning(
        "in quoted text of an earlier mail",
        "以前のメールの引用内です",
        'It is somebody else\'s link. `quoted = "track"` changes that.',
        '他の人のリンクです。`quoted = "track"` で変更できます。',
    ),
    LinkReason.TOO_LONG: _meaning(
        "its line would become too long",
        "行が長くなりすぎます",
        "No line of a mail may have more than 998 octets, and this one cannot be broken.",
        "メールの 1 行は 998 オクテットまでで、この行は途中で折れません。",
    ),
    LinkReason.INVALID: _meaning(
        "not a usable link",
        "使えないリンクです",
        "Its address begins like a web address and is none, or it lies in SVG or in a template, which are left alone.",
        "Web アドレスのように始まりますが正しくないか、SVG または template の中にあります。その中には触れません。",
    ),
}


def why_message(reason: Reason, language: str = "en") -> str:
    """The short phrase for a message's reason."""
    return OF_MESSAGE[reason].short.in_language(language)


def why_link(reason: LinkReason, language: str = "en") -> str:
    """The short phrase for a link's reason."""
    return OF_LINK[reason].short.in_language(language)
