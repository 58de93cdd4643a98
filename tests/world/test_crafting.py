"""Making things by recipes, what is in use, wounds, rest and food; each rule beside its control."""

import pytest

from tests.world.lands import column, count, flat, key, place, put, run
from world import combat, crafting, equipment
from world.actions import Action, Craft, Eat, Equip, GiveAsset, Strike, Wear
from world.borders import add_asset, read_image
from world.crafting import RECIPES
from world.encoding import decode, encode
from world.equipment import Armour, Weapon, skin_worn
from world.events import Event, Kind, Refusal
from world.faucets import holdings, net
from world.invariants import check
from world.items import ARROW, BERRY, BOW, BREAD, COAT, HIDE, MASTERPIECE, MEAT, SKIN, STONE, SWORD, WOOD
from world.kinds import CRATE, PLAYER
from world.portrait import named
from world.recipe_text import ASSET_MADE, CRATE_MADE, RecipeError, parse
from world.state import (
    ARMOUR,
    ASSET_KIND,
    ASSET_TRAITS,
    COOLDOWN,
    DOWN_TICKS,
    GOODS,
    GOODS_0,
    HEALTH,
    WEAPON,
    Counter,
    State,
)
from world.tick import Inputs, advance, sleep
from world.units import GOODS_MAX

NUMBER = {recipe.name: number for number, recipe in enumerate(RECIPES)}


def rich(state: State) -> int:
    """A player with fifty of each good."""
    entity = put(state, PLAYER, 10.5, 10.5)
    state.rows[GOODS_0 : GOODS_0 + GOODS, state.row(entity)] = 50
    return entity


def do(state: State, entity: int, action: Action) -> tuple[Refusal, list[Event]]:
    state.rows[COOLDOWN, state.row(entity)] = 0
    out = advance(state, Inputs(key(int(state.counters[0])), actions=((entity, action),)))
    check(state)
    return Refusal(out.verdicts[0]), out.events


@pytest.mark.parametrize("recipe", [recipe for recipe in RECIPES if recipe.item >= 0], ids=lambda recipe: recipe.name)
def test_a_recipe_takes_what_it_says_and_gives_what_it_says(recipe: crafting.Recipe) -> None:
    state = flat()
    one = rich(state)
    before = holdings(state) - net(state.flows)
    state.counters[Counter.FINDS_LEFT] = 0  # no masterpiece
    assert do(state, one, Craft(NUMBER[recipe.name]))[0] == Refusal.DONE
    for item in range(GOODS):
        change = (recipe.pieces if item == recipe.item else 0) - dict(recipe.needs).get(item, 0)
        assert column(state, one, GOODS_0 + item) == 50 + change
    assert (holdings(state) - net(state.flows) == before).all()
    assert do_soon(state, one, Craft(NUMBER[recipe.name])) == Refusal.TOO_SOON


def do_soon(state: State, entity: int, action: Action) -> Refusal:
    return Refusal(advance(state, Inputs(key(1), actions=((entity, action),))).verdicts[0])


def test_what_cannot_be_made_is_refused_and_takes_nothing() -> None:
    state = flat()
    one = put(state, PLAYER, 10.5, 10.5, goods_0=4)
    assert do(state, one, Craft(NUMBER["bow"]))[0] == Refusal.NOT_ENOUGH
    assert do(state, one, Craft(255))[0] == Refusal.NOT_AN_ACTION
    row = state.row(one)
    state.rows[GOODS_0 + HIDE, row], state.rows[GOODS_0 + BOW, row] = 1, GOODS_MAX
    assert do(state, one, Craft(NUMBER["bow"]))[0] == Refusal.NO_ROOM
    assert column(state, one, GOODS_0 + WOOD) == 4 and column(state, one, GOODS_0 + HIDE) == 1


def test_a_crate_is_made_beside_its_maker() -> None:
    state = flat()
    one = rich(state)
    assert do(state, one, Craft(NUMBER["crate"]))[0] == Refusal.DONE
    assert count(state, CRATE) == 1 and column(state, one, GOODS_0 + WOOD) == 44


