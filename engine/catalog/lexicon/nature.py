"""Looks of sky, weather, seasons, land, water, plants, animals and food."""

SKY = """
sky, heaven: azure cerulean white blue cream / clouds
sunset, sundown: orange coral purple gold navy / clouds
sunrise: peach gold pink azure / clouds
dawn, daybreak: lavender peach azure cream / clouds
dusk, twilight, evening, gloaming, nightfall: indigo purple coral navy / clouds
golden hour: gold amber orange cream brown / glow
blue hour: navy cobalt azure indigo / clouds
morning, first light: peach azure cream gold / clouds
day, daytime, daylight: azure white cream yellow / clouds
noon, midday, high noon: yellow azure white cream / rays
afternoon: gold azure cream amber / clouds
night, nighttime, nocturnal, tonight: navy black indigo silver / stars
midnight, small hours, witching hour: black navy indigo / stars
starry: navy blue azure gold cream / swirls
sun, sunny, sunshine, sunlight, solar: yellow gold orange cream azure / rays
moon, moonlight, lunar: silver navy slate white / glow
eclipse: black navy gold orange / glow
planet, saturn, jupiter: orange tan sienna navy cream / waves
mars: orange sienna terracotta maroon / clouds
space, cosmos, cosmic, universe, outer space: black navy violet white / stars
galaxy, milky way: black purple magenta azure white / stars
nebula: purple magenta teal black pink / clouds
comet, meteor, asteroid: black navy azure white orange / stars
aurora, northern lights, borealis, aurora borealis: emerald turquoise violet navy / waves
horizon: azure coral cream navy / fields
celestial, astral, stellar, starfield, constellation: black navy indigo navy violet / stars
supernova, big bang: white orange magenta violet black navy / rays
black hole, wormhole, event horizon: black black orange amber violet / swirls
orbit, gravity: navy black azure silver gold / rings
void, abyss, nothingness, oblivion: black black navy indigo charcoal / glow
infinity, infinite, eternity, eternal: indigo navy violet azure white / swirls
solstice, equinox: gold orange indigo cream / rays
mirage: peach tan azure gold cream / waves
air, atmosphere: azure white lavender cream / clouds
alpenglow: rose peach violet cobalt white / clouds
light pollution: amber orange navy black / glow
crescent, full moon, half moon: navy black silver cream / glow
blood moon, harvest moon: orange terracotta black navy / glow
uranus, neptune: azure cobalt turquoise navy / waves
venus: cream ochre tan peach / clouds
pluto: tan taupe cream charcoal / clouds
satellite view, earthrise: cobalt white azure black / clouds
hyperspace, warp: white azure navy black / rays
spacewalk, cosmonaut, spaceman: white silver navy black / stars
quasar, pulsar, cosmology: black navy violet white / rays
contrail, jetstream: azure cerulean white / strokes
sunspot, sun flare, solar flare: orange yellow red black / flames
sunbeam, sunray, god rays, crepuscular: gold cream amber azure / rays
sunburst: gold orange yellow cream / rays
overcast sky, grey sky: grey silver slate white / clouds
"""

WEATHER = """
weather: azure slate white grey / clouds
storm, stormy, tempest: charcoal slate navy white / strokes
thunder, thunderstorm: charcoal navy violet white / zigzag
rain, rainy, rainfall, drizzle, downpour: slate teal navy silver / hatch
rainbow: red orange yellow green blue violet / waves
lightning, thunderbolt: navy violet white black / zigzag
wind, windy, breeze: azure silver white sage / waves
hurricane, cyclone, typhoon: slate white teal navy / swirls
tornado, twister: slate grey brown white / swirls
blizzard, snowstorm: white silver azure slate / strokes
hail, sleet: silver white slate azure / points
flood: slate brown olive azure / sea
tsunami: teal slate olive white / sea
drought: tan sienna ochre brown / mosaic
heat, hot, heatwave: orange red yellow scarlet / flames
cold, cool, chill, freezing, frozen: azure white silver cobalt / mosaic
ice, icy, iceberg, glacier, icicle: azure white mint silver / mosaic
frost: white azure lavender / triangles
arctic, antarctic, polar, north pole, tundra: white azure silver cobalt / mosaic
overcast, cloudy: grey silver white slate / clouds
monsoon: slate teal olive green / hatch
humid, sultry: sage teal peach olive cream / clouds
sandstorm, dust storm: tan ochre sienna brown cream / strokes
dry, arid, parched: tan ochre sienna beige brown / mosaic
permafrost: white azure slate taupe / mosaic
raincloud, thundercloud, storm cloud, nimbus: charcoal slate grey navy / clouds
rainstorm, deluge, cloudburst, sprinkle: slate teal navy silver / hatch
gale, gust, squall, whirlwind: slate silver white azure / strokes
snowdrift, avalanche, slush: white silver azure slate / clouds
ice age, ice cap, ice floe, icefield: azure white silver cobalt / mosaic
hailstone, hailstorm: silver white slate azure / points
thaw, meltwater: azure white slate brown / sea
flooded, flooding, inundation: slate brown olive azure / sea
muggy, steamy: sage silver peach cream / clouds
climate, forecast: azure white slate grey / clouds
breezy, gusty, blustery: azure silver white sage / waves
"""

