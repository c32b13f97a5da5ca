"""Every list of words that count for little: in a query, beside a passage, in a question about talk.

Words of form say what shape an answer has, not what it is about. "Summarize the discussion about the remote
control", "What did the manager say on costs?": half of such a question asks for the record of a talk, and no
record is found by it; the rarer its words are in the record itself, the more a search by words is led astray.
They are dropped where a question speaks of talk at all: "group", "present" or "reason" are what a question to
code is about.
"""

from __future__ import annotations

from collections.abc import Sequence

FUNCTION_WORDS = frozenset(
    """a an and are as at be been by can did do does for from has have how i if in into is it its me my of
    on or our should so than that the their them then there these they this to was we were what when where
    which while who why will with you your
    """.split()
)
"""They tell nothing, in a text as in a query: no match of one is shown."""

KEYWORDS = frozenset(
    """self this cls super def fn func fun function let var val const return returns import from class struct
    else elif true false none null nil pass new public private protected static void end
    """.split()
)
"""What every file of a language has: such code is no evidence for another word."""

STOP_WORDS = FUNCTION_WORDS | frozenset(
    """about all also am any being but could doing get gets had having he her here him his just like make
    makes no not out over she some such those through up us use used uses using via whom whose within
    would code find show implement implemented implementation handle handled handles
    """.split()
)
"""Words that ask rather than tell. Dropped from a query only while other words are left."""

_TALK = frozenset(
    """summarize summarise discuss discussed discusses discussing discussion discussions said say says talk
    talked talking talks think thinks thought thoughts opinion opinions mention mentioned attitude attitudes
    conclude concluded conclusion conclusions agreed disagree disagreed recommend recommended
    """.split()
)
"""Words that speak of talk."""
_FORM = _TALK | frozenset(
    """summary summaries propose proposed suggest suggested suggestion suggestions meeting meetings group team
    everyone people presentation presentations present presented presenting introduce introduced introduction
    explain explained describe described regarding concerning according towards respond responded response
    reply replied agree agreement view views perspective perspectives idea ideas consider considered decide
    decided decision reason reasons main mainly general generally contribute contributed believe believed
    topic question asked ask answer answered issue point detail details briefly give gave given came come
    feel felt compare overall argue argued want wanted statement refer referred
    """.split()
)
"""Words that do so beside one of those."""


def topic_words(words: Sequence[str]) -> list[str]:
    """The words of a query without those of form, in order; all of them where nothing else is left.

    `words` are lower case.
    """
    if _TALK.isdisjoint(words):
        return list(words)
    return [word for word in words if word not in _FORM] or list(words)