@pytest.mark.parametrize("budget", [1, 0], ids=["in the budget", "spent (control)"])
def test_a_masterpiece_is_an_asset_of_the_recipes_form_while_the_budget_lasts(
    budget: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    always = tuple(recipe._replace(odds=min(recipe.odds, 1)) for recipe in RECIPES)
    monkeypatch.setattr(crafting, "RECIPES", always)
    state = flat()
    one = rich(state)
    state.counters[Counter.FINDS_LEFT] = budget
    verdict, events = do(state, one, Craft(NUMBER["sword"]))
    assert verdict == Refusal.DONE and state.assets_used == budget == state.counters[Counter.ASSETS_MINTED]
    assert column(state, one, GOODS_0 + SWORD) == 51 - budget
    if budget:
        asset = state.assets[:, 0]
        assert asset[ASSET_KIND] == MASTERPIECE and named(int(asset[ASSET_TRAITS]), MASTERPIECE)["form"] == "sword"
        minted = next(event for event in events if event.kind == Kind.MINTED)
        assert (minted.a, minted.b, minted.c) == (asset[0], one, MASTERPIECE)
    state.counters[Counter.FINDS_LEFT] = budget
    assert do(state, one, Craft(NUMBER["cloak"]))[0] == (Refusal.DONE if budget else Refusal.NO_ROOM)


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("bow: 4 wood -> 1 bow; 40 ticks", 1, "no name before '='"),
        ("\nbow = 4 wood; 40 ticks", 2, "no '->'"),
        ("bow = 4 gold -> 1 bow; 40 ticks", 1, "'4 gold' is no count of goods; allowed: a count and one of wood"),
        ("bow = 4 wood, 1 wood -> 1 bow; 40 ticks", 1, "the same good needed twice"),
        ("bow = 0 wood -> 1 bow; 40 ticks", 1, "1 to 999"),
        ("bow = 4 wood -> 1 bow; soon", 1, "1 ticks to 1000 ticks"),
        ("bow = 4 wood -> 1 bow", 1, "1 parts after '->'"),
        ("a = 4 wood -> 1 bow; 9 ticks\na = 4 wood -> 1 bow; 9 ticks", 2, "a second recipe named a"),
        ("a = 4 wood -> 1 bow; 9 ticks; 1 in 9 find urn", 1, "'find urn' is no kind and form"),
        ("a = 4 wood -> skin cloak; 9 ticks; 1 in 9 skin gown", 1, "odds behind what is an asset already"),
        ("a = 4 wood -> crate; 9 ticks; 1 in 9 skin gown", 1, "odds behind a crate"),
        ("# nothing\n", 1, "0 recipes"),
    ],
)
def test_a_mistake_in_a_recipe_is_named_with_its_line(text: str, line: int, says: str) -> None:
    with pytest.raises(RecipeError) as error:
        parse("my.txt", text)
    assert error.value.line == line and says in str(error.value) and "my.txt, line" in str(error.value)


def test_recipes_are_read_as_they_are_written() -> None:
    one, two = parse(
        "x", "a = 2 wood, 3 stone -> 4 arrow; 7 ticks; 1 in 9 masterpiece shield\nb = 1 hide -> crate; 1 ticks"
    )
    assert one == ("a", ((WOOD, 2), (STONE, 3)), ARROW, 4, 7, (MASTERPIECE, 2), 9)
    assert (two.item, two.pieces, two.odds) == (CRATE_MADE, 1, 0)
    assert [recipe.name for recipe in RECIPES if recipe.item == ASSET_MADE]


def test_what_is_in_use_is_not_in_the_purse_and_comes_back_to_it() -> None:
    state = flat()
    one = rich(state)
    for action, weapon, swords, bows in ((SWORD, SWORD, 49, 50), (BOW, BOW, 50, 49), (BOW, -1, 50, 50)):
        assert do(state, one, Equip(action))[0] == Refusal.DONE
        assert column(state, one, WEAPON) == weapon + 1
        assert (column(state, one, GOODS_0 + SWORD), column(state, one, GOODS_0 + BOW)) == (swords, bows)
    assert do(state, one, Equip(WOOD))[0] == Refusal.NOT_AN_ACTION
    do(state, one, Equip(COAT))
    state.rows[GOODS_0 + SWORD, state.row(one)] = 0
    assert do(state, one, Equip(SWORD))[0] == Refusal.NOT_ENOUGH
    assert column(decode(encode(state)), one, ARMOUR) == COAT + 1
    assert read_image(sleep(state, one)).columns[ARMOUR] == COAT + 1


@pytest.mark.parametrize(
    ("weapon", "armour", "damage"), [(0, 0, 10), (1 + SWORD, 0, 22), (0, 1 + COAT, 7), (1 + BOW, 0, 10)]
)
def test_a_sword_adds_to_a_blow_and_a_coat_turns_part_of_it(weapon: int, armour: int, damage: int) -> None:
    state = flat()
    one, other = put(state, PLAYER, 10.5, 10.5, weapon=weapon), put(state, PLAYER, 11.5, 10.5, armour=armour)
    do(state, one, Strike(other))
    assert column(state, other, HEALTH) == 100 - damage


