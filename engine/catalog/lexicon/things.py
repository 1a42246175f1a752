"""Looks of materials and made things, and the forms."""

LOOKS = """
fire, burn, fiery, bonfire, fireplace, campfire, firewood: red orange yellow maroon black / flames
lava, magma: red orange black amber maroon / mosaic
molten, incandescent, red hot, forge, furnace: orange yellow red amber black maroon / mosaic
liquid metal, molten metal, quicksilver: silver white slate charcoal azure / waves
foundry, smelter, kiln: orange charcoal black amber umber / flames
inferno: red black amber scarlet / flames
ember, coal, cinder: black maroon orange charcoal / points
candle, candlelight: amber brown cream black / glow
lamp, lantern, lightbulb, bulb, torch, spotlight: amber gold cream brown / glow
firework, fireworks, sparkler, spark: navy gold magenta white red / stars
marble, alabaster: white silver grey cream / swirls
granite: grey charcoal silver taupe / points
wood, wooden, timber, plank, lumber: brown tan sienna umber / grain
table, desk, chair, bench, shelf, cabinet, furniture, drawer: brown tan sienna beige / grain
wardrobe: brown tan sienna beige / grain
floor, door, gate, fence, stair, stairs, staircase, ladder, deck: brown tan umber beige / grain
crate, barrel, basket, cardboard, box, carton, package, parcel: tan brown sienna beige / grain
guitar, violin, cello, fiddle, banjo: sienna brown amber black / grain
piano, keyboard: black white ivory charcoal / stripes
drum, drummer: red silver tan black / rings
trumpet, saxophone, horn, brass, trombone, bell: gold amber bronze brown / waves
metal, metallic, aluminium, aluminum: silver grey charcoal white / grain
chrome, mercury: silver white grey navy / waves
steel, iron, titanium, nail, screw, bolt, wire, chain: silver grey slate charcoal / grain
tool, hammer, wrench, saw, axe, drill, shovel: grey silver charcoal slate / grain
gun, rifle, pistol, weapon, bullet, cannon, missile, shotgun: charcoal grey black bronze / strokes
fork, spoon, scissors, needle: silver grey white slate / grain
patina, oxidised, oxidized: verdigris teal copper sage bronze / splatter
decay, decayed, decaying, rotting, rotten, eroded: olive umber taupe sage charcoal / splatter
mold, moldy, mould, mouldy: sage olive grey taupe cream / points
peeling, flaking: cream teal taupe terracotta / mosaic
rust, rusty, corroded: copper brown orange teal / splatter
gem, jewel, gemstone: ruby sapphire emerald violet / triangles
diamond: white azure silver lavender / triangles
quartz, amethyst: violet lilac white purple / triangles
obsidian, onyx: black charcoal slate / triangles
velvet: maroon purple black / clouds
silk, satin: cream rose gold white / waves
opal, opalescent, pearlescent, nacre, mother of pearl: pearl mint blush lavender azure / swirls
iridescence, duochrome, oil slick, petroleum: teal violet magenta turquoise navy gold / swirls
prismatic, spectrum, refraction: red orange yellow green blue violet white / rays
translucent, transparent, crystalline, glassy: azure white mint silver / mosaic
malachite: emerald jade green teal / swirls
lapis, lapis lazuli: ultramarine cobalt gold navy / points
agate, jasper, geode: sienna cream terracotta violet slate / waves
garnet: ruby maroon crimson / triangles
topaz, citrine: amber gold yellow orange / triangles
peridot: lime chartreuse green / triangles
moonstone: pearl azure silver lavender / triangles
pyrite: gold ochre charcoal bronze / triangles
sandstone, adobe: tan terracotta ochre sienna / grain
limestone, travertine, terrazzo: cream beige taupe silver / points
shale, basalt, pumice: charcoal slate grey black / mosaic
resin: amber orange umber gold / clouds
lacquer, enamel: crimson black gold ruby / waves
gilded, gilt, gold leaf, goldleaf: gold amber golden ochre bronze / mosaic
kintsugi: cream slate gold charcoal / mosaic
damascus: slate silver charcoal grey / waves
filigree, ornate, intricate, maximalist, opulent: gold crimson emerald sapphire cream / swirls
delicate, tender, gentle, fragile: blush lavender cream mint peach / clouds
shattered, broken, cracked, brittle: white slate charcoal azure silver / mosaic
torn, ripped, crumpled, wrinkled, creased: cream beige taupe white / triangles
tie dye: magenta turquoise yellow violet orange / swirls
batik, ikat: indigo cream terracotta ochre / swirls
paisley: crimson gold teal cream / swirls
houndstooth: black white charcoal / checks
herringbone, tweed: taupe grey brown cream / zigzag
argyle: navy crimson cream green / triangles
brocade, damask: crimson gold maroon cream / swirls
tulle, chiffon, organza: blush cream lavender peach / clouds
sequin: gold magenta silver violet / scales
macrame, rattan, wicker, burlap, hessian: tan beige ochre umber / weave
felt, fleece, flannel: crimson slate cream green / fur
crochet: cream rose teal mustard / weave
suede, corduroy: brown tan sienna umber / stripes
cork: tan brown sienna / points
plywood, veneer, parquet, hardwood: tan brown ochre sienna / grain
linoleum, formica: mint cream coral grey / checks
shingle, thatch: taupe umber grey tan / scales
corrugated, rebar, scaffolding, girder: silver copper grey charcoal / stripes
chainlink, barbed wire, razor wire: silver grey charcoal slate / grid
lace, linen, cotton: white cream ivory beige / weave
fabric, cloth, textile, canvas, yarn, thread: beige navy crimson cream / weave
denim, jean, jeans: navy cobalt azure slate / weave
knit, sweater, scarf, sock, mitten, glove: crimson cream green navy / zigzag
saddle, belt, boot, shoe, wallet, purse, handbag, briefcase: brown sienna black tan / strokes
gingham, picnic: red white blush / checks
tuxedo, suit, tie: black charcoal white navy / weave
uniform, badge: navy slate gold white / weave
paper, envelope, document: cream white beige tan / triangles
notebook, diary, essay, text: white azure grey navy / strokes
plastic, rubber, balloon: red yellow azure white green / dots
foil, tin: silver white grey azure / triangles
petrol, gasoline, fuel, diesel: black amber umber brown / waves
tar, tire, tyre, wheel: black charcoal slate grey / rings
machine, mechanical, engine, gear, motor, robotics: charcoal bronze grey orange / rings
clock, watch, compass: gold cream black brown / rings
cosmetic, makeup, perfume: rose blush gold pink / clouds
soap, foam, lather: white azure mint lavender / dots
wax: cream amber red blue / clouds
plaster, stucco: white cream beige silver / clouds
phone, telephone, smartphone, laptop, monitor, screen: black azure charcoal white / panels
television, tv: black azure charcoal white / panels
camera, lens, microscope, telescope: black charcoal silver azure / rings
radio, speaker, microphone, amplifier: black charcoal silver brown / points
circuit, microchip, hardware, battery: emerald green gold black / grid
pill, drug, tablet, vaccine: white red azure yellow / dots
cigarette, smoking, smoker: grey white orange charcoal / clouds
radioactive, nuclear, uranium, fallout: lime yellow black chartreuse charcoal / glow
plasma, tesla, electricity, electric, high voltage: violet azure magenta white navy / zigzag
fluorescent, phosphorescent, blacklight, ultraviolet: lime magenta cyan violet black / glow
infrared, thermal, heatmap, heat map: navy violet magenta orange yellow / clouds
x ray, xray, radiograph: black navy azure white / glow
radiant, radiance, brilliance: gold yellow cream white amber / rays
bokeh, lens flare: black amber gold teal / glow
caustics: aqua turquoise azure white teal / mosaic
dappled, komorebi: lime green gold olive cream / dabs
pollution, smog, exhaust: taupe grey brown khaki / clouds
flag, banner: red white blue / stripes
trophy, medal: gold amber bronze cream / points
cage, net, goal: grey silver charcoal white / grid
tent, camp, camping: green khaki orange brown / dabs
anchor, rope: navy white tan slate / waves
chess, chessboard, checkerboard: black white cream / checks
card, poker, dice, domino: white red black green / checks
bus, taxi, cab: yellow red black white / panels
tractor, bulldozer, crane: yellow green charcoal brown / panels
camouflage, camo: olive khaki umber green / splatter
bicycle, bike, cycling, motorcycle, motorbike: red black silver charcoal / rings
traffic: red amber green charcoal / dots
garage, truck, lorry, van, trailer, pickup: white red silver charcoal / panels
fridge, refrigerator, freezer, microwave, dishwasher, sink, faucet: white silver grey slate / panels
tap: white silver grey slate / panels
towel, tissue, napkin, diaper: white cream beige silver / weave
key, lock, hook, pipe, tube, valve, pump: silver grey slate charcoal / grain
bucket, bin, tray: silver grey slate white / rings
broom, mop: tan brown ochre grey / fur
fan, heater, radiator, air conditioner: white silver grey slate / grain
crib, cradle, nursery: peach cream mint white / dots
iphone, ipad, pc, desktop, console, printer, gadget, device: black charcoal silver white / panels
cable, antenna, satellite, drone, headphone, earphone: black charcoal silver grey / strokes
cassette, vinyl, record, cd, dvd, turntable: black charcoal red silver / rings
pen, signature, contract, certificate, receipt, petition: white cream black navy / hatch
ticket, passport, postcard, mail, stamp: cream tan red navy / panels
magazine, article: white black grey red / panels
calendar, chart, graph, spreadsheet, menu: white grey silver red / panels
wagon, cart, carriage: brown umber tan black / grain
helicopter: olive grey charcoal azure / clouds
parachute: azure white red orange / rays
scooter, moped, skateboard: red black silver azure / rings
limousine, hearse: black charcoal silver / panels
runway: grey charcoal white amber / strokes
grenade, bunker, fort, sniper: olive umber khaki charcoal / strokes
shield, spear, dagger: silver bronze brown slate / grain
bow, flute, harp, clarinet, accordion: brown sienna gold black / grain
doll, puppet: pink skin peach red / dots
kite: red yellow azure white / triangles
magnet: red silver grey white / panels
lighter: red silver orange yellow / flames
string, cord, leash: tan cream brown beige / waves
whistle, siren, alarm, emergency: red white black scarlet / rays
danger, warning, hazard: yellow black amber red / stripes
hourglass, sundial: gold tan cream brown / glow
underwear, bra, lingerie, bikini, swimsuit: pink white black rose / waves
pants, trousers, shorts: navy khaki black grey / weave
sneaker, sandal, slipper, heel: white black tan grey / strokes
robe, cloak, veil, gown: white cream burgundy black / waves
mask: white black gold red / panels
wig: blonde brown black auburn / fur
sunglasses, goggles, spectacles: black charcoal brown azure / panels
earring, bracelet, pendant: gold silver amber white / points
apron, vest, hood, collar, sleeve, pocket: white navy grey black / weave
penny, cent: copper bronze sienna brown / points
nickel, dime: silver grey white slate / points
stick, pole, stake: brown tan sienna umber / grain
dumpster, landfill, waste, sewage: olive brown grey umber / splatter
"""

