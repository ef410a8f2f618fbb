"""Rooms, shopping items and numbers of the smart-home task.

Rooms and items are disjoint between the splits, also as whole words: no name of one split occurs inside a name of
another (the tests check it). Device words, colours and numbers are common to all splits.
"""


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",")]


ROOMS = {
    "train": _names(
        "kitchen, bedroom, bathroom, living room, dining room, hallway, office, attic, basement, nursery, laundry, "
        "pantry, playroom, den, porch, library, gym, guest room, sunroom, workshop, lounge, patio, closet, foyer, "
        "utility room, music room, terrace, cellar, loft, corridor, balcony, game room, mudroom, study, landing, "
        "family room"
    ),
    "rl": _names(
        "studio, conservatory, cloakroom, tea room, boiler room, drawing room, entrance, kitchenette, powder room, "
        "dressing room, sewing room, reading nook, annex, courtyard, greenhouse, veranda, parlor, observatory, "
        "storeroom, lobby, dormitory, wardrobe, stairwell, hobby room"
    ),
    "dev": _names(
        "chapel, salon, ballroom, barn, server room, breakfast nook, media room, theater, darkroom, cabin, bunk room, "
        "sauna, scullery, gallery, alcove, vestibule, washroom, boathouse, craft room, rooftop"
    ),
    "test": _names(
        "mezzanine, snug, atrium, suite, shed, cottage, billiard room, prayer room, sun deck, larder, solarium, "
        "bunker, pavilion, carport, spa, steam room, trophy room, yoga room, tack room, gazebo, penthouse, dairy, "
        "cinema, aviary"
    ),
}

ITEMS = {
    "train": _names(
        "milk, eggs, bread, butter, cheese, apples, bananas, rice, pasta, coffee, tea, sugar, flour, chicken, "
        "tomatoes, onions, potatoes, olive oil, shampoo, batteries, cereal, yogurt, soap"
    ),
    "rl": _names(
        "carrots, lettuce, salmon, oranges, lemons, garlic, honey, trash bags, toothpaste, spinach, beans, ketchup, "
        "mustard, ham, peanuts"
    ),
    "dev": _names("grapes, mushrooms, cucumbers, vinegar, noodles, napkins, cookies, tuna, pepper, ice cream"),
    "test": _names(
        "strawberries, broccoli, bacon, jam, paper towels, walnuts, celery, salsa, popcorn, avocados, sponges, "
        "maple syrup, pears, crackers, tofu, cat food"
    ),
}

COVERS = _names("awning, blind, curtain, door, garage, gate, shade, shutter, window")
COLORS = _names("white, black, red, orange, yellow, green, blue, purple, brown, pink, turquoise")
PERCENT = [str(n) for n in range(5, 100, 5)]
DEGREES = [str(n) for n in range(15, 29)]
MINUTES = [str(n) for n in range(1, 60)]
HOURS = [str(n) for n in range(1, 13)]

# Words that people use for the one device of its kind in a room, by the domain that Home Assistant gives it.
DEVICE_WORDS = {
    "light": ["light", "lamp", "chandelier"],
    "climate": ["thermostat", "heater"],
    "fan": ["ceiling fan", "ventilator"],
    "media_player": ["tv", "speaker", "radio"],
}
VACUUM_WORDS = ["vacuum", "robot", "cleaner"]
