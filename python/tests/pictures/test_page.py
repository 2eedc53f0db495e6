"""Pages: whole HTML in which words of users are words."""

import html.parser

from lrswift.pictures.page import facts, figure, legend, note, page, section


class Tags(html.parser.HTMLParser):
    """Checks nesting and collects the text by tag."""

    def __init__(self, text):
        super().__init__()
        self.open, self.said = [], {}
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if data.strip():
            self.said.setdefault(self.open[-1], []).append(data.strip())


def test_a_page():
    body = [
        section("Heads & tails", note("HTML, <b>bold</b>"), figure("a < b", "<svg></svg>", 'class="hand"')),
        section("", facts({"Data": "<digits>", "Empty": ""}, "lrswift compare --data 'a&b'")),
    ]
    colors = [("one & only", 'style="color:#123456"')]
    tags = Tags(page("Title <1>", "data, model", "lead", legend(colors, "before"), body))
    assert tags.open == []
    assert tags.said["title"] == ["Title <1> - data, model"] and tags.said["h1"] == ["Title <1>"]
    assert tags.said["h2"] == ["Heads & tails"] and tags.said["li"] == ["before", "one & only"]
    assert (tags.said["b"], tags.said["figcaption"]) == (["bold"], ["a < b"])
    assert (tags.said["dt"], tags.said["dd"]) == (["Data"], ["<digits>"])
    assert tags.said["code"] == ["lrswift compare --data 'a&b'"]
    assert ".legend" in tags.said["style"][0]