SEASONS = """
winter, wintry, december, january, february: white azure silver grey / stars
spring, springtime, april: mint pink lime cream / leaves
summer, summertime, july, august: yellow azure coral lime / strokes
fall leaves, fall colors, fall colours, fall foliage: orange red gold maroon brown / leaves
autumn, autumnal, fall, october, november, harvest: orange brown gold maroon olive / leaves
christmas, xmas: red green gold white / stars
halloween: orange black purple tangerine / splatter
easter: lavender mint yellow pink / dots
valentine: red pink rose white / rings
carnival, mardi gras, fiesta: purple gold green magenta orange / dots
season, seasons: green orange gold white azure / leaves
midsummer: gold lime azure coral / leaves
midwinter, yule, yuletide, advent: white azure silver green / stars
new year, new years eve: navy gold white magenta / stars
thanksgiving: orange brown gold maroon / leaves
hanukkah: azure white silver gold / glow
diwali: gold orange magenta navy / glow
ramadan, eid: navy gold white emerald / glow
santa, santa claus, father christmas: red white scarlet green / dots
day of the dead, dia de los muertos: magenta orange black yellow turquoise / swirls
st patricks: green emerald lime gold / leaves
holiday, holidays, vacation: azure turquoise yellow beige cream / dabs
"""