# Their own colours hold only where no other word of the prompt brings any: gold waves are gold.
FORMS = """
wave, ripple, tide: navy cobalt azure aqua white / sea
water, liquid, fluid, flow: cobalt azure aqua teal white / sea
raindrop, drop, droplet, dew: azure aqua white slate / dots
bubble: azure aqua white lavender / dots
splash: azure cobalt aqua white / splatter
drip, splatter, spray, stain, blot: cobalt magenta yellow black white / splatter
cloud, fluff: white azure silver cream / clouds
smoke, smoky, steam, vapor, vapour: grey silver slate white / clouds
blur, blurry, blurred, wash, gradient: azure lavender peach cream / clouds
shadow, shade, silhouette, darkness: black charcoal slate grey / glow
glow, glowing, lit, luminous, shine, shining: gold amber cream brown / glow
ray, beam, shimmer, sparkle, flash: gold cream amber azure / rays
flame, blaze: red orange yellow maroon / flames
snow, snowy, snowflake, snowfall, snowman: white azure silver slate / stars
star, stars: navy white gold indigo / stars
glitter: gold silver rose white / stars
leaf, leave, leafy: green lime olive gold / leaves
scale: teal turquoise emerald silver / scales
flock, swarm: slate black silver azure / points
glass, crystal, prism: azure white mint violet / mosaic
tile, mosaic: cobalt turquoise white ochre / mosaic
cell: rose violet cream magenta / mosaic
stripe, striped, line, barcode: navy white coral cream / stripes
circle, ring, round, loop, disc, target: crimson cream navy gold / rings
sphere, ball: crimson azure gold cream / rings
dot, spot, polka, halftone: crimson cream navy gold / dots
check, square, pixel, block, cube, checker, checkered: navy cream crimson gold / checks
grid, mesh, lattice, web, maze, network: navy cyan magenta azure / grid
swirl, spiral, curl, vortex, curve, curly, whirl, helix, fractal: cobalt teal gold cream / swirls
hatch, crosshatch, scribble: cream grey charcoal / hatch
sketch, drawing, draw, etching, engraving, illustration, doodle: cream white grey charcoal / hatch
triangle, polygon, facet, shard, geometric, geometry, low poly: coral teal navy cream / triangles
hexagon: coral teal navy cream / triangles
zigzag, chevron, arrow: navy coral cream gold / zigzag
brush, stroke, brushstroke, paint, painting: ultramarine ochre vermilion cream green / strokes
painter, impasto, palette: ultramarine ochre vermilion cream green / strokes
frame, rectangle: red blue yellow white black / panels
ribbon: crimson rose gold cream / waves
art, artist, artwork, artistic: ultramarine ochre vermilion cream green / strokes
beautiful, beauty, pretty, lovely: rose lavender gold cream / swirls
old, ancient, antique, aged: sepia tan umber ochre / strokes
new, modern, minimal, minimalist, minimalism: white black grey red / panels
simple, plain: cream beige white taupe / fields
fresh, clean, pure: mint white azure lime / fields
photo, photograph, realism, realistic, photorealistic: azure green tan slate / dabs
texture, textured, pattern: sienna teal ochre cream / mosaic
car, vehicle, automobile: silver black grey white red / panels
dress, skirt, shirt, blouse, coat, jacket, clothes, clothing: navy white grey black rose / waves
fashion, costume: navy white grey black rose / waves
hat, cap, helmet, umbrella: black brown tan grey / rings
puzzle, jigsaw: red yellow blue green / panels
bag, backpack, suitcase, luggage: brown black tan sienna / strokes
cup, mug, bowl, plate, dish, jar, vase, pot, pan, bottle: white cream azure terracotta / rings
kettle: white cream azure terracotta / rings
button, pin, bead: white black tan grey / dots
sofa, couch, cushion, seat, mattress: taupe grey beige brown / weave
sign, poster, sticker, logo: red yellow white black / panels
"""
