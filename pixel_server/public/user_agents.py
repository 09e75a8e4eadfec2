"""The family of a user agent, for keeping and for showing: "Thunderbird", "Chrome on Windows", "Gmail image proxy".

Says nothing of versions, devices or languages, and nothing that stands in no table here, so that a family tells as
little about a person as thousands of others share. Judges nobody: that is classify.py's. Pure.
"""

from __future__ import annotations

from functools import lru_cache

_TEXT_LIMIT = 512

# In order: the first word that the user agent contains, without regard to case, gives the name.
_MACHINES = (
    ("googleimageproxy", "Gmail image proxy"),
    ("via ggpht.com", "Gmail image proxy"),
    ("edge/12.246 mozilla/5.0", "Gmail prefetch"),
    ("yahoomailproxy", "Yahoo image proxy"),
    ("seznamemailproxy", "Seznam image proxy"),
    ("ramblermail", "Rambler image proxy"),
    ("secureurl.fwdcdn.com", "ukr.net image proxy"),
    ("fastmailua", "Fastmail image proxy"),
    ("shortwave image fetcher", "Shortwave image proxy"),
    ("slack", "Slack"),
    ("facebookexternal", "Facebook preview"),
    ("twitterbot", "X preview"),
    ("whatsapp", "WhatsApp preview"),
    ("telegrambot", "Telegram preview"),
    ("discordbot", "Discord preview"),
    ("linkedinbot", "LinkedIn preview"),
    ("skypeuripreview", "Teams preview"),
    ("microsoftpreview", "Microsoft preview"),
    ("bingpreview", "Bing preview"),
    ("barracuda", "Barracuda"),
    ("google-safety", "Google Safety"),
    ("googlebot", "Googlebot"),
    ("bingbot", "Bingbot"),
    ("headlesschrome", "Headless Chrome"),
    ("python-requests", "python-requests"),
    ("python", "Python"),
    ("curl", "curl"),
    ("wget", "Wget"),
    ("okhttp", "okhttp"),
    ("go-http-client", "Go"),
    ("axios", "axios"),
    ("java/", "Java"),
    ("apache-httpclient", "Java"),
)
_MAIL_CLIENTS = (
    ("thunderbird", "Thunderbird"),
    ("icedove", "Thunderbird"),
    ("betterbird", "Betterbird"),
    ("macoutlook", "Outlook for Mac"),
    ("outlook-ios", "Outlook for iOS"),
    ("outlook-android", "Outlook for Android"),
    ("outlook-express", "Outlook Express"),
    ("outlook", "Outlook"),
    ("office protocol discovery", "Microsoft Office"),
    ("office existence discovery", "Microsoft Office"),
    ("ms-office", "Microsoft Office"),
    ("msoffice", "Microsoft Office"),
    ("microsoft office", "Microsoft Office"),
    ("windowsmail", "Windows Mail"),
    ("airmail", "Airmail"),
    ("postbox", "Postbox"),
    ("em client", "eM Client"),
    ("emclient", "eM Client"),
    ("mailspring", "Mailspring"),
    ("mailbird", "Mailbird"),
    ("bluemail", "BlueMail"),
    ("foxmail", "Foxmail"),
    ("mailmaster", "Mail Master"),
    ("android-gmail", "Gmail for Android"),
    ("superhuman", "Superhuman"),
    ("navermailapp", "Naver Mail"),
    ("yahoo%20mail", "Yahoo Mail"),
    ("yahoo mail", "Yahoo Mail"),
    ("yahoomobilemail", "Yahoo Mail"),
    ("jp.co.yahoo.ymail", "Yahoo Mail"),
    ("lotus-notes", "Notes"),
    ("the bat!", "The Bat!"),
)
# Those built on another name the other too, so they come before it.
_BROWSERS = (
    ("edg/", "Edge"), ("edge/", "Edge"), ("edga/", "Edge"), ("edgios/", "Edge"),
    ("opr/", "Opera"), ("opera", "Opera"), ("samsungbrowser/", "Samsung Internet"), ("vivaldi/", "Vivaldi"),
    ("yabrowser/", "Yandex Browser"), ("duckduckgo/", "DuckDuckGo"), ("silk/", "Silk"),
    ("firefox/", "Firefox"), ("fxios/", "Firefox"), ("seamonkey/", "SeaMonkey"),
    ("crios/", "Chrome"), ("chrome/", "Chrome"), ("chromium/", "Chromium"),
    ("trident/", "Internet Explorer"), ("msie ", "Internet Explorer"),
)  # fmt: skip
_SYSTEMS = (
    ("windows", "Windows"), ("iphone", "iOS"), ("ipad", "iPadOS"), ("android", "Android"),
    ("macintosh", "macOS"), ("mac os x", "macOS"), ("cros ", "ChromeOS"), ("linux", "Linux"),
    # As families say it, of which the system is asked too.
    ("macos", "macOS"), ("ipados", "iPadOS"), (" on ios", "iOS"), ("chromeos", "ChromeOS"),
)  # fmt: skip


@lru_cache(maxsize=2048)
def family_of(user_agent: str) -> str:
    """The family: a program's name, "BROWSER on SYSTEM", or "Other"; "" for an empty user agent."""
    text = user_agent.strip()[:_TEXT_LIMIT].lower()
    if not text:
        return ""
    if text == "mozilla/5.0":
        return "Apple Mail (privacy protection) or unnamed"
    program = _name(_MACHINES, text) or _name(_MAIL_CLIENTS, text)
    if program:
        return program
    if text.startswith("mozilla/5.0 (macintosh;") and text.endswith("(khtml, like gecko)"):
        return "Apple Mail"
    return _browser(text)


@lru_cache(maxsize=2048)
def system_of(user_agent: str) -> str:
    """The operating system that a user agent names, "" when it names none that is known."""
    return _name(_SYSTEMS, user_agent[:_TEXT_LIMIT].lower())


def _browser(text: str) -> str:
    browser = _name(_BROWSERS, text) or ("Safari" if "safari/" in text and "version/" in text else "")
    system = _name(_SYSTEMS, text)
    if not browser:
        return f"Other on {system}" if system else "Other"
    return f"{browser} on {system}" if system else browser


def _name(table: tuple[tuple[str, str], ...], text: str) -> str:
    return next((name for word, name in table if word in text), "")
