"""Looks of materials and made things, and the forms."""

LOOKS = """
fire, burn, fiery, bonfire, fireplace, campfire, firewood: red orange yellow maroon black / flames
lava, magma: red orange black amber maroon / mosaic
inferno: red black amber scarlet / flames
ember, coal, charred: black maroon orange charcoal / points
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
rust, rusty, corroded: copper brown orange teal / splatter
gem, jewel, gemstone: ruby sapphire emerald violet / triangles
diamond: white azure silver lavender / triangles
quartz, amethyst: violet lilac white purple / triangles
obsidian, onyx: black charcoal slate / triangles
velvet: maroon purple black / clouds
silk, satin: cream rose gold white / waves
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
tar, petrol, gasoline, fuel, tire, tyre, wheel: black charcoal slate grey / rings
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
smoke, steam, vapor, vapour, haze, hazy: grey silver slate white / clouds
mist, misty, fog, foggy: silver white slate sage / clouds
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
frame, rectangle, panel: red blue yellow white black / panels
ribbon: crimson rose gold cream / waves
art, artist, artwork, artistic: ultramarine ochre vermilion cream green / strokes
beautiful, beauty, pretty, lovely: rose lavender gold cream / swirls
old, ancient, antique, aged: sepia tan umber ochre / strokes
new, modern, minimal, minimalist, minimalism: white black grey red / panels
simple, plain: cream beige white taupe / fields
fresh, clean, pure: mint white azure lime / fields
photo, photograph, realism, realistic, photorealistic: azure green tan slate / dabs
texture, textured, pattern: sienna teal ochre cream / mosaic
car, vehicle, automobile: red silver azure charcoal / panels
dress, skirt, shirt, blouse, coat, jacket, clothes, clothing: crimson navy cream rose / waves
fashion, costume: crimson navy cream rose / waves
hat, cap, helmet, umbrella: navy red tan black / rings
puzzle, jigsaw: red yellow blue green / panels
bag, backpack, suitcase, luggage: brown navy tan red / strokes
cup, mug, bowl, plate, dish, jar, vase, pot, pan, bottle: white azure terracotta cream / rings
kettle: white azure terracotta cream / rings
button, pin, bead: red azure gold cream / dots
sofa, couch, cushion, seat, mattress: taupe navy sienna beige / weave
sign, poster, sticker, logo: red yellow white black / panels
"""