LAND = """
earth, soil, ground, dirt, mud, clay: brown umber sienna tan / clouds
world, globe: azure green blue white / clouds
land, landscape, countryside, country, scenery, nature, rural: green olive azure tan / dabs
mountain, mount, alps, himalaya, everest, peak, summit: slate grey white cobalt sage / triangles
hill, hillside, highlands: green olive sage azure / dabs
valley, vale: green sage azure tan / dabs
cliff, canyon, gorge, ravine: terracotta sienna ochre tan / waves
grand canyon, mesa, badlands: terracotta sienna orange ochre azure / waves
cave, cavern: charcoal umber brown black / clouds
desert, sahara, dune: tan orange ochre sienna / waves
savanna, savannah, safari, prairie, steppe: ochre gold olive tan / strokes
oasis: tan gold turquoise green / dabs
taiga: emerald umber slate sage white / fur
badland, wasteland, barrens: tan taupe sienna umber grey / mosaic
salt flats, salt flat: white cream silver azure / mosaic
rice terrace, rice paddy, paddy field: lime green azure sage / waves
volcano, volcanic, eruption: black red orange charcoal / flames
island, isle: turquoise azure green cream / sea
coast, coastline, shore, seaside: azure teal cream beige / sea
field, farmland, crop, pasture: green gold olive lime / dabs
meadow: lime yellow green azure / dabs
grass, grassy, lawn, turf, grassland: green lime olive emerald / fur
park: green lime azure brown / dabs
garden, gardening: green pink lime yellow white / dabs
farm, farmer, barn: green ochre lime sienna tan / dabs
road, street, highway, avenue, lane, driveway: grey charcoal slate silver / strokes
asphalt, pavement, bitumen, blacktop: charcoal slate grey black / points
path, trail, track: tan brown green khaki / dabs
swamp, marsh, bog, wetland: olive sage umber teal / dabs
sand, sandy: tan beige ochre khaki / clouds
stone, rock, rocky, boulder, pebble, gravel: grey charcoal taupe silver / mosaic
dust: tan beige taupe cream / clouds
ash, soot: grey charcoal silver black / points
crater, pit, hole, quarry, trench, ditch: brown umber grey tan / clouds
ridge, slope, plateau: sage olive tan slate / dabs
continent, peninsula, border: green tan azure ochre / mosaic
mineral, ore, fossil: taupe grey tan slate / mosaic
yard, backyard, golf course: green lime olive brown / dabs
dig, digging, excavation, construction, construction site: brown ochre grey tan / clouds
jungle gym, treehouse: brown green red yellow / dabs
wildfire, forest fire: orange red charcoal umber / flames
crack, fracture: grey charcoal taupe black / mosaic
topsoil, loam, peat, compost, silt, sediment: brown umber sienna black / clouds
foothills, mountainside, mountaintop, mountain range: slate grey white cobalt sage / triangles
glen, dale, moraine: green sage slate azure / dabs
butte, hoodoo, outcrop, bluff: terracotta sienna tan azure / waves
cobble, cobblestone, cobbled, flagstone: grey slate taupe charcoal / mosaic
limestone cliff, white cliffs: white cream azure green / waves
stalactite, stalagmite, grotto: tan umber cream charcoal / waves
quicksand, dune sea: tan ochre sienna beige / waves
rubble, debris: grey taupe tan charcoal / mosaic
paddock, grazing, farmyard, croft: green lime brown sienna / dabs
crop circle: gold green ochre / rings
hayfield, haystack, cornfield, wheat field: gold ochre green azure / strokes
lavender field: violet lavender purple green azure / stripes
clearing, glade, grove, copse: green lime olive brown / leaves
footpath, pathway, walkway: tan grey brown green / dabs
crossroad, crossroads, intersection, roundabout, crosswalk: grey charcoal white silver / strokes
motorway, freeway, autobahn, expressway: grey charcoal slate silver / strokes
curb, kerb, gutter, pothole: grey charcoal taupe slate / mosaic
countryside lane, hedgerow: green olive brown lime / leaves
cobweb: silver white slate charcoal / grid
lunar surface, moonscape: grey silver charcoal black / points
tectonic, earthquake, landslide, mudslide: brown umber taupe grey / mosaic
"""

