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
    stop_button: str
    erase_button: str
    not_recording: str
    stopped: str
    erased: str
    failed: str
    links_work: str

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
    counts="Recorded: pictures of the message were loaded {opens} times, links were followed {clicks} times.",
    times="First on {first}, last on {last}.",
    devices="Kept with it: {devices}.",
    shared="Several people got the same copy, so nobody can tell which of you it was.",
    kept="The single records are deleted after {days} days at the latest.",
    stop_button="Stop recording for this sender's mail",
    erase_button="Stop, and erase what was recorded",
    not_recording="Nothing more is recorded.",
    stopped="Done. Nothing more is recorded when you open mail you have from this sender.",
    erased="Done. What was recorded about this message is erased, and nothing more will be recorded.",
    failed="That did not work just now. Nothing was changed; please try again in a few minutes.",
    links_work="The links in the message go on working, whatever you choose.",
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
    counts="記録：画像の読み込み {opens} 回、リンクの利用 {clicks} 回。",
    times="最初は {first}、最後は {last}。",
    devices="一緒に保存されているもの：{devices}。",
    shared="同じメールが複数の人に届いているため、誰の記録かは分かりません。",
    kept="個々の記録は、遅くとも {days} 日後に削除されます。",
    stop_button="この送信者のメールの記録を停止する",
    erase_button="停止して、記録を消去する",
    not_recording="今後は何も記録されません。",
    stopped="停止しました。この送信者から届いているメールを開いても、今後は何も記録されません。",
    erased="消去しました。このメールの記録は削除され、今後は何も記録されません。",
    failed="今は処理できませんでした。何も変更されていません。数分後にもう一度お試しください。",
    links_work="どちらを選んでも、メール内のリンクはこれまでどおり使えます。",
)
WORDS = {words.code: words for words in (_ENGLISH, _JAPANESE)}
