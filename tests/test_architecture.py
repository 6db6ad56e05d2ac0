"""The rules of docs/architecture.md that a reader of code would otherwise have to check by eye."""

import ast
from functools import cache
from pathlib import Path

import pytest
from django.apps import apps

ROOT = Path(__file__).resolve().parent.parent

# Lowest floor first. An app imports only from floors below its own; siblings share a floor.
FLOORS = [
    {"ledger"},
    {"portal"},
    {"accounts"},
    {"experiments"},
    {"evidence", "governance"},
    {"approvals"},
    {"narratives", "baselines"},
    {"oversight"},
    {"biolabs"},
]
FLOOR_OF = {app: floor for floor, names in enumerate(FLOORS) for app in names}
BY_NAME = {"import_module", "import_string", "get_model", "async_task"}
MODEL_SIGNALS = {
    "pre_init",
    "post_init",
    "pre_save",
    "post_save",
    "pre_delete",
    "post_delete",
    "m2m_changed",
    "class_prepared",
}


def sources(*, tests=False):
    """Every module of our apps, as (app, path relative to the root, syntax tree)."""
    for app in sorted(FLOOR_OF):
        for path in sorted((ROOT / app).rglob("*.py")):
            inside = path.relative_to(ROOT)
            if "migrations" in inside.parts or (not tests and "tests" in inside.parts):
                continue
            yield app, inside, tree_of(path)


@cache
def tree_of(path):
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imported(tree):
    """(line, dotted name) of every import, also inside functions and by name (`import_module`, `get_model`, jobs)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and called(node) in BY_NAME and node.args and is_text(node.args[0]):
            yield node.lineno, node.args[0].value


def called(node):
    """The last part of what is called: `update` for `rows.filter(...).update(...)`."""
    return getattr(node.func, "attr", getattr(node.func, "id", None))


def test_an_app_imports_only_from_apps_below_it():
    upward = [
        f"{path}:{line} imports {name}"
        for app, path, tree in sources()
        for line, name in imported(tree)
        if (other := name.partition(".")[0]) in FLOOR_OF and other != app and FLOOR_OF[other] >= FLOOR_OF[app]
    ]
    assert upward == []


@pytest.mark.parametrize(
    "line",
    [
        "import approvals.models",
        "from approvals import models",
        "from approvals.models import ApprovalStage",
        "def verb():\n    from approvals.models import ApprovalStage",
        "apps.get_model('approvals.ApprovalStage')",
        "async_task('approvals.tasks.remind', str(pk))",
    ],
)
def test_the_search_for_imports_finds_what_it_should(line):
    assert [name.partition(".")[0] for _, name in imported(ast.parse(line))] == ["approvals"]


def test_imports_inside_an_app_name_the_app():
    relative = [
        f"{path}:{node.lineno}"
        for _, path, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert relative == []  # the test above reads absolute names only


def test_foreign_keys_point_only_to_apps_below():
    upward = [
        f"{model._meta.label}.{field.name} -> {field.related_model._meta.label}"
        for model in apps.get_models()
        if (app := model._meta.app_label) in FLOOR_OF
        for field in model._meta.get_fields(include_hidden=False)
        if field.is_relation and not field.auto_created and field.related_model
        if (other := field.related_model._meta.app_label) in FLOOR_OF
        if other != app and FLOOR_OF[other] >= FLOOR_OF[app]
    ]
    assert upward == []


def test_every_app_of_ours_has_its_floor():
    ours = {config.name for config in apps.get_app_configs() if (ROOT / config.name).is_dir()}
    assert ours <= set(FLOOR_OF)


def status_writes(tree):
    """(line, how) of whatever assigns a row's status."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for part in (part for target in targets for part in ast.walk(target)):
                if isinstance(part, ast.Attribute) and part.attr == "status" and isinstance(part.ctx, ast.Store):
                    yield node.lineno, ".status ="
        elif isinstance(node, ast.Call):
            yield from ((node.lineno, how) for how in status_calls(node))


def status_calls(call):
    name = called(call)
    if name in {"update", "aupdate"} and any(keyword.arg == "status" for keyword in call.keywords):
        yield f"{name}(status=...)"
    if name in {"bulk_update", "abulk_update"} and any(is_text(part, "status") for part in ast.walk(call)):
        yield f"{name}(..., ['status'])"
    if name == "setattr" and len(call.args) > 1 and is_text(call.args[1], "status"):
        yield "setattr(..., 'status', ...)"


def is_text(node, text=None):
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and text in {None, node.value}


def test_only_transitions_assign_a_status():
    elsewhere = [
        f"{path}:{line} {how}"
        for _, path, tree in sources()
        if "transitions" not in path.stem
        for line, how in status_writes(tree)
    ]
    assert elsewhere == []


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("stage.status = 'approved'", 1),
        ("a, stage.status = 1, 2", 1),
        ("stage.status: str = 'approved'", 1),
        ("rows.filter(pk=1).update(status='approved')", 1),
        ("rows.bulk_update(steps, ['status'])", 1),
        ("rows.bulk_update(steps, fields=['status', 'started_at'])", 1),
        ("setattr(stage, 'status', 'approved')", 1),
        ("if stage.status == 'approved': pass", 0),
        ("rows.filter(status='approved')", 0),
        ("rows.create(status='approved')", 0),
        ("words.update(title=1)", 0),
        ("rows[stage.status] = 1", 0),
    ],
)
def test_the_search_for_status_writes_finds_what_it_should(line, found):
    assert len(list(status_writes(ast.parse(line)))) == found


def test_django_signals_about_rows_are_not_used():
    used = [
        f"{path}:{line} imports {name}"
        for _, path, tree in sources(tests=True)
        for line, name in imported(tree)
        if name.rpartition(".")[2] in MODEL_SIGNALS or name == "django.db.models.signals"
    ]
    reached = [
        f"{path}:{node.lineno} uses {node.attr}"
        for _, path, tree in sources(tests=True)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in MODEL_SIGNALS
    ]
    assert used + reached == []


def test_ladder_closed_is_the_only_signal_of_ours():
    made = [
        f"{path}: {ast.unparse(node)}"
        for _, path, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
        if called(node.value) in {"Signal", "ModelSignal"}
    ]
    assert made == ["approvals/signals.py: ladder_closed = Signal()"]


def test_the_portal_app_owns_no_tables():
    assert [model._meta.label for model in apps.get_app_config("portal").get_models()] == []
