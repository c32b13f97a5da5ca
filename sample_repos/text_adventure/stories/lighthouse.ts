import type { Room, Thing, World } from "../src/world.js";

function place(id: string, title: string, text: string, exits: Room["exits"], dark = false): Room {
  return { id, title, text, exits, dark, visited: false };
}

type Sketch = Partial<Thing> & Pick<Thing, "id" | "location" | "text">;

/** "brass key" → noun and adjectives. */
function item(name: string, sketch: Sketch): Thing {
  const words = name.split(" ");
  const noun = words.pop() ?? name;
  return { noun, adjectives: words, article: /^[aeiou]/.test(name) ? "an" : "a", ...sketch };
}

/** The keeper has not answered the radio for two days, and the lamp is dark. */
export function theKeepersLight(): World {
  const rooms = [
    place("jetty", "On the jetty", "Planks, weed, and a boat that will not float again before somebody mends it. " +
      "The lighthouse stands above you on the rock.", { north: { to: "hall" }, east: { to: "sea", refusal: "The sea is in the way." } }),
    place("hall", "Entrance hall", "Oilskins hang on pegs. A spiral staircase winds up, and stone steps lead down into the dark.",
      { south: { to: "jetty" }, up: { to: "landing" }, down: { to: "cellar" } }),
    place("cellar", "Oil cellar", "Rows of casks, most of them empty. Water drips somewhere behind the wall.",
      { up: { to: "hall" } }, true),
    place("landing", "The landing", "Half way up. The wind finds its way through a broken pane.",
      { down: { to: "hall" }, east: { to: "study", through: "study_door" }, up: { to: "lantern_room" } }),
    place("study", "The keeper's study", "Charts, a cold stove, and a desk with its drawers pulled out.",
      { west: { to: "landing", through: "study_door" } }),
    place("lantern_room", "Lantern room", "Glass all around, the great lens in the middle. There is nothing but sea and sky.",
      { down: { to: "landing" } }),
  ];
  const things = [
    item("storm lantern", { id: "lantern", location: "hall", weight: 4, lamp: { lit: false, fuel: 60 },
      text: "A lantern of the kind that survives being dropped." }),
    item("brass key", { id: "brass_key", location: "landing", weight: 1, text: "Small, polished by much use." }),
    item("rusty key", { id: "rusty_key", location: "landing", weight: 1, text: "It has not turned in anything for years." }),
    item("oak door", { id: "study_door", location: "landing", text: "Solid oak, with a brass lock.",
      lock: { open: false, locked: true, key: "brass_key" } }),
    item("sea chest", { id: "chest", location: "cellar", capacity: 40, text: "Bound with iron, bigger than a man can lift.",
      lock: { open: false, locked: true, key: "rusty_key" } }),
    item("spare mantle", { id: "mantle", location: "chest", weight: 2, treasure: 20,
      text: "A new mantle for the great lamp, packed in straw." }),
    item("log book", { id: "log", location: "study", weight: 3, treasure: 15,
      text: "The last entry: 'Mantle cracked in the gale. Gone down for the spare.'" }),
    item("ship's biscuit", { id: "biscuit", location: "study", weight: 1, edible: true, text: "Hard as a tile." }),
    item("old cat", { id: "cat", location: "hall", article: "an", text: "It looks at you as if you were late.",
      route: ["hall", "landing", "lantern_room", "landing"], greeting: "The cat says nothing, but it says it twice." }),
  ];
  return {
    title: "The Keeper's Light",
    rooms: Object.fromEntries(rooms.map((each) => [each.id, each])),
    things: Object.fromEntries(things.map((each) => [each.id, each])),
    here: "jetty",
    turn: 0,
    points: 0,
    maxPoints: 35,
    earned: [],
    goal: { bring: "mantle", to: "lantern_room",
      text: "You fit the mantle, and for the first time in two nights the light goes round." },
  };
}
