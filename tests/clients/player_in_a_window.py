"""A player in a process of its own, for `test_play`: plays through `clients.play.run`, keys posted as if pressed.

Arguments: the gateway's address, and where to save the last picture. Prints a JSON object.
"""

import json
import sys
from pathlib import Path
from typing import Any

import pygame

from clients import play

WALK_TILES = 1.5
PICTURES_MAX = 1_500


class Hands:
    """Presses keys, step by step, by what the game shows."""

    def __init__(self, shot: Path) -> None:
        self.shot, self.told = shot, dict[str, Any]()
        self.step = self.pictures = 0
        self.start = (0.0, 0.0)

    def drawn(self, window: play.Window, game: play.Game) -> bool:
        """After each picture."""
        self.pictures += 1
        view = game.view
        if view is None or not view.own.known:
            return self.pictures < PICTURES_MAX
        place = view.find(view.entity)
        at = (place[0] / 64, place[1] / 64) if place else (0.0, 0.0)
        if self.step == 0 and place:
            self.start, self.step = at, 1
            self._way = 0
        elif self.step == 1:
            if self.pictures % 60 == 0:  # another way, if this one is blocked
                self._press((pygame.K_w, pygame.K_a, pygame.K_s, pygame.K_d)[self._way % 4])
                self._way += 1
            if max(abs(at[0] - self.start[0]), abs(at[1] - self.start[1])) > WALK_TILES:
                self.told["walked"] = WALK_TILES
                for code in (pygame.K_w, pygame.K_a, pygame.K_s, pygame.K_d):
                    pygame.event.post(pygame.event.Event(pygame.KEYUP, key=code))
                self._press(pygame.K_RETURN)
                for sign in "hello, world":
                    pygame.event.post(pygame.event.Event(pygame.TEXTINPUT, text=sign))
                pygame.event.post(pygame.event.Event(pygame.KEYUP, key=pygame.K_RETURN))
                self._press(pygame.K_RETURN)
                self.step = 2
        elif self.step == 2:
            heard = [text for _, text in game.panel.lines if text.startswith("you: ")]
            if heard:
                self.told |= {"heard": heard, "acked": game.connection.session.acked}
                self.told["driver"] = pygame.display.get_driver()
                pygame.image.save(window.surface, self.shot)
                return False
        return self.pictures < PICTURES_MAX

    def _press(self, code: int) -> None:
        for other in (pygame.K_w, pygame.K_a, pygame.K_s, pygame.K_d):
            pygame.event.post(pygame.event.Event(pygame.KEYUP, key=other))
        pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=code))


def main() -> int:
    """Play, and say what happened."""
    hands = Hands(Path(sys.argv[2]))
    turn = play.Window.turn

    def turned(window: play.Window, game: play.Game, controls: play.Controls) -> None:
        turn(window, game, controls)
        if not hands.drawn(window, game):
            controls.leaving = True

    play.Window.turn = turned  # type: ignore[method-assign]
    status = play.run(sys.argv[1], None)
    print(json.dumps(hands.told))
    return status


if __name__ == "__main__":
    sys.exit(main())
