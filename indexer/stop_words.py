"""Words of a question that say what form its answer has, told from those that say what it is about.

"Summarize the discussion about the remote control", "What did the manager say on costs?": half of such a
question asks for the record of a talk, and no record is found by it; the rarer its words are in the record
itself, the more a search by words is led astray. They are dropped where a question speaks of talk at all:
"group", "present" or "reason" are what a question to code is about.
"""

from __future__ import annotations

from collections.abc import Sequence

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