def test_things_in_use_wear_out_by_the_sink_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(equipment, "WEAPONS", {SWORD: Weapon(12, 40, 1)})
    monkeypatch.setattr(equipment, "ARMOURS", {COAT: Armour(35, 1)})
    state = flat()
    one, other = put(state, PLAYER, 10.5, 10.5, weapon=1 + SWORD), put(state, PLAYER, 11.5, 10.5, armour=1 + COAT)
    before = holdings(state) - net(state.flows)
    _, events = do(state, one, Strike(other))
    assert column(state, one, WEAPON) == column(state, other, ARMOUR) == 0
    assert sorted(event.b for event in events if event.kind == Kind.WORE_OUT) == [SWORD, COAT]
    assert (holdings(state) - net(state.flows) == before).all()


def test_a_skin_is_worn_by_its_holder_and_comes_off_when_given() -> None:
    state = flat()
    one, other = put(state, PLAYER, 10.5, 10.5), put(state, PLAYER, 11.5, 10.5)
    skin = 3 << 48 | 0xF0000001  # an id whose low half is negative as an int32
    add_asset(state, skin, one, SKIN, 5)
    add_asset(state, 901, one, MASTERPIECE, 5)
    assert do(state, other, Wear(skin))[0] == Refusal.NOT_YOURS
    assert do(state, one, Wear(901))[0] == Refusal.NOT_AN_ACTION
    assert do(state, one, Wear(0))[0] == Refusal.NOTHING_THERE
    assert do(state, one, Wear(skin))[0] == Refusal.DONE and skin_worn(state, state.row(one)) == skin
    assert do(state, one, GiveAsset(other, 901))[0] == Refusal.DONE and skin_worn(state, state.row(one)) == skin
    assert do(state, one, GiveAsset(other, skin))[0] == Refusal.DONE and skin_worn(state, state.row(one)) == 0


@pytest.mark.parametrize(("health", "slow"), [(25, True), (40, False)], ids=["wounded", "control"])
def test_wounds_slow(health: int, slow: bool) -> None:
    state = flat()
    one = put(state, PLAYER, 10.5, 10.5, intent_x=127, health=health)
    run(state, 10)
    before = place(state, one)[0]
    run(state, 10, 10)
    assert (place(state, one)[0] - before < 1.5) == slow


def test_who_rests_heals_sooner_than_who_walks() -> None:
    state = flat()
    resting, walking = put(state, PLAYER, 10.5, 10.5, health=50), put(state, PLAYER, 10.5, 20.5, health=50, intent_x=40)
    run(state, 120)
    assert column(state, resting, HEALTH) == 58 and column(state, walking, HEALTH) == 52


@pytest.mark.parametrize(("food", "heals"), [(BERRY, 4), (BREAD, 20), (MEAT, 8)])
def test_food_heals_at_once_and_is_gone(food: int, heals: int) -> None:
    state = flat()
    one = put(state, PLAYER, 10.5, 10.5, health=40)
    state.rows[GOODS_0 + food, state.row(one)] = 2
    verdict, events = do(state, one, Eat(food))
    assert verdict == Refusal.DONE and column(state, one, HEALTH) in (40 + heals, 41 + heals)
    assert column(state, one, GOODS_0 + food) == 1
    assert [event.c for event in events if event.kind == Kind.ATE] == [heals]
    state.rows[HEALTH, state.row(one)] = 100
    assert do(state, one, Eat(food))[0] == Refusal.NOT_HUNGRY
    assert do(state, one, Eat(WOOD))[0] == Refusal.NOT_AN_ACTION


def test_who_lies_cannot_make_shoot_or_eat() -> None:
    state = flat()
    one = rich(state)
    state.rows[HEALTH, state.row(one)], state.rows[DOWN_TICKS, state.row(one)] = 0, 50
    for action in (Craft(0), Equip(BOW), Eat(BREAD), Wear(0)):
        assert do(state, one, action)[0] == Refusal.NOT_ALIVE


@pytest.mark.parametrize("knock", [combat.KNOCK, 0], ids=["knocks", "control"])
def test_a_blow_knocks_back(knock: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(combat, "KNOCK", knock)
    state = flat()
    one, other = put(state, PLAYER, 10.5, 10.5), put(state, PLAYER, 11.7, 10.5)
    do(state, one, Strike(other))
    run(state, 5)
    assert (place(state, other)[0] > 11.8) == bool(knock)
