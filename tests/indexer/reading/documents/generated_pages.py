"""Pages as documentation generators write them, and the chains of their headings."""

# ruff: noqa: E501

FILLER = (
    "<p>Words that are long enough to be a page, for a page with hardly any text is taken for a program.</p>"
)
PAGES = {
    "docutils": (
        '<main id="guide"><h1 class="title">Guide</h1><nav class="contents" role="doc-toc"><p class="topic-title">'
        '<a class="reference internal" href="#top">Contents</a></p></nav><section id="setup"><h2>'
        '<a class="toc-backref" href="#toc-entry-1" role="doc-backlink"><span class="sectnum">1 </span>Set-up</a></h2>'
        f'{FILLER}<section id="on-linux"><h3><a class="toc-backref" href="#toc-entry-2">On <tt>Linux</tt></a></h3>'
        f"{FILLER}</section></section></main>",
        ["Guide", "Guide > 1 Set-up", "Guide > 1 Set-up > On `Linux`"],
    ),
    "sphinx": (
        '<div class="body" role="main"><section id="json"><h1><code class="xref py py-mod docutils literal">'
        '<span class="pre">json</span></code> — Encoder<a class="headerlink" href="#json" title="Link to this'
        ' heading">¶</a></h1>'
        + FILLER
        + '<section id="use"><h2><a class="toc-backref" href="#id1" role="doc-backlink">'
        'Use</a><a class="headerlink" href="#use" title="Link to this heading">¶</a></h2></section></section></div>',
        ["`json` — Encoder", "`json` — Encoder > Use"],
    ),
    "doxygen": (
        '<div class="header"><div class="headertitle"><div class="title">Parser Class</div></div></div><div class='
        f'"contents">{FILLER}<h2 class="groupheader"><a id="details"></a>Detailed Description</h2>{FILLER}<a id="a1"></a>'
        '<h2 class="memtitle"><span class="permalink"><a href="#a1">&#9670;&#160;</a></span>feed() <span class='
        '"overload">[1/2]</span></h2></div>',
        ["Detailed Description", "feed() [1/2]"],
    ),
    "javadoc": (
        '<main role="main"><div class="header"><h1 title="Class Cart" class="title">Class Cart</h1></div>'
        f'{FILLER}<section class="method-details"><h2>Method Details</h2><ul class="member-list"><li><section class='
        '"detail" id="add()"><h3>add</h3><div class="member-signature">void add()</div></section></li></ul></section></main>',
        ["Class Cart", "Class Cart > Method Details", "Class Cart > Method Details > add"],
    ),
    "mkdocs": (
        '<article class="md-content__inner md-typeset"><h1 id="a">Start<a class="headerlink" href="#a" title='
        f'"Permanent link">&para;</a></h1>{FILLER}<h2 id="b" class="doc doc-heading"><code>run</code><a href="#b" class='
        '"headerlink">#</a></h2></article>',
        ["Start", "Start > `run`"],
    ),
    "pandoc": (
        '<header id="title-block-header"><h1 class="title">Paper</h1></header><h1 data-number="1" id="i"><span class='
        f'"header-section-number">1</span> Results</h1>{FILLER}',
        ["Paper", "1 Results"],
    ),
    "mandoc": (
        '<section class="Sh"><h1 class="Sh" id="NAME"><a class="permalink" href="#NAME">NAME</a></h1>'
        f'{FILLER}</section><section class="Sh"><h1 class="Sh" id="FILES"><a class="permalink" href="#FILES">FILES</a></h1>'
        '<h2 class="Ss" id="Own"><a class="permalink" href="#Own">Own files</a></h2></section>',
        ["NAME", "FILES", "FILES > Own files"],
    ),
    "man2html": (
        f'<H1>LS</H1>Section: User Commands (1)<HR><A NAME="lbAB">&nbsp;</A><H2>NAME</H2>{FILLER}<A NAME="lbAC">&nbsp;</A>'
        "<H2>SEE ALSO</H2>dir(1)",
        ["LS", "LS > NAME", "LS > SEE ALSO"],
    ),
    "rustdoc": (
        '<main><h1>Struct <span>Vec</span></h1><h2 id="ex"><a class="doc-anchor" href="#ex">§</a>Examples</h2>'
        f"{FILLER}</main>",
        ["Struct Vec", "Struct Vec > Examples"],
    ),
    "jekyll": (f'<h1 id="x">Notes <a class="header-link" href="#x">link</a></h1>{FILLER}', ["Notes"]),
}
