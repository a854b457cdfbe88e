"""The page: a checklist. Works without JavaScript; with htmx only the list is exchanged."""

import socket
import time

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import delete, not_, select, update

from app import cache
from app.db import Item, session

KEY = "items"
LONGEST = 120
MOST = 200
HOST = socket.gethostname()
blueprint = Blueprint("items", __name__)


def _load() -> tuple[list[dict], str]:
    """The list, and where it came from (the value of RFC 9211's Cache-Status)."""
    if (items := cache.get(KEY)) is not None:
        return items, "items; hit"
    rows = select(Item.id, Item.title, Item.done).order_by(Item.done, Item.id.desc()).limit(MOST)
    with session() as s:
        items = [dict(row) for row in s.execute(rows).mappings()]
    cache.put(KEY, items)
    return items, "items; fwd=miss"


def _show(error: str = "", title: str = "", focus: int = 0) -> ResponseReturnValue:
    settings = current_app.config["SETTINGS"]
    if "slow" in settings.fail:
        time.sleep(settings.slow_seconds)
    items, status = _load()
    if "page" in settings.fail:
        items = []
    template = "_board.html" if "HX-Request" in request.headers else "page.html"
    page = render_template(template, items=items, error=error, title=title, focus=focus, host=HOST)
    return page, 422 if error else 200, {"Cache-Status": status, "Vary": "HX-Request"}


def _changed(message: str, focus: int = 0) -> ResponseReturnValue:
    cache.drop(KEY)
    if "HX-Request" in request.headers:
        return _show(focus=focus)  # who ticks by keyboard stays on that line
    flash(message)
    return redirect(url_for("items.index"), 303)


@blueprint.get("/")
def index() -> ResponseReturnValue:
    return _show()


@blueprint.post("/items")
def add() -> ResponseReturnValue:
    title = " ".join(request.form.get("title", "").replace("\0", "").split())
    if not title:
        return _show("Write something first.")
    if len(title) > LONGEST:
        return _show(f"At most {LONGEST} characters, please; these are {len(title)}.", title)
    with session() as s, s.begin():
        s.add(Item(title=title))
    return _changed("Added.")


@blueprint.post("/items/<int:item_id>/<any(toggle, remove):action>")
def change(item_id: int, action: str) -> ResponseReturnValue:
    """One that is gone already is no error: two people may tick the same list."""
    statement = update(Item).values(done=not_(Item.done)) if action == "toggle" else delete(Item)
    with session() as s, s.begin():
        s.execute(statement.where(Item.id == item_id))
    return _changed("Changed.", item_id) if action == "toggle" else _changed("Removed.")
