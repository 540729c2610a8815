#!/usr/bin/env python3
"""Uses the studio of a run in a browser, as a person does.

    python -m scripts.checks.studio RUN OUTPUT_DIR [--browser=/usr/bin/chromium]

Starts the command, which is to be of a run that knows clothes on black, opens each tab, moves
controls and asserts that what is shown changes, sends files that are no pictures, or on white,
paints a mask, and ends the command by SIGTERM. Nothing may be asked of another host, and no file
may stay behind. Screenshots are in OUTPUT_DIR. Needs `pip install playwright`, and Chromium
(Debian: `apt-get install chromium`).
"""

from __future__ import annotations

import argparse
import io
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlparse

import numpy as np
from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

PATIENCE = 240_000.0  # milliseconds


def main(arguments: list[str]) -> None:
    """Starts the command and the browser, and goes through the tabs."""
    parser = argparse.ArgumentParser()
    parser.add_argument("run")
    parser.add_argument("output", type=Path)
    parser.add_argument("--browser", default="/usr/bin/chromium")
    asked = parser.parse_args(arguments)
    asked.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        environment = {**os.environ, "TMPDIR": temporary}
        command = [sys.executable, "-m", "trainer", "studio", f"--job_dir={asked.run}", "--port=0"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            assert url.startswith("http://127.0.0.1:"), url
            browse(url, asked.browser, asked.output)
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0, process.returncode
        finally:
            process.kill()
        left = [path for path in Path(temporary).rglob("*") if path.is_file()]
        assert not left, f"left behind: {left}"
    print("the studio does what it should")


def browse(url: str, browser: str, output: Path) -> None:
    """Goes through the tabs that there are."""
    asked_for: list[str] = []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=browser,
            args=["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"],
        )
        page = chromium.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(PATIENCE)
        page.on("request", lambda request: asked_for.append(request.url))
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(url)
        expect(page.get_by_role("tab").first).to_be_visible()
        for name, use in TABS.items():
            tab = page.get_by_role("tab", name=name, exact=True)
            if tab.count():
                tab.click()
                use(page, output)
                print(f"{name}: works")
        chromium.close()
    known = urlparse(url).netloc
    others = {each for each in asked_for if urlparse(each).netloc not in ("", known)}
    assert not others, f"asked of others: {others}"
    assert not errors, errors


def generate(page: Page, output: Path) -> None:
    """Another seed, less truncation, a class."""
    panel = visible(page)
    panel.locator("img").nth(3).wait_for()
    changes(page, lambda: number(page, "Seed", 5))
    save(page, output, "generate")
    changes(page, lambda: number(page, "Truncation", 0.5))
    assert "--truncation=0.5" in command(page)


def walk(page: Page, output: Path) -> None:
    """A place on the way, and another end."""
    visible(page).locator("img").nth(3).wait_for()
    before = pictures(page)
    changes(page, lambda: number(page, "How far", 25))
    assert pictures(page)[1:] == before[1:]  # the way is the same one
    changes(page, lambda: number(page, "To seed", 9))
    save(page, output, "walk")


def directions(page: Page, output: Path) -> None:
    """The first direction, then back."""
    visible(page).locator("img").nth(20).wait_for()
    before = pictures(page)
    changes(page, lambda: number(page, "1: ", 2.5))
    assert pictures(page)[0] == before[0]  # the start
    save(page, output, "directions")
    changes(page, lambda: page.get_by_role("button", name="Back to the start").click())
    assert pictures(page) == before


def edit(page: Page, output: Path) -> None:
    """A picture is projected; then one is sent, and what is none."""
    before = pictures(page)
    visible(page).locator(".examples button").nth(3).click()
    differs(page, before)
    changes(page, lambda: page.get_by_role("button", name="Project it").click())
    visible(page).locator("img").nth(1).wait_for()
    save(page, output, "edit")
    wrong_files(page)


def complete(page: Page, output: Path) -> None:
    """A ready mask, and a painted one."""
    canvas = visible(page).locator("canvas").first
    canvas.wait_for()
    page.get_by_label("right half").click()
    page.wait_for_timeout(2000)
    changes(page, lambda: page.get_by_role("button", name="Complete it").click(), 5)
    save(page, output, "complete")
    box = canvas.bounding_box()
    assert box
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.3, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.4, middle, steps=8)
    page.mouse.up()
    page.wait_for_timeout(1000)
    changes(page, lambda: page.get_by_role("button", name="Complete it").click(), 5)
    save(page, output, "complete_painted")


def wrong_files(page: Page) -> None:
    """No picture, one that is too large, and one on white are told of in a line."""
    on_white = io.BytesIO()
    Image.fromarray(np.pad(np.zeros((20, 20), np.uint8), 10, constant_values=255)).save(
        on_white, "png"
    )
    for content, said in (
        (b"not a picture", "not a readable picture"),
        (b"x" * 2**25, ""),
        (on_white.getvalue(), "dark on light"),
    ):
        file = {"name": "odd.png", "mimeType": "image/png", "buffer": content}
        visible(page).locator("input[type=file]").first.set_input_files(files=[file])
        toast = page.get_by_test_id("toast-body")
        toast.first.wait_for()
        text = toast.first.inner_text()
        assert said in text and "Traceback" not in text, text
        print(f"  it is told: {' '.join(text.split())}")
        expect(toast).to_have_count(0, timeout=30_000)  # it goes by itself


TABS: dict[str, Callable[[Page, Path], None]] = {
    "Generate": generate,
    "Walk": walk,
    "Directions": directions,
    "Edit": edit,
    "Complete": complete,
}


def visible(page: Page):
    """The tab that is open."""
    return page.locator("[role=tabpanel]:visible")


def pictures(page: Page) -> list[str | None]:
    """The pictures of the open tab, but for those to choose from."""
    shown = visible(page).locator(".pictures img").all()
    return [each.get_attribute("src") for each in shown]


def command(page: Page) -> str:
    """The first command line of the open tab."""
    return visible(page).locator(".cm-content").first.inner_text()


def number(page: Page, label: str, value: float) -> None:
    """Types a number into a control."""
    field = visible(page).locator(
        f"xpath=.//*[contains(@class,'block')][.//*[starts-with(normalize-space(text()),'{label}')]]"
        "//input[@type='number']"
    )
    field.first.fill(f"{value:g}")
    field.first.press("Enter")
    field.first.blur()


def changes(page: Page, act: Callable[[], None], least: int = 1) -> None:
    """Asserts that what is shown becomes something else, of so many pictures at least."""
    before = pictures(page)
    act()
    differs(page, before, least)


def differs(page: Page, before: list[str | None], least: int = 1) -> None:
    """Waits until other pictures are shown."""
    page.wait_for_function(
        """([before, least]) => {
          const open = [...document.querySelectorAll('[role=tabpanel]')].find(
            (each) => each.offsetParent !== null);
          const shown = [...open.querySelectorAll('.pictures img')].map((each) => each.src);
          return shown.length >= least && JSON.stringify(shown) !== JSON.stringify(before);
        }""",
        arg=[before, least],
    )
    page.wait_for_timeout(700)


def save(page: Page, output: Path, name: str) -> None:
    """A screenshot of the whole page."""
    page.wait_for_timeout(500)
    page.screenshot(path=output / f"{name}.png", full_page=True)


if __name__ == "__main__":
    main(sys.argv[1:])