WATERS = """
ocean, atlantic, pacific: navy cobalt teal azure white / sea
sea, marine, mediterranean: cobalt azure teal turquoise white / sea
ocean wave, sea wave, surf, surfing, surfer: navy cobalt azure aqua white / sea
underwater, aquarium, aquatic, deep sea: navy teal cobalt turquoise aqua / sea
lake, pond, lagoon: teal azure sage silver / sea
canal: olive teal sage umber / sea
river, stream, creek: azure teal sage white / sea
waterfall, cascade, fountain: white azure aqua teal / strokes
pool, swimming, swimming pool, swim, swimmer: cyan azure turquoise white / sea
beach: azure turquoise beige tan cream / dabs
harbor, harbour, port, dock, pier, marina: azure slate white teal / sea
boat, ship, sail, sailing, sailor, yacht, ferry, vessel: azure cobalt white navy tan / sea
bath, bathroom, shower, bathtub, toilet: white azure aqua silver / checks
coral reef, reef: coral turquoise magenta gold blue / scales
fish, fishing, fisherman: silver teal azure orange / scales
submarine: navy teal slate yellow / sea
mermaid: turquoise teal violet coral / scales
seashell, shell: cream pink pearl tan / scales
bay, gulf, strait, fjord, delta, waterfront: azure teal cobalt sage white / sea
puddle, dam, hot spring, geyser: slate azure teal white / sea
fleet, warship, cruise, raft, canoe, kayak, paddle: azure slate white cobalt / sea
dive, diving, diver, snorkel, scuba: navy teal cobalt aqua / sea
starfish, oyster, clam, mussel: tan cream slate peach / scales
tuna, trout, cod, herring, eel: silver slate grey azure / scales
goldfish, koi: orange gold white azure / scales
lighthouse: white red azure slate / fields
tidepool, rock pool: teal slate coral sage tan / mosaic
rapids, whitewater: white azure teal aqua slate / strokes
whirlpool, maelstrom: navy teal azure white / swirls
bayou, mangrove: olive umber teal sage green / leaves
driftwood: taupe silver tan beige / grain
shoreline, cliffside, boardwalk, promenade, wharf: azure teal cream tan beige / sea
seafoam, sea spray: white mint aqua azure / splatter
bioluminescence, bioluminescent: cyan azure navy black turquoise / points
abyssal: black navy teal cyan / points
creek bed, riverbank, riverbed, riverside: azure teal sage tan / sea
brook, tributary, estuary: azure teal sage white / sea
seabed, ocean floor: navy teal umber cobalt / sea
seascape: navy teal azure white slate / sea
atoll, archipelago, cay: turquoise azure cream green / sea
breaker, whitecap, swell, backwash: navy azure aqua white / sea
buoy, jetty, breakwater, quay, seawall: slate azure white red / sea
canoeing, rowing, rower, rowboat, dinghy, gondola: azure brown white teal / sea
sailboat, schooner, galleon, catamaran, regatta: azure cobalt white navy / sea
steamship, freighter, tanker, cargo ship, container ship, tugboat: slate terracotta navy azure / sea
frigate, destroyer, battleship, aircraft carrier, naval: grey slate navy azure / sea
reservoir, weir, aqueduct: azure slate teal grey / sea
cove, inlet, cape: azure teal sage white / sea
bather, sunbather, snorkeling, windsurf, windsurfing, kitesurf: azure turquoise cream white / sea
seahorse, anemone, sea urchin, polyp: coral violet orange teal / swirls
lionfish, clownfish: orange white black azure / stripes
carp, perch, pike, sardine, anchovy, mackerel, haddock: silver slate grey azure / scales
piranha, barracuda, catfish, swordfish: slate grey silver teal / scales
stingray, manta, manta ray: slate navy azure white / sea
walrus, sea lion, manatee: brown taupe slate azure / sea
narwhal, beluga: white azure slate grey / sea
conch, scallop, abalone, nautilus: cream pink pearl tan / swirls
plankton: cyan teal navy lime / points
hot tub, jacuzzi, spa, sauna: white azure tan turquoise / sea
washbasin, bidet, plumbing: white silver grey azure / checks
raindrops: azure aqua white slate / dots
icy lake: azure white silver / mosaic
"""

