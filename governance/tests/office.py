"""The pages of ladders in the admin, as a browser sees and posts them."""

from html.parser import HTMLParser

from governance.models import TemplateAuditLog
from governance.transitions import stages_of

TEMPLATES, ASSIGNMENTS = "/admin/governance/workflowtemplate/", "/admin/governance/templateassignment/"
STAGES = [
    {"name": "QA review", "required_role": "qa_lead", "sla_hours": 24, "metadata": {"form": "F-12"}},
    {"name": "Release", "required_role": "compliance", "stage_step_indexes": [0, 2], "stage_gate_keys": ["release"]},
]


class Fields(HTMLParser):
    """What a browser would post: the values of a page's inputs, areas and selects."""

    def __init__(self, page):
        super().__init__()
        self.values, self._name, self._select = {}, None, None
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "input" and given.get("type") not in {"submit", "checkbox"} and "name" in given:
            self.values[given["name"]] = given.get("value", "")
        elif tag == "textarea":
            self._name = given["name"]
            self.values[self._name] = ""
        elif tag == "select":
            self._select = given.get("name")
            self.values[self._select] = ""
        elif tag == "option" and self._select and "selected" in given:
            self.values[self._select] = given["value"]

    def handle_endtag(self, tag):
        if tag == "textarea":
            self._name = None
        elif tag == "select":
            self._select = None

    def handle_data(self, data):
        if self._name:
            self.values[self._name] += data.removeprefix("\n").removeprefix("\r\n")


def page_of(client, template):
    return f"{TEMPLATES}{template.pk}/change/"


def form_of(client, address):
    answer = client.get(address)
    assert answer.status_code == 200
    values = Fields(answer.content.decode()).values
    return {name: text for name, text in values.items() if name and "__prefix__" not in name and name != "q"}


def names(template):
    return [stage["name"] for stage in stages_of(template)]


def actions():
    return list(TemplateAuditLog.objects.order_by("sequence").values_list("action", flat=True))


def errors_of(answer):
    assert answer.status_code == 200
    return " ".join(map(str, answer.context["errors"]))
