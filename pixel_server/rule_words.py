"""What each rule says, in words for people, English and Japanese; docs/classes.md is printed from here too."""

from __future__ import annotations

from ledger.records import HitClass

# No rule of the table: somebody said on the page that it was themselves. No rule overrules that.
SAID_BY_SENDER = "told"

RULE_WORDS: dict[str, tuple[str, str]] = {
    "R01": ("Your own browser, logged in to this dashboard", "このダッシュボードにログイン中のご自身のブラウザー"),
    "R04": (
        "Came before the receiving server had accepted the message: only a filter on the way can do that",
        "相手のサーバーがメールを受け取る前のアクセス（経路上のフィルターにしかできません）",
    ),
    "R05": ("A request that no mail program or browser makes for an image or a link",
            "画像やリンクに対して、メールソフトやブラウザーが送ることのない種類のリクエスト"),
    "R06": ("Asked only for the headers (HEAD): a program checks, nobody looks",
            "ヘッダーだけの確認（HEAD）。プログラムによる検査で、人は見ていません"),
    "R07": ("The browser says that it fetches ahead or for a preview",
            "ブラウザー自身が先読みまたはプレビューのための取得と申告"),
    "R08": ("Gave no user agent, as programs do", "ユーザーエージェントなし（プログラムの特徴）"),
    "R09": ("A mail filter or link checker that gives its name", "名乗っているメールフィルターまたはリンク検査"),
    "R10": ("Gmail fetches ahead of reading", "Gmail による先読み（既読とは限りません）"),
    "R11": ("Only “Mozilla/5.0”: Apple Mail Privacy Protection fetches whether or not somebody reads",
            "「Mozilla/5.0」のみ：Apple のメールプライバシー保護。読まれたかどうかに関係なく取得されます"),
    "R12": ("The mail provider's image proxy, which fetches when somebody looks at the message",
            "メールを表示したときに取得する、メール事業者の画像プロキシ"),
    "R13": ("A chat or social service drew a preview of the link", "チャットや SNS によるリンクのプレビュー"),
    "R14": ("Came from a network where only mail filters live", "メールフィルター専用のネットワークからのアクセス"),
    "R15": ("Came soon after delivery from a mail security company's network",
            "配信直後の、メールセキュリティ会社のネットワークからのアクセス"),
    "R16": ("One address asked for several of the message's links at once: no person clicks like that",
            "同じアドレスから複数のリンクがほぼ同時に開かれました。人の操作ではありません"),
    "R17": ("An Office program looked at the link before the browser did",
            "Office ソフトがブラウザーより先にリンクを確認"),
    "R18": ("From an address that you sent this message from, or are logged in from",
            "送信元またはダッシュボードにログイン中のご自身のアドレスからのアクセス"),
    "R19": ("A mail program that shows images when somebody looks", "表示時に画像を取得するメールソフト"),
    "R20": ("A program, crawler or monitor by its own name", "名乗っているプログラム・クローラー・監視ツール"),
    "R21": ("Sooner after delivery than a person could be", "配信直後すぎて、人の操作とは考えられません"),
    "R22": ("Nothing says otherwise: a person's browser", "機械の特徴がないため、人のブラウザーと判断"),
    SAID_BY_SENDER: ("You said that this was you", "ご自身のアクセスと申告されました"),
}  # fmt: skip

CLASS_WORDS: dict[HitClass, tuple[str, str]] = {
    HitClass.HUMAN: ("A person", "人"),
    HitClass.IMAGE_PROXY: ("A person, through the provider's image proxy", "人（メール事業者の画像プロキシ経由）"),
    HitClass.PRIVACY_PREFETCH: (
        "Fetched ahead by the mail system; perhaps read",
        "メールシステムによる先読み（既読の可能性あり）",
    ),
    HitClass.SECURITY_SCANNER: ("A mail filter", "メールフィルター"),
    HitClass.LINK_PREVIEW: ("A preview", "プレビュー"),
    HitClass.BOT: ("A program", "プログラム"),
    HitClass.OWN: ("You", "ご自身"),
}  # fmt: skip


def words_of(rule: str, language: str) -> str:
    """What a rule says, in "ja" or else English; the rule's id itself when no such rule is known."""
    words = RULE_WORDS.get(rule)
    if words is None:
        return rule
    return words[1 if language == "ja" else 0]


def class_words(hit_class: HitClass, language: str) -> str:
    """What a class is called, in "ja" or else English."""
    return CLASS_WORDS[hit_class][1 if language == "ja" else 0]