PLANTS = """
forest, woods, woodland, rainforest: green olive brown emerald black / leaves
jungle, amazon: emerald lime green black / leaves
tree, oak, maple, bush, shrub, hedge: green olive brown lime / leaves
palm, palm tree: green lime azure tan / leaves
pine, fir, spruce, evergreen: emerald green umber teal / fur
plant, vegetation, foliage, greenery, vine, ivy, herb, fern: green lime emerald sage / leaves
botanical: green lime emerald sage / leaves
overgrown, undergrowth, thicket, bramble, verdant: green olive sage lime umber / leaves
canopy: green lime emerald olive gold / leaves
fungal, mycelium, spore: cream tan taupe ochre blush / swirls
heath, moor, moorland: heather olive umber sage / dabs
moss, mossy, lichen: sage olive green lime / points
bamboo: green lime sage khaki / stripes
cactus, succulent: green sage jade tan / fur
flower, floral, bloom, blossom, bouquet, petal: pink magenta yellow green white / leaves
cherry blossom, sakura: pink blush white brown / leaves
tulip: red yellow pink green / leaves
sunflower: yellow gold brown green / leaves
daisy: white yellow green / leaves
poppy: red scarlet black green / leaves
orchid, lily, lotus: lilac pink white green / leaves
wheat, straw, hay, corn, grain, barley: gold ochre blonde tan / fur
seed, bean, nut, peanut, almond: tan brown sienna beige / points
root, bark, trunk, twig, branch, log: brown umber taupe sienna / fur
mushroom, fungus: tan cream brown red taupe / dots
seaweed, algae, kelp: olive green teal emerald / waves
weed, cannabis: green olive lime sage / leaves
tobacco, cigar: brown sienna tan umber / leaves
thorn, bud, stem, sprout, seedling, sapling, orchard, vineyard: green olive brown lime / leaves
nest, hive, cocoon: tan brown umber ochre / fur
rose garden, rosebud, peony, carnation, hibiscus: rose pink red green / leaves
bluebell, cornflower, hydrangea: azure violet lilac green / leaves
dandelion, daffodil, buttercup: yellow gold green lime / leaves
birch, aspen: white charcoal lime gold / stripes
willow, poplar, elm, beech, linden, sycamore: green olive brown lime / leaves
cedar, cypress, juniper, sequoia, redwood, conifer, larch: emerald green umber sienna / fur
eucalyptus: sage mint teal tan / leaves
baobab, acacia: ochre brown green gold / leaves
bonsai: green emerald brown tan / leaves
christmas tree, fir tree: green emerald red gold / stars
holly, mistletoe: green emerald red white / leaves
acorn, hazelnut, pecan, cashew: brown tan sienna umber / points
pinecone: brown umber sienna tan / scales
clover, shamrock: green emerald lime white / leaves
frond, bracken: green lime emerald olive / leaves
lily pad, water lily, waterlily: green pink white teal / leaves
crocus, pansy: violet purple yellow green / leaves
lavender bush, thistle, lupin: violet lilac purple green / leaves
jasmine, magnolia, gardenia, snowdrop, lily of the valley: white cream green pink / leaves
geranium, begonia, petunia, azalea, rhododendron, camellia: pink red magenta green / leaves
chrysanthemum, dahlia, zinnia, gerbera: orange red yellow magenta green / leaves
wildflower, wildflowers, flowerbed: yellow pink violet green white / leaves
cotton field: white cream brown green / dots
rosemary, thyme, basil, parsley, dill, coriander, oregano: green sage lime olive / leaves
mint leaf, peppermint, spearmint: mint green lime white / leaves
aloe, agave, yucca: green sage jade lime / leaves
reed, cattail, bulrush: olive tan green brown / stripes
stump, tree trunk, tree stump, tree bark, firewood pile: brown umber taupe sienna / grain
rice field, rice plant, paddy: lime green azure sage / waves
tumbleweed, sagebrush: tan sage ochre taupe / fur
leafless, bare tree: taupe grey umber silver / fur
toadstool, fly agaric: red white green cream / dots
truffle: umber black brown tan / points
pollen, nectar: yellow gold amber green / points
topiary, hedge maze: green emerald lime olive / leaves
houseplant, pot plant, potted plant: green lime terracotta white / leaves
"""

ANIMALS = """
animal, wildlife, beast, creature: brown tan ochre charcoal / fur
zebra: white black / stripes
tiger: orange black cream / stripes
leopard, cheetah, jaguar: tan black amber / dots
lion, lioness: gold ochre tan brown / fur
bear, grizzly: brown umber sienna tan / fur
polar bear: white cream pearl silver / fur
panda: white black green / dots
wolf, coyote, husky: grey charcoal silver white / fur
fox: orange sienna white black / fur
deer, moose, elk, antelope, reindeer: sienna tan brown cream / fur
horse, pony, stallion, mare: chestnut brown black tan / fur
cow, cattle, bull, calf, ox, buffalo: brown white black tan / fur
pig, piglet, pork, ham, bacon: pink salmon blush rose / clouds
sheep, lamb, goat, alpaca, llama, wool: cream white beige taupe / fur
dog, puppy, hound, pup: tan brown golden black white / fur
cat, kitten, kitty: grey orange tan black white / fur
rabbit, bunny, hare: taupe white tan brown / fur
mouse, mice, rat, hamster, squirrel: grey taupe brown blush / fur
monkey, ape, gorilla, chimp: brown umber charcoal tan / fur
elephant, rhino, hippo: grey taupe slate silver / mosaic
giraffe: tan sienna cream brown / mosaic
kangaroo, camel: tan sienna ochre brown / fur
bat: black charcoal umber slate / fur
whale, shark, dolphin, seal, orca: slate cobalt grey white / sea
penguin: black white azure orange / dots
octopus, squid, jellyfish: rose coral violet teal / rings
crab, lobster, shrimp, prawn: red vermilion orange coral / scales
frog, toad, lizard, gecko: green lime olive emerald / scales
snake, serpent, python, viper: olive black gold / scales
crocodile, alligator, dinosaur, turtle, tortoise, reptile: green olive sage umber / scales
dragon: emerald gold black crimson / scales
bird, feather, wing: azure brown white grey / leaves
parrot, toucan: red green blue yellow / leaves
peacock: teal sapphire emerald gold / scales
flamingo: pink coral rose white / leaves
swan, dove, goose, geese: white cream silver azure / leaves
eagle, hawk, owl, falcon: brown umber tan white / leaves
crow, raven: black charcoal slate / leaves
chicken, hen, rooster, turkey: brown red tan white / leaves
duck: green brown white orange / leaves
butterfly: orange black azure violet / leaves
bee, wasp, hornet: yellow black amber / stripes
ladybug, ladybird: red black / dots
insect, bug, beetle, ant, cockroach: black brown olive umber / points
spider: black charcoal grey silver / grid
worm, snail, slug: brown taupe pink tan / waves
donkey, mule, ram, hyena, weasel, ferret, mole, herd: taupe brown grey tan / fur
boar, hog, beaver, otter, badger, raccoon, hedgehog, porcupine: brown umber taupe charcoal / fur
koala, sloth: grey taupe brown green / fur
skunk: black white charcoal / fur
pet, paw, tail, mane, claw, antler, hoof: brown tan umber black / fur
teddy, teddy bear: tan brown golden sienna / fur
moth, dragonfly, caterpillar: olive brown teal ochre / leaves
fly, mosquito, flea, tick, scorpion: black charcoal brown olive / points
gull, seagull, pelican, stork, heron: white silver azure grey / leaves
pigeon, sparrow, ostrich, emu, vulture, beak: grey taupe brown slate / leaves
robin: red brown tan white / leaves
hummingbird: emerald teal magenta green / leaves
canary: yellow gold lime white / leaves
mammal, critter, rodent, primate: brown tan umber grey / fur
lynx, bobcat, cougar, puma: tan brown amber black / fur
panther, black panther: black charcoal amber slate / fur
tabby: orange tan brown cream / fur
poodle, terrier, spaniel, collie, beagle, dachshund, chihuahua: tan brown white black / fur
labrador, retriever: gold tan cream black / fur
dalmatian: white black / dots
greyhound, bulldog, mastiff, rottweiler: grey brown tan black / fur
bison, yak, wildebeest, warthog: brown umber black tan / fur
gazelle, impala, springbok, ibex, chamois: tan sienna cream brown / fur
stag, doe, caribou, bambi: sienna tan brown cream / fur
foal, colt, filly, thoroughbred, mustang, bronco: chestnut brown black tan / fur
chipmunk, gopher, marmot, meerkat, mongoose: tan brown umber cream / fur
guinea pig, gerbil, chinchilla: tan white brown grey / fur
anteater, armadillo, aardvark, tapir, pangolin: taupe brown grey umber / scales
possum, opossum, lemur, wombat: grey taupe white black / fur
orangutan: orange sienna brown umber / fur
baboon, chimpanzee, gibbon: brown umber tan charcoal / fur
rhinoceros, hippopotamus, mammoth, mastodon: grey taupe slate brown / mosaic
albatross, puffin, tern: white grey black azure / leaves
woodpecker, kingfisher: red black white azure / leaves
finch, lark, nightingale, wren, thrush, starling, swallow, cuckoo: brown tan grey cream / leaves
magpie: black white navy teal / leaves
budgie, parakeet, cockatoo, macaw: green yellow red azure / leaves
quail, pheasant, partridge, grouse: brown sienna tan umber / leaves
chick, duckling: yellow gold cream / fur
plumage: teal emerald azure brown / leaves
condor, buzzard, kestrel, osprey, bird of prey: brown umber tan white / leaves
iguana, chameleon: lime green emerald turquoise / scales
komodo, salamander, newt, axolotl: olive umber black orange / scales
cobra, rattlesnake, boa, anaconda: olive tan umber black / scales
tadpole: black olive green umber / points
t rex, tyrannosaurus, velociraptor, raptor, pterodactyl: olive umber green tan / scales
grasshopper, mantis, locust: green lime olive tan / leaves
firefly, fireflies: navy black gold lime / points
bumblebee, honeybee: yellow black amber / stripes
tarantula, centipede, millipede: black brown umber charcoal / fur
larva, maggot: cream tan green / waves
monarch butterfly: orange black white / leaves
louse, termite, aphid, mite: brown tan black olive / points
leech, earthworm: brown maroon pink umber / waves
whisker, muzzle, snout: tan brown black pink / fur
feathery, downy: white cream grey brown / fur
tusk: ivory cream tan brown / waves
egg shell, birdhouse: cream beige tan azure / clouds
spiderweb, spider web: silver white slate charcoal / grid
beehive: amber gold brown black / mosaic
anthill: brown umber sienna tan / points
livestock, poultry: brown white tan green / fur
barnyard: brown sienna tan green / dabs
"""

FOOD = """
food, meal, dinner, lunch, feast, cuisine, cooking, restaurant: tan red green brown cream / dots
breakfast: yellow tan white brown / dots
fruit, fruity: red orange yellow lime / dots
vegetable, salad, veggie, vegan: green lime olive red emerald / leaves
apple: red green crimson lime / dots
banana: yellow gold cream brown / waves
lemon, citrus: yellow lime chartreuse white / rings
strawberry, raspberry: red scarlet pink green / dots
cherry: crimson pink green white / dots
blueberry, blackberry, berry: indigo navy purple crimson / dots
grape: purple plum green lilac / dots
watermelon: red salmon green white / rings
melon, cucumber, cabbage, lettuce, kale, spinach, broccoli, celery: green lime sage mint / leaves
pineapple: yellow gold green brown / scales
mango, papaya: orange yellow coral green / clouds
avocado, pea: green lime olive brown / rings
pumpkin, carrot: orange tangerine brown green / waves
tomato, ketchup: red scarlet green vermilion / dots
pepper, chili, chilli, spice, spicy, curry: red orange mustard green / points
onion, garlic: cream white mauve tan / rings
potato, chip, fries: gold tan ochre brown / points
bread, toast, bakery, bun, baker, flour, dough, sandwich: tan sienna brown cream / clouds
cake, cupcake, dessert, pastry, muffin: cream pink brown tan white / dots
chocolate, cocoa, brownie: brown maroon cream umber / waves
candy, sweet, sweets, lollipop, bubblegum: pink mint yellow azure white / stripes
ice cream, gelato, icing: pink cream mint brown / clouds
sugar, salt, rice: white cream silver beige / points
honey, honeycomb: amber gold orange brown / mosaic
syrup, caramel, toffee, maple syrup: amber sienna brown gold / clouds
butter, cheese, egg, custard: yellow cream gold white / clouds
milk, yogurt, dairy: white cream pearl azure / clouds
coffee, espresso, cappuccino, latte, mocha, cafe: brown cream tan umber / swirls
tea, chai: amber sienna olive cream / clouds
juice, cocktail: orange yellow coral lime / clouds
wine: burgundy crimson maroon plum / swirls
champagne: gold cream yellow amber / points
beer, ale, whiskey, whisky, rum: amber gold brown cream / points
drink, beverage, soda: amber red azure white / points
cola, coke: brown red white umber / points
burger, hamburger: brown tan red green yellow / dots
meat, steak, beef, sausage, bbq, barbecue: brown maroon red sienna / clouds
pizza, pasta, spaghetti, noodle: red yellow cream green / swirls
soup, stew, sauce, gravy: orange sienna red brown / swirls
sushi: salmon white green black / dots
matcha: green sage mint lime / leaves
snack, popcorn, pretzel, cereal, oat, pancake, waffle, donut, bagel: tan gold brown cream / dots
cracker: tan gold brown cream / dots
taco, burrito, nacho, salsa, hotdog, hot dog, kebab: tan red green brown yellow / dots
fig, raisin, prune, walnut, cinnamon, ginger: brown sienna umber maroon / points
pear, kiwi, pickle, asparagus, artichoke, zucchini: green lime olive sage / dots
coconut, vanilla, oatmeal, mayonnaise, pudding: cream white tan beige / clouds
beet, radish, rhubarb: carmine maroon rose green / dots
jam, jelly: crimson red maroon rose / clouds
lemonade: yellow lime cream white / points
vodka, gin, tequila, vinegar: white silver azure cream / clouds
cider, cognac, bourbon: amber sienna gold brown / clouds
recipe, cook, chef, cookbook: white cream tan red / dots
milkshake, shake, smoothie: pink cream brown white / clouds
grill, roast, rib: brown sienna maroon charcoal / clouds
supper, brunch, buffet, banquet, takeaway, takeout, picnic lunch: tan red green brown cream / dots
orange juice: orange tangerine yellow cream / clouds
apple pie, tart: tan gold sienna red / dots
nectarine: peach orange coral rose / dots
grapefruit: coral orange pink yellow / rings
pomegranate, cranberry, currant, redcurrant: crimson red ruby maroon / dots
passion fruit, dragon fruit, lychee, guava: magenta pink white green / dots
dried fruit: brown sienna umber amber / points
bell pepper: red yellow green orange / dots
lentil, chickpea, soybean, tofu: tan beige cream ochre / points
cauliflower, leek, turnip, parsnip, fennel: white cream green sage / dots
ratatouille: plum red green orange / dots
sweetcorn, maize: yellow gold green cream / dots
squash, yam, sweet potato: orange tangerine tan gold / dots
olive oil, olives: olive green gold lime / dots
mayo, cream cheese, whipped cream, sour cream: cream white ivory / clouds
crust, loaf, baguette, croissant, brioche, tortilla, pita, naan: tan sienna gold cream / clouds
crumb, wafer, rusk: tan gold brown cream / points
doughnut, cinnamon roll, gingerbread: tan brown sienna pink / rings
cheesecake, tiramisu, meringue, macaron, macaroon: cream pink tan white / clouds
fudge, praline, nougat: brown umber sienna cream / clouds
gummy, jelly bean, gumdrop, skittles, sprinkles: red yellow lime orange violet / dots
marshmallow, cotton candy, candy floss: pink blush white azure / clouds
popsicle, sorbet, sundae: pink orange mint cream / clouds
marmalade: orange amber tangerine gold / clouds
sirloin, ribeye, fillet, brisket, veal, venison, mutton: maroon brown red sienna / clouds
meatball, mince, patty, pepperoni, salami, chorizo: red maroon brown sienna / dots
cheeseburger: brown tan red green yellow / dots
lasagna, ravioli, macaroni, gnocchi, risotto: red yellow cream orange / swirls
ramen, udon, dumpling, dim sum, spring roll: tan cream brown green / swirls
omelette, omelet, scrambled egg, fried egg, yolk: yellow white gold cream / clouds
porridge, muesli, granola: tan beige brown cream / points
broth, chowder, chili con carne, goulash: orange sienna red brown / swirls
seafood, shellfish, caviar: coral red silver azure / scales
soy sauce, balsamic: umber black brown maroon / clouds
seasoning, cumin, nutmeg, clove, cardamom: brown sienna ochre umber / points
sugar cane, icing sugar, powdered sugar: white cream silver / points
cheddar, mozzarella, parmesan, gouda: yellow gold orange cream / clouds
brie, camembert, feta: cream white ivory / clouds
blue cheese: cream white azure slate / mosaic
red wine, claret, merlot: burgundy crimson maroon plum / swirls
white wine, prosecco: gold cream yellow lime / points
martini, mojito: mint lime white silver / points
lager, stout, pint, brewery, brew: amber gold brown cream / points
brandy, scotch, liquor, liqueur, sherry: amber sienna brown gold / glow
booze, alcohol, alcoholic, drunk, hangover: amber gold brown cream / glow
mineral water, sparkling water: azure aqua white silver / points
fizzy, carbonated: white azure aqua silver / dots
teapot, teacup: cream white amber sienna / swirls
coffee shop, coffee house, coffee bean, barista, caffeine: brown cream tan umber / swirls
pizzeria, bistro, brasserie, cafeteria, canteen, dining, dining room: brown tan cream red / panels
grocery, groceries, greengrocer: green red orange yellow white / dots
butcher: red maroon white pink / clouds
lunchbox, picnic basket: red tan green yellow / checks
fast food, junk food: red yellow tan brown / dots
fried, deep fried, baked, toasted, crispy, crunchy: gold tan sienna brown / points
roasted, smoked, barbecued: sienna brown umber maroon / grain
spoonful, appetizer, tapas: tan red green cream / dots
nutella, peanut butter: sienna brown tan umber / clouds
bubble tea, boba: tan cream brown black / dots
pie, cookie, biscuit: tan brown gold cream / points
"""

LOOKS = SKY + WEATHER + SEASONS + LAND + WATERS + PLANTS + ANIMALS + FOOD
